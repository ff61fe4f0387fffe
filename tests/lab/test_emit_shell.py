"""The shell script on real hosts: every kind of resource, with values of a hostile host, made once and for all."""

import io
import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from driftscan.emit.shell import EMITTER
from driftscan.model.text import raw, text
from driftscan.role.model import Handler, Role, Secret
from driftscan.role.resources import (
    Absent, Acl, Alternative, Archive, Capabilities, Checkout, Content, Directory, Diversion, File, Flags, Group,
    HardLink, LanguagePackages, Lines, Link, Membership, Package, PackageFile, Refresh, Resource, Rights, Service,
    Special, StatOverride, User, Variable, Why, Xattr,
)  # fmt: skip
from tests.lab import hosts
from tests.lab.footprint import watching
from tests.unit.roles_made import HOSTILE, deb, role

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("emit-shell")]

_WEIRD = "/srv/weird"
_NAMES = tuple(dict.fromkeys(value.replace("/", "|") for value in (*HOSTILE, "ends in newline\n", "'", "--", "$'x'")))
_SECRETS = {"token": b"a 'secret' $(touch /x) \\\n\xff", "hash": b"$6$salt$abcdefghijklmnopqrstuv"}
_UNIT = b"[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"
_UPSTREAM = """
set -e; apt-get -qq update; apt-get -qq install -y --no-install-recommends git >/dev/null
git init -q /srv/upstream; cd /srv/upstream; echo one >a; git add a
git -c user.name=x -c user.email=x@y commit -qm one; git branch -M main
"""
_ENVIRONMENT = "HTTPS_PROXY=http://10.77.0.1:3142 PIP_CERT=/run/lab-ca.pem"


@pytest.fixture(scope="module", params=["bookworm", "bullseye"])
def host(request: pytest.FixtureRequest, worker_id: str) -> Iterator[hosts.LabHost]:
    """A stock host, with a repository of git to clone from: the only thing that a role cannot bring."""
    with hosts.host(f"shell-{request.param}-{worker_id}", hosts.prepared(request.param, _UPSTREAM)) as up:
        yield up


def test_role_on_a_host(host: hosts.LabHost, tmp_path: Path) -> None:
    commit = host.root("git -C /srv/upstream rev-parse HEAD").strip()
    disk = host.disk()
    _put(host, _role(commit), tmp_path)

    with watching(host) as seen:
        dry = _run(host, "-n", secrets=False)
    assert dry.returncode == 0, dry.stderr
    assert dry.stdout.splitlines()[-1].endswith("would be changed")
    assert "note: secrets are not given: hash token" in dry.stdout
    assert seen.beside(r"/tmp/#[0-9]+") == []  # apt-mark reckons in a file without a name

    missing = _run(host, secrets=False)
    assert (missing.returncode, missing.stdout) == (2, "")
    assert missing.stderr == "rebuild: secrets are missing in /root/role/secrets: hash token\n"

    first = _run(host)
    assert first.returncode == 0, first.stderr + first.stdout
    lines = first.stdout.splitlines()
    changed = [line for line in lines if line.startswith("changed: ")]
    assert lines[-1] == f"driftscan: {len(changed)} changed"
    assert lines.count("changed: restart acme.service") == 1
    foretold = {line[14:] for line in dry.stdout.splitlines() if line.startswith("would change: ")}
    made = {line.removeprefix("changed: ") for line in changed}
    assert made < foretold
    assert foretold - made == {"start acme.service"}, "a handler has done that"
    _as_wanted(host, disk, commit)

    second = _run(host)
    assert (second.returncode, second.stdout, second.stderr) == (0, "driftscan: 0 changed\n", "")

    # what is sealed is changed back nevertheless, and sealed again; a link to a directory is replaced, not followed
    host.root("chattr -i /srv/sealed; echo more >>/srv/sealed; chattr +i /srv/sealed; ln -sfn /etc /srv/here")
    third = _run(host)
    assert third.stdout.splitlines() == [
        "changed: file /srv/sealed", "changed: link /srv/here", "changed: flags of /srv/sealed", "driftscan: 3 changed",
    ]  # fmt: skip
    assert (disk / "srv/here").readlink() == Path("weird")
    assert (disk / "srv/sealed").read_bytes() == b"sealed\n"


