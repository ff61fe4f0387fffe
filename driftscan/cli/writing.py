"""Writing an emitted role: a directory that is new, or holds what was written before and nobody has touched since."""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from driftscan.errors import UsageError

if TYPE_CHECKING:
    from driftscan.emit.base import Output

LIST = ".driftscan.sha256"  # what was written and with which digest: `sha256sum -c` reads it
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def check(directory: Path, *, force: bool) -> dict[str, str]:
    """Return the digests of what an earlier run wrote into `directory`; UsageError where it must not be written to.

    Without `force` that is a directory with strange or with edited files.
    """
    try:
        if not directory.is_dir():
            if directory.exists() or directory.is_symlink():
                raise UsageError(f"{directory} is not a directory")
            return {}
        written = _written(directory)
        if force or not any(directory.iterdir()):
            return written
        if not written:
            raise UsageError(f"{directory} is not empty", hint="name another directory, or use --force")
        edited = sorted(path for path, digest in written.items() if _digest(directory / path) not in {digest, ""})
    except OSError as error:
        raise UsageError(f"{directory} cannot be looked into: {error.strerror}") from None
    if edited:
        raise UsageError(f"{directory / edited[0]} was edited since it was written", hint="use --force to lose that")
    return written


def write(directory: Path, files: "Mapping[str, Output]", *, force: bool = False) -> None:
    """Write `files` into `directory`, and take away what an earlier run wrote and this one does not.

    Files of others stay; one that is in the way is replaced only with `force`. A new directory appears as a whole.
    """
    outside = [path for path in files if path.startswith("/") or not path or ".." in path.split("/")]
    if outside:
        raise ValueError(f"an emitter wrote outside of its directory: {outside[0]!r}")
    written = check(directory, force=force)
    strange = sorted(path for path in files if path not in written and os.path.lexists(directory / path))
    if strange and not force:
        raise UsageError(f"{directory / strange[0]} is not driftscan's", hint="use --force to lose it")
    listed = "".join(f"{hashlib.sha256(files[path].data).hexdigest()}  {path}\n" for path in sorted(files))
    try:
        directory.absolute().parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.absolute().parent))
        try:
            _fill(made, files, listed)
            _move(made, directory, files, written)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    except OSError as error:
        raise UsageError(f"{error.filename or directory} cannot be written: {error.strerror}") from None


def _fill(made: Path, files: "Mapping[str, Output]", listed: str) -> None:
    made.chmod(0o755)
    for path, output in sorted(files.items()):
        parts = PurePosixPath(path).parts
        above = made
        for part in parts[:-1]:
            above /= part
            above.mkdir(exist_ok=True)
            above.chmod(0o755)
        (above / parts[-1]).write_bytes(output.data)
        (above / parts[-1]).chmod(0o755 if output.executable else 0o644)
    (made / LIST).write_text(listed, encoding="utf-8")
    (made / LIST).chmod(0o644)


def _move(made: Path, directory: Path, files: "Mapping[str, Output]", written: Mapping[str, str]) -> None:
    """Put what was made in its place: at once where nothing is there, else file by file, the list of them last."""
    if not directory.is_dir() or not any(directory.iterdir()):
        made.rename(directory)
        return
    for path in sorted(set(written) - set(files)):
        with suppress(FileNotFoundError):
            (directory / path).unlink()
        for above in list(PurePosixPath(path).parents)[:-1]:
            with suppress(OSError):  # it holds something else
                (directory / above).rmdir()
    for path in [*sorted(files), LIST]:
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (made / path).replace(directory / path)


def _written(directory: Path) -> dict[str, str]:
    try:
        lines = (directory / LIST).read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, UnicodeDecodeError):
        return {}
    found = {match[2]: match[1] for line in lines if (match := _LINE.fullmatch(line))}
    return {path: digest for path, digest in found.items() if ".." not in path.split("/") and path[0] != "/"}


def _digest(path: Path) -> str:
    """Return the digest of a file, "" if there is none any more."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""
