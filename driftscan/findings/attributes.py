"""What a listing does not show: access control lists, immutable and append-only flags, attributes of users."""

from collections.abc import Iterable, Iterator

from driftscan.explain.view import View
from driftscan.findings.base import Family, Rule
from driftscan.model.finding import Finding, Severity
from driftscan.model.item import Json
from driftscan.model.text import number, text

ACL = Rule(
    "acl-extra",
    Severity.LOW,
    "files",
    "has an access control list beyond its mode",
    "write it down (getfacl): a rebuild needs it; or remove it with setfacl -b",
    needs=("files", "packages"),
    doc="An access control list opens a file to more accounts than its mode shows, and copies and backups lose it.\n\n"
    "Every list with a named account or group, or with defaults for new files, counts; what is below a directory that "
    "is told is counted with it. A list by which somebody may write what a package owns is medium. Lists that let only "
    "read, on a service's own state, are left out: systemd's journal has them.",
)
IMMUTABLE = Rule(
    "immutable-flag",
    Severity.LOW,
    "files",
    "cannot be changed, not even by root, until its flag is taken away",
    "find out what it guards; write it down, or take it away with chattr -i -a",
    needs=("files",),
    doc="The flags immutable and append-only make upgrades and configuration management fail without a reason that one "
    "sees, and intruders guard their files with them.\n\n"
    "lsattr shows them; filesystems without such flags show nothing.",
)
XATTR = Rule(
    "xattr-user",
    Severity.INFO,
    "files",
    "carries attributes that a user has set",
    "copy it with tools that keep extended attributes (rsync -X, tar --xattrs) if something reads them",
    needs=("files",),
    doc="Extended attributes of users hold what a program or a person noted beside the content, as where a file came "
    "from. Most copies lose them.\n\n"
    "Only names that begin with user. count, on paths that nothing explains.",
)

_BASIC = ("user::", "group::", "other::", "mask::")


def find(view: View) -> Iterator[Finding]:
    """Judge what the second look at files has brought."""
    acls = [path for path, more in view.more.items() if _extra(more.get("acl")) and not _own_state(view, path)]
    for path, below in _topmost(acls):
        entries = _extra(view.more[path].get("acl"))
        named = [entry for entry in entries if _who(entry)] or entries
        evidence: dict[str, Json] = {"acl": [_named(view, entry) for entry in named], **_below(below)}
        grave = _may_write(entries) and bool(view.ownership.owner(path))
        yield ACL.finding(text(path), evidence, Severity.MEDIUM if grave else None)
    for path, below in _topmost(path for path, more in view.more.items() if more.get("flags")):
        evidence = {"flags": view.more[path]["flags"], **_below(below)}
        users = _users(view.more[path].get("xattrs"))
        yield IMMUTABLE.finding(text(path), evidence | ({"attributes": users} if users else {}))
    for path, below in _topmost(path for path, more in view.more.items() if _users(more.get("xattrs"))):
        if _is_strange(view, path) and not view.more[path].get("flags"):
            yield XATTR.finding(text(path), {"attributes": _users(view.more[path]["xattrs"]), **_below(below)})


def _extra(acl: Json) -> list[str]:
    """Return the entries of a list beyond the mode."""
    return [entry for entry in acl if not entry.startswith(_BASIC)] if isinstance(acl, list) else []


def _may_write(entries: Iterable[str]) -> bool:
    return any("w" in entry.rpartition(":")[2] for entry in entries)


def _who(entry: str) -> str:
    """Return the account of `user:1001:rwx`; "" of `mask::rwx`."""
    return entry.rpartition(":")[0].rpartition(":")[2]


def _own_state(view: View, path: bytes) -> bool:
    """Whether this is a service's own state, opened for no more than reading."""
    entries = _extra(view.more[path].get("acl"))
    if _may_write(entry for entry in entries if _who(entry)):
        return False
    explanation = view.explained.of(path)
    return explanation is not None and path.startswith(b"/var/")


def _named(view: View, entry: str) -> str:
    """Return `user:1001:rwx` with the account's name."""
    fields = entry.split(":")
    who = number(fields[-2]) if len(fields) >= 3 else None
    if who is not None:
        names = view.names.users if fields[-3] == "user" else view.names.groups
        fields[-2] = names.get(who, fields[-2])
    return ":".join(fields)


def _users(xattrs: Json) -> list[str]:
    return [name for name in xattrs if name.startswith("user.")] if isinstance(xattrs, list) else []


def _is_strange(view: View, path: bytes) -> bool:
    return view.seen("packages") and view.explained.of(path) is None


def _topmost(paths: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
    """Yield each path with none of the others above it, and how many of them are below."""
    top, below = b"", 0
    for path in sorted(paths, key=lambda path: path.split(b"/")):
        if top and path.startswith(top + b"/"):
            below += 1
            continue
        if top:
            yield top, below
        top, below = path, 0
    if top:
        yield top, below


def _below(count: int) -> dict[str, Json]:
    return {"below": count} if count else {}


FAMILY = Family((ACL, IMMUTABLE, XATTR), find)
