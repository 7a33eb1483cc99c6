#!/bin/sh
# Puts the loads of ci/bench on our registry and on its peers, and writes the
# ratios into ci/performance.md. It takes five to ten minutes.
#
#   ci/bench.sh                                  everything, into ci/performance.md
#   ci/bench.sh -servers 'disk' -loads push      a part, to standard output alone
set -eu

cd "$(dirname -- "$0")/.."
mkdir -p bin
go build -o bin/ ./cmd/conform
go build -o bin/bench ./ci/bench
[ $# -gt 0 ] || set -- -out ci/performance.md
bin/bench -conform bin/conform -distribution "$(ci/tools/build.sh registry)" -crane "$(ci/tools/build.sh crane)" \
	-docker-registry "$(command -v docker-registry || true)" "$@"
