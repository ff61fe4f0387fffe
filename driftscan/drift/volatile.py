"""What changes by itself on a host at work, so that it is no drift: logs, caches, state, what runs for a moment.

Nothing here hides what somebody could hide behind it: programs, what the kernel or an interpreter runs, rights, and
what opens an account are told wherever they lie.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from types import MappingProxyType

from driftscan.drift import _volatile_items as items
from driftscan.drift._volatile_places import (
    APPLICATION,
    CONFIGURATION,
    DECIDED,
    FIXED,
    HANDMADE,
    HOME,
    NAMES,
    PLACES,
    STORAGE,
    Place,
)
from driftscan.explain._places import STATE_ROOTS, is_state
from driftscan.model.item import Item
from driftscan.model.snapshot import Snapshot
from driftscan.model.text import raw
from driftscan.model.tree import Entry
from driftscan.scopes._places import system_around

_LONG = 4096  # bytes of a path that the kernel opens: a longer one is told
_LOCK = 32  # bytes of a file called .lock, at most: a lock of a package manager of programmers is longer
_WITH_PACKAGE = 300.0  # seconds between the files that dpkg keeps of one package and their unpacking
_SCRIPT = re.compile(rb"(/var/lib/dpkg/info/[^/]+)\.(?:preinst|postinst|prerm|postrm|config)")
_APT_KEY = re.compile(rb"/tmp/apt-key-gpghome\.\w{10}/gpg\.\d\.sh")
_WILDCARDS = re.compile(rb"[*?\[]")
_TEMPORARY = re.compile(rb"/(?:tmp|var/tmp|run|dev|proc|sys)/")
_FETCHED = re.compile(rb"/var/(?:cache|lib/apt/lists)/")  # files there are made anew, by one account or another
_BESIDE = (b"-wal", b"-shm", b"-journal")  # of a database of SQLite
_Patterns = Mapping[bytes, list[tuple[re.Pattern[bytes], str]]]  # directory -> patterns there, with the reason


def volatile(snapshot: Snapshot) -> "Volatile":
    """Return what changes by itself on the host as `snapshot` saw it; what that is derived from is read when needed."""
    return Volatile(snapshot)


class Volatile:
    """Tells why something changes by itself; "" where it does not."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._paths: dict[bytes, str] = {}
        self._inside: dict[bytes, bool] = {}

    def path(self, path: bytes) -> str:
        """Return why what is at the absolute `path` comes, goes or grows by itself, "" if it does not.

        Only names are judged: `entry` is for what is there.
        """
        known = self._paths.get(path)
        if known is None:
            known = self._paths[path] = self._judged(path)
        return known

    def entry(self, entry: Entry) -> str:
        """Return why an entry of the tree comes, goes or grows by itself, "" if it does not.

        A program is never volatile, nor a device, nor a directory with such a thing in it. That the rights of what is
        there have changed is another matter: see `change`.
        """
        if entry.kind in "bc" and not (entry.path.startswith(b"/dev/") and not entry.path.startswith(b"/dev/shm/")):
            return ""
        if STORAGE.fullmatch(entry.path):
            return "storage of containers"
        if entry.kind == "s":
            return "a socket: there while something listens"
        if entry.kind == "f" and entry.mode & 0o6111:
            return self._script(entry)
        reason = self.path(entry.path)
        if not reason and entry.kind == "f" and entry.size <= _LOCK and entry.path.endswith((b".lock", b".lck")):
            reason = "" if entry.path.startswith(b"/etc/") else "a lock"
        if reason and entry.kind == "d" and not self._quiet(entry.path):
            return ""
        return reason

    def change(self, before: Entry | None, after: Entry | None) -> str:
        """Return why the difference between two entries of one path is none, "" if it is one.

        New or gone, what is volatile says nothing; where it was and is there, type, mode, owner and target count.
        """
        there = after or before
        if there is None or before is None or after is None:
            return "" if there is None else self.entry(there)
        reason = self.entry(after)
        if not reason or _TEMPORARY.match(after.path):
            return reason
        if before.kind == after.kind == "f" and _FETCHED.match(after.path) and not after.mode & 0o002:
            return reason
        same = before.kind == after.kind and before.mode == after.mode and before.owner == after.owner
        return reason if same and before.link == after.link else ""

    def item(self, item: Item) -> str:
        """Return why an item comes and goes by itself, "" if it does not; one of another snapshot does not.

        What runs is judged by its age when the snapshot was taken: ask of each item the snapshot that it is of.
        """
        judge = items.JUDGES.get(item.scope)
        if judge is not None:
            return judge(self._moment, item) if self._judgeable.get((item.scope, item.key)) == item else ""
        if item.scope in items.BY_PATH:
            path = raw(str(item.attributes.get("path") or item.key))
            return self._of_path(item.scope, path) if path.startswith(b"/") else ""
        return ""

    def attributes(self, item: Item) -> frozenset[str]:
        """Return the names of the attributes of an item that change by themselves."""
        return items.flapping(item)

    @cached_property
    def _judgeable(self) -> Mapping[tuple[str, str], Item]:
        return {(item.scope, item.key): item for item in self._snapshot.items if item.scope in items.JUDGES}

    def _of_path(self, scope: str, path: bytes) -> str:
        if scope not in items.OF_FILES:
            return self.path(path) if self._passing(path) else ""
        found = self._snapshot.directories.entry(path) if self._snapshot.tree else None
        return self.entry(found) if found is not None else self.path(path)

    def _judged(self, path: bytes) -> str:
        if path == b"/etc/resolv.conf":
            return "written by a tool" if self._resolver_is_made else ""
        if len(path) > _LONG or DECIDED.fullmatch(path):
            return ""
        configuration = CONFIGURATION.fullmatch(path) is not None
        home = self._home(path)
        if home and HOME.fullmatch(path, len(home)):
            return "" if configuration and b"/.cache/" not in path else "kept by a program for its user"
        reason = self._declared(path)
        if not reason:
            place = _place(path)
            if place is None:
                return self._derived(path, configuration=configuration)
            if not (HANDMADE.match(path) and configuration):
                return place.reason
            reason = place.reason
        return "" if configuration and not self._is_packaged_state(path) else reason

    def _derived(self, path: bytes, *, configuration: bool) -> str:
        """Judge by what other scopes have found: databases, swap, applications."""
        if configuration:
            return ""
        system = system_around(self._snapshot, path)
        for step in _up(path):
            if step in self._databases:
                return f"data of {self._databases[step]}"
            if step in self._roots and APPLICATION.fullmatch(path, len(step)):
                return "what an application writes, by where it lies"
            if step == system:
                inside = path[len(step) :]
                place = None if DECIDED.fullmatch(inside) else _place(inside)
                return f"in another system: {place.reason}" if place is not None else ""
        return ""

    def _passing(self, path: bytes) -> bool:
        """Whether a path is there for a while only: temporary, in a cache, a log."""
        home = self._home(path)
        if home and HOME.fullmatch(path, len(home)):
            return True
        place = _place(path)
        return place is not None and place.passing

    def _quiet(self, directory: bytes) -> bool:
        """Whether all that is below a directory is volatile."""
        if directory not in self._inside:
            there = self._snapshot.directories.entry(directory)
            listed = self._snapshot.directories.list(directory).values()
            self._inside[directory] = there is not None and all(self.entry(entry) for entry in listed)
        return self._inside[directory]

    def _script(self, entry: Entry) -> str:
        """Judge a program: volatile are maintainer scripts that came with a package, and what apt runs for a moment."""
        if _APT_KEY.fullmatch(entry.path) and entry.owner[0] == self._apt and not entry.mode & 0o6000:
            return "made by apt while it checks a signature"
        match = _SCRIPT.fullmatch(entry.path)
        listing = self._snapshot.directories.entry(match[1] + b".list") if match else None
        if listing is None or entry.mode & 0o6000 or abs(entry.ctime - listing.ctime) > _WITH_PACKAGE:
            return ""
        return "database of the package manager"

    def _declared(self, path: bytes) -> str:
        """Return what the host's own files say of `path`: that it is rotated, or made for a package or a service."""
        if FIXED.match(path) and not path.startswith(b"/etc/lvm/"):
            return ""
        for base in _unrotated(path):
            if base in self._logs:
                return self._logs[base]
        for folder in (path.rpartition(b"/")[0], b""):
            for pattern, reason in self._log_patterns.get(folder, ()):
                if any(pattern.fullmatch(base) for base in _unrotated(path)):
                    return reason
        return next((self._tops[step] for step in _up(path) if step in self._tops), "")

    @cached_property
    def _declarations(
        self,
    ) -> tuple[Mapping[bytes, str], Mapping[bytes, list[tuple[re.Pattern[bytes], str]]], Mapping[bytes, str]]:
        logs: dict[bytes, str] = {}
        patterns: dict[bytes, list[tuple[re.Pattern[bytes], str]]] = {}
        tops: dict[bytes, str] = {}
        for item in self._items("declarations"):
            path, kind, file = raw(str(item.attributes["path"])), item.attributes["kind"], item.attributes["file"]
            if kind == "logrotate":
                reason = f"rotated by {file}"
                if _WILDCARDS.search(path):
                    folder = path.rpartition(b"/")[0]
                    patterns.setdefault(b"" if _WILDCARDS.search(folder) else folder, []).append((_glob(path), reason))
                else:
                    logs[path] = reason
            elif kind in {"tmpfiles", "unit"} and item.attributes["whole"] and _may_hold_state(path):
                tops[path] = f"kept for {file}"
        return logs, patterns, tops

    @property
    def _logs(self) -> Mapping[bytes, str]:
        return self._declarations[0]

    @property
    def _log_patterns(self) -> _Patterns:
        return self._declarations[1]

    @property
    def _tops(self) -> Mapping[bytes, str]:
        return self._declarations[2]

    def _is_packaged_state(self, path: bytes) -> bool:
        """Whether the directory for state that `path` lies in is a package's, or a service's: none made by hand."""
        owned = self._snapshot.ownership
        for step in _up(path):
            if step in self._databases:
                return False
            if step in self._tops:
                return True
            if owned is not None and is_state(step) and (step in owned or step in owned.directories):
                return True
        return False

    def _home(self, path: bytes) -> bytes:
        """Return the home that `path` lies in, b"" if in none."""
        return next((step for step in _up(path) if step in self._homes), b"")

    @cached_property
    def _homes(self) -> frozenset[bytes]:
        homes = {raw(str(item.attributes.get("home") or "")).rstrip(b"/") for item in self._items("accounts")}
        return frozenset(home for home in homes | {b"/root"} if home.count(b"/") >= 1 and not FIXED.match(home))

    @cached_property
    def _apt(self) -> int | None:
        """The user that apt fetches as."""
        return next((i.attributes.get("uid") for i in self._items("accounts") if i.key == "user _apt"), None)

    @cached_property
    def _databases(self) -> Mapping[bytes, str]:
        found = {raw(item.key): str(item.attributes.get("engine")) for item in self._items("state")}
        found |= {path + more: engine for path, engine in list(found.items()) if engine == "sqlite" for more in _BESIDE}
        swaps = (item for item in self._items("mounts") if item.attributes.get("fstype") == "swap")
        return MappingProxyType(found | {raw(item.key): "swap" for item in swaps})

    @cached_property
    def _roots(self) -> frozenset[bytes]:
        return frozenset(raw(item.key) for item in self._items("applications") if not FIXED.match(raw(item.key)))

    @cached_property
    def _resolver_is_made(self) -> bool:
        told = [item for item in self._items("network") if item.attributes.get("kind") == "resolver"]
        return bool(told) and all(item.attributes.get("automatic") for item in told)

    @cached_property
    def _moment(self) -> items.Moment:
        return items.Moment(self._snapshot)

    def _items(self, scope: str) -> Iterator[Item]:
        return (item for item in self._snapshot.items if item.scope == scope)


