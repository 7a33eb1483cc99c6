#!/bin/sh
# Judges every storage driver within the standard budget: ours, those of
# drivertest/upstream against their golden lists, and those over servers. It ends
# with 1 if one of them fails.
#
#   ci/test-drivers.sh [FLAGS OF go test...]
#
# DRIVERTEST_BUDGET asks for another budget: quick, standard or long.
set -eu

cd "$(dirname -- "$0")/.."
export DRIVERTEST_BUDGET="${DRIVERTEST_BUDGET:-standard}"
status=0
judge() {
	go test -count=1 -timeout 60m "$@" || status=1
}

judge "$@" -run 'InMemory|Filesystem' ./drivertest
# Objects of many gigabytes, in memory that does not grow with them.
for vast in Objects Files; do
	DRIVERTEST_LONG=1 judge "$@" -run "TestVast$vast" ./drivertest
done
judge "$@" ./reference/driver/...
cd drivertest/upstream
judge "$@" .
exit "$status"
