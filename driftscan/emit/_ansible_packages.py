"""Packages for Ansible: from repositories and from files, with apt, dnf, pacman and apk."""

from collections.abc import Mapping, Sequence

from driftscan.emit._ansible_names import Names
from driftscan.emit._ansible_task import (
    Arguments,
    Reading,
    Row,
    Slot,
    Task,
    command,
    finish,
    over,
    pair,
    reading,
    row,
    task,
    title,
)
from driftscan.emit._ansible_yaml import Node, Noted, Template
from driftscan.role.resources import Package, PackageFile, Refresh

_DAY = 86400
_NO_TRACE = "The package manager's lists are no part of what is made: reading them is no change"
_REFRESH = {"pacman": ["pacman", "-Sy"], "apk": ["apk", "update"]}
_SPOOL = "/var/cache/apt/archives/"
_RPM_SPOOL = "/var/cache/dnf/"


def refresh(_: Names, made: Sequence[Refresh]) -> list[Task]:
    """Spell the reading of the package manager's lists."""
    return [_refresh(manager) for manager in dict.fromkeys(one.manager for one in made)]


def _refresh(manager: str) -> Task:
    name, told = "Read the repositories' lists", (_NO_TRACE,)
    if manager in _REFRESH:
        return command(name, _REFRESH[manager], {"changed_when": False}, notes=told)
    return finish(name, "apt" if manager == "dpkg" else "dnf", {"update_cache": True}, {"changed_when": False}, told)


def packages(names: Names, made: Sequence[Package]) -> list[Task]:
    """Spell packages of one manager in one task."""
    manager = made[0].manager
    rows = [row(one, one.name, spec=_spec(one)) for one in made]
    alike = len({one.notes for one in rows}) == 1
    notes = rows[0].notes if alike else ()
    specs: list[Node] = [Noted(() if alike else one.notes, one.values["spec"]) for one in rows]
    if manager == "dpkg":
        arguments: dict[str, Node] = {"name": specs, "state": "present", "install_recommends": False}
        arguments |= {"update_cache": True, "cache_valid_time": _DAY}
        if any(one.exact for one in made):
            arguments["allow_downgrade"] = True
        return [finish("Install packages", "apt", arguments, {}, notes), *_holds(made)]
    if manager == "rpm":
        arguments = {"name": specs, "state": "present", "install_weak_deps": False}
        if any(one.exact for one in made):
            arguments["allow_downgrade"] = True
        return [finish("Install packages", "dnf", arguments, {}, notes)]
    return _by_command(names, manager, rows)


def _spec(one: Package) -> str:
    name, between = one.name, "=" if one.exact else ">="
    if one.manager == "rpm":
        name = f"{name}.{one.architecture}" if one.architecture and not one.version else name
        if not one.version:
            return name
        return f"{name}-{one.version}" if one.exact else f"{name} >= {one.version}"
    if one.architecture:
        name = f"{name}:{one.architecture}"
    return f"{name}{between}{one.version}" if one.version else name


def _by_command(names: Names, manager: str, rows: list[Row]) -> list[Task]:
    """Ask which packages are missing, and install those: Ansible has no module of its own for these managers."""
    test = ["pacman", "-T", "--"] if manager == "pacman" else ["apk", "info", "--installed"]
    install: list[str | Slot] = (
        ["pacman", "-S", "--noconfirm", "--needed", "--", Slot("spec")]
        if manager == "pacman"
        else ["apk", "add", Slot("spec")]
    )
    return pair(
        Reading(
            register=names.var("package"),
            name="See which packages are there",
            argv=[*test, Slot("spec")],
            rows=rows,
            label="spec",
        ),
        "Install packages",
        install,
        "item.rc != 0",
    )


def _holds(made: Sequence[Package | PackageFile]) -> list[Task]:
    held = [one for one in made if one.hold]
    if not held:
        return []
    rows = [Row(one.name, {"name": _held_name(one)}) for one in held]
    arguments: Arguments = {"name": Slot("name"), "selection": "hold"}
    return [task(title("Hold the package", "Hold packages", rows), "dpkg_selections", arguments, rows)]


def _held_name(one: Package | PackageFile) -> str:
    architecture = one.architecture if isinstance(one, Package) else ""
    return f"{one.name}:{architecture}" if architecture else one.name


def from_files(names: Names, made: Sequence[PackageFile]) -> list[Task]:
    """Spell packages that lie beside the role: sent, installed and taken away again where the host has another."""
    manager = made[0].manager
    register = names.var("own_package")
    spool = _SPOOL if manager == "dpkg" else _RPM_SPOOL
    rows = [row(one, one.name, name=one.name, version=one.version, file=one.file) for one in made]
    differs = "item.stdout != 'installed ' ~ item.item.version"
    read: list[str | Slot] = ["dpkg-query", "--show", "--showformat", "${db:Status-Status} ${Version}", Slot("name")]
    if manager == "rpm":
        read = [
            "rpm",
            "--query",
            "--queryformat",
            "installed %|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}",
            Slot("name"),
        ]
    looked = Reading(
        register=register, name="See which packages of our own are there", argv=read, rows=rows, label="name"
    )
    each: Mapping[str, Node] = {**over(looked), "when": differs}
    there = Template(spool + "{{ item.item.file }}")
    arguments: dict[str, Node]
    if manager == "dpkg":
        install, arguments = "apt", {"deb": there, "install_recommends": False, "allow_downgrade": True}
    else:
        install = "dnf"
        arguments = {"name": there, "install_weak_deps": False, "allow_downgrade": True, "disable_gpg_check": True}
    sent: dict[str, Node] = {"src": Template("packages/{{ item.item.file }}"), "dest": there, "mode": "0644"}
    return [
        reading(looked),
        finish("Send packages of our own", "copy", sent, each),
        finish("Install packages of our own", install, arguments, each),
        finish("Take away the packages' files", "file", {"path": there, "state": "absent"}, each),
        *(_holds(made) if manager == "dpkg" else []),
    ]
