"""A fresh machine: a clean clone and an empty home directory, and the README's first command."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.lab


@pytest.mark.xdist_group("clone")
def test_make_audit_on_a_clean_clone_with_an_empty_home(tmp_path: Path) -> None:
    clone, home = tmp_path / "clone", tmp_path / "home"
    home.mkdir()
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    kept = {name: value for name, value in os.environ.items() if name == "PATH" or name.startswith(("PIP_", "SSL_"))}
    environment = {**kept, "HOME": str(home), "LANG": "C.UTF-8"}
    done = subprocess.run(
        ["make", "audit"], cwd=clone, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "localhost: audit of" in done.stdout
    assert "Coverage" in done.stdout
    assert "Traceback" not in done.stderr
    database = home / ".local/share/driftscan/driftscan.db"
    assert database.stat().st_mode & 0o777 == 0o600
