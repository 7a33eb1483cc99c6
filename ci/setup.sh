#!/bin/sh
# Makes the machine ready for every test: Debian packages, a Docker engine,
# Azurite, the pinned tools. What is there already is left alone. Without root it says what
# is missing; the tests that need it then say so and are skipped, or fail under
# CI=true.
#
#   ci/setup.sh
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)

try() {
	"$@" && return
	if [ "${CI:-}" = true ]; then
		echo "setup.sh: $1 failed, and CI=true demands it" >&2
		exit 1
	fi
	echo "setup.sh: going on without $1" >&2
}

if command -v apt-get >/dev/null; then
	try "$here/packages.sh"
	try "$here/docker.sh"
fi
try "$here/azurite.sh" >/dev/null
"$here/tools/build.sh" >/dev/null
