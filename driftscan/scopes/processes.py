"""The scope `processes`: what runs, by identity and not by number, so that a restart or one more worker is no change."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from driftscan.model.item import Column, Item, Json
from driftscan.model.redaction import redact_argv
from driftscan.model.text import text
from driftscan.scopes._common import iso_time, numbered
from driftscan.scopes._identity import describe, title
from driftscan.scopes.base import ItemScope, Parsed, Results
from driftscan.scopes.proc import procfs
from driftscan.scopes.proc.probes import LIBRARIES, PROBES
from driftscan.scopes.proc.procfs import Process, Table

_KEY_LIMIT = 200  # characters of a command in a key

COLUMNS = (
    Column("user", "text", "Account it runs as (the effective user); the number where no account has it"),
    Column(
        "command", "text", "Command line, secrets replaced; a title that a program gives itself has its numbers as #"
    ),
    Column(
        "name", "text", "Name that the kernel keeps for it, at most 15 characters; threads of the kernel: their kind"
    ),
    Column(
        "exe",
        "text",
        "Path of the executable, inside its container if it runs in one; null when not shown",
        golden=True,
    ),
    Column("deleted", "boolean", "Whether the executable has been deleted or replaced since it was started"),
    Column("argv", "json", "The words of the command line, secrets replaced"),
    Column("cwd", "text", "Working directory; null when not shown"),
    Column("unit", "text", "systemd unit that it belongs to; * stands for what differs at each login or start"),
    Column("container", "text", "Container that it runs in, as docker:ID, podman:ID, cri:ID, lxc:NAME, nspawn:NAME"),
    Column(
        "kernel", "boolean", "Whether it is a thread of the kernel, told by the kernel's own flag and never by its name"
    ),
    Column(
        "parent", "text", "What started it, nearest first, up to init: executables, or names where those are not shown"
    ),
    Column("deleted_libraries", "json", "Files mapped as code that have been deleted or replaced since"),
    Column("package", "text", "Package that owns the executable", owner_of="exe"),
    Column("count", "integer", "How many of it run", volatile=True),
    Column("pid", "json", "Process ids", volatile=True),
    Column("ppid", "json", "Process ids of the parents, in the same order", volatile=True),
    Column("started", "text", "When the oldest was started, UTC", volatile=True),
    Column("titles", "json", "Full titles, where programs write one over their command line", volatile=True),
)


def parse(results: Results) -> Parsed:
    """Turn what the probes brought into one item per distinct process."""
    return _parsed(procfs.table(results))


def look_here() -> Parsed:
    """Look at this very machine through psutil; same items as from the probes."""
    from driftscan.scopes.proc.local import local_table  # noqa: PLC0415 (psutil is slow to import)

    return _parsed(local_table())


@dataclass(frozen=True, slots=True)
class _Seen:
    attributes: tuple[tuple[str, Json], ...]
    title: str | None
    process: Process


def _parsed(table: Table) -> Parsed:
    seen = []
    for process in table.visible():
        attributes = describe(process, table.processes)
        shown = None if title(process) is None else redact_argv([text(process.argv[0])])[0]
        seen.append(_Seen(tuple(attributes.items()), shown, process))
    return Parsed(items=_items(seen), unparsed=table.unparsed, denied=table.denied)


def _items(seen: Iterable[_Seen]) -> list[Item]:
    """Return one item for all processes that are alike in everything that stays."""
    groups = [list(group) for _, group in groupby(sorted(seen, key=_order), key=_order)]
    groups.sort(key=_oldest)  # what has just been started does not take the key of what has long been there
    attributes = [dict(alike[0].attributes) for alike in groups]
    keys = numbered(_key(one) for one in attributes)
    return [
        Item("processes", key, one, _volatile(sorted(alike, key=lambda seen: seen.process.pid)))
        for key, one, alike in zip(keys, attributes, groups, strict=True)
    ]


def _order(one: _Seen) -> str:
    return repr(one.attributes)


def _oldest(alike: list[_Seen]) -> tuple[float, str]:
    return min(one.process.started for one in alike), _order(alike[0])


def _key(attributes: Mapping[str, Json]) -> str:
    if attributes["kernel"]:
        return f"kernel: {attributes['command']}"
    command = attributes["command"]
    if len(command) > _KEY_LIMIT:
        command = command[:_KEY_LIMIT] + "…"
    where = "".join(f" [{attributes[name]}]" for name in ("unit", "container") if attributes[name])
    return f"{attributes['user'] or '?'}: {command}{where}"


def _volatile(alike: list[_Seen]) -> dict[str, Json]:
    processes = [one.process for one in alike]
    oldest = min(process.started for process in processes)
    return {
        "count": len(processes),
        "pid": [process.pid for process in processes],
        "ppid": [process.ppid for process in processes],
        "started": iso_time(oldest),
        "titles": sorted({one.title for one in alike if one.title is not None}),
    }


SCOPE = ItemScope(
    name="processes",
    doc="What runs: one item per distinct process, however many times it runs",
    columns=COLUMNS,
    probes=(*PROBES[:-2], LIBRARIES, *PROBES[-2:]),
    parse=parse,
    local=look_here,
    golden=lambda _item: False,  # that a service runs is told by the service
)
