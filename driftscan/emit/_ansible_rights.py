"""Rights for Ansible: owners and modes, access control lists, capabilities, attributes, and flags at the end."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from driftscan.emit._ansible_names import Names
from driftscan.emit._ansible_places import Place
from driftscan.emit._ansible_task import Reading, Slot, Task, finish, pair, row, task, title
from driftscan.emit._ansible_yaml import Noted, Tail, Template
from driftscan.role.resources import Acl, Capabilities, Flags, Rights, Xattr

_LETTERS = {"immutable": "i", "append-only": "a"}


def rights(_: Names, made: Sequence[Rights]) -> list[Task]:
    """Spell owners and modes of what packages bring."""
    rows = [
        row(one, one.path, path=Place(one.path), owner=one.user or None, group=one.group or None, mode=one.mode or None)
        for one in made
    ]
    arguments = {"path": Slot("path"), "owner": Slot("owner"), "group": Slot("group"), "mode": Slot("mode")}
    name = title("Set the rights of", "Set rights on what packages bring", rows)
    return [task(name, "file", {**arguments, "follow": False}, rows)]


def acls(names: Names, made: Sequence[Acl]) -> list[Task]:
    """Spell access control lists."""
    rows = [row(one, one.path, path=one.path, entries=list(one.entries)) for one in made]
    return pair(
        Reading(
            register=names.var("acl"),
            name="See access control lists",
            argv=["getfacl", "--omit-header", "--absolute-names", "--no-effective", "--", Slot("path")],
            rows=rows,
            label="path",
        ),
        "Set access control lists",
        ["setfacl", "--modify", Slot("entries | join(',')"), "--", Slot("path")],
        "item.item.entries | difference(item.stdout_lines) | length > 0",
    )


def capabilities(names: Names, made: Sequence[Capabilities]) -> list[Task]:
    """Spell file capabilities."""
    rows = [row(one, one.path, path=one.path, value=one.value) for one in made]
    return pair(
        Reading(
            register=names.var("capabilities"),
            name="See which programs have their capabilities",
            argv=["setcap", "-q", "-v", Slot("value"), Slot("path")],
            rows=rows,
            label="path",
        ),
        "Give capabilities to programs",
        ["setcap", Slot("value"), Slot("path")],
        "item.rc != 0",
    )


def attributes(names: Names, made: Sequence[Xattr]) -> list[Task]:
    """Spell extended attributes; their values are bytes, in hexadecimal."""
    rows = [row(one, one.path, path=one.path, name=one.name, value=f"0x{one.value.hex()}") for one in made]
    return pair(
        Reading(
            register=names.var("attribute"),
            name="See extended attributes",
            argv=["getfattr", "--absolute-names", "--encoding", "hex", "--name", Slot("name"), "--", Slot("path")],
            rows=rows,
            label="path",
        ),
        "Set extended attributes",
        ["setfattr", "--name", Slot("name"), "--value", Slot("value"), "--", Slot("path")],
        "(item.item.name ~ '=' ~ item.item.value) not in item.stdout_lines",
    )


def flags(names: Names, made: Sequence[Flags]) -> list[Task]:
    """Spell flags of chattr, when all is written."""
    rows = [row(one, one.path, path=one.path, flags=letters(one), add=f"+{letters(one)}") for one in made]
    return pair(
        Reading(
            register=names.var("flags"),
            name="See which paths are sealed",
            argv=["lsattr", "-d", "--", Slot("path")],
            rows=rows,
            label="path",
        ),
        "Seal paths",
        ["chattr", Slot("add"), "--", Slot("path")],
        "item.item.flags | list | difference(item.stdout.split(' ')[0] | list) | length > 0",
    )


def letters(one: Flags) -> str:
    """Return the flags as chattr spells them."""
    return "".join(_LETTERS.get(flag, flag) for flag in one.flags)


def unsealed(names: Names, tasks: Sequence[Task], sealed: Sequence[str]) -> list[Task]:
    """Return `tasks` with what they need where paths are sealed: the flags come off, if anything is to be written."""
    register = names.var("sealed")
    before: list[Task] = []
    for one in tasks:
        probe = dict(one.node) if isinstance(one.node, Mapping) else {}
        told = "See whether what is sealed is to be written"
        probe["name"] = replace(probe["name"], value=told) if isinstance(probe["name"], Tail) else told
        before += [
            Noted((), {**probe, "check_mode": True, "register": register}),
            finish(
                "Take seals off where something is to be written",
                "command",
                {"argv": ["chattr", "-ia", "--", Template("{{ item }}")], "expand_argument_vars": False},
                {
                    "loop": list(sealed),
                    "when": f"{register} is changed",
                    "changed_when": True,
                    "failed_when": False,
                },
                ("At once, for the next task writes; the seals come back at the end. There may be no such path yet",),
                rules=("no-handler",),
            ),
        ]
    return [*before, *tasks]
