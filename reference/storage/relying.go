package storage

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/internal/layout"
	"github.com/registryconform/conform/reference/registry"
)

const (
	// collectorTTL is how long a collector counts as alive after a sign of
	// life.
	collectorTTL = 2 * time.Minute
	// removalPatience is how long a push waits for the end of a removal.
	removalPatience = 30 * time.Second
	removalPoll     = 10 * time.Millisecond
	// maxTries is how often a push begins anew because a collection began.
	maxTries = 5
)

// collectionState is what the store says of the last collection.
type collectionState struct {
	// Run is the id of the collection; no two have the same.
	Run string `json:"run"`
	// Active says that it is under way.
	Active bool `json:"active"`
	// Removing is what is being removed right now.
	Removing []digest.Digest `json:"removing,omitempty"`
}

// collection reads the state of the last collection. One whose collector died
// is over. A file that no collector wrote, as by damage, is none under way.
func (r *Registry) collection(ctx context.Context) (collectionState, error) {
	content, err := r.driver.GetContent(ctx, layout.CollectionState)
	if absent(err) {
		return collectionState{}, nil
	}
	if err != nil {
		return collectionState{}, fmt.Errorf("read state of collection: %w", err)
	}
	var s collectionState
	if json.Unmarshal(content, &s) != nil {
		return collectionState{Run: string(content)}, nil
	}
	if !s.Active {
		return s, nil
	}
	sign, err := r.driver.GetContent(ctx, layout.Collector(s.Run))
	if err != nil && !absent(err) {
		return collectionState{}, fmt.Errorf("read collector's sign of life: %w", err)
	}
	if !alive(sign) {
		s.Active, s.Removing = false, nil
	}
	return s, nil
}

// alive reports whether a collector's sign of life is recent.
func alive(sign []byte) bool {
	at, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(string(sign)))
	return err == nil && time.Since(at) < collectorTTL
}

// relying runs write, which makes something visible that needs what the digests
// name, so that no collection takes that away, in this process or another.
// During a collection it tells first what it relies on, and waits while that is
// being removed. If one began while it wrote, which may have missed it, it does
// all of it again: write must look for what it needs, and may find done what it
// did before. See the documentation of package garbage for why this is enough.
func (r *Registry) relying(ctx context.Context, on []digest.Digest, write func() error) error {
	before, err := r.collection(ctx)
	for range maxTries {
		if err == nil && before.Active {
			err = r.announce(ctx, before.Run, on)
		}
		if err == nil {
			err = write()
		}
		if err != nil {
			return err
		}
		after, err := r.collection(ctx)
		if err != nil || after.Run == before.Run {
			return err
		}
		before = after
	}
	return registry.ErrUnavailable.With("garbage is collected over and over")
}

// announce tells the collector on what a push relies, and returns once none of
// it is being removed.
func (r *Registry) announce(ctx context.Context, run string, on []digest.Digest) error {
	var text strings.Builder
	for _, dgst := range on {
		text.WriteString(dgst.String() + "\n")
	}
	id, err := uuid.NewRandom()
	if err != nil {
		return fmt.Errorf("new id: %w", err)
	}
	file := layout.UsesDuring(run) + "/" + id.String()
	if err := r.driver.PutContent(ctx, file, []byte(text.String())); err != nil {
		return mapped("announce push", err)
	}
	for end := time.Now().Add(removalPatience); ; {
		s, err := r.collection(ctx)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(on, func(dgst digest.Digest) bool { return slices.Contains(s.Removing, dgst) }) {
			return nil
		}
		if time.Now().After(end) {
			return registry.ErrUnavailable.With("garbage is being collected")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(removalPoll):
		}
	}
}
