package drivertest

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"
)

// entries measures List, Walk and Delete by number of entries.
func (m meter) entries(b *testing.B) {
	all := []int{10, 100, 1000, 10000, 100000}
	for _, n := range all[:m.n(3, 4, 5)] {
		for _, kind := range []struct {
			key  string
			name func(int) string
		}{{"files", flatName}, {"dirs", dirName}, {"mixed", mixedName}} {
			m.run(b, fmt.Sprintf("list/n=%d/kind=%s", n, kind.key), func(b *testing.B, h handle) {
				fill(b, h, n, kind.name)
				for b.Loop() {
					l, err := h.list(b.Context(), benchRoot)
					check(b, errors.Join(err, complete(len(l), n)))
				}
				m.perEntry(b, "list/kind="+kind.key, n)
			})
		}
		for _, shape := range []struct {
			key  string
			name func(int) string
		}{{"flat", flatName}, {"registry", registryName}, {"deep", deepName}} {
			m.run(b, fmt.Sprintf("walk/n=%d/shape=%s", n, shape.key), func(b *testing.B, h handle) {
				fill(b, h, n, shape.name)
				for b.Loop() {
					seen := 0
					err := h.walk(b.Context(), benchRoot, func(entry) error { seen++; return nil })
					check(b, errors.Join(err, complete(seen, n)))
				}
				m.perEntry(b, "walk/shape="+shape.key, n)
			})
		}
		m.page(b, n)
		m.run(b, fmt.Sprintf("delete/n=%d", n), func(b *testing.B, h handle) {
			for b.Loop() {
				b.StopTimer()
				fill(b, h, n, flatName)
				b.StartTimer()
				check(b, h.del(b.Context(), benchRoot))
			}
			m.perEntry(b, "delete", n)
		})
	}
}

// page measures one page of a walk, from the middle of the tree.
func (m meter) page(b *testing.B, n int) {
	if m.cfg.FilledBuffer == nil || n < 1000 {
		return
	}
	m.run(b, fmt.Sprintf("walk-page/n=%d/page=100", n), func(b *testing.B, h handle) {
		fill(b, h, n, flatName)
		for b.Loop() {
			seen := 0
			err := h.walk(b.Context(), benchRoot, func(entry) error {
				if seen++; seen == 100 {
					return m.cfg.FilledBuffer
				}
				return nil
			}, benchRoot+"/"+flatName(n/2))
			check(b, err)
		}
	})
}

// cost is how long a call took over some entries.
type cost struct{ entries, ns float64 }

func (m meter) perEntry(b *testing.B, call string, n int) {
	ns := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
	b.ReportMetric(ns/float64(n), "ns/entry")
	m.costs[call] = append(m.costs[call], cost{float64(n), ns})
}

// slopes tells by which power of the entries the cost of each call grows: 1 is in proportion.
func (m meter) slopes(b *testing.B) {
	for _, call := range slices.Sorted(maps.Keys(m.costs)) {
		b.Run("slope/of="+call, func(b *testing.B) {
			for b.Loop() {
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(slope(m.costs[call]), "slope")
		})
	}
}

// slope is that of the straight line through the logarithms, by least squares.
func slope(costs []cost) float64 {
	var n, sx, sy, sxx, sxy float64
	for _, c := range costs {
		x, y := math.Log(c.entries), math.Log(c.ns)
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	if d := n*sxx - sx*sx; d > 0 {
		return (n*sxy - sx*sy) / d
	}
	return 0
}

func flatName(i int) string { return numbered(i) }

func dirName(i int) string { return numbered(i) + "/file" }

func mixedName(i int) string {
	if i%2 == 0 {
		return flatName(i)
	}
	return dirName(i)
}

func registryName(i int) string {
	return fmt.Sprintf("repositories/app%d/_layers/sha256/%d/link", i/20, i)
}

func deepName(i int) string { return fmt.Sprintf("a/b/c/d%d/e/f/g%d/object", i%7, i) }

func fill(b *testing.B, h handle, n int, name func(int) string) {
	b.Helper()
	for i := range n {
		check(b, h.put(b.Context(), benchRoot+"/"+name(i), []byte("x")))
	}
}

// header prints what must not differ between runs that are compared, in the form of benchfmt. Go
// itself adds the machine.
func header(c Config) {
	fmt.Printf("budget: %s\n", c.Budget)
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		fmt.Printf("kernel: %s\n", strings.TrimSpace(string(release)))
	}
}

const heapObjects = "/memory/classes/heap/objects:bytes"

func heapInUse() uint64 {
	sample := []metrics.Sample{{Name: heapObjects}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// peakHeap watches the heap until the function that it returns is called, which reports by how much
// it grew.
func peakHeap(b *testing.B) (report func()) {
	runtime.GC()
	before, peak := heapInUse(), uint64(0)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			peak = max(peak, heapInUse())
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
	return func() {
		close(stop)
		<-done
		b.ReportMetric(float64(max(peak, before)-before), "peak-heap-B")
	}
}

// requests counts the calls to the back-end that each call takes, where the hook is given.
func (m meter) requests(b *testing.B) {
	if m.cfg.Hooks.Metered == nil {
		return
	}
	store, err := m.cfg.Hooks.Metered(0)
	if err != nil {
		b.Fatal(err)
	}
	if store.Close != nil {
		b.Cleanup(store.Close)
	}
	h := store.Target.open()
	const n = 100
	dir := benchRoot + "/requests"
	for _, call := range []struct {
		name string
		f    func(i int) error
	}{
		{"put", func(i int) error { return h.put(b.Context(), dir+"/"+numbered(i%n), []byte("x")) }},
		{"get", func(i int) error { _, err := h.get(b.Context(), dir+"/"+numbered(i%n)); return err }},
		{"stat", func(i int) error { _, err := h.stat(b.Context(), dir+"/"+numbered(i%n)); return err }},
		{"list", func(int) error { _, err := h.list(b.Context(), dir); return err }},
		{"stream-write", func(i int) error { return streamOut(b.Context(), h, benchRoot+"/stream", 64<<10, make([]byte, 64<<10)) }},
	} {
		b.Run("requests/of="+call.name, func(b *testing.B) {
			for i := range n {
				check(b, h.put(b.Context(), dir+"/"+numbered(i), []byte("x")))
			}
			store.Count()
			for i := 0; b.Loop(); i++ {
				check(b, call.f(i))
			}
			calls, _ := store.Count()
			b.ReportMetric(float64(calls)/float64(b.N), "req/op")
		})
	}
}
