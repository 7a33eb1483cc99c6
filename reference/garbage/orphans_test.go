package garbage_test

import (
	"errors"
	"testing"
	"time"

	"github.com/registryconform/conform/ci/backends"
	"github.com/registryconform/conform/reference/driver/s3"
	"github.com/registryconform/conform/reference/garbage"
)

// TestPurgeOfOrphans leaves four uploads on an S3 server that never ends one by
// itself. A purge ends those to which no session leads, and leaves what a session is
// at, and what is another program's.
func TestPurgeOfOrphans(t *testing.T) {
	t.Parallel()
	p, err := s3.ParseParameters(backends.StartS3(t).Parameters())
	must(t, err)
	d, err := s3.New(p)
	must(t, err)
	const sessions = "/docker/registry/v2/repositories/app/_uploads/"
	wanted := map[string]bool{
		sessions + "one/data":                           true,
		sessions + "two/data":                           false,
		"/docker/registry/v2/blobs/sha256/00/0000/data": false,
		"/elsewhere/data":                               true,
	}
	for path := range wanted {
		w, err := d.Writer(t.Context(), path, false)
		must(t, err)
		_, err = w.Write([]byte("content"))
		must(t, errors.Join(err, w.Close()))
	}
	must(t, d.PutContent(t.Context(), sessions+"one/startedat", []byte(time.Now().Format(time.RFC3339Nano))))
	time.Sleep(2 * time.Second) // the server tells times in seconds
	before := time.Now()
	time.Sleep(2 * time.Second)
	must(t, d.PutContent(t.Context(), sessions+"one/hashstate", []byte("at work")))

	none := func(i garbage.Item) error {
		t.Errorf("purged: %v", i)
		return nil
	}
	for _, dryRun := range []bool{true, false} {
		must(t, garbage.PurgeUploads(t.Context(), d, before, dryRun, none))
		for path, stays := range wanted {
			w, err := d.Writer(t.Context(), path, true)
			must(t, err)
			if got := w.Size() > 0; got != (stays || dryRun) {
				t.Errorf("dry run %v: %s has %d bytes", dryRun, path, w.Size())
			}
			must(t, w.Close())
		}
	}
}
