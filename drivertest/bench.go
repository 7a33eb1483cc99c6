package drivertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Benchmark measures the drivers that open returns. The names of the sub-benchmarks are made of
// key=value, so that benchstat can pivot them (-col /par, -row /size). Bytes per second and
// allocations are reported wherever they mean something, and for small calls the 50th, 90th and
// 99th percentile of the latency (p50-ns, p90-ns, p99-ns). Setting up and cleaning up are outside
// the measured time. Config.Budget bounds the sizes: 1 MiB and a thousand entries, 16 MiB and ten
// thousand, 1 GiB and a hundred thousand. The sub-benchmark null is the data generator alone: the
// ceiling of every throughput; slope says by which power of the entries the cost of a call grows;
// peak-heap-B is the heap that a stream used beyond what was there; req/op, with Hooks.Metered, are
// the requests to the back-end. What must not differ between runs that are compared stands in lines
// of key: value before the results.
//
// In Run and Check the PERF rules point here.
func Benchmark[D Driver[FI, FW, WF, WO], FI FileInfo, FW FileWriter, WF ~func(FI) error, WO any](
	b *testing.B, open func(testing.TB) D, cfg ...Config,
) {
	b.Helper()
	if len(cfg) > 1 {
		b.Fatalf("drivertest: %d configurations were passed; at most one may be", len(cfg))
	}
	var c Config
	if len(cfg) == 1 {
		c = cfg[0]
	}
	if err := c.validate(); err != nil {
		b.Fatal(err)
	}
	c = c.withDefaults()
	m := meter{cfg: c, open: func(tb testing.TB) handle { return Adapt(open(tb)).open() }, costs: map[string][]cost{}}
	header(c)
	b.Run("null", m.null)
	m.throughput(b)
	m.calls(b)
	m.entries(b)
	m.slopes(b)
	m.uploads(b)
	m.requests(b)
}

// meter is what the benchmarks have in common.
type meter struct {
	cfg  Config
	open func(testing.TB) handle
	// costs are how long calls took, by what they are and by number of entries.
	costs map[string][]cost
}

const benchRoot = "/drivertest/bench"

func (m meter) n(quick, standard, long int) int { return [...]int{quick, standard, long}[m.cfg.Budget] }

func (m meter) sizes() []int64 {
	all := []int64{0, 256, 4 << 10, 64 << 10, 1 << 20, 16 << 20, 128 << 20, 1 << 30}
	return all[:m.n(5, 6, 8)]
}

func sizeName(n int64) string {
	for _, u := range []struct {
		unit int64
		name string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= u.unit {
			return fmt.Sprintf("%d%s", n/u.unit, u.name)
		}
	}
	return fmt.Sprintf("%dB", n)
}

// run measures one thing over a driver of its own.
func (m meter) run(b *testing.B, name string, f func(b *testing.B, h handle)) {
	b.Run(name, func(b *testing.B) {
		h := m.open(b)
		b.Cleanup(func() {
			ctx, cancel := detached(context.Background())
			defer cancel()
			_ = h.del(ctx, benchRoot)
		})
		b.ReportAllocs()
		f(b, h)
	})
}

// latencies collects how long single calls take.
type latencies struct {
	mu  sync.Mutex
	all []time.Duration
}

func (l *latencies) time(f func() error) error {
	began := time.Now()
	err := f()
	d := time.Since(began)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, d)
	return err
}

func (l *latencies) report(b *testing.B) {
	if len(l.all) == 0 {
		return
	}
	slices.Sort(l.all)
	for _, p := range []int{50, 90, 99} {
		b.ReportMetric(float64(l.all[(len(l.all)-1)*p/100]), fmt.Sprintf("p%d-ns", p))
	}
}

func (m meter) null(b *testing.B) {
	buf := make([]byte, 1<<20)
	b.SetBytes(int64(len(buf)))
	for i := int64(0); b.Loop(); i++ {
		content{object: 1, version: 1, size: 1 << 40}.fill(buf, i<<20)
	}
}

func (m meter) throughput(b *testing.B) {
	for _, size := range m.sizes() {
		data := content{object: 1, version: 1, size: size}
		if size <= 16<<20 {
			m.wholes(b, data)
		}
		m.run(b, "stream-write/size="+sizeName(size), func(b *testing.B, h handle) {
			b.SetBytes(size)
			block := data.slice(0, min(size, 1<<20))
			defer peakHeap(b)()
			for b.Loop() {
				check(b, streamOut(b.Context(), h, benchRoot+"/object", size, block))
			}
		})
		m.run(b, "stream-read/size="+sizeName(size), func(b *testing.B, h handle) {
			check(b, streamOut(b.Context(), h, benchRoot+"/object", size, data.slice(0, min(size, 1<<20))))
			b.SetBytes(size)
			buf := make([]byte, 128<<10)
			defer peakHeap(b)()
			for b.Loop() {
				check(b, streamIn(b.Context(), h, benchRoot+"/object", 0, size, buf))
			}
		})
	}
	m.run(b, "read-range/off=mid/len=64KiB", func(b *testing.B, h handle) {
		const size = 1 << 20
		check(b, h.put(b.Context(), benchRoot+"/object", Data(1, 1, size)))
		b.SetBytes(64 << 10)
		buf := make([]byte, 64<<10)
		for b.Loop() {
			check(b, streamIn(b.Context(), h, benchRoot+"/object", size/2, 64<<10, buf))
		}
	})
}

