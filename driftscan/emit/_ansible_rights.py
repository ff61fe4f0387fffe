"""Rights for Ansible: owners and modes, access control lists, capabilities, attributes, and flags at the end."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from driftscan.emit._ansible_names import Names
from driftscan.emit._ansible_places import Place
from driftscan.emit._ansible_task import Pair, Slot, Task, finish, pair, row, task, title
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
        Pair(
            register=names.var("acl"),
            reading="See access control lists",
            read=["getfacl", "--omit-header", "--absolute-names", "--no-effective", "--", Slot("path")],
            acting="Set access control lists",
            act=["setfacl", "--modify", Slot("entries | join(',')"), "--", Slot("path")],
            differs="item.item.entries | difference(item.stdout_lines) | length > 0",
            rows=rows,
            label="path",
        )
    )


def capabilities(names: Names, made: Sequence[Capabilities]) -> list[Task]:
    """Spell file capabilities."""
    rows = [row(one, one.path, path=one.path, value=one.value) for one in made]
    return pair(
        Pair(
            register=names.var("capabilities"),
            reading="See which programs have their capabilities",
            read=["setcap", "-q", "-v", Slot("value"), Slot("path")],
            acting="Give capabilities to programs",
            act=["setcap", Slot("value"), Slot("path")],
            differs="item.rc != 0",
            rows=rows,
            label="path",
        )
    )


def attributes(names: Names, made: Sequence[Xattr]) -> list[Task]:
    """Spell extended attributes; their values are bytes, in hexadecimal."""
    rows = [row(one, one.path, path=one.path, name=one.name, value=f"0x{one.value.hex()}") for one in made]
    return pair(
        Pair(
            register=names.var("attribute"),
            reading="See extended attributes",
            read=["getfattr", "--absolute-names", "--encoding", "hex", "--name", Slot("name"), "--", Slot("path")],
            acting="Set extended attributes",
            act=["setfattr", "--name", Slot("name"), "--value", Slot("value"), "--", Slot("path")],
            differs="(item.item.name ~ '=' ~ item.item.value) not in item.stdout_lines",
            rows=rows,
            label="path",
        )
    )


def flags(names: Names, made: Sequence[Flags]) -> list[Task]:
    """Spell flags of chattr, when all is written."""
    rows = [row(one, one.path, path=one.path, flags=letters(one), add=f"+{letters(one)}") for one in made]
    return pair(
        Pair(
            register=names.var("flags"),
            reading="See which paths are sealed",
            read=["lsattr", "-d", "--", Slot("path")],
            acting="Seal paths",
            act=["chattr", Slot("add"), "--", Slot("path")],
            differs="item.item.flags | list | difference(item.stdout.split(' ')[0] | list) | length > 0",
            rows=rows,
            label="path",
        )
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
