//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A sample is what one load did on one server in one round.
type sample struct {
	ops     int64
	elapsed time.Duration
	cpu     time.Duration
}

// results are the samples by candidate and load, and the peaks of memory.
type results struct {
	samples [][][]sample
	peaks   []int64
}

// A run is what is to be measured, and for how long.
type run struct {
	candidates []candidate
	loads      []load
	content    *content
	rounds     int
	time       time.Duration // of each load, on each server, in each round
	dir        string        // for the stores
	settle     bool          // let what was written come to rest before it is measured
	progress   io.Writer
}

// aWhile is how long content lies there before it is pulled: the content of most
// stores is older.
const aWhile = 4 * time.Second

func (r *run) measure(ctx context.Context) (*results, error) {
	out := &results{samples: make([][][]sample, len(r.candidates)), peaks: make([]int64, len(r.candidates))}
	for i := range out.samples {
		out.samples[i] = make([][]sample, len(r.loads))
	}
	for round := range r.rounds {
		began := time.Now()
		if err := r.round(ctx, round, out); err != nil {
			return nil, err
		}
		fmt.Fprintf(r.progress, "round %d of %d: %.0f s\n", round+1, r.rounds, time.Since(began).Seconds())
	}
	return out, nil
}

func (r *run) round(ctx context.Context, round int, out *results) error {
	var servers []*server
	defer func() {
		for _, s := range servers {
			s.stop()
		}
	}()
	for _, c := range r.candidates {
		s, err := start(ctx, c, r.dir)
		if err != nil {
			return err
		}
		servers = append(servers, s)
		if c.store == "none" {
			continue
		}
		if err := r.preload(s); err != nil {
			return fmt.Errorf("%s (%s): %w", s.name, s.store, err)
		}
	}
	if r.settle {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(aWhile):
		}
	}
	for l, load := range r.loads {
		prepared := r.prepare(load, uint32(round)+2, uint32(l))
		for i := range servers {
			i = (i + round) % len(servers)
			if servers[i].without != nil && servers[i].without.MatchString(load.name) {
				continue
			}
			s, err := r.put(ctx, load, servers[i], uint32(round)+2, prepared)
			if err != nil {
				return fmt.Errorf("%s on %s (%s): %w", load.name, servers[i].name, servers[i].store, err)
			}
			out.samples[i][l] = append(out.samples[i][l], s)
		}
	}
	for i, s := range servers {
		out.peaks[i] = max(out.peaks[i], s.peak())
	}
	return nil
}

func (r *run) preload(s *server) error {
	c, err := dial(s.host)
	if err != nil {
		return err
	}
	defer c.close()
	return (&worker{conn: c, content: r.content, host: s.host}).preload()
}

// prepare makes the blobs of a load that counts its operations, which takes
// too long while it is measured.
func (r *run) prepare(l load, round, n uint32) (all []blob) {
	for i := range l.count {
		all = append(all, r.content.blob(r.content.upload, round, n, uint32(i)))
	}
	return all
}

// put puts a load on a server. What earlier loads left to be written to disk
// is written first, so that none pays for another.
func (r *run) put(ctx context.Context, l load, s *server, round uint32, prepared []blob) (sample, error) {
	workers := make([]*worker, l.workers)
	share := (len(prepared) + l.workers - 1) / l.workers
	for i := range workers {
		c, err := dial(s.host)
		if err != nil {
			return sample{}, err
		}
		defer c.close()
		workers[i] = &worker{conn: c, content: r.content, host: s.host, round: round, id: uint32(i)}
		if share > 0 {
			workers[i].prepared = prepared[min(i*share, len(prepared)):min((i+1)*share, len(prepared))]
		}
	}
	if r.settle {
		syscall.Sync()
	}
	ctx, cancel := context.WithTimeout(ctx, r.time)
	defer cancel()
	var ops atomic.Int64
	errs := make([]error, len(workers))
	before, began := s.cpu(), time.Now()
	var wg sync.WaitGroup
	for i, w := range workers {
		wg.Go(func() { errs[i] = w.repeat(ctx, l, &ops) })
	}
	wg.Wait()
	return sample{ops.Load(), time.Since(began), s.cpu() - before}, errors.Join(errs...)
}

// repeat does the operation once at least, for that the rate is never zero.
func (w *worker) repeat(ctx context.Context, l load, ops *atomic.Int64) error {
	for {
		if l.count > 0 && int(w.n) == len(w.prepared) {
			return nil
		}
		if err := l.once(w); err != nil {
			return err
		}
		w.n++
		ops.Add(1)
		if ctx.Err() != nil {
			return nil
		}
	}
}

// rates returns the median of operations in a second, and half of the
// distance between the quartiles as a share of it.
func rates(samples []sample) (median, spread float64) {
	if len(samples) == 0 {
		return math.NaN(), 0
	}
	var all []float64
	for _, s := range samples {
		all = append(all, float64(s.ops)/s.elapsed.Seconds())
	}
	slices.Sort(all)
	median = quantile(all, 0.5)
	return median, (quantile(all, 0.75) - quantile(all, 0.25)) / 2 / median
}

func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}

// cpuPerOp returns the processor time of the server for an operation, over all
// rounds.
func cpuPerOp(samples []sample) time.Duration {
	var cpu time.Duration
	var ops int64
	for _, s := range samples {
		cpu, ops = cpu+s.cpu, ops+s.ops
	}
	return cpu / max(time.Duration(ops), 1)
}
