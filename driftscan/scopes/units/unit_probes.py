"""The unit directories of systemd: the probes that read them whole, and what lies in them by path."""

import re
from dataclasses import dataclass

from driftscan.model.outcome import Outcome, ProbeResult
from driftscan.model.text import text
from driftscan.scopes.base import Probe

TRANSIENT = "/run/systemd/transient"
# In the order in which systemd looks; what comes first wins.
DIRECTORIES = (
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    TRANSIENT,
    "/run/systemd/generator.early",
    "/etc/systemd/system",
    "/run/systemd/system",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/generator.late",
)
_EACH = f"""seen=' '
for d in {" ".join(DIRECTORIES)}; do
  ds_real "$d"
  [ -d "$ds_p" ] || continue
  p=$(cd "$ds_p" 2>/dev/null && pwd -P) || continue
  case $seen in *" $p "*) continue ;; esac
  seen="$seen$p "
  cd "$ds_p" || continue
"""
# type and size, path, link target; each ends in NUL
LISTING = Probe(
    name="unit_list",
    script=f"""{_EACH}
  if ds_has find && command find . -maxdepth 0 -printf '' 2>/dev/null; then
    find . -mindepth 1 -maxdepth 2 \\( -type f -o -type l \\) -printf "%y %s\\0$d/%P\\0%l\\0"
  else
    for f in * */*; do
      if [ -L "$f" ]; then printf 'l 0\\0%s\\0%s\\0' "$d/$f" "$(readlink "$f")"
      elif [ -s "$f" ] && [ -f "$f" ]; then printf 'f 1\\0%s\\0\\0' "$d/$f"
      elif [ -f "$f" ]; then printf 'f 0\\0%s\\0\\0' "$d/$f"; fi
    done
  fi
done""",
    accepts=frozenset({0, 1}),
)
# grep gives `path NUL line newline`: no file can speak for another. An empty path says which directory follows.
CONTENTS = Probe(
    name="unit_files",
    accepts=frozenset({0, 1, 2, 123}),
    script=f"""{_EACH}
  if echo x | grep -qZ x 2>/dev/null && ds_has find &&
    command find . -maxdepth 0 -print0 2>/dev/null | command xargs -0 true 2>/dev/null; then
    printf '\\0%s\\n' "$d"
    find . -mindepth 1 -maxdepth 2 -type f -print0 | xargs -0 grep -sHaZ ''
    case $d in /etc/* | /run/systemd/system) ;; *) continue ;; esac
    for l in *; do
      [ -L "$l" ] || continue
      case $(readlink "$l") in */systemd/system/* | /dev/null) ;; */*) ds_file "$d/$l" ;; esac
    done
  else
    ds_dir "$d"
    for s in *.d; do [ -d "$s" ] && ds_dir "$d/$s"; done
  fi
done
:""",
)
PROBES = (LISTING, CONTENTS)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a unit directory: a file, empty or not, or a link."""

    path: str
    link: str | None
    empty: bool


def parse_listing(data: bytes) -> tuple[list[Entry], int]:
    """Return the entries in what `LISTING` brought, and how many were not understood; a cut-off one is none."""
    fields = data.split(b"\0")[:-1]
    found, strange = [], 0
    for meta, path, link in zip(fields[0::3], fields[1::3], fields[2::3], strict=False):
        match = re.fullmatch(rb"([fl]) (\d+)", meta)
        if match and path.startswith(b"/"):
            found.append(Entry(text(path), text(link) if match[1] == b"l" else None, match[2] == b"0"))
        else:
            strange += 1
    return found, strange


def parse_contents(result: ProbeResult) -> dict[str, list[str]]:
    """Return the lines of the unit files by path in what `CONTENTS` brought."""
    found: dict[str, list[str]] = {}
    folder = ""
    data = result.stdout
    at = 0
    while (nul := data.find(b"\0", at)) >= 0 and (end := data.find(b"\n", nul)) >= 0:
        name, line = text(data[at:nul]), text(data[nul + 1 : end])
        if name:
            found.setdefault(f"{folder}/{name.removeprefix('./')}", []).append(line)
        else:
            folder = line
        at = end + 1
    for file in result.files:
        if file.outcome is Outcome.OK:
            found[text(file.path)] = text(file.data).splitlines()
    return found
