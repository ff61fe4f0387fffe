"""Rights that no package gives: setuid and setgid, capabilities, world-writable, without an owner."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from driftscan.explain.view import View
from driftscan.findings._packaged_rules import DANGEROUS
from driftscan.findings._reach import Reach
from driftscan.findings.base import Family, Rule
from driftscan.findings.writable import offenders
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
    doc="Whoever may run it gets the rights of its owner or group: a copy of a shell with this bit is the oldest back "
    "door there is.\n\n"
    "It is an executable regular file with the setuid or setgid bit that no package owns. Below a directory that "
    "others cannot enter, or in the root of another system (a chroot, a container), they are told together and "
    "weigh less.",
)
CAPABILITIES = Rule(
    "capabilities-unpackaged",
    Severity.MEDIUM,
    "files",
    "has a part of root's power, and no package owns it",
    "find out who needs it; give the capability to the service alone (AmbientCapabilities), or take it away: setcap -r",
    needs=("files", "packages"),
    doc="File capabilities give whoever runs the file a part of root's power, and no listing shows them. Those that "
    "lead to all of it are high; to open a low port is medium.\n\n"
    "Capabilities of packaged files are judged by packaged-capabilities.",
)
WRITABLE = Rule(
    "world-writable",
    Severity.MEDIUM,
    "files",
    "anybody may write here",
    "chmod o-w, or set the sticky bit (chmod +t) on a directory that is meant to be shared",
    needs=("files",),
    doc="Every account, that of a broken into web server too, may change the file, or put files there and remove those "
    "of others.\n\n"
    "It is a regular file, or a directory without the sticky bit, whose mode lets others write, and that others can "
    "reach. What is below one that is told is counted with it. Packaged paths are judged by packaged-mode.",
)
OWNERLESS = Rule(
    "owner-without-account",
    Severity.LOW,
    "files",
    "belongs to a number that no account or group has",
    "give it to an account (chown), or remove it: the next account with this number inherits it",
    needs=("files", "accounts"),
    doc="It was somebody's whose account is gone, or came with an archive of another host. The next account that is "
    "made may get this number, and with it the files.\n\n"
    "Links are left out. What is below a directory that is told is told by it.",
)


# With setuid or setgid, or with a last digit that lets others write.
_TELLING = rb"[fd](?:[2-7]\d\d\d|\d*[2367]) "
_OWNERS = re.compile(rb"\0[a-z]\d+ (?!0 0[ \0])(\d+ \d+)(?=[ \0])")  # root, whose most is, has an account
_PSEUDO = (b"/dev/", b"/proc/", b"/sys/")
_APART = 5  # writable files of one directory that are told one by one


def find(view: View) -> Iterator[Finding]:
    """Judge modes and owners; both are asked of the tree as a whole, for few entries of many have something to tell."""
    reach = Reach(view)
    setuid: list[Entry] = []
    writable: list[Entry] = []
    for entry in view.search(_TELLING):
        mode, kind = entry.mode, entry.kind
        if reach.packaged(entry.path):
            continue
        if mode & 0o6000 and kind == "f" and mode & 0o111:
            setuid.append(entry)
        if mode & 0o002 and (kind == "f" or not mode & 0o1000) and not entry.path.startswith(_PSEUDO):
            writable.append(entry)
    yield from _powerful(SETUID, reach, [(entry, _evidence(view, entry), SETUID.severity) for entry in setuid])
    yield from _powerful(CAPABILITIES, reach, _capable(view, reach))
    yield from _writable(view, reach, writable)
    yield from _ownerless(view)


_Powerful = tuple[Entry, dict[str, Json], Severity]


def _capable(view: View, reach: Reach) -> Iterator[_Powerful]:
    for path, more in view.more.items():
        entry = view.directories.entry(path) if more.get("capabilities") else None
        if entry is not None and not reach.packaged(path):
            capabilities = str(more["capabilities"])
            severity = Severity.HIGH if DANGEROUS.search(capabilities) else CAPABILITIES.severity
            yield entry, {"capabilities": capabilities, "user": _evidence(view, entry)["user"]}, severity


def _powerful(rule: Rule, reach: Reach, found: Iterable[_Powerful]) -> Iterator[Finding]:
    """Tell files one by one, but those of another system, or of a closed directory, together."""
    groups: dict[bytes, list[_Powerful]] = defaultdict(list)
    for one in found:
        path = one[0].path
        groups[reach.other_root(path) or reach.closed(path) or path].append(one)
    for place, group in groups.items():
        entry, evidence, severity = group[0]
        if place == entry.path:
            yield rule.finding(text(entry.path), evidence, severity)
            continue
        weight = Severity.LOW if reach.closed(entry.path) else Severity.MEDIUM
        if len(group) == 1:
            yield rule.finding(text(entry.path), evidence, weight)
            continue
        paths: list[Json] = [text(one[0].path) for one in group[:_APART]]
        yield rule.finding(text(place), {"count": len(group), "paths": paths}, weight)


def _writable(view: View, reach: Reach, found: Iterable[Entry]) -> Iterator[Finding]:
    """Tell the topmost, with the count of those below; of many files in one directory, the directory."""
    told_elsewhere = {one.path for one in offenders(view)}
    groups: dict[bytes, list[Entry]] = defaultdict(list)
    top: bytes | None = None
    for entry in found:
        if entry.path in told_elsewhere or reach.closed(entry.path):
            continue
        if top is not None and entry.path.startswith(top + b"/"):
            groups[top].append(entry)
        elif entry.kind == "d":
            top = entry.path
            groups[top].append(entry)
        else:
            groups[entry.path.rpartition(b"/")[0]].append(entry)
    for place, group in groups.items():
        first = group[0]
        if first.path == place:
            below: dict[str, Json] = {"below": len(group) - 1} if len(group) > 1 else {}
            yield WRITABLE.finding(text(place), _evidence(view, first) | below)
        elif len(group) > _APART:
            paths: list[Json] = [text(one.path) for one in group[:_APART]]
            yield WRITABLE.finding(text(place), {"count": len(group), "paths": paths})
        else:
            for entry in group:
                yield WRITABLE.finding(text(entry.path), _evidence(view, entry))


def _ownerless(view: View) -> Iterator[Finding]:
    """Name what belongs to nobody; what is below a directory that does is told by it."""
    pairs = {pair for data in view.objects() for pair in _OWNERS.findall(data)}
    missing = {pair: words for pair in pairs if (words := _missing(view, *map(int, pair.split())))}
    if not missing:
        return
    told: bytes | None = None
    for entry in view.search(rb"[^l]\d+ (?:" + b"|".join(sorted(missing)) + rb")(?: |$|\0)"):
        if (told is None or not entry.path.startswith(told)) and view.system(entry.path) is None:
            owner = b"%d %d" % entry.owner
            yield OWNERLESS.finding(text(entry.path), {**_evidence(view, entry), "missing": missing[owner]})
            told = entry.path + b"/" if entry.kind == "d" else told


def _missing(view: View, uid: int, gid: int) -> str:
    if uid not in view.names.users:
        return f"user {uid}"
    return "" if gid in view.names.groups else f"group {gid}"


def _evidence(view: View, entry: Entry) -> dict[str, Json]:
    known = view.names.attributes(entry)
    return {name: known[name] for name in ("type", "mode", "user", "group", "package")}


FAMILY = Family((SETUID, CAPABILITIES, WRITABLE, OWNERLESS), find)
