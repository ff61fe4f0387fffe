"""The tables of cron, anacron and at: which lines they hold, and which of them are never acted upon."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from driftscan.model.outcome import HostFile, Outcome, ProbeResult
from driftscan.model.text import shown, text
from driftscan.scopes.base import Probe

USER_TABLES = ("/var/spool/cron/crontabs", "/var/spool/cron/tabs", "/var/spool/cron", "/etc/crontabs", "/var/cron/tabs")
AT_FOLDERS = ("/var/spool/cron/atjobs", "/var/spool/at")
TABLES = Probe(
    name="tables",
    script=f"""[ -e "$R/etc/debian_version" ] && echo debian
ds_file /etc/crontab /etc/anacrontab
ds_dir /etc/cron.d {" ".join(USER_TABLES)} {" ".join(AT_FOLDERS)}""",
)
# x or - (may it be executed), path; d, path of a directory that cannot be listed
SCRIPTS = Probe(
    name="scripts",
    script="""for d in "$R"/etc/cron.hourly "$R"/etc/cron.daily "$R"/etc/cron.weekly "$R"/etc/cron.monthly "$R"/etc/cron.yearly "$R"/etc/periodic/*; do
  [ -d "$d" ] || continue
  if [ ! -r "$d" ] || [ ! -x "$d" ]; then printf 'd\\0%s\\0' "${d#"$R"}"; continue; fi
  for f in "$d"/*; do
    [ -f "$f" ] || [ -L "$f" ] || continue
    ds_real "${f#"$R"}"; x=-; [ -x "$ds_p" ] && x=x
    printf '%s\\0%s\\0' "$x" "${f#"$R"}"
  done
done
:""",
)
PROBES = (TABLES, SCRIPTS)

_NUMBERS = re.compile(r"[-\d*/,~HLW?#()]+")
_NAMES = re.compile(r"[-\d*/,~HLW?#()A-Za-z]+")
_MONTHS = {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
_DAYS = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
_VARIABLE = re.compile(r"""\s*(?P<quote>["']?)(?P<name>[A-Za-z_]\w*)(?P=quote)\s*=\s*(?P<value>.*?)\s*""", re.DOTALL)
_NICKNAME = re.compile(r"\s*(?P<when>@[a-z_]+)\s+(?P<rest>\S.*)", re.DOTALL)
_ENTRY = re.compile(r"\s*(?P<when>-?\S+\s+\S+\s+\S+\s+\S+\s+\S+)\s+(?P<rest>\S.*)", re.DOTALL)
_NICKNAMES = {"@reboot", "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}
_ANACRON = re.compile(r"\s*(?P<period>\d+|@\w+)\s+(?P<delay>\d+)\s+(?P<name>\S+)\s+(?P<command>\S.*?)\s*", re.DOTALL)
_AT_NAME = re.compile(r"(?P<queue>[A-Za-z=])(?P<job>[0-9a-f]{5})(?P<minutes>[0-9a-f]{8})")
_RUN_PARTS = re.compile(r"[A-Za-z0-9_-]+")
_LEFT_OVER = re.compile(r"(?:\.|#).*|.*(?:~|\.swp|\.rpmsave|\.rpmorig|\.rpmnew|\.cfsaved|,v)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that is run at its time.

    `command` is what cron hands to the shell, `input` what it gives it on stdin (after the first unescaped %).
    `ignored` says why it is never run, "" if it is.
    """

    kind: str
    file: str
    when: str
    user: str | None
    command: str
    input: str = ""
    environment: tuple[str, ...] = ()
    ignored: str = ""
    line: int | None = None
    name: str = ""


def entries(results: Mapping[str, ProbeResult]) -> tuple[list[Entry], dict[str, str], dict[str, str]]:
    """Return what `PROBES` brought, what of it was not understood and what was denied, by probe."""
    found: list[Entry] = []
    strange: list[str] = []
    refused: list[str] = []
    debian = TABLES.name in results and results[TABLES.name].stdout.strip() == b"debian"
    for file in results[TABLES.name].files if TABLES.name in results else ():
        if file.outcome is Outcome.OK:
            found += _file(file, strange, debian=debian)
        elif file.outcome is Outcome.DENIED:
            refused.append(shown(text(file.path)))
    if SCRIPTS.name in results:
        found += _scripts(results[SCRIPTS.name], refused, debian=debian)
    unparsed = {TABLES.name: f"{len(strange)} lines not understood, the first: {strange[0]}"} if strange else {}
    denied = {TABLES.name: f"{', '.join(refused)} cannot be read by this account"} if refused else {}
    return found, unparsed, denied


def _file(file: HostFile, strange: list[str], *, debian: bool) -> list[Entry]:
    path = text(file.path)
    folder, _, name = path.rpartition("/")
    if folder in AT_FOLDERS:
        return _at_job(file, strange)
    if path == "/etc/anacrontab":
        return _anacrontab(file, strange)
    system = path == "/etc/crontab" or folder == "/etc/cron.d"
    found = list(crontab(file, strange, user=None if system else name))
    ignored = _ignored_name(name, debian=debian) if folder == "/etc/cron.d" else ""
    if not system and name.startswith("."):
        ignored = "cron passes over names that begin with a dot"
    if file.data and not file.data.endswith(b"\n") and not ignored:
        last = file.data.count(b"\n") + 1
        reason = "its last line does not end in a newline, for which cron passes over "
        found = [
            replace(entry, ignored=reason + ("the file" if debian else "it")) if debian or entry.line == last else entry
            for entry in found
        ]
    return [replace(entry, ignored=ignored) for entry in found] if ignored else found


def crontab(file: HostFile, strange: list[str], *, user: str | None) -> Iterator[Entry]:
    """Give the entries of one crontab; one that names a `user` has no field for it in its lines."""
    environment: list[str] = []
    path = text(file.path)
    for number_of_line, line in enumerate(text(file.data).split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if variable := _VARIABLE.fullmatch(line):
            environment.append(f"{variable['name']}={variable['value']}")
            continue
        entry = _entry(line, path, user)
        if entry is None:
            # Nothing of the line itself is said: it may hold a secret.
            strange.append(f"line {number_of_line} of {shown(path)}")
        else:
            yield replace(entry, line=number_of_line, environment=tuple(environment))


def _entry(line: str, path: str, user: str | None) -> Entry | None:
    match = _NICKNAME.fullmatch(line) or _ENTRY.fullmatch(line)
    if match is None or not is_time(match["when"]):
        return None
    rest = match["rest"]
    if user is None:
        user, rest = (*rest.split(None, 1), "")[:2]
    if not rest:
        return None
    command, given = split_percent(rest)
    return Entry("cron", path, " ".join(match["when"].split()), user, command, given)


def is_time(when: str) -> bool:
    """Return whether `when` is the time of a cron entry: a nickname or five fields."""
    if when.startswith("@"):
        return when in _NICKNAMES or when.startswith("@every")
    fields = when.removeprefix("-").split()
    if len(fields) != 5 or not all(_NUMBERS.fullmatch(field) for field in fields[:3]):
        return False
    return _names(fields[3], _MONTHS) and _names(fields[4], _DAYS)


def _names(field: str, allowed: set[str]) -> bool:
    if not _NAMES.fullmatch(field):
        return False
    words = re.findall(r"[A-Za-z]{2,}", field)
    return all(word.lower()[:3] in allowed for word in words)


def split_percent(command: str) -> tuple[str, str]:
    r"""Return what cron hands to the shell and what it gives it on stdin: % is a newline, `\%` a percent sign."""
    parts = re.split(r"(?<!\\)%", command)
    before, *after = (part.replace("\\%", "%") for part in parts)
    return before, "\n".join(after)


def _ignored_name(name: str, *, debian: bool) -> str:
    if debian and not _RUN_PARTS.fullmatch(name):
        return "its name has a character other than letters, digits, - and _"
    return "its name is that of a left-over file" if _LEFT_OVER.fullmatch(name) else ""


def _scripts(result: ProbeResult, refused: list[str], *, debian: bool) -> Iterator[Entry]:
    fields = result.stdout.split(b"\0")[:-1]
    for mark, field in zip(fields[0::2], fields[1::2], strict=False):
        path = text(field) or "?"  # of a host that lies
        folder, _, name = path.rpartition("/")
        if mark == b"d":
            refused.append(shown(path))
            continue
        ignored = "it is not executable" if mark != b"x" else _ignored_name(name, debian=debian)
        when = folder.rpartition("/")[2].removeprefix("cron.")
        yield Entry("script", path, when, "root", path, ignored=ignored)


def _anacrontab(file: HostFile, strange: list[str]) -> list[Entry]:
    found: list[Entry] = []
    environment: list[str] = []
    for number_of_line, line in enumerate(text(file.data).replace("\\\n", " ").split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if match := _ANACRON.fullmatch(line):
            when = f"{match['period']} days" if match["period"].isdigit() else match["period"]
            found.append(
                Entry(
                    "anacron",
                    text(file.path),
                    f"{when}, {match['delay']} minutes after start",
                    "root",
                    match["command"],
                    environment=tuple(environment),
                    line=number_of_line,
                    name=match["name"],
                )
            )
        elif variable := _VARIABLE.fullmatch(line):
            environment.append(f"{variable['name']}={variable['value']}")
        else:
            strange.append(f"line {number_of_line} of {shown(text(file.path))}")
    return found


def _at_job(file: HostFile, strange: list[str]) -> list[Entry]:
    """Read one job of at: a shell script that sets up a whole environment, of which nothing is kept, and a command."""
    path = text(file.path)
    name = path.rpartition("/")[2]
    match = _AT_NAME.fullmatch(name)
    if match is None:
        if not name.startswith("."):
            strange.append(f"the name of {shown(path)}")
        return []
    body = text(file.data)
    mail = re.search(r"^# mail (\S+) ", body, re.MULTILINE)
    uid = re.search(r"^# atrun uid=(\d+)", body, re.MULTILINE)
    owner = mail or uid
    moment = datetime.fromtimestamp(int(match["minutes"], 16) * 60, tz=timezone.utc)
    when = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return [Entry("at", path, when, owner[1] if owner else None, _at_command(body), name=str(int(match["job"], 16)))]


def _at_command(body: str) -> str:
    """Return what at's script does after its preamble: `cd … || { … }`, on some systems a shell fed by a here-document."""
    preamble = re.search(r"^cd .*\|\| \{\n(?:.*\n)*?\}\n", body, re.MULTILINE)
    rest = (
        body[preamble.end() :] if preamble else "\n".join(line for line in body.split("\n") if "; export " not in line)
    )
    here = re.fullmatch(r"\$\{SHELL:-/bin/sh\} << '(\w+)'\n(.*?)\n\1\s*", rest, re.DOTALL)
    return (here[2] if here else rest).strip("\n")
