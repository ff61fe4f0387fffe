"""Paths for Ansible: directories, files, templates, links, lines, and what is taken away."""

from collections.abc import Sequence

from driftscan.emit._ansible_names import Names, source
from driftscan.emit._ansible_places import Place
from driftscan.emit._ansible_task import Arguments, Reading, Row, Slot, Task, pair, row, task, title
from driftscan.emit._ansible_templates import encoding
from driftscan.emit._ansible_yaml import Node
from driftscan.role.resources import Absent, Directory, File, HardLink, Lines, Link, Owned, Special

_OWNED = {"owner": Slot("owner"), "group": Slot("group"), "mode": Slot("mode")}


def _owned(one: Owned, **more: Node | None) -> Row:
    return row(one, one.path, path=Place(one.path), **more, owner=one.user, group=one.group, mode=one.mode)


def directories(_: Names, made: Sequence[Directory]) -> list[Task]:
    """Spell directories."""
    rows = [_owned(one) for one in made]
    name = title("Make the directory", "Make directories", rows)
    return [task(name, "file", {"path": Slot("path"), "state": "directory", **_OWNED}, rows)]


def files(_: Names, made: Sequence[File]) -> list[Task]:
    """Spell files: what is data only made if missing, what holds secrets as templates, all other as they are."""
    if made[0].content is None:
        return _empty(made)
    if made[0].content.variables:
        return _templates(made)
    rows = [_owned(one, src=source(one.path)) for one in made]
    name = title("Copy", "Copy files", rows)
    return [task(name, "copy", {"src": Slot("src"), "dest": Slot("path"), **_OWNED}, rows)]


def _empty(made: Sequence[File]) -> list[Task]:
    rows = [_owned(one) for one in made]
    arguments: Arguments = {"path": Slot("path"), "state": "touch", **_OWNED}
    kept = {"modification_time": "preserve", "access_time": "preserve"}
    name = title("Have a file for the data of", "Have files for data", rows)
    return [task(name, "file", {**arguments, **kept}, rows)]


def _templates(made: Sequence[File]) -> list[Task]:
    rows = [_owned(one, src=f"{source(one.path)}.j2") for one in made]
    arguments: dict[str, Node | Slot] = {"src": Slot("src"), "dest": Slot("path"), **_OWNED}
    content = made[0].content
    if content is not None and encoding(content):
        arguments["output_encoding"] = encoding(content)
    name = title("Write", "Write files with secrets", rows)
    return [task(name, "template", arguments, rows, diff=False)]


def lines(_: Names, made: Sequence[Lines]) -> list[Task]:
    """Spell lines that must be in files."""
    rows = [row(one, one.path, line=line, path=Place(one.path)) for one in made for line in one.lines]
    name = "Add lines" if len({one.path for one in made}) > 1 else title("Add lines to", "Add lines", rows[:1])
    return [task(name, "lineinfile", {"path": Slot("path"), "line": Slot("line")}, rows)]


def links(names: Names, made: Sequence[Link]) -> list[Task]:
    """Spell symbolic links; those whose target Ansible would read are made by ln."""
    plain = [one for one in made if not one.target.startswith("~")]
    odd = [one for one in made if one.target.startswith("~")]
    rows = [
        row(one, one.path, path=Place(one.path), src=Place(one.target), owner=one.user, group=one.group)
        for one in plain
    ]
    arguments: Arguments = {
        "path": Slot("path"),
        "src": Slot("src"),
        "state": "link",
        "owner": Slot("owner"),
        "group": Slot("group"),
        "force": True,
        "follow": False,
    }
    tasks = [task(title("Link", "Make symbolic links", rows), "file", arguments, rows)] if rows else []
    return [*tasks, *(_tilde_links(names, odd) if odd else [])]


def _tilde_links(names: Names, made: Sequence[Link]) -> list[Task]:
    rows = [row(one, one.path, path=one.path, target=one.target, owner=f"{one.user}:{one.group}") for one in made]
    owned = [row(one, one.path, path=Place(one.path), owner=one.user, group=one.group) for one in made]
    rights: Arguments = {"path": Slot("path"), "owner": Slot("owner"), "group": Slot("group"), "follow": False}
    return [
        *pair(
            Reading(
                register=names.var("link"),
                name="See where links with a tilde point",
                argv=["readlink", "--no-newline", "--", Slot("path")],
                rows=rows,
                label="path",
            ),
            "Make links with a tilde",
            ["ln", "--symbolic", "--force", "--no-target-directory", "--", Slot("target"), Slot("path")],
            "item.stdout != item.item.target",
        ),
        task(title("Own the link", "Own links with a tilde", owned), "file", rights, owned),
    ]


def hard_links(_: Names, made: Sequence[HardLink]) -> list[Task]:
    """Spell further names of files."""
    rows = [row(one, one.path, path=Place(one.path), src=Place(one.to)) for one in made]
    arguments: Arguments = {"path": Slot("path"), "src": Slot("src"), "state": "hard", "force": True}
    risk = ("risky-file-permissions",)  # they are those of the file, which has them already
    return [task(title("Link once more", "Make hard links", rows), "file", arguments, rows, rules=risk)]


def specials(names: Names, made: Sequence[Special]) -> list[Task]:
    """Spell fifos and devices: made by mknod, for which Ansible has no module, then given their rights."""
    rows = [
        row(
            one,
            one.path,
            path=one.path,
            kind=one.kind,
            numbers=[] if one.kind == "p" else [str(one.major), str(one.minor)],
        )
        for one in made
    ]
    tests = {"p": "-p", "c": "-c", "b": "-b"}
    tasks: list[Task] = []
    for kind, what in (("p", "fifos"), ("c", "character devices"), ("b", "block devices")):
        those = [one for one in rows if one.values["kind"] == kind]
        if not those:
            continue
        numbers = [] if kind == "p" else [Slot("major"), Slot("minor")]
        tasks += pair(
            Reading(
                register=names.var("special"),
                name=f"See which {what} are there",
                argv=["test", tests[kind], Slot("path")],
                rows=[_numbered(one) for one in those],
                label="path",
            ),
            f"Make {what}",
            ["mknod", "--", Slot("path"), kind, *numbers],
            "item.rc != 0",
        )
    owned = [_owned(one) for one in made]
    rights: Arguments = {"path": Slot("path"), **_OWNED}
    return [*tasks, task(title("Set the rights of", "Set the rights of special files", owned), "file", rights, owned)]


def _numbered(one: Row) -> Row:
    numbers = one.values["numbers"]
    values: dict[str, Node] = {"path": one.values["path"]}
    if isinstance(numbers, list) and numbers:
        values |= {"major": numbers[0], "minor": numbers[1]}
    return Row(one.subject, values, one.notes)


def absent(_: Names, made: Sequence[Absent]) -> list[Task]:
    """Spell what is taken away."""
    rows = [row(one, one.path, path=Place(one.path)) for one in made]
    name = title("Take away", "Take away what was taken away", rows)
    return [task(name, "file", {"path": Slot("path"), "state": "absent"}, rows)]
