"""Reports on disk: a reader finds the old one or the new one, never half of one."""

import os
import stat
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from driftscan.errors import DriftscanError
from driftscan.model.text import shown

_MODE = 0o644  # a collector of metrics runs as another user


def write_whole(path: Path, lines: Iterable[str]) -> None:
    """Write lines to a file beside it, then put that in its place; DriftscanError when it cannot be written.

    A file that is there already keeps its mode; into what is no file (a terminal, a pipe) the lines are written.
    """
    target = Path(os.path.realpath(path))  # what a link leads to is replaced, not the link
    try:
        mode = target.stat().st_mode if target.exists() else stat.S_IFREG | _MODE & ~_umask()
        if not stat.S_ISREG(mode):
            with target.open("w", encoding="utf-8", errors="surrogateescape") as file:
                file.writelines(f"{line}\n" for line in lines)
            return
        number, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".new", dir=target.parent)
        try:
            with open(number, "w", encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123 -- a descriptor
                file.writelines(f"{line}\n" for line in lines)
                file.flush()
                os.fchmod(number, stat.S_IMODE(mode))
                os.fsync(number)
            Path(name).replace(target)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise DriftscanError(f"the report {shown(str(path))} cannot be written: {error.strerror}") from error


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
