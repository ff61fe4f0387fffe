"""Scanning several hosts at once: each costs itself alone, and each snapshot is stored as soon as it is there."""

import os
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Generic

from driftscan.cli.looking import CrashError, Limits, Order, Scanned, T, raised
from driftscan.errors import ExitCode

if TYPE_CHECKING:
    from driftscan.cli.processes import Processes
    from driftscan.cli.progress import Progress
    from driftscan.cli.threads import Threads
    from driftscan.model.host import Host
    from driftscan.store import Store

# Hosts from which on processes win: each host costs about half a second of this machine's time, the processes as much
# before the first of them can begin.
_MANY = 4


class Scanner(Generic[T]):
    """Looks at hosts, up to `jobs` at a time: a few in threads, many in processes, for threads share one core.

    The store is closed in the end unless `keep_open`. A bug that one host brings to light ends the run, or where
    `forgiving` becomes that host's error, a CrashError. `apart` says whether to use processes; None: where they win.
    """

    def __init__(
        self,
        order: Order[T],
        progress: "Progress",
        jobs: int,
        *,
        limits: Limits | None = None,
        opened: "Store | None" = None,
        forgiving: bool = False,
        apart: bool | None = None,
    ) -> None:
        self._order = order
        self._progress = progress
        self._jobs = jobs
        self._limits = limits or Limits()
        self._opened = opened
        self._forgiving = forgiving
        self._apart = apart
        self.store: Store | None = opened

    def scan(self, hosts: "Sequence[Host]") -> Generator[Scanned[T]]:
        """Yield each host as it is done. When interrupted, every connection is closed: the hosts' commands end."""
        scans = self._crew(hosts).scan(hosts, self._open)
        try:
            for done in scans:
                if done.fault is not None:
                    raise raised(done.fault)
                if isinstance(done.error, CrashError) and not self._forgiving:
                    raise raised(done.error)
                yield done
        finally:
            scans.close()
            if self.store is not None and self._opened is None:
                self.store.close()

    def _crew(self, hosts: "Sequence[Host]") -> "Processes[T] | Threads[T]":
        jobs = min(self._jobs, len(hosts))
        many = min(jobs, _cores()) > 1 and len(hosts) >= _MANY
        if many if self._apart is None else self._apart:
            from driftscan.cli.processes import Processes

            return Processes(self._order, self._progress, jobs, self._limits)
        from driftscan.cli.threads import Threads

        return Threads(self._order, self._progress, jobs, self._limits)

    def _open(self) -> "Store | None":
        if self.store is None and self._order.open_store is not None:
            self.store = self._order.open_store()
        return self.store


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def worst(codes: "Sequence[ExitCode]") -> ExitCode:
    """Return the exit code of a run from those of its hosts: an error, then incomplete, then findings."""
    order = (ExitCode.ERROR, ExitCode.USAGE, ExitCode.INCOMPLETE, ExitCode.FINDINGS)
    return next((code for code in order if code in codes), ExitCode.OK)
