package crash_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/ci/peers"
)

// An uploading is an upload session as its client sees it, which asks any server
// of the store by the path of the session alone.
type uploading struct {
	path    string
	content []byte
	acked   int // bytes that were acknowledged
}

// status asks the server how far the upload has come, and where to go on.
func (u *uploading) status(t *testing.T, s *server) (at int, location string) {
	t.Helper()
	response, _, err := s.Do(t.Context(), http.MethodGet, u.path, nil, nil, http.StatusNoContent)
	if err != nil {
		t.Fatal(err)
	}
	_, last, _ := strings.Cut(response.Header.Get("Range"), "-")
	n, err := strconv.Atoi(last)
	if err != nil || n+1 < u.acked {
		t.Fatalf("the status is %q; %d bytes were acknowledged", response.Header.Get("Range"), u.acked)
	}
	return n + 1, response.Header.Get("Location")
}

// chunk sends the next n bytes to the server.
func (u *uploading) chunk(t *testing.T, s *server, n int) {
	t.Helper()
	at, location := u.status(t, s)
	to := min(at+n, len(u.content))
	header := http.Header{"Content-Type": {"application/octet-stream"}, "Content-Range": {fmt.Sprintf("%d-%d", at, to-1)}}
	if _, _, err := s.Do(t.Context(), http.MethodPatch, location, header, u.content[at:to], http.StatusAccepted); err != nil {
		t.Fatal(err)
	}
	u.acked = to
}

// killedInChunk sends n bytes, and kills the server once it has half of them.
func (u *uploading) killedInChunk(t *testing.T, s *server, n int) {
	t.Helper()
	at, location := u.status(t, s)
	to := min(at+n, len(u.content))
	body, feed := io.Pipe()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPatch, s.URL+location, body)
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = int64(to - at)
	r.Header.Set("Content-Type", "application/octet-stream")
	r.Header.Set("Content-Range", fmt.Sprintf("%d-%d", at, to-1))
	ended := make(chan error, 1)
	go func() {
		response, err := s.HTTP.Do(r)
		if err == nil {
			response.Body.Close()
			err = fmt.Errorf("status %d", response.StatusCode)
		}
		ended <- err
	}()
	if _, err := feed.Write(u.content[at : at+(to-at)/2]); err != nil {
		t.Fatal(err)
	}
	_ = s.end(os.Kill)
	feed.CloseWithError(errors.New("the server is gone"))
	if err := <-ended; err == nil {
		t.Fatal("a killed server has answered")
	}
}

// TestReplicasGoOnWithAnUpload has two servers over one store, to which the
// chunks of an upload go by turns; one is killed in the middle of a chunk, again
// and again. What was acknowledged is never lost, and the blob is whole (P10,
// S-145, S-169, S-171, S-213).
func TestReplicasGoOnWithAnUpload(t *testing.T) {
	t.Parallel()
	dir := peers.TempDir(t)
	servers := []*server{serve(t, dir), serve(t, dir)}
	random := rand.New(rand.NewPCG(1, 2))
	content := make([]byte, 3<<20)
	for i := range content {
		content[i] = byte(random.Uint32())
	}
	for round := range 3 {
		response, _, err := servers[0].Do(t.Context(), http.MethodPost, "/v2/team/app/blobs/uploads/", nil, nil, http.StatusAccepted)
		if err != nil {
			t.Fatal(err)
		}
		path, _, _ := strings.Cut(response.Header.Get("Location"), "?")
		u := &uploading{path: path, content: append(content, byte(round), 0, 0)}
		// The first has no bytes to ask for.
		header := http.Header{"Content-Type": {"application/octet-stream"}}
		if _, _, err := servers[1].Do(t.Context(), http.MethodPatch, path, header, u.content[:1000], http.StatusAccepted); err != nil {
			t.Fatal(err)
		}
		u.acked = 1000
		for turn := 0; u.acked < len(u.content); turn++ {
			who := turn % 2
			n := 1 + random.IntN(400_000)
			if turn%4 == 2 {
				u.killedInChunk(t, servers[who], n)
				u.chunk(t, servers[1-who], n)
				servers[who] = serve(t, dir)
				continue
			}
			u.chunk(t, servers[who], n)
		}
		dgst := digest.FromBytes(u.content)
		_, location := u.status(t, servers[round%2])
		if _, _, err := servers[round%2].Do(t.Context(), http.MethodPut, location+"&digest="+dgst.String(), nil, nil, http.StatusCreated); err != nil {
			t.Fatal(err)
		}
		for _, s := range servers {
			_, got, err := s.Do(t.Context(), http.MethodGet, "/v2/team/app/blobs/"+dgst.String(), nil, nil, http.StatusOK)
			if err != nil || !bytes.Equal(got, u.content) {
				t.Fatalf("%d bytes came back, %v", len(got), err)
			}
		}
	}
	for _, s := range servers {
		_ = s.end(os.Interrupt)
	}
	if wrong := fsck(t, dir); len(wrong) > 0 {
		t.Errorf("the store has %q", wrong)
	}
}
