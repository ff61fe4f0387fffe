set -eu
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 022
usage='usage: rebuild.sh [-n | --dry-run]   (as root; -n: only say what would change)'
# shellcheck disable=SC2034 # not every role needs all of them
dry='' changes=0 troubles='' label='' doing='' work='' said=/dev/null
case ${1-} in
-n | --dry-run) dry=yes ;;
-h | --help) printf '%s\n' "$usage" && exit ;;
'') ;;
*) printf 'rebuild: %s\n' "$usage" >&2 && exit 2 ;;
esac
if [ "$(id -u)" != 0 ]; then printf 'rebuild: only root can do this\n' >&2 && exit 1; fi

# shellcheck disable=SC2034 # as above
secrets=${DRIFTSCAN_SECRETS:-}
case $secrets in '' | /*) ;; *) secrets=$PWD/$secrets ;; esac
case $0 in */*) CDPATH='' cd -- "${0%/*}/" ;; esac
# shellcheck disable=SC2034 # as above
here=$PWD
[ -n "$secrets" ] || secrets=$here/secrets
cd /

# What tools say is kept in $said; its last line tells why one failed.
trap 'ended $?' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
exec 3>&2 2>/dev/null
if [ -z "$dry" ]; then
    work=$(mktemp -d /tmp/driftscan.XXXXXX)
    said=$work/said
    exec 2>>"$said"
fi
