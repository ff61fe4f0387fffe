"""A host's turn in a scan of several: it can be cut off, from another thread, without harm to the others."""

from contextlib import suppress
from datetime import datetime, timezone
from threading import Event, Lock, Timer
from typing import TYPE_CHECKING

from driftscan.errors import TransportError

if TYPE_CHECKING:
    from driftscan.model.host import Host
    from driftscan.transport.base import Channel, Stream, Transport


class Turn:
    """One host's turn: whoever ends it first, its thread or the clock, decides what became of the host."""

    def __init__(self, host: "Host") -> None:
        self.host = host
        self.started = datetime.now(timezone.utc)
        self.cut: TransportError | None = None
        self.over = Event()  # its thread has nothing more to do with the host
        self.clock: Timer | None = None
        self.transport: Transport | None = None
        self._ended = False
        self._lock = Lock()

    def end(self, cut: TransportError | None = None) -> bool:
        """Say whether this was the first to end it; with `cut`, its thread is told to leave the host."""
        with self._lock:
            first, self._ended = not self._ended, True
            if first:
                self.cut = cut
        return first

    def close(self, seconds: float) -> None:
        """Close the connection if its thread does not leave the host by itself within so long.

        One that is still connecting is not waited for: it will find out.
        """
        if self.transport is not None and not self.over.wait(max(0.0, seconds)):
            with suppress(OSError):
                self.transport.close()


class Cuttable:
    """A transport whose commands are given up, by the thread that reads them, once the host's turn is cut.

    Not closed from the clock's thread: a descriptor that one thread closes while another one reads it may by then be
    another host's.
    """

    def __init__(self, transport: "Transport", turn: Turn) -> None:
        self.name, self.root = transport.name, transport.root
        self.live, self.local = transport.live, transport.local
        self._transport = transport
        self._turn = turn

    def open(self, command: str, *, tty: bool = False) -> "Channel":
        """Start `command`, unless the turn is cut."""
        if self._turn.cut is not None:
            raise self._turn.cut
        return _CuttableChannel(self._transport.open(command, tty=tty), self._turn)

    def close(self) -> None:
        """End the connection."""
        self._transport.close()


class _CuttableChannel:
    """A command of such a transport."""

    def __init__(self, channel: "Channel", turn: Turn) -> None:
        self._turn = turn
        self._receive = channel.receive
        self.send = channel.send
        self.send_eof = channel.send_eof
        self.exit_code = channel.exit_code
        self.close = channel.close

    def receive(self, timeout: float) -> "tuple[Stream, bytes] | None":
        if self._turn.cut is not None:
            raise self._turn.cut
        return self._receive(timeout)
