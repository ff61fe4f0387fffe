"""Tools of the host that lie: the probes that call them fail by name, the rest stands, the auditor comes to no harm."""

import os
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab import hosts
from tests.lab.auditor import Auditor, Done

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("hostile")]

_FIRST = "/usr/sbin"  # where the bundle's PATH begins
_MIB = 1 << 20


@pytest.fixture(scope="module")
def bad() -> Iterator[hosts.LabHost]:
    with hosts.host("t-hostile", "bookworm") as host:
        host.root("true")  # the first login of all starts what stays
        yield host


@contextmanager
def fakes(host: hosts.LabHost, tools: dict[str, str]) -> Iterator[None]:
    """Put sh programs in front of the host's tools, none of which they may call by name."""
    for name, body in tools.items():
        host.root(
            f"cat >{_FIRST}/{name} <<'END'\n#!/bin/sh\nPATH=/usr/bin:/bin\n{body}\nEND\nchmod 755 {_FIRST}/{name}"
        )
    try:
        yield
    finally:
        host.root(f"cd {_FIRST} && rm -f {' '.join(tools)}")


@dataclass(frozen=True)
class Scan:
    """A scan that has ended: what it said, and the most memory that it had."""

    done: Done
    peak: int

    @property
    def outcomes(self) -> dict[str, str]:
        incomplete = self.done.stdout.partition("INCOMPLETE: ")[2].strip()
        return dict(word.split(" ", 1) for word in incomplete.split(", ")) if incomplete else {}


def scan(host: hosts.LabHost, home: Path, seconds: float) -> Scan:
    auditor = Auditor(home)
    options = ("--identity", host.key, "--accept-new-host-key", "--timeout", "3")
    running = auditor.start("scan", f"root@{host.address}", *options)
    peak, watched = 0, Path(f"/proc/{running.pid}/status")
    try:
        while os.waitid(os.P_PID, running.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
            if found := re.search(r"VmHWM:\s+(\d+) kB", watched.read_text()):
                peak = max(peak, int(found[1]) << 10)
            try:
                running.wait(0.2)
            except Exception:  # noqa: BLE001 -- it still runs
                seconds -= 0.2
            if seconds <= 0:
                running.kill()
                break
    except ChildProcessError:
        pass
    return Scan(auditor.end(running, seconds=10), peak)


def stands(home: Path, *scopes: str) -> None:
    """Hold what was stored to what the tools that do not lie have shown."""
    with closing(sqlite3.connect(Auditor(home).database)) as connection:
        found = dict(connection.execute("select scope, outcome from scope_coverage").fetchall())
    assert {scope: found[scope] for scope in scopes} == dict.fromkeys(scopes, "ok")


LIES = {
    "errors without end": {"systemctl": "exec yes no >&2"},
    "escapes and garbage": {"systemctl": "printf '\\033]0;owned\\007\\033[2J\\377\\376'; head -c 300000 /dev/urandom"},
    "nothing for ever": {"getent": "exec sleep 1000"},
}
SOAKED = {
    "find hangs": {"find": "exec sleep 1000"},
    "find sends zeros": {"find": "exec cat /dev/zero"},
    "find sends one line": {"find": "tr '\\000' a </dev/zero"},
    "find sends errors": {"find": "exec yes no >&2"},
    "find sends records without end": {"find": "yes './a_f644 0 0 0 0_0 0 0__' | tr -d '\\n' | tr _ '\\000'"},
    "find sends directories without end": {
        "find": "seq -f './%.0f_d755 0 0 0 0_0 0 0__' 99999999999 | tr -d '\\n' | tr _ '\\000'"
    },
    "find sends paths that lead out": {"find": "yes './../../x_f644 0 0 0 0_0 0 0__' | tr -d '\\n' | tr _ '\\000'"},
    "tar sends what is no archive": {"tar": "printf ./dev/null; exec cat /dev/zero"},
    "everything is noise": dict.fromkeys(
        ("find", "ps", "ss", "cat", "tar", "dpkg", "dpkg-query", "sha256sum", "readlink", "stat", "sed", "grep"),
        "head -c 20000000 /dev/urandom",
    ),
}


@pytest.mark.parametrize("lie", [*LIES, *(pytest.param(lie, marks=pytest.mark.soak) for lie in SOAKED)])
def test_a_tool_that_lies_costs_its_probes_alone(lie: str, bad: hosts.LabHost, tmp_path: Path) -> None:
    with fakes(bad, {**LIES, **SOAKED}[lie]):
        started = time.monotonic()
        seen = scan(bad, tmp_path, 300 if lie in SOAKED else 150)
    print(f"{lie}: {time.monotonic() - started:.0f} s, peak {seen.peak >> 20} MiB")
    assert seen.done.returncode == 3, (seen.done.returncode, seen.done.stderr[-500:], seen.done.stdout[-500:])
    assert seen.outcomes
    assert not re.search(r"[^\x20-\x7e\n]", seen.done.stdout + seen.done.stderr)
    limit = 1600 if lie in SOAKED and "end" in lie else 400
    assert seen.peak < limit * _MIB, f"{seen.peak >> 20} MiB"
    if lie != "everything is noise":
        stands(tmp_path, "accounts" if lie != "nothing for ever" else "mounts", "mounts")
