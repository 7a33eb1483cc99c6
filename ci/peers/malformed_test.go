package peers_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/registryconform/conform/ci/peers"
	"github.com/registryconform/conform/fixtures"
	"github.com/registryconform/conform/fixtures/malformed"
)

// outcome returns what the registry did with a manifest: "accept", a code, or
// the status where there is none.
func outcome(t *testing.T, url string, v malformed.Vector) (codes []string, status int) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, bytes.NewReader(v.Content))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", v.MediaType)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return []string{"no answer"}, 0
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode < 300 {
		return []string{malformed.Accept}, answer.StatusCode
	}
	var document struct{ Errors []struct{ Code string } }
	if json.Unmarshal(body, &document) != nil || len(document.Errors) == 0 {
		return []string{fmt.Sprint(answer.StatusCode)}, answer.StatusCode
	}
	for _, e := range document.Errors {
		codes = append(codes, e.Code)
	}
	return codes, answer.StatusCode
}

// A deviation is a line of malformed.tsv: what a peer answers to the vectors
// whose names match, where that is neither what is expected of them nor what a
// registry may do as well.
type deviation struct{ peer, pattern, answer string }

func deviations(t *testing.T) []deviation {
	t.Helper()
	text, err := os.ReadFile("malformed.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var all []deviation
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) != 3 {
			t.Fatalf("malformed.tsv: %q has not three fields", line)
		}
		all = append(all, deviation{fields[0], fields[1], fields[2]})
	}
	return all
}

// TestMalformed tries every malformed manifest on the peers: each answers as
// expected, but for what malformed.tsv lists, and all of that. Manifests of
// schema 1 are tried where they are taken.
func TestMalformed(t *testing.T) {
	x, err := malformed.Load()
	if err != nil {
		t.Fatal(err)
	}
	known := deviations(t)
	for _, p := range []peers.Peer{peers.DebianSchema1(), peers.Distribution(), peers.Crane()} {
		t.Run(p.Name, func(t *testing.T) {
			url, met := pushContent(t, p, x), map[deviation]bool{}
			for _, v := range x.Vectors {
				if v.Kind != malformed.Manifest || v.MediaType == fixtures.MediaTypeSchema1Signed && p.Name != peers.DebianSchema1().Name {
					continue
				}
				codes, status := outcome(t, url, v)
				if slices.Contains(codes, v.Expect) && status < 500 || v.Or != "" && slices.Contains(codes, v.Or) && status < 500 {
					continue
				}
				answer := fmt.Sprint(status, " ", strings.Join(slices.Compact(codes), " "))
				at := slices.IndexFunc(known, func(d deviation) bool {
					matched, _ := path.Match(d.pattern, v.Name)
					return matched && d.peer == p.Name && d.answer == answer
				})
				if at < 0 {
					t.Errorf("%s\t%s\t%s", p.Name, v.Name, answer)
					continue
				}
				met[known[at]] = true
			}
			for _, d := range known {
				if d.peer == p.Name && !met[d] {
					t.Errorf("malformed.tsv has %q, which is not seen", d)
				}
			}
		})
	}
}

// pushContent starts the peer with what the vectors refer to, and returns the
// URL to push them to.
func pushContent(t *testing.T, p peers.Peer, x malformed.Index) string {
	t.Helper()
	registry := p.Start(t).String()
	for _, part := range x.Content {
		if part.MediaType == "" {
			pushBlob(t, registry, x.Repository, part.Digest, part.Content)
			continue
		}
		call(t, http.MethodPut, registry+"/v2/"+x.Repository+"/manifests/"+part.Digest.String(), part.MediaType, part.Content, http.StatusCreated)
	}
	return registry + "/v2/" + x.Repository + "/manifests/" + x.Reference
}
