"""Archives that a host sends: what is told of them is bounded by what came."""

import io
import tarfile
from collections.abc import Iterator

from driftscan.collect.archive import members
from driftscan.collect.fetch import _attributes, _each, _numbers, _packed
from tests.fuzz.target import Target


def archive(data: bytes) -> None:
    """Unpack."""
    total = 0
    for number, member in enumerate(members(data, 1 << 20)):
        total += len(member.data or b"")
        assert number <= len(data) // 512
    assert total <= len(data)


def fetched(data: bytes) -> None:
    """Take the four forms in which content comes."""
    answers = [bytearray(data)]
    for path, (content, _) in _packed(answers, "sep", b"", 1 << 16):
        assert len(path) + len(content) <= len(data) + (1 << 16)
    list(_each(answers, "sep", 1 << 16))
    list(_numbers(answers))
    list(_attributes(answers))


def _archives() -> Iterator[bytes]:
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=form, bufsize=512) as made:
            for name in ("etc/passwd", "d" * 90 if form == tarfile.USTAR_FORMAT else "long" * 60):
                member = tarfile.TarInfo(name)
                member.size, member.mtime = 5, 1.5 if form == tarfile.PAX_FORMAT else 1
                made.addfile(member, io.BytesIO(b"hello"))
            link = tarfile.TarInfo("again")
            link.type, link.linkname = tarfile.LNKTYPE, "etc/passwd"
            made.addfile(link)
        yield out.getvalue()[:8192]


def _fetched() -> Iterator[bytes]:
    look = b"81a4 1 2\n81a4 1 2\n81a4 1 2\n"
    for packed in _archives():
        yield look + b"\nsep\n" + packed + b"\nsep\n" + look
    yield b"ok\0/a\01 7\0text\nsep\n1 7\nsep\ndenied\0/b\0\nsep\n"
    yield b"/dev/x\08 1f\n\0/y\0user.a\\040b=0x6162\n\0"


TARGETS = [Target("archive", archive, _archives), Target("fetch", fetched, _fetched)]
