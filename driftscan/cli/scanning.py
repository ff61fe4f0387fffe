"""Scanning several hosts at once: each costs itself alone, and each snapshot is stored as soon as it is there."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import quote

from driftscan.cli.options import ask
from driftscan.cli.progress import Progress
from driftscan.errors import DriftscanError, ExitCode
from driftscan.model.text import shown

if TYPE_CHECKING:
    from pathlib import Path

    from driftscan.collect.collector import Wish
    from driftscan.model.host import Host
    from driftscan.model.snapshot import Snapshot
    from driftscan.store import SavedSnapshot, Store
    from driftscan.transport.base import Transport

_asking = Lock()  # two hosts must not ask for a password at the same time


def ask_one_at_a_time(question: str) -> str:
    """Ask a person for a secret, from any thread."""
    with _asking:
        return ask(question)


@dataclass(frozen=True, slots=True)
class Scanned:
    """What became of one host: its snapshot, or the error instead of it; `saved` once it is `settled` and kept."""

    host: "Host"
    snapshot: "Snapshot | None" = None
    saved: "SavedSnapshot | None" = None
    error: DriftscanError | None = None
    saving: "Future[SavedSnapshot] | None" = None

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
    """Scans hosts in threads; without `open_store` nothing is kept, `record` is a directory for what hosts show."""

    def __init__(
        self,
        wish: "Wish",
        open_store: "Callable[[], Store] | None",
        progress: Progress,
        jobs: int,
        record: "Path | None" = None,
    ) -> None:
        self._wish = wish
        self._open_store = open_store
        self._store: Future[Store | None] = Future()
        self._keeper = ThreadPoolExecutor(1, thread_name_prefix="keep")  # one, for a database has one writer
        self._progress = progress
        self._jobs = jobs
        self._record = record
        self._open: set[Transport] = set()
        self._lock = Lock()
        self._stopped = False

    @property
    def store(self) -> "Store | None":
        """What the snapshots are kept in, while hosts are scanned."""
        return self._store.result()

    def scan(self, hosts: "Sequence[Host]") -> Iterator[Scanned]:
        """Yield each host as it is done. When interrupted, every connection is closed: the hosts' commands end."""
        pool = ThreadPoolExecutor(max(1, min(self._jobs, len(hosts))), thread_name_prefix="scan")
        waiting: set[Future[Scanned]] = {pool.submit(self._scan, host) for host in hosts}
        try:
            # Meanwhile, for it takes half a second to make a database; one that cannot be opened ends the run at once.
            self._store.set_result(self._open_store() if self._open_store else None)
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        finally:
            for future in waiting:
                future.cancel()
            self._stop()
            self._store.cancel()
            pool.shutdown(wait=True, cancel_futures=True)
            self._keeper.shutdown(wait=True)
            if self._store.done() and not self._store.cancelled() and (store := self._store.result()):
                store.close()

    def _scan(self, host: "Host") -> Scanned:
        try:
            snapshot = self._collect(host)
            if self._stopped:  # what it lacks was not looked for any more: that says nothing about the host
                return Scanned(host, error=DriftscanError("interrupted"))
            store = self._store.result()
            saving = self._keeper.submit(store.save, snapshot, host.role) if store else None
            return Scanned(host, snapshot, saving=saving)
        except DriftscanError as error:
            return Scanned(host, error=error)
        finally:
            self._progress.done(host.name)

    def _collect(self, host: "Host") -> "Snapshot":
        from driftscan.collect.collector import collect
        from driftscan.collect.runner import Link
        from driftscan.transport.connect import connect, privilege

        rights = privilege(host, ask_one_at_a_time)
        transport = connect(host, ask_one_at_a_time)
        with self._lock:
            self._open.add(transport)
            if self._stopped:
                transport.close()
        record = self._record / quote(host.name, safe="@:") if self._record else None
        try:
            return collect(host.name, Link(transport, rights, record), self._wish, self._step(host.name))
        finally:
            with self._lock:
                self._open.discard(transport)
            transport.close()

    def _step(self, name: str) -> Callable[[str, int], None]:
        return lambda scope, files: self._progress.step(name, scope, files)

    def _stop(self) -> None:
        with self._lock:
            self._stopped = True
            left, self._open = self._open, set()
        for transport in left:
            transport.close()


def worst(codes: "Sequence[ExitCode]") -> ExitCode:
    """Return the exit code of a run from those of its hosts: an error, then incomplete, then findings."""
    order = (ExitCode.ERROR, ExitCode.USAGE, ExitCode.INCOMPLETE, ExitCode.FINDINGS)
    return next((code for code in order if code in codes), ExitCode.OK)
