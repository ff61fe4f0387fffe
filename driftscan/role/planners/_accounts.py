"""The accounts of a host as they are planned: which users and groups a role makes, and who is in which group."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from driftscan.explain.accounts import explain, is_closed
from driftscan.model.item import Item, Json
from driftscan.role.desk import Desk

_PEOPLE = 1000
_STATIC = 100  # numbers below are the distribution's to give
_UID_MIN = re.compile(r"^\s*UID_MIN\s+(\d{1,6})\b", re.MULTILINE)
_ROOT_SHELL = re.compile(r"(?:.*/(?:ba|da|a|k)?sh)?", re.DOTALL)
_SCOPE = "accounts"


class Accounts:
    """The users and groups of one host by name.

    `known` are all users. `users` and `groups` are those that the role makes, each with the reason in words: what
    somebody has made, and the groups that those users need before any package could make them.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._items: dict[str, dict[str, Item]] = {"user": {}, "group": {}}
        for item in desk.view.of(_SCOPE):
            if item.attributes.get("kind") in self._items:
                self._items[str(item.attributes["kind"])][str(item.attributes.get("name"))] = item
        self.known: dict[str, Mapping[str, Json]] = {
            name: item.attributes for name, item in self._items["user"].items()
        }
        self.gids = {name: item.attributes.get("gid") for name, item in self._items["group"].items()}
        self.uids = [user.get("uid") for user in self.known.values()]
        self.first = _first(desk)
        self._by_hand = {one.key for one in desk.of(_SCOPE) if one.item is not None}
        self.users = {name: words for name in sorted(self.known) if (words := self._user(name))}
        self.groups = dict(self._groups())
        self._further = self._members()

    def primary(self, user: Mapping[str, Json]) -> str:
        """Return the name of a user's primary group, its number where no group has that."""
        gid = user.get("gid")
        names = sorted(name for name, number in self.gids.items() if number == gid)
        told = next(iter(user.get("groups") or ()), None)
        return str(told if told in names else next(iter(names), gid))

    def is_by_hand(self, name: str) -> bool:
        """Whether somebody has made a user, and no package."""
        return f"user {name}" in self._by_hand

    def further(self, name: str) -> list[str]:
        """Return the groups besides the primary one that the role puts an account into."""
        return self._further.get(name, [])

    @property
    def strangers(self) -> Iterator[tuple[str, str]]:
        """Yield the members of groups by hand that have no account, each after the group."""
        for name, groups in sorted(self._further.items()):
            if name not in self.known:
                yield from ((group, name) for group in groups)

    def _user(self, name: str) -> str:
        """Return why the role makes a user, or sets what it has; "" where it leaves it to the system and packages."""
        if name == "root" or self._desk.refusal(_SCOPE, f"user {name}"):
            return ""
        user, item = self.known[name], self._items["user"][name]
        if f"user {name}" in self._by_hand:
            return "root under another name" if user.get("uid") == 0 else "made by somebody"
        made = explain(self._desk.view, item)
        if user.get("password") == "set":
            return f"of {_maker(made)}, and somebody gave it a password"
        uid = user.get("uid")
        if isinstance(uid, int) and uid < _STATIC and not is_closed(user):
            return "of the base system, and somebody opened it for logins"
        return ""

    def _groups(self) -> Iterator[tuple[str, str]]:
        needed = {self.primary(self.known[name]): name for name in sorted(self.users, reverse=True)}
        for name, item in sorted(self._items["group"].items()):
            gid, made = item.attributes.get("gid"), explain(self._desk.view, item)
            if f"group {name}" in self._by_hand:
                yield name, "made by somebody"
            elif name in needed and made is not None and made.kind != "base system" and _above(gid):
                own = needed[name] == name
                yield name, f"user {name}'s own" if own else f"primary group of {needed[name]}, of {_maker(made)}"

    def _members(self) -> dict[str, list[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for group, item in self._items["group"].items():
            if self._desk.refusal(_SCOPE, f"group {group}"):
                continue
            for member in item.attributes.get("members") or ():
                name = str(member)
                if name in self.users or f"group {group}" in self._by_hand or self._is_put(name, item):
                    found[name].add(group)
        for name in self.users:
            found[name] -= {self.primary(self.known[name])}
        return {name: sorted(groups) for name, groups in found.items() if groups}

    def _is_put(self, name: str, group: Item) -> bool:
        """Whether somebody has put the system's or a package's user into the group of another package.

        A package puts its own user into groups of its own and of the base system.
        """
        user = self._items["user"].get(name)
        if user is None or self._desk.refusal(_SCOPE, f"user {name}"):
            return False
        view, gid = self._desk.view, group.attributes.get("gid")
        whose, what = explain(view, user), explain(view, group)
        if what is None or not what.by or not _above(gid):
            return False
        return whose is None or self._source(whose.by) != self._source(what.by)

    def _source(self, package: str) -> str:
        for item in self._desk.view.of("packages"):
            if item.attributes.get("name") == package:
                return str(item.attributes.get("source") or package)
        return package


def root_differs(root: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    """Yield what root has otherwise than after an installation, with the value: another shell, another home."""
    shell, home = str(root.get("shell") or ""), str(root.get("home") or "")
    if not _ROOT_SHELL.fullmatch(shell):
        yield "shell", shell
    if home not in {"/root", ""}:
        yield "home", home


def slug(name: str) -> str:
    """Return a name as part of a variable's: lower-case letters, digits, underscores."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "account"


def _above(gid: Json) -> bool:
    """Whether a group's number is none of those that each installation has."""
    return isinstance(gid, int) and gid >= _STATIC


def _maker(made: object) -> str:
    by = getattr(made, "by", "")
    return f"package {by}" if by else "the base system"


def _first(desk: Desk) -> int:
    """Return the first number that people are given, by login.defs where that was changed."""
    for item in desk.view.of("contents"):
        told = item.attributes.get("text")
        if item.key == "/etc/login.defs" and isinstance(told, str) and (match := _UID_MIN.search(told)):
            return int(match[1])
    return _PEOPLE
