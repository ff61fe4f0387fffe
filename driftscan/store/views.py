"""SQL views: for each scope a table with real column names, so that people who look with SQL see no JSON."""

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    Dialect,
    Double,
    FromClause,
    Numeric,
    Select,
    Text,
    case,
    cast,
    delete,
    func,
    insert,
    inspect,
    literal,
    select,
    type_coerce,
)

from driftscan import __version__
from driftscan.model.item import Column
from driftscan.model.objects import digest
from driftscan.scopes.base import Scope, scopes
from driftscan.store.codec import parsed
from driftscan.store.engine import Database
from driftscan.store.schema import SCHEMA, host, item, metadata, proof, scope_coverage, setting, sighting, snapshot

_SETTING = "views"
_LARGEST = {"integer": 2**63 - 1, "real": 10**308}  # beyond that, PostgreSQL's cast would break the whole view
_first, _last, _gone = snapshot.alias("first"), snapshot.alias("last"), snapshot.alias("gone")


def refresh_views(store: Database) -> None:
    """Make the views anew if a scope's columns are not those that they were made of."""
    signature = _signature()
    with store.reading() as connection:
        if _made(connection).get("signature") == signature:
            return
    with store.writing(alone=True) as connection:
        drop_views(connection)
        quote = connection.dialect.identifier_preparer.quote_identifier
        views = view_statements(connection.dialect)
        for name, statement in views.items():
            connection.exec_driver_sql(f"DROP VIEW IF EXISTS {quote(name)}")
            connection.exec_driver_sql(f"CREATE VIEW {quote(name)} AS {statement}")
        made = {"signature": signature, "names": list(views), "texts": _texts(connection, views)}
        value = json.dumps(made)
        connection.execute(insert(setting).values(name=_SETTING, value=value))


def _signature() -> str:
    """Return what changes when the views may: the columns, the tables, or the driftscan that writes the views."""
    columns = [(scope.name, scope.columns) for scope in _viewed()]
    return digest(repr((__version__, SCHEMA, columns)).encode()).hex()


def _viewed() -> list[Scope]:
    """Return the scopes that are kept as items; a view of the others would be empty, as if nothing were there."""
    return [scope for scope in scopes().values() if scope.derive is None]


def drop_views(connection: Connection) -> None:
    """Drop the views that were made here, and no others that a person may have made."""
    if not inspect(connection).has_table(setting.name):
        return
    quote = connection.dialect.identifier_preparer.quote_identifier
    for name in made_views(connection):
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {quote(name)}")
    connection.execute(delete(setting).where(setting.c.name == _SETTING))


def forget_views(connection: Connection) -> None:
    """Forget which views were made: they are made anew when they are needed next."""
    connection.execute(delete(setting).where(setting.c.name == _SETTING))


def made_views(connection: Connection) -> list[str]:
    """Return the names of the views that were made here."""
    return list(_made(connection).get("names", []))


def changed_views(connection: Connection) -> bool:
    """Whether a view that was made here says something else by now."""
    made = _made(connection)
    return "texts" in made and made["texts"] != _texts(connection, made["names"])


def _texts(connection: Connection, names: Collection[str]) -> str:
    """Return the digest of what SQLite keeps of views; "" for a server, which keeps them in another form."""
    if connection.dialect.name != "sqlite":
        return ""
    words = "SELECT CAST(name AS BLOB), CAST(sql AS BLOB) FROM sqlite_master WHERE type = 'view' ORDER BY 1"
    ours = {name.encode() for name in names}
    return digest(repr([tuple(row) for row in connection.exec_driver_sql(words) if row[0] in ours]).encode()).hex()


def _made(connection: Connection) -> dict[str, Any]:
    value = connection.scalar(select(setting.c.value).where(setting.c.name == _SETTING))
    return parsed(value) if value else {}


def view_statements(dialect: Dialect) -> dict[str, str]:
    """Return the SELECT of every view by name; ValueError for a scope that has the name of a table."""
    statements = {
        "snapshots": _snapshots(dialect.name),
        "coverage": _coverage(dialect.name),
        "proofs": _proofs(dialect.name),
    }
    for scope in _viewed():
        if scope.name in statements or scope.name in metadata.tables:
            raise ValueError(f"scope {scope.name} has the name of a table of the store")
        statements[scope.name] = _newest(scope.name, scope.columns, dialect.name)
        statements[f"{scope.name}_history"] = _history(scope.name, scope.columns, dialect.name)
    return {
        name: str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
        for name, statement in statements.items()
    }


