"""One command on a paramiko connection as a Channel."""

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import paramiko

from driftscan.errors import TransportError
from driftscan.transport.base import Stream
from driftscan.transport.outbox import Outbox
from driftscan.transport.sshguard import Pipe

# Bytes that the host may send before we have read any: at 100 ms of round trip still 40 MB/s, and the most that one
# command's unread output can take of our memory.
WINDOW = 4 << 20
_AT_ONCE = 1 << 20  # bytes of output given on at a time
_PIECE = 32 << 10
_FULL_WINDOW_LOOK = 0.01  # seconds; paramiko does not tell when the host has room for more stdin


class ClosedEarlyError(paramiko.SSHException):
    """The host opened a channel and closed it before it was sent a command: nothing was started."""


class SshChannel:
    """A session channel that runs one command."""

    def __init__(self, connection: paramiko.Transport, command: str, *, tty: bool, timeout: float) -> None:
        self._connection = connection
        self._outbox = Outbox()
        self._wake = threading.Event()
        self._channel = connection.open_session(window_size=WINDOW, timeout=timeout)
        outputs: Any = Pipe(self._wake, WINDOW), Pipe(self._wake, WINDOW)
        self._channel.in_buffer, self._channel.in_stderr_buffer = outputs
        with _closed_after(timeout, self._channel):
            if tty:
                self._channel.get_pty(term="dumb")
            if self._channel.closed or self._channel.eof_received:
                raise ClosedEarlyError("the channel was closed at once")
            self._channel.exec_command(command)
        self._channel.settimeout(0.0)

    def send(self, data: bytes) -> None:
        """Queue `data` for the command's stdin."""
        self._outbox.add(data)

    def send_eof(self) -> None:
        """Close the command's stdin once what is queued has gone."""
        self._outbox.closing = True

    def receive(self, timeout: float) -> tuple[Stream, bytes] | None:
        """Return the next chunk of either output, or None after `timeout` seconds without one.

        Raises TransportError when the connection was lost before the command's end.
        """
        end = time.monotonic() + timeout
        while True:
            self._wake.clear()
            self._pump()
            over = self._channel.closed  # before looking at the buffers: what was fed before the end is still read
            if self._channel.recv_ready():
                return Stream.STDOUT, self._channel.recv(_AT_ONCE)
            if self._channel.recv_stderr_ready():
                return Stream.STDERR, self._channel.recv_stderr(_AT_ONCE)
            if over:
                return self._end()
            left = end - time.monotonic()
            if left <= 0:
                return None
            self._wake.wait(min(left, _FULL_WINDOW_LOOK) if self._outbox else left)

    def exit_code(self) -> int:
        """Return the exit code; -1 when a signal ended the command, or the host did not tell."""
        return self._channel.exit_status

    def close(self) -> None:
        """Leave the command: its stdin ends and nobody reads its output any more, which is all that SSH can do.

        Not the request to signal it (RFC 4254, 6.9): OpenSSH ignores it for root, and it ends the whole connection when
        the command's own end crosses it.
        """
        self._outbox.drop()
        with contextlib.suppress(paramiko.SSHException, OSError, EOFError):
            self._channel.close()

    def _pump(self) -> None:
        try:
            while self._outbox and self._channel.send_ready():
                self._outbox.sent(self._channel.send(bytes(self._outbox.head(_PIECE))))
                if self._channel.closed:
                    self._outbox.drop()
            if self._outbox.closing and not self._outbox and not self._channel.closed:
                self._channel.shutdown_write()
        except (OSError, EOFError, paramiko.SSHException):  # the command is over: END follows
            self._outbox.drop()

    def _end(self) -> tuple[Stream, bytes]:
        if self._channel.exit_status == -1 and not self._connection.is_active():
            raise TransportError("the connection was lost while the command ran", hint="try again")
        return Stream.END, b""


@contextlib.contextmanager
def _closed_after(seconds: float, channel: paramiko.Channel) -> Iterator[None]:
    """Close `channel` if the block takes longer: a request that the host never answers would be awaited for ever."""
    watchdog = threading.Timer(seconds, channel.close)
    watchdog.daemon = True
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()
