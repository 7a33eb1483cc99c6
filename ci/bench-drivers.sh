#!/bin/sh
# Measures our filesystem driver beside CNCF distribution's, in one run, and
# prints for each measurement the time of distribution's divided by that of
# ours: above 1, ours is the faster. Both run over the directory of temporary
# files and over a file system in memory, where flushing costs nothing.
#
#   ci/bench-drivers.sh                         every measurement
#   ci/bench-drivers.sh -benchtime 100x         more flags of go test
#
# BENCH selects measurements by a pattern (default: all that are small), COUNT
# says how often each is made (default: 6).
set -eu

cd "$(dirname -- "$0")/.."
benchstat=$(ci/tools/build.sh benchstat)
results=$(mktemp)
trap 'rm -f "$results"' EXIT
trap 'exit 130' INT TERM

pattern=${BENCH:-(put|get|stream-read|stream-write|stat|move|delete|list|walk|append|commit|mixed)}
echo "load average before: $(cut -d ' ' -f 1-3 /proc/loadavg 2>/dev/null || echo unknown)"
(
	cd drivertest/upstream
	go test -run '^$' -timeout 60m -count "${COUNT:-6}" -benchtime 20x "$@" \
		-bench "Filesystem/medium=/driver=/$pattern" .
) >"$results" || {
	cat "$results" >&2
	exit 1
}
"$benchstat" -col /driver -format csv "$results" 2>/dev/null | awk -F , '
	/^,sec\/op/ { times = 1; printf "%-64s %14s %14s %8s\n", "", "distribution", "ours", "ratio"; next }
	/^,/ { times = 0; next }
	times && $1 ~ /^Filesystem|^geomean/ && $2 > 0 {
		if ($4 > 0) printf "%-64s %11.1f µs %11.1f µs %8.2f\n", $1, $2 * 1e6, $4 * 1e6, $2 / $4
	}'
echo "load average after: $(cut -d ' ' -f 1-3 /proc/loadavg 2>/dev/null || echo unknown)"
