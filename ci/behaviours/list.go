package main

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// A row is a line of a list.
type row struct {
	id, kind, statement string
	shown               []string // as in the list
}

// A list is a file of rows, and the ids that it must have, in order.
type list struct {
	file  string
	parts []part
}

// A part is a run of ids, from and to included.
type part struct {
	name     string
	format   string
	from, to int
}

func (p part) ids() []string {
	var all []string
	for i := p.from; i <= p.to; i++ {
		all = append(all, fmt.Sprintf(p.format, i))
	}
	return all
}

func lists() []list {
	const s, k = "S-%03d", "K-%02d"
	return []list{
		{"ci/behaviours.tsv", []part{
			{"A", s, 1, 71}, {"E", s, 72, 217}, {"B", s, 218, 249}, {"C", s, 250, 301}, {"D", s, 302, 346},
		}},
		{"ci/faults.tsv", []part{
			{"what came first", k, 1, 34},
			{"storage and drivers", k, 40, 66},
			{"manifests", k, 70, 79},
			{"HTTP and access", k, 80, 99},
			{"events, cache, proxy, client", k, 100, 105},
			{"", k, 110, 111},
			{"", k, 120, 126},
			{"", k, 130, 130},
		}},
	}
}

// ids returns all ids of the list.
func (l list) ids() []string {
	var all []string
	for _, p := range l.parts {
		all = append(all, p.ids()...)
	}
	return all
}

// read returns the rows of the list, and a line for each that is malformed.
func (l list) read(root fs.FS) ([]row, []string, error) {
	content, err := fs.ReadFile(root, l.file)
	if err != nil {
		return nil, nil, err
	}
	var rows []row
	var wrong []string
	for i, line := range strings.Split(strings.TrimSuffix(string(content), "\n"), "\n") {
		fields := strings.Split(line, "\t")
		if len(fields) != 4 || !slices.Contains([]string{"B", "C", "P", "H"}, fields[1]) || !isSentence(fields[2]) {
			wrong = append(wrong, fmt.Sprintf("%s:%d: not an id, a kind, a sentence and what shows it", l.file, i+1))
			continue
		}
		r := row{id: fields[0], kind: fields[1], statement: fields[2]}
		if fields[3] != "" {
			r.shown = strings.Split(fields[3], "; ")
		}
		rows = append(rows, r)
	}
	return rows, wrong, nil
}

func isSentence(s string) bool {
	return strings.HasSuffix(s, ".") && strings.TrimSpace(s) == s && len(s) > 10 && s[0] >= 'A' && s[0] <= 'Z'
}
