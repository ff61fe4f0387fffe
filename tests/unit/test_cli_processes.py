"""Many hosts are looked at in processes of their own; what goes there and back is what a thread would give."""

import json
import logging
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from driftscan.baseline.complaint import BaselineError, Complaint
from driftscan.cli.looking import CrashError, Limits, Look, LostError, Order, Scanned
from driftscan.cli.progress import Progress
from driftscan.cli.scanning import Scanner
from driftscan.collect.collector import Wish
from driftscan.errors import DriftscanError, StoreError
from driftscan.model.host import Host
from tests.conftest import Cli

RECORDING = str(Path(__file__).parent.parent / "recordings" / "busybox")


def hosts(*names: str) -> list[Host]:
    return [Host(name, transport="replay", path=RECORDING) for name in names]


def say(look: Look) -> str:
    """Say something of a host; what it is called decides what befalls its process."""
    if look.host.name == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if look.host.name == "bug":
        raise ZeroDivisionError("by nobody")
    if look.host.name == "mistake":
        raise BaselineError(Complaint("web.yaml:3", "error", "no such thing"))
    if look.host.name == "slow":
        time.sleep(2)
    logging.getLogger("driftscan.test").warning("looked at %s", look.host.name)
    return f"{look.host.name} in {os.getpid()}"


def scanned(*names: str, jobs: int = 2, limits: Limits | None = None) -> dict[str, Scanned[str]]:
    scanner = Scanner(Order(Wish(("system",)), say), Progress([], quiet=True), jobs, limits=limits, apart=True)
    return {done.host.name: done for done in scanner.scan(hosts(*names))}


def test_hosts_are_looked_at_elsewhere_and_what_is_logged_there_is_logged_here(
    caplog: pytest.LogCaptureFixture,
) -> None:
    found = scanned("a", "b", "c")
    told = [done.said or "" for done in found.values()]
    assert sorted(words.split()[0] for words in told) == ["a", "b", "c"]
    assert str(os.getpid()) not in {words.split()[-1] for words in told}
    assert sorted(record.getMessage() for record in caplog.records) == ["looked at a", "looked at b", "looked at c"]


def test_a_process_that_dies_costs_its_host_alone() -> None:
    found = scanned("a", "killed", "b", "c")
    assert isinstance(found["killed"].error, LostError)
    assert "killed by signal 9" in found["killed"].complaint
    assert all(found[name].said for name in ("a", "b", "c"))


def test_what_ends_the_run_there_ends_it_here_and_says_where() -> None:
    with pytest.raises(Exception, match=r"(?s)Traceback.*in say.*ZeroDivisionError: by nobody"):
        scanned("bug")
    with pytest.raises(BaselineError, match=r"web\.yaml:3: no such thing") as raised:
        scanned("mistake")
    assert raised.value.complaint.where == "web.yaml:3"


def test_the_time_of_the_run_is_over_for_what_is_not_begun() -> None:
    found = scanned("slow", "b", jobs=1, limits=Limits(run=0.01))
    assert {name: str(done.error).split(" when")[0] for name, done in found.items()}["b"] == "not begun"


@pytest.mark.parametrize("error", [StoreError("it is full", hint="free some"), CrashError(ZeroDivisionError("x"))])
def test_an_error_comes_from_another_process_as_it_is(error: DriftscanError) -> None:
    import pickle

    same = pickle.loads(pickle.dumps(error))
    assert (type(same), str(same), same.hint, same.exit_code) == (type(error), str(error), error.hint, error.exit_code)


def test_questions_are_asked_one_at_a_time_and_by_one_process(tmp_path: Path) -> None:
    described = {f"web{number}": {"transport": "replay", "path": RECORDING} for number in range(1, 5)}
    (tmp_path / "hosts.yaml").write_text(json.dumps({"hosts": described}))
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "DRIFTSCAN_DB": str(tmp_path / "db")}
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        [sys.executable, "-m", "driftscan", "scan", "-q", "-K", "-i", str(tmp_path / "hosts.yaml")],
        stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    said, asked = "", list[str]()
    try:
        while data := os.read(ours, 4096):
            said += data.decode()
            new = re.findall(r"sudo password of (web\d)", said)[len(asked) :]
            assert len(new) <= 1  # the next one waits for the answer
            if new and said.rstrip().endswith(":"):
                asked += new
                os.write(ours, b"secret\n")
    except OSError:  # what Linux says of a terminal whose other end is closed
        pass
    os.close(ours)
    assert (running.wait(), sorted(asked), "secret" in said) == (3, sorted(described), False), said  # no sudo there


def test_a_run_that_ends_while_it_asks_leaves_the_terminal_as_it_was(tmp_path: Path) -> None:
    described = {"web": {"transport": "replay", "path": RECORDING}}
    (tmp_path / "hosts.yaml").write_text(json.dumps({"hosts": described}))
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "DRIFTSCAN_DB": str(tmp_path)}  # is no database
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    running = subprocess.Popen(
        [sys.executable, "-m", "driftscan", "scan", "-q", "-K", "-i", str(tmp_path / "hosts.yaml")],
        stdin=theirs, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment, start_new_session=True,
    )  # fmt: skip
    said = running.communicate()[1]
    assert (running.returncode, b"sudo password" in said, str(tmp_path).encode() in said) == (1, True, True), said
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)


def test_four_hosts_are_many(cli: Cli, tmp_path: Path) -> None:
    described = {f"web{number}": {"transport": "replay", "path": RECORDING} for number in range(1, 5)}
    (tmp_path / "hosts.yaml").write_text(json.dumps({"hosts": described}))
    for night in range(2):
        done = cli("scan", "--scope", "system", "-i", str(tmp_path / "hosts.yaml"))
        assert (done.returncode, done.stderr) == (0, "")
        lines = sorted(
            re.sub(r"@\d+  .* \((\d+) new, (\d+) gone\), [\d.]+ s,", r" \1 \2", line)
            for line in done.stdout.splitlines()
        )
        new = {line.split()[1] for line in lines}
        assert [line.split()[0] for line in lines] == sorted(described)
        assert (new == {"0"}) == bool(night)
