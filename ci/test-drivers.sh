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
go test -count=1 -timeout 60m "$@" -run 'InMemory|Filesystem' ./drivertest || status=1
# Objects of many gigabytes, in memory that does not grow with them.
for vast in Objects Files; do
	DRIVERTEST_LONG=1 go test -count=1 -timeout 60m "$@" -run "TestVast$vast" ./drivertest || status=1
done
go test -count=1 -timeout 60m "$@" ./reference/driver/... || status=1
cd drivertest/upstream
go test -count=1 -timeout 60m "$@" . || status=1
exit "$status"
