#!/bin/sh
# Installs the Debian packages that some tests need, as root, and starts none of
# their services.
#
#   ci/packages.sh                 docker-registry skopeo chromium curl strace redis-server
#   ci/packages.sh NAME ...        only the named packages
#
# A package that is installed already is left as it is, and when none is missing
# neither the network nor root is needed.
set -eu

[ $# -gt 0 ] || set -- docker-registry skopeo chromium curl strace redis-server

missing=
for package in "$@"; do
	state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
	[ "$state" = installed ] || missing="$missing $package"
done
if [ -z "$missing" ]; then
	echo "packages.sh: installed already: $*"
	exit 0
fi
if [ "$(id -u)" != 0 ]; then
	echo "packages.sh: root is needed to install:$missing" >&2
	exit 1
fi

# A package's service would hold a port and outlive the tests. The policy file
# of the machine is respected where there is one.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
	trap 'rm -f "$policy"' EXIT
	trap 'exit 130' INT TERM
fi

export DEBIAN_FRONTEND=noninteractive
install() {
	# shellcheck disable=SC2086 # a list of words
	apt-get -q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends $missing
}
# The lists of a new machine are old or missing: fetch them once it matters.
install >/dev/null 2>&1 || { apt-get -q update && install; }
echo "packages.sh: installed:$missing"
