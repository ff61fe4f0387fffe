"""How hosts start services without systemd: init scripts and their runlevels, inittab, rc.local, upstart, OpenRC."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from driftscan.model.outcome import HostFile, Outcome, ProbeResult
from driftscan.model.text import text
from driftscan.scopes.base import Probe

# The heads of init scripts only: what they say of themselves stands there. Same form as `_unit_files.CONTENTS`.
SCRIPTS = Probe(
    name="init_scripts",
    accepts=frozenset({0, 1, 2, 123}),
    script="""for d in /etc/init.d /etc/rc.d/init.d; do
  ds_real "$d"; [ -d "$ds_p" ] && cd "$ds_p" || continue
  case $d in /etc/rc.d/*) [ -L "$R/etc/init.d" ] && continue ;; esac
  for f in *; do
    [ -f "$f" ] || [ -L "$f" ] || continue
    x=-; [ -x "$f" ] && x=x
    printf '%s\\0%s\\0' "$x" "$d/$f"
  done
done
:""",
)
HEADS = Probe(
    name="init_heads",
    accepts=frozenset({0, 1, 2, 123}),
    script="""for d in /etc/init.d /etc/rc.d/init.d; do
  ds_real "$d"; [ -d "$ds_p" ] && cd "$ds_p" || continue
  set --; for f in *; do [ -f "$f" ] && [ ! -L "$f" ] && set -- "$@" "./$f"; done
  [ $# -eq 0 ] || grep -sHaE '^#!|^# *(Provides|Default-Start|Short-Description|chkconfig|description):' "$@" | sed "s|^\\./|$d/|"
done
:""",
)
RUNLEVELS = Probe(
    name="runlevels",
    script="""for f in "$R"/etc/rc[0-6S].d/[SK]* "$R"/etc/rc.d/rc[0-6S].d/[SK]* "$R"/etc/runlevels/*/*; do
  [ -L "$f" ] || [ -f "$f" ] || continue
  printf '%s\\0' "${f#"$R"}"
done
:""",
)
BOOT = Probe(
    name="boot_files",
    script="""for f in /etc/rc.local /etc/rc.d/rc.local /etc/init.d/boot.local /etc/rc.d/rc.sysinit; do
  ds_real "$f"; [ -x "$ds_p" ] && printf '%s\\0' "$f"
