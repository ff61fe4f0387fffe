"""The scope `symlinks`: where every symbolic link leads in the end; derived from the file tree."""

from collections.abc import Iterator, Mapping

from driftscan.model.item import Column, Item, Json
from driftscan.model.ownership import resolve
from driftscan.model.snapshot import Snapshot
from driftscan.model.text import raw, text
from driftscan.model.tree import walk
from driftscan.scopes.base import ItemScope, Parsed, Results

_VOLATILE = (b"/proc", b"/sys", b"/dev", b"/run")  # not walked: what is there, the kernel or the boot has made

COLUMNS = (
    Column("path", "text", "absolute path of the link"),
    Column("target", "text", "what the link says"),
    Column("chain", "json", "the links that are followed one after the other, this one left out"),
    Column("final", "text", "the path that it leads to in the end; null where it loops"),
    Column("state", "text", "ok, dangling, loop, or unknown where it leads to what was not walked"),
    Column("crosses", "boolean", "whether it leads into another top-level directory"),
)


def parse(_results: Results) -> Parsed:
    """Make nothing: there are no probes."""
    return Parsed()


def derive(snapshot: Snapshot, path: bytes) -> Iterator[Item]:
    """Yield an item for every link of `snapshot` at or below `path`."""
    for link, final, state in states(snapshot, path):
        yield Item("symlinks", text(link), _attributes(link, final, snapshot.links, state))


def states(snapshot: Snapshot, path: bytes = b"/") -> Iterator[tuple[bytes, bytes | None, str]]:
    """Yield every link at or below `path`, where it leads in the end (None: in a circle), and its state."""
    top = path.rstrip(b"/")
    finals = {
        link: final for link, final in snapshot.finals.items() if not top or link == top or link.startswith(top + b"/")
    }
    there = _existing(snapshot, {final for final in finals.values() if final is not None})
    hidden = [raw(item.key) for item in snapshot.items if item.scope == "files" and "not_walked" in item.attributes]
    for link, final in finals.items():
        yield link, final, _state(final, there, hidden)


def _existing(snapshot: Snapshot, wanted: set[bytes]) -> set[bytes]:
    """Return those of `wanted` that are in the tree; only directories on the way to one are opened."""
    if not snapshot.tree:
        return set()
    above: set[bytes] = set()
    for path in wanted:
        directory = path.rpartition(b"/")[0]
        while directory and directory not in above:
            above.add(directory)
            directory = directory.rpartition(b"/")[0]
    entries = walk(snapshot.objects, snapshot.tree, snapshot.stats, lambda path, _child: path in above)
    return {b"/"} | {entry.path for entry in entries if entry.path in wanted}


def _state(final: bytes | None, there: set[bytes], hidden: list[bytes]) -> str:
    if final is None:
        return "loop"
    if final in there:
        return "ok"
    if any(final == top or final.startswith(top + b"/") for top in (*_VOLATILE, *hidden)):
        return "unknown"
    return "dangling"


def _attributes(link: bytes, final: bytes | None, known: Mapping[bytes, bytes], state: str) -> dict[str, Json]:
    return {
        "path": text(link),
        "target": text(known[link]),
        "chain": [text(step) for step in chain(link, known)],
        "final": None if final is None else text(final),
        "state": state,
        "crosses": final is not None and final.split(b"/", 2)[1:2] != link.split(b"/", 2)[1:2],
    }


def chain(link: bytes, known: Mapping[bytes, bytes]) -> list[bytes]:
    """Return the links that `link` leads to one after the other, up to the first that comes again."""
    steps: list[bytes] = []
    step = link
    while (target := known.get(step)) is not None:
        directory, _, _ = step.rpartition(b"/")
        joined = target if target.startswith(b"/") else b"%s/%s" % (directory, target)
        parent, _, name = joined.rstrip(b"/").rpartition(b"/")
        folder = resolve(parent, known)
        if folder is None:
            break
        if name in {b".", b"..", b""}:  # a directory by its own name: no link any more
            break
        step = b"%s/%s" % (folder.rstrip(b"/"), name)
        if step not in known or step in steps or step == link:
            break
        steps.append(step)
    return steps


SCOPE = ItemScope(
    name="symlinks",
    doc="every symbolic link, and where it leads in the end",
    columns=COLUMNS,
    probes=(),
    parse=parse,
    derive=derive,
)
