"""Applying a role to a blank host: what a run brings, what it says meanwhile, and the files that it needs."""

import io
import re
import tarfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from driftscan.emit.base import Emitted
from driftscan.errors import DriftscanError
from driftscan.model.text import shown, text

LONGEST = 3600.0  # seconds that one run may take
_KEPT = 16 << 20  # bytes of a log
_SHORT = 4  # bytes: what is as short as that is hidden in no log, for it would hide everything
Watch = Callable[[str], None]  # told what is in hand


class ApplyError(DriftscanError):
    """A role that could not be applied: the tool, or the host, refused."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a role: how much it changed, and what, as the tool calls it."""

    changed: int
    what: tuple[str, ...] = ()


class Applier(Protocol):
    """A role and a host, and the tool that applies the one to the other."""

    def apply(self, watch: Watch) -> Run:
        """Run the role; raises ApplyError in one line where it does not come to its end."""

    def close(self) -> None:
        """Remove what was put on the host for it, secrets first."""


class Log:
    """What the tools say, without the values of secrets; `path` is made by the first word."""

    def __init__(self, path: Path, secrets: Iterable[bytes]) -> None:
        self.path = path
        self._secrets = sorted({one for value in secrets for one in _spellings(value)}, key=len, reverse=True)
        self._size = 0

    def write(self, data: bytes) -> None:
        """Take note of whole lines."""
        for secret in self._secrets:
            data = data.replace(secret, b"<secret>")
        if self._size < _KEPT:
            with self.path.open("ab") as file:
                file.write(data)
        self._size += len(data)


def _spellings(value: bytes) -> Iterable[bytes]:
    """Yield a value and its lines: a tool may say them one by one."""
    return (one for one in (value, *value.split(b"\n")) if len(one) > _SHORT)


def write_out(emitted: Emitted, directory: Path) -> None:
    """Write the files of an emitted role below `directory`."""
    for name, output in sorted(emitted.files.items()):
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(output.data)
        path.chmod(0o755 if output.executable else 0o644)


def packed(emitted: Emitted) -> bytes:
    """Return the files of an emitted role as a tar, of root."""
    return tar({name: (one.data, 0o755 if one.executable else 0o644) for name, one in emitted.files.items()})


def tar(files: Mapping[str, tuple[bytes, int]]) -> bytes:
    """Return a tar of files: name to content and mode."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, (data, mode) in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), mode
            archive.addfile(member, io.BytesIO(data))
    return made.getvalue()


_LAST = re.compile(rb"driftscan: (\d{1,9}) changed")


def shell_run(stdout: bytes, stderr: bytes, code: int) -> Run:
    """Read what the shell role says of its run: `changed: WHAT` lines, how many at its end; ApplyError if it failed."""
    lines = stdout.splitlines()
    last = _LAST.fullmatch(lines[-1].strip()) if lines else None
    if code or last is None:
        said = [line for line in (*lines, *stderr.splitlines()) if line.strip()]
        raise ApplyError(f"the shell role ended with exit code {code}: {brief(said[-1] if said else b'')}")
    what = tuple(text(line.removeprefix(b"changed: ")) for line in lines if line.startswith(b"changed: "))
    return Run(int(last[1]), what)


def brief(line: bytes, most: int = 300) -> str:
    """Return a line of a tool, safe for a terminal, cut to `most` characters."""
    told = shown(text(line.strip()))
    return (told if len(told) <= most else told[: most - 1] + "…") or "it said nothing"
