"""The scope `declarations`: paths of which packages' own files say that they are made, though no package lists them."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from driftscan.model.item import Column, Item
from driftscan.model.text import text
from driftscan.scopes.base import ItemScope, Parsed, Probe, Results
from driftscan.scopes.declared import config, scripts

_COLUMNS = (
    Column("path", "text", "What is made; it may hold wildcards of the shell, and need not exist"),
    Column(
        "kind",
        "text",
        "script (of a package manager), tool (update-shells and its like), cron (a script in cron.daily …), init (a script in init.d), tmpfiles, sysusers "
        "(home of an account), unit (StateDirectory= and its like), logrotate",
    ),
    Column("whole", "boolean", "Whether all below it belongs to it"),
    Column("by", "text", "Package that the script is of; else the name of the file"),
    Column("file", "text", "File that says so"),
    Column("package", "text", "Package that owns the file", owner_of="file"),
)

# ">FILE" before the lines of that file, each after a space: no line can pass for another file's header.
_SHOW = r"""
show() {
  [ "$#" -eq 0 ] || awk 'FNR == 1 { print ">" FILENAME } { print " " $0 }' "$@"
}
"""
_SHOW_DIRECTORIES = (
    _SHOW
    + r"""
seen=' '
directory() {
  ds_real "$1"
  [ -d "$ds_p" ] || return 0
  [ -r "$ds_p" ] && [ -x "$ds_p" ] || { shut="$shut $1"; return 0; }
  real=$(cd "$ds_p" && pwd -P)
  case $seen in *" $real "*) return 0 ;; esac
  seen="$seen$real " name=$1 pattern=$2
  set --
  for f in "$ds_p"/$pattern; do
    if [ -f "$f" ] && [ -r "$f" ]; then set -- "$@" "$f"; fi
  done
  printf '=%s\n' "${#ds_p} $name"
  show "$@"
}
"""
)


def _probe(name: str, *directories: str) -> Probe:
    lines = "\n".join(f"directory {one.rpartition('/')[0]} '{one.rpartition('/')[2]}'" for one in directories)
    script = f'{_SHOW_DIRECTORIES}shut=\n{lines}\n[ -z "$shut" ] || ds_denied "$shut"\n:'
    return Probe(name, script, timeout=60, limit=128 << 20)


_SCRIPTS = Probe(
    "scripts",
    _SHOW
    + r"""
ds_real /var/lib/dpkg/info
if [ -d "$ds_p" ]; then
  cd "$ds_p" && [ -r . ] || ds_denied "$ds_p"
  set -- ./*.postinst ./*.postrm ./*.preinst ./*.prerm ./*.config
  for f; do shift; [ -r "$f" ] && set -- "$@" "$f"; done
  echo '=1 /var/lib/dpkg/info'
  show "$@"
fi
ds_real /var/lib/pacman/local
if [ -d "$ds_p" ]; then
  cd "$ds_p" && [ -r . ] || ds_denied "$ds_p"
  set -- ./*/install
  for f; do shift; [ -r "$f" ] && set -- "$@" "$f"; done
  echo '=1 /var/lib/pacman/local'
  show "$@"
fi
:
""",
    timeout=60,
    limit=128 << 20,
)
# Tools like update-shells, where they are scripts: what they write is made for packages.
_TOOLS = Probe(
    "tools",
    _SHOW
    + r"""
ds_real /usr/sbin
cd "$ds_p" 2>/dev/null || ds_absent "no /usr/sbin"
set -- ./update-*
for f; do shift; [ -f "$f" ] && [ ! -L "$f" ] && [ -r "$f" ] && set -- "$@" "$f"; done
[ "$#" -gt 0 ] || exit 0
echo '=1 /usr/sbin'
show $(grep -lE '^#! */bin/(sh|bash|dash)' "$@")
:
""",
    timeout=60,
    limit=16 << 20,
)
_RUN = _probe("run", *(f"/etc/cron.{often}/*" for often in ("hourly", "daily", "weekly", "monthly")), "/etc/init.d/*")
_TMPFILES = _probe("tmpfiles", "/usr/lib/tmpfiles.d/*.conf", "/etc/tmpfiles.d/*.conf", "/lib/tmpfiles.d/*.conf")
_SYSUSERS = _probe("sysusers", "/usr/lib/sysusers.d/*.conf", "/etc/sysusers.d/*.conf", "/lib/sysusers.d/*.conf")
_LOGROTATE = _probe("logrotate", "/etc/logrotate.d/*")
_UNITS = Probe(
    "units",
    f"""
