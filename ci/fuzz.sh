#!/bin/sh
# Runs every fuzz target of the repository, one after the other.
#
#   ci/fuzz.sh [TIME]     for each, a minute unless told otherwise
#
# What it finds is written beside the test, into testdata/fuzz, from where the
# tests replay it.
set -eu

cd "$(dirname -- "$0")/.."
git grep -o '^func Fuzz[A-Za-z0-9_]*' -- '*_test.go' | while IFS=: read -r file target; do
	target=${target#func }
	echo "== $(dirname "$file") $target"
	go test "./$(dirname "$file")" -run '^$' -fuzz "^$target\$" -fuzztime "${1:-1m}" </dev/null
done
