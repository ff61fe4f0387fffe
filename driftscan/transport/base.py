"""The small protocol behind which all transports stand; `run.run` is the one loop that uses it."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from driftscan.errors import TransportError


class Stream(Enum):
    """Which of a command's outputs a chunk came from; END when both are closed and the command is over."""

    STDOUT = 1
    STDERR = 2
    END = 3


class Channel(Protocol):
    """One running command."""

    def send(self, data: bytes) -> None:
        """Queue `data` for the command's stdin; never blocks on a command that does not read."""

    def send_eof(self) -> None:
        """Close the command's stdin once what is queued has gone."""

    def receive(self, timeout: float) -> tuple[Stream, bytes] | None:
        """Return the next chunk of either output, or None after `timeout` seconds without one."""

    def exit_code(self) -> int:
        """Return the command's exit code, -1 when the host never told it; valid after END."""

    def close(self) -> None:
        """Give the command up and end it as far as the transport can."""


class Transport(Protocol):
    """A connection to one host.

    `root` is what paths on the host are prefixed with ("" unless it is an image), `live` whether a kernel runs there,
    `local` whether it is this very machine.
    """

    name: str
    root: str
    live: bool
    local: bool

    def open(self, command: str, *, tty: bool = False) -> Channel:
        """Start `command`, a line that any login shell (sh, csh, fish) understands alike."""

    def close(self) -> None:
        """End the connection and every command that still runs on it."""


class Sink(Protocol):
    """Where a command's output goes."""

    def stdout(self, data: bytes) -> None:
        """Take the next bytes."""

    def stderr(self, data: bytes) -> None:
        """Take the next bytes."""

    def deadline(self) -> float:
        """Return the `time.monotonic()` at which waiting for more is given up."""


class CommandTimeout(TransportError):  # noqa: N818 -- what happened, said as the outcome `timeout` says it
    """A command that was given up because its sink's deadline passed."""


class RefusedError(TransportError):
    """A host that does not make the login user root; what that one may see can still be seen."""


@dataclass(frozen=True, slots=True)
class Privilege:
    """How to become root: not at all, by sudo without or with a password, on a terminal where sudoers ask for one.

    `refused` is why the host did not let us, where we go on without.
    """

    sudo: bool = False
    password: str | None = field(default=None, repr=False)
    tty: bool = False
    refused: str = ""
