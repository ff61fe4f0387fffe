"""The scope `mounts`: what is mounted, what /etc/fstab says should be, and swap."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from driftscan.model.item import Column, Item, Json
from driftscan.model.outcome import Outcome
from driftscan.model.redaction import redact
from driftscan.model.text import text
from driftscan.scopes._common import PROC_WHOLE, blind_spots, not_understood, whole_lines
from driftscan.scopes.base import ItemScope, Parsed, Probe, Results

COLUMNS = (
    Column("target", "text", "Where it is mounted; of swap, its device or file"),
    Column("source", "text", "Device, share or label; as fstab spells it where it is not mounted", golden=True),
    Column("fstype", "text", "Kind of file system; swap", golden=True),
    Column("options", "text", "Options in force, secrets replaced; none where it is not mounted", golden=True),
    Column("in_fstab", "boolean", "Whether /etc/fstab has it; none where that could not be read", golden=True),
    Column("mounted", "boolean", "Whether it is mounted now; none where no kernel was seen", golden=True),
    Column("fstab_source", "text", "Source as fstab spells it"),
    Column("fstab_options", "text", "Options as fstab has them, secrets replaced"),
    Column("unit", "text", "Mount unit that systemd has under this name"),
    Column(
        "subtree", "text", "Directory of the source's file system that is mounted; / is all of it (none known: none)"
    ),
    Column("automatic", "boolean", "Whether kernel, systemd or a container runtime made it: nobody's decision"),
)
_FSTAB = Probe("fstab", "ds_file /etc/fstab\nds_dir /etc/fstab.d")
_LIVE = Probe(
    "mounted",
    f"cat /proc/self/mountinfo || cat /proc/mounts\n{PROC_WHOLE}\nprintf '\\nswaps\\n'; sed 1d /proc/swaps",
    accepts=frozenset({0, 1, 2}),
    live=True,
)
_UNITS = Probe(
    "mount-units",
    """for d in /etc/systemd/system /run/systemd/system /usr/local/lib/systemd/system /usr/lib/systemd/system \\
  /lib/systemd/system /run/systemd/generator /run/systemd/generator.late; do
  ds_real "$d"
  for f in "$ds_p"/*.mount "$ds_p"/*.automount "$ds_p"/*.swap; do
    [ -f "$f" ] && [ -s "$f" ] || continue
    case $d in */generator*) grep -q '^SourcePath=/etc/fstab' "$f" && continue; printf 'made ' ;; *) printf 'file ' ;; esac
    printf '%s\\n' "${f##*/}"
  done
