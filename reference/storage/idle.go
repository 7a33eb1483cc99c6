package storage

import (
	"maps"
	"time"

	"github.com/registryconform/conform/reference/internal/layout"
)

// maxIdle is how many sessions without content are remembered at most. What is
// older than maxIdleAge goes when there are as many, which is looked for every
// idleSweep at most; otherwise those that begin are stored.
const (
	maxIdle    = 10_000
	maxIdleAge = 24 * time.Hour
	idleSweep  = time.Minute
)

// remember spares a session that has no content its place in the store, if it may,
// and reports whether it does.
func (u *upload) remember() bool {
	r := u.r
	if !r.options.Exclusive || u.stored || u.file != nil || len(u.memory) > 0 {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.idle) >= maxIdle && time.Since(r.swept) > idleSweep {
		r.swept = time.Now()
		maps.DeleteFunc(r.idle, func(_ string, started time.Time) bool { return time.Since(started) > maxIdleAge })
	}
	if len(r.idle) >= maxIdle {
		return false
	}
	r.idle[layout.Upload(u.name, u.id)] = u.started
	return true
}

// recall makes u a session that was remembered, which it is no more. It reports
// whether there is one.
func (u *upload) recall() bool {
	key := layout.Upload(u.name, u.id)
	u.r.mu.Lock()
	defer u.r.mu.Unlock()
	started, ok := u.r.idle[key]
	if ok {
		delete(u.r.idle, key)
		u.started, u.sign, u.hashes, u.stored = started, started, canonicalHash(), false
	}
	return ok
}
