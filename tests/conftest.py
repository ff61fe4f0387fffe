"""What all tests share: the command line as a person runs it, in a home directory of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("house", deadline=None)  # what is slow is measured in benchmarks, not by a test
settings.load_profile("house")

Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Run `driftscan …` with an empty home and a database of this test's own; a traceback is never an answer."""
    return command_line(tmp_path)


def command_line(directory: Path) -> Cli:
    """Return what runs `driftscan …` with its home and its database in `directory`."""
    home = directory / "home"
    home.mkdir()
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    environment = {**kept, "HOME": str(home), "DRIFTSCAN_DB": str(directory / "driftscan.db")}

    def run(*arguments: str, columns: int = 80, **extra: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "driftscan", *arguments],
            env={**environment, "COLUMNS": str(columns), **extra},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return run
