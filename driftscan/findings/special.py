"""Strange things in a file tree: devices, fifos and sockets out of place, unexplained hard links, hostile names."""

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from driftscan.explain.view import View
from driftscan.findings._reach import above
from driftscan.findings.base import Family, Rule
from driftscan.model.finding import Finding, Severity
from driftscan.model.text import shown, text
from driftscan.model.tree import REGULAR, Entry

if TYPE_CHECKING:
    from driftscan.model.item import Json

_NEEDS = ("files", "packages")

DEVICE = Rule(
    "device-outside-dev",
    Severity.MEDIUM,
    "files",
    "is a device outside /dev",
    "find out what needs it (a chroot?); remove it, or mount the place with nodev",
    needs=_NEEDS,
    doc="A device file gives whoever may open it the device, wherever it lies: a copy of a disk's device is a way "
    "around all permissions. In a chroot some are needed.\n\n"
    "Devices below /dev and /run and those of packages are left out, and so are the marks by which overlay filesystems "
    "hide files (mode 0). What a package's script or state explains is low, and so is the /dev of another system's "
    "root that lies on this host. Which device it is a scan does not see.",
)
SPECIAL = Rule(
    "special-unheld",
    Severity.LOW,
    "files",
    "is left over: no process seems to hold it",
    "remove it, or find out who is to read from it",
    needs=(*_NEEDS, "processes"),
    doc="A fifo or socket is a door between processes. One that lies where nothing explains it was left behind, and "
    "whoever writes to a fifo that nobody reads from waits for ever.\n\n"
    "Looked at are those that no package and nothing else explains, outside /dev, /run and /tmp. One that is younger "
    "than the boot counts as held if a process runs from, in, or with the name of a directory it lies in.",
)
HARDLINK = Rule(
    "hardlink-unexplained",
    Severity.LOW,
    "files",
    "is one file with another path elsewhere",
    "make a copy or a symbolic link of it: who changes the one changes the other, and nothing shows it",
    needs=_NEEDS,
    doc="Hard links are invisible in a listing, survive the removal of the other name, and are lost by most copies. A "
    "hard link to a program of a package outlives its next security update.\n\n"
    "Looked at are regular files with several names in different directories, one of which at least nothing explains. "
    "Names within one strange directory are its own affair.",
)
NAMES = Rule(
    "name-hostile",
    Severity.LOW,
    "files",
    "holds file names that break scripts, or were made to",
    "rename them (find -print0, ls -b show what they are), and see who made them",
    needs=_NEEDS,
    doc="Names with a newline, a leading dash, or the syntax of shells and templates are run, split or taken for "
    "options by careless scripts of root; control characters fool terminals; names that look like . or .. hide.\n\n"
    "One finding per directory. Packaged and explained paths are left out, but not those that hide. Names that are not "
    "UTF-8 may just be old.",
)

_INVISIBLE = re.compile(rb"\xe2\x80[\xaa-\xae\x8b-\x8f]|\xe2\x81[\xa6-\xa9]")
_HOSTILE = re.compile(rb"[\x01-\x1f\x7f]|^[- ]| $|\$[({]|`|\{\{|<%|#\{|^\.{3,}$|" + _INVISIBLE.pattern)
# What objects of the tree have where they list one: such a name, a device, fifo or socket, a file with several names.
_NEEDLES = (b"$(", b"${", b"`", b"{{", b"<%", b"#{", b" \0", b"\0 ", b"\0-", b"\0...")
_CONTROL = bytes([*range(1, 32), 127])
_LISTS_SPECIAL = re.compile(rb"\0[bcps][0-7]+ ")
_LISTS_LINKED = re.compile(rb" (?!1\0)[0-9]+\0")
_SPECIAL = b"bcps"
_HIDES = re.compile(rb"\.{3,}|\.{1,2}[ \t\xa0]+|[ \t]+\.{0,2}")
_ELSEWHERE = (b"/dev/", b"/run/", b"/tmp/", b"/var/run/", b"/var/tmp/", b"/proc/", b"/sys/")
_EXAMPLES = 5
_APART = 3  # devices of one directory that are told one by one
_ONE = b" 1"


class _Seen:
    """What one search through the tree has brought; an object of the tree with nothing strange in it is not opened."""

    def __init__(self, view: View) -> None:
        self.devices: list[Entry] = []
        self.specials: list[Entry] = []
        self.linked: dict[tuple[bytes, bytes], list[Entry]] = defaultdict(list)
        self.names: dict[bytes, list[Entry]] = defaultdict(list)
        for entry in view.snapshot.search.select(_tells, tree=_may_list, stats=_LISTS_LINKED.search):
            path, kind = entry.path, entry.meta[:1]
            folder, _, name = path.rpartition(b"/")
            if _is_hostile(name):
                self.names[folder].append(entry)
            if kind == b"f":
                if not entry.stats.endswith(_ONE):
                    # Numbers of inodes repeat on other filesystems; with all their times they do not.
                    self.linked[entry.stats, entry.meta].append(entry)
            elif kind in b"bc":
                self.devices.append(entry)
            elif kind in b"ps":
                self.specials.append(entry)


def _may_list(tree: bytes) -> bool:
    return (
        _LISTS_SPECIAL.search(tree) is not None
        or tree.startswith((b"-", b" ", b"..."))
        or any(needle in tree for needle in _NEEDLES)
        or len(tree.translate(None, _CONTROL)) < len(tree)
        or (not tree.isascii() and (_INVISIBLE.search(tree) is not None or not _is_utf8(tree)))
    )


def _tells(name: bytes, meta: bytes, stats: bytes) -> bool:
    kind = meta[0]
    return kind in _SPECIAL or (kind == REGULAR and not stats.endswith(_ONE)) or _is_hostile(name)


