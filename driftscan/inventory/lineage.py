"""Which group is inside which: ancestors, depth, loops."""

from collections.abc import Iterable, Mapping


class Lineage:
    """The order of groups, from each group's children; `loop` names a group that is inside itself, "" if none is.

    Nothing else may be asked when there is a loop.
    """

    def __init__(self, children: Mapping[str, Iterable[str]]) -> None:
        self._parents: dict[str, list[str]] = {name: [] for name in children}
        for parent, names in children.items():
            for child in names:
                self._parents[child].append(parent)
        self._position = {name: position for position, name in enumerate(children)}
        self._ancestors: dict[str, frozenset[str]] = {}
        self._depths = self._settle(children)
        self.loop = self._find_loop()

    def _settle(self, children: Mapping[str, Iterable[str]]) -> dict[str, int]:
        """Return the depth of every group that is in no loop nor below one, each after its parents (Kahn)."""
        depths: dict[str, int] = {}
        missing = {name: len(parents) for name, parents in self._parents.items()}
        ready = [name for name, count in missing.items() if not count]
        while ready:
            name = ready.pop()
            depths[name] = 1 + max((depths[parent] for parent in self._parents[name]), default=0)
            for child in children[name]:
                missing[child] -= 1
                if not missing[child]:
                    ready.append(child)
        return depths

    def _find_loop(self) -> str:
        """Go up from a group that was left over, among those left over: the first one met twice is in a loop."""
        name = next((name for name in self._parents if name not in self._depths), "")
        met: set[str] = set()
        while name and name not in met:
            met.add(name)
            name = next(parent for parent in self._parents[name] if parent not in self._depths)
        return name

    def depth(self, group: str) -> int:
        """Return 1 for a group inside no other, 2 for its children; the longest way counts."""
        return self._depths[group]

    def with_ancestors(self, groups: Iterable[str]) -> tuple[str, ...]:
        """Return `groups` and all they are inside of, in the order in which the groups stand in the file."""
        direct = set(groups)
        whole = direct.union(*(self._around(group) for group in direct))
        return tuple(sorted(whole, key=self._position.__getitem__))

    def innermost(self, groups: Iterable[str]) -> list[str]:
        """Return those of `groups` that are around none of the others."""
        known = list(groups)
        around = {ancestor for group in known for ancestor in self._around(group)}
        return [group for group in known if group not in around]

    def _around(self, group: str) -> frozenset[str]:
        if group not in self._ancestors:
            found: set[str] = set()
            ahead = list(self._parents[group])
            while ahead:
                parent = ahead.pop()
                if parent not in found:
                    found.add(parent)
                    ahead += self._parents[parent]
            self._ancestors[group] = frozenset(found)
        return self._ancestors[group]