// wholes measures PutContent and GetContent, alone and side by side.
func (m meter) wholes(b *testing.B, data content) {
	bytes := data.bytes()
	for _, par := range []int{1, 4, 16, 64} {
		if par > 1 && data.size != 4<<10 && data.size != 1<<20 {
			continue
		}
		key := fmt.Sprintf("size=%s/par=%d", sizeName(data.size), par)
		m.run(b, "put/"+key, func(b *testing.B, h handle) {
			b.SetBytes(data.size)
			beside(b, par, func(i int64) error { return h.put(b.Context(), fmt.Sprintf("%s/o%d", benchRoot, i%256), bytes) })
		})
		m.run(b, "get/"+key, func(b *testing.B, h handle) {
			for i := range 16 {
				check(b, h.put(b.Context(), fmt.Sprintf("%s/o%d", benchRoot, i), bytes))
			}
			b.SetBytes(data.size)
			beside(b, par, func(i int64) error {
				_, err := h.get(b.Context(), fmt.Sprintf("%s/o%d", benchRoot, i%16))
				return err
			})
		})
	}
}

// beside spreads b.N calls over par goroutines.
func beside(b *testing.B, par int, f func(i int64) error) {
	var lat latencies
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, par)
	b.ResetTimer()
	for range par {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				if err := lat.time(func() error { return f(i) }); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	close(errs)
	for err := range errs {
		b.Fatal(err)
	}
	lat.report(b)
}

func check(b *testing.B, err error) {
	if err != nil {
		b.Helper()
		b.Fatal(err)
	}
}

func streamOut(ctx context.Context, h handle, p string, size int64, block []byte) error {
	w, err := h.writer(ctx, p, false)
	if err != nil {
		return err
	}
	for left := size; left > 0 && err == nil; {
		n := min(left, int64(len(block)))
		_, err = w.Write(block[:n])
		left -= n
	}
	if err == nil {
		err = w.Commit(ctx)
	}
	return errors.Join(err, w.Close())
}

func streamIn(ctx context.Context, h handle, p string, off, n int64, buf []byte) error {
	r, err := h.reader(ctx, p, off)
	if err != nil {
		return err
	}
	got, err := io.CopyBuffer(discard{}, io.LimitReader(r, n), buf)
	if err == nil && got != n {
		err = fmt.Errorf("read %d bytes, not %d", got, n)
	}
	return errors.Join(err, r.Close())
}

// discard has no ReadFrom, so that the buffer is used.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// calls measures small calls, one at a time.
func (m meter) calls(b *testing.B) {
	ctx := context.Background()
	object, dir := benchRoot+"/dir/object", benchRoot+"/dir"
	for _, call := range []struct {
		name string
		f    func(h handle) error
	}{
		{"stat/kind=hit", func(h handle) error { _, err := h.stat(ctx, object); return err }},
		{"stat/kind=dir", func(h handle) error { _, err := h.stat(ctx, dir); return err }},
		{"stat/kind=miss", func(h handle) error {
			if _, err := h.stat(ctx, dir+"/none"); err == nil {
				return errors.New("a missing path is there")
			}
			return nil
		}},
		{"first-byte/size=1MiB", func(h handle) error { return streamIn(ctx, h, object, 0, 1, make([]byte, 1)) }},
	} {
		m.run(b, call.name, func(b *testing.B, h handle) {
			check(b, h.put(ctx, object, Data(1, 1, 1<<20)))
			beside(b, 1, func(int64) error { return call.f(h) })
		})
	}
	for _, size := range []int64{256, 1 << 20, 16 << 20, 1 << 30}[:m.n(2, 3, 4)] {
		m.run(b, "move/size="+sizeName(size), func(b *testing.B, h handle) {
			names := [2]string{benchRoot + "/a/object", benchRoot + "/b/object"}
			check(b, streamOut(ctx, h, names[0], size, Data(1, 1, min(size, 1<<20))))
			beside(b, 1, func(i int64) error { return h.move(ctx, names[(i+1)%2], names[i%2]) })
		})
	}
	m.run(b, "delete/n=1", func(b *testing.B, h handle) {
		data := Data(1, 1, 256)
		for b.Loop() {
			b.StopTimer()
			check(b, h.put(ctx, object, data))
			b.StartTimer()
			check(b, h.del(ctx, object))
		}
	})
}

