"""The scope `files`: every path of the local filesystems; kept as a tree, with items for what few of them have."""

from collections.abc import Iterator
from typing import Any

from driftscan.model.item import Column, Item, Json
from driftscan.model.snapshot import Snapshot
from driftscan.model.text import raw, text
from driftscan.model.tree import Entry, descend
from driftscan.scopes.base import ItemScope, Parsed, Probe, Results

_KINDS = {"f": "file", "d": "directory", "l": "link", "p": "fifo", "s": "socket", "b": "block", "c": "character"}

MOUNTS = Probe(
    "mounts",
    "cat /proc/self/mountinfo; printf '\\000'; cat /proc/filesystems; printf '\\000'\n"
    "find /dev/null -maxdepth 0 -printf gnu 2>/dev/null\n"
    "[ -r /proc/self/mountinfo ] || ds_denied 'what is mounted is not shown (/proc is not there): only / was walked'",
    tools=("find",),
)

COLUMNS = (
    Column("path", "text", "absolute path"),
    Column("type", "text", "file, directory, link, fifo, socket, block, character", golden=True),
    Column("mode", "text", "permission bits in octal, with setuid, setgid and sticky", golden=True),
    Column("user", "text", "name of the owner; the number where no account has it", golden=True),
    Column("group", "text", "name of the group; the number where no group has it", golden=True),
    Column("size", "integer", "bytes"),
    Column("modified", "real", "mtime, seconds since 1970"),
    Column("changed", "real", "ctime, seconds since 1970"),
    Column("inode", "integer", "number of the inode: the same for hard links"),
    Column("links", "integer", "hard links to the inode"),
    Column("target", "text", "what a link says", golden=True),
    Column("package", "text", "package that owns the path; empty: none; null: the packages are not known"),
    Column("digest", "text", "algorithm:hex of the content, where it was hashed", golden=True),
    Column("capabilities", "text", "file capabilities", golden=True, usual=(None, [], "")),
    Column("acl", "json", "entries of the access control list beyond the mode", golden=True, usual=(None, [], "")),
    Column("xattrs", "json", "names of the extended attributes", golden=True, usual=(None, [], "")),
    Column("flags", "json", "immutable, append-only", golden=True, usual=(None, [], "")),
    Column("not_walked", "text", "why a mount was not walked"),
)


def parse(_results: Results) -> Parsed:
    """Make nothing of the mounts alone: the collector plans the survey by them."""
    return Parsed()


def derive(snapshot: Snapshot, path: bytes) -> Iterator[Item]:
    """Yield an item for every path of `snapshot` at or below `path`, with what is known of it from other scopes."""
    if not snapshot.tree:
        return
    names = Names(snapshot)
    more = {item.key: item.attributes for item in snapshot.items if item.scope == "files"}
    below = path.rstrip(b"/") + b"/"
    seen = set()
    for entry in descend(snapshot.objects, snapshot.tree, snapshot.stats, path):
        key = text(entry.path)
        seen.add(key)
        yield Item("files", key, {**names.attributes(entry), **more.get(key, {})})
    for key, attributes in more.items():
        if "not_walked" in attributes and key not in seen and (raw(key) == path or raw(key).startswith(below)):
            yield Item("files", key, {"path": key, **attributes})


class Names:
    """Turns the numbers of a tree into names, by the accounts and packages of the same snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.users = _by_number(snapshot, "user", "uid")
        self.groups = _by_number(snapshot, "group", "gid")
        self._snapshot = snapshot

    def package(self, path: bytes) -> str | None:
        """Return the package that owns a path, "" if none does, None where the packages are not known."""
        ownership = self._snapshot.ownership
        return None if ownership is None else ownership.owner(path)

    def attributes(self, entry: Entry) -> dict[str, Json]:
        """Return the attributes of one entry by column."""
        uid, gid = entry.owner
        return {
            "path": text(entry.path),
            "type": _KINDS.get(entry.kind, entry.kind),
            "mode": f"{entry.mode:04o}",
            "user": self.users.get(uid, str(uid)),
            "group": self.groups.get(gid, str(gid)),
            "size": entry.size,
            "modified": entry.mtime,
            "changed": entry.ctime,
            "inode": entry.inode,
            "links": entry.links,
            "target": text(entry.link) if entry.kind == "l" else None,
            "package": self.package(entry.path),
        }


def _by_number(snapshot: Snapshot, kind: str, number: str) -> dict[int, str]:
    found: dict[int, str] = {}
    for item in snapshot.items:
        attributes: Any = item.attributes
        if item.scope == "accounts" and attributes.get("kind") == kind and isinstance(attributes.get(number), int):
            found.setdefault(attributes[number], str(attributes.get("name", "")))
    return found


SCOPE = ItemScope(
    name="files",
    doc="every file, directory, link and device of the local filesystems",
    columns=COLUMNS,
    probes=(MOUNTS,),
    parse=parse,
    derive=derive,
)
