package nemesis

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Always refuses every request.
func Always(status int, code string) Fault {
	return func(_ *Proxy, w http.ResponseWriter, r *http.Request) { Refuse(w, r, status, code) }
}

// Writes refuses what would change something.
func Writes(status int, code string) Fault {
	return func(p *Proxy, w http.ResponseWriter, r *http.Request) {
		if isRead(r) {
			p.Pass(w, r)
			return
		}
		Refuse(w, r, status, code)
	}
}

func isRead(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

// counter counts the requests alike: of one method, for one URL. So it is the
// same request that a fault meets again when it is repeated, whatever others
// come between.
type counter struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *counter) next(r *http.Request) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	key := r.Method + " " + r.URL.String()
	c.n[key]++
	return c.n[key]
}

// SlowDown refuses each request twice and serves it then, and so on.
func SlowDown() Fault {
	var n counter
	return func(p *Proxy, w http.ResponseWriter, r *http.Request) {
		if n.next(r)%3 != 0 {
			Refuse(w, r, http.StatusServiceUnavailable, "SlowDown")
			return
		}
		p.Pass(w, r)
	}
}

// CutBodies ends the body of every object in its middle, and only there.
func CutBodies() Fault {
	return func(p *Proxy, w http.ResponseWriter, r *http.Request) {
		if !isContent(r) {
			p.Pass(w, r)
			return
		}
		answer, err := p.Send(r)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer answer.Body.Close()
		p.Answer(w, r, answer, io.LimitReader(answer.Body, answer.ContentLength/2))
		panic(http.ErrAbortHandler)
	}
}

// CutOnce does to the first request what CutBodies does, and calls after before the
// connection ends. What comes next is up to then.
func CutOnce(after func(), then Fault) Fault {
	var n atomic.Int32
	cut := CutBodies()
	return func(p *Proxy, w http.ResponseWriter, r *http.Request) {
		if n.Add(1) > 1 {
			then(p, w, r)
			return
		}
		defer after()
		cut(p, w, r)
	}
}

// isContent reports whether r asks for the content of an object.
func isContent(r *http.Request) bool {
	return r.Method == http.MethodGet && (len(r.URL.Query()) == 0 || r.URL.Query().Has("x-id"))
}

// LoseAnswers does what is asked, and every other time that it is the same gives
// no answer.
func LoseAnswers() Fault {
	var n counter
	return func(p *Proxy, w http.ResponseWriter, r *http.Request) {
		if isRead(r) || n.next(r)%2 == 0 {
			p.Pass(w, r)
			return
		}
		if answer, err := p.Send(r); err == nil {
			io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
		}
		panic(http.ErrAbortHandler)
	}
}

