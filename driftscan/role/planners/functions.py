"""Plans functions: what the host is for, told apart as images could hold it, each with all that belongs to it."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from driftscan.explain._origins import origins
from driftscan.explain._programs import basename, is_interpreter, owner, owner_of_link, script, strange_program
from driftscan.model.item import Item
from driftscan.model.text import raw, text
from driftscan.role.desk import Desk, Planner, upwards
from driftscan.role.model import Function
from driftscan.role.planners import _commands
from driftscan.role.planners._belongings import Belongings
from driftscan.role.planners._housekeeping import serves_the_host
from driftscan.role.planners._unit_texts import UnitText, unit_text

_BY_HAND = frozenset({"rc.local", "cron", "init script", "inittab"})  # what starts a program where no unit does
_NOT_NAME = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class _Found:
    """A long-running program: what starts it, as whom, and the processes that are it."""

    name: str
    command: tuple[str, ...]
    user: str
    directory: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    starts: str = ""
    package: str = ""  # of what starts it
    processes: Sequence[Item] = ()
    places: tuple[str, ...] = ()  # paths that are its own
    runtime: tuple[str, ...] = ()  # directories of /run that are made for it


def _plan(desk: Desk) -> Iterator[Function]:
    if not (desk.view.seen("packages") and desk.view.seen("files")):
        return  # whose a program is cannot be told
    belongings = Belongings(desk)
    taken: set[str] = set()
    seen: set[tuple[str, str]] = set()
    for found in (*_units(desk), *_by_hand(desk)):
        same = (_program(desk, found), found.user)
        if same in seen or not found.command:
            continue
        seen.add(same)
        name = _free(found.name, taken)
        taken.add(name)
        yield _function(desk, belongings, found, name)


def _program(desk: Desk, found: _Found) -> str:
    """Return what is run in the end: a script rather than its interpreter."""
    for process in found.processes:
        path = script(desk.view, process.attributes) or raw(strange_program(desk.view, process.attributes) or "")
        if path:
            return text(path)
    return found.command[0] if found.command else ""


def _free(name: str, taken: Iterable[str]) -> str:
    """Return a name for a directory and an image that no other function has."""
    slug = _NOT_NAME.sub("-", name.lower()).strip("-")[:60] or "function"
    known = set(taken)
    return next(one for one in (slug, *(f"{slug}-{n}" for n in range(2, len(known) + 3))) if one not in known)


def _units(desk: Desk) -> Iterator[_Found]:
    view = desk.view
    aliases: dict[str, set[str]] = {}
    services = [item for item in view.of("services") if item.attributes.get("manager") == "systemd"]
    for item in services:
        if item.attributes.get("alias_of"):
            aliases.setdefault(str(item.attributes["alias_of"]), set()).add(str(item.attributes.get("name")))
    for item in services:
        has = item.attributes
        name = str(has.get("name"))
        if has.get("kind") != "service" or has.get("alias_of") or desk.refusal("services", item.key):
            continue
        processes = [one for one in view.of("processes") if one.attributes.get("unit") == name]
        passing = {"generated", "transient"} | ({"static"} if has.get("package") else set())
        if not (_runs(item) and _lasting(desk, item)) or has.get("enabled") in passing:
            continue
        lines = [line for line in str(has.get("command") or "").split("\n") if line.strip()]
        if not lines or "rc.local" in lines[0]:
            continue
        if has.get("package") and serves_the_host(view, item, aliases.get(name, set()), processes):
            continue
        yield _unit(desk, item, unit_text(desk, item), lines[-1], processes)


def _unit(desk: Desk, item: Item, told: UnitText, line: str, processes: Sequence[Item]) -> _Found:
    has = item.attributes
    name = str(has.get("name"))
    command = _commands.command(told.command or line, name, told.environment)
    kept = {key: value for key, value in told.environment.items() if value}
    return _Found(
        name=name.removesuffix(".service"),
        command=_commands.foreground(command, forks=told.forks),
        user=desk.steering.named(str(has.get("user") or "root")),
        directory=str(has.get("directory") or "").lstrip("-"),
        environment=kept,
        starts=name,
        package=str(has.get("package") or ""),
        processes=processes,
        places=tuple(word for word in command if word.startswith("/")),
        runtime=told.runtime,
    )


def _runs(item: Item) -> bool:
    """Whether a service runs, or would if it could: where nothing of the moment is known, it is enabled."""
    state = str(item.volatile.get("state") or "")
    if state:
        return state.endswith(" running") or (
            state.startswith("failed") and item.attributes.get("enabled") == "enabled"
        )
    return item.attributes.get("enabled") == "enabled" and item.attributes.get("active") in {None, "active"}


def _lasting(desk: Desk, item: Item) -> bool:
    """Whether a service goes on running; where only the disk was seen, its unit says so."""
    return bool(item.volatile.get("state")) or unit_text(desk, item).lasting


def _by_hand(desk: Desk) -> Iterator[_Found]:
    """Yield what scripts, cron and people have started in an application or from a path of nobody's package."""
    view, roots = desk.view, {str(item.attributes.get("path") or item.key) for item in desk.view.of("applications")}
    for item in view.of("processes"):
        has = item.attributes
        if has.get("kernel") or has.get("container") or _worker(item):
            continue
        program = strange_program(view, has)
        if program is None:
            continue
        told = origins(view).of(view, item)
        root = next(
            (step for path in (program, str(has.get("cwd") or "")) for step in upwards(path) if step in roots), ""
        )
        by_hand = told is not None and told.kind in _BY_HAND
        if not by_hand and not (root and (told is None or told.kind == "session")):
            continue
        line, starts = _starter(desk, told.by if told else "", root, program)
        if told is not None and told.kind == "cron" and not line:
            continue  # it is run at a time, and ends
        first = root or program
        yield _Found(
            name=_named(desk, root) or basename(program).partition(".")[0],
            command=_started(desk, line, root, program) or tuple(str(word) for word in has.get("argv") or ()),
            user=desk.steering.named(str(has.get("user") or "root")),
            directory=str(has.get("cwd") or ""),
            starts=starts,
            processes=[item],
            places=(first, program, *(str(word) for word in has.get("argv") or () if str(word).startswith("/"))),
        )


