"""Killed, out of space, read-only: what was committed stays, and one line says what happened."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from driftscan.errors import StoreError
from driftscan.model.snapshot import Snapshot
from driftscan.store import Store, migrate
from driftscan.store.engine import database
from driftscan.store.schema import SCHEMA
from tests.conftest import Cli
from tests.unit.test_store.worn import facts, read, worn_snapshot

# For each line that it is given, a process of its own works until it is killed: WORK saves and prunes, and says each
# number once that is stored, and those that are kept before a pruning; UPGRADE says when it has come to its end.
NURSERY = """
import os, sys
from driftscan.store import Store
from tests.unit.test_store.worn import worn_snapshot

def say(*words):  # a line at once: two processes speak here
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

def work(path, day):
    with Store.open(path) as store:
        say("ready")
        for day in range(int(day), 10000):
            for host in (1, 2):
                say("stored", store.save(worn_snapshot(host, day, day % 40, 300)).id)
            if day % 3 == 2:
                kept = {one.id for name in ("web1", "web2") for one in store.snapshots(name, 2)}
                say("keeps", *sorted(kept))
                store.prune(keep_last=2)

def upgrade(path):
    say("ready")
    say("upgraded", *Store.upgrade(path))

for line in sys.stdin:
    what, *words = line.rstrip().split("\\t")
    child = os.fork()
    if child == 0:
        globals()[what](*words)
        os._exit(0)
    say(child)
    os.waitpid(child, 0)
    say("over")
"""


class Nursery:
    """Where processes are born to be killed: it has imported all that they need."""

    def __init__(self) -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._process = subprocess.Popen([sys.executable, "-c", NURSERY], text=True, **pipes)  # type: ignore[call-overload]

    def killed(self, *words: str, after: float) -> list[str]:
        """Return what a process had said `after` seconds after it was ready, when it was killed."""
        said, answers = self._process.stdin, self._process.stdout
        said.write("\t".join(words) + "\n")
        said.flush()
        lines: list[str] = []
        while "ready" not in lines or not any(line.isdigit() for line in lines):
            lines.append(answers.readline().strip())
            assert lines[-1] not in {"", "over"}, lines
        time.sleep(after)
        with suppress(ProcessLookupError):  # it had come to its end
            os.kill(int(next(line for line in lines if line.isdigit())), signal.SIGKILL)
        early = [line for line in lines if line != "ready" and not line.isdigit()]
        return [*early, *iter(lambda: answers.readline().strip(), "over")]

    def close(self) -> None:
        self._process.communicate(timeout=60)


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    made = Nursery()
    yield made
    made.close()


def hold(nursery: Nursery, path: Path, chance: random.Random, day: int) -> int:
    """Kill whoever saves and prunes, and hold that all that it had said to be stored is there; return the moments."""
    before = set(read(path)[0]) if path.exists() else set()
    said = [line.split() for line in nursery.killed("work", str(path), str(day), after=chance.uniform(0, 0.6))]
    for word, *numbers in said:
        told = {int(number) for number in numbers}
        before = before | told if word == "stored" else told
    assert Store.check(path).faults == ()
    there, complaints = read(path)
    assert complaints == []
    pruning = bool(said) and said[-1][0] == "keeps"
    assert before <= set(there)
    # One more may have been stored just before the kill; and a pruning that was not done may have left all.
    assert pruning or len(set(there) - before) <= 1
    return day + len(said) + 1


def kill_upgrades(nursery: Nursery, path: Path, older: Path, moments: int, chance: random.Random) -> None:
    for _ in range(moments):
        for suffix in ("-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        shutil.copy(older, path)
        said = nursery.killed("upgrade", str(path), after=chance.uniform(0, 0.5))
        before, after = Store.upgrade(path)
        assert (before, after) in {("0001", SCHEMA), (SCHEMA, SCHEMA)}
        assert before == SCHEMA or not said
        assert Store.check(path).faults == ()


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """Give a database of the first driftscan with a host."""
    path = tmp_path / "older.db"
    opened = database(path, create=True)
    migrate.upgrade(opened, "0001")
    with opened.writing() as connection:
        connection.exec_driver_sql("INSERT INTO host (name, role) VALUES ('web1', '')")
    opened.engine.dispose()
    return path


@pytest.mark.parametrize("moments", [8, pytest.param(180, marks=pytest.mark.soak)])
def test_killed_while_it_saves_and_prunes(nursery: Nursery, tmp_path: Path, moments: int) -> None:
    path, chance, day = tmp_path / "driftscan.db", random.Random(moments), 0
    Store.open(path).close()
    for _ in range(moments):
        day = hold(nursery, path, chance, day)


@pytest.mark.parametrize("moments", [2, pytest.param(20, marks=pytest.mark.soak)])
def test_killed_while_it_upgrades(nursery: Nursery, tmp_path: Path, older: Path, moments: int) -> None:
    kill_upgrades(nursery, tmp_path / "driftscan.db", older, moments, random.Random(moments))


@pytest.mark.soak
def test_scans_killed_as_a_person_runs_them(tmp_path: Path, cli: Cli) -> None:
    path, chance = tmp_path / "driftscan.db", random.Random(7)
    recording = f"replay:{Path(__file__).parents[2] / 'recordings' / 'sauced'}"
    environment = {**os.environ, "DRIFTSCAN_DB": str(path), "HOME": str(tmp_path / "home")}
    command = [sys.executable, "-m", "driftscan", "scan", recording, "-q"]
    start = time.monotonic()
    subprocess.run(command, env=environment, check=False, capture_output=True)
    took, stored = time.monotonic() - start, 1
    for _ in range(20):
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.5, 1.1) * took)
        process.kill()
        stored += process.wait() >= 0
        assert cli("db", "check").returncode == 0
        found = len(read(path)[0])
        assert stored <= found
        stored = found


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Give `small_disk("size=4m")`, which mounts a disk of its own; root only."""
    mounted: list[Path] = []

    def mount(options: str) -> Path:
        directory = tmp_path / f"disk{len(mounted)}"
        directory.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory)]
        if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
            pytest.skip("NOT TESTED: no disk can be mounted here")
        mounted.append(directory)
        return directory

    yield mount
    for directory in mounted:
        subprocess.run(["umount", "-l", str(directory)], check=True)


