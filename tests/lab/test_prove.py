"""Proofs on real hosts: a host with a few changes, and a blank one to which its role is applied."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import hosts
from tests.lab.footprint import watching

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("prove")]

_BASES = Path(os.environ.get("LAB_DIR", "/srv/lab")) / "bases"
_TOKEN = "abcdef0123456789abcdef"
_CHANGES = rf"""
set -e
useradd -m -s /bin/bash deploy; echo 'deploy:secretword' | chpasswd
mkdir -p /opt/tool/bin
printf '#!/bin/sh\necho hi\n' >/opt/tool/bin/hi; chmod 4755 /opt/tool/bin/hi
ln -s /opt/tool/bin/hi /usr/local/bin/hi
printf '%s\n' '#!/usr/bin/env python3' 'import http.server as h' \
  'h.HTTPServer(("0.0.0.0", 8099), h.SimpleHTTPRequestHandler).serve_forever()' >/opt/tool/bin/serve
chmod 755 /opt/tool/bin/serve
printf '[Service]\nUser=deploy\nExecStart=/opt/tool/bin/serve\n[Install]\nWantedBy=multi-user.target\n' \
  >/etc/systemd/system/tool.service
systemctl daemon-reload; systemctl enable -q --now tool
printf 'TOKEN={_TOKEN}\nMODE=prod\n' >/etc/tool.conf; chmod 640 /etc/tool.conf; chgrp deploy /etc/tool.conf
echo '5 4 * * * root /opt/tool/bin/hi' >/etc/cron.d/tool
printf '%s\n' '{{{{ lookup("pipe", "touch /evil") }}}} $(touch /evil) `touch /evil`' >'/opt/tool/odd $(touch evil)'
"""


class Prover:
    """The command line with a home of its own; a rebuild takes its time."""

    def __init__(self, directory: Path, old: hosts.LabHost, blank: hosts.LabHost) -> None:
        self.directory = directory
        self.old = old
        self.blank = blank
        self._environment = {
            **{name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},
            "HOME": str(directory),
            "DRIFTSCAN_DB": str(directory / "driftscan.db"),
            "TMPDIR": str(directory),
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "driftscan", *arguments],
            env=self._environment, capture_output=True, text=True, timeout=1200, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def prove(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        login = ("--identity", self.old.key, "--accept-new-host-key")
        return self.run("prove", f"root@{self.old.address}", *login, *arguments)

    def proof(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.prove("--show", "--format", "json").stdout)
        return found

    def leftovers(self) -> list[str]:
        return [path.name for path in self.directory.iterdir() if path.name.startswith("driftscan-")]


@pytest.fixture(scope="module")
def prover(worker_id: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prover]:
    with hosts.host(f"prove1-{worker_id}") as old, hosts.host(f"prove2-{worker_id}") as blank:
        old.root(_CHANGES)
        made = Prover(tmp_path_factory.mktemp("prove"), old, blank)
        login = ("--identity", old.key, "--accept-new-host-key")
        assert made.run("scan", f"root@{old.address}", *login).returncode == 0
        yield made


def test_the_host_itself_is_never_written_on(prover: Prover) -> None:
    done = prover.prove("--on", prover.old.address)
    assert done.returncode == 2
    assert "is the host itself" in done.stderr


def test_a_host_is_rebuilt_by_ansible_and_the_proof_holds(prover: Prover) -> None:
    role = str(prover.directory / "role")
    with watching(prover.old) as seen:
        done = prover.prove("--on", f"root@{prover.blank.address}", "--secrets-from-host", "-o", role)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "a second run changed nothing" in done.stdout
    assert seen.beside() == []

    proof = prover.proof()
    assert proof["holds"]
    assert proof["rebooted"]
    assert (proof["again"], proof["error"]) == (0, "")
    assert proof["services"] == {"up": 1, "wanted": 1}
    told = prover.blank.root(
        "cat /etc/tool.conf; stat -c '%a %U %G' /etc/tool.conf; id -nu deploy; ls /evil* evil* /opt/tool || :"
    )
    assert f"TOKEN={_TOKEN}" in told
    assert "640 root deploy" in told
    assert "odd $(touch evil)" in told
    assert "/evil" not in told.replace("touch /evil", "")
    assert prover.leftovers() == []
    written = b"".join(path.read_bytes() for path in (prover.directory / "role").rglob("*") if path.is_file())
    assert _TOKEN.encode() not in written


def test_a_host_that_is_rebuilt_already_is_found_so_by_the_shell_role(prover: Prover) -> None:
    """The secret is made up now: it is the one thing that is changed, and is set aside."""
    done = prover.prove("--on", f"root@{prover.blank.address}", "--with", "shell", "--no-reboot", "--force")
    assert done.returncode == 0, done.stdout + done.stderr
    proof = prover.proof()
    assert (proof["tool"], proof["again"], proof["rebooted"]) == ("shell", 0, False)
    assert [made for made in proof["made_up"] if "token" in made]  # type: ignore[attr-defined]
    left = prover.blank.root("ls -d /tmp/driftscan.* /run/driftscan.* /dev/shm/driftscan.* 2>/dev/null || :")
    assert left == ""


def test_what_fails_to_come_back_is_named(prover: Prover) -> None:
    """A role that says less than the host has does not hold: the steering file leaves nothing unsaid."""
    secrets = prover.directory / "secrets.yml"
    secrets.write_text("no_such_secret: x\n")
    done = prover.prove("--on", f"root@{prover.blank.address}", "--secrets", str(secrets), "--force")
    assert done.returncode == 2
    assert "the role has no secret 'no_such_secret'" in done.stderr


def test_a_sandbox_takes_the_role_too(prover: Prover) -> None:
    done = prover.prove("--sandbox", str(_BASES / "bookworm" / "root"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing runs in a sandbox" in done.stdout
    assert prover.leftovers() == []
