"""What a running systemd tells of the units that it has in memory."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone

from driftscan.model.outcome import Outcome, ProbeResult
from driftscan.model.text import text
from driftscan.scopes._common import whole_lines
from driftscan.scopes.base import Probe

_PROPERTIES = (
    "Id", "LoadState", "ActiveState", "SubState", "NeedDaemonReload", "Transient", "FragmentPath", "SourcePath",
    "DropInPaths", "UnitFileState", "Description", "ExecStart", "User", "Type", "RemainAfterExit", "BusName",
    "TriggeredBy", "WantedBy", "RequiredBy", "MainPID", "NRestarts", "ActiveEnterTimestamp", "Unit", "TimersCalendar",
    "TimersMonotonic", "NextElapseUSecRealtime", "LastTriggerUSec", "StateChangeTimestamp",
)  # fmt: skip
_MAY_REPEAT = {"ExecStart", "TimersCalendar", "TimersMonotonic", "Listen"}


def _show(name: str, *patterns: str) -> Probe:
    return Probe(
        name=name,
        live=True,
        script=f"""[ -d /run/systemd/system ] || ds_absent 'systemd does not run here'
command -v systemctl >/dev/null || ds_denied 'systemd runs here, and there is no systemctl that can be run'
systemctl show --all --no-pager -p {",".join(_PROPERTIES)} -- {" ".join(f"'{pattern}'" for pattern in patterns)}""",
    )


UNITS = _show(
    "units", *(f"*.{kind}" for kind in ("service", "timer", "socket", "path", "mount", "automount", "target"))
)
TIMERS = _show("timers", "*.timer")


@dataclass(frozen=True, slots=True)
class LiveUnit:
    """One unit in memory: its properties by name, each as a tuple of its lines."""

    name: str
    properties: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def get(self, key: str) -> str:
        """Return a property, "" when it was not told."""
        values = self.properties.get(key, ())
        return values[0] if values else ""

    def words(self, key: str) -> list[str]:
        """Return a property that is a list of names."""
        return self.get(key).split()

    @property
    def on_demand(self) -> bool:
        """Whether it runs when something calls for it and then ends, so that running or not says nothing.

        Such a unit is called by a timer, a socket or a D-Bus name and nothing starts it at boot, or it is a task
        that a timer runs.
        """
        wanted = bool(self.get("WantedBy") or self.get("RequiredBy"))
        task = self.get("Type") == "oneshot" and self.get("RemainAfterExit") != "yes"
        called = bool(self.get("TriggeredBy") or self.get("BusName"))
        return (called and not wanted) or (task and bool(self.get("TriggeredBy")))


def live_units(result: ProbeResult) -> tuple[dict[str, LiveUnit], str]:
    """Return the units in the output of `systemctl show` by name, and what was not understood of it.

    A unit whose output was cut off is none; neither is one that tells a property twice: a value with a newline in it
    could forge it.
    """
    found: dict[str, LiveUnit] = {}
    strange = 0
    for block in _blocks(whole_lines(result.stdout), complete=result.outcome is Outcome.OK):
        unit = _unit(block)
        if unit is not None:
            found[unit.name] = unit
        elif block:
            strange += 1  # what it holds is not said: a command line may hold a secret
    return found, f"{strange} units not understood" if strange else ""


def _blocks(lines: Iterable[bytes], *, complete: bool) -> Iterable[list[bytes]]:
    block: list[bytes] = []
    for line in lines:
        if line:
            block.append(line)
        elif block:
            yield block
            block = []
    if block and complete:
        yield block


def _unit(lines: Iterable[bytes]) -> LiveUnit | None:
    told: dict[str, list[list[bytes]]] = {}  # the lines of each value
    value: list[bytes] | None = None
    for line in lines:
        match = re.match(rb"([A-Z][A-Za-z0-9]*)=", line)
        if match and text(match[1]) in _PROPERTIES:
            value = [line[match.end() :]]
            told.setdefault(text(match[1]), []).append(value)
        elif value is not None:
            value.append(line)
    properties = {key: [text(b"\n".join(value)) for value in values] for key, values in told.items()}
    if any(len(values) > 1 and key not in _MAY_REPEAT for key, values in properties.items()):
        return None
    name = properties.get("Id", [""])[0]
    return LiveUnit(name, {key: tuple(values) for key, values in properties.items()}) if name else None


def moment(value: str) -> str | None:
    """Return a time as systemctl prints it under TZ=UTC (`Sun 2026-11-22 03:43:24 UTC`) as ISO 8601."""
    match = re.fullmatch(r"\w{3} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.\d+)? (?:UTC|GMT)", value)
    if match is None:
        return None
    try:
        at = datetime.strptime(match[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc)
    except ValueError:
        return None
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def command(unit: LiveUnit) -> list[str]:
    """Return the commands in `ExecStart={ path=… ; argv[]=… ; ignore_errors=… }`."""
    pattern = re.compile(r"argv\[\]=(.*?) ; ignore_errors=", re.DOTALL)
    return [match[1] for value in unit.properties.get("ExecStart", ()) if (match := pattern.search(value))]
