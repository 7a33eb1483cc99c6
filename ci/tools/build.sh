#!/bin/sh
# Builds the pinned tools of ci/tools/go.mod and prints the path of each.
#
#   ci/tools/build.sh              every tool
#   ci/tools/build.sh crane ...    only the named ones
#
# The binaries are static and lie in .cache/bin of the repository. One that was
# built from the same go.mod, go.sum and toolchain is not built again, so a
# second call costs milliseconds. Concurrent calls are safe: a binary is put in
# place by a rename.
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
bin=$(CDPATH= cd -- "$here/../.." && pwd)/.cache/bin
mkdir -p "$bin"
cd "$here"

known=$(sed -n '/^tool (/,/^)/s/^[[:space:]]\{1,\}\([^[:space:]]\{1,\}\).*/\1/p' go.mod)
stamp=$({ cat go.mod go.sum; go version; } | cksum)

build() {
	name=$1
	package=
	for candidate in $known; do
		[ "${candidate##*/}" = "$name" ] && package=$candidate
	done
	if [ -z "$package" ]; then
		echo "build.sh: no tool named $name in $here/go.mod" >&2
		exit 2
	fi
	if [ ! -x "$bin/$name" ] || [ "$(cat "$bin/.$name.stamp" 2>/dev/null)" != "$stamp" ]; then
		echo "build.sh: building $package" >&2
		new=$bin/.$name.$$
		CGO_ENABLED=0 GOWORK=off go build -trimpath -o "$new" "$package" >&2
		mv -f "$new" "$bin/$name"
		echo "$stamp" >"$bin/.$name.stamp"
	fi
	echo "$bin/$name"
}

if [ $# -eq 0 ]; then
	for package in $known; do
		set -- "$@" "${package##*/}"
	done
fi
for tool in "$@"; do
	build "$tool"
done