def _as_wanted(host: hosts.LabHost, disk: Path, commit: str) -> None:
    """Look at the host's true disk, and ask the host what only it can tell."""
    assert not (disk / "x").exists(), "a value was executed"
    weird = bytes(disk / _WEIRD[1:])
    for name in _NAMES:
        assert _bytes(weird + b"/" + raw(name)) == b"it says " + raw(name)
        assert _bytes(weird + b"/unpacked/" + raw(name)) == raw(name)
    for number, name in enumerate(_NAMES):
        assert _target(weird + b"/link%d" % number) == raw(name)
    assert _bytes(weird + b"/secret") == b"before " + _SECRETS["token"] + b"\0after"
    assert (disk / "srv/lines").read_bytes() == b"no newline at end\n" + b"".join(_line(one) + b"\n" for one in HOSTILE)
    told = host.root(
        "cd /srv; stat -c '%a %U %G %F %n' weird weird/secret weird/pipe weird/device weird/setuid weird/unpacked/setuid\n"
        "stat -c '%t:%T' weird/device; [ weird/secret -ef weird/hard ] && echo same; getfacl -cE weird | head -n 3\n"
        "getcap weird/setuid; getfattr --only-values -n user.odd weird/secret | od -An -tx1; lsattr -d sealed\n"
        "grep '^deploy:' /etc/passwd /etc/shadow; id -nG deploy; ls -A /home/deploy\n"
        "dpkg-divert --truename /usr/bin/yes; dpkg-statoverride --list /usr/bin/tsort; stat -c %a /usr/bin/tsort\n"
        "readlink /etc/alternatives/pager; stat -c '%a %U %G' /usr/bin/wc; ls /usr/bin/tac 2>&1\n"
        "systemctl is-enabled acme.service apt-daily.timer; systemctl is-active acme.service apt-daily.timer\n"
        "apt-mark showhold; dpkg-query -W -f '${Version}\\n' acme-tool tree; /srv/venv/bin/pip freeze | sort\n"
        "git -C /srv/site -c safe.directory=/srv/site --git-dir=/srv/site/.git rev-parse HEAD; stat -c %U /srv/site/a\n"
    )
    assert [line.strip() for line in told.splitlines()] == [
        "2775 deploy shop directory weird", "640 root shop regular file weird/secret", "600 deploy root fifo weird/pipe",
        "666 root root character special file weird/device", "4755 root root regular file weird/setuid",
        "4750 deploy shop regular file weird/unpacked/setuid", "1:3", "same",
        "user::rwx", "user:www-data:rwx", "group::rwx", "weird/setuid cap_net_bind_service=ep", "66 ff 00 0a",
        told.splitlines()[13],
        "/etc/passwd:deploy:x:1001:2500:Deploy {{ 7*7 }} $(touch |x),,,:/home/deploy:/bin/bash",
        f"/etc/shadow:deploy:{_SECRETS['hash'].decode()}:{told.split('/etc/shadow:deploy:')[1].split(':')[1]}:0:99999:7::21945:",
        "shop adm www-data", ".bash_logout  .bashrc  .profile".replace("  ", "\n").splitlines()[0], ".bashrc", ".profile",
        "/usr/bin/yes.distrib", "root shop 4750 /usr/bin/tsort", "4750", "/srv/weird/setuid", "2755 root shop",
        "ls: cannot access '/usr/bin/tac': No such file or directory", "enabled", "masked", "active", "inactive",
        "acme-tool", "0.9", told.splitlines()[-5], "bottle==0.12.25", "six==1.16.0", commit, "deploy",
    ]  # fmt: skip
    assert "i" in told.splitlines()[13].split()[0]


def _role(commit: str) -> Role:
    """Return a role with a resource of every kind, hostile wherever the host's tools allow it."""
    return role(
        *_resources(commit),
        handlers=(
            Handler("reload units", ("systemctl", "daemon-reload")),
            Handler("restart acme.service", ("systemctl", "restart", "acme.service")),
        ),
        secrets=tuple(Secret(name, (), "a secret") for name in _SECRETS),
    )


