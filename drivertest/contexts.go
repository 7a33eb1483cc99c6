package drivertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

func contextRules() []rule {
	return []rule{
		{"CTXT-01", Should, "With a context that has ended every method fails promptly and changes nothing.", endedContext, 0},
		{"CTXT-02", Should, "The error of such a call is the context's.", endedError, 0},
		{"CTXT-03", Must, "A PutContent or Commit that is cancelled midway is applied in full or not at all.", cancelledWrite, 0},
		{"CTXT-04", Should, "A cancelled Walk stops within a page.", cancelledWalk, 0},
		{"CTXT-05", Should, "Cancelling unblocks a Read from a server that has stalled.", cancelledRead, 0},
		{"CTXT-06", Should, "A Writer outlives the context that opened it; Commit and Cancel have their own.", writerOutlives, 0},
		{"CTXT-07", Must, "Cancel with a context that has ended still gives up what the Writer holds.", cancelEnded, 0},
		{"CTXT-08", Should, "No retry goes on past the deadline.", deadlineRetry, 0},
	}
}

// endedCalls makes each call with a context that has ended.
func endedCalls(x *trial, judge func(what string, err error)) {
	sub := x.over(x.d)
	sub.ctx = x.ended()
	for _, m := range readMethods() {
		judge(m.name, m.call(sub, x.p("dir/keep")))
	}
	judge("PutContent", x.d.putBytes(sub.ctx, x.p("dir/keep"), []byte("strayed")))
	w, err := x.d.writer(sub.ctx, x.p("dir/keep"), false)
	if err == nil {
		_, err = w.Write([]byte("strayed"))
		if err == nil {
			err = w.commit(sub.ctx)
		}
		_ = w.Close()
	}
	judge("Writer", err)
}

func endedContext(x *trial) {
	keep := x.put(x.p("dir/keep"), 500)
	began := time.Now()
	endedCalls(x, func(what string, err error) { x.anErr(err, what+" with a context that has ended") })
	if d := time.Since(began); x.ok() && d > soon {
		x.failf("nine calls with a context that has ended took %s", d)
	}
	x.holds(x.p("dir/keep"), keep)
	x.lists(x.root, "dir")
}

func endedError(x *trial) {
	x.put(x.p("dir/keep"), 500)
	endedCalls(x, func(what string, err error) {
		if err != nil && x.ok() && !errors.Is(err, context.Canceled) {
			x.failf("%s with a context that has ended: context.Canceled can't be found in %q", what, brief(err))
		}
	})
	ctx, cancel := context.WithDeadline(x.ctx, time.Now().Add(-time.Second))
	defer cancel()
	if _, err := x.d.get(ctx, x.p("dir/keep")); err != nil && x.ok() && !errors.Is(err, context.DeadlineExceeded) {
		x.failf("GetContent after its deadline: context.DeadlineExceeded can't be found in %q", brief(err))
	}
}

// cancelledWrite lets a write that was cancelled come into effect later: over a network it may still
// be under way.
func cancelledWrite(x *trial) {
	p := x.p("object")
	states := []content{x.put(p, 100000)}
	for i := range x.n(16, 100, 500) {
		if !x.ok() {
			return
		}
		now := states[0].next(200000 + int64(i))
		ctx, cancel := context.WithCancel(x.ctx)
		delay := time.Duration(x.rng.IntN(400)) * time.Microsecond
		timer := time.AfterFunc(delay, cancel)
		var err error
		if i%2 == 0 {
			err = x.d.put(ctx, p, now)
		} else {
			err = x.writeUnder(ctx, p, now)
		}
		timer.Stop()
		cancel()
		states = append(states, now)
		b, gerr := x.d.get(x.ctx, p)
		if gerr != nil && x.missing(gerr) && i%2 == 1 && x.sem.EarlyVisible {
			x.putc(p, states[0])
			continue
		}
		if !x.noErr(gerr, "GetContent after a cancelled write") {
			return
		}
		seen := slices.IndexFunc(states, func(c content) bool {
			return c.size == int64(len(b)) && c.compare(b, make([]byte, len(b)), 0) == nil
		})
		switch {
		case err == nil && seen != len(states)-1:
			x.failf("a write returned nil while its context ended, and was not applied")
		case seen < 0 && !x.sem.EarlyVisible:
			x.failf("a write that was cancelled after %s (%s) left %d bytes that are neither the old content nor any that was written since", delay, brief(err), len(b))
		case seen < 0:
			x.putc(p, states[0])
		}
	}
}

