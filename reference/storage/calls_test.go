package storage_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/driver/faulty"
	"github.com/registryconform/conform/reference/driver/inmemory"
	"github.com/registryconform/conform/reference/registry"
	"github.com/registryconform/conform/reference/storage"
)

// A ledger writes the calls of a driver down.
type ledger struct {
	mu    sync.Mutex
	calls []string // "Op path"
}

func (l *ledger) hook(op faulty.Op, path string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, string(op)+" "+path)
	return nil
}

// take returns the calls since the last take, without their paths' fronts.
func (l *ledger) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	calls := l.calls
	l.calls = nil
	return calls
}

// count returns how many of the calls begin so.
func count(calls []string, prefix string) (n int) {
	for _, c := range calls {
		if strings.HasPrefix(c, prefix) {
			n++
		}
	}
	return n
}

func ledgered(t *testing.T, o storage.Options, name string) (registry.Repository, *ledger) {
	t.Helper()
	var l ledger
	return repository(t, storage.New(faulty.Wrap(inmemory.New(inmemory.Parameters{}), l.hook), o), name), &l
}

// TestCallsOfAPull: a Stat reads one link and asks for one size (S-040, S-196),
// and so does Open, which reads nothing before the first Read (S-043).
// It shows S-049, S-058, S-179.
func TestCallsOfAPull(t *testing.T) {
	t.Parallel()
	p, l := ledgered(t, storage.Options{}, "calls")
	desc := push(t, p, []byte("content"))
	l.take()
	link, data := linkPath("calls", "_layers", desc.Digest), dataPath(desc.Digest)
	_, err := p.Blobs().Stat(t.Context(), desc.Digest)
	must(t, err)
	if got, want := fmt.Sprint(l.take()), fmt.Sprint([]string{"GetContent " + link, "Stat " + data}); got != want {
		t.Errorf("Stat makes the calls %s, want %s", got, want)
	}
	r, err := p.Blobs().Open(t.Context(), desc.Digest)
	must(t, err)
	calls := l.take()
	if count(calls, "Read ") != 0 || count(calls, "GetContent "+link) != 1 || count(calls, "Stat ") != 1 || len(calls) != 3 {
		t.Errorf("Open makes the calls %v", calls)
	}
	_, err = io.ReadAll(r)
	must(t, err)
	must(t, r.Close())
	if calls := l.take(); count(calls, "Read ") == 0 || count(calls, "Stat ")+count(calls, "GetContent ") != 0 {
		t.Errorf("reading makes the calls %v", calls)
	}
	if _, err = serve(t, p, "HEAD", desc.Digest, nil); err != nil || count(l.take(), "Read") != 0 {
		t.Errorf("an answer to HEAD reads the content: %v", err)
	}
}

// TestCallsOfAPush: what comes in one go is stored without being read back, nor
// asked for its size (S-033, S-061, K-30); a small blob is one put, a large one
// is written, committed and moved (S-008), and each digest is linked once
// (S-332).
// It shows K-34.
func TestCallsOfAPush(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]string{
		10:        "PutContent data, PutContent link",
		200 << 10: "PutContent startedat, Writer data, Commit data, Close data, Move data, PutContent link, Delete upload",
	} {
		p, l := ledgered(t, storage.Options{}, "calls")
		push(t, p, bytes.Repeat([]byte("p"), size))
		var got []string
		for _, c := range l.take() {
			// Whether a collection is under way is asked beside it all.
			if strings.HasPrefix(c, "Write ") || strings.HasSuffix(c, "/_garbage/state") {
				continue
			}
			op, path, _ := strings.Cut(c, " ")
			base := path[strings.LastIndex(path, "/")+1:]
			if op == "Delete" {
				base = "upload"
			}
			got = append(got, op+" "+base)
		}
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("a push of %d bytes: %s, want %s", size, s, want)
		}
	}
}

// TestCallsOfAResumedPush: with a kept hash nothing is read back, however often
// the push was interrupted (S-149, K-47); with hash states off, or for a digest
// of another algorithm, all is read once (S-034, S-147, S-148), and no state is
// ever stored where they are off (S-028, S-304).
func TestCallsOfAResumedPush(t *testing.T) {
	t.Parallel()
	content := bytes.Repeat([]byte("0123456789"), 30_000)
	for _, tc := range []struct {
		name       string
		o          storage.Options
		as         digest.Digest
		reads      int
		hashStates bool
	}{
		{"kept", storage.Options{}, digest.FromBytes(content), 0, true},
		{"off", storage.Options{DisableHashState: true}, digest.FromBytes(content), 1, false},
		{"another algorithm", storage.Options{}, digest.SHA384.FromBytes(content), 1, true},
	} {
		var l ledger
		d := faulty.Wrap(inmemory.New(inmemory.Parameters{}), l.hook)
		p := repository(t, storage.New(d, tc.o), "resumed")
		w, err := p.Blobs().Create(t.Context())
		must(t, err)
		for rest := content; len(rest) > 0; rest = rest[75_000:] {
			_, err = w.Write(rest[:75_000])
			must(t, err)
			must(t, w.Close())
			w, err = p.Blobs().Resume(t.Context(), w.Upload().ID)
			must(t, err)
		}
		// Eight bytes tell how far the upload has come; more are a state.
		state, err := d.GetContent(t.Context(), uploadPath("resumed", w.Upload().ID, "hashstate"))
		must(t, err)
		if got := len(state) > 8; got != tc.hashStates {
			t.Errorf("%s: a hash state was stored: %v", tc.name, got)
		}
		_, err = w.Commit(t.Context(), registry.Descriptor{Digest: tc.as})
		must(t, err)
		if got := count(l.take(), "Reader "); got != tc.reads {
			t.Errorf("%s: the upload is read back %d times, want %d", tc.name, got, tc.reads)
		}
		if !bytes.Equal(read(t, p, tc.as), content) {
			t.Errorf("%s: the content differs", tc.name)
		}
	}
}

