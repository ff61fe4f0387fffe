"""Services and handlers for Ansible."""

from collections.abc import Sequence
from itertools import groupby

from driftscan.emit._ansible_names import Names
from driftscan.emit._ansible_task import Row, Slot, Task, command, finish, row, task, title
from driftscan.emit._ansible_yaml import Node, Template
from driftscan.role.model import Role
from driftscan.role.resources import Service

_STATES = {"restart": "restarted", "reload": "reloaded"}


def services(names: Names, made: Sequence[Service]) -> list[Task]:
    """Spell services, those that are treated alike in one task."""
    return [_alike(names, list(alike)) for _, alike in groupby(made, _treatment)]


def _treatment(one: Service) -> tuple[object, ...]:
    return (one.manager, one.masked, one.enabled, one.active)


def _alike(names: Names, made: list[Service]) -> Task:
    one = made[0]
    rows = [row(each, each.name, name=each.name) for each in made]
    arguments: dict[str, Node | Slot] = {"name": Slot("name")}
    if one.masked:
        arguments["masked"] = True
    else:
        if one.enabled is not None:
            arguments["enabled"] = one.enabled
        if one.active is not None:
            arguments["state"] = _started(names) if one.active else "stopped"
    module = "sysvinit" if one.manager == "sysv" else "systemd_service"
    return task(_named(one, rows), module, arguments, rows)


def _started(names: Names) -> Template:
    return Template(f"{{{{ 'started' if {names.var('start_services')} | bool else omit }}}}")


def _named(one: Service, rows: Sequence[Row]) -> str:
    if one.masked:
        return title("Mask", "Mask services", rows)
    words = (
        {True: "enable", False: "disable", None: ""}[one.enabled],
        {True: "start", False: "stop", None: ""}[one.active],
    )
    verb = " and ".join(word for word in words if word) or "see to"
    return title(verb.capitalize(), f"{verb.capitalize()} services", rows)


def starts(role: Role) -> bool:
    """Whether the role starts services, so that a person may want it not to."""
    return any(isinstance(one, Service) and one.active and not one.masked for one in role.resources)


def handlers(role: Role, names: Names) -> list[Task]:
    """Spell handlers in the role's order, which is the one that Ansible runs them in."""
    return [_handler(role, names, one.name, one.command) for one in role.handlers]


def _handler(role: Role, names: Names, name: str, argv: tuple[str, ...]) -> Task:
    called = names.handlers[name]
    if argv == ("systemctl", "daemon-reload"):
        return finish(called, "systemd_service", {"daemon_reload": True}, {})
    if len(argv) == 3 and argv[0] == "systemctl" and argv[1] in _STATES:
        # A dry run has not made the unit; and a service that is not to be started is not restarted either.
        when: list[Node] = [
            "not ansible_check_mode",
            *([f"{names.var('start_services')} | bool"] if starts(role) else []),
        ]
        arguments: dict[str, Node] = {"name": argv[2], "state": _STATES[argv[1]]}
        return finish(called, "systemd_service", arguments, {"when": when if len(when) > 1 else when[0]})
    return command(called, list(argv), {"changed_when": True})
