"""The end of the story on real hosts: the sauced one becomes a role, the role another host, and the old one may go."""

import base64
import json
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.lab import hosts
from tests.lab.auditor import Auditor, Done
from tests.lab.test_truth import SECRETS

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("role")]

_HERE = Path(__file__).parent
_LONG = 600  # seconds that a proof may take under load
# Paths of the sauced host whose type, rights and content (or target) the new host must have; found anew by each test.
_TREES = ("srv/weird", "opt/loop", "opt/oldproject", "opt/acme", "opt/chroot", "srv/shared", "srv/apps", "srv/mirror")
_PATHS = (
    "usr/local/bin", "usr/local/sbin", "usr/local/src", "usr/local/lib/telemetry.py", "usr/bin/less",
    "usr/bin/less.distrib", "usr/sbin/update-ca-certificates", "usr/share/nginx/html/index.html",
    "var/spool/cron/crontabs", "etc/rc.local", "etc/cron.d", "etc/cron.daily", "etc/crontab", "etc/sudoers.d",
    "etc/nginx", "etc/apt/preferences.d", "etc/apt/sources.list.d", "etc/systemd/system", "etc/security/limits.d",
    "etc/sysctl.d", "etc/modules-load.d", "etc/profile.d", "etc/logrotate.d", "etc/ld.so.conf.d", "etc/nftables.conf",
    "etc/ssh/sshd_config", "etc/ssh/sshd_config.d", "etc/redis/redis.conf", "etc/dma", "etc/aliases",
    "etc/acme-metrics.conf", "etc/ssl/certs/shop.pem", "etc/ssl/private/shop.key", "etc/localtime", "etc/timezone",
    "etc/default/locale", "etc/locale.gen", "etc/alternatives/editor", "etc/alternatives/pager", "home/deploy/.pgpass",
    "home/deploy/.ssh", "home/deploy/secrets", "home/deploy/uploads", "home/mthompson/.ssh", "home/auditor/.ssh",
    "root/.bashrc", "var/www/shop", "var/spool/dropzone", "opt/shopapp/releases", "opt/shopapp/run.sh",
    "opt/shopapp/shared/tmp", "opt/shopapp/shared/config", "opt/shopapp/current", "opt/shopapp/next",
)  # fmt: skip
# What the old host alone has on the way: what lies in these directories by themselves, or is made anew.
_OWN = re.compile(r"srv/weird/stale\.sock|.*/__pycache__(?:/.*)?|home/[^/]+/\.ssh/known_hosts")


# In every run test_prove.py rebuilds a host by Ansible, and test_emit_ansible.py makes a resource of every kind.
with_each_tool = pytest.mark.parametrize("tool", [pytest.param("ansible", marks=pytest.mark.soak), "shell"])
# The way out of a lab host for pip and npm, which know nothing of apt's proxy.
_ENVIRONMENT = """
proxy=$(sed -n 's/.*"\\(http:[^"]*\\)".*/\\1/p' /etc/apt/apt.conf.d/90site-proxy)
printf '%s\\n' "HTTPS_PROXY=$proxy" PIP_CERT=/run/lab-ca.pem npm_config_cafile=/run/lab-ca.pem >>/etc/environment
"""


@dataclass
class Story:
    """The old host, the auditor who has scanned it, and what boots a blank one for a tool."""

    auditor: Auditor
    old: hosts.LabHost
    boot: Callable[[str], hosts.LabHost]
    blank: dict[str, hosts.LabHost] = field(default_factory=dict)
    proofs: dict[str, tuple[Done, dict[str, Any]]] = field(default_factory=dict)

    def run(self, *arguments: str, seconds: float = _LONG) -> Done:
        return self.auditor.end(self.auditor.start(*arguments, "-i", str(self.inventory), PATH=_path()), seconds)

    @property
    def inventory(self) -> Path:
        return self.auditor.home / "hosts.yaml"

    def describe(self, described: Mapping[str, hosts.LabHost]) -> None:
        defaults = {"user": "root", "identity": self.old.key, "accept_new_host_key": True, "timeout": 60}
        addresses = {name: {"address": host.address} for name, host in described.items()}
        self.inventory.write_text(json.dumps({"defaults": defaults, "hosts": addresses}))

    def prove(self, tool: str, *more: str) -> tuple[Done, dict[str, Any]]:
        """Prove the role on the blank host of a tool, once."""
        if tool not in self.proofs:
            self.blank[tool] = self.boot(tool)
            self.describe({"old": self.old, **self.blank})
            arguments = ("--on", tool, "--with", tool, "--secrets-from-host", "--format", "json")
            done = self.run("prove", "old", *arguments, *more)
            assert done.stdout, done.stderr
            self.proofs[tool] = done, json.loads(done.stdout)
        return self.proofs[tool]