done
ds_file /etc/inittab /etc/rc.local /etc/rc.d/rc.local /etc/init.d/boot.local
ds_dir /etc/init /etc/local.d
for f in "$R"/etc/local.d/*; do [ -x "$f" ] && printf '%s\\0' "${f#"$R"}"; done
:""",
)
PROBES = (SCRIPTS, HEADS, RUNLEVELS, BOOT)
_RUNLEVEL = re.compile(r"(?:/etc/rc\.d|/etc)/rc([0-6S])\.d/([SK])(\d\d)(.+)", re.DOTALL)
_OPENRC = re.compile(r"/etc/runlevels/([^/]+)/(.+)", re.DOTALL)
_INITTAB = re.compile(r"([^:#]{0,32}):([^:]*):([a-z]+):(.*)", re.DOTALL)
_RC_LOCAL = ("/etc/rc.local", "/etc/rc.d/rc.local", "/etc/init.d/boot.local")
_RC_NOTHING = re.compile(r"\s*(?:#.*|exit 0|:|touch /var/lock/subsys/local)?\s*")


@dataclass(frozen=True, slots=True)
class Started:
    """One thing that init starts, as the files of the disk say; `enabled` is the word for whether it does."""

    manager: str
    name: str
    fragment: str
    enabled: str
    command: str = ""
    description: str = ""
    runlevels: tuple[str, ...] = ()


def started(results: Mapping[str, ProbeResult]) -> tuple[list[Started], dict[str, str], dict[str, str]]:
    """Return what `PROBES` brought, what of it was not understood and what was denied, by probe."""
    unparsed: dict[str, str] = {}
    denied: dict[str, str] = {}
    found = list(_scripts(results))
    if BOOT.name in results:
        result = results[BOOT.name]
        executable = set(_fields(result.stdout))
        refused = [text(file.path) for file in result.files if file.outcome is Outcome.DENIED]
        if refused:
            denied[BOOT.name] = f"{', '.join(refused)} cannot be read by this account"
        for file in result.files:
            if file.outcome is Outcome.OK:
                found += _boot_file(file, text(file.path) in executable, unparsed)
    return found, unparsed, denied


def _fields(data: bytes) -> list[str]:
    return [text(field) for field in data.split(b"\0")[:-1]]


def _scripts(results: Mapping[str, ProbeResult]) -> Iterator[Started]:
    if SCRIPTS.name not in results:
        return
    fields = _fields(results[SCRIPTS.name].stdout)
    heads = _heads(results)
    levels, openrc = _runlevels(results)
    for executable, path in zip(fields[0::2], fields[1::2], strict=False):
        name = path.rpartition("/")[2]
        head = heads.get(path, {})
        interpreter = head.get("#!", "") if executable == "x" or "Provides" in head else ""
        if not (interpreter or name in levels):
            continue  # a README, a library of functions, a link to init's own program
        yield Started(
            manager=_manager(name, interpreter, openrc=openrc),
            name=name,
            fragment=path,
            enabled=_enabled(name, executable == "x", levels),
            description=head.get("Short-Description") or head.get("description", ""),
            runlevels=tuple(sorted(levels.get(name, ()))),
        )


def _runlevels(results: Mapping[str, ProbeResult]) -> tuple[dict[str, set[str]], bool]:
    """Return the runlevels in which each script is started, and whether OpenRC has runlevels here."""
    levels: dict[str, set[str]] = {}
    openrc = False
    for path in _fields(results[RUNLEVELS.name].stdout) if RUNLEVELS.name in results else []:
        if match := _RUNLEVEL.fullmatch(path):
            levels.setdefault(match[4], set()).update({match[1]} if match[2] == "S" else ())
        elif match := _OPENRC.fullmatch(path):
            openrc = True
            levels.setdefault(match[2], set()).add(match[1])
    return levels, openrc


def _manager(name: str, interpreter: str, *, openrc: bool) -> str:
    if "openrc-run" in interpreter or interpreter.endswith("/runscript") or openrc:
        return "openrc"
    return "busybox" if re.match(r"S\d\d", name) else "sysv"


def _enabled(name: str, executable: bool, levels: Mapping[str, set[str]]) -> str:
    if not executable:
        return "not executable"
    if re.match(r"S\d\d", name):  # rcS runs them in the order of their names
        return "enabled"
    return "enabled" if levels.get(name) else "disabled"


def _heads(results: Mapping[str, ProbeResult]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    if HEADS.name not in results:
        return found
    for line in results[HEADS.name].stdout.split(b"\n")[:-1]:
        match = re.fullmatch(r"(/etc/[^:]+):(?:(#!)\s*(.*)|#\s*([\w-]+):\s*(.*))", text(line).rstrip("\r"))
        if match:
            key, value = (match[2], match[3]) if match[2] else (match[4], match[5])
            found.setdefault(match[1], {}).setdefault(key, value.strip())
    return found


def _boot_file(file: HostFile, executable: bool, unparsed: dict[str, str]) -> list[Started]:
    path, body = text(file.path), text(file.data)
    if path == "/etc/inittab":
        return _inittab(body, unparsed)
    if path in _RC_LOCAL or (path.startswith("/etc/local.d/") and path.endswith((".start", ".stop"))):
        lines = [line.rstrip() for line in body.splitlines() if not _RC_NOTHING.fullmatch(line)]
        enabled = ("enabled" if lines else "nothing in it") if executable else "not executable"
        return [Started("rc.local", path.rpartition("/")[2], path, enabled, "\n".join(lines))]
    if path.startswith("/etc/init/") and path.endswith(".conf"):
        return [_upstart(path, body)]
    return []


def _inittab(body: str, unparsed: dict[str, str]) -> list[Started]:
    found, strange = [], 0
    for line in map(str.strip, body.splitlines()):
        if not line or line.startswith("#"):
            continue
        match = _INITTAB.fullmatch(line)
        if match is None:
            strange += 1
            continue
        name = match[1] or f"{match[3]} {match[4]}".strip()
        enabled = "disabled" if match[3] == "off" else match[3]
        levels = tuple(sorted(set(match[2]))) if match[2].isalnum() else ()
        found.append(Started("inittab", name, "/etc/inittab", enabled, match[4], runlevels=levels))
    if strange:
        unparsed[BOOT.name] = f"{strange} lines of /etc/inittab not understood"
    return found


def _upstart(path: str, body: str) -> Started:
    """Read an upstart job: `start on …`, `exec …` or a script, `manual`."""
    lines = [line.strip() for line in body.splitlines()]
    start = next((line for line in lines if line.startswith("start on")), "")
    exec_line = next((line[5:].strip() for line in lines if line.startswith("exec ")), "")
    if not exec_line:
        exec_line = "\n".join(_script_body(lines))
    description = next((line[12:].strip(" \"'") for line in lines if line.startswith("description ")), "")
    enabled = "manual" if "manual" in lines or not start else start
    name = path.rpartition("/")[2].removesuffix(".conf")
    return Started("upstart", name, path, enabled, exec_line, description)


def _script_body(lines: Iterable[str]) -> Iterator[str]:
    inside = False
    for line in lines:
        if line == "end script":
            inside = False
        elif inside:
            yield line
        elif line == "script":
            inside = True
