"""Lines of files of which each host has its own: names of other hosts in /etc/hosts, file systems in /etc/fstab."""

import re
from collections.abc import Iterator, Sequence

from driftscan.model.item import Item
from driftscan.model.text import raw
from driftscan.role.desk import Desk, Planned
from driftscan.role.handlers import handlers_for
from driftscan.role.model import LeftOut
from driftscan.role.planners._texts import SECRET, text_of
from driftscan.role.resources import Lines, Why

_HOSTS, _FSTAB = "/etc/hosts", "/etc/fstab"
_DISK = re.compile(r"(?:UUID|LABEL|PARTUUID|PARTLABEL|ID)=.*|/dev/.*", re.IGNORECASE)
# What installers give a disk of its own, or list for removable ones; then there is nothing to tell.
_USUAL = re.compile(
    r"/|/(?:boot(?:/efi)?|efi|home|var|tmp|usr|opt|srv|root)|/(?:var|usr)/[^/]+|/var/log/audit|/media(?:/.*)?"
    r"|/mnt|none|swap"
)
_KERNEL = re.compile(r"/(?:proc|sys|dev|run)(?:/.*)?")
_OCTAL = re.compile(r"\\([0-7]{3})")


def hosts(desk: Desk) -> Iterator[Planned]:
    """Plan the entries for other hosts, each line as it is written."""
    wanted = {
        (str(item.attributes.get("value")), str(item.attributes.get("name")).lower())
        for item in desk.view.of("network")
        if _is_another(desk, item)
    }
    desk.taken.add(_HOSTS)
    if not wanted:
        return
    told = text_of(desk.view, _HOSTS)
    if told is None:
        yield LeftOut("network", _HOSTS, "what it says was not kept", limit=True)
        return
    lines = []
    for line in told.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        mine = [name for name in names if (address, name.lower()) in wanted]
        if not mine:
            continue
        if len(mine) < len(names) and any(desk.observed.identity.neutral(name) != name for name in names):
            yield LeftOut("network", f"host {_HOSTS} {mine[0]}", "its line names the host itself too", limit=True)
        elif SECRET.search(line):
            yield LeftOut("network", f"host {_HOSTS} {mine[0]}", "its line holds a secret", limit=True)
        else:
            lines.append(line)
    yield from _lines(desk, _HOSTS, lines, "names that this host knows by itself")


def _is_another(desk: Desk, item: Item) -> bool:
    """Whether an item is an entry for another host, that a person may have in the role."""
    has, own = item.attributes, desk.observed.identity
    if has.get("kind") != "host" or has.get("automatic") or has.get("configured") is False:
        return False
    mine = own.neutral(str(has.get("name"))) != str(has.get("name")) or own.neutral(str(has.get("value"))) != str(
        has.get("value")
    )
    return not mine and not desk.refusal("network", item.key)


def fstab(desk: Desk) -> Iterator[Planned]:
    """Plan the file systems that are on no disk of the host: of the network, of memory, other names of directories."""
    desk.taken.add(_FSTAB)
    told = text_of(desk.view, _FSTAB)
    lines = []
    for line in (told or "").splitlines():
        fields = line.split()
        if len(fields) < 3 or fields[0].startswith("#"):
            continue
        source, target, kind = _decoded(fields[0]), _decoded(fields[1]), fields[2]
        if desk.refusal("mounts", source if kind == "swap" else target):
            continue
        reason = _stays(desk, source, target, kind)
        if reason is not None:
            if reason:
                yield LeftOut("mounts", source if kind == "swap" else target, reason)
        elif SECRET.search(line):
            yield LeftOut("mounts", target, "its line in /etc/fstab holds a secret", limit=True)
        else:
            lines.append(line)
    yield from _lines(desk, _FSTAB, lines, "file systems that are on no disk of the host")


def _stays(desk: Desk, source: str, target: str, kind: str) -> str | None:
    """Return why a line stays behind, "" where that needs no word; None where it does not."""
    disk = _DISK.fullmatch(source) is not None
    if kind == "swap":
        return "" if disk or desk.view.explained.of(raw(source)) is not None else "swap is each host's own"
    if _KERNEL.fullmatch(target) or (disk and _USUAL.fullmatch(target)):
        return ""
    return "on a disk of the host: the new one has its own" if disk else None


def _decoded(field: str) -> str:
    """Return a field of fstab with what it spells in octal: blanks, tabs, backslashes."""
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), field)


def _lines(desk: Desk, path: str, lines: Sequence[str], words: str) -> Iterator[Planned]:
    if lines:
        handlers = handlers_for(path, desk.view)
        yield from handlers
        notify = tuple(one.name for one in handlers)
        yield Lines(why=Why("files", path, words), path=path, lines=tuple(dict.fromkeys(lines)), notify=notify)
