"""`driftscan verdict`: on snapshots made by hand, and on the recording of the host with the sauce."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from driftscan.model.outcome import Outcome
from driftscan.model.proof import Fidelity, Proof
from driftscan.model.snapshot import Snapshot
from driftscan.store import Store
from tests.unit.handmade import leaf, snapshot, tree

Run = Callable[..., subprocess.CompletedProcess[str]]
SAUCED = f"replay:{Path(__file__).parent.parent / 'recordings' / 'sauced'}"


def prove(database: Path, **has: object) -> None:
    """Keep a proof of the only host's newest snapshot that holds, unless told otherwise."""
    with Store.open(str(database)) as store:
        newest = store.hosts()[0].newest
        assert newest is not None
        facts = {"again": 0, "fidelity": (Fidelity("files", 4, 4),), **has}
        proof = Proof(newest.host, newest.id, newest.taken, "d" * 32, "ansible", "blank1", newest.taken, **facts)  # type: ignore[arg-type]
        store.keep_proof(proof)


def keep(database: Path, made: Snapshot) -> None:
    """Store a snapshot as if it were taken now: a verdict wants a fresh one."""
    from dataclasses import replace
    from datetime import datetime, timezone

    with Store.open(str(database)) as store:
        store.save(replace(made, taken=datetime.now(timezone.utc)))


@pytest.fixture
def database(tmp_path: Path, made: Path) -> Path:
    return Path(shutil.copy(made, tmp_path / "driftscan.db"))


def test_a_stock_host_needs_a_proof_and_no_more(cli: Run, database: Path) -> None:
    keep(database, snapshot())
    done = cli("verdict", "web1")
    assert done.returncode == 4
    assert "it was never rebuilt" in done.stdout
    prove(database)
    done = cli("verdict", "web1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(": discard\n")


def test_a_change_after_the_proof_is_named(cli: Run, database: Path) -> None:
    keep(database, snapshot(files=tree(leaf(b"/etc/motd", b"f644 0 0"))))
    prove(database)
    keep(database, snapshot(files=tree(leaf(b"/etc/motd", b"f600 0 0"))))
    done = cli("verdict", "web1", "--format", "json")
    assert done.returncode == 4
    assert [(one["kind"], one["subject"]) for one in json.loads(done.stdout)["blockers"]] == [("drift", "/etc/motd")]


def test_what_was_not_seen_outranks_the_rest(cli: Run, database: Path) -> None:
    keep(database, snapshot(outcomes={"sockets": Outcome.DENIED}))
    assert cli("verdict", "web1").returncode == 3


def test_mistakes_are_one_line(cli: Run, database: Path, tmp_path: Path) -> None:
    keep(database, snapshot())
    steering = tmp_path / "steer.yaml"
    steering.write_text("settled:\n  - {proof: '*', why: x, who: y}\n")
    for arguments in (["web1", "--steer", str(steering)], ["web1@1"], ["web1", "--format", "xml"]):
        done = cli("verdict", *arguments)
        assert done.returncode == 2
        assert done.stderr.count("\n") <= 2
    assert cli("verdict", "web2").returncode != 0


def test_the_sauced_host_has_its_true_blockers_and_none_when_each_is_dealt_with(
    cli: Run, database: Path, tmp_path: Path
) -> None:
    assert cli("scan", SAUCED).returncode == 0
    done = cli("verdict", SAUCED, "--format", "json")
    assert done.returncode in {3, 4}
    found = json.loads(done.stdout)["blockers"]
    subjects = {(one["kind"], one["subject"]) for one in found}
    assert {("data", "/var/lib/redis"), ("data", "/var/lib/shop/orders.db")} <= subjects
    assert any(kind == "process" and "telemetryd" in subject for kind, subject in subjects)
    assert any(kind == "process" and "[kworker/u8:9]" in subject for kind, subject in subjects)
    assert ("certificate", "/etc/ssl/certs/shop.pem") in subjects
    missing = {subject for kind, subject in subjects if kind == "secret"}
    assert len(missing) > 5
    assert any("db.internal.example" in one["reason"] for one in found if one["kind"] == "job")

    prove(database, made_up=("shop_key",))
    settled = sorted({kind for kind, _ in subjects} - {"proof", "secret"})
    steering = tmp_path / "steer.yaml"
    steering.write_text("settled:\n" + "".join(f"  - {{{kind}: '*', why: done, who: maria}}\n" for kind in settled))
    done = cli("verdict", SAUCED, "--steer", str(steering), "--format", "json")
    assert done.returncode == 4
    assert [(one["kind"], one["subject"]) for one in json.loads(done.stdout)["blockers"]] == [("secret", "shop_key")]

    prove(database)
    done = cli("verdict", SAUCED, "--steer", str(steering))
    assert done.returncode == 0
    assert ": discard\n" in done.stdout
    assert "data /var/lib/redis: done (maria)" in done.stdout
