"""What people install: the wheel has all that the program needs, and works where nothing else is."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

TOP = Path(__file__).parent.parent.parent
STOCK = TOP / "tests" / "recordings" / "stock"


def pip(*arguments: str | Path) -> None:
    """Run pip; where the package index cannot be reached, this is not tested."""
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        message = f"NOT TESTED, pip could not {arguments[0]}: {(done.stderr.splitlines() or [''])[-1]}"
        if os.environ.get("CI") == "true":
            pytest.fail(done.stderr)
        pytest.skip(message)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--wheel-dir", folder, TOP)
    (built,) = folder.glob("driftscan-*.whl")
    return built


def test_the_wheel_has_all_that_the_checkout_has(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    wanted = {
        path.relative_to(TOP)
        for folder in ("driftscan", "migrations")
        for path in (TOP / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    inside = {str(path if path.parts[0] == "driftscan" else "driftscan" / path) for path in wanted}
    assert inside <= held
    assert {"driftscan/collect/bundle.sh", "driftscan/emit/_shell/start.sh"} <= held
    assert any(name.startswith("driftscan/migrations/versions/0001") for name in held)
    assert not any(name.startswith("tests/") for name in held)


def test_the_wheel_works_alone(wheel: Path, tmp_path: Path) -> None:
    fresh = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", fresh], check=True, timeout=120)
    pip("--python", fresh / "bin" / "python", "install", "--no-compile", wheel)
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "DRIFTSCAN_DB": str(tmp_path / "driftscan.db")}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(fresh / "bin" / "driftscan"), *arguments]
        return subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
        )

    scanned = run("scan", f"replay:{STOCK}")
    assert (scanned.returncode, scanned.stderr) == (0, "")
    assert scanned.stdout.endswith("complete\n")
    asked = run("sql", "select count(*) as n from packages", "--format", "csv")
    assert (asked.returncode, asked.stdout.split()[0]) == (0, "n")
    mistaken = run("nonsense")  # a typer with a click of its own, and none beside it
    assert (mistaken.returncode, mistaken.stderr) == (
        2,
        "driftscan: No such command 'nonsense'; see driftscan --help\n",
    )