def _place(path: bytes) -> Place | None:
    """Return the first place that a path lies in, or the first name that it has."""
    found = next((place for place in PLACES if place.pattern.fullmatch(path)), None)
    if found is not None or len(path) > _LONG:
        return found
    folder, _, name = path.rpartition(b"/")
    tail = b"%s/%s" % (folder.rpartition(b"/")[2], name)
    found = next((place for place in NAMES if place.pattern.fullmatch(tail)), None)
    return found if found is NAMES[0] or not FIXED.match(path) else None


def _may_hold_state(path: bytes) -> bool:
    return path.startswith((b"/run/", b"/var/run/", *(root + b"/" for root in STATE_ROOTS))) and (
        is_state(path) or path.startswith((b"/run/", b"/var/run/"))
    )


def _up(path: bytes) -> Iterator[bytes]:
    """Yield `path` and the directories above it, the nearest first."""
    while path:
        yield path
        path = path.rpartition(b"/")[0]


_ROTATED = re.compile(rb"(?:[.-](?:[0-9]{1,4}|[0-9]{8}(?:-?[0-9]{2,10})?|old))?(?:\.(?:gz|xz|bz2|zst|lz4|Z))?")


def _unrotated(path: bytes) -> Iterator[bytes]:
    """Yield the names under which a log may be declared: `a.log` of `a.log.2.gz`, of `a.log-20240131`, of itself."""
    for end in range(len(path), max(len(path) - 30, 0), -1):
        if _ROTATED.fullmatch(path, end):
            yield path[:end]


def _glob(pattern: bytes) -> re.Pattern[bytes]:
    """Return the expression for a pattern of the shell; a wildcard stays within one name."""
    parts = re.split(rb"(\*|\?|\[[^\]/]*\])", pattern)
    words = {b"*": rb"[^/]*", b"?": rb"[^/]"}
    made = [
        words.get(part) or (b"[%s" % part[1:].replace(b"\\", rb"\\") if part.startswith(b"[") else re.escape(part))
        for part in parts
    ]
    try:
        return re.compile(b"".join(made), re.DOTALL)
    except re.error:
        return re.compile(re.escape(pattern))
