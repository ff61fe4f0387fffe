"""Progress on a terminal: one line that is written over, for whatever takes more than a second."""

import shutil
import sys
import time
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING

from driftscan.model.text import shown

if TYPE_CHECKING:
    from typing_extensions import Self

_AFTER = 1.0  # seconds without a word
_EVERY = 0.1  # seconds between two lines


class Progress:
    """Shows what is being looked at on each host; silent when stderr is no terminal or `quiet`."""

    def __init__(self, hosts: int, *, quiet: bool) -> None:
        self._shows = sys.stderr.isatty() and not quiet
        self._started = self._last = time.monotonic()
        self._hosts = hosts
        self._done = 0
        self._now: dict[str, tuple[str, int, float]] = {}
        self._lock = Lock()

    def __enter__(self) -> "Self":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wipe()

    def step(self, host: str, scope: str, files: int) -> None:
        """Take note that `scope` of `host` is in hand, with `files` entries of its tree so far."""
        if not self._shows:
            return
        now = time.monotonic()
        with self._lock:
            self._now[host] = (scope, files, self._now.get(host, ("", 0, now))[2])
            if now - self._started > _AFTER and now - self._last > _EVERY:
                self._last = now
                self._show(now)

    def done(self, host: str) -> None:
        """Take note that `host` needs no more time."""
        with self._lock:
            self._done += 1
            self._now.pop(host, None)
        self._wipe()

    def _show(self, now: float) -> None:
        words = [
            f"{shown(host)}: {scope}" + (f" ({files:,} files, {files / max(now - since, 0.1):,.0f}/s)" if files else "")
            for host, (scope, files, since) in self._now.items()
        ]
        count = f"[{self._done}/{self._hosts}] " if self._hosts > 1 else ""
        width = shutil.get_terminal_size((80, 24)).columns
        sys.stderr.write("\r\x1b[K" + (count + " · ".join(words))[: width - 1])
        sys.stderr.flush()

    def _wipe(self) -> None:
        if self._shows and self._last > self._started:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