def _worker(item: Item) -> bool:
    """Whether a process was started by one of the same executable."""
    return str(item.attributes.get("parent") or "").split(" < ")[0] == item.attributes.get("exe")


def _named(desk: Desk, root: str) -> str:
    for item in desk.view.of("applications"):
        if str(item.attributes.get("path") or item.key) == root:
            return str(item.attributes.get("name") or "")
    return ""


def _starter(desk: Desk, by: str, root: str, program: str) -> tuple[str, str]:
    """Return the line that starts a program, and where it stands; "" for a line that is not known."""
    view = desk.view
    for item in view.of("schedules"):
        command = str(item.attributes.get("command") or "")
        if item.attributes.get("when") == "@reboot" and (program in command or (root and f"{root}/" in command)):
            return command, str(item.attributes.get("file") or item.key)
    for item in view.of("services"):
        has = item.attributes
        if has.get("manager") != "systemd" and by and has.get("fragment") == by:
            for line in str(has.get("command") or "").split("\n"):
                if program in line or (root and f"{root}/" in line):
                    return line, by
            return "", by
    return "", by


def _started(desk: Desk, line: str, root: str, program: str) -> tuple[str, ...]:
    """Return the command of the starter's line: a script of the application that sets things up, or the program."""
    for path in dict.fromkeys(re.findall(r"/[\w./@+-]*\w", line)):
        entry = desk.view.directories.entry(raw(path))
        inside = path == program or (root and path.startswith(f"{root}/"))
        if entry is None or entry.kind != "f" or not inside or not entry.mode & 0o111:
            continue
        said = desk.bytes(path) or b""
        if not re.search(rb"(?m)(?<!&)&[ \t]*$|\b(?:nohup|setsid|daemonize)\b", said):
            return _commands.told_by(line, path)
    return ()


def _function(desk: Desk, belongings: Belongings, found: _Found, name: str) -> Function:
    view = desk.view
    programs = {found.command[0], *(str(one.attributes.get("exe") or "") for one in found.processes)}
    first = {str(argv[0]) for one in found.processes if (argv := one.attributes.get("argv"))}
    owners = {found.package, *(owner(view, raw(path)) for path in programs if path.startswith("/"))} - {""}
    interpreted = {path for path in programs if is_interpreter(path)}
    own = {one for one in owners if one not in belongings.interpreter(interpreted)}
    shells = {owner(view, raw(path)) for path in interpreted} - belongings.interpreter(interpreted)
    needs = (own - shells) | belongings.interpreter({*interpreted, *first, *_paths_to(first)})
    packaged = frozenset(one for package in own - shells for one in belongings.siblings(package))
    environment = any(word.startswith("/") and not owner_of_link(view, raw(word)) for word in first)
    if not environment:  # one of its own has its own modules
        needs |= {module for path in interpreted for module in belongings.modules(basename(path))}
    start = [top for path in (*found.places, found.directory) if (top := belongings.top(path))]
    start += [*belongings.configuration(packaged), *belongings.deviating(packaged)]
    paths, data = belongings.closure(start)
    packages = belongings.leaves(needs)
    return Function(
        name=name,
        command=found.command,
        user=found.user,
        directory=found.directory if found.directory not in {"", "/"} else "",
        environment=tuple(sorted(found.environment.items())),
        packages=packages,
        paths=tuple(sorted({*paths, *found.runtime, *_sources(desk, packages)})),
        ports=_ports(desk, found.processes),
        data=data,
        starts=found.starts,
    )


def _paths_to(names: Iterable[str]) -> list[str]:
    """Return where programs that are called by their names alone most likely lie."""
    return [f"/usr/bin/{name}" for name in names if name and "/" not in name and " " not in name]


def _ports(desk: Desk, processes: Sequence[Item]) -> tuple[str, ...]:
    pids = {pid for item in processes for pid in item.volatile.get("pid") or ()}
    return tuple(
        sorted(
            {
                f"{item.attributes['port']}/{str(item.attributes.get('protocol')).rstrip('6')}"
                for item in desk.view.of("sockets")
                if item.attributes.get("state") == "listen"
                and item.attributes.get("port")
                and pids & set(item.volatile.get("pid") or ())
            }
        )
    )


def _sources(desk: Desk, packages: Sequence[str]) -> Iterator[str]:
    """Yield the files that say where packages come from, where that is not the distribution: sources, keys, pins."""
    offers = [
        one
        for item in desk.view.of("packages")
        if item.attributes.get("name") in packages
        for one in item.volatile.get("offers") or ()
    ]
    for item in desk.view.of("packages"):
        pin = re.search(r"\((/[^()]+)\)$", str(item.attributes.get("pin") or ""))
        if item.attributes.get("name") in packages and pin:
            yield pin[1]
    for item in desk.view.of("repositories"):
        has = item.attributes
        places = [str(uri).partition(":")[2].lstrip("/") for uri in has.get("uris") or ()]
        if has.get("third_party") and any(
            place and place.rstrip("/") in str(one) for place in places for one in offers
        ):
            yield str(has.get("file"))
            yield from re.findall(r"/[\w./+-]+", str(has.get("signed_by") or ""))
            yield from (str(uri)[len("file:") :] for uri in has.get("uris") or () if str(uri).startswith("file:/"))


PLANNER = Planner("functions", 80, _plan)
