"""The scope `contents`: the text of configuration and scripts that is changed or unexplained, its secrets replaced."""

import hashlib
from collections.abc import Sequence

from driftscan.model.item import Column, Item, Json
from driftscan.model.manifest import PackagedFile
from driftscan.model.outcome import HostFile, Outcome
from driftscan.model.ownership import Ownership
from driftscan.model.snapshot import Snapshot
from driftscan.model.text import raw, text
from driftscan.model.tree import Entry
from driftscan.scopes._common import number
from driftscan.scopes._follow import no_tree
from driftscan.scopes._places import ROOTS
from driftscan.scopes.base import Again, Follow, ItemScope, Parsed, Probe, Results, Since
from driftscan.scopes.texts.choice import SIZE_LIMIT, SOUGHT, Wanted, choose, concerns, in_home
from driftscan.scopes.texts.read import read_probe, told
from driftscan.scopes.texts.secret_files import is_history
from driftscan.scopes.texts.secrets import Content, private_keys, read

COLUMNS = (
    Column("path", "text", "Absolute path"),
    Column(
        "text",
        "text",
        "What it says, secrets replaced; null where it is not kept: below homes, binary, a key, a secret as a whole",
    ),
    Column("lines", "integer", "Lines; null where it is binary, a key or a history"),
    Column("size", "integer", "Bytes; null of a history, which grows"),
    Column(
        "secrets",
        "json",
        "Secrets in it: name, line and kind: value, file (all of it), history, private key (with `encrypted`)",
    ),
    Column("shebang", "text", "First line of a script"),
    Column("package", "text", "Package that owns it; it was changed then", owner_of="path"),
)


def probes(snapshot: Snapshot) -> list[Probe]:
    """Return the probe that shows the files worth reading."""
    if not snapshot.tree:
        return [no_tree()]
    choice = choose(snapshot)
    return [read_probe(choice.wanted, choice.left_out)] if choice.wanted else []


def again(snapshot: Snapshot, since: Since) -> Again | None:
    """Return what is read again: files that have changed, and those of which nothing was said though it could be."""
    said = since.said("contents")
    ownership = snapshot.ownership or Ownership((), {})
    if said is None or not any(concerns(change, ownership) for change in since.changes):
        return None if said is None else Again((), said)
    known = {raw(item.key): item for item in said.items}
    choice = choose(snapshot)
    left, kept = list[Wanted](), list[Item]()
    for one in choice.wanted:
        path = one.entry.path
        if path in since.paths or (path not in known and not one.digest):
            left.append(one)
        elif path in known:  # else it was as its package brought it
            kept.append(known[path])
    return Again([read_probe(left, choice.left_out)], Parsed(kept))


def parse(snapshot: Snapshot, results: Results) -> Parsed:
    """Turn what was shown into one item per file."""
    directories = snapshot.directories
    ownership = snapshot.ownership or Ownership((), {})
    items: dict[bytes, Item] = {}
    notes = []
    for result in results.values():
        for kind, path, lines in told(result.stdout):
            if kind == b"left" and (count := number(path)):
                notes.append(_left_out(count, lines))
            entry = directories.entry(path) if kind == b"key" else None
            if entry is not None:
                items[path] = _item(entry, Content(None, private_keys(lines), None, None))
        for file in result.files:
            entry = directories.entry(file.path)
            owned = ownership.get(file.path)
            if entry is None or file.outcome is not Outcome.OK or (owned is not None and _pristine(file, owned[1])):
                continue
            keep = not in_home(file.path)
            items[file.path] = _item(entry, read(file.path, file.data[:SIZE_LIMIT], keep=keep))
    return Parsed([items[path] for path in sorted(items)], notes=notes)


def _left_out(count: int, places: Sequence[bytes]) -> str:
    most = ", ".join(text(place) for place in places if place)
    return f"{count:,} more files left out, over the limit of one application or of the host" + (most and f": {most}")


def _pristine(file: HostFile, packaged: bytes) -> bool:
    """Whether a file still is what its package brought."""
    algorithm, _, value = PackagedFile.decode(packaged).digest.partition(":")
    if algorithm not in {"md5", "sha1", "sha256", "sha512"}:
        return False
    return hashlib.new(algorithm, file.data, usedforsecurity=False).hexdigest() == value


def _item(entry: Entry, content: Content) -> Item:
    path = entry.path
    attributes: dict[str, Json] = {
        "path": text(path),
        "text": content.text,
        "lines": content.lines,
        "size": None if is_history(path) else entry.size,
        "secrets": content.secrets,
        "shebang": content.shebang,
    }
    return Item("contents", text(path), attributes)


SCOPE = ItemScope(
    name="contents",
    doc="Configuration and scripts that no package owns or that were changed: their text, without its secrets",
    columns=COLUMNS,
    follow=Follow(probes, parse, again, (*SOUGHT, ROOTS)),
)
