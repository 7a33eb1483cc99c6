package registry_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/registryconform/conform/reference/registry"
)

// contracts are the interfaces in which the parts meet.
var contracts = []reflect.Type{
	reflect.TypeFor[registry.Registry](), reflect.TypeFor[registry.Repository](),
	reflect.TypeFor[registry.Blobs](), reflect.TypeFor[registry.BlobWriter](), reflect.TypeFor[registry.BlobServer](),
	reflect.TypeFor[registry.Manifests](), reflect.TypeFor[registry.Manifest](), reflect.TypeFor[registry.Tags](),
	reflect.TypeFor[registry.DescriptorCache](),
}

func methods(f func(contract reflect.Type, m reflect.Method)) {
	for _, c := range contracts {
		for i := range c.NumMethod() {
			f(c, c.Method(i))
		}
	}
}

func params(m reflect.Method) []reflect.Type {
	var all []reflect.Type
	for i := range m.Type.NumIn() {
		all = append(all, m.Type.In(i))
	}
	return all
}

// S-013, S-014, S-206: names, tags and digests are validated values, which no
// method takes as a bare string. The only strings are ids of upload sessions.
// It shows S-150.
func TestS013S014S206NoBareStrings(t *testing.T) {
	t.Parallel()
	methods(func(c reflect.Type, m reflect.Method) {
		for _, p := range params(m) {
			session := c == reflect.TypeFor[registry.Blobs]() && (m.Name == "Resume" || m.Name == "Upload")
			if p == reflect.TypeFor[string]() && !session {
				t.Errorf("%s.%s takes a bare string", c.Name(), m.Name)
			}
		}
	})
	for _, v := range []any{registry.Name{}, registry.Tag{}, registry.Reference{}} {
		typ := reflect.TypeOf(v)
		for i := range typ.NumField() {
			if typ.Field(i).IsExported() {
				t.Errorf("%s can be made without parsing", typ)
			}
		}
	}
	for _, bad := range []string{"", "A", "a//b", "/a", "a/", "a/_b", "a..b", "a___b", "a b", "-a", "a-", "ä", "a\n", fmt.Sprintf("%0256d", 0)} {
		if _, err := registry.ParseName(bad); !errors.Is(err, registry.ErrNameInvalid) {
			t.Errorf("name %q: %v", bad, err)
		}
	}
	for _, bad := range []string{"sha256:abc", "sha256", "sha256:" + string(make([]byte, 64)), "md5:d41d8cd98f00b204e9800998ecf8427e"} {
		if _, err := registry.ParseDigest(bad); !errors.Is(err, registry.ErrDigestInvalid) {
			t.Errorf("digest %q: %v", bad, err)
		}
	}
}

// S-291, S-295, S-298: a repository has blobs, manifests and tags, each a
// service of its own; nothing but a signed manifest knows of signatures.
func TestRepositoriesHaveNoOtherServices(t *testing.T) {
	t.Parallel()
	var services []string
	for m := range reflect.TypeFor[registry.Repository]().Methods() {
		services = append(services, m.Name)
	}
	if want := []string{"Blobs", "Manifests", "Name", "Tags"}; !slices.Equal(services, want) {
		t.Errorf("a repository has %v, want %v", services, want)
	}
	methods(func(c reflect.Type, m reflect.Method) {
		if strings.Contains(m.Name, "Sign") || strings.Contains(m.Name, "Revision") {
			t.Errorf("%s.%s", c.Name(), m.Name)
		}
		if c == reflect.TypeFor[registry.Manifests]() && strings.Contains(m.Name, "Tag") {
			t.Errorf("%s.%s", c.Name(), m.Name)
		}
	})
}

