"""The scope `services`: what starts by itself or on demand, whatever starts it, and whether it runs."""

import re
from collections.abc import Iterable, Iterator, Mapping

from driftscan.model.item import Column, Item, Json
from driftscan.model.outcome import Outcome
from driftscan.model.redaction import redact
from driftscan.model.text import number
from driftscan.scopes._common import numbered
from driftscan.scopes.base import ItemScope, Parsed, Results
from driftscan.scopes.proc.cgroup import made_path, made_unit
from driftscan.scopes.units import init, unit_files, unit_probes, units_live
from driftscan.scopes.units.init import Started
from driftscan.scopes.units.manager import INIT, runs_systemd
from driftscan.scopes.units.unit_files import UnitFile
from driftscan.scopes.units.units_live import LiveUnit

COLUMNS = (
    Column("name", "text", "Name, as the manager calls it; * stands for what systemd-run made up"),
    Column(
        "kind", "text", "service, socket, timer, path, target, mount, automount, swap; script, entry, job elsewhere"
    ),
    Column("manager", "text", "What starts it: systemd, sysv, inittab, rc.local, upstart, openrc, busybox"),
    Column(
        "enabled",
        "text",
        "systemd: what is-enabled says; others: enabled, disabled, not executable, the action",
        golden=True,
    ),
    Column(
        "active",
        "text",
        "active, inactive, failed; on demand for what is called and then ends; null when not known",
        golden=True,
    ),
    Column(
        "load",
        "text",
        "systemd: loaded, masked, not-found (only a link is left), bad-setting, error",
        golden=True,
        usual=("loaded",),
    ),
    Column("fragment", "text", "File that defines it"),
    Column("dropins", "json", "Files that override parts of it"),
    Column("package", "text", "Package that owns the file", owner_of="fragment"),
    Column("command", "text", "What is run, one command a line, secrets replaced", golden=True),
    Column("user", "text", "Account it is run as; null for root or where the command itself says it", golden=True),
    Column("directory", "text", "Working directory that the definition gives it"),
    Column("conditions", "json", "Conditions without which it is not started, as written"),
    Column("environment", "text", "Environment that the definition gives it, secrets replaced"),
    Column("alias_of", "text", "Unit that this is another name of"),
    Column("wanted_by", "json", "Units that pull it in, by links on the disk"),
    Column("runlevels", "json", "Runlevels in which init starts it"),
    Column("replaced_by", "text", "systemd unit of the same name, which is used in place of this init script"),
    Column("needs_reload", "boolean", "Whether the file has changed since systemd read it"),
    Column("description", "text", "What it says of itself"),
    Column("state", "text", "systemd's state and substate at the moment", volatile=True),
    Column("main_pid", "integer", "Process id of its main process", volatile=True),
    Column("restarts", "integer", "How often systemd has restarted it", volatile=True),
    Column("since", "text", "Since when it has been active, UTC", volatile=True),
    Column("needed_by", "json", "Units in memory that want, require or trigger it", volatile=True),
)
_KINDS = {"service", "socket", "timer", "path", "target", "mount", "automount", "swap"}
_CHOSEN = {"enabled", "enabled-runtime", "masked", "masked-runtime", "linked", "linked-runtime"}
_LOGIN = re.compile(r"user(?:-runtime-dir)?@\d+\.service")  # there while somebody is logged in
_CONNECTION = re.compile(r"[^@]+@\d+-.*\.service", re.DOTALL)  # one for each connection to a socket


def parse(results: Results) -> Parsed:
    """Turn what the probes brought into one item per service."""
    files = unit_files.unit_files(results)
    live: Mapping[str, LiveUnit] = {}
    unparsed: dict[str, str] = {}
    shown = results.get(units_live.UNITS.name)
    if shown is not None and shown.outcome is not Outcome.ABSENT:
        live, strange = units_live.live_units(shown)
        unparsed |= {shown.probe: strange} if strange else {}
    if files.unparsed:
        unparsed[unit_probes.LISTING.name] = files.unparsed
    started, strange_init, denied = init.started(results)
    if files.hidden:
        denied[unit_probes.CONTENTS.name] = f"{files.hidden} unit files cannot be read by this account"
    units = files.units if runs_systemd(results) else {}
    notes = [] if units or not files.units else ["unit files of systemd left out: init is not systemd here"]
    known = shown is not None and shown.outcome is Outcome.OK
    described = [*_units(units, live, known=known), *_started(started, units)]
    keys = numbered(_key(attributes) for attributes, _ in described)
    items = [Item("services", key, *pair) for key, pair in zip(keys, described, strict=True)]
    return Parsed(items=items, unparsed=unparsed | strange_init, denied=denied, notes=notes)


_Described = tuple[dict[str, Json], dict[str, Json]]  # attributes, volatile ones


def _units(files: Mapping[str, UnitFile], live: Mapping[str, LiveUnit], *, known: bool) -> Iterator[_Described]:
    for name in sorted({*files, *live}):
        file, unit = files.get(name), live.get(name)
        if file is not None and _is_service(file):
            yield _unit(file, unit, known=known)
        elif file is None and unit is not None and _is_transient_service(unit):
            yield _transient(unit)


def _is_service(file: UnitFile) -> bool:
    if file.kind not in _KINDS:
        return False
    if file.kind in {"mount", "automount", "swap"}:
        return file.state != "generated"  # those of fstab are not services
    if file.kind == "target":
        by_hand = (file.fragment or "").startswith("/etc/") and file.state != "alias"
        return file.name == "default.target" or by_hand or file.state in _CHOSEN or bool(file.dropins)
    return True


