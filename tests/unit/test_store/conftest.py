"""What tests of the store share: an empty SQLite and an empty PostgreSQL database, and small snapshots."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from driftscan.model.item import Item
from driftscan.model.manifest import Manifest
from driftscan.model.outcome import Coverage, Outcome
from driftscan.model.snapshot import Snapshot
from driftscan.store import Store

EPOCH = datetime(2026, 11, 1, 3, 0, tzinfo=timezone.utc)
MakeSnapshot = Callable[..., Snapshot]


def _make_snapshot(
    items: Sequence[Item] = (),
    *,
    host: str = "web1",
    day: int = 0,
    outcomes: Mapping[str, Outcome] | None = None,
    manifests: Sequence[Manifest] = (),
    **more: Any,
) -> Snapshot:
    if outcomes is None:
        outcomes = dict.fromkeys([item.scope for item in items] or ["packages"], Outcome.OK)
    coverage = {
        scope: Coverage(scope, outcome, sum(item.scope == scope for item in items), ("a gap",), ("a note",))
        for scope, outcome in outcomes.items()
    }
    return Snapshot(
        host=host,
        taken=EPOCH + timedelta(days=day),
        seconds=2.5,
        transport="ssh",
        items=items,
        coverage=coverage,
        manifests=manifests,
        **more,
    )


@pytest.fixture(scope="session")
def snap() -> MakeSnapshot:
    """Give `snap(ITEMS, day=…, outcomes={SCOPE: OUTCOME}, …)`, a snapshot of web1."""
    return _make_snapshot


def _missing(what: str) -> None:
    message = f"NOT TESTED on PostgreSQL: {what} is missing (apt-get install postgresql, pip install .[postgresql])"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """Give the socket directory of a PostgreSQL server that lives as long as the tests."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not programs:
        _missing("the server")
    try:
        import psycopg  # noqa: F401
    except ImportError:
        _missing("psycopg")
    bin_dir, scratch = programs[-1].parent, Path(tempfile.mkdtemp(prefix="driftscan-pg-"))
    prefix: list[str] = []
    if os.geteuid() == 0:  # the server refuses to run as root
        account = pwd.getpwnam("postgres")
        os.chown(scratch, account.pw_uid, account.pw_gid)
        prefix = ["runuser", "-u", "postgres", "--"]

    def run(program: str, *words: str) -> None:
        command = [*prefix, str(bin_dir / program), "-D", str(scratch / "data"), *words]
        subprocess.run(command, cwd=scratch, check=True, stdout=subprocess.DEVNULL, timeout=60)

    run("initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync", "--no-instructions")
    options = f"-k {scratch} -c listen_addresses= -c fsync=off"
    run("pg_ctl", "-w", "-l", str(scratch / "log"), "-o", options, "start")
    try:
        yield str(scratch)
    finally:
        run("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(scratch)


def new_database(socket: str, template: str = "template0") -> str:
    """Make a database of the cluster and return its URL."""
    import psycopg

    name = f"test_{os.urandom(6).hex()}"
    with psycopg.connect(host=socket, user="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    return f"postgresql://postgres@/{name}?host={socket}"


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the path or URL of a database in which there is nothing yet."""
    if request.param == "sqlite":
        return str(tmp_path / "data" / "driftscan.db")
    return new_database(request.getfixturevalue("cluster"))


@pytest.fixture(scope="session")
def made_on_server(cluster: str) -> str:
    """Give the name of a PostgreSQL database with tables and views, to be copied."""
    url = new_database(cluster)
    Store.open(url).close()
    return url.partition("@/")[2].partition("?")[0]


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Give an open store in which there are no snapshots yet."""
    if request.param == "sqlite":
        target = str(shutil.copy(request.getfixturevalue("made"), tmp_path / "driftscan.db"))
    else:
        cluster, template = request.getfixturevalue("cluster"), request.getfixturevalue("made_on_server")
        target = new_database(cluster, template)
    with Store.open(target) as opened:
        yield opened
