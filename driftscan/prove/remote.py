"""Commands on a blank host: run to their end, what they say kept, as the user that the inventory says."""

import time
from dataclasses import dataclass, field

from driftscan.collect.runner import Link
from driftscan.transport.run import run

_MOST = 8 << 20  # bytes of each output that are kept


@dataclass
class Said:
    """A sink that keeps both outputs, up to a limit, for so many seconds."""

    seconds: float
    out: bytearray = field(default_factory=bytearray)
    err: bytearray = field(default_factory=bytearray)
    code: int = -1
    started: float = field(default_factory=time.monotonic)

    def stdout(self, data: bytes) -> None:
        """Take the next bytes."""
        self.out += data[: max(0, _MOST - len(self.out))]

    def stderr(self, data: bytes) -> None:
        """Take the next bytes."""
        self.err += data[: max(0, _MOST - len(self.err))]

    def deadline(self) -> float:
        """Return when waiting is given up."""
        return self.started + self.seconds


def ask(link: Link, command: str, *, stdin: bytes = b"", seconds: float = 60.0) -> Said:
    """Run one simple command, without quotes, as root where the link says how; return what it said and its code."""
    said = Said(seconds)
    said.code = run(link.transport, command, said, stdin=stdin, privilege=link.privilege)
    return said
