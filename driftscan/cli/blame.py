"""`driftscan blame`: every state that a path or an item ever had."""

from typing import TYPE_CHECKING, Annotated

import typer

from driftscan.cli.options import Shared, offline, page, print_rows
from driftscan.errors import StoreError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from driftscan.drift.blame import Blame
    from driftscan.explain.view import View
    from driftscan.model.item import Json
    from driftscan.store import State, Store

_HEADERS = ["host", "scope", "key", "there", "since", "before", "last seen", "first snapshot", "last snapshot"]


@offline
def blame(
    shared: Shared,
    target: Annotated[str, typer.Argument(metavar="HOST", help="Host that was scanned.")],
    what: Annotated[str, typer.Argument(metavar="PATH|SCOPE", help="A path, or the scope of an item.")],
    key: Annotated[str | None, typer.Argument(metavar="KEY", help="The item, where a scope was named.")] = None,
    format_name: Annotated[str, typer.Option("--format", "-f", help="text, json or csv.")] = "text",
) -> int:
    """Tell every state that a path or an item ever had. For example: driftscan blame web1 /etc/motd."""
    from driftscan.cli.judging import view
    from driftscan.model.revision import Revision

    if format_name not in {"text", "json", "csv"}:
        raise UsageError(f"there is no format {format_name!r} here", hint="use one of csv, json, text")
    chosen = shared.one_target(target)
    if chosen.revision is not None:
        raise UsageError("blame tells of all snapshots", hint="name the host without a revision")
    with shared.store() as store:
        stored = store.snapshot_at(chosen.host.name, Revision("latest"))
        found = _found(view(store, store.load(stored)), store, what, key)
        _print(found, format_name)
    return 0


def _found(seen: "View", store: "Store", what: str, key: str | None) -> "Blame":
    """Return the past of what was asked for; StoreError where the store has never seen it."""
    from driftscan.drift.blame import blame_item, blame_path
    from driftscan.model.text import raw, shown
    from driftscan.scopes.base import scopes

    host = seen.snapshot.host
    scope = scopes().get(what)
    if what.startswith("/") or (scope is not None and scope.derive is not None and key):
        if what.startswith("/") and key is not None:
            raise UsageError("a path has no key", hint="name a path, or a scope and a key")
        path = raw("/" + (what if what.startswith("/") else str(key)).strip("/"))
        found = blame_path(seen, store, seen.ownership.canonical(path))
        if not found.states and not found.named:
            raise StoreError(f"no kept snapshot of {shown(host)} has {shown(what)}")
        return found
    if scope is None:
        raise UsageError(f"{what!r} is no path and no scope", hint=f"name a path, or one of {', '.join(scopes())}")
    if key is None:
        raise UsageError(f"no item of {what} was named", hint=f"`driftscan show {shown(host)} {what}` lists them")
    keys = store.keys(what, host, key)
    exact = key in keys or len(keys) == 1
    if not exact:
        near = f"did you mean {', '.join(map(shown, keys))}?" if keys else f"see `driftscan show {shown(host)} {what}`"
        raise StoreError(f"{shown(host)} never had {shown(key)} among its {what}", hint=near)
    return blame_item(seen, store, what, key if key in keys else keys[0])


def _print(found: "Blame", format_name: str) -> None:
    from driftscan.report.blame import text

    document = _document(found)
    if format_name == "text":
        for line in text(document, page()):
            typer.echo(line)
    elif format_name == "json":
        import json

        typer.echo(json.dumps(document, indent=2))
    else:
        names = list(dict.fromkeys(name for past in found.states for name in past.attributes or ()))
        print_rows("csv", [*_HEADERS, *names], _rows(found, document["states"], names))


def _rows(found: "Blame", states: "Sequence[Mapping[str, Json]]", names: "Sequence[str]") -> "Iterator[Sequence[Json]]":
    told = ("seen", "before", "last_seen", "first", "last")
    for state in states:
        has = state["attributes"]
        cells = [state[name] for name in told] + [(has or {}).get(name) for name in names]
        yield [found.host, found.scope, found.key, has is not None, *cells]


def _document(found: "Blame") -> "dict[str, Json]":
    return {
        "host": found.host,
        "scope": found.scope,
        "key": found.key,
        "states": [
            {
                "attributes": None if past.attributes is None else dict(past.attributes),
                "first": past.first,
                "seen": _iso(past.seen),
                "last": past.last,
                "last_seen": _iso(past.last_seen),
                "before": _iso(past.before),
            }
            for past in found.states
        ],
        "by": found.by,
        "diff": list(found.diff),
        "named": [_naming(state, found.key) for state in found.named],
    }


def _naming(state: "State", value: str) -> "dict[str, Json]":
    item = state.item
    ways = ["key"] if item.key == value else []
    ways += [name for name, told in item.attributes.items() if _holds(told, value)]
    gone = _iso(state.gone_seen)
    return {"scope": item.scope, "key": item.key, "as": ways, "seen": _iso(state.seen), "gone": gone}


def _holds(told: "Json", value: str) -> bool:
    if isinstance(told, list):
        return any(_holds(one, value) for one in told)
    return any(_holds(one, value) for one in told.values()) if isinstance(told, dict) else bool(told == value)


def _iso(when: "datetime | None") -> str | None:
    return None if when is None else when.isoformat()


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(blame)