done
:""",
)
# File systems without a disk or a server behind them, but for tmpfs, which people mount too.
_KERNEL = frozenset({
    "autofs", "bdev", "binder", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "cpuset", "debugfs", "devpts",
    "devtmpfs", "efivarfs", "fusectl", "fuse.gvfsd-fuse", "fuse.lxcfs", "fuse.portal", "fuse.snapfuse", "hugetlbfs",
    "mqueue", "nfsd", "nsfs", "proc", "pstore", "ramfs", "resctrl", "rootfs", "rpc_pipefs", "securityfs", "selinuxfs",
    "smackfs", "sysfs", "tracefs", "usbfs", "xenfs",
})  # fmt: skip
_RUNTIME = re.compile(
    r"/(?:proc|sys|dev|run)(?:/|$)|/snap/|/var/snap/|/var/lib/(?:docker|containers?|containerd|kubelet|lxc|lxcfs|lxd|"
    r"machines|incus|rkt|snapd|nfs/rpc_pipefs|flatpak)(?:/|$)|/var/run/|/\.snapshots?(?:/|$)|/home/[^/]+/\.cache/doc$|"
    r".*/(?:merged|rootfs)$"
)
_COMES_AND_GOES = re.compile(
    r"/run/(?:user|credentials|netns|docker|containerd|containers|snapd)/|/var/lib/(?:docker|containers?|containerd|kubelet)/|/snap/|"
    r"/proc/sys/fs/binfmt_misc|/media/|/run/media/"
)  # with a login, a service, a container, a stick
_HEX = re.compile(rb"\\\\x([0-9a-f]{2})")
_OCTAL = re.compile(r"\\([0-7]{3})")
_LIMIT = 2000  # mounts; a host of containers may have more, and none of them is anybody's decision


@dataclass(frozen=True, slots=True)
class _Mount:
    source: str
    fstype: str
    options: str
    root: str | None = None


@dataclass(frozen=True, slots=True)
class _Live:
    """What the kernel has mounted by place, what it swaps to, and where something is mounted on demand."""

    mounted: dict[str, _Mount] = field(default_factory=dict)
    swaps: dict[str, _Mount] = field(default_factory=dict)
    automounts: set[str] = field(default_factory=set)


def parse(results: Results) -> Parsed:
    """Turn fstab and the kernel's own list into one item per mount point."""
    live, strange = _live(results)
    configured, odd, read = _fstab(results)
    units, made = _units(results)
    shown = results.get(_LIVE.name)
    whole = shown is not None and shown.outcome is Outcome.OK and bool(live.mounted)
    items: list[Item] = []
    places = sorted({*live.mounted, *live.swaps, *configured})
    for place in places:
        now, said = live.mounted.get(place) or live.swaps.get(place), configured.get(place)
        automatic = said is None and now is not None and (place in made or _automatic(place, now, live.automounts))
        if automatic and _COMES_AND_GOES.match(place):
            continue
        told = _attributes(now, said)
        told["target"] = place
        told["in_fstab"] = said is not None if read else None
        told["mounted"] = _is_mounted(said, now, live) if whole else None
        told["unit"] = units.get(place)
        told["automatic"] = automatic
        items.append(Item("mounts", place, told))
    denied, unparsed = blind_spots(results)
    for probe, lines in ((_LIVE, strange), (_FSTAB, odd)):
        if lines:
            unparsed[probe.name] = not_understood(lines)
    notes = [f"only the first {_LIMIT} of {len(items)} mounts are kept"] if len(items) > _LIMIT else []
    return Parsed(items[:_LIMIT], unparsed, denied, notes=notes)


def _attributes(now: _Mount | None, said: _Mount | None) -> dict[str, Json]:
    return {
        "source": _hidden(now.source if now else said.source if said else ""),
        "fstype": now.fstype if now else said.fstype if said else "",
        "options": _hidden(now.options) if now else None,
        "fstab_source": _hidden(said.source) if said else None,
        "fstab_options": _hidden(said.options) if said else None,
        "subtree": now.root if now else None,
    }


def _is_mounted(said: _Mount | None, now: _Mount | None, live: _Live) -> bool | None:
    """Return whether something is mounted; swap that fstab names by a label may be any of those in use."""
    if now is not None:
        return True
    return None if said is not None and said.fstype == "swap" and live.swaps else False


def _live(results: Results) -> tuple[_Live, list[bytes]]:
    """Return what is mounted by its place, of several on one place the topmost; and lines not understood."""
    live, strange = _Live(), []
    in_swaps = False
    for line in whole_lines(results[_LIVE.name].stdout if _LIVE.name in results else b""):
        fields = text(line).split(" ")
        if line == b"swaps":
            in_swaps = True
        elif in_swaps:
            words = text(line).split()
            if len(words) >= 5 and words[0].startswith("/"):  # name, type, size, used, priority
                live.swaps[_plain(words[0])] = _Mount(_plain(words[0]), "swap", words[1])
        elif len(fields) >= 9 and "-" in fields[6:]:  # of mountinfo
            dash = fields.index("-", 6)
            fstype, source, more = (*fields[dash + 1 :], "", "", "")[:3]
            place = _plain(fields[4])
            if fstype == "autofs":
                live.automounts.add(place)
            live.mounted[place] = _Mount(_plain(source), fstype, _plain(_joined(fields[5], more)), _plain(fields[3]))
        elif len(fields) == 6:  # of mounts
            live.mounted[_plain(fields[1])] = _Mount(_plain(fields[0]), fields[2], _plain(fields[3]))
        elif line:
            strange.append(line)
    return live, strange


