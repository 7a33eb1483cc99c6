#!/bin/sh
# Makes a Docker engine answer on this machine, as root, and says what it did.
#
#   ci/docker.sh
#
# An engine that answers already is left alone. Otherwise Debian's docker.io is
# installed, what a killed engine left behind is cleared, and dockerd is started
# in a session of its own, so that it outlives the caller. Its log is
# /var/log/conform-dockerd.log, its process id /run/docker.pid.
set -eu

say() { echo "docker.sh: $*"; }
answers() { docker info >/dev/null 2>&1; }
# alive FILE NAME: the process whose id FILE holds runs NAME. A zombie, which
# keeps its name until it is reaped, has no command line.
alive() {
	[ -r "$1" ] && [ "$(cat "/proc/$(cat "$1")/comm" 2>/dev/null)" = "$2" ] &&
		[ -n "$(tr -d '\0' <"/proc/$(cat "$1")/cmdline" 2>/dev/null)" ]
}

if answers; then
	say "an engine answers already: $(docker info --format '{{.ServerVersion}}' 2>/dev/null)"
	exit 0
fi
if [ "$(id -u)" != 0 ]; then
	say "no engine answers, and root is needed to start one" >&2
	exit 1
fi
if ! command -v dockerd >/dev/null; then
	"$(dirname -- "$0")/packages.sh" docker.io
fi

log=/var/log/conform-dockerd.log
if alive /run/docker.pid dockerd; then
	say "dockerd runs as process $(cat /run/docker.pid): waiting for it"
else
	# dockerd supervises a containerd of its own: an orphan of a killed engine
	# would keep the new one from starting.
	containerd=/run/docker/containerd/containerd.pid
	if alive "$containerd" containerd; then
		say "ending the orphaned containerd $(cat "$containerd")"
		kill "$(cat "$containerd")" 2>/dev/null || true
		for _ in 1 2 3 4 5 6 7 8 9 10; do
			alive "$containerd" containerd || break
			sleep 0.5
		done
		! alive "$containerd" containerd || kill -9 "$(cat "$containerd")" 2>/dev/null || true
	fi
	for stale in /run/docker.pid /run/docker.sock "$containerd" \
		/run/docker/containerd/containerd.sock /run/docker/containerd/containerd.sock.ttrpc \
		/run/docker/containerd/containerd-debug.sock; do
		if [ -e "$stale" ]; then
			say "removing stale $stale"
			rm -f "$stale"
		fi
	done
	setsid dockerd >"$log" 2>&1 </dev/null &
	say "started dockerd, log in $log"
fi

tries=0
until answers; do
	tries=$((tries + 1))
	if [ "$tries" -ge 120 ]; then
		say "the engine does not answer after 60 s; the end of $log:" >&2
		tail -n 30 "$log" >&2 || true
		exit 1
	fi
	sleep 0.5
done
say "the engine answers: $(docker info --format '{{.ServerVersion}}' 2>/dev/null)"
