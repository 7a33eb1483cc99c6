package wire

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// sendRetrying sends r until it has an answer that another try would not mend.
func (c *Client) sendRetrying(ctx context.Context, r Request) *Exchange {
	loginTried := false
	retries := 0
	for attempt := 1; ; attempt++ {
		x := c.send(ctx, r)
		x.Attempts = attempt
		switch {
		case x.Status == http.StatusUnauthorized && c.config.Auth != nil && !r.Anonymous && !loginTried:
			loginTried = true
			if !c.answer(ctx, x, r) {
				return x
			}
		case x.Status == http.StatusTooManyRequests, x.Status == http.StatusServiceUnavailable:
			if retries++; retries > c.config.Retries || !c.wait(ctx, x, retries) {
				return x
			}
		default:
			return x
		}
	}
}

// answer takes the challenge in x to the authorizer and reports whether r is
// worth sending again. A login that cannot be done is the error of x.
func (c *Client) answer(ctx context.Context, x *Exchange, r Request) bool {
	request, err := c.request(ctx, Request{Method: r.Method, URL: x.final, Header: x.sent})
	if err != nil {
		return false
	}
	again, err := c.config.Auth.Answer(ctx, request, x.Header(), r.Scopes)
	if err != nil {
		x.fail(err)
		return false
	}
	return again
}

// wait sleeps as long as the answer asks for (RFC 9110 §10.2.3), or for a
// growing while if it does not say. It reports false where that is beyond the
// client's patience.
func (c *Client) wait(ctx context.Context, x *Exchange, retry int) bool {
	d, ok := retryAfter(x.Header().Get("Retry-After"), time.Now())
	if !ok {
		d = min(50*time.Millisecond<<min(retry-1, 16), c.config.MaxWait)
	}
	if d > c.config.MaxWait {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// retryAfter reads the value of a Retry-After header: seconds or a date.
func retryAfter(value string, now time.Time) (time.Duration, bool) {
	value = strings.TrimSpace(value)
	if value != "" && strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil || seconds > int64(math.MaxInt64/time.Second) {
			return math.MaxInt64, true
		}
		return time.Duration(seconds) * time.Second, true
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now)), true
	}
	return 0, false
}
