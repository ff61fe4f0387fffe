"""Archives of a role: a directory with all below as one tar.gz, always the same bytes for the same host."""

import gzip
import re
import tarfile
from collections.abc import Collection, Iterator
from hashlib import blake2b
from io import BytesIO

from driftscan.model.text import raw, text
from driftscan.model.tree import Entry, descend
from driftscan.role.desk import Desk, Planned
from driftscan.role.model import Data, LeftOut, Program
from driftscan.role.resources import Archive, File, HardLink, Why

LARGEST_FILE = 64 << 20  # bytes; one that is larger is data
LARGEST = 256 << 20  # bytes of all files of an archive; a directory with more is data
_TYPES = {"f": tarfile.REGTYPE, "d": tarfile.DIRTYPE, "l": tarfile.SYMTYPE, "p": tarfile.FIFOTYPE}
_DEVICES = {"c": tarfile.CHRTYPE, "b": tarfile.BLKTYPE}
_LONGEST_NAME = 31  # bytes of an account's name that the format has room for
_SAFE = re.compile(r"[A-Za-z0-9._+/]{1,60}")
_ELF = b"\x7fELF"


def pack(
    desk: Desk,
    why: Why,
    path: str,
    *,
    without: Collection[str] = (),
    early: bool = False,
    notify: tuple[str, ...] = (),
) -> Iterator[Planned]:
    """Yield what makes all below the directory `path` again, but for `without`; not the directory itself.

    What has a secret in it is a file of its own, with variables; what cannot be carried is named. Programs without a
    source among the rest are told. Nothing is yielded where nothing is there.
    """
    yield from _Packing(desk, why, path, frozenset(raw(one) for one in without), early, notify).all()


