"""One night's work on the hosts: each is scanned once and compared, whatever becomes of the others."""

import sys
import traceback
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING

from driftscan.cli.baselines import role_of
from driftscan.cli.check import exit_code as of_checks
from driftscan.cli.night.summary import NOT_COMPARED
from driftscan.cli.scanning import CrashError, OutOfTimeError, Scanned, Scanner
from driftscan.errors import DriftscanError, ExitCode, StoreError
from driftscan.model.drift import Check
from driftscan.model.finding import Severity
from driftscan.model.text import shown

if TYPE_CHECKING:
    from pathlib import Path

    from driftscan.model.host import Host
    from driftscan.model.snapshot import Snapshot
    from driftscan.store import SavedSnapshot, Store, StoredSnapshot


@dataclass(frozen=True, slots=True)
class Looked:
    """What became of one host.

    `failed` where that is a fault of this program, its database or a baseline, `missed` where there was no time left.
    """

    check: Check
    failed: bool = False
    missed: bool = False


@dataclass(frozen=True, slots=True)
class Work:
    """What a night works with: `baselines` is their directory, `today` the day on which acceptances must hold."""

    store: "Store"
    baselines: "Path"
    today: date
    bugs: set[str] = field(default_factory=set)  # that were shown: one may come to light on every host

    def looks(self, hosts: "Sequence[Host]", scanner: Scanner, resumed: datetime | None) -> Generator[Looked]:
        """Yield what became of each host, as it is done; `resumed` is when a night began that is gone on with."""
        done = self._done(hosts, resumed) if resumed else {}
        with closing(scanner.scan([host for host in hosts if host.name not in done])) as scans:
            for scanned in scans:
                yield self._scanned(scanned.settled())
        for host in hosts:
            if host.name in done:
                yield self._compared(host, done[host.name], self.store.load(done[host.name]))

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

    def _scanned(self, done: Scanned) -> Looked:
        host, error = done.host, done.error
        if error is not None:
            if isinstance(error, CrashError):
                self._show_bug(error.__cause__)
            failed, missed = isinstance(error, CrashError | StoreError), isinstance(error, OutOfTimeError)
            return Looked(self._unseen(host, _said(host, error)), failed=failed, missed=missed)
        if done.snapshot is None or done.saved is None:
            raise AssertionError  # it is kept, or there is an error
        return self._compared(host, done.saved, done.snapshot)

    def _unseen(self, host: "Host", why: str) -> Check:
        """Return the check of a host that was not scanned, with when it was seen last."""
        last = next((stored.newest for stored in self.store.hosts() if stored.name == host.name), None)
        role = role_of(host, self.store)
        if last is None:
            return Check(host.name, role, error=why)
        return Check(host.name, role, last.id, last.taken, last.seconds, error=why)

    def _compared(self, host: "Host", kept: "SavedSnapshot | StoredSnapshot", seen: "Snapshot") -> Looked:
        from driftscan.cli.comparing import compared

        role = role_of(host, self.store)
        try:
            check = compared(self.store, seen, kept.id, role, self.baselines, self.today)
        except DriftscanError as error:
            words = str(error)
        except Exception as error:  # noqa: BLE001 -- a bug that one host brings to light is not the others' fault
            self._show_bug(error)
            words = f"driftscan has a bug: {type(error).__name__}: {shown(str(error))[:200]}"
        else:
            return Looked(check)
        failed = Check(host.name, role, kept.id, kept.taken, seen.seconds, error=NOT_COMPARED + words)
        return Looked(failed, failed=True)

    def _show_bug(self, error: BaseException | None) -> None:
        """Show where a bug is; the night goes on."""
        said = "".join(traceback.format_exception(error)) if error is not None else ""
        if said not in self.bugs:
            sys.stderr.write(said)
        self.bugs.add(said)


def exit_code(looks: Sequence[Looked], fail_on: Severity) -> ExitCode:
    """Return the exit code of what became of the hosts: a fault of ours, then a blind spot, then drift."""
    return ExitCode.ERROR if any(look.failed for look in looks) else of_checks([look.check for look in looks], fail_on)


def _said(host: "Host", error: DriftscanError) -> str:
    """Return an error without the name that the line begins with."""
    return str(error).removeprefix(f"{host.name}: ")
