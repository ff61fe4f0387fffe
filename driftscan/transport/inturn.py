"""One command after the other, for servers that mix up two channels of one connection."""

import re
import threading
from collections.abc import Callable

from driftscan.transport.base import Channel

# dropbear takes the end of one command for the end of the channel that was opened meanwhile, and closes that one; a
# command that is sent there then ends the whole connection (seen of 2022.83, with two commands at a time in seconds).
_MIXES_UP = re.compile("dropbear", re.IGNORECASE)


class InTurn:
    """Starts commands on a connection: several at a time, or in turn, as the software at its other end can."""

    def __init__(self, software: str) -> None:
        self._turn = threading.Semaphore() if _MIXES_UP.search(software) else None

    def open(self, start: Callable[[], Channel]) -> Channel:
        """Return what `start` gives, when it may; raises what it raises."""
        if self._turn is None:
            return start()
        self._turn.acquire()
        try:
            return _Leaving(start(), self._turn)
        except BaseException:
            self._turn.release()
            raise


class _Leaving:
    """A command that lets the next one begin when it is closed."""

    def __init__(self, channel: Channel, turn: threading.Semaphore) -> None:
        self._channel = channel
        self._turn: threading.Semaphore | None = turn
        self.send = channel.send
        self.send_eof = channel.send_eof
        self.receive = channel.receive
        self.exit_code = channel.exit_code

    def close(self) -> None:
        self._channel.close()
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.release()