def _resources(commit: str) -> Iterator[Resource]:
    why = Why("files", "/x", "{{ x }} $(touch /x) `touch /x` '\ntouch /x")
    weird = f"{_WEIRD}/"
    yield Group(why=why, name="shop", gid=2500)
    yield Group(why=why, name="spool", gid=None, system=True)
    yield User(why=why, name="deploy", uid=1001, group="shop", gecos="Deploy {{ 7*7 }} $(touch |x),,,",
               home="/home/deploy", shell="/bin/bash", make_home=True, password=Variable("hash"), expires="2030-01-31")
    yield User(why=why, name="toor", uid=0, group="root", home="/root", shell="/bin/sh", shared_uid=True)
    yield File(why=why, path="/etc/apt/apt.conf.d/99acme", content=Content((b"// {{ x }}\n",)), early=True)
    yield Refresh(why=why, manager="dpkg")
    for name in ("acl", "attr", "libcap2-bin", "python3-venv", "tree"):
        yield Package(why=why, name=name, manager="dpkg", version="1.6" if name == "tree" else "")
    yield PackageFile(why=why, name="acme-tool", manager="dpkg", version="0.9", file="acme-tool_0.9_all.deb",
                      data=deb("acme-tool", "0.9"), hold=True)
    yield Membership(why=why, user="deploy", groups=("adm", "www-data"))
    yield Diversion(why=why, path="/usr/bin/yes", to="/usr/bin/yes.distrib")
    yield StatOverride(why=why, path="/usr/bin/tsort", user="root", group="shop", mode="4750")
    yield Directory(why=why, path=_WEIRD, user="deploy", group="shop", mode="2775")
    for number, name in enumerate(_NAMES):
        yield File(why=why, path=weird + name, user="1042", group="1042", content=Content((b"it says " + raw(name),)))
        yield Link(why=why, path=f"{weird}link{number}", target=name, user="deploy")
    yield File(why=why, path=f"{weird}secret", group="shop", mode="0640",
               content=Content((b"before ", Variable("token"), b"\0after")))
    yield File(why=why, path=f"{weird}setuid", mode="4755", content=Content((b"#!/bin/sh\n",)))
    yield File(why=why, path=f"{weird}empty", content=Content(()))
    yield File(why=why, path=f"{weird}data", user="deploy", content=None)
    yield File(why=why, path="/srv/sealed", content=Content((b"sealed\n",)))
    yield File(why=why, path="/etc/systemd/system/acme.service", content=Content((_UNIT,)),
               notify=("reload units", "restart acme.service"))
    yield File(why=why, path="/srv/lines", content=None)
    yield Lines(why=why, path="/srv/lines", lines=("no newline at end", *(text(_line(one)) for one in HOSTILE)))
    yield Link(why=why, path="/srv/here", target="weird")
    yield HardLink(why=why, path=f"{weird}hard", to=f"{weird}secret")
    yield Special(why=why, path=f"{weird}pipe", kind="p", user="deploy", mode="0600")
    yield Special(why=why, path=f"{weird}device", kind="c", major=1, minor=3, mode="0666")
    yield Archive(why=why, path=f"{weird}unpacked", name="weird.tar.gz", data=_packed())
    yield Absent(why=why, path="/usr/bin/tac")
    yield Checkout(why=why, path="/srv/site", kind="git", remote="file:///srv/upstream", commit=commit, branch="main",
                   user="deploy", group="shop")
    yield LanguagePackages(why=why, ecosystem="pip", environment="/srv/venv", user="deploy",
                           packages=(("bottle", "0.12.25"), ("six", "1.16.0")), interpreter="/usr/bin/python3")
    yield Alternative(why=why, name="pager", link="/usr/bin/pager", value=f"{weird}setuid", priority=999, by_hand=True,
                      manual=True)
    yield Rights(why=why, path="/usr/bin/wc", mode="2755", group="shop")
    yield Acl(why=why, path=_WEIRD, entries=("user:www-data:rwx", "default:group:shop:r-x"))
    yield Capabilities(why=why, path=f"{weird}setuid", value="cap_net_bind_service=ep")
    yield Xattr(why=why, path=f"{weird}secret", name="user.odd", value=b"f\xff\0\n")
    yield Service(why=why, name="acme.service", manager="systemd", enabled=True, active=True)
    yield Service(why=why, name="apt-daily.timer", manager="systemd", masked=True)
    yield Flags(why=why, path="/srv/sealed", flags=("immutable",))


def _packed() -> bytes:
    """Return an archive of odd names, and a program with its setuid bit."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=tarfile.GNU_FORMAT, errors="surrogateescape") as archive:
        for name, data, mode in (*((raw(name), raw(name), 0o600) for name in _NAMES), (b"setuid", b"#!/bin/sh\n", 0o4750)):
            member = tarfile.TarInfo("./" + name.decode("utf-8", "surrogateescape"))
            member.size, member.mode, member.mtime, member.uname, member.gname = len(data), mode, 7, "deploy", "shop"
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def _line(value: str) -> bytes:
    return raw(value).replace(b"\n", b" ")


def _bytes(path: bytes) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _target(path: bytes) -> bytes:
    return os.readlink(path)


def _put(host: hosts.LabHost, made: Role, directory: Path) -> None:
    """Put on the host what is emitted, and the secrets elsewhere."""
    for name, output in EMITTER.emit(made).files.items():
        path = directory / "role" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(output.data)
        path.chmod(0o755 if output.executable else 0o644)
    (directory / "given").mkdir()
    for name, value in _SECRETS.items():
        (directory / "given" / name).write_bytes(value)
    for name in ("role", "given"):
        hosts._lab("push", host.name, str(directory / name), "/root")


def _run(host: hosts.LabHost, *options: str, secrets: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the script as a person would, from elsewhere."""
    given = "DRIFTSCAN_SECRETS=/root/given" if secrets else ""
    command = f"cd /var && env {_ENVIRONMENT} {given} /root/role/rebuild.sh {' '.join(options)}"
    return subprocess.run((hosts._LAB, "ssh", host.name, command), capture_output=True, text=True, check=False)
