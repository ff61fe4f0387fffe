"""Last logins, from the sparse binary file lastlog or the database lastlog2."""

import re
from collections.abc import Iterable

from driftscan.model.text import text
from driftscan.scopes._common import iso_time, number, whole_lines
from driftscan.scopes._shell import SQLITE
from driftscan.scopes.base import Probe, Results

_UIDS = 1 << 16  # records that are looked at: the file has a hole for every uid below the highest one
_BYTES = _UIDS * 296

# Its size, then its bytes in hexadecimal with repeated lines left out: od shows a hole of megabytes as one line.
_LASTLOG = Probe(
    "accounts-lastlog",
    r"""
ds_real /var/log/lastlog
if [ ! -e "$ds_p" ]; then ds_gone "$ds_p" && ds_absent "no lastlog"; ds_denied /var/log/lastlog; fi
stat -L -c %s "$ds_p" || exit 1
od -A d -t x1 -N """
    f'{_BYTES} "$ds_p"',
)
_QUERY = "SELECT Time, Name FROM Lastlog2"
_LASTLOG2 = Probe(
    "accounts-lastlog2",
    SQLITE
    + r"""
ds_real /var/lib/lastlog/lastlog2.db
if [ ! -e "$ds_p" ]; then ds_gone "$ds_p" && ds_absent "no lastlog2"; ds_denied /var/lib/lastlog; fi
"""
    + f'sqlite "$ds_p" {_QUERY!r}',
)
PROBES = (_LASTLOG, _LASTLOG2)

_RECENT = range(631152000, 4102444800)  # 1990 to 2100: what is outside is not a time, or of the other byte order


def read(results: Results, users: Iterable[tuple[str, int]]) -> dict[str, str]:
    """Return name -> time of the last login in UTC, for those of `users` (name, uid) who have logged in."""
    old = results.get(_LASTLOG.name)
    new = results.get(_LASTLOG2.name)
    by_uid = _lastlog(old.stdout if old else b"")
    by_name = _lastlog2(new.stdout if new else b"")
    found = {}
    for name, uid in users:
        last = iso_time(max(by_uid.get(uid, 0), by_name.get(name, 0)))
        if last:
            found[name] = last
    return found


def _lastlog(dump: bytes) -> dict[int, int]:
    """Return uid -> seconds since 1970. A record is 292 bytes with a time of 32 bits, or 296 with one of 64."""
    size, _, dump = dump.partition(b"\n")
    total = number(size) or 0
    length, width = (296, 8) if total % 292 and not total % 296 else (292, 4)
    data = _undumped(dump)
    found = {}
    for uid in range(len(data) // length):
        field = data[uid * length : uid * length + width]
        if any(field):
            times = (int.from_bytes(field, "little"), int.from_bytes(field, "big"))
            found[uid] = next((time for time in times if time in _RECENT), 0)
    return found


def _undumped(dump: bytes) -> bytes:
    """Return the bytes that od showed, up to the last line that came whole."""
    data = bytearray()
    row, repeated = b"", False
    for line in whole_lines(dump):
        if line == b"*":
            repeated = True
            continue
        match = re.fullmatch(rb"(\d{7,9})((?: [0-9a-f]{2}){0,16})", line)
        if not match or int(match[1]) > _BYTES:
            break
        missing = int(match[1]) - len(data)
        if repeated and row:
            data += (row * (missing // len(row) + 1))[:missing]
        elif missing:
            break
        row, repeated = bytes.fromhex(match[2].decode()), False
        data += row
    return bytes(data)


def _lastlog2(rows: bytes) -> dict[str, int]:
    found = {}
    for line in whole_lines(rows):
        time, tab, name = line.partition(b"\t")
        seconds = number(time)
        if tab and seconds is not None:
            found[text(name)] = seconds
    return found
