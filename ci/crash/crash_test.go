package crash_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/ci/need"
	"github.com/registryconform/conform/ci/peers"
	"github.com/registryconform/conform/ci/push"
	"github.com/registryconform/conform/fixtures"
)

var rounds = flag.Int("rounds", 100, "how often TestKill kills the server")

func TestMain(m *testing.M) {
	flag.Parse()
	if dir := os.Getenv(collectorOf); dir != "" {
		os.Exit(collectForever(dir))
	}
	os.Exit(need.WithConform(m))
}

// A server is a process of "conform serve".
type server struct {
	push.Client
	command *exec.Cmd
	started time.Duration // until it was ready
}

func serve(t *testing.T, dir string, flags ...string) *server {
	t.Helper()
	begin := time.Now()
	s := &server{command: exec.Command("conform", append([]string{"serve", "--addr", "127.0.0.1:0", "--storage", dir}, flags...)...)}
	s.command.Stderr = os.Stderr
	out, err := s.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.end(os.Kill) })
	line, err := bufio.NewReader(out).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !ok {
		t.Fatalf("the server says %q, %v", line, err)
	}
	s.started = time.Since(begin)
	s.Client = push.Client{URL: url, HTTP: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}, Timeout: time.Minute}}
	return s
}

// end ends the server by a signal; more than once is no harm.
func (s *server) end(signal os.Signal) error {
	_ = s.command.Process.Signal(signal)
	err := s.command.Wait()
	s.HTTP.CloseIdleConnections()
	return err
}

// fsck checks the store, and returns the paths of what is wrong with it.
func fsck(t *testing.T, dir string) []string {
	t.Helper()
	out, err := exec.Command("conform", "fsck", "--json", dir).Output()
	var wrong []string
	for line := range bytes.Lines(out) {
		var f struct {
			Path, Message string
			Leftover      bool
			Summary       *struct{ Violations int }
		}
		if err := json.Unmarshal(line, &f); err != nil {
			t.Fatalf("fsck says %q: %v", line, err)
		}
		if f.Summary == nil && !f.Leftover {
			wrong = append(wrong, f.Path+": "+f.Message)
		}
		if f.Summary != nil && f.Summary.Violations != len(wrong) {
			t.Errorf("fsck counts %d violations and names %d", f.Summary.Violations, len(wrong))
		}
	}
	if (err != nil) != (len(wrong) > 0) {
		t.Errorf("fsck ends with %v and names %q", err, wrong)
	}
	return wrong
}

// A writer pushes images to a repository of its own, and remembers what was
// acknowledged.
type writer struct {
	repository string
	source     *fixtures.Source
	n          int

	acked   map[string]fixtures.Manifest // by digest
	blobs   map[digest.Digest]int        // sizes of acknowledged blobs
	current string                       // the digest that the tag is known to name
	trials  []string                     // what it may name since
}

// work pushes images until the server is gone: a layer in chunks, the manifest
// under its digest, then under the tag.
func (w *writer) work(t *testing.T, s *server) {
	for {
		w.n++
		image := w.source.Image(fixtures.Layers(2), fixtures.LayerSize(1<<10+w.n%3*60<<10)).Manifest
		for i, b := range image.Blobs {
			if _, err := s.Blob(t.Context(), w.repository, b.Content, i%3); err != nil {
				return
			}
			w.blobs[b.Digest] = len(b.Content)
		}
		dgst := image.Digest.String()
		if s.Manifest(t.Context(), w.repository, dgst, image.MediaType, image.Content) != nil {
			return
		}
		w.acked[dgst] = image
		w.trials = append(w.trials, dgst)
		if s.Manifest(t.Context(), w.repository, "latest", image.MediaType, image.Content) != nil {
			return
		}
		w.current, w.trials = dgst, nil
	}
}

// check looks for all that was acknowledged; recent is what the tag may name,
// and what the last rounds brought, whole.
func (w *writer) check(t *testing.T, s *server, all bool) {
	_, got, err := s.Do(t.Context(), http.MethodGet, "/v2/"+w.repository+"/manifests/latest", nil, nil, http.StatusOK, http.StatusNotFound)
	if err != nil {
		t.Error(err)
		return
	}
	named := digest.FromBytes(got).String()
	_, known := w.acked[named]
	if (w.current != "" || known) && named != w.current && !slices.Contains(w.trials, named) {
		t.Errorf("the tag of %s names %s (%.100s), want %s or one of %q", w.repository, named, got, w.current, w.trials)
	}
	if known {
		// It was seen: what else was on its way is gone for good.
		w.current, w.trials = named, nil
	}
	for dgst, image := range w.acked {
		if !all && dgst != w.current && rand.IntN(16) > 0 {
			continue
		}
		if err := s.Whole(t.Context(), w.repository, dgst, image); err != nil {
			t.Errorf("acknowledged: %v", err)
		}
	}
	for dgst, size := range w.blobs {
		if !all && rand.IntN(16) > 0 {
			continue
		}
		response, _, err := s.Do(t.Context(), http.MethodHead, "/v2/"+w.repository+"/blobs/"+dgst.String(), nil, nil, http.StatusOK)
		if err != nil || response.ContentLength != int64(size) {
			t.Errorf("acknowledged blob of %d bytes: %v", size, err)
		}
	}
}