def _is_hostile(name: bytes) -> bool:
    return _HOSTILE.search(name) is not None or not _is_utf8(name)


def find(view: View) -> Iterator[Finding]:
    """Judge what one search through the tree has brought."""
    seen = _Seen(view)
    yield from _devices(view, seen.devices)
    yield from _specials(view, seen.specials)
    yield from _hardlinks(view, seen.linked)
    yield from _names(view, seen.names)


def _devices(view: View, devices: Sequence[Entry]) -> Iterator[Finding]:
    groups: dict[bytes, list[Entry]] = defaultdict(list)
    for entry in devices:
        if entry.mode and not entry.path.startswith((b"/dev/", b"/run/")) and not view.ownership.owner(entry.path):
            groups[entry.path.rpartition(b"/")[0]].append(entry)
    for folder, group in groups.items():
        usual = folder.removesuffix(b"/dev") in view.systems or view.explained.of(group[0].path) is not None
        severity = Severity.LOW if usual else None
        if len(group) > _APART:
            names: list[Json] = [shown(text(entry.path.rpartition(b"/")[2])) for entry in group[:_EXAMPLES]]
            yield DEVICE.finding(text(folder), {"count": len(group), "names": names}, severity)
            continue
        for entry in group:
            told = view.names.attributes(entry)
            evidence = {name: told[name] for name in ("type", "mode", "user", "group")}
            yield DEVICE.finding(text(entry.path), evidence, severity)


def _specials(view: View, specials: Sequence[Entry]) -> Iterator[Finding]:
    boot = _boot(view)
    held = _held(view)
    for entry in specials:
        if entry.path.startswith(_ELSEWHERE) or view.explained.of(entry.path) is not None:
            continue
        stale = boot is not None and entry.ctime < boot
        if not stale and any(step in held for step in above(entry.path)):
            continue
        told = view.names.attributes(entry)
        evidence = {name: told[name] for name in ("type", "mode", "user")}
        yield SPECIAL.finding(text(entry.path), evidence | ({"older than the boot": True} if stale else {}))


def _boot(view: View) -> float | None:
    """Return when the host was started, in seconds since 1970; None where that was not seen."""
    try:
        return datetime.fromisoformat(str(view.facts.get("boot time")).replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None


def _held(view: View) -> set[bytes]:
    """Return the paths in processes' command lines, their working directories and where their executables lie."""
    found: set[bytes] = set()
    for item in view.of("processes"):
        get = item.attributes.get
        words = [str(word) for word in get("argv") or () if str(word).startswith("/")]
        places = [str(get("cwd") or ""), str(get("exe") or "").rpartition("/")[0]]
        found.update(word.encode("utf-8", "replace").rstrip(b"/") for word in [*words, *places])
    return found - {b""}


def _hardlinks(view: View, linked: dict[tuple[bytes, bytes], list[Entry]]) -> Iterator[Finding]:
    tops = sorted(stranger.entry.path for stranger in view.explained.strangers)
    told: Counter[tuple[bytes, bytes]] = Counter()
    firsts: dict[tuple[bytes, bytes], tuple[Entry, Entry]] = {}
    for group in linked.values():
        strange = [entry for entry in group if _top(tops, entry.path)]
        if len(group) < 2 or not strange:
            continue
        one = strange[0]
        here = _top(tops, one.path)
        others = [entry for entry in group if _top(tops, entry.path) != here and _folder(entry) != _folder(one)]
        if others:
            pair = here, _top(tops, others[0].path) or _folder(others[0])
            told[pair] += 1
            firsts.setdefault(pair, (one, others[0]))
    for pair, (one, other) in firsts.items():
        evidence: dict[str, Json] = {"other": text(other.path)}
        owner = view.ownership.owner(other.path)
        here, there = _folder(one), _folder(other)
        if owner and here in view.ownership and here.rpartition(b"/")[0] == there.rpartition(b"/")[0]:
            continue  # a package's own script has linked it from one of the package's directories into another
        if owner:
            evidence["package"] = owner
        if told[pair] > 1:
            evidence["alike"] = told[pair] - 1
        yield HARDLINK.finding(text(one.path), evidence)


def _folder(entry: Entry) -> bytes:
    return entry.path.rpartition(b"/")[0]


def _top(tops: Sequence[bytes], path: bytes) -> bytes:
    """Return the unexplained path at or above `path`, b"" if there is none."""
    return next((step for step in above(path) if _among(tops, step)), b"")


def _among(tops: Sequence[bytes], path: bytes) -> bool:
    at = bisect_right(tops, path)
    return at > 0 and tops[at - 1] == path


def _names(view: View, names: dict[bytes, list[Entry]]) -> Iterator[Finding]:
    for folder, entries in names.items():
        strange = [entry for entry in entries if _counts(view, entry)]
        if not strange:
            continue
        found = [entry.path.rpartition(b"/")[2] for entry in strange]
        hides = [name for name in found if _HIDES.fullmatch(name)]
        examples: list[Json] = [shown(text(name)) for name in (hides + found)[:_EXAMPLES]]
        evidence: dict[str, Json] = {"count": len(found), "names": examples}
        yield NAMES.finding(text(folder or b"/"), evidence, Severity.MEDIUM if hides else None)


def _counts(view: View, entry: Entry) -> bool:
    if entry.path in view.ownership:
        return False
    return view.explained.of(entry.path) is None or bool(_HIDES.fullmatch(entry.path.rpartition(b"/")[2]))


def _is_utf8(name: bytes) -> bool:
    if name.isascii():
        return True
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


FAMILY = Family((DEVICE, SPECIAL, HARDLINK, NAMES), find)