seen=' '
for d in /etc/systemd/system /usr/lib/systemd/system /lib/systemd/system; do
  ds_real "$d"
  [ -d "$ds_p" ] && cd "$ds_p" 2>/dev/null || continue
  p=$(pwd -P)
  case $seen in *" $p "*) continue ;; esac
  seen="$seen$p "
  echo "=1 $d"
  set --
  for f in ./* ./*/*; do if [ -f "$f" ] && [ ! -L "$f" ]; then set -- "$@" "$f"; fi; done
  [ $# -eq 0 ] || grep -sHaE '^[[:space:]]*({"|".join(config.UNIT_SETTINGS)})[[:space:]]*=' "$@"
done
:
""",
    accepts=frozenset({0, 1, 2}),
    timeout=60,
    limit=32 << 20,
)


class _Declared(NamedTuple):
    kind: str
    file: str
    by: str
    path: str
    whole: bool


def _parse(results: Results) -> Parsed:
    found: dict[tuple[str, str, str], _Declared] = {}
    for one in _declared(results):
        key = (one.by, one.file, one.path)
        if key not in found or one.whole:
            found[key] = one
    items = [
        Item(
            "declarations",
            f"{one.by} {one.file} {one.path}",
            {"path": one.path, "kind": one.kind, "whole": one.whole, "by": one.by, "file": one.file},
        )
        for one in found.values()
    ]
    return Parsed(items={item.key: item for item in items}.values())  # type: ignore[arg-type]


def _declared(results: Results) -> Iterator[_Declared]:
    for file, body in _bodies(results, _SCRIPTS.name):
        for path, whole in scripts.made(body):
            yield _Declared("script", file, _package(file), text(path), whole)
    for probe in (_TOOLS, _RUN):
        for file, body in _bodies(results, probe.name):
            for path, whole in scripts.made(body):
                yield _Declared(_kind(file), file, _name(file), text(path), whole)
    for name, read in _READ.items():
        for file, body in _bodies(results, name):
            for declared, whole in read(text(body)):
                yield _Declared(name, file, _name(file), declared, whole)
    yield from _units(results)


_READ: Mapping[str, Callable[[str], Iterator[config.Found]]] = {
    _TMPFILES.name: config.tmpfiles,
    _SYSUSERS.name: config.sysusers,
    _LOGROTATE.name: config.logrotate,
}


def _kind(file: str) -> str:
    return "init" if file.startswith("/etc/init.d/") else "cron" if file.startswith("/etc/") else "tool"


def _name(file: str) -> str:
    return file.rpartition("/")[2]


def _package(file: str) -> str:
    """Return the package that a script of a package manager is of."""
    if file.startswith("/var/lib/pacman/"):
        return file.rpartition("/")[0].rpartition("/")[2].rsplit("-", 2)[0]
    return _name(file).rpartition(".")[0].partition(":")[0]


_HEADER = re.compile(rb"=(\d{1,4}) (/[^\n]*)")


def _bodies(results: Results, probe: str) -> Iterator[tuple[str, bytes]]:
    """Yield the files that a probe showed, by where they lie on the host; a last one that was cut off is left out."""
    result = results.get(probe)
    if result is None:
        return
    folder, skip = "", 0
    file: str | None = None
    lines: list[bytes] = []
    for line in result.stdout.split(b"\n")[:-1]:
        if line.startswith(b" "):
            lines.append(line[1:])
            continue
        if file is not None:
            yield file, b"\n".join(lines)
        file, lines = None, []
        match = _HEADER.fullmatch(line)
        if match:
            skip, folder = int(match[1]), text(match[2])
        elif line.startswith(b">") and folder:
            file = folder + text(line[1 + skip :])
    if file is not None:
        yield file, b"\n".join(lines)


_SETTING = re.compile(rb"\.(/.*?):\s*(%s)\s*=(.*)" % "|".join(config.UNIT_SETTINGS).encode())


def _units(results: Results) -> Iterator[_Declared]:
    result = results.get(_UNITS.name)
    folder = ""
    for line in result.stdout.split(b"\n")[:-1] if result else ():
        header = _HEADER.fullmatch(line)
        if header:
            folder = text(header[2])
        elif folder and (match := _SETTING.fullmatch(line)):
            file = folder + text(match[1])
            for path, whole in config.unit(text(match[2]), text(match[3])):
                yield _Declared("unit", file, _name(file), path, whole)


SCOPE = ItemScope(
    name="declarations",
    doc="Paths that packages' own files say they make: maintainer scripts, tmpfiles.d, units, logrotate, sysusers.d",
    columns=_COLUMNS,
    probes=(_SCRIPTS, _TOOLS, _RUN, _TMPFILES, _SYSUSERS, _LOGROTATE, _UNITS),
    parse=_parse,
)
