"""What waits to be sent to a command's stdin, in pieces that are never copied as a whole."""

from collections import deque


class Outbox:
    """A queue of bytes; `closing` once nothing more will be added."""

    def __init__(self) -> None:
        self._pieces: deque[memoryview] = deque()
        self.closing = False

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def add(self, data: bytes) -> None:
        """Queue `data`."""
        if data:
            self._pieces.append(memoryview(data))

    def head(self, limit: int) -> memoryview:
        """Return up to `limit` bytes from the front; they stay queued until `sent`."""
        return self._pieces[0][:limit]

    def sent(self, count: int) -> None:
        """Take `count` bytes, no more than `head` gave, from the front."""
        rest = self._pieces.popleft()[count:]
        if rest:
            self._pieces.appendleft(rest)

    def drop(self) -> None:
        """Forget everything: nobody reads it any more."""
        self._pieces.clear()
