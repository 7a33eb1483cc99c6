package s3_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/registryconform/conform/ci/backends"
	"github.com/registryconform/conform/ci/backends/nemesis"
	"github.com/registryconform/conform/drivertest"
	"github.com/registryconform/conform/reference/driver/s3"
)

// TestUnderTheDriver judges what only the server can tell: what is left over,
// how many requests there are, of what size parts are, where uploads lie, and
// what becomes of the directories that other tools make. One store serves all of
// it, so that the hooks know where to look.
func TestUnderTheDriver(t *testing.T) {
	t.Parallel()
	server := backends.StartS3(t)
	b := bucket{server: server, client: raw(server)}
	p := nemesis.New(t, server.URL, server.AccessKey, server.SecretKey)
	sizes := &partSizes{sizes: map[string]map[int]int64{}, done: map[string][]int64{}}
	p.Use(sizes.watch)
	through := func(settings map[string]any) map[string]any {
		return with(server, merged(settings, map[string]any{"regionendpoint": p.URL.String()}))
	}
	cfg := config(server)
	cfg.Limits.MinPart = 5 * mebi
	cfg.Only = []string{"LIST-13", "WALK-16", "REGI-04", "CHNK-04", "LEAK-05", "LEAK-07", "PERF-06", "PERF-09"}
	cfg.Hooks.Residue = func() ([]string, error) { return b.uploads("hooks/") }
	cfg.Hooks.Marker = func(path string) error { return b.put("hooks"+path+"/", nil) }
	cfg.Hooks.Parts = sizes.of
	cfg.Hooks.Chunked = func(size int64) (drivertest.Target, error) {
		d, err := driverOf(through(map[string]any{"rootdirectory": "chunked", "chunksize": size}))
		return drivertest.Adapt(d), err
	}
	cfg.Hooks.Metered = func(limit int) (drivertest.Metered, error) {
		if limit > 0 {
			return drivertest.Metered{}, errors.ErrUnsupported
		}
		d, err := driverOf(through(map[string]any{"rootdirectory": "metered"}))
		return drivertest.Metered{Target: drivertest.Adapt(d), Count: p.Count}, err
	}
	cfg.Hooks.Inspect = func() (drivertest.Inspected, error) {
		d, err := driverOf(through(map[string]any{"rootdirectory": "inspected"}))
		return drivertest.Inspected{Target: drivertest.Adapt(d), Keys: func() ([]string, error) { return b.keys("inspected/") }}, err
	}
	settings := map[string]any{"rootdirectory": "hooks"}
	rep := drivertest.Check(t.Context(), drivertest.AdaptStore(func() *s3.Driver { return open(t, server, settings) }), cfg)
	for _, res := range rep.Results {
		if res.Outcome == drivertest.Failed || res.Outcome == drivertest.Inconclusive && res.ID != "LEAK-07" {
			t.Error(res)
		}
		t.Log(res.ID, res.Outcome, res.Reason, strings.Join(res.Notes, "; "))
	}
	if err := rep.Err(); err != nil {
		t.Error(err)
	}
}

func merged(a, b map[string]any) map[string]any {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// A bucket is looked into without the driver.
type bucket struct {
	server backends.S3
	client *api.Client
}

// put makes an object.
func (b bucket) put(key string, content []byte) error {
	_, err := b.client.PutObject(context.Background(), &api.PutObjectInput{Bucket: &b.server.Bucket, Key: &key, Body: bytes.NewReader(content)})
	return err
}

// uploads lists the unfinished uploads below a prefix, and the tails of some.
func (b bucket) uploads(prefix string) ([]string, error) {
	out, err := b.client.ListMultipartUploads(context.Background(), &api.ListMultipartUploadsInput{Bucket: &b.server.Bucket, Prefix: &prefix})
	if err != nil {
		return nil, err
	}
	var all []string
	for _, u := range out.Uploads {
		all = append(all, aws.ToString(u.Key))
	}
	tails, err := b.objects(prefix + "~tails/")
	return append(all, tails...), err
}

// keys lists the objects below a prefix, and the keys of unfinished uploads.
func (b bucket) keys(prefix string) ([]string, error) {
	objects, err := b.objects(prefix)
	if err != nil {
		return nil, err
	}
	uploads, err := b.uploads(prefix)
	all := append(objects, uploads...)
	slices.Sort(all)
	return slices.Compact(all), err
}

func (b bucket) objects(prefix string) ([]string, error) {
	out, err := b.client.ListObjectsV2(context.Background(), &api.ListObjectsV2Input{Bucket: &b.server.Bucket, Prefix: &prefix})
	if err != nil {
		return nil, err
	}
	var all []string
	for _, o := range out.Contents {
		all = append(all, aws.ToString(o.Key))
	}
	return all, nil
}

// partSizes notes of what size the parts of uploads are, as they pass a proxy.
type partSizes struct {
	mu    sync.Mutex
	sizes map[string]map[int]int64 // by upload and number
	done  map[string][]int64       // by the path of the request
}

func (s *partSizes) watch(p *nemesis.Proxy, w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if id := q.Get("uploadId"); id != "" {
		s.mu.Lock()
		n, _ := strconv.Atoi(q.Get("partNumber"))
		switch r.Method {
		case http.MethodPut:
			if s.sizes[id] == nil {
				s.sizes[id] = map[int]int64{}
			}
			s.sizes[id][n] = r.ContentLength
		case http.MethodPost:
			numbers := slices.Sorted(maps.Keys(s.sizes[id]))
			s.done[r.URL.Path] = nil
			for _, n := range numbers {
				s.done[r.URL.Path] = append(s.done[r.URL.Path], s.sizes[id][n])
			}
		}
		s.mu.Unlock()
	}
	p.Pass(w, r)
}

// of returns the sizes of the parts of the object whose key ends in path.
func (s *partSizes) of(path string) ([]int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range slices.SortedFunc(maps.Keys(s.done), cmp.Compare) {
		if strings.HasSuffix(key, path) {
			return s.done[key], nil
		}
	}
	return nil, errors.New("no upload of " + path + " was seen")
}