// S-039: each condition has an error that errors.Is and errors.As find,
// however it is wrapped and detailed, and that no other is taken for.
// It shows S-118, S-190.
func TestS039ErrorsAreComparable(t *testing.T) {
	t.Parallel()
	all := []*registry.Error{
		registry.ErrBlobUnknown, registry.ErrBlobUploadInvalid, registry.ErrBlobUploadUnknown, registry.ErrDigestInvalid,
		registry.ErrManifestBlobUnknown, registry.ErrManifestInvalid, registry.ErrManifestTooLarge, registry.ErrManifestUnknown,
		registry.ErrNameInvalid, registry.ErrNameUnknown, registry.ErrRangeInvalid, registry.ErrRangeUnsatisfiable,
		registry.ErrSizeInvalid, registry.ErrUnauthorized, registry.ErrDenied, registry.ErrUnsupported,
		registry.ErrPaginationInvalid, registry.ErrTooManyRequests, registry.ErrTagInvalid, registry.ErrManifestUnverified,
		registry.ErrUnavailable, registry.ErrStorageFull, registry.ErrUnknown,
	}
	cause := errors.New("cause")
	for i, e := range all {
		for _, err := range []error{e, e.With(7), fmt.Errorf("blob: %w", e.Wrap(cause)), errors.Join(cause, e)} {
			var as *registry.Error
			if !errors.As(err, &as) || as.Code != e.Code {
				t.Errorf("%v: errors.As finds %v", err, as)
			}
			for k, other := range all {
				if errors.Is(err, other) != (i == k) {
					t.Errorf("errors.Is(%v, %v) = %v", err, other, i != k)
				}
			}
		}
		if !errors.Is(e.Wrap(cause), cause) {
			t.Errorf("%v loses its cause", e)
		}
	}
	if got := registry.Errors(errors.Join(fmt.Errorf("x: %w", all[0]), cause, errors.Join(all[1], all[2]))); len(got) != 3 {
		t.Errorf("errors of a tree: %v", got)
	}
}

// S-123, S-124: the registry is the one place that takes a name; what a
// repository gives out knows its own. (A mount names the other repository; a
// cache is beside the tree.)
func TestS123S124OneRegistryOwnsTheNames(t *testing.T) {
	t.Parallel()
	name := reflect.TypeFor[registry.Name]()
	methods(func(c reflect.Type, m reflect.Method) {
		for _, p := range params(m) {
			switch c {
			case reflect.TypeFor[registry.Registry](), reflect.TypeFor[registry.DescriptorCache]():
				continue
			}
			if p == name && m.Name != "Mount" {
				t.Errorf("%s.%s takes a name", c.Name(), m.Name)
			}
		}
	})
}

// counting is a decorator of the kind that notification and mirroring are.
type counting struct {
	registry.Registry
	deletes int
}

func (c *counting) Repository(ctx context.Context, name registry.Name) (registry.Repository, error) {
	p, err := c.Registry.Repository(ctx, name)
	return &countingRepository{p, c}, err
}

type countingRepository struct {
	registry.Repository
	c *counting
}

func (p *countingRepository) Blobs() registry.Blobs { return &countingBlobs{p.Repository.Blobs(), p.c} }

type countingBlobs struct {
	registry.Blobs
	c *counting
}

func (b *countingBlobs) Delete(ctx context.Context, dgst digest.Digest) error {
	b.c.deletes++
	return b.Blobs.Delete(ctx, dgst)
}

// empty is a registry without content.
type empty struct{ registry.Registry }

func (empty) Repository(context.Context, registry.Name) (registry.Repository, error) {
	return emptyRepository{}, nil
}

type emptyRepository struct{ registry.Repository }

func (emptyRepository) Blobs() registry.Blobs { return emptyBlobs{} }

type emptyBlobs struct{ registry.Blobs }

func (emptyBlobs) Delete(context.Context, digest.Digest) error { return registry.ErrBlobUnknown }

// S-125, S-126: a decorator needs the methods it cares for alone, and what
// not every registry can do is found by assertion.
// It shows S-045, S-121, S-122, S-308.
func TestS125S126ContractsCompose(t *testing.T) {
	t.Parallel()
	c := &counting{Registry: empty{}}
	name, err := registry.ParseName("a")
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Repository(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Blobs().Delete(t.Context(), digest.FromString("x")); !errors.Is(err, registry.ErrBlobUnknown) || c.deletes != 1 {
		t.Fatalf("the decorator saw %d deletes, and returned %v", c.deletes, err)
	}
	if _, ok := p.Blobs().(registry.BlobServer); ok {
		t.Fatal("a registry without a BlobServer has one")
	}
}
