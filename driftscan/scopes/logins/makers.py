"""Who makes accounts: which installed script or list of a package speaks of each user and group of this host."""

import re

from driftscan.model.text import text
from driftscan.scopes._common import whole_lines
from driftscan.scopes.base import Probe, Results

# Each awk reads the account files first, and says `NAME FILE` once for each of their names that a later file speaks
# of: a list of sysusers.d by its second word, a master file of base-passwd by its first, a maintainer script by any
# word of a script that makes accounts at all. A comment says nothing.
MAKERS = Probe(
    "accounts-makers",
    r"""
ds_real /etc/passwd; passwd=$ds_p
ds_real /etc/group; group=$ds_p
[ -r "$passwd" ] && [ -r "$group" ] || ds_absent 'no account files'
xargs -0 true </dev/null 2>/dev/null || ds_lack 'xargs -0'
speak() { # DIRECTORY: reads names of files, one a line
  tr '\n' '\000' | xargs -0 awk -v top="$1" '
    FILENAME == ARGV[1] || FILENAME == ARGV[2] { split($0, field, ":"); known[field[1]] = 1; next }
    /^[ \t]*#/ { next }
    FILENAME ~ /\.conf$/ { if ($1 ~ /^[ug]!?$/) say($2); if ($1 == "m") { say($2); say($3) }; next }
    FILENAME ~ /\.master$/ { split($0, field, ":"); say(field[1]); next }
    { count = split($0, word, /[^A-Za-z0-9_.-]+/); for (i = 1; i <= count; i++) say(word[i]) }
    function say(name) { if (name in known && !(name in said)) { said[name] = 1; print name " " top "/" FILENAME } }
  ' "$passwd" "$group"
}
for d in /usr/lib/sysusers.d /etc/sysusers.d /usr/share/base-passwd; do
  ds_real "$d"
  cd "$ds_p" 2>/dev/null || continue
  for f in *.conf *.master; do [ -r "$f" ] && printf '%s\n' "$f"; done | speak "$d"
done
ds_real /var/lib/dpkg/info
if cd "$ds_p" 2>/dev/null; then
  for s in preinst postinst; do
    printf '%s\000' *."$s" | xargs -0 grep -lsE 'adduser|useradd|addgroup|groupadd' | speak /var/lib/dpkg/info
  done
fi
ds_real /var/lib/pacman/local
if cd "$ds_p" 2>/dev/null; then
  printf '%s\000' */install | xargs -0 grep -lsE 'useradd|groupadd' | speak /var/lib/pacman/local
fi
true
""",
    tools=("awk", "xargs", "grep", "tr"),
    limit=4 << 20,
)
_LINE = re.compile(rb"(\S+) (/.+)")


def makers(results: Results) -> dict[str, str]:
    """Return by the name of a user or group the first file that speaks of it."""
    found: dict[str, str] = {}
    if MAKERS.name in results:
        for line in whole_lines(results[MAKERS.name].stdout):
            if match := _LINE.fullmatch(line):
                found.setdefault(text(match[1]), text(match[2]))
    return found
