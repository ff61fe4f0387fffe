"""`driftscan strata` and `driftscan runbook` on a stored snapshot."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from driftscan.model.outcome import Outcome
from driftscan.store import Store
from tests.unit.handmade import manifest, snapshot
from tests.unit.test_strata import BASE, PROGRAMS, file, tree

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def web1(cli: Run, tmp_path: Path, made: Path) -> Run:
    """Run `driftscan …` with a database in which `web1` has a strange file."""
    files = tree(*PROGRAMS, file("etc/x", "2020-01-01 10:00:00"))
    with Store.open(shutil.copy(made, tmp_path / "driftscan.db")) as store:
        store.save(snapshot(BASE, files=files, manifests=[manifest("base1", b"/usr/bin/p1")]))
        store.save(snapshot(BASE, host="web2", files=files, outcomes={"history": Outcome.DENIED}))
    return cli


def test_strata_are_told_as_text_and_as_json(web1: Run) -> None:
    done = web1("strata", "web1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "2020-01-01 10:00  /etc/x" in done.stdout.splitlines()
    kinds = [json.loads(line)["kind"] for line in web1("strata", "web1", "--format", "json").stdout.splitlines()]
    assert kinds == ["installed", "human"]


def test_an_unknown_format_is_misuse(web1: Run) -> None:
    done = web1("strata", "web1", "--format", "xml")
    assert done.returncode == 2
    assert "json, text" in done.stderr


def test_a_runbook_is_printed_or_written(web1: Run, tmp_path: Path) -> None:
    printed = web1("runbook", "web1")
    assert printed.returncode == 0
    assert printed.stdout.startswith("# How `web1` is built\n")
    written = web1("runbook", "web1", "-o", str(tmp_path / "web1.md"))
    assert (written.returncode, written.stdout) == (0, "")
    assert (tmp_path / "web1.md").read_text() == printed.stdout


def test_a_file_that_cannot_be_written_is_one_line(web1: Run, tmp_path: Path) -> None:
    done = web1("runbook", "web1", "-o", str(tmp_path / "no" / "web1.md"))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_a_snapshot_with_a_blind_spot_is_incomplete(web1: Run) -> None:
    assert web1("strata", "web2").returncode == 3
    assert web1("runbook", "web2").returncode == 3
