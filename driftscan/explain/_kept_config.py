"""Configuration that is no conffile: ucf's registry against the disk, and what dpkg was told to leave out."""

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from driftscan.explain.packaged import Deviation
from driftscan.model.outcome import Outcome
from driftscan.model.text import raw, text
from driftscan.model.tree import Entry

if TYPE_CHECKING:
    from driftscan.explain.view import View

_CACHE = b"/var/lib/ucf/cache/"
_EXCLUDE = re.compile(r"^\s*path-(exclude|include)\s*[= ]\s*(\S.*?)\s*$", re.MULTILINE)


def kept_by_ucf(view: "View") -> Iterator[Deviation]:
    """Yield what is changed or missing of the configuration that ucf has registered.

    ucf keeps a copy of the package's version beside its digest: the copy is compared by digest, or by size where one
    of the two was not hashed.
    """
    if not (view.seen("ucf") and view.seen("files")):
        return
    for item in view.of("ucf"):
        path = view.ownership.canonical(raw(item.key))
        if path in view.ownership:
            continue
        package, digest = str(item.attributes.get("package") or ""), str(item.attributes.get("digest") or "")
        entry = view.directories.entry(path)
        if entry is None:
            above = view.directories.list(path.rpartition(b"/")[0])
            if digest and above and view.snapshot.outcome("files") in {Outcome.OK, Outcome.DENIED}:
                yield Deviation("missing", path, package, "file", "", "ucf", config=True)
        elif entry.kind == "f" and digest and _changed(view, entry, digest):
            found = str(view.more.get(path, {}).get("digest") or "")
            yield Deviation("changed", path, package, digest, found, "ucf", config=True, entry=entry)


def _changed(view: "View", entry: Entry, digest: str) -> bool:
    """Whether a file is another than the version of its package that ucf has accepted."""
    found = str(view.more.get(entry.path, {}).get("digest") or "")
    if found.startswith("md5:"):
        return found != digest
    copy = view.directories.entry(_CACHE + entry.path.replace(b"/", b":"))
    if copy is None:
        return False
    kept = str(view.more.get(copy.path, {}).get("digest") or "")
    if found and kept and found.partition(":")[0] == kept.partition(":")[0]:
        return found != kept
    return entry.size != copy.size


def left_out(view: "View") -> Sequence[tuple[bool, str]]:
    """Return what dpkg was told to leave out when it unpacks, in order: whether a pattern excludes, and the pattern."""
    found = []
    for item in view.of("contents"):
        path = str(item.attributes.get("path") or item.key)
        if path == "/etc/dpkg/dpkg.cfg" or path.startswith("/etc/dpkg/dpkg.cfg.d/"):
            words = _EXCLUDE.findall(str(item.attributes.get("text") or ""))
            found += [(kind == "exclude", pattern) for kind, pattern in words]
    return found


def is_left_out(path: bytes, patterns: Sequence[tuple[bool, str]]) -> bool:
    """Whether dpkg leaves `path` out: the last pattern that matches decides."""
    said = [excludes for excludes, pattern in patterns if fnmatchcase(text(path), pattern)]
    return bool(said) and said[-1]
