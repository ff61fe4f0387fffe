"""Plans what a path has beyond owner and mode: access control lists, capabilities, extended attributes, flags."""

from collections.abc import Iterator

from driftscan.model.text import number, text
from driftscan.model.tree import Entry
from driftscan.role.desk import Desk, Planned
from driftscan.role.model import LeftOut
from driftscan.role.resources import Acl, Capabilities, Flags, Why, Xattr

_USERS = "user."  # the only namespace whose attributes people set; the others are told by columns of their own


def attributes(desk: Desk, entry: Entry, why: Why) -> Iterator[Planned]:
    """Yield the resources for what the scan has seen of a path beyond the tree."""
    known = desk.view.more.get(entry.path)
    if not known:
        return
    path = text(entry.path)
    if known.get("capabilities"):
        yield Capabilities(why=why, path=path, value=str(known["capabilities"]))
    if known.get("acl"):
        yield Acl(why=why, path=path, entries=tuple(_named(desk, str(one)) for one in known["acl"]))
    for name in known.get("xattrs") or ():
        if not str(name).startswith(_USERS):
            continue
        value = desk.bytes(f"{path}\0xattr:{name}")
        if value is None:
            yield LeftOut("files", path, f"the value of its attribute {name} could not be read", limit=True)
        else:
            yield Xattr(why=why, path=path, name=str(name), value=value)
    if known.get("flags"):
        yield Flags(why=why, path=path, flags=tuple(str(one) for one in known["flags"]))


def _named(desk: Desk, entry: str) -> str:
    """Return an entry of an access control list with the name of an account in place of its number."""
    fields = entry.split(":")
    kind = fields[-3] if len(fields) >= 3 else ""
    names = {"user": desk.view.names.users, "group": desk.view.names.groups}.get(kind)
    who = number(fields[-2]) if names is not None else None
    if names is not None and who is not None:
        fields[-2] = desk.steering.named(names.get(who, fields[-2]))
    return ":".join(fields)
