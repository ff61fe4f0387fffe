"""What is kept of the rebuilds: every proof of every host, whole, with what people ask for in columns."""

from sqlalchemy import Connection, delete, exists, insert, select

from driftscan.errors import StoreError
from driftscan.model.proof import Proof
from driftscan.model.proof_json import from_json, to_json
from driftscan.model.text import shown
from driftscan.store.codec import canonical, parsed, storable
from driftscan.store.schema import host, proof, snapshot


def keep_proof(connection: Connection, kept: Proof) -> None:
    """Keep a proof; StoreError where its snapshot is none of its host."""
    of_host = select(snapshot.c.host_id).join(host, host.c.id == snapshot.c.host_id)
    number = connection.scalar(of_host.where(host.c.name == kept.host, snapshot.c.id == kept.number))
    if number is None:
        raise StoreError(f"host {shown(kept.host)} has no snapshot {kept.number}", hint="see `driftscan log`")
    values = {
        "host_id": number,
        "snapshot_id": kept.number,
        "role": storable(kept.role),
        "tool": storable(kept.tool),
        "blank": storable(kept.blank),
        "proven": kept.proven,
        "holds": kept.holds,
        "reproduced": kept.reproduced,
        "reproducible": kept.reproducible,
        "document": canonical(to_json(kept)),
    }
    connection.execute(insert(proof).values(values))


def list_proofs(connection: Connection, name: str, most: int) -> list[Proof]:
    """Return the newest `most` proofs (0: all) of a host, the newest first."""
    of_host = select(proof.c.document).join(host, host.c.id == proof.c.host_id).where(host.c.name == name)
    newest = of_host.order_by(proof.c.id.desc())
    return [from_json(parsed(found)) for found in connection.scalars(newest.limit(most) if most else newest)]


def forget_proofs(connection: Connection) -> None:
    """Drop the proofs of hosts of which no snapshot is kept: else they outlive the snapshots they were made from."""
    of_kept = exists().where(snapshot.c.host_id == proof.c.host_id, ~snapshot.c.pruned)
    connection.execute(delete(proof).where(~of_kept))
