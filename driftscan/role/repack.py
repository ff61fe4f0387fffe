"""Makes a .deb again from a package that is installed; the same host gives the same bytes."""

import io
import lzma
import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from driftscan.model.item import Item
from driftscan.model.manifest import Manifest
from driftscan.model.text import raw, text
from driftscan.model.tree import Entry
from driftscan.role.desk import Desk
from driftscan.role.resources import Content

_INFO, STATUS = "/var/lib/dpkg/info", "/var/lib/dpkg/status"
_SCRIPTS = frozenset({"preinst", "postinst", "prerm", "postrm", "config"})
_NOT_CONTROL = frozenset({"list", "control"})  # dpkg makes the list itself, and keeps the control file in its status
_OF_DPKG = re.compile(rb"(?:Status|Conffiles|Config-Version|Triggers-Awaited|Triggers-Pending):", re.IGNORECASE)
_UNSAFE = re.compile(r"[^A-Za-z0-9._+-]")


class CannotRepackError(Exception):
    """The package cannot be made again; the message says why, for people."""


@dataclass(frozen=True, slots=True)
class Repacked:
    """A package as a file: `file` is a safe name for it.

    `secret` are the paths in it that hold secrets: in the package a placeholder stands for each.
    """

    file: str
    data: bytes = field(repr=False)
    secret: tuple[tuple[str, Content], ...] = ()


