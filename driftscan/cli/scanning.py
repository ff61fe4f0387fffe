"""Scanning several hosts at once: each costs itself alone, and each snapshot is stored as soon as it is there."""

import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from queue import SimpleQueue
from threading import Lock, Semaphore, Thread, Timer
from typing import TYPE_CHECKING
from urllib.parse import quote

from driftscan.cli.options import ask
from driftscan.cli.progress import Progress
from driftscan.cli.turns import Cuttable, Turn
from driftscan.errors import DriftscanError, ExitCode, StoreError, TransportError
from driftscan.model.text import shown

if TYPE_CHECKING:
    from pathlib import Path

    from driftscan.collect.collector import Wish
    from driftscan.model.host import Host
    from driftscan.model.snapshot import Snapshot
    from driftscan.store import SavedSnapshot, Store

_AHEAD = 2  # scanned hosts that may wait for whoever takes them, beside those in hand: each is large
_GRACE = 2.0  # seconds in which a host's thread ends by itself once its turn is cut
_asking = Lock()  # two hosts must not ask for a password at the same time


def ask_one_at_a_time(question: str) -> str:
    """Ask a person for a secret, from any thread."""
    with _asking:
        return ask(question)


class CrashError(DriftscanError):
    """A bug that came to light on one host; `__cause__` is what was raised."""


class OutOfTimeError(TransportError):
    """A host that was not done, or not begun, when the time of the whole run was over."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds that one host may take from its turn on, and all of them together; None: as long as they need."""

    host: float | None = None
    run: float | None = None


@dataclass(frozen=True, slots=True)
class Scanned:
    """What became of one host: its snapshot, or the error instead of it; `saved` once it is `settled` and kept.

    `started` is when its turn came, in UTC, None if it never did.
    """

    host: "Host"
    snapshot: "Snapshot | None" = None
    saved: "SavedSnapshot | None" = None
    error: DriftscanError | None = None
    saving: "Future[SavedSnapshot] | None" = None
    started: datetime | None = None

    def settled(self) -> "Scanned":
        """Wait until the snapshot is kept; what else is to be done with it can be done before."""
        if self.saving is None:
            return self
        try:
            return replace(self, saved=self.saving.result(), saving=None)
        except DriftscanError as error:
            return replace(self, snapshot=None, error=error, saving=None)

    @property
    def complaint(self) -> str:
        """One line about the error, with the host's name in it once."""
        name, words = shown(self.host.name), str(self.error)
        return f"driftscan: {words}" if words.startswith(f"{name} ") else f"driftscan: {name}: {words}"

    @property
    def exit_code(self) -> ExitCode:
        """The exit code that this host alone would have."""
        if self.error is not None:
            return ExitCode(self.error.exit_code)
        return ExitCode.OK if self.snapshot is not None and self.snapshot.complete else ExitCode.INCOMPLETE


