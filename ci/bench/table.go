//go:build linux

package main

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// A group is a table: ours, and the peers that it is compared with.
type group struct {
	title string
	ours  int
	peers []int
}

// groups puts candidates of the same store together. What is acknowledged
// before it is safe is compared with its like, and the ceiling with all.
func groups(all []candidate) []group {
	var out []group
	for i, c := range all {
		if !strings.HasPrefix(c.name, "ours") {
			continue
		}
		title := "On disk, acknowledged when it is safe"
		switch {
		case c.store == "memory":
			title = "In memory"
		case c.synced == never:
			title = "On disk, acknowledged before it is safe"
		}
		g := group{title: title, ours: i}
		for k, peer := range all {
			sameStore := peer.store == c.store && (peer.synced == never) == (c.synced == never)
			if k != i && (sameStore || peer.store == "none") {
				g.peers = append(g.peers, k)
			}
		}
		out = append(out, g)
	}
	return out
}

// tables renders what was measured.
func tables(r *run, res *results) string {
	var b strings.Builder
	for _, g := range groups(r.candidates) {
		fmt.Fprintf(&b, "### %s\n\n| load | ours | ± |", g.title)
		for _, k := range g.peers {
			fmt.Fprintf(&b, " %s | ours ÷ it |", r.candidates[k].name)
		}
		fmt.Fprintf(&b, "\n|---|--:|--:|%s\n", strings.Repeat("--:|--:|", len(g.peers)))
		for l, load := range r.loads {
			ours, spread := rates(res.samples[g.ours][l])
			fmt.Fprintf(&b, "| %s | %s | %.0f %% |", load.name, amount(load, ours), 100*spread)
			for _, k := range g.peers {
				rate, _ := rates(res.samples[k][l])
				fmt.Fprintf(&b, " %s | %s |", amount(load, rate), ratio(ours/rate))
			}
			b.WriteString("\n")
		}
		row(&b, r, g, "syncs", func(i int) string { return r.candidates[i].synced })
		row(&b, r, g, "peak memory", func(i int) string { return fmt.Sprintf("%d MiB", res.peaks[i]/miB) })
		b.WriteString("\n")
	}
	b.WriteString(processor(r, res))
	return b.String()
}

func row(b *strings.Builder, r *run, g group, name string, value func(int) string) {
	fmt.Fprintf(b, "| %s | %s | |", name, value(g.ours))
	for _, k := range g.peers {
		fmt.Fprintf(b, " %s | |", value(k))
	}
	b.WriteString("\n")
}

// processor renders the processor time of the servers for one operation.
func processor(r *run, res *results) string {
	var b strings.Builder
	b.WriteString("### Processor time of the server for an operation\n\n| load |")
	for _, c := range r.candidates {
		fmt.Fprintf(&b, " %s, %s |", c.name, c.store)
	}
	fmt.Fprintf(&b, "\n|---|%s\n", strings.Repeat("--:|", len(r.candidates)))
	for l, load := range r.loads {
		fmt.Fprintf(&b, "| %s |", load.name)
		for i := range r.candidates {
			fmt.Fprintf(&b, " %s |", short(cpuPerOp(res.samples[i][l])))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func ratio(r float64) string {
	if math.IsNaN(r) {
		return "–"
	}
	return fmt.Sprintf("%.2f", r)
}

func short(d time.Duration) string {
	if d < 10*time.Millisecond {
		return fmt.Sprintf("%d µs", d.Microseconds())
	}
	return fmt.Sprintf("%d ms", d.Milliseconds())
}

// amount renders a rate: of bytes where these are the point.
func amount(l load, rate float64) string {
	switch {
	case math.IsNaN(rate):
		return "–"
	case l.bytes > 0:
		return fmt.Sprintf("%.0f MB/s", rate*float64(l.bytes)/1e6)
	case rate < 100:
		return fmt.Sprintf("%.1f/s", rate)
	}
	return fmt.Sprintf("%.0f/s", rate)
}

// machine describes what all of it ran on.
func machine(r *run, t tools) string {
	version := func(program string, args ...string) string {
		out, err := exec.Command(program, args...).Output()
		if err != nil {
			return "unknown"
		}
		return strings.TrimSpace(strings.ReplaceAll(string(out), "+unknown", ""))
	}
	last := func(s string) string { return s[strings.LastIndexByte(s, ' ')+1:] }
	cpu, load := "unknown", "unknown"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if m := regexp.MustCompile(`model name\s*: (.*)`).FindSubmatch(text); m != nil {
			cpu = string(m[1])
		}
	}
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		load = strings.Join(strings.Fields(string(text))[:3], " ")
	}
	return fmt.Sprintf("%s, %d cores, %s, Linux %s, %s; load average at the end %s. distribution %s, docker-registry %s. "+
		"%d rounds of %v for each load on each server.",
		cpu, runtime.NumCPU(), version("stat", "-f", "-c", "%T", r.dir), version("uname", "-r"), runtime.Version(), load,
		last(version(t.distribution, "--version")), last(version(t.debian, "--version")), r.rounds, r.time)
}

const (
	beginMark = "<!-- begin: make bench -->"
	endMark   = "<!-- end: make bench -->"
)

// update puts text between the marks of a document.
func update(file, text string) error {
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok1 := strings.Cut(string(old), beginMark)
	_, after, ok2 := strings.Cut(rest, endMark)
	if !ok1 || !ok2 {
		return fmt.Errorf("%s lacks the line %q or %q", file, beginMark, endMark)
	}
	return os.WriteFile(file, []byte(before+beginMark+"\n\n"+text+"\n"+endMark+after), 0o666)
}