// TestKill kills the server at any moment, again and again, while four writers
// push: after each restart all that was acknowledged is there.
func TestKill(t *testing.T) {
	dir := peers.TempDir(t)
	var writers []*writer
	for i := range 4 {
		writers = append(writers, &writer{
			repository: fmt.Sprintf("kill/app%d", i), source: fixtures.New(fmt.Sprint("kill", i)),
			acked: map[string]fixtures.Manifest{}, blobs: map[digest.Digest]int{},
		})
	}
	images := func() (n int) {
		for _, w := range writers {
			n += len(w.acked)
		}
		return n
	}
	var starts []time.Duration
	for round := 0; ; round++ {
		// A machine that is busy with other work gets less done between two kills.
		last := round >= *rounds && images() >= *rounds || round == 5**rounds
		s := serve(t, dir)
		starts = append(starts, s.started)
		var checking, pushing sync.WaitGroup
		for _, w := range writers {
			checking.Go(func() { w.check(t, s, last) })
		}
		checking.Wait()
		if t.Failed() || last {
			break
		}
		for _, w := range writers {
			pushing.Go(func() { w.work(t, s) })
		}
		time.Sleep(time.Duration(10+rand.IntN(80)) * time.Millisecond)
		if err := s.end(syscall.SIGKILL); err == nil {
			t.Fatal("the server ended by itself")
		}
		pushing.Wait()
	}
	for _, wrong := range fsck(t, dir) {
		t.Errorf("fsck: %s", wrong)
	}
	slices.Sort(starts)
	t.Logf("%d kills, %d images acknowledged; ready after %v, at most %v", len(starts)-1, images(), starts[len(starts)/2], starts[len(starts)-1])
	if images() < *rounds {
		t.Errorf("only %d images were acknowledged", images())
	}
}

// TestTerm ends the server by SIGTERM in the middle of pushes: those under way
// are answered, it ends with status 0, and what was acknowledged is there.
func TestTerm(t *testing.T) {
	t.Parallel()
	dir := peers.TempDir(t)
	s := serve(t, dir)
	content := bytes.Repeat([]byte("slow"), 64<<10)
	response, _, err := s.Do(t.Context(), http.MethodPost, "/v2/term/blobs/uploads/", nil, nil, http.StatusAccepted)
	if err != nil {
		t.Fatal(err)
	}
	at, err := response.Location()
	if err != nil {
		t.Fatal(err)
	}
	body, feed := io.Pipe()
	target := at.String() + "&digest=" + digest.FromBytes(content).String()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, target, body)
	if err != nil {
		t.Fatal(err)
	}
	// The body is sent once the server asks for it: a server that ends may close
	// a connection that waits for its next request, and this one is to be under way.
	r.Header.Set("Expect", "100-continue")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, ExpectContinueTimeout: time.Minute}}
	answered := make(chan error, 1)
	go func() {
		response, err := client.Do(r)
		if err == nil {
			response.Body.Close()
			if response.StatusCode != http.StatusCreated {
				err = fmt.Errorf("got %s", response.Status)
			}
		}
		answered <- err
	}()
	if _, err := feed.Write(content[:100<<10]); err != nil {
		t.Fatal(err)
	}
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for push := (push.Client{URL: s.URL, HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}); ; {
		if _, _, err := push.Do(t.Context(), http.MethodGet, "/v2/", nil, nil); err != nil {
			break // it takes no more
		}
	}
	if _, err := feed.Write(content[100<<10:]); err != nil {
		t.Fatal(err)
	}
	feed.Close()
	if err := <-answered; err != nil {
		t.Errorf("the push under way: %v", err)
	}
	if err := s.command.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	s = serve(t, dir)
	if _, got, err := s.Do(t.Context(), http.MethodGet, "/v2/term/blobs/"+digest.FromBytes(content).String(), nil, nil, http.StatusOK); err != nil || !bytes.Equal(got, content) {
		t.Errorf("what was acknowledged: %d bytes, %v", len(got), err)
	}
}