class Scanner:
    """Scans hosts in threads; without `open_store` nothing is kept, `record` is a directory for what hosts show.

    The store is closed in the end unless `keep_open`. A bug that one host brings to light ends the run, or where
    `forgiving` becomes that host's error, a CrashError.
    """

    def __init__(
        self,
        wish: "Wish",
        open_store: "Callable[[], Store] | None",
        progress: Progress,
        jobs: int,
        record: "Path | None" = None,
        *,
        limits: Limits = Limits(),
        keep_open: bool = False,
        forgiving: bool = False,
    ) -> None:
        self._wish = wish
        self._open_store = open_store
        self._store: Future[Store | None] = Future()
        self._keeper = ThreadPoolExecutor(1, thread_name_prefix="keep")  # one, for a database has one writer
        self._progress = progress
        self._jobs = jobs
        self._record = record
        self._limits = limits
        self._keep_open = keep_open
        self._forgiving = forgiving
        self._waiting: deque[Host] = deque()
        self._running: set[Turn] = set()
        self._results: SimpleQueue[Scanned] = SimpleQueue()
        self._room = Semaphore(jobs + _AHEAD)
        self._hired = 0
        self._lock = Lock()

    @property
    def store(self) -> "Store | None":
        """What the snapshots are kept in, while hosts are scanned."""
        return self._store.result()

    def scan(self, hosts: "Sequence[Host]") -> Generator[Scanned]:
        """Yield each host as it is done. When interrupted, every connection is closed: the hosts' commands end."""
        self._waiting.extend(hosts)
        for _ in range(min(self._jobs, len(hosts))):
            self._hire()
        clock = self._timer(self._limits.run, self._run_is_over)
        try:
            # Meanwhile, for it takes half a second to make a database; one that cannot be opened ends the run at once.
            self._store.set_result(self._open_store() if self._open_store else None)
            for _ in hosts:
                done = self._results.get()
                if isinstance(done.error, CrashError) and not self._forgiving:
                    raise done.error.__cause__ or done.error
                yield done
                self._room.release()
        finally:
            if clock:
                clock.cancel()
            self._stop()
            self._store.cancel()
            self._keeper.shutdown(wait=True)
            if not self._keep_open and self._store.done() and not self._store.cancelled():
                store = self._store.result()
                if store is not None:
                    store.close()

    def _hire(self) -> None:
        # A daemon: a thread that is stuck, in a resolver or a parser, must not keep the run from its end.
        Thread(target=self._work, name="scan", daemon=True).start()
        self._hired += 1

    def _work(self) -> None:
        while (turn := self._next()) is not None:
            done = self._look(turn)
            if not turn.end():
                return  # cut: another thread works in the place of this one
            with suppress(CancelledError, RuntimeError):  # there is no store: the run is over
                self._results.put(self._kept(done))

    def _next(self) -> Turn | None:
        self._room.acquire()
        with self._lock:
            if not self._waiting:
                self._room.release()
                return None
            turn = Turn(self._waiting.popleft())
            self._running.add(turn)
        limit = self._limits.host
        turn.clock = self._timer(limit, lambda: self._cut([turn], TransportError(f"timeout after {limit or 0:g} s")))
        return turn

    def _look(self, turn: Turn) -> Scanned:
        done = Scanned(turn.host, started=turn.started)
        try:
            return replace(done, snapshot=self._collect(turn))
        except DriftscanError as error:
            return replace(done, error=error)
        except Exception as error:  # noqa: BLE001 -- told by whoever takes what became of the host
            crash = CrashError(f"driftscan has a bug: {type(error).__name__}: {shown(str(error))[:200]}")
            crash.__cause__ = error
            return replace(done, error=crash)
        finally:
            if turn.clock:
                turn.clock.cancel()
            with self._lock:
                self._running.discard(turn)
            turn.over.set()
            self._progress.done(turn.host.name)

    def _collect(self, turn: Turn) -> "Snapshot":
        from driftscan.collect.collector import collect
        from driftscan.collect.runner import Link
        from driftscan.transport.connect import connect, privilege

        host = turn.host
        rights = privilege(host, ask_one_at_a_time)
        transport = turn.transport = connect(host, ask_one_at_a_time)
        record = self._record / quote(host.name, safe="@:") if self._record else None
        try:
            link = Link(Cuttable(transport, turn), rights, record)
            return collect(host.name, link, self._wish, self._step(turn), lambda: self._before(host.name))
        finally:
            transport.close()

    def _before(self, name: str) -> "Snapshot | None":
        """Return the last snapshot of a host; None of one that is new, and where nothing is kept."""
        store = self._store.result()
        try:
            return store.load(store.snapshots(name, 1)[0]) if store else None
        except (StoreError, IndexError):  # a database that is broken will show it when the new one is kept
            return None

    def _kept(self, done: Scanned) -> Scanned:
        store = self._store.result()
        if store is None or done.snapshot is None:
            return done
        return replace(done, saving=self._keeper.submit(store.save, done.snapshot, done.host.role))

    def _step(self, turn: Turn) -> Callable[[str, int], None]:
        def step(scope: str, files: int) -> None:
            if turn.cut is None:
                self._progress.step(turn.host.name, scope, files)

        return step

    def _cut(self, turns: "Sequence[Turn]", error: TransportError) -> None:
        """Tell of each turn that is not over that it is; its thread is left to itself, another one takes its place."""
        for turn in turns:
            if turn.end(error):
                self._results.put(Scanned(turn.host, error=error, started=turn.started))
                self._hire()
        end = time.monotonic() + _GRACE
        for turn in turns:
            turn.close(end - time.monotonic())

    def _run_is_over(self) -> None:
        words = f"the run's time limit of {self._limits.run or 0:g} s was over"
        with self._lock:
            left, running = list(self._waiting), list(self._running)
            self._waiting.clear()
        for host in left:
            self._results.put(Scanned(host, error=OutOfTimeError(f"not begun when {words}")))
        self._cut(running, OutOfTimeError(f"not done when {words}"))

    def _stop(self) -> None:
        with self._lock:
            self._waiting.clear()
            running = list(self._running)
        self._room.release(self._hired + 1)  # whoever waits for it finds no host any more
        # What they lack was not looked for any more: that says nothing about the hosts.
        self._cut(running, TransportError("interrupted"))

    @staticmethod
    def _timer(seconds: float | None, what: Callable[[], None]) -> Timer | None:
        if seconds is None:
            return None
        timer = Timer(max(0.0, seconds), what)
        timer.daemon = True
        timer.start()
        return timer


def worst(codes: "Sequence[ExitCode]") -> ExitCode:
    """Return the exit code of a run from those of its hosts: an error, then incomplete, then findings."""
    order = (ExitCode.ERROR, ExitCode.USAGE, ExitCode.INCOMPLETE, ExitCode.FINDINGS)
    return next((code for code in order if code in codes), ExitCode.OK)
