"""Accounts for Ansible: groups, users and who is in which group."""

from collections.abc import Sequence
from datetime import date

from driftscan.emit._ansible_names import Names
from driftscan.emit._ansible_places import Place
from driftscan.emit._ansible_task import Arguments, Slot, Task, finish, row, task, title
from driftscan.emit._ansible_yaml import Node, Tail, Template
from driftscan.role.resources import Group, Membership, User


def groups(_: Names, made: Sequence[Group]) -> list[Task]:
    """Spell groups."""
    rows = [row(one, one.name, name=one.name, gid=one.gid, system=one.system or None) for one in made]
    arguments: Arguments = {"name": Slot("name"), "gid": Slot("gid"), "system": Slot("system"), "state": "present"}
    return [task(title("Make the group", "Make groups", rows), "group", arguments, rows)]


def users(names: Names, made: Sequence[User]) -> list[Task]:
    """Spell users, each with a task of its own: they have little in common."""
    return [_user(names, one) for one in made]


def _user(names: Names, one: User) -> Task:
    arguments: dict[str, Node] = {"name": one.name, **_numbered(one), "group": one.group}
    if one.gecos and not one.gecos.startswith("~"):
        arguments["comment"] = Place(one.gecos)
    if one.home:
        arguments["home"] = Place(one.home)
    if one.shell:
        arguments["shell"] = Place(one.shell)
    if one.system:
        arguments["system"] = True
    arguments["create_home"] = one.make_home
    if one.password:
        arguments["password"] = Template(f"{{{{ {names.var(one.password.name)} }}}}")
    else:
        arguments["password_lock"] = True
    if one.expires:
        arguments["expires"] = Tail(_epoch(one.expires), one.expires)
    told = row(one, one.name)
    keywords: dict[str, Node] = {"no_log": True} if one.password else {}
    return finish(title("Make the user", "Make a user", [told]), "user", arguments, keywords, told.notes)


def _numbered(one: User) -> dict[str, Node]:
    if one.uid is None:
        return {}
    return {"uid": one.uid, "non_unique": True} if one.shared_uid else {"uid": one.uid}


def _epoch(day: str) -> str:
    return str((date.fromisoformat(day) - date(1970, 1, 1)).days * 86400)


def members(_: Names, made: Sequence[Membership]) -> list[Task]:
    """Spell memberships; a home that is missing is not made on the way."""
    rows = [row(one, one.user, name=one.user, groups=list(one.groups)) for one in made]
    arguments: Arguments = {"name": Slot("name"), "groups": Slot("groups"), "append": True, "create_home": False}
    return [task(title("Add to its groups the user", "Add users to groups", rows), "user", arguments, rows)]