def _is_transient_service(unit: LiveUnit) -> bool:
    """Return whether a unit that has no file of its own is a service: an instance in use, or one made by systemd-run.

    What comes with a login or a single connection is not.
    """
    kind = unit_files.kind_of(unit.name)
    if kind not in {"service", "timer", "socket", "path"} or _LOGIN.fullmatch(unit.name):
        return False
    if _CONNECTION.fullmatch(unit.name) or unit.get("LoadState") != "loaded":
        return False
    return unit.get("ActiveState") not in {"", "inactive"} or unit.get("Transient") == "yes"


def _unit(file: UnitFile, unit: LiveUnit | None, *, known: bool) -> _Described:
    load = "masked" if file.state.startswith("masked") else "loaded" if file.fragment else "not-found"
    told = unit.get("LoadState") if unit else ""
    attributes = _attributes(
        name=made_unit(file.name),
        kind=file.kind,
        manager="systemd",
        enabled=file.state,
        active=_active(unit) if (known or unit) and file.alias_of is None else None,
        load=told if told in {"bad-setting", "error"} else load,
        fragment=made_path(file.fragment),
        dropins=list(file.dropins),
        command=_redacted(file.settings.get("ExecStart", ())),
        user=file.last("User"),
        directory=_redacted([file.last("WorkingDirectory") or ""]),
        conditions=_conditions(file),
        environment=_redacted(file.settings.get("Environment", ())),
        alias_of=file.alias_of,
        wanted_by=list(file.wanted_by),
        needs_reload=unit.get("NeedDaemonReload") == "yes" if unit else None,
        description=_redacted([file.last("Description") or ""]),
    )
    if attributes["needs_reload"] is None and known:
        attributes["needs_reload"] = False  # a unit that is not in memory is read afresh when it is needed
    return attributes, _volatile(unit)


def _transient(unit: LiveUnit) -> _Described:
    fragment = made_path(unit.get("FragmentPath") or None)
    attributes = _attributes(
        name=made_unit(unit.name),
        kind=unit_files.kind_of(unit.name),
        manager="systemd",
        enabled=unit.get("UnitFileState") or "transient",
        active=_active(unit),
        load=unit.get("LoadState"),
        fragment=fragment,
        dropins=unit.words("DropInPaths"),
        command=_redacted(units_live.command(unit)),
        user=unit.get("User") or None,
        needs_reload=unit.get("NeedDaemonReload") == "yes",
        description=_redacted([unit.get("Description")]),
    )
    return attributes, _volatile(unit)


def _active(unit: LiveUnit | None) -> str:
    if unit is None:
        return "inactive"
    state = unit.get("ActiveState")
    return "on demand" if unit.on_demand and state != "failed" else state


def _volatile(unit: LiveUnit | None) -> dict[str, Json]:
    if unit is None:
        return {}
    return {
        "state": f"{unit.get('ActiveState')} {unit.get('SubState')}".strip() or None,
        "main_pid": number(unit.get("MainPID")) or None,
        "restarts": number(unit.get("NRestarts")),
        "since": units_live.moment(unit.get("ActiveEnterTimestamp")),
        "needed_by": sorted({name for key in ("WantedBy", "RequiredBy", "TriggeredBy") for name in unit.words(key)}),
    }


def _conditions(file: UnitFile) -> list[str]:
    """Return what a unit makes its start depend on, as `ConditionPathExists=/x`."""
    named = ((key, value) for key, values in file.settings.items() for value in values)
    return sorted(f"{key}={value}" for key, value in named if key.startswith(("Condition", "Assert")))


def _started(found: Iterable[Started], units: Mapping[str, UnitFile]) -> Iterator[_Described]:
    kinds = {"inittab": "entry", "upstart": "job"}
    for one in found:
        unit = units.get(f"{one.name.removesuffix('.sh')}.service") if one.manager == "sysv" else None
        generated = unit is not None and unit.state == "generated"
        attributes = _attributes(
            name=_redacted([one.name]) or "?",
            kind=kinds.get(one.manager, "script"),
            manager=one.manager,
            enabled=one.enabled,
            fragment=one.fragment,
            command=_redacted([one.command]),
            runlevels=list(one.runlevels),
            replaced_by=unit.name if unit is not None and not generated else None,
            description=_redacted([one.description]),
        )
        yield attributes, {}


def _attributes(**known: Json) -> dict[str, Json]:
    empty: dict[str, Json] = {
        column.name: [] if column.kind == "json" else None
        for column in COLUMNS
        if not column.volatile and not column.owner_of
    }
    return empty | known


def _redacted(values: Iterable[str]) -> str | None:
    return redact("\n".join(values)).text or None


def _key(attributes: Mapping[str, Json]) -> str:
    name: str = attributes["name"]
    if attributes["manager"] != "systemd":
        return f"{attributes['manager']}: {name}"
    return f"{name}: {attributes['description'] or '?'}" if "*" in name else name


_NOBODYS = frozenset({"static", "indirect", "alias", "generated", "transient", "enabled-runtime"})  # no decision

SCOPE = ItemScope(
    name="services",
    doc="Units of systemd, init scripts, inittab, rc.local, upstart jobs: what starts, and whether it runs",
    columns=COLUMNS,
    probes=(INIT, units_live.UNITS, *unit_probes.PROBES, *init.PROBES),
    parse=parse,
    golden=lambda item: item.attributes.get("enabled") not in _NOBODYS,
)
