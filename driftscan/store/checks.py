"""What is kept beside the snapshots: what became of each host's comparison, nightly runs, and small notes."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, exists, func, insert, select, update

from driftscan.errors import StoreError
from driftscan.model.objects import pack
from driftscan.model.text import shown
from driftscan.store.codec import storable, unpack
from driftscan.store.load import list_snapshots
from driftscan.store.records import Night, StoredCheck, StoredSnapshot
from driftscan.store.schema import host, host_check, night, setting, snapshot

_NOTE = "note "  # settings of this store's own have no such name


def keep_check(connection: Connection, name: str, number: int, digest: str, document: str) -> None:
    """Keep what became of the comparison of a host's snapshot, in place of what was kept of it before."""
    of_host = select(snapshot.c.host_id, snapshot.c.taken).join(host, host.c.id == snapshot.c.host_id)
    row = connection.execute(of_host.where(host.c.name == name, snapshot.c.id == number)).first()
    if row is None:
        raise StoreError(f"host {shown(name)} has no snapshot {number}", hint="see `driftscan log`")
    same = (host_check.c.host_id == row.host_id) & (host_check.c.snapshot_id == number)
    connection.execute(delete(host_check).where(same))
    values = {"host_id": row.host_id, "snapshot_id": number, "taken": row.taken, "digest": storable(digest)}
    values["document"] = pack(document.encode("utf-8", "surrogatepass"))
    connection.execute(insert(host_check).values(values))


def last_check(connection: Connection, name: str) -> StoredCheck | None:
    """Return what was kept of the newest snapshot of a host that was compared, None if none was."""
    columns = (host_check.c.snapshot_id, host_check.c.taken, host_check.c.digest, host_check.c.document)
    of_host = select(*columns).join(host, host.c.id == host_check.c.host_id).where(host.c.name == name)
    row = connection.execute(of_host.order_by(host_check.c.snapshot_id.desc()).limit(1)).first()
    if row is None:
        return None
    document = unpack(row.document).decode("utf-8", "surrogatepass")
    return StoredCheck(row.snapshot_id, row.taken, row.digest, document)


def forget_checks(connection: Connection) -> None:
    """Drop what is kept of snapshots that are not, but of each host's newest."""
    of_kept = exists().where(snapshot.c.id == host_check.c.snapshot_id, ~snapshot.c.pruned)
    newer = host_check.alias("newer")
    newest = select(func.max(newer.c.snapshot_id)).where(newer.c.host_id == host_check.c.host_id).scalar_subquery()
    of_host = exists().where(snapshot.c.host_id == host_check.c.host_id, ~snapshot.c.pruned)
    connection.execute(delete(host_check).where(~of_host | (~of_kept & (host_check.c.snapshot_id < newest))))


def begin_night(connection: Connection, now: datetime, within: timedelta) -> Night:
    """Return the newest night if it has no end and began less than `within` ago, else a new one."""
    row = connection.execute(select(night).order_by(night.c.id.desc()).limit(1)).first()
    if row is not None and row.finished is None and now - row.started < within:
        return Night(row.id, row.started, resumed=True)
    inserted = connection.execute(insert(night).values(started=now)).inserted_primary_key
    return Night(int(inserted[0]) if inserted else 0, now, resumed=False)


def end_night(connection: Connection, number: int, now: datetime) -> None:
    """Say that a night has come to its end; StoreError when there is no such night."""
    if connection.execute(update(night).where(night.c.id == number).values(finished=now)).rowcount == 0:
        raise StoreError(f"there is no nightly run {number} in the database")


def scanned_since(connection: Connection, started: datetime) -> dict[str, StoredSnapshot]:
    """Return the newest snapshot of each host that has one taken at or after `started`."""
    newest_first = list_snapshots(connection, None, None)
    return {one.host: one for one in reversed(newest_first) if one.taken >= started}


def remember(connection: Connection, name: str, value: str) -> None:
    """Keep a note under a name, in place of the one before."""
    connection.execute(delete(setting).where(setting.c.name == _NOTE + name))
    connection.execute(insert(setting).values(name=_NOTE + name, value=storable(value)))


def recall(connection: Connection, name: str) -> str | None:
    """Return the note that is kept under a name."""
    return connection.scalar(select(setting.c.value).where(setting.c.name == _NOTE + name))
