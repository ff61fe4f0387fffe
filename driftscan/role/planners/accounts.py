"""Plans users and groups that somebody has made, and who is in which group; passwords become secrets."""

from collections.abc import Iterator, Mapping

from driftscan.model.item import Json
from driftscan.model.text import raw
from driftscan.role.desk import Desk, Planned, Planner
from driftscan.role.model import LeftOut
from driftscan.role.planners._accounts import Accounts, root_differs, slug
from driftscan.role.resources import Group, Membership, User, Variable, Why

_SCOPE = "accounts"
_SHADOW = "/etc/shadow"


def _plan(desk: Desk) -> Iterator[Planned]:
    accounts = Accounts(desk)
    yield from _root(accounts)
    yield from _groups(desk, accounts)
    for name, words in accounts.users.items():
        yield from _user(desk, accounts, name, words)
    for name in sorted(accounts.known):
        yield from _membership(desk, accounts, name)
    for group, name in accounts.strangers:
        yield LeftOut(_SCOPE, f"group {group}", f"its member {name} has no account")


def _root(accounts: Accounts) -> Iterator[Planned]:
    """Name what root has otherwise: a role that sets it could lock out the one who applies it."""
    root = accounts.known.get("root", {})
    differs = [f"root's {what} {value} is to be set by hand" for what, value in root_differs(root)]
    told = [*differs, *(["root's password is the new host's own"] if root.get("password") == "set" else [])]
    if told:
        yield LeftOut(_SCOPE, "user root", "; ".join(told), limit=bool(differs))


def _groups(desk: Desk, accounts: Accounts) -> Iterator[Planned]:
    """Plan the groups by hand, with those that the users need who come before the packages."""
    for name, words in accounts.groups.items():
        gid = accounts.gids.get(name)
        yield Group(
            why=Why(_SCOPE, f"group {name}", words),
            name=desk.steering.named(name),
            gid=gid if desk.steering.numbers == "keep" else None,
            system=isinstance(gid, int) and gid < accounts.first,
        )


def _user(desk: Desk, accounts: Accounts, name: str, words: str) -> Iterator[Planned]:
    user, key = accounts.known[name], f"user {name}"
    uid = user.get("uid")
    if not isinstance(uid, int):
        yield LeftOut(_SCOPE, key, "its number could not be read", limit=True)
        return
    yield User(
        why=Why(_SCOPE, key, words),
        name=desk.steering.named(name),
        uid=uid if uid == 0 or desk.steering.numbers == "keep" else None,
        group=desk.steering.named(accounts.primary(user)),
        gecos=str(user.get("gecos") or ""),
        home=str(user.get("home") or ""),
        shell=str(user.get("shell") or ""),
        system=0 < uid < accounts.first,
        make_home=_has_home(desk, accounts, name, uid),
        shared_uid=accounts.uids.count(uid) > 1,
        password=_password(desk, name, user),
        expires=str(user.get("expires") or ""),
    )
    yield from _told(key, user)


def _has_home(desk: Desk, accounts: Accounts, name: str, uid: int) -> bool:
    """Whether a home is there, belongs to the user, and is none that a package makes."""
    home = str(accounts.known[name].get("home") or "")
    path = desk.view.ownership.canonical(raw(home))
    entry = desk.view.directories.entry(path) if home.count("/") > 1 else None
    if entry is None or entry.kind != "d" or entry.owner[0] != uid or uid == 0 or not accounts.is_by_hand(name):
        return False
    first = next(one for one, user in accounts.known.items() if user.get("home") == home and user.get("uid") == uid)
    return first == name


def _password(desk: Desk, name: str, user: Mapping[str, Json]) -> Variable | None:
    if user.get("password") != "set":
        return None
    variable = f"{slug(desk.steering.named(name))}_password_hash"
    return desk.secrets.named(variable, _SHADOW, f"password hash of {name}", _hash(desk, name))


def _hash(desk: Desk, name: str) -> bytes | None:
    """Return the hash of a password, where a proof is to have it."""
    lines = (desk.bytes(_SHADOW) or b"").split(b"\n") if desk.hashes else []
    fields = next((line.split(b":") for line in lines if line.startswith(raw(name) + b":")), [b"", b""])
    return fields[1] or None


def _told(key: str, user: Mapping[str, Json]) -> Iterator[Planned]:
    """Name what of an account is not made again."""
    state = user.get("password")
    if state == "empty":
        yield LeftOut(_SCOPE, key, "an empty password is not made again: the account is locked")
    elif state is None:
        yield LeftOut(_SCOPE, key, "whether it has a password could not be read: the account is locked", limit=True)
    elif user.get("must_change") and state == "set":
        yield LeftOut(_SCOPE, key, "that its password must be changed at the next login is not made again", limit=True)


def _membership(desk: Desk, accounts: Accounts, name: str) -> Iterator[Planned]:
    """Plan the groups that a user is in besides its own, all of them at once."""
    groups = accounts.further(name)
    if groups:
        made = name in accounts.users
        named = ", ".join(groups)
        words = f"in {named} besides its own group" if made else f"a package's or the system's, put into {named}"
        key = f"user {name}" if made or len(groups) > 1 else f"group {groups[0]}"
        yield Membership(
            why=Why(_SCOPE, key, words),
            user=desk.steering.named(name),
            groups=tuple(sorted(desk.steering.named(group) for group in groups)),
        )


PLANNER = Planner("accounts", 30, _plan)