def _path() -> str:
    """Return a PATH on which the tests' own environment comes first: ansible-playbook is there."""
    return f"{Path(sys.executable).parent}:{os.environ['PATH']}"


@pytest.fixture(scope="module")
def story(worker_id: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    home = tmp_path_factory.mktemp("role")
    with ExitStack() as stack:
        old = stack.enter_context(hosts.host(f"role-old-{worker_id}", "sauced"))
        old.root((_HERE / "sauce.sh").read_text(), "bash -s live")

        def boot(tool: str) -> hosts.LabHost:
            host = stack.enter_context(hosts.host(f"role-{tool}-{worker_id}"))
            host.root(_ENVIRONMENT)
            return host

        story = Story(Auditor(home), old, boot)
        story.describe({"old": old})
        done = story.run("scan", "old")
        assert done.returncode == 0, done.stderr
        yield story


@with_each_tool
def test_the_new_host_is_the_old_one(story: Story, tool: str) -> None:
    done, proof = story.prove(tool)
    failed = [one for one in proof["remainder"] if one["failed"]]
    assert not failed, failed
    assert (done.returncode, proof["error"]) == (0, ""), (done.stderr, proof["error"])
    assert (proof["again"], proof["rebooted"], proof["seen"]) == (0, True, True)
    assert sum(one["reproduced"] for one in proof["fidelity"]) == sum(one["reproducible"] for one in proof["fidelity"])
    for what in ("services", "listeners"):
        assert proof[what]["up"] == proof[what]["wanted"] > 0


@with_each_tool
def test_every_path_is_there_byte_for_byte(story: Story, tool: str) -> None:
    """Look at the disks themselves, not through driftscan."""
    story.prove(tool)
    old, new = (_disk(host.disk(), host) for host in (story.old, story.blank[tool]))
    wrong = {path: (old.get(path), new.get(path)) for path in old.keys() | new.keys() if old.get(path) != new.get(path)}
    assert not wrong, dict(sorted(wrong.items())[:20])
    assert len(old) > 200


@with_each_tool
def test_nothing_that_the_package_manager_was_told_is_lost(story: Story, tool: str) -> None:
    story.prove(tool)
    asked = """
    apt-mark showhold; apt-cache policy redis-server | grep -c 1001; dpkg-divert --list '/usr/bin/less'
    dpkg-statoverride --list /usr/bin/psql; stat -c '%a %U %G' /usr/bin/psql
    update-alternatives --query editor | grep -E '^(Status|Value)'; update-alternatives --query pager | grep -E '^Value'
    getcap /usr/local/bin/portbind; getfacl -cp /srv/shared /srv/shared/f
    lsattr -d /opt/acme/license.key | cut -d' ' -f1; lsattr -d /var/log/append-only.log | cut -d' ' -f1
    getfattr --only-values -n user.origin /opt/acme/license.key; echo
    systemctl is-enabled shop-worker nightly.timer nginx redis-server nftables; systemctl is-enabled apt-daily.timer
    systemctl is-enabled e2scrub_all.timer; dpkg-query -W -f '${Package} ${Version}\\n' vpn-helper acme-metrics
    id deploy mthompson auditor svc-backup toor | sed 's/,/\\n/g' | sort; getent passwd deploy mthompson auditor toor
    /opt/shopapp/venv/bin/pip list --format=freeze
    pip3 list --path /usr/local/lib/python3.11/dist-packages --format=freeze
    npm ls -g --depth=0 2>/dev/null | grep json5; sysctl net.core.somaxconn net.ipv4.tcp_fin_timeout
    cat /etc/timezone; locale -a | grep de_DE; grep -c internal.example /etc/hosts; grep shopapp/cache /etc/fstab
    stat -c '%h' /opt/acme/worker-hardlink.py; test ! -e /etc/cron.daily/dpkg && echo deleted
    """
    old, new = (
        host.root(f"set +e; export LC_ALL=C\n{asked}\ntrue").splitlines() for host in (story.old, story.blank[tool])
    )
    assert new == old
    assert len(old) > 60


@with_each_tool
def test_people_still_log_in_and_applications_answer(story: Story, tool: str, tmp_path: Path) -> None:
    story.prove(tool)
    new = story.blank[tool]
    for user in ("deploy", "mthompson"):
        key = tmp_path / user
        shutil.copy(story.old.disk() / f"home/{user}/.ssh/id_ed25519", key)
        key.chmod(0o600)
        assert _ssh(new, user, str(key)) == user
    assert _ssh(new, "auditor", new.key) == "auditor"
    shadow = (host.disk().joinpath("etc/shadow").read_text() for host in (story.old, new))
    assert (
        len({next(line.split(":")[1] for line in text.splitlines() if line.startswith("deploy:")) for text in shadow})
        == 1
    )

    data = base64.b64encode((story.old.disk() / "var/lib/shop/orders.db").read_bytes()).decode()
    new.root(f"base64 -d >/var/lib/shop/orders.db <<E\n{data}\nE\nchown mthompson:shopdata /var/lib/shop/orders.db")
    answer = json.loads(_http(new, "/"))
    assert answer == {"orders": 5000, "bottle": "0.12.25", "key": True}
    assert _http(new, "/status").startswith("{")
    assert "PONG" in new.root("redis-cli -a r3d1s-Pa55 --no-auth-warning ping")
    assert "active" in new.root("systemctl is-active shop-worker")


def test_no_secret_is_in_any_emitted_byte(story: Story, tmp_path: Path) -> None:
    keys = [
        (story.old.disk() / path).read_bytes() for path in ("home/deploy/.ssh/id_ed25519", "etc/ssl/private/shop.key")
    ]
    wanted = [secret.encode() for secret in SECRETS] + [key.splitlines()[2] for key in keys]
    for tool in ("ansible", "shell", "dockerfile"):
        for number in (1, 2):
            done = story.run("role", "build", "old", "--to", tool, "--output", str(tmp_path / f"{tool}{number}"))
            assert done.returncode == 0, (done.stderr, done.stdout)
        assert _told(tmp_path / f"{tool}1") == _told(tmp_path / f"{tool}2")  # the same bytes
        for name, data in _told(tmp_path / f"{tool}1").items():
            assert not [secret for secret in wanted if secret in data], (tool, name)
            assert not any(word in data for word in (b"machine-id:", story.old.address.encode() + b"\n")), name


def test_verdict_names_what_is_left_and_ends_with_discard(story: Story, tmp_path: Path) -> None:
    story.prove("shell")
    done = story.run("verdict", "old", "--format", "json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["verdict"]) == (4, "not yet"), done.stderr
    subjects = {one["subject"] for one in told["blockers"]}
    assert {"/var/lib/redis", "/var/lib/shop/orders.db"} <= subjects
    assert any("telemetryd" in one for one in subjects)
    assert any("kworker" in one for one in subjects)
    assert not any(one["kind"] == "proof" for one in told["blockers"])

    settled = [
        {one["kind"]: re.sub(r"([*?\[])", r"[\1]", one["subject"]), "why": "dealt with", "who": "ops"}
        for one in told["blockers"]
    ]
    steering = tmp_path / "role.yaml"
    steering.write_text(json.dumps({"settled": settled}))
    done = story.run("verdict", "old", "--steer", str(steering))
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert "discard" in done.stdout.splitlines()[0]


def test_the_role_of_a_stock_host_is_empty_and_says_so(story: Story, tmp_path: Path) -> None:
    steering = tmp_path / "lab.yaml"  # what each host of the lab is given to be reached, and to reach its packages
    steering.write_text(
        json.dumps({"exclude": ["/etc/apt/apt.conf.d/90site-proxy", "/root/.ssh", {"accounts": "key root *"}]})
    )
    with hosts.host("role-stock") as stock:
        flags = ("--identity", stock.key, "--accept-new-host-key")
        assert story.auditor.run("scan", f"root@{stock.address}", *flags).returncode == 0
        for tool in ("ansible", "shell", "dockerfile"):
            output = tmp_path / tool
            arguments = ("--to", tool, "--output", str(output), "--steer", str(steering))
            done = story.auditor.run("role", "build", f"root@{stock.address}", *arguments, *flags)
            assert done.returncode == 0, done.stderr
            assert "empty" in done.stdout, done.stdout
            assert "othing" in (output / "README.md").read_text()


_SAUCE = """
groupadd -g 2600 crew; useradd -m -u 1501 -s /bin/bash -c 'Ann `id` {{ x }}' ann; usermod -aG crew ann
install -d -m 700 -o ann -g ann /home/ann/.ssh; install -m 600 -o ann -g ann /root/.ssh/authorized_keys /home/ann/.ssh/
mkdir -p /opt/tool '/srv/odd {{ x }}' /etc/systemd/system /usr/local/bin; cd '/srv/odd {{ x }}'
echo 1 >'$(touch PWNED)'; printf '\\377' >"$(printf 'latin-\\351')"; ln -s nowhere 'a link'; chmod 2770 .; chgrp crew .
printf '#!/bin/sh\nwhile :; do sleep 5; done\n' >/opt/tool/run.sh; chmod 755 /opt/tool/run.sh
cp /bin/sleep /opt/tool/slumber; chmod 4755 /opt/tool/slumber; chown -R ann:crew /opt/tool; chmod 4750 /opt/tool/slumber
printf '[Unit]\nDescription=tool\n[Service]\nUser=ann\n' >/etc/systemd/system/tool.service
printf 'Environment=TOKEN=tok_small_sauce_77\nExecStart=/opt/tool/run.sh\n' >>/etc/systemd/system/tool.service
printf '[Install]\nWantedBy=multi-user.target\n' >>/etc/systemd/system/tool.service
systemctl daemon-reload; systemctl -q enable --now tool
echo '5 5 * * * ann /opt/tool/run.sh' >/etc/cron.d/tool; echo 'net.core.somaxconn = 2048' >/etc/sysctl.d/90-tool.conf
sysctl -qp /etc/sysctl.d/90-tool.conf
echo '10.1.2.3 db.tool.example' >>/etc/hosts; chmod u+s /usr/bin/tail; ln -s /opt/tool/run.sh /usr/local/bin/tool
"""
_INSTALL = {
    "bullseye": "apt-get -qq update; apt-get -qq install -y --no-install-recommends nano; apt-mark hold nano",
    "rpm": "rpm -e --nodeps logrotate less; dnf -q -y install logrotate less",
}


@pytest.mark.parametrize(
    ("flavor", "tool"),
    [
        pytest.param("bullseye", "ansible", marks=pytest.mark.soak),
        pytest.param("bullseye", "shell", marks=pytest.mark.soak),
        pytest.param("rpm", "ansible", marks=pytest.mark.soak),
        ("rpm", "shell"),
    ],
)
def test_other_systems_with_a_smaller_sauce(flavor: str, tool: str, tmp_path: Path) -> None:
    with hosts.host(f"role-{flavor}-old", flavor) as old, hosts.host(f"role-{flavor}-{tool}", flavor) as new:
        for host in (old, new) if flavor == "rpm" else ():
            shutil.copytree(Path(old.key).parent / "rpm-repo", host.disk() / "srv/rpm-repo", dirs_exist_ok=True)
        old.root(f"set -e; ({_INSTALL[flavor]}) >/dev/null\n{_SAUCE}")
        auditor = Auditor(tmp_path)
        story = Story(auditor, old, lambda _: new)
        story.describe({"old": old})
        assert story.run("scan", "old").returncode == 0
        steering = tmp_path / "role.yaml"  # the repository of the lab is 200 MB, and on the blank host already
        steering.write_text(json.dumps({"exclude": ["/srv/rpm-repo"]} if flavor == "rpm" else {}))
        done, proof = story.prove(tool, "--steer", str(steering))
        failed = [one for one in proof["remainder"] if one["failed"]]
        assert not failed, failed
        assert (done.returncode, proof["again"], proof["rebooted"]) == (0, 0, True), (done.stderr, proof)
        assert sum(one["reproducible"] for one in proof["fidelity"]) > 15
        assert _ssh(new, "ann", new.key) == "ann"
        assert "active" in new.root("systemctl is-active tool")
        assert "tok_small_sauce_77" in new.root("systemctl show -p Environment tool")
        assert new.root("ls -A '/srv/odd {{ x }}' | od -c") == old.root("ls -A '/srv/odd {{ x }}' | od -c")
        assert not new.root("ls -d /PWNED /x 2>/dev/null || true")


def _hash(host: hosts.LabHost, user: str) -> str:
    lines = (host.disk() / "etc/shadow").read_text().splitlines()
    return next(line.split(":")[1] for line in lines if line.startswith(f"{user}:"))


def _ssh(host: hosts.LabHost, user: str, key: str) -> str:
    options = ("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes")
    command = ("ssh", "-q", "-F", "/dev/null", *options, "-i", key, f"{user}@{host.address}", "id -un")
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30).stdout.strip()


def _http(host: hosts.LabHost, path: str) -> str:
    """Ask a host's port 80 for a page; an application that has just been started is waited for."""
    end = time.monotonic() + 30
    while True:
        with suppress(OSError), socket.create_connection((host.address, 80), timeout=5) as connection:
            connection.sendall(f"GET {path} HTTP/1.0\r\nHost: shop.acme.example\r\n\r\n".encode())
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
            if b" 200 " in answer.split(b"\r\n", 1)[0]:
                return answer.partition(b"\r\n\r\n")[2].decode()
        assert time.monotonic() < end, f"{path} does not answer"
        time.sleep(0.5)


def _names(host: hosts.LabHost, kind: str) -> dict[int, str]:
    lines = (host.disk() / f"etc/{kind}").read_text().splitlines()
    return {int(line.split(":")[2]): line.split(":")[0] for line in reversed(lines)}


def _disk(root: Path, host: hosts.LabHost) -> dict[str, object]:
    """Return what the disk of a host has below the paths of the story: type, rights, owner's name, content."""
    users, groups = _names(host, "passwd"), _names(host, "group")
    found: dict[str, object] = {}

    def look(path: bytes) -> None:
        name = os.fsdecode(path)
        full = os.fsencode(root) + b"/" + path
        if _OWN.fullmatch(name):
            return
        try:
            state = os.lstat(full)
        except FileNotFoundError:
            return
        owner = users.get(state.st_uid, state.st_uid), groups.get(state.st_gid, state.st_gid)
        if stat.S_ISLNK(state.st_mode):
            found[name] = ("link", os.readlink(full))
            return
        told = (stat.S_IFMT(state.st_mode), oct(stat.S_IMODE(state.st_mode)), *owner)
        if stat.S_ISREG(state.st_mode):
            with open(full, "rb") as file:
                found[name] = (*told, file.read())
        elif stat.S_ISDIR(state.st_mode):
            found[name] = told
            for one in os.listdir(full):
                look(path + b"/" + one)
        else:
            found[name] = (*told, state.st_rdev)

    for path in (*_TREES, *_PATHS):
        look(path.encode())
    return found


def _told(directory: Path) -> dict[str, bytes]:
    """Return every emitted file by its path, and what archives among them hold by member."""
    found: dict[str, bytes] = {}
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            name = str(path.relative_to(directory))
            found[name] = path.read_bytes()
            if name.endswith((".tar.gz", ".tar")):
                with tarfile.open(path) as archive:
                    for number, member in enumerate(archive):
                        inside = archive.extractfile(member) if member.isfile() else None
                        found[f"{name}#{number}"] = inside.read() if inside is not None else b""
    return found
