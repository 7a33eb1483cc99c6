#!/bin/sh
# Checks every module of the repository with go vet, gofumpt and staticcheck, at
# the versions that ci/tools pins. Says what is wrong and ends with 1.
#
#   ci/lint.sh
set -eu

cd "$(dirname -- "$0")/.."
gofumpt=$(ci/tools/build.sh gofumpt)
staticcheck=$(ci/tools/build.sh staticcheck)
status=0

unformatted=$(git ls-files --cached --others --exclude-standard '*.go' | xargs "$gofumpt" -l)
if [ -n "$unformatted" ]; then
	echo "lint.sh: not as gofumpt has it:" >&2
	echo "$unformatted" >&2
	status=1
fi
for module in $(git ls-files '*go.mod'); do
	(
		cd "$(dirname -- "$module")"
		# A module of tools alone has no code of its own to check.
		[ -n "$(go list ./... 2>/dev/null)" ] || exit 0
		go vet ./...
		"$staticcheck" ./...
	) || status=1
done
exit "$status"
