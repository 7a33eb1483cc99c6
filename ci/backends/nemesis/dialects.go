package nemesis

import (
	"bytes"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// listings changes the answers to listings of objects, and lets all else pass.
func listings(change func(r *http.Request, body []byte) []byte) Fault {
	return func(p *Proxy, w http.ResponseWriter, r *http.Request) {
		if !r.URL.Query().Has("list-type") {
			p.Pass(w, r)
			return
		}
		rewrite(p, w, r, (*Proxy).Pass, func(body []byte) []byte { return change(r, body) })
	}
}

var keyCounts = regexp.MustCompile(`<KeyCount>\d*</KeyCount>`)

// NoKeyCount leaves out of listings how many keys there are, as Ceph does.
func NoKeyCount() Fault {
	return listings(func(_ *http.Request, body []byte) []byte { return keyCounts.ReplaceAll(body, nil) })
}

var entries = regexp.MustCompile(`(?s)<(Contents|CommonPrefixes)>.*?</(?:Contents|CommonPrefixes)>`)

// ReversedPages gives the entries of each page of a listing backwards.
func ReversedPages() Fault {
	return listings(func(_ *http.Request, body []byte) []byte {
		all := entries.FindAll(body, -1)
		slices.Reverse(all)
		i := 0
		return entries.ReplaceAllFunc(body, func([]byte) []byte {
			i++
			return bytes.Clone(all[i-1])
		})
	})
}

// OwnPrefix lists a directory that is asked for as an entry of itself, an empty
// object whose name ends in a slash. Other tools put such objects there.
func OwnPrefix() Fault {
	const marker = "<Contents><Key>%</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified><Size>0</Size></Contents>"
	return listings(func(r *http.Request, body []byte) []byte {
		q := r.URL.Query()
		prefix, at := q.Get("prefix"), entries.FindIndex(body)
		if at == nil || !strings.HasSuffix(prefix, "/") || isLater(q) || q.Get("max-keys") == "1" {
			return body
		}
		return slices.Insert(body, at[0], []byte(strings.Replace(marker, "%", prefix, 1))...)
	})
}

var nothing = []byte(`<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>`)

// BlindToAncestors finds no keys below a prefix where a listing is to start
// after something that the prefix begins with, as SeaweedFS did.
func BlindToAncestors() Fault {
	return func(p *Proxy, w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if after := q.Get("start-after"); q.Has("list-type") && after != "" && strings.HasPrefix(q.Get("prefix"), after) {
			w.Header().Set("Content-Type", "application/xml")
			w.Write(nothing)
			return
		}
		p.Pass(w, r)
	}
}

// ResetUploads ends the connection in the middle of each request that brings
// content, every other time.
func ResetUploads() Fault {
	var n counter
	return func(p *Proxy, w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPut || r.ContentLength == 0 || n.next(r)%2 == 0 {
			p.Pass(w, r)
			return
		}
		io.CopyN(io.Discard, r.Body, r.ContentLength/2)
		panic(http.ErrAbortHandler)
	}
}

// WrongLength announces a byte more of an object than it gives, every other
// time.
func WrongLength() Fault {
	var n counter
	return func(p *Proxy, w http.ResponseWriter, r *http.Request) {
		if !isContent(r) || n.next(r)%2 == 0 {
			p.Pass(w, r)
			return
		}
		answer, err := p.Send(r)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer answer.Body.Close()
		if answer.StatusCode < 300 {
			answer.Header.Set("Content-Length", strconv.FormatInt(answer.ContentLength+1, 10))
		}
		p.Answer(w, r, answer, answer.Body)
		panic(http.ErrAbortHandler)
	}
}

// OneWrite does one request that changes something at a time: put, copy,
// delete, complete and abort; and no listing meanwhile.
func OneWrite() Fault {
	var mu sync.RWMutex
	return func(p *Proxy, w http.ResponseWriter, r *http.Request) {
		switch {
		case !isRead(r):
			mu.Lock()
			defer mu.Unlock()
		case listing(r) != "":
			mu.RLock()
			defer mu.RUnlock()
		}
		p.Pass(w, r)
	}
}

// RememberAborts refuses to complete an upload that was aborted. A server does,
// but versitygw reports success where the key has an object.
func RememberAborts() Fault {
	var mu sync.Mutex
	aborted := map[string]bool{}
	return func(p *Proxy, w http.ResponseWriter, r *http.Request) {
		id := r.URL.Query().Get("uploadId")
		if id == "" || r.Method != http.MethodPost && r.Method != http.MethodDelete {
			p.Pass(w, r)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if r.Method == http.MethodPost && aborted[id] {
			Refuse(w, r, http.StatusNotFound, "NoSuchUpload")
			return
		}
		aborted[id] = aborted[id] || r.Method == http.MethodDelete
		p.Pass(w, r)
	}
}
