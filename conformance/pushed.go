package conformance

import (
	"slices"
	"sync"
)

// The kinds of what a spec leaves in a target, in the order of removal: a tag
// before the manifest that it names, a manifest before its blobs.
const (
	kindUpload   = "upload session"
	kindTag      = "tag"
	kindManifest = "manifest"
	kindBlob     = "blob"
)

// pushed remembers what a spec may have left in the target.
type pushed struct {
	mu    sync.Mutex
	items []pushedItem
}

type pushedItem struct {
	kind, url string
	scopes    []string
}

// add remembers path below r.
func (p *pushed) add(kind string, r *Repo, path string) { p.addURL(kind, r, r.URL(path)) }

func (p *pushed) addURL(kind string, r *Repo, url string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	same := func(i pushedItem) bool { return i.kind == kind && i.url == url }
	if !slices.ContainsFunc(p.items, same) {
		p.items = append(p.items, pushedItem{kind, url, []string{"repository:" + r.Name + ":delete,pull,push"}})
	}
}

// remove forgets what is no longer there.
func (p *pushed) remove(kind, url string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.items = slices.DeleteFunc(p.items, func(i pushedItem) bool { return i.kind == kind && i.url == url })
}

// inOrder returns what is to be removed, the latest of each kind first, so
// that an index goes before its children.
func (p *pushed) inOrder() []pushedItem {
	p.mu.Lock()
	defer p.mu.Unlock()
	order := []string{kindUpload, kindTag, kindManifest, kindBlob}
	items := slices.Clone(p.items)
	slices.Reverse(items)
	slices.SortStableFunc(items, func(a, b pushedItem) int {
		return slices.Index(order, a.kind) - slices.Index(order, b.kind)
	})
	return items
}
