package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/registry"
)

// request returns a request about the session, at its latest Location, which may
// be on another host: that gets the bytes, but no credentials.
func (u *upload) request(method string) *request {
	at := *u.location
	return &request{method: method, url: &at, header: http.Header{}, access: u.b.name.String()}
}

// moved takes the Location of an answer, relative to the request or absolute.
func (u *upload) moved(a *http.Response) error {
	value := a.Header.Get("Location")
	if value == "" {
		if u.location == nil {
			return errors.New("the answer has no Location")
		}
		return nil
	}
	next, err := a.Request.URL.Parse(value)
	if err != nil {
		return errors.New("the Location can't be read")
	}
	if err := u.b.r.mayLead(next); err != nil {
		return err
	}
	next.Fragment = ""
	u.location = next
	return nil
}

// received reads how many bytes the session has; 0-0 stands for none and for one.
func (u *upload) received(a *http.Response) (int64, error) {
	value := strings.TrimPrefix(a.Header.Get("Range"), "bytes=")
	first, last, ok := strings.Cut(value, "-")
	end, err := strconv.ParseInt(last, 10, 64)
	if !ok || first != "0" || err != nil || end < 0 || end == 1<<63-1 {
		return 0, fmt.Errorf("Range %.100q can't be read", a.Header.Get("Range"))
	}
	return end + 1, nil
}

// status asks how far the session has come: at its Location, or by its id alone
// where that is out of date since an answer was lost.
func (u *upload) status(ctx context.Context) (int64, error) {
	end, err := u.statusAt(ctx)
	if errors.Is(err, registry.ErrBlobUploadUnknown) && u.location.RawQuery != "" {
		old := u.location
		if u.location = u.bare(); u.b.r.ours(old) {
			end, err = u.statusAt(ctx)
		}
		if err != nil {
			u.location = old
		}
	}
	return end, err
}

func (u *upload) statusAt(ctx context.Context) (int64, error) {
	q := u.request(http.MethodGet)
	a, err := u.b.r.want(ctx, q, registry.ErrBlobUploadUnknown.With(u.id), http.StatusNoContent, http.StatusAccepted)
	if err != nil {
		return 0, err
	}
	discard(a)
	if err := u.moved(a); err != nil {
		return 0, q.failed(err)
	}
	end, err := u.received(a)
	if err != nil {
		return 0, q.failed(err)
	}
	return end, nil
}

// sync finds out what the registry has of the bytes held back.
func (u *upload) sync(ctx context.Context) error {
	end, err := u.status(ctx)
	if err != nil {
		return err
	}
	switch {
	case end != 1 || u.sent != 0:
		u.unsure = false
	case !u.one:
		// None or one: say none, and if that is refused, one.
		end, u.one = 0, true
	case u.unsure:
		// The one byte was there before this writer.
		u.unsure, u.sent = false, 1
		u.size.Add(1)
	}
	return u.acknowledged(end)
}

// acknowledged lets go of what the registry has.
func (u *upload) acknowledged(end int64) error {
	if end < u.sent || end > u.sent+int64(len(u.buffer)) {
		return registry.ErrBlobUploadInvalid.With(fmt.Sprintf("the registry has %d bytes of the upload, of which %d to %d were sent", end, u.sent, u.sent+int64(len(u.buffer))))
	}
	n := copy(u.buffer, u.buffer[end-u.sent:])
	u.buffer, u.sent = u.buffer[:n], end
	return nil
}

// flush sends what is held back, as one chunk, or as several where a connection
// breaks. Once it has failed the session is lost to this writer.
func (u *upload) flush(ctx context.Context) error {
	for attempt := 1; len(u.buffer) > 0; attempt++ {
		again, err := u.patch(ctx)
		if err == nil {
			continue
		}
		if again && attempt < u.b.r.options.Attempts {
			if err = u.recover(ctx, attempt); err == nil {
				continue
			}
		}
		u.broken = fmt.Errorf("upload %s: %w", u.id, err)
		return u.broken
	}
	return nil
}

// recover waits, and finds out where to go on.
func (u *upload) recover(ctx context.Context, attempt int) error {
	if err := u.b.r.options.Wait(ctx, backoff(attempt)); err != nil {
		return err
	}
	return u.sync(ctx)
}

// patch sends a chunk. It tells whether to find out what came of it, and to send
// the rest.
func (u *upload) patch(ctx context.Context) (again bool, err error) {
	q := u.request(http.MethodPatch)
	q.once, q.body = true, u.buffer
	u.describe(q)
	a, err := u.b.r.do(ctx, q)
	if err != nil {
		return !errors.Is(err, errRefused), err
	}
	defer discard(a)
	if a.StatusCode != http.StatusAccepted && a.StatusCode != http.StatusNoContent {
		return lost(a), q.answered(a, registry.ErrBlobUploadUnknown.With(u.id))
	}
	if err := u.moved(a); err != nil {
		return false, q.failed(err)
	}
	end := u.sent + int64(len(u.buffer))
	if a.Header.Get("Range") != "" {
		if end, err = u.received(a); err != nil {
			return false, q.failed(err)
		}
	}
	return false, u.acknowledged(end)
}

// lost reports whether an answer leaves open what came of the bytes.
func lost(a *http.Response) bool {
	return a.StatusCode == http.StatusRequestedRangeNotSatisfiable || a.StatusCode == http.StatusRequestTimeout || a.StatusCode >= 500
}

// describe says what of the session a body is.
func (u *upload) describe(q *request) {
	q.header.Set("Content-Type", mediaTypeBlob)
	if len(u.buffer) > 0 {
		q.header.Set("Content-Range", fmt.Sprintf("%d-%d", u.sent, u.sent+int64(len(u.buffer))-1))
	}
}

// put sends the rest and ends the session.
func (u *upload) put(ctx context.Context, dgst digest.Digest) error {
	for attempt := 1; ; attempt++ {
		q := u.request(http.MethodPut)
		query := q.url.Query()
		query.Set("digest", dgst.String())
		q.url.RawQuery, q.once = query.Encode(), true
		q.body = u.buffer
		u.describe(q)
		a, err := u.b.r.do(ctx, q)
		again := err != nil && !errors.Is(err, errRefused)
		if err == nil {
			if a.StatusCode == http.StatusCreated || a.StatusCode == http.StatusNoContent {
				discard(a)
				return agree(a, dgst)
			}
			again, err = lost(a), q.answered(a, registry.ErrBlobUploadUnknown.With(u.id))
			discard(a)
		}
		if !again || attempt >= u.b.r.options.Attempts || ctx.Err() != nil {
			return err
		}
		if u.matches(ctx, dgst) {
			return nil
		}
		if err := u.recover(ctx, attempt); err != nil {
			return err
		}
	}
}
