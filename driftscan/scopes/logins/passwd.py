"""Users and groups from the account files, which the probes reduce on the host: no password hash leaves it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from driftscan.model.text import text
from driftscan.scopes._common import number, whole_lines
from driftscan.scopes.base import Probe, Results

# state(FIELD) says what a password field is: empty, locked (! before it), shadow (x: it is kept elsewhere), set with
# the hash's scheme, or none (nothing can match it). A line is shown only if it has its FIELDS, those from the third to
# NUMBERS are numbers, and nothing looks like a hash where none belongs: of another one only the line's number is, for
# a hash may have slipped into any field of it. "+" stands for a line that includes a directory service.
_REDUCE = r"""
reduce() { # FILE FIELDS NUMBERS SHOWN
  ds_real "$1"
  if [ ! -e "$ds_p" ]; then ds_gone "$ds_p" && ds_absent "no $1"; ds_denied "$1"; fi
  awk -F: -v fields="$2" -v numbers="$3" -v shown="$4" '
    function state(field,  part) {
      if (field == "") return "empty"
      if (field ~ /^!/) return "locked"
      if (field == "x") return "shadow"
      if (field ~ /^[$][0-9a-zA-Z-]+[$]/) { split(field, part, /[$]/); return "set " part[2] }
      if (field ~ /^_/ && length(field) == 20) return "set bsdi"
      if (field ~ /^[.\/0-9A-Za-z]+$/ && length(field) == 13) return "set des"
      return "none"
    }
    /^[ \t]*(#|$)/ { next }
    /^[+-]/ { print "+"; next }
    {
      bad = NF != fields || $1 !~ /^[^$]+[$]?$/
      for (i = 3; i <= numbers; i++) if ($i !~ /^-?[0-9]*$/) bad = 1
      line = $1 ":" state($2)
      for (i = 3; i <= shown; i++) { if ($i ~ /[$][0-9a-zA-Z-]+[$]/) bad = 1; line = line ":" $i }
      print bad ? "?" FNR : line
    }' "$ds_p"
}
"""


def _probe(name: str, file: str, fields: int, numbers: int, shown: int) -> Probe:
    return Probe(f"accounts-{name}", f"{_REDUCE}reduce {file} {fields} {numbers} {shown}")


PASSWD = _probe("passwd", "/etc/passwd", fields=7, numbers=4, shown=7)
SHADOW = _probe("shadow", "/etc/shadow", fields=9, numbers=9, shown=8)
GROUP = _probe("group", "/etc/group", fields=4, numbers=3, shown=4)
GSHADOW = _probe("gshadow", "/etc/gshadow", fields=4, numbers=2, shown=2)
PROBES = (PASSWD, SHADOW, GROUP, GSHADOW)


@dataclass(frozen=True, slots=True)
class Password:
    """What became of a password field; None is unknown, for the shadow file could not be read."""

    state: str | None = None
    scheme: str = ""
    changed: str | None = None
    expires: str | None = None
    must_change: bool | None = None


@dataclass(frozen=True, slots=True)
class User:
    """One line of passwd with what shadow and group say of it."""

    name: str
    uid: int
    gid: int
    gecos: str
    home: str
    shell: str
    password: Password
    groups: list[str]


@dataclass(frozen=True, slots=True)
class Group:
    """One line of group."""

    name: str
    gid: int
    members: list[str]
    password: Password


@dataclass(slots=True)
class Accounts:
    """What the account files say; `strange` maps a probe to the lines of its file that were not understood."""

    users: list[User] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    strange: dict[str, list[bytes]] = field(default_factory=dict)
    included: bool = False  # a directory service stands in the files themselves, as a line with +


def read(results: Results) -> Accounts:
    """Return the users and groups of the account files."""
    found = Accounts()
    shadow = {fields[0]: _aged(fields) for fields in _lines(results, SHADOW, 8, found)}
    gshadow = {fields[0]: _plain(fields[1]) for fields in _lines(results, GSHADOW, 2, found)}
    no_shadow, no_gshadow = (_missing(results, probe, found) for probe in (SHADOW, GSHADOW))
    supplementary: dict[str, list[str]] = {}
    names: dict[int, str] = {}
    for name, state, gid, members in _lines(results, GROUP, 4, found):
        listed = sorted({member.strip() for member in members.split(",") if member.strip()})
        password = gshadow.get(name, no_gshadow) if state == "shadow" else _plain(state)
        found.groups.append(Group(name, int(gid), listed, password))
        names.setdefault(int(gid), name)
        for member in listed:
            supplementary.setdefault(member, []).append(name)
    for name, state, uid, gid, gecos, home, shell in _lines(results, PASSWD, 7, found):
        password = shadow.get(name, no_shadow) if state == "shadow" else _plain(state)
        primary = names.get(int(gid), str(int(gid)))
        others = sorted(set(supplementary.get(name, ())) - {primary})
        found.users.append(User(name, int(uid), int(gid), gecos, home, shell, password, [primary, *others]))
    return found


def _lines(results: Results, probe: Probe, count: int, found: Accounts) -> Iterator[list[str]]:
    """Yield the fields of each line that was shown whole."""
    result = results.get(probe.name)
    for line in whole_lines(result.stdout if result else b""):
        fields = line.split(b":")
        if line == b"+":
            found.included = True
        elif len(fields) != count or not fields[0] or (probe in {PASSWD, GROUP} and not _numeric(fields, probe)):
            found.strange.setdefault(probe.name, []).append(line)
        else:
            yield [text(one) for one in fields]


def _numeric(fields: list[bytes], probe: Probe) -> bool:
    ids = fields[2:4] if probe is PASSWD else fields[2:3]
    return all(number(one) is not None for one in ids)


def _plain(state: str) -> Password:
    """Read `set SCHEME`, or another state without a scheme."""
    word, _, scheme = state.partition(" ")
    return Password(word, scheme)


def _missing(results: Results, probe: Probe, found: Accounts) -> Password:
    """Return the password of who has no line in a shadow file: none can match; unknown unless all of it was seen."""
    result = results.get(probe.name)
    whole = result is not None and result.outcome.seen and probe.name not in found.strange
    return Password("none") if whole else Password()


def _aged(fields: list[str]) -> Password:
    """Read a line of shadow: name, state, last change, minimum, maximum, warning, inactivity, expiry; all in days."""
    password = _plain(fields[1])
    changed = fields[2]
    return Password(
        state=password.state if password.state != "shadow" else "none",
        scheme=password.scheme,
        changed=_day(changed) if changed != "0" else None,
        expires=_day(fields[7]),
        must_change=changed == "0",
    )


def _day(days: str) -> str | None:
    """Return a day as `2024-01-31`, from days since 1970."""
    count = number(days.encode())
    return (date(1970, 1, 1) + timedelta(days=count)).isoformat() if count is not None and count < 1 << 20 else None
