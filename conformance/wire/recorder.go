package wire

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Bounds of what one recorder keeps: this many exchanges, the first half of
// them and the last; and whole bodies of this many bytes, the newest.
const (
	maxExchanges = 200
	maxHeld      = 64 << 20
)

// A Recorder sends requests through a client and keeps the exchanges, which
// belong to one spec. It is safe for concurrent use.
type Recorder struct {
	client *Client

	mu        sync.Mutex
	sent      int
	exchanges []*Exchange
}

// Recorder returns a recorder that has kept nothing yet.
func (c *Client) Recorder() *Recorder { return &Recorder{client: c} }

// Client returns the client that the recorder sends through.
func (rec *Recorder) Client() *Client { return rec.client }

// Do sends r and returns the exchange, which has an error rather than a status
// if no answer came. A 401 is answered with credentials where the client has
// some; 429 and 503 are tried again as Retry-After says. Of these attempts
// only the last is kept.
func (rec *Recorder) Do(ctx context.Context, r Request) *Exchange {
	x := rec.client.sendRetrying(ctx, r)
	rec.keep(x)
	return x
}

func (rec *Recorder) keep(x *Exchange) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.sent++
	x.Seq = rec.sent
	if len(rec.exchanges) == maxExchanges {
		half := maxExchanges / 2
		rec.exchanges = append(rec.exchanges[:half:half], rec.exchanges[half+1:]...)
	}
	rec.exchanges = append(rec.exchanges, x)
	held := 0
	for i := len(rec.exchanges) - 1; i >= 0; i-- {
		held += len(rec.exchanges[i].body)
		if held > maxHeld {
			rec.exchanges[i].body = nil
		}
	}
}

// Exchanges returns what was kept, in the order of sending. Beyond 200 the
// middle is left out: Seq tells.
func (rec *Recorder) Exchanges() []*Exchange {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return append([]*Exchange(nil), rec.exchanges...)
}

// Last returns the exchange that was sent last, or nil.
func (rec *Recorder) Last() *Exchange {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if len(rec.exchanges) == 0 {
		return nil
	}
	return rec.exchanges[len(rec.exchanges)-1]
}

// sendRetrying sends r until it has an answer that another try would not mend.
func (c *Client) sendRetrying(ctx context.Context, r Request) *Exchange {
	loginTried := false
	for attempt := 1; ; attempt++ {
		x := c.send(ctx, r)
		x.Attempts = attempt
		switch {
		case x.Status == http.StatusUnauthorized && c.config.Auth != nil && !loginTried:
			loginTried = true
			again, err := c.answer(ctx, x, r)
			if err != nil {
				x.fail(err)
			}
			if !again {
				return x
			}
		case x.Status == http.StatusTooManyRequests, x.Status == http.StatusServiceUnavailable:
			if attempt > c.config.Retries || !c.wait(ctx, x, attempt) {
				return x
			}
		default:
			return x
		}
	}
}

func (c *Client) answer(ctx context.Context, x *Exchange, r Request) (bool, error) {
	request, err := c.request(ctx, Request{Method: r.Method, URL: x.final})
	if err != nil {
		return false, err
	}
	return c.config.Auth.Answer(ctx, request, x.Header(), r.Scopes)
}

// wait sleeps as long as the answer asks for (RFC 9110 §10.2.3), or for a
// growing while if it does not say. It reports false where that is beyond the
// client's patience.
func (c *Client) wait(ctx context.Context, x *Exchange, attempt int) bool {
	d, ok := retryAfter(x.Header().Get("Retry-After"), time.Now())
	if !ok {
		d = 50 * time.Millisecond << (attempt - 1)
	}
	if d > c.config.MaxWait {
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func retryAfter(value string, now time.Time) (time.Duration, bool) {
	if seconds, err := strconv.Atoi(value); err == nil && seconds >= 0 {
		return time.Duration(seconds) * time.Second, true
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now)), true
	}
	return 0, false
}

// Equal reports whether the whole body of x is want.
func (x *Exchange) Equal(want []byte) bool { return x.Whole() && bytes.Equal(x.body, want) }
