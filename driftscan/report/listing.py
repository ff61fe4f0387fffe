"""Listings: the items of one scope as rows, files and links as `ls -l` shows them."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone

from driftscan.model.item import Item, Json
from driftscan.model.snapshot import Snapshot
from driftscan.model.text import raw
from driftscan.scopes.base import Scope

Listing = tuple[list[str], Iterable[Sequence[Json]]]
_LETTERS = {"file": "-", "directory": "d", "link": "l", "fifo": "p", "socket": "s", "block": "b", "character": "c"}


def listing(snapshot: Snapshot, scope: Scope, path: str, *, long: bool) -> Listing:
    """Return headers and rows of what `snapshot` holds of `scope` at or below `path`; `long` is for people."""
    columns = [column.name for column in scope.columns]
    if scope.derive is None:
        return columns, map(_plain(columns), (item for item in snapshot.of(scope.name) if path in item.key))
    items = scope.derive(snapshot, raw("/" + path.strip("/")))
    headers, row = _LONG.get(scope.name, (columns, _plain(columns))) if long else (columns, _plain(columns))
    return headers, map(row, items)


def _plain(columns: Sequence[str]) -> Callable[[Item], Sequence[Json]]:
    return lambda item: [item.attributes.get(name, item.volatile.get(name)) for name in columns]


def _file(item: Item) -> Sequence[Json]:
    has = item.attributes
    if "mode" not in has:  # a mount that was not walked, below a directory that was not either
        return [None] * 7 + [f"{has['path']}  (not walked: {has.get('not_walked')})"]
    target = f" -> {has['target']}" if has["target"] is not None else ""
    unwalked = f"  (not walked: {has['not_walked']})" if has.get("not_walked") else ""
    modified = datetime.fromtimestamp(float(has["modified"]), timezone.utc).astimezone()
    mode = _LETTERS.get(str(has["type"]), "?") + _letters(int(str(has["mode"]), 8)) + "+" * bool(has.get("acl"))
    told = [has["links"], has["user"], has["group"], has["size"], f"{modified:%Y-%m-%d %H:%M}", has["package"]]
    return [mode, *told, f"{has['path']}{target}{unwalked}"]


def _letters(mode: int) -> str:
    """Return permission bits as ls shows them."""
    out = ""
    for shift, special, letter in ((6, 0o4000, "s"), (3, 0o2000, "s"), (0, 0o1000, "t")):
        bits = mode >> shift & 7
        out += ("r" if bits & 4 else "-") + ("w" if bits & 2 else "-")
        executable = bool(bits & 1)
        out += (letter if executable else letter.upper()) if mode & special else ("x" if executable else "-")
    return out


def _link(item: Item) -> Sequence[Json]:
    has = item.attributes
    final = f"  (in the end {has['final']})" if has["chain"] and has["final"] is not None else ""
    return [has["state"], f"{has['path']} -> {has['target']}{final}"]


_LONG: dict[str, tuple[list[str], Callable[[Item], Sequence[Json]]]] = {
    "files": (["mode", "links", "user", "group", "size", "modified", "package", "path"], _file),
    "symlinks": (["state", "path"], _link),
}