func (x *trial) writeUnder(ctx context.Context, p string, c content) error {
	w, err := x.d.writer(ctx, p, false)
	if err != nil {
		return err
	}
	for off := int64(0); off < c.size && err == nil; off += 50000 {
		_, err = w.write(c, off, min(off+50000, c.size))
	}
	if err == nil {
		err = w.commit(ctx)
	}
	if err != nil {
		_ = w.cancel(x.ctx)
	}
	_ = w.Close()
	return err
}

func cancelledWalk(x *trial) {
	x.patience(4)
	n := x.n(x.cfg.Limits.PageSize+500, 5*x.cfg.Limits.PageSize, 5*x.cfg.Limits.PageSize)
	x.fillDir(x.p("dir"), n, numbered)
	if !x.ok() {
		return
	}
	ctx, cancel := context.WithCancel(x.ctx)
	defer cancel()
	after, at := 0, 10
	err := x.d.walk(ctx, x.p("dir"), func(entry) error {
		if at--; at == 0 {
			cancel()
		}
		if at < 0 {
			after++
		}
		return nil
	})
	switch {
	case !x.ok():
	case err == nil:
		x.failf("a Walk that was cancelled at entry 10 of %d returned nil after %d more", n, after)
	case !errors.Is(err, context.Canceled):
		x.failf("a cancelled Walk: context.Canceled can't be found in %q", brief(err))
	case after > x.cfg.Limits.PageSize:
		x.failf("a cancelled Walk visited %d more entries", after)
	}
	_, err = x.d.list(x.ended(), x.p("dir"))
	x.anErr(err, "List with a context that has ended")
}

func cancelledRead(x *trial) {
	f, ok := x.faulty(Stalled)
	if !ok {
		return
	}
	x.put(x.p("object"), 8<<20)
	ctx, cancel := context.WithCancel(x.ctx)
	defer cancel()
	r, err := x.d.reader(ctx, x.p("object"), 0)
	if !x.noErr(err, "Reader") {
		return
	}
	f.Arm()
	defer f.Disarm()
	done := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, r)
		done <- err
	}()
	time.AfterFunc(50*time.Millisecond, cancel)
	select {
	case err := <-done:
		if err == nil {
			x.notef("the object was buffered before the server stalled")
		}
	case <-time.After(soon):
		x.failf("a Read from a stalled server went on for %s after its context ended", soon)
	}
}

func writerOutlives(x *trial) {
	ctx, cancel := context.WithCancel(x.ctx)
	defer cancel()
	for _, end := range []string{"commit", "cancel"} {
		p := x.p(end)
		w, err := x.d.writer(ctx, p, false)
		if end == "commit" && !x.noErr(err, "Writer") {
			return
		}
		if end == "cancel" {
			ctx, cancel := context.WithCancel(x.ctx)
			w, err = x.d.writer(ctx, p, false)
			cancel()
		} else {
			cancel()
		}
		if !x.noErr(err, "Writer") {
			return
		}
		c := x.content(p, 5000)
		_, err = w.write(c, 0, 5000)
		x.noErr(err, "Write after the context that opened the Writer has ended")
		if end == "commit" {
			x.noErr(w.commit(x.ctx), "Commit with a context of its own")
			x.noErr(w.Close(), "Close")
			x.holds(p, c)
			continue
		}
		x.noErr(w.cancel(x.ctx), "Cancel with a context of its own")
		x.harmless(w.Close(), "Close")
		x.absent(p)
	}
}

func cancelEnded(x *trial) {
	p := x.p("object")
	u := x.start(p, 100000)
	u.write(50000)
	if !x.ok() {
		return
	}
	x.harmless(u.w.cancel(x.ended()), "Cancel with a context that has ended")
	x.harmless(u.w.Close(), "Close")
	if _, err := u.w.Write([]byte("late")); err == nil {
		x.failf("Write after Cancel with an ended context and Close succeeded")
	}
	x.holds(p, x.write(p, 3000))
}

func deadlineRetry(x *trial) {
	f, ok := x.faulty(Unavailable)
	if !ok {
		return
	}
	x.put(x.p("object"), 100)
	f.Arm()
	defer f.Disarm()
	ctx, cancel := context.WithTimeout(x.ctx, 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := x.d.get(ctx, x.p("object"))
	x.anErr(err, "GetContent from a back-end that is unavailable")
	if d := time.Since(began); x.ok() && d > 300*time.Millisecond+soon {
		x.failf("%s", fmt.Sprintf("GetContent with a deadline of 300 ms returned after %s", d))
	}
}
