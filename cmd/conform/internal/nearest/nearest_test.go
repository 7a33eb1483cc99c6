package nearest_test

import (
	"slices"
	"testing"

	"github.com/registryconform/conform/cmd/conform/internal/nearest"
)

func TestNames(t *testing.T) {
	t.Parallel()
	known := []string{"pull.blob.unknown", "pull.blob.get", "push.blob.created", "tags.list", "a.blob.b", "c.blob.d"}
	for name, want := range map[string][]string{
		"pull.blob.unknwon": {"pull.blob.unknown"},
		"tag.list":          {"tags.list"},
		"blob":              {"a.blob.b", "c.blob.d", "pull.blob.get"},
		"zzzzzz":            nil,
		"":                  nil,
	} {
		if got := nearest.Names(name, known); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
	if got := nearest.Hint("tag.list", known); got != ": did you mean tags.list?" {
		t.Errorf("got %q", got)
	}
}