@dataclass(slots=True)
class _Parts:
    """What a package is made of; `missing` are files whose content is not known, `refused` other reasons against it."""

    control: dict[str, bytes] = field(default_factory=dict)
    files: list[tuple[bytes, Entry | None, Content | None]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def stanzas(status: bytes) -> dict[tuple[str, str], bytes]:
    """Return the stanzas of dpkg's status by package and architecture."""
    found = {}
    for stanza in re.split(rb"\n(?:[ \t]*\n)+", status.strip(b"\n")):
        name, architecture = field_of(stanza, "Package"), field_of(stanza, "Architecture")
        if name:
            found[name, architecture] = stanza
    return found


def field_of(stanza: bytes, name: str) -> str:
    """Return a field of a stanza, its further lines included; "" where it has none."""
    found = re.search(rb"^%s:[ \t]*(.*(?:\n[ \t].*)*)" % name.encode(), stanza, re.MULTILINE)
    return text(found[1]).strip() if found else ""


def repack(desk: Desk, item: Item) -> Repacked:
    """Return the package `item` as a file; raise `CannotRepackError`.

    All that is needed is asked for before anything is found to be missing.
    """
    has = item.attributes
    name, version, architecture = (str(has.get(key)) for key in ("name", "version", "architecture"))
    manifest = next((one for one in desk.view.ownership.manifests if one.package == item.key), None)
    status = desk.bytes(STATUS)
    parts = _Parts()
    _gather_control(desk, name, architecture, parts)
    if manifest is not None:
        _gather_files(desk, manifest, parts)
    if manifest is None:
        raise CannotRepackError("the list of its files was not seen")
    if status is None:
        raise CannotRepackError(f"{STATUS} could not be read")
    stanza = stanzas(status).get((name, architecture))
    if stanza is None:
        raise CannotRepackError(f"{STATUS} does not describe it")
    if parts.refused:
        raise CannotRepackError(parts.refused[0])
    if parts.missing:
        more = f" and {len(parts.missing) - 1} more" if len(parts.missing) > 1 else ""
        raise CannotRepackError(f"the content of {parts.missing[0]}{more} could not be read")
    return _built(desk, _UNSAFE.sub("_", f"{name}_{version}_{architecture}.deb"), stanza, parts)


def _gather_control(desk: Desk, name: str, architecture: str, parts: _Parts) -> None:
    """Read what dpkg has kept of the package's control archive."""
    listed = desk.view.directories.list(raw(_INFO))
    multi = raw(f"{name}:{architecture}.list") in listed
    prefix = f"{name}:{architecture}." if multi else f"{name}."
    for path in sorted(listed):
        if not path.startswith(raw(prefix)) or listed[path].kind != "f":
            continue
        kind = text(path).removeprefix(prefix)
        if kind in _NOT_CONTROL or not re.fullmatch(r"[a-z][a-z0-9-]*", kind):
            continue
        content = desk.content(f"{_INFO}/{text(path)}")
        if content is None:
            parts.missing.append(f"{_INFO}/{text(path)}")
        elif content.variables and kind in _SCRIPTS:  # in a script, a placeholder would be run
            parts.refused.append(f"its script {kind} holds a secret")
        else:
            parts.control[kind] = _without_secrets(content)


def _gather_files(desk: Desk, manifest: Manifest, parts: _Parts) -> None:
    """Read the package's files from where they lie; what is listed and is seen not to be there is left out."""
    view = desk.view
    diverted = {
        raw(str(item.attributes.get("path"))): raw(str(item.attributes.get("diverted_to")))
        for item in view.of("diversions")
        if item.attributes.get("by") != manifest.name
    }
    listed = sorted(manifest.files)
    above = {path.rpartition(b"/")[0] for path in listed}
    for path in listed:
        if path == b"/":
            continue
        entry = view.directories.entry(view.ownership.canonical(diverted.get(path, path)))
        if path in above:  # a directory in the package, even if the disk has a link to one there
            parts.files.append((path, entry if entry is not None and entry.kind == "d" else None, None))
        elif entry is not None and entry.kind == "f":
            content = desk.content(text(entry.path))
            if content is None:
                parts.missing.append(text(entry.path))
            else:
                parts.files.append((path, entry, content))
        elif entry is not None and entry.kind in "dlp":
            parts.files.append((path, entry, None))
        elif entry is not None and entry.kind in "bc":
            parts.refused.append(f"{text(entry.path)} in it is a device")
        elif entry is None and not (view.seen("files") and view.whole("files")):
            parts.missing.append(text(path))


def _built(desk: Desk, file: str, stanza: bytes, parts: _Parts) -> Repacked:
    plain = [(entry, content) for _, entry, content in parts.files if entry is not None and content is not None]
    secret = tuple((text(entry.path), content) for entry, content in plain if content.variables)
    for path, content in secret:
        if any(b"\0" in part for part in content.parts if isinstance(part, bytes)):
            raise CannotRepackError(f"{path} is a program that holds a secret")
    when = max((int(entry.mtime) for entry, _ in plain), default=0)
    there = {path for path, _, content in parts.files if content is not None}
    control = {"control": _control(stanza), **parts.control}
    if conffiles := _conffiles(control.pop("conffiles", b""), there):
        control["conffiles"] = conffiles
    members = {
        "debian-binary": b"2.0\n",
        "control.tar.xz": _packed(_control_members(control), when),
        "data.tar.xz": _packed(_data_members(desk, parts.files), when),
    }
    return Repacked(file, _archive(members, when), secret)


def _control(stanza: bytes) -> bytes:
    """Return a stanza of the status without what dpkg has added."""
    fields = re.split(rb"\n(?![ \t])", stanza.strip(b"\n"))
    return b"".join(one + b"\n" for one in fields if not _OF_DPKG.match(one))


def _conffiles(listed: bytes, there: set[bytes]) -> bytes:
    """Return the conffiles that are in the package: of others dpkg would know nothing."""
    return b"".join(line + b"\n" for line in listed.split(b"\n") if line in there)


_Member = tuple[bytes, tarfile.TarInfo, bytes]


def _control_members(control: Mapping[str, bytes]) -> Iterator[_Member]:
    for name, data in sorted(control.items()):
        info = _info(tarfile.REGTYPE, 0o755 if name in _SCRIPTS else 0o644)
        yield b"/" + name.encode(), info, data


def _data_members(desk: Desk, files: Sequence[tuple[bytes, Entry | None, Content | None]]) -> Iterator[_Member]:
    first: dict[tuple[int, bytes], bytes] = {}  # of the names of one file, in the order of the archive
    for path, entry, content in files:
        if entry is None:
            yield path, _info(tarfile.DIRTYPE, 0o755), b""
            continue
        owner = desk.owner(text(entry.path))
        if content is not None:
            known = first.setdefault((entry.inode, entry.meta), path) if entry.links > 1 else path
            if known != path:
                info = _info(tarfile.LNKTYPE, entry.mode, entry, owner)
                info.linkname = _name(known)
                yield path, info, b""
            else:
                yield path, _info(tarfile.REGTYPE, entry.mode, entry, owner), _without_secrets(content)
        elif entry.kind == "l":
            info = _info(tarfile.SYMTYPE, 0o777, entry, owner)
            info.linkname = entry.link.decode("utf-8", "surrogateescape")
            yield path, info, b""
        else:
            yield path, _info(tarfile.DIRTYPE if entry.kind == "d" else tarfile.FIFOTYPE, entry.mode, entry, owner), b""


def _without_secrets(content: Content) -> bytes:
    return b"".join(part if isinstance(part, bytes) else b"<secret:%s>" % part.name.encode() for part in content.parts)


def _info(
    kind: bytes, mode: int, entry: Entry | None = None, owner: tuple[str, str] = ("root", "root")
) -> tarfile.TarInfo:
    """Return what a member is; the time of a directory is nobody's, it changes with what others put there."""
    info = tarfile.TarInfo()
    info.type, info.mode = kind, mode
    if entry is not None:
        info.uid, info.gid = entry.owner
        if entry.kind != "d":
            info.mtime = int(entry.mtime)
    # dpkg looks a name up first; a number it would take for a name that is not there, and then take the number
    info.uname, info.gname = (one if len(one) < 32 else "" for one in owner)
    return info


def _name(path: bytes) -> str:
    return "." + path.decode("utf-8", "surrogateescape")


def _packed(members: Iterator[_Member], when: int) -> bytes:
    """Return members as a tar.xz; what has no time gets `when`."""
    buffer = io.BytesIO()
    with tarfile.open(
        fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT, encoding="utf-8", errors="surrogateescape"
    ) as tar:
        root = _info(tarfile.DIRTYPE, 0o755)
        root.name, root.mtime = "./", when
        tar.addfile(root)
        for path, info, data in members:
            info.name, info.size, info.mtime = _name(path), len(data), info.mtime or when
            tar.addfile(info, io.BytesIO(data))
    return lzma.compress(buffer.getvalue(), preset=6)


def _archive(members: Mapping[str, bytes], when: int) -> bytes:
    """Return members as ar has them, the format of a .deb."""
    out = bytearray(b"!<arch>\n")
    for name, data in members.items():
        out += f"{name:<16}{max(when, 0):<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode()
        out += data + b"\n" * (len(data) % 2)
    return bytes(out)
