#!/bin/sh
# Installs Azurite, a server that speaks the protocol of Azure Blob Storage, and
# prints the path of its program, which node runs.
#
#   ci/azurite.sh
#
# It lies in .cache/azurite of the repository. A second call costs milliseconds;
# concurrent calls are safe: the folder is put in place by a rename. Node.js and
# npm come from the machine, or from Debian as root.
set -eu

version=3.35.0
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
cache=$(CDPATH= cd -- "$here/.." && pwd)/.cache
place=$cache/azurite/$version
program=$place/node_modules/azurite/dist/src/blob/main.js

if ! command -v node >/dev/null || { [ ! -f "$program" ] && ! command -v npm >/dev/null; }; then
	"$here/packages.sh" nodejs npm >&2
fi
if [ ! -f "$program" ]; then
	mkdir -p "$cache/azurite"
	new=$(mktemp -d "$cache/azurite/new-XXXXXX")
	trap 'rm -rf "$new"' EXIT
	trap 'exit 130' INT TERM
	npm install --prefix "$new" --no-package-lock --no-save --ignore-scripts --no-audit --no-fund --loglevel=error "azurite@$version" >&2
	# Where another call was faster its folder is as good.
	mv -T "$new" "$place" 2>/dev/null || [ -f "$program" ]
fi
echo "$program"
