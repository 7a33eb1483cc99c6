package driver_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/registryconform/conform/reference/driver"
	"github.com/registryconform/conform/reference/driver/inmemory"
)

// TestHintTellsNothingTwice: a hint does not bring back what f was called for. The server begins behind a
// key, and its pages have one.
func TestHintTellsNothingTwice(t *testing.T) {
	t.Parallel()
	keys := []string{"a-/x", "b-/a-"}
	s := &driver.FlatStore{DriverName: "x", Fetch: func(_ context.Context, q driver.FlatQuery) ([]driver.FlatEntry, string, error) {
		from := q.Token
		if q.After != "" {
			from = q.After
		}
		for i, k := range keys {
			if k > from && strings.HasPrefix(k, q.Prefix) {
				next := k
				if i == len(keys)-1 {
					next = ""
				}
				return []driver.FlatEntry{{Key: k}}, next, nil
			}
		}
		return nil, "", nil
	}}
	keys = append(keys, "c")
	var got []string
	err := s.Walk(t.Context(), "/", func(i driver.FileInfo) error { got = append(got, i.Path()); return nil },
		driver.WithStartAfterHint("/b-/Z"))
	if want := []string{"/b-/a-", "/c"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}

// TestWalkEndsWithItsContext: a walk ends when its context does.
func TestWalkEndsWithItsContext(t *testing.T) {
	t.Parallel()
	d := inmemory.New(inmemory.Parameters{})
	for i := range 10000 {
		if err := d.PutContent(t.Context(), fmt.Sprintf("/d%05d/f", i), nil); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	err := d.Walk(ctx, "/", func(i driver.FileInfo) error {
		if n++; n == 300 {
			cancel()
		}
		return driver.ErrSkipDir
	})
	if !errors.Is(err, context.Canceled) || n > 400 {
		t.Errorf("f is called %d times more, %v", n-300, err)
	}
}
