"""The scope `statoverrides`: owners and modes that dpkg gives to files instead of those in their packages."""

import re

from driftscan.model.item import Column, Item
from driftscan.model.text import text
from driftscan.scopes._common import not_understood, whole_lines
from driftscan.scopes.base import ItemScope, Parsed, Probe, Results
from driftscan.scopes.managers.base import segments, stdout

COLUMNS = (
    Column("path", "text", "Path that it is about"),
    Column("user", "text", "Owner; #NUMBER where it is given as a number", golden=True),
    Column("group", "text", "Group; #NUMBER where it is given as a number", golden=True),
    Column("mode", "text", "Permission bits in octal", golden=True),
    Column("made_by", "text", "Package whose own script makes this very override; empty: none does; null: unknown"),
    Column("package", "text", "Package that owns the path", owner_of="path"),
)
_FILE = Probe(
    "statoverrides",
    r"""
ds_real /var/lib/dpkg/statoverride
if [ ! -e "$ds_p" ]; then ds_gone "$ds_p" && ds_absent "no statoverrides of dpkg"; ds_denied /var/lib/dpkg/statoverride; fi
cat "$ds_p"
""",
)

# ">PACKAGE.postinst" before each script that makes overrides, "<" behind the last.
_SCRIPTS = Probe(
    "statoverride-scripts",
    r"""
ds_real /var/lib/dpkg/info
if [ ! -d "$ds_p" ]; then ds_gone "$ds_p" && ds_absent "no scripts of dpkg"; ds_denied "$ds_p"; fi
cd "$ds_p" && [ -r . ] || ds_denied /var/lib/dpkg/info
found=$(grep -ls dpkg-statoverride ./*.postinst ./*.preinst ./*.config)
[ -n "$found" ] || { echo '<'; exit 0; }
set -f
awk 'FNR == 1 { print ">" substr(FILENAME, 3) } { print } END { print "<" }' $found
""",
    accepts=frozenset({0, 1}),
    limit=8 << 20,
)
_LINE = re.compile(r"(\S+) (\S+) ([0-7]{1,5}) (/.*)")


def parse(results: Results) -> Parsed:
    """Turn the file, one line for each override, into items."""
    shown = results.get(_SCRIPTS.name)
    scripts = segments(stdout(results, _SCRIPTS.name)) if shown and shown.outcome.seen else None
    items, strange = {}, []
    for line in whole_lines(stdout(results, _FILE.name)):
        match = _LINE.fullmatch(text(line))
        if match is None:
            strange.append(line)
            continue
        user, group, mode, path = match.groups()
        known = {"path": path, "user": user, "group": group, "mode": mode.lstrip("0").rjust(4, "0")}
        known["made_by"] = None if scripts is None else _maker(match, scripts)
        items[path] = Item("statoverrides", path, known)
    words = not_understood(strange)
    return Parsed(items=list(items.values()), unparsed={_FILE.name: words} if words else {})


def _maker(override: re.Match[str], scripts: list[tuple[bytes, bytes]]) -> str:
    """Return the package with a script that names all of an override, be it by way of variables; "" if there is none.

    Of a path only its last part must stand there: scripts put paths together.
    """
    user, group, mode, path = (part.encode("utf-8", "replace") for part in override.groups())
    words = {user, group, path.rpartition(b"/")[2]}
    for name, body in scripts:
        if all(word in body for word in words) and re.search(rb"(?<![0-9])0*%s(?![0-9])" % mode.lstrip(b"0"), body):
            return re.sub(r"(?::\w+)?\.\w+$", "", text(name))
    return ""


SCOPE = ItemScope(
    name="statoverrides",
    doc="Owners and modes that dpkg gives to files instead of those in their packages (dpkg-statoverride)",
    columns=COLUMNS,
    probes=(_FILE, _SCRIPTS),
    parse=parse,
)
