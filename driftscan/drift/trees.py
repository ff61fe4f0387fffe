"""A directory as one digest: what is below it, without times and without what changes by itself."""

from collections.abc import Iterator
from hashlib import blake2b

from driftscan.drift.volatile import Volatile
from driftscan.explain.view import View
from driftscan.model.text import raw, text
from driftscan.model.tree import Entry, descend


def digest(view: View, path: str, volatile: Volatile) -> tuple[str, int]:
    """Return `tree:` and the hexadecimal digest of what is at `path` and below it, and the number of paths.

    Two directories have the same where names, types, rights, owners by name, sizes, contents as far as they were
    hashed, and the targets of links are the same.
    """
    found, count = blake2b(digest_size=16), 0
    top = raw(path)
    for entry in below(view, top, volatile):
        count += 1
        for part in _parts(view, entry, top):
            found.update(len(part).to_bytes(4, "big"))
            found.update(part)
    return f"tree:{found.hexdigest()}", count


def below(view: View, top: bytes, volatile: Volatile) -> Iterator[Entry]:
    """Yield the entry of a directory and all below it but for what changes by itself."""
    left_out = b""
    for entry in descend(view.snapshot.objects, view.snapshot.tree, view.snapshot.stats, top):
        if left_out and entry.path.startswith(left_out):
            continue
        if entry.path != top and volatile.entry(entry):
            left_out = entry.path + b"/"
            continue
        yield entry


def _parts(view: View, entry: Entry, top: bytes) -> Iterator[bytes]:
    names = view.names
    uid, gid = entry.owner
    yield entry.path[len(top) :]
    yield entry.meta[: entry.meta.index(b" ")]  # type and mode
    yield f"{names.users.get(uid, uid)} {names.groups.get(gid, gid)}".encode("utf-8", "surrogateescape")
    yield entry.link
    known = view.more.get(entry.path, {})
    yield str(entry.size if entry.kind == "f" else 0).encode()
    for name in ("digest", "capabilities", "acl", "flags"):
        yield repr(known.get(name) or "").encode("utf-8", "surrogateescape")


def differences(before: View, after: View, path: str, volatile: Volatile) -> list[str]:
    """Return the paths that make the digest of a directory another: `- PATH`, `+ PATH`, `~ PATH`, in their order."""
    top = raw(path)
    old, new = ({e.path: tuple(_parts(view, e, top)) for e in below(view, top, volatile)} for view in (before, after))
    marks = {one: "-" if one not in new else "+" if one not in old else "~" for one in old.keys() | new.keys()}
    return [f"{marks[one]} {text(one)}" for one in sorted(marks) if old.get(one) != new.get(one)]
