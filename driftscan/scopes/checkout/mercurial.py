"""Checkouts of Mercurial and Subversion, as far as plain files tell."""

import re
import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from driftscan.scopes.checkout.git_index import Tracked
from driftscan.scopes.checkout.urls import without_credentials

HG_FILES = (b"hgrc", b"branch", b"dirstate", b"requires")
SVN_FILES = (b"entries",)
_DEFAULT = re.compile(rb"(?m)^\s*default\s*=\s*(\S+)")
_PATHS = re.compile(rb"(?ms)^\[paths\]\s*$(.*?)(?=^\[|\Z)")


class Hg(NamedTuple):
    """What `.hg` says: address, whether that holds a secret, branch, commit, what is tracked (None: unknown)."""

    remote: str | None
    credentials: bool
    branch: bytes | None
    commit: str | None
    tracked: list[Tracked] | None


def hg(store: bytes, shown: Mapping[bytes, bytes]) -> Hg:
    """Read what lies in the `.hg` at `store`."""
    paths = _PATHS.search(shown.get(store + b"/hgrc", b""))
    default = _DEFAULT.search(paths[1]) if paths else None
    remote, secret = without_credentials(default[1]) if default else (None, False)
    state = shown.get(store + b"/dirstate", b"")
    second = b"dirstate-v2" in shown.get(store + b"/requires", b"")
    known = len(state) >= 40 and not second and any(state[:20])
    tracked = _dirstate(state) if known else None
    branch = shown.get(store + b"/branch", b"default").strip() or None
    return Hg(remote, secret, branch, state[:20].hex() if known else None, tracked)


def _dirstate(data: bytes) -> list[Tracked] | None:
    try:
        return list(_entries(data))
    except (struct.error, ValueError):
        return None


def _entries(data: bytes) -> Iterator[Tracked]:
    at = 40
    while at < len(data):
        state, mode, size, mtime, length = struct.unpack_from(">ciiii", data, at)
        name = data[at + 17 : at + 17 + length]
        if length <= 0 or len(name) != length:
            raise ValueError
        at += 17 + length
        sure = state == b"n" and size >= 0 and mtime >= 0
        if state != b"r":
            kind = mode & 0o170000 or 0o100000
            yield Tracked(name.partition(b"\0")[0], kind | (mode & 0o777), max(size, 0), max(mtime, 0), 0, not sure)


def svn(store: bytes, shown: Mapping[bytes, bytes]) -> tuple[str | None, bool, str | None]:
    """Return address, whether that holds a secret, and revision; since Subversion 1.7 a database keeps them: None."""
    lines = shown.get(store + b"/entries", b"").split(b"\n")[:6]
    if len(lines) < 6 or lines[0] not in {b"8", b"9", b"10"}:
        return None, False, None
    remote, secret = without_credentials(lines[4])
    return remote or None, secret, f"r{int(lines[3])}" if lines[3].isdigit() and len(lines[3]) < 12 else None
