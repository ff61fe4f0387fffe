"""The scope `schedules`: what is run at a time: by cron, anacron, at, and the timers of systemd."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from driftscan.model.item import Column, Item, Json
from driftscan.model.outcome import Outcome
from driftscan.model.redaction import redact
from driftscan.scopes._common import numbered
from driftscan.scopes.base import ItemScope, Parsed, Results
from driftscan.scopes.proc.cgroup import made_path, made_unit
from driftscan.scopes.units import cron, unit_files, unit_probes, units_live
from driftscan.scopes.units.manager import INIT, runs_systemd
from driftscan.scopes.units.unit_files import TIMER_SETTINGS, UnitFile
from driftscan.scopes.units.units_live import LiveUnit

COLUMNS = (
    Column(
        "kind", "text", "cron (a line of a crontab), script (a file in cron.daily …), anacron, at, timer (of systemd)"
    ),
    Column("file", "text", "File that it stands in; of a timer, its unit file"),
    Column("user", "text", "Account that it is run as", golden=True),
    Column(
        "when",
        "text",
        "Its time as written: five fields, @reboot, OnCalendar=…; of a script, its directory's word",
        golden=True,
    ),
    Column("command", "text", "What is run, secrets replaced"),
    Column("input", "text", "What cron gives the command on stdin (after the first %), secrets replaced"),
    Column("environment", "text", "Variables that the file sets before it, one a line, secrets replaced", golden=True),
    Column("unit", "text", "Unit that a timer starts", golden=True),
    Column(
        "ignored", "boolean", "Whether it is never acted upon, though it is there", golden=True, usual=(None, False)
    ),
    Column("why", "text", "Why it is not acted upon"),
    Column("package", "text", "Package that owns the file", owner_of="file"),
    Column("line", "integer", "Number of its line in the file", volatile=True),
    Column("next", "text", "When it is due, UTC, where systemd knows", volatile=True),
    Column("last", "text", "When it was last run, UTC, where systemd knows", volatile=True),
)
_KEY_LIMIT = 200  # characters of a command in a key


class _Described(NamedTuple):
    key: str
    attributes: dict[str, Json]
    volatile: dict[str, Json]


def parse(results: Results) -> Parsed:
    """Turn what the probes brought into one item per scheduled command."""
    lines, unparsed, denied = cron.entries(results)
    described = [_entry(entry) for entry in lines]
    notes: list[str] = []
    files = unit_files.unit_files(results)
    timers = [unit for unit in files.units.values() if unit.kind == "timer" and "@." not in unit.name]
    if runs_systemd(results):
        live: Mapping[str, LiveUnit] = {}
        shown = results.get(units_live.TIMERS.name)
        if shown is not None and shown.outcome is not Outcome.ABSENT:
            live, strange = units_live.live_units(shown)
            unparsed |= {shown.probe: strange} if strange else {}
        described += _timers(timers, files.units, live)
    elif timers:
        notes.append(f"{len(timers)} timers of systemd left out: init is not systemd here")
    keys = numbered(one.key for one in described)
    items = [Item("schedules", key, one.attributes, one.volatile) for key, one in zip(keys, described, strict=True)]
    hidden = [unit for unit in timers if not unit.readable and unit.alias_of is None and not _masked(unit)]
    if files.hidden and hidden:
        denied[unit_probes.CONTENTS.name] = f"{len(hidden)} timers cannot be read by this account"
    return Parsed(items=items, unparsed=unparsed, denied=denied, notes=notes)


def _entry(entry: cron.Entry) -> _Described:
    command = redact(entry.command, command=True).text or None
    attributes = _attributes(
        kind=entry.kind,
        file=entry.file,
        user=entry.user,
        when=entry.when,
        command=command,
        input=_redacted(entry.input),
        environment=_redacted("\n".join(entry.environment)),
        ignored=bool(entry.ignored),
        why=entry.ignored or None,
    )
    return _Described(_key(entry, command or ""), attributes, {"line": entry.line})


def _key(entry: cron.Entry, command: str) -> str:
    if entry.kind == "script":
        return entry.file
    if entry.kind == "anacron":
        return f"{entry.file}: {entry.name}"
    if len(command) > _KEY_LIMIT:
        command = command[:_KEY_LIMIT] + "…"
    where = f"at {entry.user or '?'}" if entry.kind == "at" else entry.file
    return f"{where}: {entry.when} {command}"


def _timers(
    timers: list[UnitFile], units: Mapping[str, UnitFile], live: Mapping[str, LiveUnit]
) -> Iterator[_Described]:
    for timer in timers:
        if timer.alias_of is not None:
            continue
        now = live.get(timer.name)
        target = timer.last("Unit") or timer.name.removesuffix(".timer") + ".service"
        service = units.get(target) or units.get(unit_files.template_of(target) or "")
        why = _why_not(timer, now)
        attributes = _attributes(
            kind="timer",
            file=made_path(timer.fragment),
            user=(service.last("User") or "root") if service is not None else None,
            when="; ".join(f"{key}={value}" for key in TIMER_SETTINGS for value in timer.settings.get(key, ())) or None,
            command=_setting(service, "ExecStart"),
            environment=_setting(service, "Environment"),
            unit=made_unit(target) if timer.settings else None,
            ignored=bool(why),
            why=why or None,
        )
        name = made_unit(timer.name)
        key = f"{name}: {_setting(timer, 'Description') or '?'}" if "*" in name else name
        yield _Described(key, attributes, _volatile(now))


def _setting(unit: UnitFile | None, key: str) -> str | None:
    return None if unit is None else _redacted("\n".join(unit.settings.get(key, ())))


def _masked(timer: UnitFile) -> bool:
    return timer.state.startswith("masked")


def _why_not(timer: UnitFile, now: LiveUnit | None) -> str:
    """Return why a timer never fires, "" if it does: systemd knows, else the links on the disk tell."""
    if _masked(timer):
        return "it is masked"
    if timer.fragment is None:
        return "only a link to it is left"
    if now is not None:
        return "" if now.get("ActiveState") == "active" else "it is not active"
    if timer.wanted_by or timer.state.startswith("enabled"):
        return ""
    return "nothing starts it"


def _volatile(now: LiveUnit | None) -> dict[str, Json]:
    if now is None:
        return {}
    return {
        "next": units_live.moment(now.get("NextElapseUSecRealtime")),
        "last": units_live.moment(now.get("LastTriggerUSec")),
    }


def _attributes(**known: Json) -> dict[str, Json]:
    empty = {column.name: None for column in COLUMNS if not column.volatile and not column.owner_of}
    return empty | known


def _redacted(value: str) -> str | None:
    return redact(value).text or None


SCOPE = ItemScope(
    name="schedules",
    doc="What is run at a time: lines of crontabs, cron.daily and its like, anacron, at jobs, systemd timers",
    columns=COLUMNS,
    probes=(*cron.PROBES, INIT, units_live.TIMERS, *unit_probes.PROBES),
    parse=parse,
)