class _Packing:
    """One archive that is being made."""

    def __init__(
        self, desk: Desk, why: Why, path: str, without: frozenset[bytes], early: bool, notify: tuple[str, ...]
    ) -> None:
        self._desk = desk
        self._why = why
        self._path = path
        self._top = raw(path).rstrip(b"/")
        self._without = without
        self._early = early
        self._notify = notify
        self._set_aside: bytes | None = None
        self._members: list[tuple[tarfile.TarInfo, bytes]] = []
        self._packed: dict[tuple[int, bytes], bytes] = {}  # where the content of an inode is, in the archive
        self._apart: dict[tuple[int, bytes], str] = {}  # and of one that is a file of its own

    def all(self) -> Iterator[Planned]:
        entries = []
        for entry in self._below():
            told = self._aside(entry)
            if told is None:
                entries.append(entry)
            else:
                yield from told
        size = sum(entry.size for entry in entries if entry.kind == "f" and entry.size <= LARGEST_FILE)
        if size > LARGEST:
            yield Data(self._path, "", size, f"more than {LARGEST >> 20} MiB that no package has")
            yield LeftOut("files", self._path, f"its files are {size >> 20} MiB, too large for an archive", limit=True)
            return
        for entry in entries:
            yield from self._take(entry)
        if self._members:
            data = _tar_gz(self._members)
            names = tuple(text(_name(member)) for member, _ in self._members)
            yield Archive(
                why=self._why,
                path=self._path,
                name=_file_name(self._path),
                data=data,
                members=names,
                early=self._early,
                notify=self._notify,
            )

    def _below(self) -> Iterator[Entry]:
        """Yield what lies below the directory, without what is left to others."""
        snapshot = self._desk.view.snapshot
        left: bytes | None = None
        for entry in descend(snapshot.objects, snapshot.tree, snapshot.stats, self._top):
            if entry.path == self._top or (left is not None and entry.path.startswith(left)):
                continue
            if entry.path in self._without:
                left = entry.path + b"/"
                continue
            yield entry

    def _aside(self, entry: Entry) -> list[Planned] | None:
        """Return what is told of a path that is not looked at any further, nor is what lies below it; None: it is."""
        path, steering = text(entry.path), self._desk.steering
        if self._set_aside is not None and entry.path.startswith(self._set_aside):
            return []
        told: list[Planned]
        not_walked = self._desk.view.more.get(entry.path, {}).get("not_walked")
        if steering.excludes("files", path):
            told = [LeftOut("files", path, "left out by the one who steers")]
        elif steering.is_data(path):
            measured = self._desk.view.directories.measure(entry.path) if entry.kind == "d" else None
            size = measured.size if measured else entry.size
            told = [Data(path, "", size, "data, by the word of the one who steers")]
        elif not_walked:
            told = [LeftOut("files", path, f"another filesystem is mounted there: {not_walked}")]
        else:
            return None
        self._set_aside = entry.path + b"/"
        return told

    def _take(self, entry: Entry) -> Iterator[Planned]:
        """Put one path into the archive, or yield what is made of it instead."""
        path = text(entry.path)
        if entry.kind == "f":
            yield from self._file(entry)
        elif entry.kind in _TYPES:
            self._add(entry, b"")
        elif entry.kind in _DEVICES:
            numbers = (self._desk.bytes(f"{path}\0device") or b"").split()
            if len(numbers) == 2:
                self._add(entry, b"", device=(int(numbers[0]), int(numbers[1])))
            else:
                yield LeftOut("files", path, "the numbers of the device could not be read", limit=True)
        elif entry.kind == "s":
            yield LeftOut("files", path, "a socket: the program that listens on it makes it")
        else:
            yield LeftOut("files", path, f"it is of a kind that no archive holds: {entry.kind}", limit=True)

    def _file(self, entry: Entry) -> Iterator[Planned]:
        path, inode = text(entry.path), (entry.inode, entry.meta)
        if entry.links > 1 and inode in self._apart:
            yield HardLink(why=self._why_of(path), path=path, to=self._apart[inode], early=self._early)
        elif entry.links > 1 and inode in self._packed:
            self._add(entry, b"", link=self._packed[inode])
        elif entry.size > LARGEST_FILE:
            yield Data(path, "", entry.size, f"a file of more than {LARGEST_FILE >> 20} MiB that no package has")
            yield LeftOut("files", path, f"a file of {entry.size >> 20} MiB, too large for an archive", limit=True)
        elif self._desk.secrets.is_history(path):
            yield LeftOut("files", path, "a history of commands")
        else:
            yield from self._content(entry, path, inode)

    def _content(self, entry: Entry, path: str, inode: tuple[int, bytes]) -> Iterator[Planned]:
        data = self._desk.bytes(path)
        if data is None:
            yield LeftOut("files", path, "its content could not be read", limit=True)
            return
        content = self._desk.secrets.split(path, data)
        if content.variables:
            user, group = self._desk.owner(path)
            yield File(
                why=self._why_of(path),
                path=path,
                user=user,
                group=group,
                mode=f"{entry.mode:04o}",
                content=content,
                early=self._early,
                notify=self._notify,
            )
            self._apart[inode] = path
        else:
            self._packed[inode] = self._add(entry, data)
        if data.startswith(_ELF) and entry.mode & 0o111:
            yield Program(path, self._why.words or "no package has it")

    def _why_of(self, path: str) -> Why:
        return Why("files", path, self._why.words)

    def _add(
        self, entry: Entry, data: bytes, *, link: bytes | None = None, device: tuple[int, int] | None = None
    ) -> bytes:
        """Put a member into the archive and return its name there."""
        name = entry.path[len(self._top) + 1 :]
        member = tarfile.TarInfo(name.decode("utf-8", "surrogateescape"))
        member.type = tarfile.LNKTYPE if link is not None else (_TYPES | _DEVICES)[entry.kind]
        target = link if link is not None else entry.link
        member.linkname = target.decode("utf-8", "surrogateescape")
        member.mode, member.mtime, member.size = entry.mode, int(entry.mtime), len(data)
        member.uid, member.gid = entry.owner
        user, group = self._desk.owner(text(entry.path))
        member.uname, member.gname = _account(user), _account(group)
        member.devmajor, member.devminor = device or (0, 0)
        self._members.append((member, data))
        return name


def _account(name: str) -> str:
    """Return an account's name as the format holds it; "" where that is a number or too long: the number holds."""
    encoded = raw(name)
    return "" if name.isdigit() or len(encoded) > _LONGEST_NAME else encoded.decode("utf-8", "surrogateescape")


def _name(member: tarfile.TarInfo) -> bytes:
    return member.name.encode("utf-8", "surrogateescape")


def _tar_gz(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    """Return the archive; GNU's form, which busybox reads too, whatever the names are."""
    plain, packed = BytesIO(), BytesIO()
    with tarfile.open(
        fileobj=plain, mode="w", format=tarfile.GNU_FORMAT, encoding="utf-8", errors="surrogateescape"
    ) as archive:
        for member, data in members:
            archive.addfile(member, BytesIO(data))
    with gzip.GzipFile(filename="", fileobj=packed, mode="wb", mtime=0) as file:
        file.write(plain.getbuffer())
    return packed.getvalue()


def _file_name(path: str) -> str:
    """Return a file name for the archive of `path`, another one for each path."""
    name = path.strip("/")
    if _SAFE.fullmatch(name):
        return f"{name.replace('/', '-')}.tar.gz"
    safe = re.sub("[^A-Za-z0-9._+]+", "-", name)[:50].strip("-.")
    return f"{safe}-{blake2b(raw(path), digest_size=4).hexdigest()}.tar.gz"
