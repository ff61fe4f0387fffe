"""Permissions that no package explains: setuid and setgid, world-writable, without an owner."""

import re
from collections.abc import Iterator

from driftscan.explain.view import View
from driftscan.findings.base import Family, Rule
from driftscan.model.finding import Finding, Severity
from driftscan.model.item import Json
from driftscan.model.text import text
from driftscan.model.tree import Entry

SETUID = Rule(
    "setuid-unpackaged",
    Severity.HIGH,
    "files",
    "runs with its owner's rights, and no package owns it",
    "find out who put it there; remove it, or take the bit away with chmod u-s,g-s",
    needs=("files", "packages"),
)
WRITABLE = Rule(
    "world-writable",
    Severity.MEDIUM,
    "files",
    "anybody may write here",
    "chmod o-w, or set the sticky bit (chmod +t) on a directory that is meant to be shared",
    needs=("files",),
)
OWNERLESS = Rule(
    "owner-without-account",
    Severity.LOW,
    "files",
    "belongs to a number that no account or group has",
    "give it to an account (chown), or remove it: the next account with this number inherits it",
    needs=("files", "accounts"),
)


# With setuid or setgid, or with a last digit that lets others write.
_TELLING = rb"[fd](?:[2-7]\d\d\d|\d*[2367]) "
_OWNERS = re.compile(rb"\0[a-z]\d+ (\d+ \d+)(?=[ \0])")


def find(view: View) -> Iterator[Finding]:
    """Judge modes and owners; both are asked of the tree as a whole, for few entries of many have something to tell."""
    for entry in view.search(_TELLING):
        yield from _by_mode(view, entry)
    yield from _ownerless(view)


def _ownerless(view: View) -> Iterator[Finding]:
    """Name what belongs to nobody; what is below a directory that does is told by it."""
    pairs = {pair for data in view.objects() for pair in _OWNERS.findall(data)}
    missing = {pair: words for pair in pairs if (words := _missing(view, *map(int, pair.split())))}
    if not missing:
        return
    told: bytes | None = None
    for entry in view.search(rb"[^l]\d+ (?:" + b"|".join(sorted(missing)) + rb")(?: |$|\0)"):
        if told is None or not entry.path.startswith(told):
            owner = b"%d %d" % entry.owner
            yield OWNERLESS.finding(text(entry.path), {**_evidence(view, entry), "missing": missing[owner]})
            told = entry.path + b"/" if entry.kind == "d" else told


def _by_mode(view: View, entry: Entry) -> Iterator[Finding]:
    mode, kind = entry.mode, entry.kind
    if mode & 0o6000 and kind == "f" and mode & 0o111 and not _packaged(view, entry):
        yield SETUID.finding(text(entry.path), _evidence(view, entry))
    if mode & 0o002 and (kind == "f" or not mode & 0o1000):
        yield WRITABLE.finding(text(entry.path), _evidence(view, entry))


def _packaged(view: View, entry: Entry) -> bool:
    return view.names.ownership is not None and bool(view.names.ownership.owner(entry.path))


def _missing(view: View, uid: int, gid: int) -> str:
    if uid not in view.names.users:
        return f"user {uid}"
    return "" if gid in view.names.groups else f"group {gid}"


def _evidence(view: View, entry: Entry) -> dict[str, Json]:
    known = view.names.attributes(entry)
    return {name: known[name] for name in ("type", "mode", "user", "group", "package")}


FAMILY = Family((SETUID, WRITABLE, OWNERLESS), find)
