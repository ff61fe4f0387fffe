"""Looking at many hosts in processes of their own: every core has work, and what befalls one host befalls it alone."""

import logging
import multiprocessing
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, Generic

from driftscan.cli.looking import Limits, LostError, Order, OutOfTimeError, Scanned, T
from driftscan.cli.options import ask
from driftscan.cli.worker import GRACE, Manner, work
from driftscan.errors import DriftscanError, TransportError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerProcess

    from driftscan.cli.progress import Progress
    from driftscan.model.host import Host
    from driftscan.store import Store


@dataclass(eq=False, slots=True)
class _Worker:
    """One process and what it is at; `deadline` (of the monotonic clock) is when its host has taken too long."""

    process: "ForkServerProcess"
    link: "Connection[Any, Any]"
    host: "Host | None" = None
    started: datetime | None = None
    deadline: float | None = None
    collecting: bool = False


class Processes(Generic[T]):
    """Looks at hosts in `jobs` processes, each of which has one host at a time.

    They are forked from one process that has loaded what they need and does nothing else: a copy of this one would
    have its locks and its database, and one that begins from nothing would need a second of its own, and the memory.
    All that is decided is decided here, in one thread.
    """

    def __init__(self, order: Order[T], progress: "Progress", jobs: int, limits: Limits) -> None:
        self._order = order
        self._progress = progress
        self._jobs = jobs
        self._limits = limits
        self._context = multiprocessing.get_context("forkserver")
        self._waiting: deque[Host] = deque()
        self._workers: list[_Worker] = []
        self._ending: list[tuple[float, ForkServerProcess]] = []

    def scan(self, hosts: "Sequence[Host]", open_store: "Callable[[], Store | None]") -> Generator[Scanned[T]]:
        """Yield each host as it is done."""
        self._context.set_forkserver_preload(["driftscan.cli.preloaded"])
        _begin_to_load()
        self._waiting.extend(hosts)
        over = None if self._limits.run is None else time.monotonic() + self._limits.run
        try:
            open_store()  # meanwhile; one that cannot be opened ends the run at once
            while self._waiting or any(worker.host for worker in self._workers):
                self._hire()
                yield from self._heard(self._until(over))
                now = time.monotonic()
                if over is not None and over <= now:
                    over = None
                    yield from self._run_is_over()
                late = [worker for worker in self._workers if worker.deadline is not None and worker.deadline <= now]
                yield from self._cut(late, f"timeout after {self._limits.host or 0:g} s", TransportError)
                self._bury()
        finally:
            self._stop()

    def _hire(self) -> None:
        """See that as many are at work as may be."""
        free = [worker for worker in self._workers if worker.host is None]
        while self._waiting and (free or len(self._workers) < self._jobs):
            worker = free.pop() if free else self._begin()
            worker.host, worker.started, worker.collecting = self._waiting.popleft(), datetime.now(timezone.utc), True
            worker.deadline = None if self._limits.host is None else time.monotonic() + self._limits.host
            try:
                worker.link.send(worker.host)
            except OSError:  # it has ended; that is heard, and told of the host
                continue

    def _begin(self) -> _Worker:
        here, there = self._context.Pipe()
        levels = logging.getLogger().getEffectiveLevel(), logging.getLogger("paramiko").getEffectiveLevel()
        manner = Manner(*levels, steps=self._progress.shows)
        process = self._context.Process(target=work, args=(there, self._order, manner), daemon=True)
        process.start()
        there.close()
        worker = _Worker(process, here)
        self._workers.append(worker)
        return worker

    def _until(self, over: float | None) -> float | None:
        """Return how many seconds from now something is to be done at the latest, None if there is no such time."""
        times = [worker.deadline for worker in self._workers if worker.collecting]
        times += [over, *(end for end, _ in self._ending)]
        known = [moment for moment in times if moment is not None]
        return max(0.0, min(known) - time.monotonic()) if known else None

    def _heard(self, seconds: float | None) -> Iterator[Scanned[T]]:
        """Wait for what the workers tell, and yield the hosts that are done."""
        by_link = {worker.link: worker for worker in self._workers}
        for link in wait(list(by_link), seconds):
            worker = by_link[link]  # type: ignore[index]
            try:
                words = worker.link.recv()
            except (EOFError, OSError):
                yield from self._lost(worker)
                continue
            yield from self._told(worker, *words)

    def _told(self, worker: _Worker, word: str, *more: Any) -> Iterator[Scanned[T]]:
        if word == "log":
            logger, level, message = more
            made = logging.makeLogRecord({"name": logger, "levelno": level, "msg": message})
            made.levelname = logging.getLevelName(level)
            logging.getLogger(logger).handle(made)
        elif word == "step" and worker.host is not None:
            self._progress.step(worker.host.name, *more)
        elif word == "ask":
            worker.link.send(self._answer(*more))
        elif word == "collected":
            self._collected(worker)
        elif word == "done":
            self._collected(worker)
            worker.host = None
            yield from more

    def _answer(self, question: str) -> "str | DriftscanError":
        """Ask a person: here, where nobody else can ask at the same time, and Ctrl-C leaves the terminal as it was."""
        self._progress.wipe()
        try:
            return ask(question)
        except DriftscanError as error:
            return error

    def _collected(self, worker: _Worker) -> None:
        if worker.collecting and worker.host is not None:
            worker.collecting, worker.deadline = False, None
            self._progress.done(worker.host.name)

    def _lost(self, worker: _Worker) -> Iterator[Scanned[T]]:
        """Yield the host of a worker that is no longer there."""
        self._workers.remove(worker)
        worker.link.close()
        worker.process.join(GRACE)
        code = worker.process.exitcode
        worker.process.kill()
        if worker.host is not None:
            self._collected(worker)
            how = f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with {code}"
            error = LostError(
                f"the process that looked at it {how}", hint="see whether this machine's memory was used up"
            )
            yield Scanned(worker.host, worker.started, error=error)

    def _cut(self, workers: "Sequence[_Worker]", words: str, kind: type[TransportError]) -> Iterator[Scanned[T]]:
        """Give up the hosts that are still being collected, but for those of which there is news."""
        for worker in workers:
            host = worker.host
            if host is not None and worker.collecting and not worker.link.poll():
                self._collected(worker)
                self._dismiss(worker)
                yield Scanned(host, worker.started, error=kind(words))

    def _run_is_over(self) -> Iterator[Scanned[T]]:
        words = f"the run's time limit of {self._limits.run or 0:g} s was over"
        left = list(self._waiting)
        self._waiting.clear()
        for host in left:
            yield Scanned(host, error=OutOfTimeError(f"not begun when {words}"))
        yield from self._cut(list(self._workers), f"not done when {words}", OutOfTimeError)

    def _dismiss(self, worker: _Worker) -> None:
        """Let a worker close its connection and end; one that does not is killed a moment later."""
        self._workers.remove(worker)
        worker.process.terminate()
        worker.link.close()
        self._ending.append((time.monotonic() + GRACE, worker.process))

    def _bury(self) -> None:
        now = time.monotonic()
        for end, process in self._ending:
            if end <= now:
                process.kill()
        self._ending = [(end, process) for end, process in self._ending if now < end and process.is_alive()]

    def _stop(self) -> None:
        """End all; those that have nothing in hand end by themselves."""
        self._waiting.clear()
        for worker in list(self._workers):
            self._dismiss(worker)
        for end, process in self._ending:
            process.join(max(0.0, end - time.monotonic()))
        for _, process in self._ending:
            process.kill()


def _begin_to_load() -> None:
    from multiprocessing.forkserver import ensure_running

    ensure_running()
