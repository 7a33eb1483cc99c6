// Package push pushes and pulls over HTTP as a simple client does, for tests
// against registries that run in processes of their own. It checks statuses and
// nothing else. Only tests import it.
package push

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/fixtures"
)

// A Client is a client of the registry at URL, which has no slash at its end.
type Client struct {
	URL string
	// HTTP sends the requests; nil is [http.DefaultClient].
	HTTP *http.Client
}

// A StatusError is an answer with another status than was wanted.
type StatusError struct {
	Method, Path string
	Status       int
	Body         []byte
}

// Error tells the request, the status and the beginning of the answer.
func (e *StatusError) Error() string {
	return fmt.Sprintf("%s %s: %d %.500s", e.Method, e.Path, e.Status, e.Body)
}

// Do sends a request to a path, or URL, of the registry, and returns the answer
// with its whole body. It fails if the status is not one of want, of which none
// means any.
func (c Client) Do(ctx context.Context, method, path string, header http.Header, body []byte, want ...int) (*http.Response, []byte, error) {
	target := path
	if !strings.HasPrefix(path, "http") {
		target = c.URL + path
	}
	r, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	for key, values := range header {
		r.Header[key] = values
	}
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	response, err := client.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, nil, err
	}
	for _, status := range want {
		if response.StatusCode == status {
			want = nil
		}
	}
	if len(want) > 0 {
		return nil, nil, &StatusError{method, path, response.StatusCode, content}
	}
	return response, content, nil
}

// Blob pushes a blob in the given number of chunks; 0 is in one PUT.
func (c Client) Blob(ctx context.Context, repository string, content []byte, chunks int) (digest.Digest, error) {
	return c.BlobAs(ctx, repository, content, digest.FromBytes(content), chunks)
}

// BlobAs pushes a blob under the given digest.
func (c Client) BlobAs(ctx context.Context, repository string, content []byte, dgst digest.Digest, chunks int) (digest.Digest, error) {
	response, _, err := c.Do(ctx, http.MethodPost, "/v2/"+repository+"/blobs/uploads/", nil, nil, http.StatusAccepted)
	if err != nil {
		return dgst, err
	}
	binary := http.Header{"Content-Type": {"application/octet-stream"}}
	for i := range chunks {
		rest := (len(content) + chunks - i - 1) / (chunks - i)
		response, _, err = c.Do(ctx, http.MethodPatch, location(response), binary, content[:rest], http.StatusAccepted)
		if err != nil {
			return dgst, err
		}
		content = content[rest:]
	}
	end, err := url.Parse(location(response))
	if err != nil {
		return dgst, err
	}
	query := end.Query()
	query.Set("digest", dgst.String())
	end.RawQuery = query.Encode()
	_, _, err = c.Do(ctx, http.MethodPut, end.String(), binary, content, http.StatusCreated)
	return dgst, err
}

// location returns where the answer leads to.
func location(response *http.Response) string {
	at, err := response.Location()
	if err != nil {
		return ""
	}
	return at.String()
}

// Mount mounts a blob from another repository; it fails if the registry would
// have it uploaded.
func (c Client) Mount(ctx context.Context, repository, from string, dgst digest.Digest) error {
	path := "/v2/" + repository + "/blobs/uploads/?mount=" + url.QueryEscape(dgst.String()) + "&from=" + url.QueryEscape(from)
	_, _, err := c.Do(ctx, http.MethodPost, path, nil, nil, http.StatusCreated)
	return err
}

// Manifest pushes a manifest under a tag or its digest.
func (c Client) Manifest(ctx context.Context, repository, reference, mediaType string, content []byte) error {
	_, _, err := c.Do(ctx, http.MethodPut, "/v2/"+repository+"/manifests/"+reference,
		http.Header{"Content-Type": {mediaType}}, content, http.StatusCreated)
	return err
}

// Image pushes a manifest under a reference, the blobs and children of it first.
func (c Client) Image(ctx context.Context, repository, reference string, m fixtures.Manifest) error {
	for _, b := range m.Blobs {
		if _, err := c.BlobAs(ctx, repository, b.Content, b.Digest, 0); err != nil {
			return err
		}
	}
	for _, child := range m.Children {
		if err := c.Image(ctx, repository, child.Digest.String(), child); err != nil {
			return err
		}
	}
	return c.Manifest(ctx, repository, reference, m.MediaType, m.Content)
}

// Whole fails unless the reference gives the manifest, byte for byte, and all
// its blobs and children can be pulled.
func (c Client) Whole(ctx context.Context, repository, reference string, m fixtures.Manifest) error {
	_, got, err := c.Do(ctx, http.MethodGet, "/v2/"+repository+"/manifests/"+reference,
		http.Header{"Accept": {m.MediaType}}, nil, http.StatusOK)
	if err == nil && !bytes.Equal(got, m.Content) {
		err = fmt.Errorf("manifest %s of %s: other bytes, %.200s", reference, repository, got)
	}
	if err != nil {
		return err
	}
	for _, b := range m.Blobs {
		_, got, err := c.Do(ctx, http.MethodGet, "/v2/"+repository+"/blobs/"+b.Digest.String(), nil, nil, http.StatusOK)
		if err == nil && !bytes.Equal(got, b.Content) {
			err = fmt.Errorf("blob %s of %s: other bytes, %d of them", b.Digest, repository, len(got))
		}
		if err != nil {
			return err
		}
	}
	for _, child := range m.Children {
		if err := c.Whole(ctx, repository, child.Digest.String(), child); err != nil {
			return err
		}
	}
	return nil
}
