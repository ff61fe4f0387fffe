"""Holding a server to the bounds that SSH sets and paramiko trusts it to keep: of a window, a packet, a first line."""

import threading
import zlib
from collections import deque
from typing import Any, ClassVar

import paramiko
from paramiko.compress import ZlibCompressor

_PACKET = 1 << 20  # bytes; OpenSSH's own limit is a quarter of that
_FIRST_WORDS = 64 << 10  # bytes before and of the line that says SSH-2.0
_BANNER_READ = 128  # bytes in which paramiko reads that line, and nothing after it
_SMALL, _FULL = 4 << 10, 32 << 10  # smaller pieces are put together up to a full one: each costs memory of its own


class Pipe:
    """One output of a command as it came, in pieces that are not copied, in place of paramiko's own `BufferedPipe`.

    What arrives, and the end, sets `wake`; more than `window` bytes that nobody has read end the connection.
    """

    def __init__(self, wake: threading.Event, window: int) -> None:
        self._lock = threading.Lock()
        self._window = window
        self._pieces: deque[bytes | bytearray] = deque()
        self._size = 0
        self._wake = wake

    def feed(self, data: bytes) -> None:
        """Take what has arrived; raises SSHException, which ends the connection, when that is too much."""
        with self._lock:
            self._size += len(data)
            if self._size > self._window:
                raise paramiko.SSHException("the server sent more than it was let")
            last = self._pieces[-1] if self._pieces else b""
            if len(data) >= _SMALL:
                self._pieces.append(data)
            elif isinstance(last, bytearray) and len(last) < _FULL:
                last += data
            else:
                self._pieces.append(bytearray(data))
        self._wake.set()

    def read(self, nbytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 -- nobody waits here
        """Return about `nbytes`, b"" when nothing is there."""
        taken = []
        with self._lock:
            while self._pieces and nbytes > 0:
                taken.append(self._pieces.popleft())
                nbytes -= len(taken[-1])
                self._size -= len(taken[-1])
        return bytes(taken[0]) if len(taken) == 1 else b"".join(taken)

    def read_ready(self) -> bool:
        """Return whether there is something."""
        return bool(self._pieces)

    def close(self) -> None:
        """Let nobody wait for more."""
        self._wake.set()

    def __len__(self) -> int:
        """Return the bytes that wait."""
        return self._size


class _Inflate:
    """Unpacks what was compressed, no more at a time than a packet may hold."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj()

    def __call__(self, data: bytes) -> bytes:
        out = self._stream.decompress(data, _PACKET)
        if self._stream.unconsumed_tail:
            raise paramiko.SSHException("the server sent a packet that unpacks to more than it may hold")
        return out


class _Guarded:
    """A socket that reads no more than can be part of a packet."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._first_words: int | None = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def recv(self, size: int) -> bytes:
        if size > _PACKET:
            raise paramiko.SSHException(f"the server announced a packet of {size} bytes")
        data: bytes = self._stream.recv(size)
        if self._first_words is not None:
            self._first_words = self._first_words + len(data) if size == _BANNER_READ else None
            if self._first_words is not None and self._first_words > _FIRST_WORDS:
                raise paramiko.SSHException("Invalid SSH banner: it does not end")
        return data


class GuardedTransport(paramiko.Transport):
    """A connection whose server cannot make us hold more than a packet, whatever it says the packet's size is."""

    _compression_info: ClassVar[dict[str, tuple[Any, Any]]] = {
        "zlib@openssh.com": (ZlibCompressor, _Inflate),
        "zlib": (ZlibCompressor, _Inflate),
        "none": (None, None),
    }

    def __init__(self, stream: Any, **settings: Any) -> None:
        guarded: Any = _Guarded(stream)
        super().__init__(guarded, **settings)
