"""An auditor's machine for tests that need more than one run: a home, a database, commands that can be left running."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Auditor:
    """`driftscan` as a person runs it whose home is `home`; never with the agent or the settings of the tests' user."""

    home: Path

    @property
    def database(self) -> Path:
        return self.home / "store" / "driftscan.db"

    @property
    def known_hosts(self) -> Path:
        return self.home / ".ssh" / "known_hosts"

    def start(self, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
        """Start a command in a process group of its own, with SIGINT as a terminal's shell would leave it."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        environment = {**kept, "HOME": str(self.home), "DRIFTSCAN_DB": str(self.database), **variables}
        return subprocess.Popen(
            [sys.executable, "-m", "driftscan", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    def run(self, *arguments: str, **variables: str) -> Done:
        return self.end(self.start(*arguments, **variables))

    def end(self, running: "subprocess.Popen[str]", seconds: float = 120) -> Done:
        """Wait for a command to end; a traceback is never an answer."""
        try:
            out, err = running.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            running.kill()
            raise
        assert "Traceback" not in err, err
        return Done(running.args, running.returncode, out, err)

    def stored(self) -> list[str]:
        """Return the host of every snapshot, oldest first; the database must be sound to its last page."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
            assert connection.execute("pragma foreign_key_check").fetchall() == []
            rows = connection.execute("select name from snapshot join host on host.id = host_id order by snapshot.id")
            return [name for (name,) in rows]


def one_line(done: Done, pattern: str, code: int) -> None:
    """Hold a command to its exit code and to one line on stderr, which `pattern` is found in."""
    lines = done.stderr.splitlines()
    assert done.returncode == code, (done.returncode, done.stderr, done.stdout)
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("driftscan: "), done.stderr
    assert re.search(pattern, lines[0]), done.stderr
