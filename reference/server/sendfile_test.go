package server_test

import (
	"io"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/registryconform/conform/reference/driver/filesystem"
	"github.com/registryconform/conform/reference/server"
	"github.com/registryconform/conform/reference/storage"
)

// A takesFiles is a response that notes what it is to be read from.
type takesFiles struct {
	*httptest.ResponseRecorder
	files, others int
}

func (w *takesFiles) ReadFrom(r io.Reader) (int64, error) {
	limited, _ := r.(*io.LimitedReader)
	if limited != nil {
		if _, ok := limited.R.(*os.File); ok {
			w.files++
			return io.Copy(w.ResponseRecorder, r)
		}
	}
	w.others++
	return io.Copy(w.ResponseRecorder, r)
}

// TestBlobsReachTheConnectionAsFiles holds what sendfile needs: a file behind
// one limit, at most.
func TestBlobsReachTheConnectionAsFiles(t *testing.T) {
	d, err := filesystem.New(filesystem.Parameters{Root: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	h := server.New(storage.New(d, storage.Options{}), server.Options{})
	content := strings.Repeat("0123456789abcdef", 200<<10)
	s := serve(t, h)
	dgst := s.push("a", content)
	for _, ranges := range []string{"", "bytes=5-2500000"} {
		w := &takesFiles{ResponseRecorder: httptest.NewRecorder()}
		r := httptest.NewRequest("GET", "/v2/a/blobs/"+dgst, nil)
		want := content
		if ranges != "" {
			r.Header.Set("Range", ranges)
			want = content[5:2500001]
		}
		h.ServeHTTP(w, r)
		if w.Body.String() != want || w.files < 2 || w.others > 0 {
			t.Errorf("range %q: %d bytes, %d pieces of a file and %d of something else", ranges, w.Body.Len(), w.files, w.others)
		}
	}
}
