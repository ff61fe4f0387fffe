"""Explains users and groups by the packages that make them; people, and what was made for them, are left."""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from driftscan.explain._programs import PATH
from driftscan.explain.base import ItemExplainer
from driftscan.model.explanation import Explanation
from driftscan.model.item import Item, Json
from driftscan.model.manifest import PackagedFile
from driftscan.model.text import raw

if TYPE_CHECKING:
    from driftscan.explain.view import View

_PEOPLE = 1000  # the first number that distributions give to people (EL 6 and older: 500)
_STATIC = 100  # numbers below are given out by the distribution itself; on EL below 201
_NOBODY = frozenset({65533, 65534, 4294967294})
_CLOSED = re.compile(r".*/(?:nologin|false|true|sync|shutdown|halt|noshell|git-shell|null)|")
_MAINTAINER = re.compile(
    r"/var/lib/dpkg/info/([^/:]+)(?::[^/]*)?\.(?:pre|post)inst|/var/lib/pacman/local/(.+)-[^-]+-[^-]+/.*"
)

_known: "WeakKeyDictionary[View, _Makers]" = WeakKeyDictionary()


class _Makers:
    """What of a snapshot speaks of accounts: units, programs, owners of packaged files."""

    def __init__(self, view: "View") -> None:
        self.units = {
            str(one.attributes.get("user")): one for one in view.of("services") if one.attributes.get("package")
        }
        self.packages = {str(one.attributes.get("name")) for one in view.of("packages")}
        self.recorded: dict[str, str] = {}  # rpm keeps the owners of files by name
        for manifest in view.ownership.manifests:
            for encoded in manifest.files.values():
                if encoded.count(b"\t") >= 2:
                    file = PackagedFile.decode(encoded)
                    self.recorded.setdefault(file.user, manifest.name)
                    self.recorded.setdefault(file.group, manifest.name)
        self.users = {str(one.attributes.get("name")): one for one in view.of("accounts") if _is(one, "user")}


def explain(view: "View", item: Item) -> Explanation | None:
    """Return who has made a user or group; None for what a person has."""
    if view not in _known:
        _known[view] = _Makers(view)
    makers, has = _known[view], item.attributes
    return _group(view, makers, has) if has.get("kind") == "group" else _user(view, makers, has)


def is_closed(user: Mapping[str, Json]) -> bool:
    """Return whether nobody can log in as a user: no shell, no password that could match."""
    shell = str(user.get("shell") or "")
    return bool(_CLOSED.fullmatch(shell)) and user.get("password") not in {"set", "empty"}


def _user(view: "View", makers: _Makers, user: Mapping[str, Json]) -> Explanation | None:
    uid, name = user.get("uid"), str(user.get("name"))
    if not isinstance(uid, int):
        return None
    if uid == 0:
        return Explanation("base system", "", "root") if name == "root" else None
    if uid in _NOBODY:
        return Explanation("base system", "", "nobody's account")
    if uid >= _PEOPLE and not _late(uid):
        return None
    declared = _declared(view, user)
    if declared is not None:
        return declared
    if not is_closed(user):
        return None
    if uid < _STATIC:
        return Explanation("base system", "", "its number is the distribution's to give")
    return _by_use(view, makers, name, user.get("home"))


def _group(view: "View", makers: _Makers, group: Mapping[str, Json]) -> Explanation | None:
    gid, name = group.get("gid"), str(group.get("name"))
    if not isinstance(gid, int):
        return None
    if gid == 0 or gid in _NOBODY or gid < _STATIC:
        return Explanation("base system", "", "its number is the distribution's to give")
    namesake = makers.users.get(name)
    if namesake is not None and namesake.attributes.get("gid") == gid and not group.get("members"):
        made = _user(view, makers, namesake.attributes)
        return made or Explanation("account", name, "the user's own group")
    if gid == _STATIC and name == "users":
        return Explanation("base system", "", "users")
    if gid >= _PEOPLE and not _late(gid):
        return None
    return _declared(view, group) or _by_use(view, makers, name, None, gid)


def _late(number: int) -> bool:
    """Return whether a number is of the range from which packages and systemd take them, above that of people."""
    return 60000 <= number < 65536 and number not in _NOBODY


def _declared(view: "View", account: Mapping[str, Json]) -> Explanation | None:
    declared = account.get("declared")
    if not isinstance(declared, str):
        return None
    if match := _MAINTAINER.fullmatch(declared):
        return Explanation("maintainer script", match[1] or match[2], declared)
    package = view.ownership.owner(raw(declared))
    return Explanation("package", package, declared) if package else None


def _by_use(view: "View", makers: _Makers, name: str, home: Json, gid: int | None = None) -> Explanation | None:
    """Return the package that an account is for, by what packages have of it or by its name."""
    if name in makers.units:
        unit = makers.units[name].attributes
        return Explanation("package", str(unit["package"]), f"{unit.get('name')} runs as it")
    if name in makers.recorded:
        return Explanation("package", makers.recorded[name], "files of it are shipped so")
    if name in makers.packages:
        return Explanation("package", name, "named for it")
    places = [raw(home)] if isinstance(home, str) and home.count("/") > 1 else []
    programs = [b"%s/%s" % (folder, raw(name)) for folder in PATH]
    for path in (*places, *programs):
        if package := view.ownership.owner(path):
            return Explanation("package", package, f"named for {path.decode(errors='replace')}")
    return _of_files(view, gid) if gid is not None else None


def _of_files(view: "View", gid: int) -> Explanation | None:
    """Return the package one of whose files belongs to a group."""
    for entry in view.search(rb"[fd]\d+ \d+ %d(?: |$|\0)" % gid):
        if package := view.ownership.owner(entry.path):
            return Explanation("package", package, f"{entry.path.decode(errors='replace')} belongs to it")
    return None


def _is(item: Item, kind: str) -> bool:
    return item.attributes.get("kind") == kind


def asks(item: Item) -> bool:
    """Return whether an item is a user or group."""
    return item.attributes.get("kind") in {"user", "group"}


ITEMS = ItemExplainer("accounts", "the package that made a user or group", explain, asks)


def by_hand(view: "View") -> Iterable[Item]:
    """Yield the users that nobody but a person has made."""
    return [item for item in view.of("accounts") if _is(item, "user") and explain(view, item) is None]