def _joined(own: str, of_filesystem: str) -> str:
    """Return the options of a mount and of its file system as one list; a mount's ro outweighs its file system's rw."""
    mine = own.split(",")
    return ",".join([*mine, *(one for one in of_filesystem.split(",") if one not in {*mine, "rw", "ro", ""})])


def _fstab(results: Results) -> tuple[dict[str, _Mount], list[bytes], bool]:
    """Return what fstab has by place, lines not understood, and whether it was read (that it is not there counts)."""
    found: dict[str, _Mount] = {}
    strange: list[bytes] = []
    files = results[_FSTAB.name].files if _FSTAB.name in results else ()
    for file in files:
        if file.outcome is not Outcome.OK or (b"/fstab.d/" in file.path and not file.path.endswith(b".fstab")):
            continue
        for line in file.data.split(b"\n"):
            words = text(line).split()
            if not words or words[0].startswith("#"):
                continue
            if len(words) < 2:
                strange.append(line)
                continue
            fstype = words[2] if len(words) > 2 else "auto"
            mount = _Mount(_plain(words[0]), fstype, _plain(words[3]) if len(words) > 3 else "defaults")
            found[_place(mount, _plain(words[1]))] = mount
    read = any(file.path == b"/etc/fstab" and file.outcome in {Outcome.OK, Outcome.ABSENT} for file in files)
    return found, strange, read


def _place(mount: _Mount, target: str) -> str:
    """Return the place of an entry as the kernel spells it; a swap's is its source."""
    if mount.fstype == "swap" or not target.startswith("/"):
        return mount.source
    return os.path.normpath(target).replace("//", "/")


def _units(results: Results) -> tuple[dict[str, str], set[str]]:
    """Return the units that are there for mounts, by their place, and the places for which a generator made one."""
    found: dict[str, str] = {}
    made: set[str] = set()
    for line in whole_lines(results[_UNITS.name].stdout if _UNITS.name in results else b""):
        how, _, name = line.partition(b" ")
        stem = name.rpartition(b".")[0].replace(b"-", b"/")
        place = text(b"/" + _HEX.sub(lambda match: bytes([int(match[1], 16)]), stem.lstrip(b"/")))
        found.setdefault(place, text(name))
        if how == b"made":
            made.add(place)
    return found, made


def _automatic(target: str, mount: _Mount, automounts: Iterable[str]) -> bool:
    """Return whether a mount that fstab does not have is nobody's decision."""
    if mount.fstype == "swap":
        return target.startswith("/dev/zram")
    if any(target == place or target.startswith(place + "/") for place in automounts):
        return True
    if target == "/" or mount.fstype in _KERNEL or _RUNTIME.match(target):
        return True
    if mount.fstype in {"overlay", "aufs", "squashfs"} or mount.fstype.startswith(("fuse.snap", "fuse.lxc")):
        return True
    return mount.fstype == "tmpfs" and target in {"/tmp", "/var/tmp", "/var/lock"}  # noqa: S108 -- systemd's tmp.mount


def _plain(field: str) -> str:
    r"""Return a field of fstab or of the kernel's list with its `\040` and the like resolved."""
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), field)


_FILE = ("cred=/", "credentials=/", "secretfile=/", "keyfile=/")
_CREDENTIAL = re.compile(r"(?i)\b((?:pass(?:word)?|secret|key|pass2|token)=)[^,]*")


def _hidden(value: str) -> str:
    """Return options or a source without passwords; the name of a file that holds them stays."""
    parts = value.split(",")
    return ",".join(
        one if one.startswith(_FILE) else _CREDENTIAL.sub(r"\1<secret:password>", redact(one).text) for one in parts
    )


SCOPE = ItemScope(
    name="mounts",
    doc="Mounts and swap: what is mounted now, and what fstab says should be",
    columns=COLUMNS,
    probes=(_FSTAB, _LIVE, _UNITS),
    parse=parse,
)