// ReplayPuts sends every PUT to the server twice.
func ReplayPuts() Fault {
	return func(p *Proxy, w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPut {
			p.Pass(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		again := func() io.ReadCloser {
			if len(body) == 0 {
				return http.NoBody
			}
			return io.NopCloser(bytes.NewReader(body))
		}
		r.Body = again()
		if answer, err := p.Send(r); err == nil {
			io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
		}
		r.Body = again()
		p.Pass(w, r)
	}
}

// pageSizes are the parameters that bound the pages of listings.
var pageSizes = [...]string{"max-keys", "max-uploads", "max-parts", "maxresults"}

// listing returns the parameter that bounds the listing that r asks for, or "".
func listing(r *http.Request) string {
	q := r.URL.Query()
	switch {
	case r.Method != http.MethodGet:
	case q.Has("list-type"):
		return pageSizes[0]
	case q.Has("uploads"):
		return pageSizes[1]
	case q.Has("uploadId"):
		return pageSizes[2]
	case q.Get("comp") == "list":
		return pageSizes[3]
	}
	return ""
}

// isLater reports whether r asks for a page that is not the first.
func isLater(q url.Values) bool {
	return q.Has("continuation-token") || q.Has("start-after") || q.Get("marker") != "" || q.Get("key-marker") != "" || q.Get("part-number-marker") != ""
}

// SmallPages bounds the pages of all listings.
func SmallPages(size int) Fault {
	return func(p *Proxy, w http.ResponseWriter, r *http.Request) {
		name := listing(r)
		if name == "" {
			p.Pass(w, r)
			return
		}
		q := r.URL.Query()
		if n, err := strconv.Atoi(q.Get(name)); err != nil || n > size {
			q.Set(name, strconv.Itoa(size))
			r.URL.RawQuery = q.Encode()
			if p.Sign(r) != nil {
				panic(http.ErrAbortHandler)
			}
		}
		p.Pass(w, r)
	}
}

// FailLaterPages refuses each page of a listing but the first.
func FailLaterPages(size int) Fault {
	small := SmallPages(size)
	return func(p *Proxy, w http.ResponseWriter, r *http.Request) {
		if listing(r) != "" && isLater(r.URL.Query()) {
			Refuse(w, r, http.StatusInternalServerError, "InternalError")
			return
		}
		small(p, w, r)
	}
}

// ForgetTokens leaves out of listings that are cut short where they go on.
func ForgetTokens(size int) Fault {
	small := SmallPages(size)
	markers := regexp.MustCompile(`<Next(ContinuationToken|KeyMarker|UploadIdMarker|PartNumberMarker)>[^<]*</[^>]*>`)
	return func(p *Proxy, w http.ResponseWriter, r *http.Request) {
		if listing(r) == "" {
			p.Pass(w, r)
			return
		}
		rewrite(p, w, r, small, func(body []byte) []byte { return markers.ReplaceAll(body, nil) })
	}
}

// rewrite changes the body of an answer.
func rewrite(p *Proxy, w http.ResponseWriter, r *http.Request, f Fault, change func([]byte) []byte) {
	kept := &keeper{header: http.Header{}}
	f(p, kept, r)
	body := change(kept.body.Bytes())
	for name, values := range kept.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(kept.status)
	w.Write(body)
}

// A keeper keeps an answer.
type keeper struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (k *keeper) Header() http.Header         { return k.header }
func (k *keeper) WriteHeader(status int)      { k.status = status }
func (k *keeper) Write(b []byte) (int, error) { return k.body.Write(b) }

// IgnoreRanges gives whole objects where a part is asked for.
func IgnoreRanges() Fault {
	return func(p *Proxy, w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Range")+r.Header.Get("X-Ms-Range") != "" {
			r.Header.Del("Range")
			r.Header.Del("X-Ms-Range")
			if p.Sign(r) != nil {
				panic(http.ErrAbortHandler)
			}
		}
		p.Pass(w, r)
	}
}

// EqualParts refuses to complete an upload whose parts, the last aside, differ
// in size, as Cloudflare's R2 does.
func EqualParts() Fault {
	var mu sync.Mutex
	sizes := map[string]map[int]int64{}
	return func(p *Proxy, w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		id := q.Get("uploadId")
		mu.Lock()
		switch {
		case r.Method == http.MethodPut && id != "":
			if sizes[id] == nil {
				sizes[id] = map[int]int64{}
			}
			n, _ := strconv.Atoi(q.Get("partNumber"))
			sizes[id][n] = r.ContentLength
		case r.Method == http.MethodPost && id != "" && !equal(sizes[id]):
			mu.Unlock()
			Refuse(w, r, http.StatusBadRequest, "InvalidPart")
			return
		}
		mu.Unlock()
		p.Pass(w, r)
	}
}

func equal(parts map[int]int64) bool {
	var numbers []int
	for n := range parts {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	for _, n := range numbers[:max(0, len(numbers)-1)] {
		if parts[n] != parts[numbers[0]] {
			return false
		}
	}
	return true
}

// Stall lets no byte of any answer go out.
func Stall(ctx context.Context, _ []byte) { <-ctx.Done() }

// Drip lets a KiB go out each second.
func Drip(ctx context.Context, b []byte) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(len(b)) * time.Second / 1024):
	}
}
