"""`driftscan sql`: a question of one's own to everything that was ever seen."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from driftscan.cli.options import Format, Shared, offline, print_rows

if TYPE_CHECKING:
    from driftscan.store import Store


@offline
def sql(
    shared: Shared,
    statement: Annotated[
        str,
        typer.Argument(metavar="SELECT", help="One statement; `driftscan scopes NAME` lists the columns of each view."),
    ],
    format_name: Format = "table",
) -> int:
    """Ask in SQL. Each scope is a view of every host's newest state, SCOPE_history of all states, files a table too."""
    with shared.store() as store, store.sql(statement, _trees(store)) as result:
        print_rows(format_name, list(result.columns), result.rows)
    return 0


def _trees(store: "Store") -> dict[str, tuple[list[str], Callable[[], Iterator[tuple[Any, ...]]]]]:
    """Return the tables of the scopes that live in the file tree; each is made only for a statement that names it."""
    from driftscan.scopes.base import scopes

    return {
        scope.name: (["host", *(column.name for column in scope.columns)], _rows(store, scope.name))
        for scope in scopes().values()
        if scope.derive
    }


def _rows(store: "Store", name: str) -> Callable[[], Iterator[tuple[Any, ...]]]:
    import json

    from driftscan.scopes.base import scopes

    scope = scopes()[name]

    def rows() -> Iterator[tuple[Any, ...]]:
        for host in store.hosts():
            if host.newest is None or scope.derive is None:
                continue
            for item in scope.derive(store.load(host.newest), b"/"):
                values = (item.attributes.get(column.name) for column in scope.columns)
                yield (host.name, *(json.dumps(value) if isinstance(value, list) else value for value in values))

    return rows


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(sql)
