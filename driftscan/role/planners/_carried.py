"""What of a strange directory a role carries, and what it names instead: data to move, what programs make anew."""

import re
from collections.abc import Iterator

from driftscan.model.text import text
from driftscan.model.tree import Entry, descend
from driftscan.role.desk import Desk
from driftscan.role.model import Data, LeftOut

BY_WORD = "data, by the word of the one who steers"
_ANEW = re.compile(
    "log|cache|temporary|bytecode|number of a process|made anew|lock|editor|what an application|socket|ldconfig"
)
OWN = "each host has its own"
# What accounts, mounts and names are read from, and what the kernel and each boot make.
_NEVER = re.compile(
    r"/etc/(?:passwd|group|shadow|gshadow|subuid|subgid)-?|/etc/(?:fstab|hosts|hostname|machine-id|resolv\.conf|mtab)"
    r"|/etc/ssh/ssh_host_.*|/(?:proc|sys|run|dev)/.*"
)
_UPLOADS = re.compile(rb".*/uploads(?:/.*)?", re.DOTALL)


def is_own(desk: Desk, path: str) -> bool:
    """Whether each host has its own of a path: no role carries it."""
    return _NEVER.fullmatch(path) is not None or desk.observed.identity.is_own("files", path)


def below(desk: Desk, top: bytes) -> Iterator[Entry]:
    """Yield the entry at `top` and all below it."""
    snapshot = desk.view.snapshot
    return descend(snapshot.objects, snapshot.tree, snapshot.stats, top)


def passing(desk: Desk, entry: Entry) -> str:
    """Return why what is at a path is not carried, by what it is or by a person's word; "" where it is."""
    if is_own(desk, text(entry.path)):
        return OWN
    if desk.steering.is_data(text(entry.path)):
        return BY_WORD
    return desk.observed.volatile.entry(entry)


def parts(desk: Desk, top: Entry) -> tuple[list[Entry], list[tuple[Entry, str]]]:
    """Return what of a strange directory is carried, and the tops of what is not.

    Each of these is with the reason, "" where it is planned apart: by another planner, or before the packages.
    """
    kept, without = [top], list[tuple[Entry, str]]()
    for entry in below(desk, top.path):
        if entry.path == top.path or (without and entry.path.startswith(without[-1][0].path + b"/")):
            continue
        path = text(entry.path)
        if path in desk.checkouts or desk.is_taken(path) or (path in desk.early and not desk.is_early(text(top.path))):
            without.append((entry, ""))
        elif reason := desk.word(path) or passing(desk, entry):
            without.append((entry, reason))
        else:
            kept.append(entry)
    return kept, without


def is_made_anew(entry: Entry, reason: str) -> bool:
    """Whether programs make again what is not carried for `reason`; what people have uploaded they do not."""
    return _ANEW.search(reason) is not None and not _UPLOADS.fullmatch(entry.path)


def set_aside(desk: Desk, entry: Entry, reason: str) -> LeftOut | Data:
    """Name what is not carried: what programs make anew, what a person leaves out, and data to move."""
    path = text(entry.path)
    if desk.word(path) or reason == OWN:
        return LeftOut("files", path, reason)
    if is_made_anew(entry, reason):
        return LeftOut("files", path, f"{reason}: programs make it anew")
    size = desk.view.directories.measure(entry.path).size if entry.kind == "d" else entry.size
    return Data(path=path, engine="", size=size, why=reason)


def content(desk: Desk, top: Entry, reason: str) -> Iterator[LeftOut | Data]:
    """Name what lies in a directory of which only the directories are made; nothing where that is all it has."""
    others = [one for one in below(desk, top.path) if one.kind != "d" and not desk.is_taken(text(one.path))]
    path = text(top.path)
    if others and is_made_anew(top, reason):
        yield LeftOut("files", path, f"what is in it: {reason}; programs make it anew")
    elif others:
        yield Data(path=path, engine="", size=sum(one.size for one in others), why=reason)
