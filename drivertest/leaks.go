package drivertest

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
)

func leakRules() []rule {
	return []rule{
		{"LEAK-01", Must, "Readers closed early and Writers cancelled leave no goroutine behind.", leakGoroutines, alone},
		{"LEAK-02", Must, "They leave no descriptor or connection behind.", leakDescriptors, alone},
		{"LEAK-03", Must, "Calls that fail leave nothing behind.", leakFailures, alone},
		{"LEAK-04", Should, "Calls whose context has ended leave nothing behind.", leakCancelled, alone},
		{"LEAK-05", Should, "Cancel and Delete leave no unfinished upload and no temporary file in the back-end.", leakResidue, 0},
		{"LEAK-06", Should, "The heap that a stream uses does not grow with it.", leakHeap, alone},
		{"LEAK-07", Should, "The concurrency limit bounds the calls to the back-end.", limitHolds, 0},
		{"LEAK-08", Should, "What a driver keeps running is declared, by stack, and no more than that is running.", leakBackground, alone},
	}
}

// goroutines counts those that are not excused by Hooks.Goroutines.
func (x *trial) goroutines() int {
	b := make([]byte, 4<<20)
	all := strings.Split(string(b[:runtime.Stack(b, true)]), "\n\n")
	n := 0
	for _, g := range all {
		excused := false
		for _, s := range x.cfg.Hooks.Goroutines {
			excused = excused || strings.Contains(g, s)
		}
		if !excused {
			n++
		}
	}
	return n
}

// descriptors counts the open files of the process, -1 where that can't be known.
func descriptors() int {
	l, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return -1
	}
	return len(l)
}

// leaks repeats f and demands that what measure counts comes back to where it was. It allows for
// pools: a leak is one in four rounds, or more.
func (x *trial) leaks(rounds int, what string, measure func() int, f func(i int)) {
	for i := range 10 {
		f(i)
	}
	if !x.ok() {
		return
	}
	before := measure()
	if before < 0 {
		x.inconclusive("%ss can't be counted here", what)
		return
	}
	for i := range rounds {
		if !x.ok() {
			return
		}
		f(i)
	}
	limit := before + max(rounds/4, 10)
	after := 0
	for range 100 {
		runtime.GC()
		if after = measure(); after <= limit {
			return
		}
		if !sleep(x.ctx, 20*time.Millisecond) {
			return
		}
	}
	x.failf("%d rounds began with %d %ss and ended with %d", rounds, before, what, after)
}

// half uses a Reader and a Writer halfway.
func half(x *trial, i int) {
	r, err := x.d.reader(x.ctx, x.p("object"), 0)
	if !x.noErr(err, "Reader") {
		return
	}
	_, err = r.Read(make([]byte, 10))
	x.noErr(err, "Read")
	x.noErr(r.Close(), "Close")
	u := x.start(x.p(fmt.Sprintf("w%d", i%7)), 3000)
	u.write(2000)
	u.cancel()
	u.closeAnyhow()
}

func leakGoroutines(x *trial) {
	x.put(x.p("object"), 1<<20)
	x.leaks(x.n(100, 500, 500), "goroutine", x.goroutines, func(i int) { half(x, i) })
}

func leakDescriptors(x *trial) {
	x.put(x.p("object"), 1<<20)
	x.leaks(x.n(100, 500, 500), "descriptor", descriptors, func(i int) { half(x, i) })
}

func leakFailures(x *trial) {
	x.puts("dir/file")
	fail := func(int) {
		for _, m := range readMethods() {
			_ = m.call(x, x.p("none"))
		}
		for _, m := range methods() {
			_ = m.call(x, "relative")
		}
		if r, err := x.d.reader(x.ctx, x.p("dir/file"), -1); err == nil {
			_ = r.Close()
		}
		_ = x.d.putBytes(x.ctx, x.p("dir/file/below"), []byte("x"))
	}
	x.leaks(x.n(40, 200, 500), "goroutine", x.goroutines, fail)
	x.leaks(x.n(40, 200, 500), "descriptor", descriptors, fail)
}

func leakCancelled(x *trial) {
	x.put(x.p("dir/keep"), 1<<20)
	cancelled := func(int) { endedCalls(x, func(string, error) {}) }
	x.leaks(x.n(40, 200, 500), "goroutine", x.goroutines, cancelled)
	x.leaks(x.n(40, 200, 500), "descriptor", descriptors, cancelled)
}

func leakResidue(x *trial) {
	if !x.needs(x.cfg.Hooks.Residue != nil, "Hooks.Residue") {
		return
	}
	before, err := x.cfg.Hooks.Residue()
	if !x.noErr(err, "Hooks.Residue") {
		return
	}
	for i := range 5 {
		u := x.start(x.p(fmt.Sprintf("dir/cancelled%d", i)), 100000)
		u.writeAll(50000)
		u.cancel()
		u.closeAnyhow()
		v := x.start(x.p(fmt.Sprintf("dir/deleted%d", i)), 100000)
		v.writeAll(50000)
		v.close()
	}
	x.puts("dir/file")
	x.drop("dir")
	after, err := x.cfg.Hooks.Residue()
	if x.noErr(err, "Hooks.Residue") && len(after) > len(before) {
		x.failf("after Cancel and Delete the back-end still holds %s", some(after))
	}
}

// heapDuring returns by how much the heap in use exceeded what it was before f.
func (x *trial) heapDuring(f func()) uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before, peak := m.HeapAlloc, uint64(0)
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !stop.Load() {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
			time.Sleep(5 * time.Millisecond)
		}
	}()
	f()
	stop.Store(true)
	<-done
	if peak < before {
		return 0
	}
	return peak - before
}

// leakHeap compares a short stream with a long one, so that a store that keeps its objects in
// memory is recognised and passed over.
func leakHeap(x *trial) {
	if x.cfg.Budget == Quick {
		x.inconclusive("runs in the standard and the long budget only")
		return
	}
	size := int64(1 << 30)
	if x.inMemory() {
		x.inconclusive("the store keeps objects in the memory of this process")
		return
	}
	used := x.heapDuring(func() { x.stream(x.p("object"), size) })
	read := x.heapDuring(func() { x.settle(0, func() string { return drain(x, x.p("object")) }) })
	x.notef("heap: %d MiB while writing 1 GiB, %d MiB while reading it", used>>20, read>>20)
	if limit := uint64(x.cfg.Limits.StreamHeap); x.ok() && max(used, read) > limit {
		x.failf("a stream of 1 GiB used %d MiB of heap to write and %d MiB to read; the limit is %d MiB", used>>20, read>>20, limit>>20)
	}
}

func drain(x *trial, p string) string {
	if err := x.tryRead(p); err != nil {
		return "Reader of " + quote(p) + " failed: " + brief(err)
	}
	return ""
}

// inMemory tells whether objects live on this process's heap.
func (x *trial) inMemory() bool {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	x.stream(x.p("probe"), 48<<20)
	runtime.GC()
	runtime.ReadMemStats(&after)
	x.drop("probe")
	return after.HeapAlloc > before.HeapAlloc+24<<20
}

func leakBackground(x *trial) {
	before := x.goroutines()
	x.put(x.p("object"), 1<<20)
	half(x, 0)
	for range 20 {
		if x.goroutines() <= before {
			return
		}
		sleep(x.ctx, 20*time.Millisecond)
	}
	x.notef("%d goroutines stay; their number is %d", x.goroutines()-before, x.goroutines())
	if x.ok() && x.goroutines() > before+16 {
		x.failf("after two calls %d goroutines stay that Hooks.Goroutines does not excuse", x.goroutines()-before)
	}
}
