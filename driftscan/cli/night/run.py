"""One night's work on the hosts: each is scanned once and compared, whatever becomes of the others."""

import sys
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING

from driftscan.cli.baselines import role_of
from driftscan.cli.check import exit_code as of_checks
from driftscan.cli.looking import CrashError, Look, LostError, OutOfTimeError, Scanned, expected
from driftscan.cli.night.summary import NOT_COMPARED
from driftscan.errors import DriftscanError, ExitCode, StoreError
from driftscan.model.drift import Check
from driftscan.model.finding import Severity

if TYPE_CHECKING:
    from pathlib import Path

    from driftscan.cli.scanning import Scanner
    from driftscan.model.host import Host
    from driftscan.model.snapshot import Snapshot
    from driftscan.store import SavedSnapshot, Store, StoredSnapshot


@dataclass(frozen=True, slots=True)
class Looked:
    """What became of one host.

    `failed` where that is a fault of this program, its database or a baseline, `missed` where there was no time left.
    `bug` is the traceback of one that came to light.
    """

    check: Check
    failed: bool = False
    missed: bool = False
    bug: str = ""


@dataclass(frozen=True, slots=True)
class Comparing:
    """Compares hosts as they are scanned: `baselines` is their directory, `today` when acceptances must hold."""

    baselines: "Path"
    today: date

    def __call__(self, look: Look) -> Looked:
        """Return what became of a host that was just scanned."""
        saved = look.saved()
        if look.store is None or saved is None:
            raise AssertionError  # a night is always kept
        return self.compared(look.host, look.store, saved, look.snapshot)

    def compared(
        self, host: "Host", store: "Store", kept: "SavedSnapshot | StoredSnapshot", seen: "Snapshot"
    ) -> Looked:
        """Return how a host differs from what it should be, or why that cannot be said."""
        from driftscan.cli.comparing import compared

        role = role_of(host, store)
        try:
            return Looked(compared(store, seen, kept.id, role, self.baselines, self.today))
        except Exception as raised:  # noqa: BLE001 -- a bug that one host brings to light is not the others' fault
            error = expected(raised)
        failed = Check(host.name, role, kept.id, kept.taken, seen.seconds, error=NOT_COMPARED + str(error))
        return Looked(failed, failed=True, bug=error.trace if isinstance(error, CrashError) else "")


@dataclass(frozen=True, slots=True)
class Work:
    """What a night works with."""

    store: "Store"
    comparing: Comparing
    bugs: set[str] = field(default_factory=set)  # that were shown: one may come to light on every host

    def looks(self, hosts: "Sequence[Host]", scanner: "Scanner[Looked]", resumed: datetime | None) -> Generator[Looked]:
        """Yield what became of each host, as it is done; `resumed` is when a night began that is gone on with."""
        done = self._done(hosts, resumed) if resumed else {}
        with closing(scanner.scan([host for host in hosts if host.name not in done])) as scans:
            for scanned in scans:
                yield self._shown(scanned.said or self._failed(scanned))
        for host in hosts:
            if host.name in done:
                kept = done[host.name]
                yield self._shown(self.comparing.compared(host, self.store, kept, self.store.load(kept)))

    def _done(self, hosts: "Sequence[Host]", began: datetime) -> "dict[str, StoredSnapshot]":
        """Return the hosts that this night has scanned before, with their snapshots."""
        kept = self.store.scanned_since(began)
        wanted = {host.name for host in hosts}
        return {name: stored for name, stored in kept.items() if name in wanted and self._whole(stored)}

    def _whole(self, stored: "StoredSnapshot") -> bool:
        """Whether everything was asked for that can be asked of any host: not so of `scan --scope`."""
        from driftscan.scopes.base import scopes

        asked = self.store.load(stored).coverage.keys()
        always = {
            scope.name
            for scope in scopes().values()
            if scope.derive or scope.follow or any(not probe.live for probe in scope.probes)
        }
        return always <= asked

    def _failed(self, done: Scanned[Looked]) -> Looked:
        host, error = done.host, done.error
        if error is None:
            raise AssertionError  # there is something to say, or an error
        failed, missed = isinstance(error, CrashError | LostError | StoreError), isinstance(error, OutOfTimeError)
        bug = error.trace if isinstance(error, CrashError) else ""
        return Looked(self._unseen(host, _said(host, error)), failed=failed, missed=missed, bug=bug)

    def _unseen(self, host: "Host", why: str) -> Check:
        """Return the check of a host that was not scanned, with when it was seen last."""
        last = next((stored.newest for stored in self.store.hosts() if stored.name == host.name), None)
        role = role_of(host, self.store)
        if last is None:
            return Check(host.name, role, error=why)
        return Check(host.name, role, last.id, last.taken, last.seconds, error=why)

    def _shown(self, look: Looked) -> Looked:
        """Show where a bug is; the night goes on."""
        if look.bug not in self.bugs:
            sys.stderr.write(look.bug)
        self.bugs.add(look.bug)
        return look


def exit_code(looks: Sequence[Looked], fail_on: Severity) -> ExitCode:
    """Return the exit code of what became of the hosts: a fault of ours, then a blind spot, then drift."""
    return ExitCode.ERROR if any(look.failed for look in looks) else of_checks([look.check for look in looks], fail_on)


def _said(host: "Host", error: DriftscanError) -> str:
    """Return an error without the name that the line begins with."""
    return str(error).removeprefix(f"{host.name}: ")
