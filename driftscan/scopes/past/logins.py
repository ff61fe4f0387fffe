"""Logins and starts as wtmp has them, and what sudo writes of itself into the log or the journal."""

import re
import struct
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone, tzinfo
from typing import NamedTuple

from driftscan.model.redaction import redact
from driftscan.model.text import text
from driftscan.scopes._common import iso_time
from driftscan.scopes.base import Probe
from driftscan.scopes.past.logs import dated, moment, rotated

_BYTES = 1_152_000  # of wtmp, the newest: 3,000 records of 384 bytes, 2,880 of 400
_COMMAND = 300  # characters

WTMP = Probe(
    "wtmp",
    rf"""
any=''
for f in /var/log/wtmp.1 /var/log/wtmp; do
  [ -f "$R$f" ] || continue
  [ -r "$R$f" ] || ds_denied "$f cannot be read by this account"
  any=yes; tail -c {_BYTES} "$R$f" || exit 1
done
[ "$any" ] || ds_absent "no wtmp"
""",
    limit=8 << 20,
)
# Of sudo's own lines those that tell a command.
_SUDO = r"s/^\(.*sudo\(\[[0-9]*\]\)\{0,1\}: .*COMMAND=.*\)$/\1/p"
AUTH = rotated("auth", "/var/log/auth.log", _SUDO)
SECURE = rotated("secure", "/var/log/secure", _SUDO)
JOURNAL = Probe(
    "journal",
    """journalctl -q --no-pager -o short-unix -n 2000 -t sudo 2>/dev/null || ds_denied 'the journal cannot be read'
for f in /var/log/journal/*/system.journal /run/log/journal/*/system.journal; do
  [ ! -e "$f" ] || [ -r "$f" ] || ds_denied "only the account's own part of the journal can be read"
done""",
    tools=("journalctl",),
    timeout=20,
    limit=4 << 20,
    live=True,
)
PROBES = (WTMP, AUTH, SECURE, JOURNAL)


class Session(NamedTuple):
    """A login or a start, or a command by sudo; `when` is UTC. Those of one day with the same rest are one item."""

    when: str
    kind: str
    who: str
    what: str
    detail: str
    source: str


_BOOT, _USER = 2, 7
_RECENT = range(631152000, 4102444800)  # 1990 to 2100


def wtmp(data: bytes) -> Iterator[Session]:
    """Yield logins and starts. A record is 384 bytes, or 400 where a time has 64 bits; its byte order is the host's."""
    width, order = max(
        ((width, order) for width in (384, 400) for order in "<>"),
        key=lambda form: sum(1 for _ in _records(data[:40_000], *form)),
    )
    for kind, user, line, origin, seconds in _records(data, width, order):
        when = iso_time(seconds)
        if when is None:
            continue
        if kind == _BOOT:
            yield Session(when, "boot", "", text(origin) or "start", "", "/var/log/wtmp")
        elif user:
            what = text(origin) or "console"
            yield Session(when, "login", text(user), f"from {what}", _place(text(line)), "/var/log/wtmp")


def _place(line: str) -> str:
    return re.sub(r"/?\d+$", "", line)


def _records(data: bytes, width: int, order: str) -> Iterator[tuple[int, bytes, bytes, bytes, int]]:
    at_time = 340 if width == 384 else 344
    form = struct.Struct(f"{order}{'i' if width == 384 else 'q'}")
    kinds = struct.Struct(f"{order}h")
    for at in range(0, len(data) - width + 1, width):
        (kind,) = kinds.unpack_from(data, at)
        (seconds,) = form.unpack_from(data, at + at_time)
        if kind in {_BOOT, _USER} and seconds in _RECENT:
            line, user, origin = (
                data[at + start : at + end].split(b"\0")[0] for start, end in ((8, 40), (44, 76), (76, 332))
            )
            yield kind, user, line, origin, seconds


_LINE = re.compile(
    rb"(?:(?P<unix>\d{9,11})\.\d+|(?P<iso>\d{4}-\d\d-\d\dT\S{8,24})|(?P<old>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d)) \S+ "
    rb"sudo(?:\[\d+\])?:\s+(?P<who>\S+) : (?P<rest>.*?)COMMAND=(?P<command>.*)"
)
# How an audit itself becomes root (see `transport.sudo`): by a number drawn by lot, said twice.
_AUDIT = re.compile(r"\S+/sh -c '?echo (?:([0-9a-f]{32}); echo \1 >&2; exec \S+|[0-9a-f]{32}; .* \| \{ .*; \})'?")


def sudo(data: bytes, source: str, zone: tzinfo, taken: datetime) -> Iterator[Session]:
    """Yield the commands that accounts ran by sudo, but for those that audits begin with."""
    latest = taken + timedelta(days=1)
    found = []
    for line in reversed(data.split(b"\n")):
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        when = _when(match, zone, latest)
        if when is None:
            continue
        if match["old"]:
            latest = datetime.strptime(when, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc) + timedelta(days=1)
        who, rest, command = text(match["who"]), text(match["rest"]), text(match["command"])
        refused = "" if rest.startswith(("TTY=", "PWD=", "HOST=")) else rest.partition(" ; ")[0]
        if _AUDIT.fullmatch(command):
            continue
        target = re.search(r"USER=([^ ;]+)", rest)
        detail = f"as {target[1]}" if target else ""
        told = redact(re.sub(r"BECOME-SUCCESS-[a-z]{16,}", "BECOME-SUCCESS", command)).text[:_COMMAND]
        found.append(
            Session(when, "sudo", who, told, f"{detail} refused: {refused}".strip() if refused else detail, source)
        )
    yield from reversed(found)


def _when(match: re.Match[bytes], zone: tzinfo, latest: datetime) -> str | None:
    if match["unix"]:
        return iso_time(int(match["unix"]))
    if match["iso"]:
        return moment(re.sub(r"\.\d+", "", text(match["iso"])), zone)
    time = dated(text(match["old"]), latest, zone)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ") if time else None
