#!/bin/sh
# Measures our filesystem driver beside CNCF distribution's, in one run, and
# writes for each measurement the time of distribution's divided by that of ours
# into ci/performance.md: above 1, ours is the faster. They run over the
# directory of temporary files and over a file system in memory, where flushing
# costs nothing.
#
#   ci/bench-drivers.sh                        every measurement, into ci/performance.md
#   BENCH=move ci/bench-drivers.sh             a part, to standard output alone
#   ci/bench-drivers.sh -benchtime 1000x       more flags of go test
#
# BENCH selects measurements by a pattern (default: all that are small), COUNT
# says how often each is made (default: 6).
set -eu

cd "$(dirname -- "$0")/.."
page=ci/performance.md
begin='<!-- begin: make bench-drivers -->'
end='<!-- end: make bench-drivers -->'
results=$(mktemp)
table=$(mktemp)
trap 'rm -f "$results" "$table"' EXIT
trap 'exit 130' INT TERM

load() { cut -d ' ' -f 1-3 /proc/loadavg 2>/dev/null || echo unknown; }

before=$(load)
calls=${BENCH:-^(put|get|stream-|first-byte|read-range|stat|move|delete|list|walk$|append|commit|cancel|mixed)}
keys='^(size|par|kind|off|step|workload|n=1$|n=100$)'
(
	cd drivertest/upstream
	for _ in $(seq "${COUNT:-6}"); do
		for driver in distribution ours relaxed; do
			sleep 6 # ext4 looks at each inode that was freed in the last 5 s before it gives one out
			go test -run '^$' -timeout 60m -benchtime 200x "$@" -bench "Filesystem/medium=/driver=$driver/$calls/$keys" .
		done
	done
) >"$results" || {
	cat "$results" >&2
	exit 1
}

# The median of the times of each measurement, and for ours half of the distance
# between the quartiles.
awk -v before="$before" -v after="$(load)" -v count="${COUNT:-6}" '
	function at(list, part,    a, n, i, j, x) {
		n = split(list, a, " ")
		for (i = 2; i <= n; i++) for (j = i; j > 1 && a[j] + 0 < a[j-1] + 0; j--) { x = a[j]; a[j] = a[j-1]; a[j-1] = x }
		return a[1 + int((n - 1) * part + 0.5)]
	}
	/^(cpu|kernel):/ { machine[$1] = substr($0, index($0, " ") + 1) }
	$4 == "ns/op" {
		split($1, part, "/")
		medium = substr(part[2], 8); driver = substr(part[3], 8); row = part[4]
		for (i = 5; i in part; i++) row = row "/" part[i]
		sub(/-[0-9]+$/, "", row)
		if (!((medium, row) in seen)) { seen[medium, row] = 1; rows[medium, ++n[medium]] = row }
		times[medium, row, driver] = times[medium, row, driver] " " $3
	}
	END {
		printf "%s, Linux %s; load average before %s, after %s. %d times 200 calls or more each.\n", machine["cpu:"], machine["kernel:"], before, after, count
		split("disk memory", media, " ")
		for (m = 1; m <= 2; m++) {
			medium = media[m]
			if (!n[medium]) continue
			printf "\n### Drivers over a file system %s\n\n", medium == "disk" ? "on disk" : "in memory"
			print "| call | distribution | ours | ± | ratio | ours, relaxed | ratio |\n|---|--:|--:|--:|--:|--:|--:|"
			for (i = 1; i <= n[medium]; i++) {
				row = rows[medium, i]
				theirs = at(times[medium, row, "distribution"], 0.5); ours = at(times[medium, row, "ours"], 0.5)
				relaxed = at(times[medium, row, "relaxed"], 0.5)
				if (!theirs || !ours || !relaxed) continue
				noise = (at(times[medium, row, "ours"], 0.75) - at(times[medium, row, "ours"], 0.25)) / 2
				printf "| %s | %.1f µs | %.1f µs | %.0f %% | %.2f | %.1f µs | %.2f |\n", row, theirs / 1e3, ours / 1e3, 100 * noise / ours, theirs / ours, relaxed / 1e3, theirs / relaxed
			}
		}
	}' "$results" >"$table"

if [ -n "${BENCH:-}" ]; then
	cat "$table"
	exit
fi
awk -v begin="$begin" -v end="$end" -v table="$table" '
	$0 == end { inside = 0; done = 1 }
	!inside { print }
	$0 == begin { inside = 1; print ""; while ((getline line <table) > 0) print line; print "" }
	END { exit !done }' "$page" >"$results" || {
	echo "$page lacks the lines $begin and $end" >&2
	exit 1
}
cat "$results" >"$page"
cat "$table"
