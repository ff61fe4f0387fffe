"""What the readers of all Ansible formats fill: hosts, groups and their variables."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from driftscan.inventory.address import split_port
from driftscan.inventory.document import Entry, Leaf
from driftscan.inventory.mistakes import mistake, quoted
from driftscan.inventory.ranges import Ranges

ALL = "all"
UNGROUPED = "ungrouped"
_PLAIN_NAME = re.compile(r"\w[\w .:%+()-]{0,252}")


@dataclass(slots=True)
class Group:
    """One group: its own hosts and child groups, in order, and its variables."""

    hosts: dict[str, None] = field(default_factory=dict)
    children: dict[str, None] = field(default_factory=dict)
    variables: dict[str, Entry] = field(default_factory=dict)


@dataclass(slots=True)
class Tree:
    """An inventory while it is read, from one file or from several."""

    groups: dict[str, Group] = field(default_factory=dict)
    hosts: dict[str, dict[str, Entry]] = field(default_factory=dict)
    ranges: Ranges = field(default_factory=Ranges)

    def group(self, name: str) -> Group:
        """Return the group of that name, made if it is not there."""
        return self.groups.setdefault(name, Group())

    def add_child(self, parent: str, child: str) -> None:
        """Put one group inside another."""
        self.group(child)
        if child not in {ALL, UNGROUPED}:
            self.group(parent).children[child] = None

    def add_host(self, name: str, group: str, variables: Mapping[str, Entry]) -> None:
        """Put a host into a group; what is said of it later goes before what was said earlier."""
        self.hosts.setdefault(name, {}).update(variables)
        self.group(group).hosts[name] = None

    def add_pattern(self, pattern: str, group: str, variables: Mapping[str, Entry], where: str) -> list[str]:
        """Put the hosts of `name`, `name:port` or a range into a group and return their names."""
        try:
            rest, port = split_port(pattern)
            names = self.ranges.expand(rest)
        except ValueError as error:
            raise mistake(where, f"host {quoted(pattern)} {error}") from None
        with_port = {"ansible_port": Entry(where, Leaf(str(port), where))} if port else {}
        for name in names:
            self.add_host(name, group, {**with_port, **variables})
        return names


def is_plain_name(text: str) -> bool:
    """Whether `text` can stand in a file's name, a report and an error as it is, as names of hosts and groups do."""
    return _PLAIN_NAME.fullmatch(text) is not None
