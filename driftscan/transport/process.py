"""A process of this machine as a Channel: what the local, image and openssh transports stand on."""

import contextlib
import fcntl
import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence

from driftscan.transport.base import Channel, Stream
from driftscan.transport.outbox import Outbox

_CHUNK = 256 << 10
_PIPE = 1 << 20  # what an unprivileged process may ask for; a pipe of the usual 64 KiB wakes us 16 times as often
_GRACE = 0.5  # seconds between SIGTERM and SIGKILL
# A session leader that opens a terminal makes it its controlling terminal, which is what sudoers' requiretty asks for.
_TAKE_TERMINAL = ': <"$0"; exec "$@"'


class ProcessChannel:
    """One process, its output and its group; every process of the group ends with `close`."""

    def __init__(
        self, argv: Sequence[str], *, terminal: bool = False, environment: Mapping[str, str] | None = None
    ) -> None:
        self._outbox = Outbox()
        self._over = False
        if terminal:
            self._start_on_terminal(argv, environment)
        else:
            self._start(argv, environment)
        for descriptor in {self._stdin, *self._outputs}:
            os.set_blocking(descriptor, False)

    def _start(self, argv: Sequence[str], environment: Mapping[str, str] | None) -> None:
        ours, theirs = zip(*(_pipe(writing=writing) for writing in (True, False, False)), strict=True)
        self._process = _spawn(argv, theirs, environment)
        stdin, stdout, stderr = ours
        self._stdin: int = stdin
        self._outputs: dict[int, Stream] = {stdout: Stream.STDOUT, stderr: Stream.STDERR}

    def _start_on_terminal(self, argv: Sequence[str], environment: Mapping[str, str] | None) -> None:
        master, slave = pty.openpty()
        argv = ("sh", "-c", _TAKE_TERMINAL, os.ttyname(slave), *argv)
        self._process = _spawn(argv, (slave,) * 3, environment)
        self._stdin = master
        self._outputs = {master: Stream.STDOUT}

    def send(self, data: bytes) -> None:
        """Queue `data` for the command's stdin."""
        if self._stdin >= 0:
            self._outbox.add(data)

    def send_eof(self) -> None:
        """Close the command's stdin once what is queued has gone; a terminal has no end that can be sent."""
        self._outbox.closing = True
        self._pump()

    def receive(self, timeout: float) -> tuple[Stream, bytes] | None:
        """Return the next chunk of either output, or None after `timeout` seconds without one."""
        end = time.monotonic() + timeout
        while True:
            left = max(0.0, end - time.monotonic())
            if not self._outputs:
                return self._ended(left)
            ready = self._wait(left)
            if self._stdin in ready:
                self._pump()
            for descriptor in list(self._outputs):
                if descriptor in ready and (chunk := self._read(descriptor)):
                    return chunk
            if not left:
                return None

    def exit_code(self) -> int:
        """Return the exit code; a command that a signal ended has 128 + its number, as in a shell."""
        code = self._process.returncode
        if code is None:
            return -1
        return code if code >= 0 else 128 - code

    def close(self) -> None:
        """End the process and its group, unless it is over, and free what it held here."""
        if not self._over:
            self._over = True
            self._end_group()
        self._outbox.drop()
        for descriptor in {self._stdin, *self._outputs} - {-1}:
            os.close(descriptor)
        self._stdin = -1
        self._outputs.clear()

    def _wait(self, seconds: float) -> set[int]:
        poller = select.poll()
        for descriptor in self._outputs:
            poller.register(descriptor, select.POLLIN)
        if self._outbox:
            poller.register(self._stdin, select.POLLOUT | (select.POLLIN if self._stdin in self._outputs else 0))
        return {descriptor for descriptor, _ in poller.poll(seconds * 1000)}

    def _read(self, descriptor: int) -> tuple[Stream, bytes] | None:
        try:
            data = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return None
        except OSError:  # EIO: nobody holds the other side of the terminal any more
            data = b""
        stream = self._outputs[descriptor]
        if data:
            return stream, data
        del self._outputs[descriptor]
        if descriptor != self._stdin:
            os.close(descriptor)
        return None

    def _pump(self) -> None:
        if self._stdin < 0:
            return
        try:
            while self._outbox:
                self._outbox.sent(os.write(self._stdin, self._outbox.head(_CHUNK)))
        except BlockingIOError:
            return
        except OSError:  # the command does not read any more, which is its right
            self._outbox.drop()
        if self._outbox.closing and self._stdin not in self._outputs:
            os.close(self._stdin)
            self._stdin = -1

    def _ended(self, seconds: float) -> tuple[Stream, bytes] | None:
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        self._over = True
        return Stream.END, b""

    def _end_group(self) -> None:
        # The leader is reaped last: as long as it is not, the group's number cannot become another group's.
        self._signal(signal.SIGTERM)
        end = time.monotonic() + _GRACE
        while not self._leader_ended() and time.monotonic() < end:
            time.sleep(0.01)
        self._signal(signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE)

    def _leader_ended(self) -> bool:
        return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # PermissionError: sudo made it root's
            os.killpg(self._process.pid, number)


def _pipe(*, writing: bool) -> tuple[int, int]:
    """Return (our end, the command's end) of a new pipe."""
    reader, writer = os.pipe()
    with contextlib.suppress(OSError):  # the user's share of pipe memory is used up: a small pipe does as well
        fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, _PIPE)
    return (writer, reader) if writing else (reader, writer)


def _spawn(
    argv: Sequence[str], descriptors: Sequence[int], environment: Mapping[str, str] | None
) -> subprocess.Popen[bytes]:
    stdin, stdout, stderr = descriptors
    try:
        return subprocess.Popen(
            argv, stdin=stdin, stdout=stdout, stderr=stderr, env=environment, start_new_session=True
        )
    finally:
        for descriptor in set(descriptors):
            os.close(descriptor)


class Processes:
    """The channels that a transport has opened, so that it can end what still runs."""

    def __init__(self) -> None:
        self._open: list[ProcessChannel] = []

    def start(
        self, argv: Sequence[str], *, terminal: bool = False, environment: Mapping[str, str] | None = None
    ) -> Channel:
        """Start `argv` as a channel."""
        channel = ProcessChannel(argv, terminal=terminal, environment=environment)
        self._open.append(channel)
        return channel

    def close(self) -> None:
        """End every process that still runs."""
        for channel in self._open:
            channel.close()
        self._open.clear()


class ShellTransport:
    """Commands run on this machine by `sh -c`, each in a process group of its own."""

    def __init__(self, name: str, *, root: str, live: bool, local: bool) -> None:
        self.name = name
        self.root = root
        self.live = live
        self.local = local
        self._processes = Processes()

    def open(self, command: str, *, tty: bool = False) -> Channel:
        """Start `command`."""
        return self._processes.start(("sh", "-c", command), terminal=tty)

    def close(self) -> None:
        """End every command that still runs."""
        self._processes.close()
