"""The transport `image`: the mounted root file system of a machine that does not run."""

from pathlib import Path

from driftscan.errors import TransportError
from driftscan.model.host import Host
from driftscan.transport.base import Transport
from driftscan.transport.process import ShellTransport
from driftscan.transport.secret import Prompt

TRANSPORT = "image"


def connect(host: Host, prompt: Prompt) -> Transport:  # noqa: ARG001 -- every transport is connected in the same way
    """Return the transport for the root file system at `host.path`; raises TransportError when there is none."""
    if not host.path:
        raise TransportError("an image needs the path of its mounted root", hint="set `path`")
    path = Path(host.path).expanduser().absolute()
    _refuse_what_is_no_root(path)
    return ShellTransport(TRANSPORT, root="" if path == path.parent else str(path), live=False, local=False)


def _refuse_what_is_no_root(path: Path) -> None:
    try:
        path.stat()
        names = {name for name in ("etc", "usr", "bin") if _is_there(path / name)}
    except NotADirectoryError:
        raise TransportError(f"{path} is not a directory", hint="mount the image and name the mount point") from None
    except OSError as error:
        raise TransportError(f"cannot look into {path}: {error.strerror}") from None
    if "etc" not in names or not names & {"usr", "bin"}:
        raise TransportError(
            f"{path} is not a root file system: it has no etc beside usr or bin",
            hint="mount the image and name the directory that holds its etc and usr",
        )


def _is_there(path: Path) -> bool:
    """Whether `path` exists, without listing its directory: that would change its time of access."""
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    return True
