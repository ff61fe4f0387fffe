"""Progress on a terminal: one line that is written over, from the start on."""

import shutil
import sys
import time
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING

from driftscan.model.text import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

_EVERY = 0.1  # seconds between two lines


class Progress:
    """Shows what is being looked at on each host, from the start; silent when stderr is no terminal or `quiet`.

    A person is to see at once that something happens: what is needed to look at anything is loaded after this.
    """

    def __init__(self, hosts: "Sequence[str]", *, quiet: bool) -> None:
        self.shows = sys.stderr.isatty() and not quiet
        self._last = 0.0
        self._hosts = len(hosts)
        self._done = 0
        self._now: dict[str, tuple[str, int, float]] = {}
        self._lock = Lock()
        for host in hosts[:1] if len(hosts) == 1 else ():
            self._now[host] = ("", 0, time.monotonic())

    def __enter__(self) -> "Self":
        if self.shows and self._hosts:
            self._show(time.monotonic())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.wipe()

    def step(self, host: str, scope: str, files: int) -> None:
        """Take note that `scope` of `host` is in hand, with `files` entries of its tree so far."""
        if not self.shows:
            return
        now = time.monotonic()
        with self._lock:
            self._now[host] = (scope, files, self._now.get(host, ("", 0, now))[2])
            if now - self._last > _EVERY:
                self._show(now)

    def done(self, host: str) -> None:
        """Take note that `host` needs no more time."""
        with self._lock:
            self._done += 1
            self._now.pop(host, None)
        self.wipe()

    def _show(self, now: float) -> None:
        self._last = now
        words = [
            f"{shown(host)}: {scope or 'connecting'}"
            + (f" ({files:,} files, {files / max(now - since, 0.1):,.0f}/s)" if files else "")
            for host, (scope, files, since) in self._now.items()
        ]
        count = f"[{self._done}/{self._hosts}] " if self._hosts > 1 else ""
        width = shutil.get_terminal_size((80, 24)).columns
        sys.stderr.write("\r\x1b[K" + (count + " · ".join(words or ["connecting"]))[: width - 1])
        sys.stderr.flush()

    def wipe(self) -> None:
        """Take away the line, if there is one."""
        if self.shows and self._last:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