// uploads measures what the life of an upload costs beyond its bytes.
func (m meter) uploads(b *testing.B) {
	p := benchRoot + "/upload/data"
	for _, a := range []struct {
		step    int64
		resumes int
	}{{64 << 10, 1}, {64 << 10, 4}, {64 << 10, 16}, {1 << 20, 16}}[:m.n(3, 4, 4)] {
		m.run(b, fmt.Sprintf("append/step=%s/resumes=%d", sizeName(a.step), a.resumes), func(b *testing.B, h handle) {
			b.SetBytes(int64(a.resumes) * a.step)
			block := Data(1, 1, a.step)
			for b.Loop() {
				check(b, resumed(b.Context(), h, p, a.resumes, block))
			}
		})
	}
	m.run(b, "commit/size=4KiB", func(b *testing.B, h handle) {
		block := Data(1, 1, 4<<10)
		beside(b, 1, func(int64) error { return streamOut(b.Context(), h, p, 4<<10, block) })
	})
	m.run(b, "cancel/size=4KiB", func(b *testing.B, h handle) {
		block := Data(1, 1, 4<<10)
		beside(b, 1, func(int64) error {
			w, err := h.writer(b.Context(), p, false)
			if err != nil {
				return err
			}
			_, err = w.Write(block)
			err = errors.Join(err, w.Cancel(b.Context()))
			_ = w.Close()
			return err
		})
	})
	m.run(b, "memory/uploads=200", func(b *testing.B, h handle) {
		for b.Loop() {
			check(b, m.heapAfter(b, h, p))
		}
	})
	m.push(b)
	m.pull(b)
}

// heapAfter reports by how much the heap has grown after uploads that were deleted again.
func (m meter) heapAfter(b *testing.B, h handle, p string) error {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	block := Data(1, 1, 64<<10)
	for range 200 {
		if err := errors.Join(streamOut(b.Context(), h, p, 64<<10, block), h.del(b.Context(), p)); err != nil {
			return err
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(max(float64(after.HeapAlloc)-float64(before.HeapAlloc), 0), "kept-B")
	return nil
}

func resumed(ctx context.Context, h handle, p string, resumes int, block []byte) error {
	for i := range resumes {
		w, err := h.writer(ctx, p, i > 0)
		if err != nil {
			return err
		}
		_, err = w.Write(block)
		if err == nil && i == resumes-1 {
			err = w.Commit(ctx)
		}
		if err = errors.Join(err, w.Close()); err != nil {
			return err
		}
	}
	return nil
}

// push measures the storage side of pushing a layer: upload, move, link, clean up.
func (m meter) push(b *testing.B) {
	for _, par := range []int{1, 8} {
		m.run(b, fmt.Sprintf("mixed/workload=push/par=%d", par), func(b *testing.B, h handle) {
			const size = 256 << 10
			block := Data(1, 1, size)
			b.SetBytes(size)
			beside(b, par, func(i int64) error {
				up := fmt.Sprintf("%s/uploads/%d", benchRoot, i)
				ctx := b.Context()
				return errors.Join(
					h.put(ctx, up+"/startedat", []byte("2026-01-02T03:04:05Z")),
					streamOut(ctx, h, up+"/data", size, block),
					h.move(ctx, up+"/data", fmt.Sprintf("%s/blobs/%d/data", benchRoot, i%64)),
					h.put(ctx, fmt.Sprintf("%s/links/%d/link", benchRoot, i%64), []byte("sha256:0123")),
					h.del(ctx, up),
				)
			})
		})
	}
}

// pull measures the storage side of pulling a layer: the link of a tag, that of the layer, its size
// and its content.
func (m meter) pull(b *testing.B) {
	for _, par := range []int{1, 8} {
		m.run(b, fmt.Sprintf("mixed/workload=pull/par=%d", par), func(b *testing.B, h handle) {
			const size, layers = 256 << 10, 16
			ctx := b.Context()
			for i := range layers {
				check(b, errors.Join(
					h.put(ctx, fmt.Sprintf("%s/links/%d/link", benchRoot, i), []byte("sha256:0123")),
					h.put(ctx, fmt.Sprintf("%s/blobs/%d/data", benchRoot, i), Data(uint64(i+1), 1, size)),
				))
			}
			b.SetBytes(size)
			beside(b, par, func(i int64) error {
				_, err := h.get(ctx, fmt.Sprintf("%s/links/%d/link", benchRoot, i%layers))
				p := fmt.Sprintf("%s/blobs/%d/data", benchRoot, i%layers)
				_, serr := h.stat(ctx, p)
				return errors.Join(err, serr, streamIn(ctx, h, p, 0, size, make([]byte, 32<<10)))
			})
		})
	}
}
