"""The scope `history`: what was installed, who logged in, what was run by sudo, when the host was started.

Of packages every event is an item. Logins and calls of sudo are one item a day, account, place and command, so that
neither the log's growth nor the auditor's own coming makes new items again and again.
"""

import io
import struct
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone, tzinfo
from zoneinfo import ZoneInfo

from driftscan.model.item import Column, Item, Json
from driftscan.model.outcome import Outcome
from driftscan.scopes._common import numbered
from driftscan.scopes.base import ItemScope, Parsed, Results
from driftscan.scopes.past import logins, logs
from driftscan.scopes.past.logins import AUTH, JOURNAL, SECURE, WTMP, Session
from driftscan.scopes.past.logs import LIMIT, PARSERS, YUM, ZONE, Event

COLUMNS = (
    Column("when", "text", "When it happened, UTC; of what happened several times on a day, the first time"),
    Column("kind", "text", "install, upgrade, remove, purge, command (of a package manager), login, sudo, boot"),
    Column("who", "text", "Account, where it is known"),
    Column("what", "text", "Package, command (secrets replaced), or where a login came from"),
    Column("detail", "text", "Versions, counts of packages, terminal, target of sudo"),
    Column("source", "text", "Log that tells it, without the numbers of older ones"),
    Column("times", "integer", "How often on that day", volatile=True),
    Column("last", "text", "The last time on that day, UTC", volatile=True),
)
_SESSIONS = 3000  # items of logins, starts and sudo that are kept, the newest


def parse(results: Results) -> Parsed:
    """Turn logs into items."""
    zone, taken = _zone(results), datetime.now(timezone.utc)
    events = list[Event]()
    for name, parser in PARSERS.items():
        events += parser(_stdout(results, name), zone)
    events += logs.yum(_stdout(results, YUM.name), zone, taken)
    sessions = list(logins.wtmp(_stdout(results, WTMP.name)))
    for probe, source in ((AUTH, "/var/log/auth.log"), (SECURE, "/var/log/secure"), (JOURNAL, "journal")):
        sessions += logins.sudo(_stdout(results, probe.name), source, zone, taken)
    items = [*_of_packages(events), *_by_day(sessions)]
    notes = [
        f"{name}: only the newest {LIMIT} lines" for name in PARSERS if _stdout(results, name).count(b"\n") >= LIMIT
    ]
    return Parsed(items, notes=notes)


def _stdout(results: Results, name: str) -> bytes:
    return results[name].stdout if name in results else b""


def _zone(results: Results) -> tzinfo:
    """Return the host's time zone, in which logs are written; UTC where it has none."""
    shown = results.get(ZONE.name)
    for file in shown.files if shown is not None else ():
        if file.outcome is Outcome.OK and file.data:
            try:
                return ZoneInfo.from_file(_Told(file.data))
            except (ValueError, LookupError, ArithmeticError, AssertionError, EOFError, struct.error):
                break
    return timezone.utc


class _Told(io.BytesIO):
    """A file whose end is an error: Python's reader of time zones looks for the last newline for ever."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes; EOFError where some were asked for and none is left."""
        data = super().read(size)
        if size and not data:
            raise EOFError
        return data


def _of_packages(events: Iterable[Event]) -> Iterator[Item]:
    known = list(dict.fromkeys(events))
    keys = numbered(f"{event.kind} {event.at} {event.what}" for event in known)
    for key, event in zip(keys, known, strict=True):
        yield Item("history", key, _attributes(event.when, event), {})


def _by_day(sessions: Iterable[Session]) -> Iterator[Item]:
    """Gather what is the same but for its time of day; a start of the host is an item of its own."""
    days: dict[tuple[str, ...], list[Session]] = {}
    for one in sessions:
        day = one.when if one.kind == "boot" else one.when[:10]
        days.setdefault((one.kind, day, one.who, one.what, one.detail), []).append(one)
    newest = sorted(days, key=lambda key: (key[1], key))[-_SESSIONS:]
    for key, name in zip(newest, numbered(" ".join(filter(None, key[:4])) for key in newest), strict=True):
        times = sorted(days[key])
        by_source = {
            source: [one.when for one in times if one.source == source] for source in {one.source for one in times}
        }
        most = max(len(told) for told in by_source.values())
        yield Item("history", name, _attributes(times[0].when, times[0]), {"times": most, "last": times[-1].when})


def _attributes(when: str | None, told: Event | Session) -> dict[str, Json]:
    return {
        "when": when,
        "kind": told.kind,
        "who": told.who,
        "what": told.what,
        "detail": told.detail,
        "source": told.source,
    }


SCOPE = ItemScope(
    name="history",
    doc="What was installed and removed, who logged in, what was run by sudo, when the host was started",
    columns=COLUMNS,
    probes=(*logs.PROBES, *logins.PROBES),
    parse=parse,
)
