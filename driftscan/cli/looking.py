"""One host from connecting to what is said of it: the same work in a thread and in a process of its own."""

import logging
import traceback
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar
from urllib.parse import quote

from driftscan.errors import DriftscanError, ExitCode, StoreError, TransportError
from driftscan.model.text import shown

if TYPE_CHECKING:
    from driftscan.collect.collector import Wish
    from driftscan.model.host import Host
    from driftscan.model.snapshot import Snapshot
    from driftscan.store import SavedSnapshot, Store
    from driftscan.transport.base import Privilege, Transport

T = TypeVar("T")
_log = logging.getLogger(__name__)


class CrashError(DriftscanError):
    """A bug that came to light on one host; `trace` is where, `__cause__` what was raised, if that was here."""

    def __init__(self, error: BaseException) -> None:
        from driftscan.model.redaction import redact

        # A traceback quotes what a host has said.
        super().__init__(f"driftscan has a bug: {type(error).__name__}: {shown(redact(str(error)).text)[:200]}")
        self.trace = redact("".join(traceback.format_exception(error))).text
        self.__cause__ = error


class LostError(DriftscanError):
    """A host whose process was ended by somebody else, the kernel for want of memory perhaps."""


class OutOfTimeError(TransportError):
    """A host that was not done, or not begun, when the time of the whole run was over."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds that one host may take from its turn on, and all of them together; None: as long as they need."""

    host: float | None = None
    run: float | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """A host that was looked at, for whoever has something to say of it; its snapshot is being kept meanwhile."""

    host: "Host"
    snapshot: "Snapshot"
    store: "Store | None" = None
    saving: "Future[SavedSnapshot] | None" = None

    def saved(self) -> "SavedSnapshot | None":
        """Wait until the snapshot is kept; None where nothing is."""
        return self.saving.result() if self.saving else None


@dataclass(frozen=True, slots=True)
class Order(Generic[T]):
    """What is done with every host; without `open_store` nothing is kept.

    `record` is a directory for what hosts show. `say` makes, where the host was looked at, what is wanted of the
    look: in a process of its own, unless there are few hosts, so both must be such as can go there and back.
    """

    wish: "Wish"
    say: Callable[[Look], T]
    open_store: "Callable[[], Store] | None" = None
    record: Path | None = None


@dataclass(frozen=True, slots=True)
class Scanned(Generic[T]):
    """What became of one host: what there is to say of it, or the error instead of it.

    `started` is when its turn came, in UTC, None if it never did. `complete`: it was seen whole. `fault` is an error
    that is not the host's: it ends the run.
    """

    host: "Host"
    started: datetime | None = None
    said: T | None = None
    complete: bool = False
    error: DriftscanError | None = None
    fault: DriftscanError | None = None

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
        return ExitCode.OK if self.complete else ExitCode.INCOMPLETE


class Hands(Protocol):
    """Whoever looks at a host, as the work needs them."""

    def ask(self, question: str) -> str:
        """Ask a person for a secret."""

    def hold(self, transport: "Transport") -> "Transport":
        """Take note of the connection, and return it as it is to be used."""

    def step(self, scope: str, files: int) -> None:
        """Take note of what is in hand."""


def collected(host: "Host", order: Order[Any], hands: Hands, store: "Callable[[], Store | None]") -> "Snapshot":
    """Connect to a host and return what is seen of it; `store` gives, when it is there, what is known of it.

    Where the host does not make us root, that is what the login user may see.
    """
    from driftscan.transport.base import Privilege, RefusedError
    from driftscan.transport.connect import privilege

    rights = privilege(host, hands.ask)
    try:
        return _collected_by(rights, host, order, hands, store)
    except RefusedError as error:
        _log.warning("%s: %s; this is what the login user may see", shown(host.name), error)
        return _collected_by(Privilege(refused=str(error)), host, order, hands, store)


def _collected_by(
    rights: "Privilege", host: "Host", order: Order[Any], hands: Hands, store: "Callable[[], Store | None]"
) -> "Snapshot":
    from driftscan.collect.collector import collect
    from driftscan.collect.runner import Link
    from driftscan.transport.connect import connect

    transport = connect(host, hands.ask)
    try:
        record = order.record / quote(host.name, safe="@:") if order.record else None
        link = Link(hands.hold(transport), rights, record)
        return collect(host.name, link, order.wish, hands.step, lambda: _before(host.name, store()))
    finally:
        transport.close()


def _before(name: str, store: "Store | None") -> "Snapshot | None":
    """Return the last snapshot of a host; None of one that is new, and where nothing is kept."""
    try:
        return store.load(store.snapshots(name, 1)[0]) if store else None
    except (StoreError, IndexError):  # a database that is broken will show it when the new one is kept
        return None


def finished(
    done: Scanned[T], snapshot: "Snapshot", order: Order[T], store: "Store | None", keeper: Executor
) -> Scanned[T]:
    """Keep the snapshot, and say meanwhile what there is to say of it."""
    saving = keeper.submit(store.save, snapshot, done.host.role) if store else None
    done = replace(done, complete=snapshot.complete)
    try:
        done = replace(done, said=order.say(Look(done.host, snapshot, store, saving)))
    except Exception as error:  # noqa: BLE001 -- raised by whoever takes what became of the host
        done = replace(done, fault=expected(error))
    try:
        if saving is not None:
            saving.result()
    except Exception as error:  # noqa: BLE001 -- likewise
        return Scanned(done.host, done.started, error=expected(error))
    return done


def expected(error: Exception) -> DriftscanError:
    """Return an error as one that can be told: one of ours as it is, anything else is a bug."""
    return error if isinstance(error, DriftscanError) else CrashError(error)


def raised(error: DriftscanError) -> Exception:
    """Return what is to be raised for `error`: of a bug that itself, so that the traceback shows where it is."""
    if not isinstance(error, CrashError):
        return error
    return error.__cause__ if isinstance(error.__cause__, Exception) else _ElsewhereError(f"\n{error.trace}")


class _ElsewhereError(Exception):
    """A bug that came to light in another process; what it says is the traceback there."""
