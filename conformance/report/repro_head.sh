
set -u
umask 077
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM
command -v curl >/dev/null || { echo 'repro.sh: curl is needed' >&2; exit 2; }

escape() { printf '%s' "$1" | sed 's/[\\"]/\\&/g'; }

if [ -n "${REGISTRY_TOKEN:-}" ]; then
	printf 'header = "Authorization: Bearer %s"\n' "$(escape "$REGISTRY_TOKEN")" >"$tmp/auth"
elif [ -n "${REGISTRY_USERNAME:-}" ]; then
	printf 'user = "%s:%s"\n' "$(escape "$REGISTRY_USERNAME")" "$(escape "${REGISTRY_PASSWORD:-}")" >"$tmp/auth"
else
	: >"$tmp/auth"
fi

origin=$(printf '%s' "$REGISTRY_URL" | sed 's|^\([a-z]*://[^/]*\).*|\1|')
same=0 differ=0 incomplete=0 location= effective=

# send NUMBER RECORDED ARGUMENT... sends one request with curl and compares the answer's status.
send() {
	number=$1 recorded=$2
	shift 2
	: >"$tmp/head"
	: >"$tmp/answer"
	status=$(curl -sS -g --max-time 120 -K "$tmp/auth" -D "$tmp/head" -o "$tmp/answer" -w '%{http_code} %{url_effective}' "$@") || :
	effective=${status#* }
	status=${status%% *}
	tr -d '\r' <"$tmp/head" | sed -n '/./s/^/    < /p'
	if [ "${VERBOSE:-}" ]; then cat "$tmp/answer"; echo; fi
	if [ "$status" = "$recorded" ]; then
		same=$((same + 1))
		echo "  #$number $status, as recorded"
	else
		differ=$((differ + 1))
		echo "  #$number $status, recorded was $recorded"
	fi
	location=$(tr -d '\r' <"$tmp/head" | sed -n 's/^[Ll][Oo][Cc][Aa][Tt][Ii][Oo][Nn]:[ 	]*//p' | tail -n 1)
}

# resolve LOCATION makes the Location of the last answer absolute (RFC 3986 section 5.2; curl removes the dots).
resolve() {
	case $1 in
	'') ;;
	http://* | https://*) printf '%s' "$1" ;;
	//*) printf '%s' "${origin%%//*}$1" ;;
	/*) printf '%s' "$origin$1" ;;
	*)
		effective=${effective%%[?#]*}
		printf '%s' "${effective%/*}/$1"
		;;
	esac
}

# query URL QUERY adds to a URL's query.
query() {
	case $1 in
	*\?*) printf '%s&%s' "$1" "$2" ;;
	*) printf '%s?%s' "$1" "$2" ;;
	esac
}

# lost WHAT tells that a step can't be repeated.
lost() {
	incomplete=$((incomplete + 1))
	echo "  $1: the rest is left out"
}
