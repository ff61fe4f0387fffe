"""What an inventory is once it is read: hosts in order, groups, and a way to choose among them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from driftscan.errors import InventoryError, UsageError
from driftscan.inventory.mistakes import quoted, suggestion
from driftscan.model.host import Host
from driftscan.model.text import shown

ALL = "all"


def by_group(groups: Iterable[str], inside: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    """Return each group's host names, from the groups that each host is inside of."""
    members: dict[str, list[str]] = {group: [] for group in groups}
    for host, names in inside.items():
        for name in names:
            members[name].append(host)
    return {group: tuple(names) for group, names in members.items()}


@dataclass(frozen=True, slots=True)
class Inventory:
    """Hosts in the order of the file and the names of each group's hosts, those of its child groups included.

    `unusable` holds the hosts of an Ansible inventory that driftscan cannot reach or must not (Windows, a password
    written out …) with the reason, which is raised when such a host is chosen. `source` is the file.
    """

    hosts: tuple[Host, ...]
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unusable: Mapping[str, InventoryError] = field(default_factory=dict)
    source: str = ""

    @property
    def names(self) -> list[str]:
        """The names of all hosts, the unusable ones last."""
        return [*(host.name for host in self.hosts), *self.unusable]

    def match(self, pattern: str) -> list[str]:
        """Return the names that a host name, group name, `all` or shell glob over both means; [] when unknown.

        UsageError for a group without hosts: it is not unknown, and must not be taken for a host somewhere else.
        """
        if pattern == ALL:
            return self.names
        if pattern in self.groups and not self.groups[pattern] and pattern not in self.names:
            raise UsageError(shown(f"group {quoted(pattern)} in {self.source or 'the inventory'} has no host"))
        chosen = {name for group, members in self.groups.items() if fnmatchcase(group, pattern) for name in members}
        return [name for name in self.names if name in chosen or fnmatchcase(name, pattern)]

    def select(self, patterns: Iterable[str]) -> list[Host]:
        """Return the hosts that `patterns` mean, each once, in the order asked for; `!pattern` leaves hosts out.

        UsageError when a pattern means nothing, InventoryError when a chosen host is unusable.
        """
        wanted: dict[str, None] = {}
        unwanted: set[str] = set()
        for pattern in patterns:
            if pattern.startswith("!"):
                unwanted.update(self._known(pattern[1:]))
            else:
                wanted.update(dict.fromkeys(self._known(pattern)))
        return self.pick(name for name in wanted if name not in unwanted)

    def pick(self, names: Iterable[str]) -> list[Host]:
        """Return the hosts with exactly these names, all of which are in the inventory."""
        by_name = {host.name: host for host in self.hosts}
        picked = []
        for name in names:
            if name in self.unusable:
                # Made anew: an exception that is raised twice drags its first traceback along.
                raise InventoryError(self.unusable[name].message, hint=self.unusable[name].hint)
            picked.append(by_name[name])
        return picked

    def _known(self, pattern: str) -> list[str]:
        names = self.match(pattern)
        if not names:
            known = [*self.names, *self.groups, ALL]
            hint = suggestion(pattern, known) or "expected a host, a group, a glob or 'all'"
            raise UsageError(
                shown(f"no host or group {quoted(pattern)} in {self.source or 'the inventory'}"), hint=hint
            )
        return names
