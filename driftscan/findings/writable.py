"""What root runs, but somebody else may write: whoever can change it is root."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from driftscan.explain.view import View
from driftscan.findings._reach import above
from driftscan.findings.base import Family, Rule
from driftscan.model.finding import Finding, Severity
from driftscan.model.ownership import resolve
from driftscan.model.text import raw, text
from driftscan.model.tree import Entry

WRONG = Rule(
    "writable-by-wrong-one",
    Severity.HIGH,
    "files",
    "may be changed by somebody else, though root runs what is there",
    "give it to root and take the right to write away (chown root, chmod go-w), or run it as that account",
    needs=("files", "accounts"),
    doc="Whoever may write a program that root starts, the file that says what to start, or a directory above it (and "
    "so put another file in its place), is root at the next start.\n\n"
    "Looked at are the commands and files of units and schedules that run as root, rc.local, and the directories of "
    "root's PATH. The owner of a file or directory may write it, whatever its mode; a group counts where it has a "
    "member but root. For the account of a service it is medium, for people and everybody high.\n\n"
    "What a package owns is judged by packaged-owner and packaged-mode; access control lists are not looked at here.",
)

_PATH = (b"/usr/local/sbin", b"/usr/local/bin", b"/usr/sbin", b"/usr/bin", b"/sbin", b"/bin")
_TRUSTED = (b"/etc/passwd", b"/etc/shadow", b"/etc/group", b"/etc/sudoers", b"/etc/sudoers.d", b"/etc/ld.so.preload")
_WORD = re.compile(r"(?<![\w./=:~-])/[^\s\"';|&<>()`$*?]+")
_PEOPLE = 1000  # numbers from here on are people's, or everybody's
_STICKY = 0o1000


class Offender(NamedTuple):
    """A path that `who` may write, and what root starts by it; `grave`: they are people, or everybody."""

    path: bytes
    who: str
    starts: tuple[str, ...]
    grave: bool


def offenders(view: View) -> Iterator[Offender]:
    """Yield the paths that somebody else than root may write, though root runs or trusts what is there."""
    if not (view.seen("files") and view.seen("accounts")):
        return
    members = _members(view)
    found: dict[bytes, tuple[str, bool]] = {}
    starts: dict[bytes, list[str]] = defaultdict(list)
    clean: set[bytes] = set()
    for path, what in _started(view):
        for step in above(path):
            if step in clean:
                break
            if step not in found:
                entry = view.directories.entry(step)
                wrong = None if entry is None or view.ownership.owner(step) else _writer(view, entry, members)
                if wrong is None:
                    continue
                found[step] = wrong
            if what not in starts[step]:
                starts[step].append(what)
        else:
            clean.update(step for step in above(path) if step not in found)
    for path in sorted(found):
        who, grave = found[path]
        yield Offender(path, who, tuple(starts[path]), grave)


def find(view: View) -> Iterator[Finding]:
    """Judge every path on the way to what root starts."""
    for path, who, starts, grave in offenders(view):
        evidence = {"by": who, "starts": list(starts[:5])}
        yield WRONG.finding(text(path), evidence, WRONG.severity if grave else Severity.MEDIUM)


def _started(view: View) -> Iterator[tuple[bytes, str]]:
    """Yield the real path of everything that root starts or trusts, and what it is started by."""
    for path in _PATH:
        yield from _real(view, path, "root's PATH")
    for path in _TRUSTED:
        yield from _real(view, path, "root trusts it")
    for item in view.of("services"):
        get = item.attributes.get
        for file in (get("fragment"), *(get("dropins") or ())):
            yield from _real(view, raw(str(file or "")), item.key)
        if get("user") in {None, "", "root"} and get("manager") == "systemd":
            yield from _programs(view, str(get("command") or ""), item.key)
    for item in view.of("schedules"):
        get = item.attributes.get
        if get("user") in {"root", "toor"} and not get("ignored"):
            yield from _real(view, raw(str(get("file") or "")), item.key)
            yield from _programs(view, str(get("command") or ""), str(get("file") or item.key))


def _programs(view: View, command: str, what: str) -> Iterator[tuple[bytes, str]]:
    """Yield the executable files that a command names, and the script that an interpreter is given."""
    for found in _WORD.finditer(command):
        for path, _ in _real(view, raw(found[0]), what):
            entry = view.directories.entry(path)
            runs = found.start() == 0 or (entry is not None and entry.mode & 0o111) or _SCRIPT.search(path)
            if entry is not None and entry.kind == "f" and runs:
                yield path, what


_SCRIPT = re.compile(rb"\.(?:sh|bash|py|pl|rb|php|js)$")


def _real(view: View, path: bytes, what: str) -> Iterator[tuple[bytes, str]]:
    """Yield where `path` really is, and where a link to it stands."""
    if path.startswith(b"/"):
        for one in {view.ownership.canonical(path), resolve(path, view.snapshot.links) or path}:
            if view.directories.entry(one) is not None:
                yield one, what


def _writer(view: View, entry: Entry, members: dict[int, set[str]]) -> tuple[str, bool] | None:
    """Return who but root may write `entry` (of a directory: put other files in place), None if nobody."""
    if entry.kind not in "fd":
        return None
    uid, gid = entry.owner
    mode = entry.mode
    if uid != 0:
        return f"user {view.names.users.get(uid, str(uid))}", uid >= _PEOPLE
    if entry.kind == "d" and mode & _STICKY:
        return None
    if mode & 0o002:
        return "everybody", True
    people = members.get(gid, set())
    if mode & 0o020 and gid != 0 and people:
        return f"group {view.names.groups.get(gid, str(gid))}: {', '.join(sorted(people)[:5])}", True
    return None


def _members(view: View) -> dict[int, set[str]]:
    """Return the accounts in each group by its number, root left out."""
    found: dict[int, set[str]] = defaultdict(set)
    for item in view.of("accounts"):
        get = item.attributes.get
        gid = get("gid")
        if not isinstance(gid, int):
            continue
        if get("kind") == "user" and get("uid") != 0:
            found[gid].add(str(get("name")))
        elif get("kind") == "group":
            found[gid].update(_others(get("members") or ()))
    return found


def _others(members: Iterable[object]) -> Iterator[str]:
    return (str(name) for name in members if name != "root")


FAMILY = Family((WRONG,), find)
