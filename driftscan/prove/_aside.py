"""What a comparison of a rebuilt host sets aside: what the role does not make again, each with its reason."""

from collections.abc import Iterator, Mapping
from functools import cached_property

from driftscan.drift.subject import Subject
from driftscan.model.proof import Remainder
from driftscan.role.desk import upwards
from driftscan.role.model import LeftOut, Role

LIVE = frozenset({"processes", "sockets"})  # what runs: counted apart, as services and listeners that are up
FOLLOWS = frozenset({"contents", "declarations", "history", "state", "symlinks", "ucf"})  # from other scopes, or data
PATHS = frozenset({"files", "trees"})
_RPM_KEY = "gpg-pubkey"  # what rpm calls the keys that sign its packages
_PLACES = ("file", "path", "key_path", "fragment", "metadata")  # attributes that name the file a thing stands in


class Aside:
    """Tells why a thing of the old host is not expected on the new one; "" where it is."""

    def __init__(self, role: Role) -> None:
        self._role = role

    def subject(self, subject: Subject) -> str:
        """Return why `subject` is set aside."""
        if subject.scope in LIVE | FOLLOWS:
            return "not compared"
        if named := self.named(subject.scope, subject.key):
            return named
        if subject.scope in PATHS:
            return self.path(subject.key)
        has = subject.item.attributes if subject.item is not None else {}
        if has.get("name") == _RPM_KEY:
            return "rpm's own database takes a key in with the first package that it signs"
        places = (has.get(name) for name in _PLACES)
        found = (self.path(place) for place in places if isinstance(place, str) and place.startswith("/"))
        return next((why for why in found if why), "")

    def named(self, scope: str, key: str) -> str:
        """Return why the role leaves out the very thing of that name."""
        one = self._left_out.get((scope, key))
        return "" if one is None else _reason(one)

    def path(self, path: str) -> str:
        """Return why what is at an absolute path is set aside: it, or a directory above, is left out or is data."""
        for step in upwards(path):
            if step in self._data:
                return self._data[step]
            if named := self.named("files", step) or self.named("trees", step):
                return named
        return ""

    def remainder(self) -> Iterator[Remainder]:
        """Yield all that the role says it does not make again."""
        for one in self._role.left_out:
            yield Remainder(one.scope, one.key, _reason(one), failed=False)
        for data in self._role.data:
            yield Remainder("state", data.path, self._data[data.path], failed=False)
        if any(one.scope == "processes" for one in self._role.left_out):
            return  # they are named already
        for stranger in self._role.processes:
            yield Remainder("processes", stranger.command, f"in memory only: {stranger.why}", failed=False)

    @cached_property
    def _data(self) -> Mapping[str, str]:
        return {one.path: f"data to be moved: {one.why or one.engine or 'state'}" for one in self._role.data}

    @cached_property
    def _left_out(self) -> Mapping[tuple[str, str], LeftOut]:
        return {(one.scope, one.key): one for one in self._role.left_out}


def _reason(one: LeftOut) -> str:
    """Return why something is left out, in one clause."""
    return f"beyond driftscan: {one.reason}" if one.limit else one.reason