def saving(path: Path, snapshot: Snapshot) -> str:
    """Return what is said when a snapshot cannot be stored, "" when it can."""
    try:
        with Store.open(path) as store:
            store.save(snapshot)
    except StoreError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("levels", [6, pytest.param(60, marks=pytest.mark.soak)])
def test_a_full_disk(small_disk: Callable[..., Path], levels: int) -> None:
    disk = small_disk(f"size={2 + max(1, levels // 8)}m")  # to be pruned, a database needs some room too
    path, filler = disk / "driftscan.db", disk / "filler"
    with Store.open(path) as store:
        store.save(worn_snapshot(1, 0, 0))
    complained = 0
    for level in range(levels):
        before = read(path)[0]
        left = shutil.disk_usage(disk).free
        filler.write_bytes(b"x" * max(0, left - 800_000 * level // levels))
        said = saving(path, worn_snapshot(2, level, level, 400 + 50 * level))
        assert said == "" or "nothing was stored; " in said
        complained += said != ""
        filler.unlink()
        assert not said or read(path)[0] == before
        assert Store.check(path).faults == ()
    assert complained
    with Store.open(path) as store:
        store.save(worn_snapshot(2, 99, 99))
        store.prune(keep_last=1)


def test_a_disk_that_cannot_be_written(small_disk: Callable[..., Path], cli: Cli) -> None:
    disk = small_disk("size=8m")
    path = disk / "with spaces?and#more.db"
    with Store.open(path) as store:
        store.save(worn_snapshot(1, 0, 0))
        store.keep_check("web1", 1, "digest", "{}")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with Store.open(path) as store:
        (stored,) = store.snapshots("web1")
        assert len(facts(store, stored)[0]) == 136
        assert list(store.sql("SELECT count(*) FROM packages").rows) == [(120,)]
        with pytest.raises(StoreError, match="cannot be written; check who owns the file"):
            store.save(worn_snapshot(1, 1, 0))
    assert Store.check(path).faults == ()
    assert Store.check(path, repair=True).faults == ()
    done = cli("log", DRIFTSCAN_DB=str(path))
    assert (done.returncode, done.stderr) == (0, "")
    done = cli("db", "prune", "--keep-last", "1", DRIFTSCAN_DB=str(path))
    assert done.returncode == 1
    assert done.stderr == f"driftscan: database {path} cannot be written; check who owns the file and its directory\n"


def test_what_is_only_in_the_log_is_not_passed_over(small_disk: Callable[..., Path]) -> None:
    disk = small_disk("size=8m")
    path = disk / "driftscan.db"
    Store.open(path).close()
    with Store.open(path) as store:
        store.save(worn_snapshot(1, 0, 0))
        copies = [Path(shutil.copy(f"{path}{suffix}", disk / f"copy.db{suffix}")) for suffix in ("", "-wal")]
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(StoreError, match="cannot be opened; check the path"):
        Store.open(copies[0])


def test_a_database_that_is_written_elsewhere_meanwhile(small_disk: Callable[..., Path], tmp_path: Path) -> None:
    disk = small_disk("size=8m")
    path, here = disk / "driftscan.db", tmp_path / "here"
    Store.open(path).close()
    here.mkdir()
    subprocess.run(["mount", "--bind", str(disk), str(here)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(here)], check=True)
        with Store.open(here / "driftscan.db") as reading:
            assert reading.hosts() == []
            with Store.open(path) as store:
                store.save(worn_snapshot(1, 0, 0))
                with pytest.raises(StoreError, match="was changed while it was read; try again"):
                    reading.hosts()
        with Store.open(here / "driftscan.db") as reading:
            assert [one.name for one in reading.hosts()] == ["web1"]
    finally:
        subprocess.run(["umount", "-l", str(here)], check=True)
