#!/bin/sh
# Runs the tests of every module of the repository.
#
#   ci/test.sh [FLAGS OF go test...]
set -eu

cd "$(dirname -- "$0")/.."
for module in $(git ls-files '*go.mod'); do
	(
		cd "$(dirname -- "$module")"
		# A module of tools alone has no tests.
		case $module in
		ci/tools/*) ;;
		*) go test -timeout 60m "$@" ./... ;;
		esac
	)
done
