package broken

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Journal makes a Memory survive its process: each change is appended to one file, as one line
// with a checksum, and flushed before it is acknowledged. A nil Journal records nothing.
type Journal struct {
	f *os.File
	// NoSync leaves out the flush.
	NoSync bool
	// Unflushed is a verb that is not flushed, and Mode, if not 0, the mode of the file: faults.
	Unflushed string
	Mode      os.FileMode
	// Late holds back records of a verb until so many have come together: a fault.
	Late  map[string]int
	held  []byte
	count int
	// written and flushed are how much of the file has been handed to the system, and brought to
	// stable storage.
	written, flushed int64
}

// Record is one change.
type Record struct {
	Verb    string
	Path    string
	To      string `json:",omitempty"`
	Content []byte `json:",omitempty"`
}

// Reopen returns the store that is kept in a directory, empty at first.
func Reopen(dir string, configure func(*Journal)) (*Memory, error) {
	m := New()
	name := filepath.Join(dir, "journal")
	b, err := os.ReadFile(name)
	if err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("reading the journal: %w", err)
	}
	j := &Journal{}
	if configure != nil {
		configure(j)
	}
	whole := int64(0)
	for line := range strings.Lines(string(b)) {
		r, ok := decode(line)
		if !ok {
			break
		}
		m.apply(r)
		whole += int64(len(line))
	}
	if whole < int64(len(b)) {
		if err := os.Truncate(name, whole); err != nil {
			return nil, fmt.Errorf("cutting off a torn record: %w", err)
		}
	}
	j.written, j.flushed = whole, whole
	j.f, err = os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o666)
	if err != nil {
		return nil, fmt.Errorf("opening the journal: %w", err)
	}
	if j.Mode != 0 {
		if err := j.f.Chmod(j.Mode); err != nil {
			return nil, fmt.Errorf("the mode of the journal: %w", err)
		}
	}
	if err := syncDir(dir); err != nil {
		return nil, err
	}
	m.journal = j
	return m, nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("flushing a directory: %w", err)
	}
	defer func() { _ = d.Close() }()
	return d.Sync()
}

func decode(line string) (r Record, ok bool) {
	sum, body, found := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
	if !found || !strings.HasSuffix(line, "\n") || fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(body))) != sum {
		return r, false
	}
	return r, json.Unmarshal([]byte(body), &r) == nil
}

// apply makes a recorded change in memory.
func (m *Memory) apply(r Record) {
	switch r.Verb {
	case "put":
		m.set(r.Path, object{r.Content, time.Now()})
		delete(m.pending, r.Path)
	case "move":
		for p, o := range m.objects {
			if p == r.Path || below(r.Path, p) {
				m.unset(p)
				m.set(r.To+strings.TrimPrefix(p, r.Path), o)
			}
		}
	case "delete":
		for p := range m.objects {
			if p == r.Path || below(r.Path, p) {
				m.unset(p)
			}
		}
		for p := range m.pending {
			if p == r.Path || below(r.Path, p) {
				delete(m.pending, p)
			}
		}
	case "keep":
		m.pending[r.Path] = &upload{content: r.Content}
	case "drop":
		delete(m.pending, r.Path)
	}
}

func (j *Journal) put(path string, content []byte) error {
	return j.record(Record{Verb: "put", Path: path, Content: content})
}

func (j *Journal) move(from, to string) error {
	return j.record(Record{Verb: "move", Path: from, To: to})
}

func (j *Journal) del(path string) error  { return j.record(Record{Verb: "delete", Path: path}) }
func (j *Journal) drop(path string) error { return j.record(Record{Verb: "drop", Path: path}) }

func (j *Journal) keep(path string, content []byte) error {
	return j.record(Record{Verb: "keep", Path: path, Content: content})
}

func (j *Journal) record(r Record) error {
	if j == nil {
		return nil
	}
	body, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("recording a change: %w", err)
	}
	j.held = append(j.held, fmt.Sprintf("%08x %s\n", crc32.ChecksumIEEE(body), body)...)
	if j.count++; j.count <= j.Late[r.Verb] {
		return nil
	}
	j.count = 0
	return j.flush(!j.NoSync && r.Verb != j.Unflushed)
}

func (j *Journal) flush(sync bool) error {
	n, err := j.f.Write(j.held)
	j.held = nil
	j.written += int64(n)
	if err == nil && sync {
		err = j.f.Sync()
	}
	if err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	if sync {
		j.flushed = j.written
	}
	return nil
}