def _snapshots(dialect: str) -> Select[Any]:
    plain = (snapshot.c[name] for name in ("seconds", "transport", "version", "files", "complete"))
    columns = (snapshot.c.id, host.c.name.label("host"), host.c.role, _time(snapshot, dialect).label("taken"), *plain)
    return select(*columns).join(host, host.c.id == snapshot.c.host_id).where(~snapshot.c.pruned)


def _coverage(dialect: str) -> Select[Any]:
    plain = (scope_coverage.c[name] for name in ("scope", "outcome", "items", "gaps", "notes"))
    where = (host.c.name.label("host"), snapshot.c.id.label("snapshot"), _time(snapshot, dialect).label("taken"))
    joined = select(*where, *plain).join(snapshot, snapshot.c.id == scope_coverage.c.snapshot_id)
    return joined.join(host, host.c.id == snapshot.c.host_id)


def _proofs(dialect: str) -> Select[Any]:
    """Select every rebuild; what the second run changed is nothing where there was none."""
    told = [Column("changed", "integer", ""), Column("again", "integer", ""), Column("rebooted", "boolean", "")]
    told.append(Column("error", "text", ""))
    plain = (proof.c[name] for name in ("role", "tool", "blank"))
    counted = (proof.c[name] for name in ("holds", "reproduced", "reproducible"))
    where = (host.c.name.label("host"), proof.c.snapshot_id.label("snapshot"))
    more = (_value(proof.c.document, column, dialect).label(column.name) for column in told)
    proven = _moment(proof.c.proven, dialect).label("proven")
    return select(*where, *plain, proven, *counted, *more).join(host, host.c.id == proof.c.host_id)


def _newest(scope: str, columns: tuple[Column, ...], dialect: str) -> Select[Any]:
    """Select what every host has, as far as was last seen: a look that was denied since takes nothing away."""
    return _sightings(scope, columns, dialect, {}).where(sighting.c.gone_snapshot.is_(None), ~sighting.c.replaced)


def _history(scope: str, columns: tuple[Column, ...], dialect: str) -> Select[Any]:
    """Select every state that every host was seen in; `gone` is the first look that proved it away."""
    gone = _sightings(scope, columns, dialect, {"gone": _time(_gone, dialect)})
    return gone.outerjoin(_gone, _gone.c.id == sighting.c.gone_snapshot)


def _sightings(
    scope: str, columns: tuple[Column, ...], dialect: str, more: dict[str, ColumnElement[Any]]
) -> Select[Any]:
    shown = {
        "host": host.c.name,
        "key": item.c.key,
        "first_seen": _time(_first, dialect),
        "last_seen": _time(_last, dialect),
        **more,
    }
    # A scope's own column that has the name of one of these keeps it with an underscore.
    own = {
        f"{column.name}_" if column.name in shown else column.name: _attribute(column, dialect) for column in columns
    }
    order = ["host", "key", *own, *(name for name in shown if name not in {"host", "key"})]
    return (
        select(*((shown | own)[name].label(name) for name in order))
        .select_from(sighting)
        .join(host, host.c.id == sighting.c.host_id)
        .join(item, item.c.id == sighting.c.item_id)
        .join(_first, _first.c.id == sighting.c.first_snapshot)
        .join(_last, _last.c.id == sighting.c.last_snapshot)
        .where(item.c.scope == scope)
    )


def _time(table: FromClause, dialect: str) -> ColumnElement[Any]:
    return _moment(table.c.taken, dialect)


def _moment(column: ColumnElement[Any], dialect: str) -> ColumnElement[Any]:
    # In SQLite as its own datetime() writes it, so that the two compare.
    return func.substr(type_coerce(column, Text), 1, 19) if dialect == "sqlite" else column


def _attribute(column: Column, dialect: str) -> ColumnElement[Any]:
    return _value(sighting.c.volatile if column.volatile else item.c.attributes, column, dialect)


def _value(source: ColumnElement[Any], column: Column, dialect: str) -> ColumnElement[Any]:
    """Return what a JSON document says under the name of a column, None where it is not of the column's kind."""
    if dialect == "sqlite":
        return func.json_extract(source, f'$."{column.name}"')
    name = literal(column.name, Text)
    kind = func.json_typeof(cast(source, JSON).op("->")(name))
    value: ColumnElement[Any] = cast(source, JSON).op("->>")(name)
    # One value that is not of its column's kind is no reason for the view to fail: it is left out.
    if column.kind == "boolean":
        return case((kind == "boolean", cast(value, Boolean)))
    if column.kind in {"integer", "real"}:
        number, largest = cast(value, Numeric), literal(_LARGEST[column.kind], Numeric)
        wanted = BigInteger if column.kind == "integer" else Double
        return case((kind == "number", case((func.abs(number) <= largest, cast(number, wanted)))))
    return value
