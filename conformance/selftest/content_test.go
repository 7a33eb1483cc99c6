package selftest

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/ci/push"
	"github.com/registryconform/conform/conformance"
	"github.com/registryconform/conform/conformance/report"
	"github.com/registryconform/conform/conformance/requirement"
	"github.com/registryconform/conform/fixtures"
	"github.com/registryconform/conform/reference/quirk"
	"github.com/registryconform/conform/reference/registrytest"
)

// mirror is a registry that holds content and takes none.
type mirror struct {
	*registrytest.Registry
	content conformance.Content
	wrap    func(http.Handler) http.Handler // what misbehaves, once it holds the content
	writes  int
}

func newMirror(t *testing.T) *mirror {
	t.Helper()
	m := &mirror{}
	m.Registry = registrytest.New(t, registrytest.WithHandler(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case m.wrap == nil:
				next.ServeHTTP(w, r)
			case r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodOptions:
				m.writes++
				w.WriteHeader(http.StatusMethodNotAllowed)
			default:
				m.wrap(next).ServeHTTP(w, r)
			}
		})
	}))
	s, c := fixtures.New("mirror"), push.Client{URL: m.URL}
	img := s.Image(fixtures.Layers(2), fixtures.LayerSize(2<<20)).Manifest
	index := s.Index([]fixtures.Manifest{img})
	artifact := s.Artifact("application/vnd.example.artifact")
	for tag, x := range map[string]fixtures.Manifest{"image": img, "index": index, "artifact": artifact} {
		if err := c.Image(t.Context(), "held/here", tag, x); err != nil {
			t.Fatal(err)
		}
		m.content.Tags = append(m.content.Tags, tag)
	}
	m.content.Digests = []digest.Digest{img.Digest, index.Digest, artifact.Digest}
	return m
}

// judge runs the profile pull over what the mirror holds.
func (m *mirror) judge(t *testing.T, wrap func(http.Handler) http.Handler) *report.Report {
	t.Helper()
	m.wrap = wrap
	u, err := url.Parse(m.URL)
	if err != nil {
		t.Fatal(err)
	}
	target := conformance.Registry{URL: u, Repositories: [2]string{"held/here", "held/there"}, Content: m.content}
	rep, err := conformance.Run(context.Background(), target, conformance.Options{Profile: requirement.ProfilePull, Seed: "held"})
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// TestContentThatIsThere demands that a sound registry that takes no content is
// judged by what it holds, that nothing is sent to change it, and that what
// breaks the pull of pushed content is found there, too.
func TestContentThatIsThere(t *testing.T) {
	m := newMirror(t)
	judged := map[string]bool{}
	rep := m.judge(t, func(next http.Handler) http.Handler { return next })
	for _, r := range rep.Results {
		switch r.Outcome {
		case report.Passed:
			judged[r.ID] = true
		case report.NotSelected, report.Unsupported:
		default:
			t.Errorf("%s (%s): %s\n%s", r.ID, r.Spec, r.Outcome, r.Message)
		}
	}
	t.Logf("%s; %d requirements", rep.Verdict.Summary, len(judged))
	listed, shown := map[string]bool{}, map[string]bool{"api.http.semantics": true} // broken for other methods alone
	for _, q := range quirk.All() {
		if !slices.ContainsFunc(breaks()[q.Name], func(id string) bool { return judged[id] }) || knowsPushes(q.Name) {
			continue
		}
		got, _ := failures(m.judge(t, q.Wrap))
		for _, id := range got {
			if shown[id] = true; !slices.Contains(breaks()[q.Name], id) {
				t.Errorf("%s breaks %s, which it does not where content is pushed", q.Name, id)
			}
		}
		for _, id := range breaks()[q.Name] {
			listed[id] = true
		}
	}
	for id := range judged {
		if listed[id] && !shown[id] {
			t.Errorf("%s is broken by no quirk here", id)
		}
	}
	if m.writes > 0 {
		t.Errorf("%d requests would have changed the registry", m.writes)
	}
}

// knowsPushes reports whether a quirk tells repositories apart by the pushes that
// it has seen, of which there are none here.
func knowsPushes(quirk string) bool { return strings.HasPrefix(quirk, "repository-unknown-") }
