"""What package managers write down of their doings: dpkg, apt, yum, dnf, zypper, pacman."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone, tzinfo
from typing import NamedTuple

from driftscan.model.redaction import redact
from driftscan.model.text import text
from driftscan.scopes.base import Probe

LIMIT = 20_000  # lines of one log, the newest
_COMMAND = 500  # characters


class Event(NamedTuple):
    """One thing that happened; `when` is local or UTC ISO 8601 as `moment` made it, `at` what the log says of it."""

    when: str | None
    at: str
    kind: str
    who: str
    what: str
    detail: str
    source: str


# rotated FILE EXPRESSION…: the lines of a log and of its older ones that match, oldest file first. Nothing is sorted,
# for sort may write to /tmp.
_ROTATED = r"""
plain() { case $1 in *.gz) gzip -dc "$1" ;; *.xz) xz -dc "$1" ;; *.bz2) bzip2 -dc "$1" ;; *.zst) zstd -dc "$1" ;; *) cat "$1" ;; esac 2>/dev/null; }
rotated() {
  log=$R$1 any=''; shift
  for i in 60 59 58 57 56 55 54 53 52 51 50 49 48 47 46 45 44 43 42 41 40 39 38 37 36 35 34 33 32 31 30 \
    29 28 27 26 25 24 23 22 21 20 19 18 17 16 15 14 13 12 11 10 9 8 7 6 5 4 3 2 1; do
    for f in "$log.$i" "$log.$i.gz" "$log.$i.xz" "$log.$i.zst"; do [ ! -f "$f" ] || set -- "$@" "$f"; done
  done
  for f in "$log"-[0-9]*; do [ ! -f "$f" ] || set -- "$@" "$f"; done
  [ ! -f "$log" ] || set -- "$@" "$log"
  [ $# -gt 1 ] || ds_absent "no ${log##*/}"
  e=$1; shift
  for f; do if [ -r "$f" ]; then any=yes; fi; done
  [ "$any" ] || ds_denied "${log#"$R"} cannot be read by this account"
  for f; do plain "$f"; done | sed -n "$e" | tail -n LIMIT
}
""".replace("LIMIT", str(LIMIT))


def rotated(name: str, log: str, expression: str) -> Probe:
    """Return the probe that shows the lines of `log`, and of its older ones, that the sed `expression` prints."""
    return Probe(name, f"{_ROTATED}rotated {log} '{expression}'", timeout=60, limit=16 << 20)


DPKG = rotated("dpkg", "/var/log/dpkg.log", r"/^[0-9: -]\{19\} \(install\|upgrade\|remove\|purge\) /p")
APT = rotated(
    "apt",
    "/var/log/apt/history.log",
    r"/^\(Start-Date\|Commandline\|Requested-By\|Install\|Upgrade\|Remove\|Purge\):/p",
)
YUM = rotated("yum", "/var/log/yum.log", r"/ \(Installed\|Updated\|Erased\): /p")
DNF = rotated("dnf", "/var/log/dnf.rpm.log", r"/ \(Installed\|Upgrade\|Erase\|Removed\): /p")
ZYPPER = rotated("zypper", "/var/log/zypp/history", r"/|\(install\|remove *\)|/p")
PACMAN = rotated(
    "pacman", "/var/log/pacman.log", r"/\] \[\(ALPM\] \(installed\|upgraded\|removed\)\|PACMAN\] Running\) /p"
)
ZONE = Probe("zone", "ds_file /etc/localtime")

_Parser = Callable[[bytes, tzinfo], Iterator[Event]]


def moment(said: str, zone: tzinfo) -> str | None:
    """Return an ISO 8601 time, local where it does not say otherwise, in UTC and to the second; None if it is none."""
    try:
        found = datetime.fromisoformat(re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", said.replace("Z", "+0000")))
        found = found if found.tzinfo else found.replace(tzinfo=zone)
        return found.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError):
        return None


_DPKG = re.compile(rb"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (install|upgrade|remove|purge) (\S+) (\S+) (\S+)")
_RPM = re.compile(rb"(\S{19,32}) \w+ (Installed|Upgrade|Upgraded|Erase|Erased|Removed): (\S+)")
_YUM = re.compile(rb"([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) (Installed|Updated|Erased): (\S+)")
_ZYPPER = re.compile(rb"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\|(install|remove *)\|([^|]*)\|([^|]*)\|[^|]*\|([^|]*)")
_PACMAN = re.compile(rb"\[([\d: T+-]{16,25})\] \[(ALPM|PACMAN)\] (installed|upgraded|removed|Running) (.*)")
_KINDS = {
    "installed": "install", "updated": "upgrade", "upgraded": "upgrade", "upgrade": "upgrade", "erased": "remove",
    "erase": "remove", "removed": "remove", "remove": "remove", "install": "install", "running": "command",
}  # fmt: skip


def dpkg(data: bytes, zone: tzinfo) -> Iterator[Event]:
    """Yield what dpkg installed, upgraded and removed."""
    for line in data.split(b"\n"):
        match = _DPKG.fullmatch(line)
        if match:
            at, kind, package, old, new = map(text, match.groups())
            detail = new if kind == "install" else f"{old} to {new}" if kind == "upgrade" else old
            name = package.removesuffix(":all")
            yield Event(moment(at, zone), at, kind, "", name, detail.replace("<none>", ""), "/var/log/dpkg.log")


def apt(data: bytes, zone: tzinfo) -> Iterator[Event]:
    """Yield the command lines of apt, with who asked for them and how many packages each touched."""
    for stanza in data.split(b"Start-Date:")[1:]:
        first, *lines = stanza.split(b"\n")
        said = {
            text(key): text(value).strip() for key, colon, value in (line.partition(b": ") for line in lines) if colon
        }
        at = " ".join(text(first).split())
        if "Commandline" in said:
            counts = [
                f"{len(re.findall(r':[a-z0-9-]+ [(]', said[key]))} {key.lower()}"
                for key in ("Install", "Upgrade", "Remove", "Purge")
                if key in said
            ]
            who = said.get("Requested-By", "").split(" (")[0]
            yield _command(at, zone, said["Commandline"], who, ", ".join(counts), "/var/log/apt/history.log")


def dnf(data: bytes, zone: tzinfo) -> Iterator[Event]:
    """Yield what dnf had rpm do."""
    for line in data.split(b"\n"):
        match = _RPM.match(line)
        if match:
            at, said, package = map(text, match.groups())
            yield Event(moment(at, zone), at, _KINDS[said.lower()], "", package, "", "/var/log/dnf.rpm.log")


def yum(data: bytes, zone: tzinfo, taken: datetime) -> Iterator[Event]:
    """Yield what yum did; its log knows no years: they are counted back from when the log was read."""
    matches = [match for line in data.split(b"\n") if (match := _YUM.match(line))]
    found, latest = list[Event](), taken + timedelta(days=1)
    for match in reversed(matches):
        at, said, package = map(text, match.groups())
        time = dated(at, latest, zone)
        if time is not None:
            latest = time + timedelta(days=1)
            when = time.strftime("%Y-%m-%dT%H:%M:%SZ")
            found.append(Event(when, when, _KINDS[said.lower()], "", package, "", "/var/log/yum.log"))
    yield from reversed(found)


def zypper(data: bytes, zone: tzinfo) -> Iterator[Event]:
    """Yield what zypper did, and for whom."""
    for line in data.split(b"\n"):
        match = _ZYPPER.match(line)
        if match:
            at, kind, package, version, who = (text(part).strip() for part in match.groups())
            who = who.partition("@")[0]
            yield Event(moment(at, zone), at, kind, who, package, version, "/var/log/zypp/history")


def pacman(data: bytes, zone: tzinfo) -> Iterator[Event]:
    """Yield what pacman did, and its command lines."""
    for line in data.split(b"\n"):
        match = _PACMAN.match(line)
        if not match:
            continue
        at, _, said, rest = map(text, match.groups())
        kind = _KINDS[said.lower()]
        if kind == "command":
            yield _command(at, zone, rest.strip("'"), "", "", "/var/log/pacman.log")
        else:
            name, _, version = rest.partition(" (")
            detail = version.rstrip(")").replace(" -> ", " to ")
            yield Event(moment(at, zone), at, kind, "", name, detail, "/var/log/pacman.log")


def dated(said: str, latest: datetime, zone: tzinfo) -> datetime | None:
    """Return `Jan 31 10:20:30` as the last such time, UTC, that is not after `latest`."""
    for year in range(latest.year + 1, latest.year - 5, -1):
        try:
            local = datetime.strptime(f"{year} {said}", "%Y %b %d %H:%M:%S").replace(tzinfo=zone)
        except ValueError:
            continue
        if (found := local.astimezone(timezone.utc)) <= latest:
            return found
    return None


def _command(at: str, zone: tzinfo, line: str, who: str, detail: str, source: str) -> Event:
    return Event(moment(at, zone), at, "command", who, redact(line).text[:_COMMAND], detail, source)


PROBES = (DPKG, APT, YUM, DNF, ZYPPER, PACMAN, ZONE)
PARSERS: dict[str, _Parser] = {
    DPKG.name: dpkg, APT.name: apt, DNF.name: dnf, ZYPPER.name: zypper, PACMAN.name: pacman,
}  # fmt: skip
