"""The paths of a host that somebody has decided on: packaged ones that deviate, strangers, unpackaged configuration."""

import re
from collections import defaultdict
from collections.abc import Iterator
from hashlib import blake2b

from driftscan.baseline.model import Baseline
from driftscan.drift.identity import Identity
from driftscan.drift.subject import Subject, golden
from driftscan.drift.trees import below, digest
from driftscan.drift.volatile import Volatile
from driftscan.explain._kept_config import is_left_out, kept_by_ucf, left_out
from driftscan.explain.packaged import Deviation, deviations
from driftscan.explain.view import View
from driftscan.model.drift import Change
from driftscan.model.explanation import Explanation
from driftscan.model.item import Item, Json
from driftscan.model.manifest import PackagedFile
from driftscan.model.text import raw, text
from driftscan.model.tree import Entry
from driftscan.scopes import files

_SMALL = 40  # paths of a strange directory that are told one by one
_RIGHTS_COUNT = frozenset({"installer", "conffile", "skeleton"})  # kinds of explanation whose paths are few
_WHOLES = frozenset({"language package", "checkout"})  # kinds whose directories are compared as a whole
_SHOWN = ("security.capability", "system.posix_acl_")  # attributes that other columns show
_ANYBODYS = (b"/tmp/", b"/var/tmp/", b"/run/", b"/dev/")
_BACKUP = re.compile(rb"/etc/(?:passwd|group|shadow|gshadow|subuid|subgid)-")
_ATTRIBUTE = {"changed": "digest", "replaced": "type", "mode": "mode", "capabilities": "capabilities"}


def noteworthy(view: View, changing: Volatile, own: Identity, known: Baseline) -> Iterator[Subject]:
    """Yield the subjects of scopes `files` and `trees`; none where the files or the packages were not seen."""
    if not (view.seen("files") and view.seen("packages")):
        return
    found: dict[bytes, Subject] = {}
    for subject in _Paths(view, changing, own, known).all():
        found.setdefault(raw(subject.key), subject)
    yield from (found[path] for path in sorted(found))


class _Paths:
    """One look at the paths of a snapshot."""

    def __init__(self, view: View, changing: Volatile, own: Identity, known: Baseline) -> None:
        self.view = view
        self.changing = changing
        self.own = own
        self.texts = {raw(item.key): item.attributes.get("text") for item in view.of("contents")}
        self.trees = {raw(path) for path in known.trees}
        self.declared = {view.ownership.canonical(raw(key)) for scope, key in known.expected if scope == "files"}
        self.ways = {step for path in self.declared | self.trees for step in _above(path)}

    def all(self) -> Iterator[Subject]:
        for path in sorted(self.trees):
            if self.view.directories.entry(path) is not None:
                yield self._tree(path, None)
        yield from self._deviations()
        yield from self._strangers()
        yield from self._explained()

    def _inside_tree(self, path: bytes) -> bool:
        return path in self.trees or any(step in self.trees for step in _above(path))

    def _deviations(self) -> Iterator[Subject]:
        by_path: dict[bytes, list[Deviation]] = defaultdict(list)
        excluded = left_out(self.view)
        for one in [*deviations(self.view), *kept_by_ucf(self.view)]:
            if one.sure and not is_left_out(one.path, excluded):
                by_path[one.path].append(one)
        for path, found in by_path.items():
            first = found[0]
            if self._inside_tree(path) or (first.kind == "missing" and _above_missing(path, by_path)):
                continue
            package = Explanation("package", first.package)
            if first.kind == "missing":
                evidence: dict[str, Json] = {"package": first.package, "type": first.expected}
                yield Subject("files", text(path), {}, package, item=None, absent=True, evidence=evidence)
            else:
                yield self._path(path, None, tuple(change for one in found for change in _changes(one)), first.package)

    def _strangers(self) -> Iterator[Subject]:
        for stranger in self.view.explained.strangers:
            yield from self._strange(stranger.entry)

    def _strange(self, entry: Entry) -> Iterator[Subject]:
        path = entry.path
        if self._inside_tree(path) or self.changing.entry(entry):
            return
        if entry.kind != "d":
            yield self._path(path)
            return
        inside = list(below(self.view, path, self.changing))
        if len(inside) > _SMALL and path not in self.declared | self.ways:
            yield self._tree(path, None)
            return
        yield self._path(path, count=len(inside))
        wholes = tuple(one.path + b"/" for one in inside if one.kind == "d" and self._whole(one.path) is not None)
        for one in inside[1:]:
            if one.path.startswith(wholes) or one.path + b"/" in wholes:
                continue
            if not self._inside_tree(one.path):
                yield self._path(one.path)

    def _whole(self, path: bytes) -> Explanation | None:
        found = self.view.explained.claims.whole(path)
        return found if found is not None and found.kind in _WHOLES else None

    def _explained(self) -> Iterator[Subject]:
        """Yield what is explained and still somebody's to decide: rights and contents of unpackaged configuration."""
        claims, view = self.view.explained.claims, self.view
        texts = {path for path, told in self.texts.items() if told is not None}
        for path in sorted({*claims.paths, *texts}):
            if path in view.ownership or self._inside_tree(path) or _BACKUP.fullmatch(path):
                continue
            entry = view.directories.entry(path)
            explanation = claims.at(path) or claims.above(path)
            if entry is None or explanation is None:
                continue
            if self.changing.entry(entry):  # what it says and whether it is there: but nobody opens a log to everybody
                if _dangerous(entry) and not path.startswith(_ANYBODYS):
                    yield self._path(path, explanation, (Change("mode", None, f"{entry.mode:04o}"),))
                continue
            if self._whole(path) is not None and entry.kind == "d":
                if self._outermost(path):
                    yield self._tree(path, explanation)
            elif _decided(entry, explanation) or (path in texts and explanation.kind not in _WHOLES):
                yield self._path(path, explanation)
            elif _dangerous(entry):
                yield self._path(path, explanation, (Change("mode", None, f"{entry.mode:04o}"),))

    def _outermost(self, path: bytes) -> bool:
        """Whether a directory that is explained as a whole lies in no other, nor in a tree that is told as one."""
        return not any(self._whole(step) is not None for step in _above(path))

    def _path(
        self,
        path: bytes,
        explanation: Explanation | None = None,
        deviates: tuple[Change, ...] = (),
        package: str = "",
        count: int = 0,
    ) -> Subject:
        attributes = attributes_of(self.view, path)
        told = self.texts.get(path)
        if self.own.is_own("files", text(path)) or (explanation is not None and not isinstance(told, str)):
            attributes.pop("digest", None)  # its scope tells what it says, or each host has its own
        elif isinstance(told, str) and (neutral := self.own.neutral(told)) != told:
            attributes.pop("digest", None)
            attributes["text"] = text_digest(neutral)
        evidence: dict[str, Json] = {"package": package} if package else {}
        if count > 1:
            evidence["entries"] = count
        why = Explanation("package", package) if package else explanation
        return Subject("files", text(path), attributes, why, deviates=deviates, evidence=evidence)

    def _tree(self, path: bytes, explanation: Explanation | None) -> Subject:
        self.trees.add(path)
        name, count = digest(self.view, text(path), self.changing)
        return Subject("trees", text(path), {"digest": name}, explanation, evidence={"entries": count})


