"""Looking at a few hosts in threads of this process: nothing is quicker to begin."""

import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from queue import SimpleQueue
from threading import Event, Lock, Semaphore, Thread, Timer
from typing import TYPE_CHECKING, Generic

from driftscan.cli.looking import Limits, Order, OutOfTimeError, Scanned, T, collected, expected, finished
from driftscan.cli.options import ask
from driftscan.cli.turns import Cuttable, Turn
from driftscan.errors import TransportError

if TYPE_CHECKING:
    from driftscan.cli.progress import Progress
    from driftscan.model.host import Host
    from driftscan.model.snapshot import Snapshot
    from driftscan.store import Store
    from driftscan.transport.base import Transport

_AHEAD = 2  # scanned hosts that may wait for whoever takes them, beside those in hand
_GRACE = 2.0  # seconds in which a host's thread ends by itself once its turn is cut
_HEAD_START = 0.5  # seconds that the first host may take to be connected before the store is opened


class Threads(Generic[T]):
    """Looks at hosts in threads, `jobs` at a time."""

    def __init__(self, order: Order[T], progress: "Progress", jobs: int, limits: Limits) -> None:
        self._order = order
        self._store: Future[Store | None] = Future()
        self._keeper = ThreadPoolExecutor(1, thread_name_prefix="keep")  # one, for a database has one writer
        self._progress = progress
        self._jobs = jobs
        self._limits = limits
        self._waiting: deque[Host] = deque()
        self._running: set[Turn] = set()
        self._results: SimpleQueue[Scanned[T]] = SimpleQueue()
        self._room = Semaphore(jobs + _AHEAD)
        self._hired = 0
        self._lock = Lock()
        self._connected = Event()  # with some host, or not with one

    def scan(self, hosts: "Sequence[Host]", open_store: "Callable[[], Store | None]") -> Generator[Scanned[T]]:
        """Yield each host as it is done."""
        self._waiting.extend(hosts)
        for _ in range(self._jobs):
            self._hire()
        clock = self._timer(self._limits.run, self._run_is_over)
        try:
            # Once a host is at work, for to load what opens a database takes as long as to connect; one that cannot be
            # opened ends the run at once.
            if hosts:
                self._connected.wait(_HEAD_START)
            self._store.set_result(open_store())
            for _ in hosts:
                yield self._results.get()
                self._room.release()
        finally:
            if clock:
                clock.cancel()
            self._stop()
            self._store.cancel()
            self._keeper.shutdown(wait=True)

    def _hire(self) -> None:
        # A daemon: a thread that is stuck, in a resolver or a parser, must not keep the run from its end.
        Thread(target=self._work, name="scan", daemon=True).start()
        self._hired += 1

    def _work(self) -> None:
        while (turn := self._next()) is not None:
            done: Scanned[T] = Scanned(turn.host, turn.started)
            seen = self._look(turn)
            if not turn.end():
                return  # cut: another thread works in the place of this one
            with suppress(CancelledError, RuntimeError):  # there is no store: the run is over
                if isinstance(seen, Exception):
                    self._results.put(Scanned(turn.host, turn.started, error=expected(seen)))
                else:
                    self._results.put(finished(done, seen, self._order, self._store.result(), self._keeper))

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

    def _look(self, turn: Turn) -> "Snapshot | Exception":
        try:
            hands = _TurnsHands(turn, self._progress, self._connected)
            return collected(turn.host, self._order, hands, self._store.result)
        except Exception as error:  # noqa: BLE001 -- told by whoever takes what became of the host
            return error
        finally:
            if turn.clock:
                turn.clock.cancel()
            with self._lock:
                self._running.discard(turn)
            turn.over.set()
            self._connected.set()
            self._progress.done(turn.host.name)

    def _cut(self, turns: "Sequence[Turn]", error: TransportError) -> None:
        """Tell of each turn that is not over that it is; its thread is left to itself, another one takes its place."""
        for turn in turns:
            if turn.end(error):
                self._results.put(Scanned(turn.host, turn.started, error=error))
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


class _TurnsHands:
    """A thread's hands while it looks at a host: they let go once the host's turn is cut."""

    def __init__(self, turn: Turn, progress: "Progress", connected: Event) -> None:
        self._turn = turn
        self._progress = progress
        self._connected = connected
        self.ask = ask

    def hold(self, transport: "Transport") -> "Transport":
        self._turn.transport = transport
        self._connected.set()
        return Cuttable(transport, self._turn)

    def step(self, scope: str, files: int) -> None:
        if self._turn.cut is None:
            self._progress.step(self._turn.host.name, scope, files)
