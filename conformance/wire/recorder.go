package wire

import (
	"context"
	"sync"
)

// Bounds of what one recorder keeps: this many exchanges, the first half of
// them and the last, and this many bytes of their bodies, the newest.
const (
	maxExchanges = 200
	maxKept      = 1 << 20
)

// A Recorder sends requests through a client and keeps the exchanges, which
// belong to one spec. It is safe for concurrent use.
type Recorder struct {
	client *Client

	mu        sync.Mutex
	sent      int
	exchanges []*Exchange // records: no bodies but the kept prefixes
	last      *Exchange
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

// keep numbers x and keeps a record of it.
func (rec *Recorder) keep(x *Exchange) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.sent++
	x.Seq = rec.sent
	rec.last = x
	if len(rec.exchanges) == maxExchanges {
		half := maxExchanges / 2
		rec.exchanges = append(rec.exchanges[:half:half], rec.exchanges[half+1:]...)
	}
	rec.exchanges = append(rec.exchanges, x.record())
	kept := 0
	for i := len(rec.exchanges) - 1; i >= 0; i-- {
		e := rec.exchanges[i]
		if kept += len(e.Request.Body) + len(e.Response.Body); kept <= maxKept {
			continue
		}
		e.Request.dropBody()
		e.Response.dropBody()
	}
}

func (m *Message) dropBody() {
	if len(m.Body) > 0 {
		m.Body, m.Truncated = nil, true
	}
}

// Exchanges returns a record of what was sent and came, in the order of
// sending. Beyond 200 exchanges the middle is left out, and beyond 1 MiB the
// bodies of the older ones: Seq and Truncated tell.
func (rec *Recorder) Exchanges() []*Exchange {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	out := make([]*Exchange, len(rec.exchanges))
	for i, e := range rec.exchanges {
		out[i] = e.record()
	}
	return out
}

// Last returns the exchange that was sent last, or nil.
func (rec *Recorder) Last() *Exchange {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return rec.last
}
