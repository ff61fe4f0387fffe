"""Pieces of POSIX sh that probes of several scopes begin with."""

# Defines `unprivileged COMMAND…`, which runs it as a user who owns nothing and so can write nothing; where the kernel
# allows, he may read everything, for an image may lie where only root looks (no_setuid_fixup lets access() know of it).
# su and runuser would write to the logs.
UNPRIVILEGED = r"""
unprivileged() {
  nobody='setpriv --reuid=65534 --regid=65534 --clear-groups'
  reader="$nobody --securebits=+no_setuid_fixup --inh-caps=-all,+dac_read_search --ambient-caps=-all,+dac_read_search"
  uid=$(id -u)
  if [ "${uid:-0}" != 0 ]; then "$@"
  elif $reader true 2>/dev/null; then HOME=/nonexistent $reader "$@"
  elif $nobody true 2>/dev/null; then HOME=/nonexistent $nobody "$@"
  elif chroot --userspec=65534:65534 --groups=65534 / true 2>/dev/null; then
    HOME=/nonexistent chroot --userspec=65534:65534 --groups=65534 / "$@"
  elif perl -e 1 2>/dev/null; then
    HOME=/nonexistent perl -e '$( = 65534; $) = "65534 65534"; ($<, $>) = (65534, 65534); exec @ARGV if $> == 65534 && $< == 65534; exit 126' "$@"
  else
    HOME=/nonexistent python -c 'import os, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534); os.execvp(sys.argv[1], sys.argv[1:])' "$@"
  fi
}
"""

# Defines `sqlite FILE QUERY`, which prints rows with tabs between the columns. It reads as nobody, so that nothing can
# be written: with the journal where that can be seen, else the file as it lies there.
SQLITE = (
    UNPRIVILEGED
    + r"""
sqlite_ask() {
  for python in /usr/libexec/platform-python python3; do
    command -v "$python" >/dev/null 2>&1 || continue
    unprivileged "$python" -IBc 'import sqlite3, sys
for row in sqlite3.connect("file:" + sys.argv[1], uri=True).execute(sys.argv[2]):
    sys.stdout.write("\t".join(map(str, row)) + "\n")' "$@"
    return
  done
  command -v sqlite3 >/dev/null 2>&1 || { echo "neither Python nor sqlite3 is on the host to read $1" >&2; return 1; }
  unprivileged sqlite3 -batch -separator '	' "file:$1" "$2"
}
sqlite() { sqlite_ask "$1?mode=ro" "$2" 2>/dev/null || sqlite_ask "$1?immutable=1" "$2"; }
"""
)
