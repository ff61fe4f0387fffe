"""Archives for Ansible: compared with the host by tar itself, and unpacked only where a member differs."""

from collections.abc import Sequence

from driftscan.emit._ansible_names import Names
from driftscan.emit._ansible_places import Place
from driftscan.emit._ansible_task import Arguments, Row, Slot, Task, command, finish, row, task
from driftscan.emit._ansible_yaml import Node, Noted, Template
from driftscan.role.resources import Archive

_WHY_TAR = (
    "tar, as no module compares owners, modes and contents whatever a file is called. The archives are gone afterwards"
)
_WHY_MTIME = "A time alone is no difference"
_DIFFERS = (
    "item.rc != 0 and (item.stderr_lines | length > 0"
    " or item.stdout_lines | reject('search', ': Mod time differs$') | list | length > 0)"
)


def archives(names: Names, made: Sequence[Archive]) -> list[Task]:
    """Spell archives: sent to a directory of their own, compared, unpacked where the host differs."""
    place, compared = names.var("archives"), names.var("compared")
    there = f"{{{{ {place}.path }}}}/{{{{ item.archive }}}}"
    rows = [row(one, one.path, path=one.path, archive=one.name) for one in made]
    loop = _loop(rows)
    passing: dict[str, Node] = {"changed_when": False, "check_mode": False}
    reading: dict[str, Node] = {"failed_when": f"{compared}.rc | default(2) > 2", "environment": {"LC_ALL": "C"}}
    values = [one.path for one in made]
    return [
        finish(
            "Have a directory for archives",
            "tempfile",
            {"state": "directory"},
            {"register": place, **passing},
            (_WHY_TAR,),
        ),
        finish(
            "Send archives",
            "copy",
            {"src": Template("archives/{{ item.archive }}"), "dest": Template(there), "mode": "0600"},
            {**loop, **passing, "diff": False},
        ),
        _bases(made),
        command(
            "See what differs from the archives",
            [
                "tar",
                "--compare",
                "--warning",
                "no-unknown-keyword",
                "--gzip",
                "--file",
                Template(there),
                "--directory",
                Template("{{ item.path }}"),
            ],
            {**loop, "register": compared, **passing, **reading},
            values=values,
        ),
        command(
            "Unpack archives",
            [
                "tar",
                "--extract",
                "--gzip",
                "--same-owner",
                "--same-permissions",
                "--file",
                Template(f"{{{{ {place}.path }}}}/{{{{ item.item.archive }}}}"),
                "--directory",
                Template("{{ item.item.path }}"),
            ],
            {
                "loop": Template(f"{{{{ {compared}.results }}}}"),
                "loop_control": {"label": Template("{{ item.item.path }}")},
                "when": _DIFFERS,
                "changed_when": True,
            },
            notes=(_WHY_MTIME,),
            values=values,
        ),
        finish(
            "Take the archives away again",
            "file",
            {"path": Template(f"{{{{ {place}.path }}}}"), "state": "absent"},
            passing,
        ),
    ]


def _loop(rows: Sequence[Row]) -> dict[str, Node]:
    return {
        "loop": [Noted(one.notes, dict(one.values)) for one in rows],
        "loop_control": {"label": Template("{{ item.path }}")},
    }


def _bases(made: Sequence[Archive]) -> Task:
    """Make what is missing; the archive itself gives it its rights."""
    rows = [Row(one.path, {"path": Place(one.path)}) for one in made]
    arguments: Arguments = {"path": Slot("path"), "state": "directory"}
    name = "Have the directories that they are unpacked in"
    return task(name, "file", arguments, rows, rules=("risky-file-permissions",))
