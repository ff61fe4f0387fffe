"""Proofs in the store: whole and in order, as long as their host is kept, and as a table for people."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from driftscan.errors import StoreError
from driftscan.model.proof import Fidelity, Proof, Remainder
from driftscan.model.proof_json import from_json, to_json
from driftscan.model.snapshot import Snapshot
from driftscan.store import Store, migrate
from driftscan.store.engine import database

Snap = Callable[..., Snapshot]
NOW = datetime(2026, 11, 22, 14, 0, tzinfo=timezone.utc)
PROOF = Proof(
    host="web1",
    number=1,
    taken=datetime(2026, 11, 1, 3, tzinfo=timezone.utc),
    role="0123abcd",
    tool="ansible",
    blank="blank1",
    proven=NOW,
    changed=12,
    again=0,
    rebooted=True,
    fidelity=(Fidelity("files", 3, 3), Fidelity("packages", 2, 2)),
    services=(2, 2),
    listeners=(1, 2),
    remainder=(Remainder("files", "/srv/\U0010ffff\ud800\0 x", "data", failed=False),),
    supplied=("token",),
    made_up=("password",),
    data=("/var/lib/redis",),
)


def test_a_proof_comes_back_as_it_was() -> None:
    for proof in (PROOF, replace(PROOF, changed=None, again=None, seen=False, error="it broke", remainder=())):
        assert from_json(json.loads(json.dumps(to_json(proof)))) == proof
    assert (to_json(PROOF)["holds"], to_json(PROOF)["reproducible"]) == (PROOF.holds, 5)


def test_the_newest_proof_comes_first(store: Store, snap: Snap) -> None:
    store.save(snap())
    store.save(snap(host="web2"))
    assert store.proofs("web1") == []
    plain = replace(PROOF, remainder=())
    failed = replace(plain, again=3, error="", proven=NOW + timedelta(hours=1))
    for proof in (plain, failed):
        store.keep_proof(proof)
    store.keep_proof(replace(plain, host="web2", number=2))
    assert store.proofs("web1") == [failed, plain]
    assert store.proofs("web1", 1) == [failed]
    assert store.proofs("web9") == []


def test_odd_names_are_kept(store: Store, snap: Snap) -> None:
    store.save(snap())
    store.keep_proof(PROOF)
    [kept] = store.proofs("web1")
    assert kept.remainder[0].reason == "data"
    assert kept.remainder[0].key.startswith("/srv/\U0010ffff")


def test_a_proof_of_nothing_is_refused(store: Store, snap: Snap) -> None:
    store.save(snap())
    store.save(snap(host="web2"))
    for host, number in (("web1", 2), ("web9", 1)):
        with pytest.raises(StoreError, match=f"host {host} has no snapshot {number}; see"):
            store.keep_proof(replace(PROOF, host=host, number=number))


def test_proofs_outlive_their_snapshot_but_not_their_host(store: Store, snap: Snap) -> None:
    for host in ("web1", "web2"):
        number = store.save(snap(host=host)).id
        store.keep_proof(replace(PROOF, host=host, number=number))
        store.save(snap(host=host, day=1))
    store.prune(keep_last=1)
    assert (len(store.proofs("web1")), len(store.proofs("web2"))) == (1, 1)
    store.prune("web1", before=NOW)
    assert (len(store.proofs("web1")), len(store.proofs("web2"))) == (0, 1)


def test_people_see_a_table(store: Store, snap: Snap) -> None:
    store.save(snap())
    proof = replace(PROOF, listeners=(2, 2))
    store.keep_proof(proof)
    store.keep_proof(replace(proof, again=None, fidelity=(), error="ansible-playbook failed"))
    columns = "host, snapshot, role, tool, blank, holds, reproduced, reproducible, changed, again, rebooted, error"
    rows = [tuple(row) for row in store.sql(f"SELECT {columns} FROM proofs ORDER BY reproduced DESC").rows]
    same = ("web1", 1, "0123abcd", "ansible", "blank1")
    assert rows == [
        (*same, True, 5, 5, 12, 0, True, ""),
        (*same, False, 0, 0, 12, None, True, "ansible-playbook failed"),
    ]
    assert str(next(iter(store.sql("SELECT proven FROM proofs").rows))[0])[:16] == "2026-11-22 14:00"


def test_an_older_database_gets_the_table(target: str, snap: Snap) -> None:
    opened = database(target, create=True)
    migrate.upgrade(opened, "0002")
    opened.engine.dispose()
    assert Store.upgrade(target)[0] == "0002"
    with Store.open(target, create=False) as store:
        store.save(snap())
        store.keep_proof(PROOF)
        assert [tuple(row) for row in store.sql("SELECT host FROM proofs").rows] == [("web1",)]
