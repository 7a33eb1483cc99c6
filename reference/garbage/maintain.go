package garbage

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/storage"
)

// Maintenance is what is done to a store over and over while a server is at
// work. The zero value is nothing.
type Maintenance struct {
	// CollectEvery is the time between collections; 0 is never.
	CollectEvery time.Duration
	Collect      Options
	// PurgeEvery is the time between purges of uploads; 0 is never.
	PurgeEvery time.Duration
	// UploadAge is for how long nothing happened at what is purged, at least
	// [MinUploadAge].
	UploadAge   time.Duration
	PurgeDryRun bool
	// Log gets a record of all that is removed, and of what fails; nil logs
	// nothing.
	Log *slog.Logger
}

// maxJitter bounds the time before the first round, which is random, so that
// servers that were started together don't all work at once.
const maxJitter = time.Hour

// Maintain does the maintenance of the store d, which r reads as in [Collect],
// until ctx ends. What fails is tried again in the next round. That another
// server is collecting is no failure.
func Maintain(ctx context.Context, r *storage.Registry, d driver.Driver, m Maintenance) {
	if m.Log == nil {
		m.Log = slog.New(slog.DiscardHandler)
	}
	report := func(dryRun bool) func(Item) error {
		message := "removed"
		if dryRun {
			message = "would remove"
		}
		return func(i Item) error {
			message := message
			if i.Kind == Indexed || i.Kind == Skipped {
				message = string(i.Kind)
			}
			m.Log.InfoContext(ctx, message, "kind", i.Kind, "repository", i.Repository, "name", i.Name, "bytes", i.Bytes, "reason", i.Reason)
			return nil
		}
	}
	var both sync.WaitGroup
	defer both.Wait()
	both.Go(func() {
		m.repeat(ctx, "collect garbage", m.CollectEvery, func() error {
			return Collect(ctx, r, d, m.Collect, report(m.Collect.DryRun))
		})
	})
	both.Go(func() {
		m.repeat(ctx, "purge uploads", m.PurgeEvery, func() error {
			return PurgeUploads(ctx, d, time.Now().Add(-max(m.UploadAge, MinUploadAge)), m.PurgeDryRun, report(m.PurgeDryRun))
		})
	})
}

// repeat calls f, the first time after a random part of the interval.
func (m Maintenance) repeat(ctx context.Context, what string, interval time.Duration, f func() error) {
	if interval <= 0 {
		return
	}
	for wait := rand.N(min(interval, maxJitter)); ; wait = interval {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		err := f()
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, storage.ErrCollecting):
			m.Log.InfoContext(ctx, what, "skipped", err.Error())
		case err != nil:
			m.Log.ErrorContext(ctx, what, "error", err.Error())
		}
	}
}