// TestManySmallWritesAreFewCalls (S-165): a blob below the bound on memory comes
// to the driver in one piece.
func TestManySmallWritesAreFewCalls(t *testing.T) {
	t.Parallel()
	p, l := ledgered(t, storage.Options{}, "small")
	w, err := p.Blobs().Create(t.Context())
	must(t, err)
	content := bytes.Repeat([]byte("s"), 60<<10)
	for i := range content {
		_, err := w.Write(content[i : i+1])
		must(t, err)
	}
	_, err = w.Commit(t.Context(), describe(content))
	must(t, err)
	if calls := l.take(); len(calls) > 6 {
		t.Errorf("%d writes of a byte make the calls %v", len(content), calls)
	}
}

// TestQuestionsWriteNothing: opening a repository, and asking for what is not
// there, leaves the store as empty as it was (S-220, S-322).
func TestQuestionsWriteNothing(t *testing.T) {
	t.Parallel()
	p, l := ledgered(t, storage.Options{}, "foo/bar")
	dgst := digest.FromString("nothing")
	_, err := p.Blobs().Stat(t.Context(), dgst)
	wantError(t, err, registry.ErrBlobUnknown)
	_, err = p.Manifests().Get(t.Context(), dgst)
	wantError(t, err, registry.ErrManifestUnknown)
	_, err = p.Tags().Get(t.Context(), tag("t"))
	wantError(t, err, registry.ErrManifestUnknown)
	wantError(t, p.Blobs().Delete(t.Context(), dgst), registry.ErrBlobUnknown)
	wantError(t, p.Manifests().Delete(t.Context(), dgst), registry.ErrManifestUnknown)
	if got := collect(t, p.Manifests().Referrers(t.Context(), dgst, "")); len(got) != 0 {
		t.Error(got)
	}
	w, err := p.Blobs().Create(t.Context())
	must(t, err)
	must(t, w.Cancel(t.Context()))
	_, err = p.Blobs().Resume(t.Context(), w.Upload().ID)
	wantError(t, err, registry.ErrBlobUploadUnknown)
	for _, c := range l.take() {
		for _, op := range []faulty.Op{faulty.PutContent, faulty.Writer, faulty.Move, faulty.Delete} {
			if strings.HasPrefix(c, string(op)+" ") {
				t.Errorf("a question makes the call %s", c)
			}
		}
	}
}

// TestDeletesOffAskNothing: where deletes are off, nothing is looked for before
// that is said (S-326), and what is there is served on (S-240, S-275).
func TestDeletesOffAskNothing(t *testing.T) {
	t.Parallel()
	var l ledger
	d := faulty.Wrap(inmemory.New(inmemory.Parameters{}), l.hook)
	on := repository(t, storage.New(d, storage.Options{}), "off")
	config := push(t, on, []byte("{}"))
	desc, err := on.Manifests().Put(t.Context(), image(t, config, ""), registry.PutOptions{Tags: []registry.Tag{tag("t")}})
	must(t, err)
	off := repository(t, storage.New(d, storage.Options{DisableDelete: true}), "off")
	l.take()
	for _, dgst := range []digest.Digest{config.Digest, desc.Digest, digest.FromString("unknown")} {
		wantError(t, off.Blobs().Delete(t.Context(), dgst), registry.ErrUnsupported)
		wantError(t, off.Manifests().Delete(t.Context(), dgst), registry.ErrUnsupported)
	}
	wantError(t, off.Tags().Delete(t.Context(), tag("t")), registry.ErrUnsupported)
	if calls := l.take(); len(calls) > 0 {
		t.Errorf("refusing makes the calls %v", calls)
	}
	read(t, off, config.Digest)
	_, err = off.Manifests().Get(t.Context(), desc.Digest)
	must(t, err)
	push(t, off, []byte("more"))
	must(t, on.Blobs().Delete(t.Context(), config.Digest))
}

// TestPutOfAManifest links last, and once: what belongs to it is there before
// (S-198, S-212, S-270, K-10), and without tags none is set (S-274).
func TestPutOfAManifest(t *testing.T) {
	t.Parallel()
	p, l := ledgered(t, storage.Options{}, "order")
	config := push(t, p, []byte("{}"))
	m := image(t, config, fmt.Sprintf(`,"subject":{"mediaType":"a/b","digest":%q,"size":1}`, digest.FromString("subject")))
	l.take()
	desc, err := p.Manifests().Put(t.Context(), m, registry.PutOptions{})
	must(t, err)
	var puts []string
	for _, c := range l.take() {
		if path, ok := strings.CutPrefix(c, "PutContent "); ok {
			puts = append(puts, path)
		}
	}
	want := []string{
		dataPath(desc.Digest),
		linkPath("order", "_referrers/sha256/"+digest.FromString("subject").Encoded(), desc.Digest),
		linkPath("order", "_manifests/revisions", desc.Digest),
	}
	if fmt.Sprint(puts) != fmt.Sprint(want) {
		t.Errorf("a put writes %v, want %v", puts, want)
	}
	if tags := collect(t, p.Tags().All(t.Context(), registry.Tag{})); len(tags) != 0 {
		t.Errorf("tags %v", tags)
	}
}
