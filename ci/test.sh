#!/bin/sh
# Runs the tests of every module of the repository, and ends with 1 if those of
# one fail.
#
#   ci/test.sh [FLAGS OF go test...]
set -eu

cd "$(dirname -- "$0")/.."
status=0
for module in $(git ls-files '*go.mod'); do
	# A module of tools alone has no tests.
	case $module in
	ci/tools/*) continue ;;
	esac
	(cd "$(dirname -- "$module")" && go test -timeout 60m "$@" ./...) || status=1
done
exit "$status"
