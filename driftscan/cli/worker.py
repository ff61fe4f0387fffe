"""A process that looks at hosts, one after the other, as another one tells it to.

What it is told: a host; an answer to its question; None, there is no more to do. What it tells, as tuples that begin
with a word: `log` (logger, level, message), `step` (scope, files), `ask` (question), `collected` (nothing more is
wanted of the host), `done` (what became of it).
"""

import logging
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from queue import SimpleQueue
from threading import Lock, Thread, Timer
from types import FrameType
from typing import TYPE_CHECKING, Any

from driftscan.cli.looking import Order, Scanned, collected, expected, finished
from driftscan.errors import DriftscanError
from driftscan.model.host import Host

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from driftscan.store import Store
    from driftscan.transport.base import Transport

GRACE = 2.0  # seconds in which a process ends by itself once it is told to
_EVERY = 0.1  # seconds between two words about what is in hand


@dataclass(frozen=True, slots=True)
class Manner:
    """How a worker speaks: the level of its log, that of paramiko's, and whether it says what is in hand."""

    level: int
    paramiko: int
    steps: bool


class _CutError(BaseException):
    """The work is over: what is open is to be closed."""


class _Desk:
    """Both ends of the talk with the process that gives the work; also the hands with which a host is looked at."""

    def __init__(self, link: "Connection[Any, Any]", *, steps: bool) -> None:
        self._link = link
        self._steps = steps
        self._sending = Lock()
        self._asking = Lock()
        self._told = 0.0
        self._mute = False
        self.hosts: SimpleQueue[Host | None] = SimpleQueue()
        self._answers: SimpleQueue[str | DriftscanError] = SimpleQueue()

    def tell(self, *words: object) -> None:
        """Tell something, from any thread; nobody hears it when the other process has gone."""
        with self._sending:
            if not self._mute:
                try:
                    self._link.send(words)
                except BaseException:  # half a message may be on its way: no other may follow it
                    self._mute = True
                    raise

    def listen(self) -> None:
        """Take what is told, until nobody is there any more: then all is over."""
        try:
            while True:
                words = self._link.recv()
                (self.hosts if words is None or isinstance(words, Host) else self._answers).put(words)
        except (EOFError, OSError):
            os.kill(os.getpid(), signal.SIGTERM)

    def ask(self, question: str) -> str:
        with self._asking:
            self.tell("ask", question)
            answer = self._answers.get()
        if isinstance(answer, DriftscanError):
            raise answer
        return answer

    def hold(self, transport: "Transport") -> "Transport":
        return transport

    def step(self, scope: str, files: int) -> None:
        now = time.monotonic()
        if self._steps and now - self._told > _EVERY:
            self._told = now
            self.tell("step", scope, files)


def work(link: "Connection[Any, Any]", order: Order[Any], manner: Manner) -> None:
    """Look at hosts until there are no more; SIGTERM, and the end of the other process, end it at once."""
    signal.signal(signal.SIGTERM, _end)
    desk = _Desk(link, steps=manner.steps)
    _log_to(desk, manner)
    Thread(target=desk.listen, daemon=True).start()
    with suppress(_CutError, OSError):  # OSError: nobody listens any more
        _look_at_all(desk, order)
    sys.stderr.flush()
    os._exit(0)  # no thread is waited for: one that is stuck would keep the process from its end


def _end(_number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # one is enough: closing takes a moment
    last = Timer(GRACE, lambda: os._exit(1))
    last.daemon = True
    last.start()
    raise _CutError


def _look_at_all(desk: _Desk, order: Order[Any]) -> None:
    keeper = ThreadPoolExecutor(1, thread_name_prefix="keep")
    store: Store | None = None
    while (host := desk.hosts.get()) is not None:
        done: Scanned[Any] = Scanned(host, datetime.now(timezone.utc))
        try:
            if store is None and order.open_store is not None:
                store = order.open_store()
            snapshot = collected(host, order, desk, lambda store=store: store)  # type: ignore[misc]
            desk.tell("collected")
            done = finished(done, snapshot, order, store, keeper)
            del snapshot
        except Exception as error:  # noqa: BLE001 -- told by whoever takes what became of the host
            done = Scanned(host, done.started, error=expected(error))
        desk.tell("done", done)


class _Forward(logging.Handler):
    """Gives what is logged here to the process that has a log."""

    def __init__(self, desk: _Desk) -> None:
        super().__init__()
        self._desk = desk

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):  # nobody listens any more
            self._desk.tell("log", record.name, record.levelno, self.format(record))


def _log_to(desk: _Desk, manner: Manner) -> None:
    handler = _Forward(desk)
    handler.setFormatter(logging.Formatter("%(message)s"))  # the log that it goes to has a form of its own
    logging.basicConfig(level=manner.level, handlers=[handler], force=True)
    logging.getLogger("paramiko").setLevel(manner.paramiko)
