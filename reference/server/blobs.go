package server

import (
	"io"
	"net/http"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/registry"
)

const contentBlob = "application/octet-stream"

// getBlob answers GET and HEAD of a blob (section "Pulling blobs").
func (c *call) getBlob() error {
	dgst, err := registry.ParseDigest(c.arg)
	if err != nil {
		return err
	}
	r := c.r
	if r.Method == http.MethodHead && r.Header.Get("Range") != "" {
		// A range has no meaning but for GET (RFC 9110 §14.2).
		r = r.Clone(c.ctx)
		r.Header.Del("Range")
	}
	c.w.Header().Set("Cache-Control", "max-age=31536000")
	out := &plainCatcher{response: c.w}
	if direct, ok := c.repo.Blobs().(registry.BlobServer); ok {
		err = direct.ServeBlob(c.ctx, out, r, dgst)
	} else {
		err = c.sendBlob(out, r, dgst)
	}
	if err != nil {
		return err
	}
	return out.err()
}

func (c *call) sendBlob(w http.ResponseWriter, r *http.Request, dgst digest.Digest) error {
	content, err := c.repo.Blobs().Open(c.ctx, dgst)
	if err != nil {
		return err
	}
	defer content.Close()
	h := w.Header()
	h.Set("Content-Type", contentBlob)
	h.Set("Docker-Content-Digest", dgst.String())
	h.Set("ETag", `"`+dgst.String()+`"`)
	http.ServeContent(w, r, "", time.Time{}, content)
	return nil
}

// deleteBlob answers DELETE of a blob (section "Deleting blobs").
func (c *call) deleteBlob() error {
	dgst, err := registry.ParseDigest(c.arg)
	if err != nil {
		return err
	}
	if err := c.repo.Blobs().Delete(c.ctx, dgst); err != nil {
		return err
	}
	return c.empty(http.StatusAccepted)
}

// A plainCatcher holds back the plain-text errors of [http.ServeContent], so
// that every error has the same form.
type plainCatcher struct {
	*response
	refused int
}

func (p *plainCatcher) WriteHeader(status int) {
	if status >= 400 {
		p.refused = status
		return
	}
	if status >= 300 && status != http.StatusNotModified {
		// What describes the blob does not describe a redirect.
		for _, key := range []string{"Docker-Content-Digest", "Etag", "Cache-Control"} {
			p.Header().Del(key)
		}
	}
	p.response.WriteHeader(status)
}

func (p *plainCatcher) Write(b []byte) (int, error) {
	if p.refused != 0 {
		return len(b), nil
	}
	return p.response.Write(b)
}

func (p *plainCatcher) ReadFrom(r io.Reader) (int64, error) {
	if p.refused != 0 {
		return 0, nil
	}
	return p.response.ReadFrom(r)
}

func (p *plainCatcher) err() error {
	switch p.refused {
	case 0:
		return nil
	case http.StatusRequestedRangeNotSatisfiable:
		return registry.ErrRangeUnsatisfiable
	case http.StatusPreconditionFailed:
		return errBlobPrecondition
	}
	return registry.ErrUnknown
}
