"""Diversions, statoverrides and alternatives for Ansible: by dpkg's own commands, each asked before it acts."""

from collections.abc import Sequence

from driftscan.emit._ansible_names import Names
from driftscan.emit._ansible_task import Reading, Row, Slot, Task, pair, row
from driftscan.role.resources import Alternative, Diversion, StatOverride


def diversions(names: Names, made: Sequence[Diversion]) -> list[Task]:
    """Spell diversions; the file is moved."""
    rows = [row(one, one.path, path=one.path, to=one.to) for one in made]
    return pair(
        Reading(
            register=names.var("diversion"),
            name="See where dpkg puts diverted files",
            argv=["dpkg-divert", "--truename", Slot("path")],
            rows=rows,
            label="path",
        ),
        "Divert files of packages",
        ["dpkg-divert", "--local", "--rename", "--divert", Slot("to"), "--add", Slot("path")],
        "item.stdout != item.item.to",
    )


def stat_overrides(names: Names, made: Sequence[StatOverride]) -> list[Task]:
    """Spell owners and modes that dpkg keeps."""
    rows = [
        row(one, one.path, user=_name(one.user), group=_name(one.group), mode=f"{int(one.mode, 8):o}", path=one.path)
        for one in made
    ]
    add = ["dpkg-statoverride", "--force-statoverride-add", "--update", "--add"]
    return pair(
        Reading(
            register=names.var("stat_override"),
            name="See which rights dpkg keeps",
            argv=["dpkg-statoverride", "--list", Slot("path")],
            rows=rows,
            label="path",
        ),
        "Have dpkg keep rights",
        [*add, Slot("user"), Slot("group"), Slot("mode"), Slot("path")],
        "(item.item | dict2items | map(attribute='value') | join(' ')) not in item.stdout_lines",
    )


def _name(account: str) -> str:
    """Return an account as dpkg spells it: a number with a sign before it."""
    return f"#{account}" if account.isdigit() else account


def alternatives(names: Names, made: Sequence[Alternative]) -> list[Task]:
    """Spell choices of update-alternatives: what was put there by hand first, then which is taken."""
    by_hand = [
        row(one, one.name, name=one.name, link=one.link, value=one.value, priority=str(one.priority))
        for one in made
        if one.by_hand
    ]
    chosen = [row(one, one.name, name=one.name, value=one.value) for one in made if one.manual]
    best = [row(one, one.name, name=one.name) for one in made if not one.manual]
    query: list[str | Slot] = ["update-alternatives", "--query", Slot("name")]
    tasks = []
    if by_hand:
        install: list[str | Slot] = [
            "update-alternatives",
            "--install",
            Slot("link"),
            Slot("name"),
            Slot("value"),
            Slot("priority"),
        ]
        offered = "('Alternative: ' ~ item.item.value ~ '\\nPriority: ' ~ item.item.priority) not in item.stdout"
        tasks += _alternatives(names, "Offer alternatives", query, install, offered, by_hand)
    if chosen:
        choose: list[str | Slot] = ["update-alternatives", "--set", Slot("name"), Slot("value")]
        taken = "'Status: manual' not in item.stdout_lines or ('Value: ' ~ item.item.value) not in item.stdout_lines"
        tasks += _alternatives(names, "Choose alternatives", query, choose, taken, chosen)
    if best:
        automatic: list[str | Slot] = ["update-alternatives", "--auto", Slot("name")]
        tasks += _alternatives(
            names, "Take the best alternatives", query, automatic, "'Status: auto' not in item.stdout_lines", best
        )
    return tasks


def _alternatives(
    names: Names, acting: str, read: list[str | Slot], act: list[str | Slot], differs: str, rows: list[Row]
) -> list[Task]:
    return pair(
        Reading(
            register=names.var("alternative"),
            name="See which alternatives there are",
            argv=read,
            rows=rows,
            label="name",
        ),
        acting,
        act,
        differs,
    )
