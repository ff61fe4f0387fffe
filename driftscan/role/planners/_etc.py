"""Files of /etc that the installation or a package's script has written, and that somebody has edited since."""

import re
from collections.abc import Iterator

from driftscan.explain.view import View
from driftscan.findings._traces import Era, era
from driftscan.model.text import raw
from driftscan.model.tree import Entry
from driftscan.role.desk import Desk, Planned
from driftscan.role.handlers import handlers_for
from driftscan.role.model import LeftOut
from driftscan.role.planners._texts import SECRET, text_of
from driftscan.role.resources import File, Why

_BURST = 600.0  # seconds within which the scripts of a package have done their work
_WRITERS = frozenset({"installer", "generated"})
# Lists of repositories are planned as such; accounts, names, addresses and disks are each host's own.
_OTHERS = re.compile(
    r"/etc/(?:apt|yum\.repos\.d|init\.d|rc[0-9S]\.d|ssh|ssl|pki|network|netplan|NetworkManager|systemd|alternatives)/.*"
    r"|/etc/(?:hosts|hostname|fstab|crypttab|mtab|networks|resolv\.conf|mailname|inittab|os-release)"
    r"|/etc/(?:passwd|group|shadow|gshadow|subuid|subgid)-?"
)
_BOOT = re.compile(r"/etc/(?:default/grub(?:\.d/.*)?|kernel-img\.conf|initramfs-tools/.*|sysconfig/(?:grub|kernel))")
_GENERATED_LOCALE = re.compile(r"^[ \t]*(?!(?:C|POSIX|en_US)\b)[A-Za-z]{2,3}(?:_[A-Z]{2})?\S*[ \t]+\S+", re.MULTILINE)
_LOCALES = "/etc/locale.gen"


def edited(desk: Desk) -> Iterator[Planned]:
    """Plan the files that were written long after the installation, and when no package came or was upgraded.

    Nothing tells what such a file would say on a new host. A script of a package writes it when the package comes.
    """
    view = desk.view
    if not (view.seen("files") and view.seen("packages")):
        return
    time = era(view)
    unpacked = sorted(one.unpacked for one in view.ownership.manifests if one.unpacked)
    for item in view.of("contents"):
        path, told = item.key, item.attributes.get("text")
        if not path.startswith("/etc/") or _OTHERS.fullmatch(path) or desk.is_taken(path):
            continue
        entry = view.directories.entry(raw(path))
        if entry is None or not _is_written(view, path) or desk.observed.identity.is_own("files", path):
            continue
        locales = path == _LOCALES and isinstance(told, str) and _GENERATED_LOCALE.search(told) is not None
        if locales or _is_later(entry, time, unpacked):
            if _BOOT.fullmatch(path):
                yield LeftOut("files", path, "how a host boots is its own")
                desk.taken.add(path)
            else:
                words = "locales are chosen in it" if locales else "written at the installation, and edited since"
                yield from plain_file(desk, path, Why("files", path, words))


def plain_file(desk: Desk, path: str, why: Why) -> Iterator[Planned]:
    """Plan a regular file as it is, with what has to run when it changes; nothing where there is none."""
    entry = desk.view.directories.entry(raw(path))
    if entry is None or entry.kind != "f" or desk.is_taken(path) or desk.word(path):
        return
    desk.taken.add(path)
    content = desk.content(path)
    kept = text_of(desk.view, path) if content is None else None
    if kept is not None and not SECRET.search(kept):
        content = desk.secrets.split(path, raw(kept))
    if content is None:
        yield LeftOut("files", path, "its content could not be read", limit=True)
        return
    handlers = handlers_for(path, desk.view)
    yield from handlers
    user, group = desk.owner(path)
    notify = tuple(one.name for one in handlers)
    yield File(why=why, path=path, user=user, group=group, mode=f"{entry.mode:04o}", content=content, notify=notify)


def _is_written(view: View, path: str) -> bool:
    """Whether the installation or a script is said to have written a file that no package ships."""
    found = view.explained.of(raw(path))
    return raw(path) not in view.ownership and found is not None and found.kind in _WRITERS


def _is_later(entry: Entry, time: Era, unpacked: list[float]) -> bool:
    """Whether a file was written after the installation, and not just after a package had come."""
    if not time.end or entry.mtime <= time.end + _BURST or not time.credible(entry.mtime):
        return False
    return not any(0 <= entry.mtime - moment <= _BURST for moment in unpacked)
