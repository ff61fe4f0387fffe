"""What lies beside a Containerfile: files to be copied, and one archive of all that an instruction cannot say."""

import io
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from driftscan.emit._dockerfile_words import is_path, place
from driftscan.model.text import raw
from driftscan.role.resources import Content, Directory, File, HardLink, Link, Owned, Resource, Special

REST = "rest.tar"
_CONTENTS = (Directory, File, Link, HardLink, Special)


@dataclass
class Context:
    """The files of one image by their path below its directory; `moment` is the time of all that has none."""

    moment: int
    files: dict[str, bytes] = field(default_factory=dict)
    arguments: int = 0

    def copied(self, file: File) -> str:
        """Keep a file to be copied by an instruction and return where it lies."""
        where = f"files/{place(file.path)}"
        self.files[where] = _said(file.content)
        return where

    def payload(self, name: str, data: bytes) -> str:
        """Keep a file that is read while the image is built, and return its path there."""
        self.files[f"payload/{name}"] = data
        return f"/driftscan/{name}"

    def argument(self, data: bytes) -> str:
        """Keep what a command reads from its standard input, and return its path while the image is built."""
        self.arguments += 1
        return self.payload(f"arguments-{self.arguments}", data)


def copies(resources: Iterable[Resource]) -> list[Resource]:
    """Return the files that instructions can copy, so that people can read them; what others are links to is none."""
    known = list(resources)
    linked = {one.to for one in known if isinstance(one, HardLink)}
    return [one for one in known if isinstance(one, File) and _can_be_copied(one) and one.path not in linked]


def _can_be_copied(file: File) -> bool:
    said = file.content.literal if file.content is not None else None
    return said is not None and is_path(file.path) and len(file.mode) == 4 and file.mode.startswith("0")


def packed(resources: Iterable[Resource]) -> list[Resource]:
    """Return the resources that go into the archive of the rest."""
    known = list(resources)
    copied = {id(one) for one in copies(known)}
    return [one for one in known if isinstance(one, _CONTENTS) and id(one) not in copied]


def rest(resources: Iterable[Resource], user: str, moment: int) -> bytes:
    """Return the archive of what cannot be copied: directories, links, fifos, odd names; empty files for secrets.

    A file with secrets is `user`'s where that is not root: whoever starts the service writes it then.
    """
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT, errors="surrogateescape") as opened:
        for resource in resources:
            member, data = _member(resource, user)
            member.mtime = moment
            opened.addfile(member, io.BytesIO(data) if member.isfile() else None)
    return out.getvalue()


def _member(resource: Resource, user: str) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(_name(str(getattr(resource, "path", ""))))
    data = b""
    if isinstance(resource, Owned):
        member.mode = int(resource.mode, 8)
    if isinstance(resource, Owned | Link):
        _owned(member, resource.user, resource.group)
    if isinstance(resource, Directory):
        member.type = tarfile.DIRTYPE
    elif isinstance(resource, Link):
        member.type, member.linkname, member.mode = tarfile.SYMTYPE, _decoded(resource.target), 0o777
    elif isinstance(resource, HardLink):
        member.type, member.linkname = tarfile.LNKTYPE, _name(resource.to)
    elif isinstance(resource, Special):
        member.type = tarfile.FIFOTYPE
    elif isinstance(resource, File):
        data = _said(resource.content)
        member.size = len(data)
        if resource.content is not None and resource.content.variables and user != "root":
            member.mode |= 0o600
            _owned(member, user, resource.group)
    return member, data


def _owned(member: tarfile.TarInfo, user: str, group: str) -> None:
    member.uid, member.uname = (int(user), "") if user.isdecimal() else (0, user)
    member.gid, member.gname = (int(group), "") if group.isdecimal() else (0, group)


def _said(content: Content | None) -> bytes:
    """Return what a file holds in the image: nothing where that is data, or secret."""
    return (content.literal if content is not None else b"") or b""


def _name(path: str) -> str:
    return _decoded(path).lstrip("/")


def _decoded(path: str) -> str:
    return raw(path).decode("utf-8", "surrogateescape")


def parts(contents: Mapping[str, Content]) -> dict[str, bytes]:
    """Return the literal parts of files with secrets, by the names that `_dockerfile_start` gives them."""
    return {
        part_name(file, part): said
        for file, content in enumerate(contents.values(), 1)
        for part, said in enumerate(content.parts, 1)
        if isinstance(said, bytes)
    }


def part_name(file: int, part: int) -> str:
    """Return the name of one literal part of one file."""
    return f"part-{file}-{part}"
