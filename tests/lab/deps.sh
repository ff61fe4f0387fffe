#!/bin/sh
# Install what the lab's hosts and the store's PostgreSQL tests need; nothing where it is there already.
set -eu
cd "$(dirname "$0")"
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  [ "${CI:-}" != true ] || { echo "lab: needs root and apt-get" >&2; exit 1; }
  echo "lab: not root on Debian: tests on real hosts will be skipped" >&2
  exit 0
fi
want=
for pair in systemd-nspawn:systemd-container mmdebstrap:mmdebstrap ip:iproute2 ssh:openssh-client strace:strace busybox:busybox-static setfacl:acl setfattr:attr buildah:buildah; do
  command -v "${pair%%:*}" >/dev/null || want="$want ${pair#*:}"
done
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || want="$want postgresql"
[ -n "$want" ] || exit 0
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
# shellcheck disable=SC2086 -- a list of words
apt-get -qq -o DPkg::Lock::Timeout=500 install -y --no-install-recommends $want >/dev/null
