"""`driftscan role build`: a stored snapshot becomes a directory, its files' content taken from the host."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from driftscan.cli.writing import LIST, write
from driftscan.emit.base import Output
from driftscan.errors import UsageError
from driftscan.model.item import Item
from driftscan.model.outcome import Outcome
from driftscan.store import Store
from tests.unit.handmade import leaf, manifest, snapshot, tree

Run = Callable[..., subprocess.CompletedProcess[str]]
FACTS = [
    Item("system", fact, {"value": value})
    for fact, value in (("release id", "debian"), ("release version", "12"), ("release name", "Debian GNU/Linux 12"))
]
CONF = b"listen 80\npassword = hunter2-prod\n"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Make a root in which a file lies that no package has."""
    root = tmp_path / "image"
    (root / "etc" / "app").mkdir(parents=True)
    (root / "usr").mkdir()
    (root / "etc" / "app" / "app.conf").write_bytes(CONF)
    os.utime(root / "etc" / "app" / "app.conf", (4, 4))
    return root


@pytest.fixture
def role(cli: Run, tmp_path: Path, image: Path, made: Path) -> Run:
    """Run `driftscan role build image:… ARGUMENTS` with its snapshot in the database, and that of a stock `web1`."""
    strange = (b"etc/app/app.conf", b"f640 0 0 %d 4.0" % len(CONF), b"8.0 77 1", b"")
    manifests = [manifest("stock", b"/etc")]
    with Store.open(shutil.copy(made, tmp_path / "driftscan.db")) as store:
        store.save(snapshot(FACTS, files=tree(strange), manifests=manifests, host=f"image:{image}"))
        store.save(snapshot(FACTS, files=tree(leaf(b"etc", b"d755 0 0")), manifests=manifests))
        blind = {"history": Outcome.DENIED}
        store.save(
            snapshot(FACTS, files=tree(leaf(b"etc", b"d755 0 0")), manifests=manifests, host="w2", outcomes=blind)
        )

    def run(*arguments: str, host: str = f"image:{image}", **more: object) -> subprocess.CompletedProcess[str]:
        return cli("role", "build", host, "--to", "shell", *arguments, **more)

    return run


def written(directory: Path) -> dict[str, bytes]:
    """Return every file below a directory."""
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_the_content_comes_from_the_host_and_its_secret_is_left_to_a_person(role: Run, tmp_path: Path) -> None:
    done = role("-o", str(tmp_path / "out"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 secret to supply: app_password" in done.stdout
    files = written(tmp_path / "out")
    assert b"listen 80" in b"".join(files.values())
    assert not any(b"hunter2" in data for data in files.values())
    assert {"README.md", "rebuild.sh", LIST} <= set(files)
    assert (tmp_path / "out" / "rebuild.sh").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "out" / "README.md").stat().st_mode & 0o777 == 0o644


def test_the_same_snapshot_gives_the_same_bytes(role: Run, tmp_path: Path) -> None:
    assert role("-o", str(tmp_path / "one")).returncode == 0
    assert role("-o", str(tmp_path / "two"), anew=True).returncode == 0  # whose hashes have another seed
    first = written(tmp_path / "one")
    assert first == written(tmp_path / "two")
    assert role("-o", str(tmp_path / "one")).returncode == 0
    assert first == written(tmp_path / "one")


def test_a_stock_host_has_an_empty_role_and_says_so(role: Run, tmp_path: Path) -> None:
    done = role("-o", str(tmp_path / "out"), "--offline", host="web1")
    assert done.returncode == 0
    assert "The role is empty: web1 is a stock Debian GNU/Linux 12" in done.stdout
    assert (tmp_path / "out" / "README.md").is_file()


def test_what_could_not_be_had_or_seen_is_told_and_ends_with_3(role: Run, tmp_path: Path, image: Path) -> None:
    (image / "etc" / "app" / "app.conf").unlink()
    done = role("-o", str(tmp_path / "out"))
    assert done.returncode == 3
    assert "(not there any more): /etc/app/app.conf" in done.stdout
    offline = role("-o", str(tmp_path / "offline"), "--offline")
    assert offline.returncode == 3
    assert "not to be had from the database" in offline.stdout
    blind = role("-o", str(tmp_path / "blind"), "--offline", host="w2")
    assert blind.returncode == 3
    assert "is incomplete" in blind.stdout


def test_a_file_that_has_changed_since_is_told_in_the_role(role: Run, tmp_path: Path, image: Path) -> None:
    (image / "etc" / "app" / "app.conf").write_bytes(CONF + b"more\n")
    assert role("-o", str(tmp_path / "out")).returncode == 0
    assert "changed since the snapshot" in (tmp_path / "out" / "README.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--to", "puppet"], "ansible, dockerfile, shell"),
        (["--steer", "/no/such.yaml"], "such.yaml"),
        (["--baseline", "/no/such.yaml"], "such.yaml"),
    ],
)
def test_misuse_is_one_line(role: Run, tmp_path: Path, arguments: list[str], said: str) -> None:
    done = role("-o", str(tmp_path / "out"), *arguments)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_host_without_a_snapshot_is_to_be_scanned_first(role: Run, tmp_path: Path) -> None:
    done = role("-o", str(tmp_path / "out"), host="web9")
    assert done.returncode == 1
    assert "scan it first" in done.stderr


def test_a_strange_directory_is_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine").write_text("x")
    with pytest.raises(UsageError, match="not empty"):
        write(out, {"README.md": Output(b"1")})
    write(out, {"README.md": Output(b"1"), "tasks/main.yml": Output(b"2")}, force=True)
    assert set(written(out)) == {"README.md", "tasks/main.yml", "mine", LIST}
    write(out, {"README.md": Output(b"3")})
    assert set(written(out)) == {"README.md", "mine", LIST}
    assert not (out / "tasks").exists()
    with pytest.raises(UsageError, match="mine is not driftscan's"):
        write(out, {"mine": Output(b"1")})


def test_what_was_edited_is_not_lost(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    write(out, {"README.md": Output(b"1"), "run.sh": Output(b"#!/bin/sh\n", executable=True)})
    (out / "README.md").write_text("edited")
    with pytest.raises(UsageError, match=r"README\.md was edited"):
        write(out, {"README.md": Output(b"2")})
    write(out, {"README.md": Output(b"2")}, force=True)
    assert (out / "README.md").read_bytes() == b"2"
    assert sorted(path.name for path in out.parent.iterdir()) == ["out"]


@pytest.mark.parametrize("path", ["/etc/passwd", "../up", "a/../../up"])
def test_nothing_is_written_outside(tmp_path: Path, path: str) -> None:
    with pytest.raises(ValueError, match="outside"):
        write(tmp_path / "out", {path: Output(b"")})
    assert list(tmp_path.iterdir()) == []
