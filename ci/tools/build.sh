#!/bin/sh
# Builds the pinned tools of ci/tools and prints the path of each. They stand in
# go.mod, or in that of a folder where their dependencies and those of the rest
# would not agree.
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

# The lines of known are MODULE PACKAGE.
known=
for module in . */; do
	[ -f "$module/go.mod" ] || continue
	known="$known
$(sed -n "s|^tool \([^(]\{1,\}\)$|${module%/} \1|p; /^tool (/,/^)/s|^[[:space:]]\{1,\}\([^[:space:]]\{1,\}\).*|${module%/} \1|p" "$module/go.mod")"
done

build() {
	name=$1
	module=$(echo "$known" | sed -n "s|^\([^ ]*\) .*/$name\$|\1|p")
	package=$(echo "$known" | sed -n "s|^[^ ]* \(.*/$name\)\$|\1|p")
	if [ -z "$package" ]; then
		echo "build.sh: no tool named $name in $here" >&2
		exit 2
	fi
	stamp=$({ cat "$module/go.mod" "$module/go.sum"; go version; } | cksum)
	if [ ! -x "$bin/$name" ] || [ "$(cat "$bin/.$name.stamp" 2>/dev/null)" != "$stamp" ]; then
		echo "build.sh: building $package" >&2
		new=$bin/.$name.$$
		(cd "$module" && CGO_ENABLED=0 GOWORK=off go build -trimpath -o "$new" "$package") >&2
		mv -f "$new" "$bin/$name"
		echo "$stamp" >"$bin/.$name.stamp"
	fi
	echo "$bin/$name"
}

if [ $# -eq 0 ]; then
	for package in $known; do
		case $package in
		*/*) set -- "$@" "${package##*/}" ;;
		esac
	done
fi
for tool in "$@"; do
	build "$tool"
done