def text_digest(words: str) -> str:
    """Return the digest of a text from which the host's own names were taken."""
    return f"text:{blake2b(words.encode('utf-8', 'surrogatepass'), digest_size=16).hexdigest()}"


def attributes_of(view: View, path: bytes) -> dict[str, Json]:
    """Return the golden attributes of a path that is on the disk; {} where it is not.

    The digest of a packaged file that was not hashed is its package's: it was not changed since it was unpacked.
    """
    entry = view.directories.entry(path)
    if entry is None:
        return {}
    known = {**view.names.attributes(entry), **view.more.get(path, {})}
    if entry.kind == "f" and not known.get("digest"):
        known["digest"] = _shipped(view, entry)
    if entry.kind == "l":
        known["mode"] = None  # of a link it means nothing
    known["xattrs"] = [name for name in known.get("xattrs") or [] if not str(name).startswith(_SHOWN)]
    return golden(files.SCOPE, Item("files", text(path), known))


def _shipped(view: View, entry: Entry) -> str:
    """Return the digest that its package says, of a file that has not been touched since it was unpacked."""
    owned = view.ownership.get(entry.path)
    if owned is None or entry.ctime > owned[0].unpacked:
        return ""
    return PackagedFile.decode(owned[1]).digest


def _changes(one: Deviation) -> Iterator[Change]:
    if one.kind == "owner":
        expected, found = one.expected.split(":"), one.found.split(":")
        for name, before, after in zip(("user", "group"), expected, found, strict=False):
            if before != after:
                yield Change(name, before, after)
        return
    target = one.kind == "changed" and one.entry is not None and one.entry.kind == "l"
    yield Change("target" if target else _ATTRIBUTE[one.kind], one.expected, one.found)


def _above(path: bytes) -> Iterator[bytes]:
    step = path.rpartition(b"/")[0]
    while step:
        yield step
        step = step.rpartition(b"/")[0]


def _above_missing(path: bytes, found: dict[bytes, list[Deviation]]) -> bool:
    """Whether a directory above is missing too: then it is told, and nothing below it."""
    return any(step in found and found[step][0].kind == "missing" for step in _above(path))


def _decided(entry: Entry, explanation: Explanation) -> bool:
    """Whether the rights of what is explained are somebody's decision all the same: configuration, homes."""
    made = explanation.kind == "generated" and entry.kind == "f" and entry.path.startswith(b"/etc/")
    return made or explanation.kind in _RIGHTS_COUNT


def _dangerous(entry: Entry) -> bool:
    """Whether anybody may write, or become somebody else by it; a sticky directory is made for everybody."""
    if entry.kind not in "fd":
        return False
    sticky = entry.kind == "d" and entry.mode & 0o1000
    return bool(entry.mode & 0o002 and not sticky) or (entry.kind == "f" and entry.mode & 0o6000 != 0)
