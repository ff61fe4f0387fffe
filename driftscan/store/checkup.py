"""A look at a whole database, and its repair: the pages first, then what they hold."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import true

from driftscan.errors import StoreError
from driftscan.store import migrate, salvage
from driftscan.store.checksum import sum_anew
from driftscan.store.codec import DamagedError
from driftscan.store.engine import Database, database
from driftscan.store.info import database_info
from driftscan.store.mend import mend
from driftscan.store.records import Checkup, Fault
from driftscan.store.schema import SCHEMA
from driftscan.store.verify import verify
from driftscan.store.version import require_schema, version_of
from driftscan.store.views import changed_views


def checkup(opened: Database) -> Checkup:
    """Say what is wrong with a database; nothing is changed.

    Of a SQLite file whose pages are damaged that is told which is left when they are read as far as they can be.
    """
    pages, only_indexes = _pages(opened)
    if not pages:  # else what version it is may not be told before it is read as far as it can be
        with opened.reading() as connection:
            require_schema(opened.name, version_of(connection, opened.name))
    with _readable(opened, anew=bool(pages) and not only_indexes) as readable:
        faults = _verified(readable)
        info = replace(database_info(readable), url=opened.name)
    return Checkup(info, (*(Fault(line, mendable=True) for line in pages), *faults))


def repair(opened: Database, now: datetime) -> Checkup:
    """Mend what can be mended, after a copy of a SQLite file was put beside it; what that was, and what is left."""
    before = checkup(opened)
    if not any(fault.mendable for fault in before.faults):
        return before
    if opened.still is not None:
        raise StoreError(f"database {opened.name} cannot be written", hint="copy it to where it can be")
    backup = _back_up(opened, now)
    pages, only_indexes = _pages(opened)
    if (pages and not (only_indexes and salvage.reindex(opened.path))) or (opened.path and _views_changed(opened)):
        with _readable(opened, anew=True) as made:
            made.engine.dispose()
            salvage.put(Path(made.path), Path(opened.path))
        opened.engine.dispose()
    with opened.writing(alone=True) as connection:
        mend(connection)
    after = checkup(opened)
    left = {fault.what for fault in after.faults}
    return Checkup(after.info, after.faults, tuple(one for one in before.faults if one.what not in left), backup)


def _pages(opened: Database) -> tuple[list[str], bool]:
    return salvage.page_faults(opened.path) if opened.path and opened.still is None else ([], False)


def _views_changed(opened: Database) -> bool:
    """Whether a view says something else than it did: it can only be dropped if it still says its name everywhere."""
    with opened.reading() as connection:
        try:
            return changed_views(connection)
        except DamagedError:  # which views there are is not told any more: they are made anew
            return False


def _verified(opened: Database) -> list[Fault]:
    with opened.reading() as connection:
        return verify(connection)


@contextmanager
def _readable(opened: Database, *, anew: bool) -> Iterator[Database]:
    """Give the database itself, or `anew` one with all of its rows that can still be read."""
    if not anew:
        yield opened
        return
    with TemporaryDirectory(prefix="driftscan-", dir=_roomy(opened)) as directory:
        made = database(Path(directory) / "made.db", create=True)
        try:
            migrate.upgrade(made, SCHEMA)
            made.engine.dispose()
            if not salvage.salvage(Path(opened.path), Path(made.path), Path(directory)):
                with made.writing() as connection:
                    sum_anew(connection, true())
            yield made
        finally:
            made.engine.dispose()


def _roomy(opened: Database) -> str | None:
    """Return the directory of a database if something can be put there: who has room for it may have it for another."""
    parent = Path(opened.path).parent
    try:
        with TemporaryDirectory(dir=parent):
            return str(parent)
    except OSError:
        return None


def _back_up(opened: Database, now: datetime) -> str:
    if not opened.path:
        return ""
    copy = Path(f"{opened.path}.before-repair-{now:%Y%m%dT%H%M%S}")
    salvage.copy_of(Path(opened.path), copy)
    return str(copy)
