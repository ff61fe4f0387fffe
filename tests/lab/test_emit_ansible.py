"""A role with every kind of resource, hostile values too, applied to real hosts by ansible-playbook."""

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from driftscan.emit.ansible import EMITTER, role_name, variable
from driftscan.model.text import raw
from driftscan.role.model import Handler, Role, Secret
from driftscan.role.resources import (
    Absent,
    Acl,
    Alternative,
    Archive,
    Capabilities,
    Checkout,
    Directory,
    Diversion,
    File,
    Flags,
    Group,
    HardLink,
    LanguagePackages,
    Lines,
    Link,
    Membership,
    Package,
    PackageFile,
    Refresh,
    Resource,
    Rights,
    Service,
    Special,
    StatOverride,
    User,
    Variable,
    Xattr,
)
from tests.lab import hosts
from tests.unit import roles_made as made

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("emit-ansible")]

_TOOLS = str(Path(__file__).parents[2] / ".venv" / "bin")
_HASH = "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/"
_VALUES = {"deploy_hash": _HASH, "token": "{{ lookup('pipe','touch /x') }}$(touch /x)\\'\"#", "key": "a\nb\r\n{% c\n"}
_ODD = (  # what makes a tool read a name, gathered into few: each loop entry costs half a second
    "{{ lookup('pipe','touch |x') }}{% raw %}{# no",
    "$(touch |x)`touch |x`${HOME}$1",
    "~root",
    "-rf <%= `touch |x` %>\nnew\r\n\ttab\n",
    ' it\'s "quoted"; touch |x; {a,b} [c] * ? \\',
    "#jinja2:x: \x1b[31m\u202e\u2028\x85\ufeffünïcode" + "x" * 150,
)
_ODDEST = (_ODD[0], _ODD[2], _ODD[3])  # for the kinds that are told by name alone
_UNIT = b"[Unit]\nDescription=shop\n[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"
_FAKES = {  # of managers that would have to be brought in with half a distribution: what they are told is what counts
    "npm": """db=/var/tmp/npm; case $1 in ls) cat $db 2>/dev/null || echo '{}';; install) spec=$3
echo '{"dependencies": {"'${spec%@*}'": {"version": "'${spec##*@}'"}}}' >$db;; esac""",
    "gem": """db=/var/tmp/gem
case $1 in list) grep -Fqx "$5 $6" $db 2>/dev/null;; install) echo "$4 ^$5\\$" >>$db;; esac""",
}


def _hostile() -> list[Resource]:
    """Return paths with every odd name and content that Ansible can be told."""
    found: list[Resource] = []
    for value in _ODD:
        told, path = made.why("x", words=value), f"/srv/odd/{value}"
        found += [
            Directory(why=told, path=path, mode="0750", user="deploy"),
            File(
                why=told,
                path=f"{path}/{value}",
                mode="0654",
                content=made.content(raw(value)),
                notify=("reload units",),
            ),
            File(
                why=told,
                path=f"{path}/secret",
                mode="0600",
                content=made.content(raw(value), Variable("token"), b"\n", raw(value), Variable("key")),
            ),
            File(why=told, path=f"{path}/data", user="deploy", content=None),
            Lines(why=told, path=f"{path}/data", lines=(re.sub(r"[\r\n]", " ", value) + "!",)),
        ]
        if value not in _ODDEST:
            continue
        found += [
            Link(why=told, path=f"{path}/link", target=value, user="deploy"),
            HardLink(why=told, path=f"{path}/hard", to=f"{path}/{value}"),
            Special(why=told, path=f"{path}/pipe{value[:99]}", kind="p", mode="0622"),
            Absent(why=told, path=f"/srv/gone/{value}"),
            Acl(why=told, path=f"{path}/{value}", entries=("user:deploy:r-x",)),
            Capabilities(why=told, path=f"{path}/{value}", value="cap_net_bind_service=ep"),
            Xattr(why=told, path=f"{path}/{value}", name="user.odd", value=raw(value)),
        ]
    return found


def _sealed() -> tuple[Resource, ...]:
    """Return a directory that nobody may change, and what is in it."""
    why = made.why
    return (
        Directory(why=why("/srv/sealed"), path="/srv/sealed", mode="0700"),
        File(why=why("/srv/sealed/f"), path="/srv/sealed/f", content=made.content(b"1\n")),
        Flags(why=why("/srv/sealed"), path="/srv/sealed", flags=("immutable",)),
    )


def _role(commit: str, *, network: bool = True) -> Role:
    """Return a role with each kind."""
    why = made.why
    tree = {name: raw(name) for name in made.HOSTILE if "/" not in name and name != "\x85next"}
    packages = [
        Package(why=why(name), name=name, manager="dpkg") for name in ("acl", "attr", "git", "python3-venv", "less")
    ]
    languages = [
        LanguagePackages(
            why=why("venv"),
            ecosystem="pip",
            environment="/srv/deploy/{{ venv }}",
            user="deploy",
            packages=(("six", "1.16.0"),),
            interpreter="/usr/bin/python3",
        ),
        LanguagePackages(why=why("npm"), ecosystem="npm", environment="", packages=(("@acme/tool", "1.2.3"),)),
        LanguagePackages(why=why("gem"), ecosystem="gem", environment="", packages=(("rack", "2.2.3"),)),
    ]
    return made.role(
        Group(why=why("shop"), name="shop", gid=2500),
        Group(why=why("deploy"), name="deploy", gid=1001),
        User(
            why=why("deploy"),
            name="deploy",
            uid=1001,
            group="deploy",
            gecos="De {{ ploy }} $HOME",
            home="/srv/deploy",
            shell="/bin/bash",
            make_home=True,
            password=Variable("deploy_hash"),
            expires="2031-02-03",
        ),
        User(
            why=why("batch"),
            name="batch",
            uid=1001,
            group="shop",
            home="/nonexistent",
            shell="/usr/sbin/nologin",
            shared_uid=True,
            system=True,
        ),
        Membership(why=why("deploy"), user="deploy", groups=("adm", "shop")),
        Membership(why=why("www-data"), user="www-data", groups=("shop",)),
        File(
            why=why("apt"),
            path="/etc/apt/apt.conf.d/99own",
            content=made.content(b'Acquire::Retries "3";\n'),
            early=True,
        ),
        Refresh(why=why("apt"), manager="dpkg"),
        *packages,
        Package(why=why("tree"), name="tree", manager="dpkg", version="1.0", hold=True),
        PackageFile(
            why=why("vpn-helper"),
            name="vpn-helper",
            manager="dpkg",
            version="0.9",
            file="vpn-helper_0.9_all.deb",
            data=made.deb("vpn-helper", "0.9"),
            hold=True,
        ),
        Diversion(why=why("tac"), path="/usr/bin/tac", to="/usr/bin/tac.real"),
        StatOverride(why=why("chfn"), path="/usr/bin/chfn", user="root", group="shop", mode="0750"),
        StatOverride(why=why("wall"), path="/usr/bin/wall", user="1234", group="4321", mode="0711"),
        Directory(why=why("/srv/odd"), path="/srv/odd"),
        *_sealed(),
        Flags(why=why("~root"), path="/srv/odd/~root/~root", flags=("immutable",)),
        *_hostile(),
        File(
            why=why("latin"),
            path="/srv/odd/latin1",
            content=made.content(b"gr\xf6\xdfe=", Variable("token"), b"\r\n\xff"),
        ),
        Lines(why=why("/etc/hosts"), path="/etc/hosts", lines=("10.1.1.1\tdb", "10.1.1.2 {{ x }}")),
        File(
            why=why("unit"),
            path="/etc/systemd/system/shop.service",
            content=made.content(_UNIT),
            notify=("reload units", "restart shop.service"),
        ),
        Special(why=why("null"), path="/srv/null", kind="c", major=1, minor=3, mode="0666"),
        Archive(why=why("/srv/app $HOME"), path="/srv/app $HOME", name="app.tar.gz", data=made.packed(tree)),
        Checkout(
            why=why("/srv/site"),
            path="/srv/deploy/site",
            kind="git",
            remote="/srv/git/site",
            commit=commit,
            branch="main",
            user="deploy",
            group="deploy",
        ),
        *(languages if network else languages[1:]),
        Alternative(
            why=why("pager"),
            name="pager",
            link="/usr/bin/pager",
            value="/srv/null",
            priority=3,
            by_hand=True,
            manual=True,
        ),
        Alternative(
            why=why("awk"),
            name="awk",
            link="/usr/bin/awk",
            value="/usr/bin/mawk",
            priority=5,
            by_hand=False,
            manual=False,
        ),
        Rights(why=why("/usr/bin/nice"), path="/usr/bin/nice", group="shop", mode="2755"),
        Rights(why=why("/usr/bin/nohup"), path="/usr/bin/nohup", user="deploy"),
        Service(why=why("shop.service"), name="shop.service", manager="systemd", enabled=True, active=True),
        Service(why=why("fstrim.timer"), name="fstrim.timer", manager="systemd", masked=True),
        Service(why=why("e2scrub"), name="e2scrub_reap.service", manager="systemd", enabled=False, active=False),
        handlers=(
            Handler("reload units", ("systemctl", "daemon-reload")),
            Handler("restart shop.service", ("systemctl", "restart", "shop.service")),
        ),
        secrets=tuple(Secret(name, (), name) for name in _VALUES),
    )


def _apply(directory: Path, *options: str) -> tuple[int, int, str]:
    """Run the playbook; return its exit code, how many tasks changed something, and what it said."""
    sockets = tempfile.mkdtemp(prefix="cp")  # a socket's path is short
    done = subprocess.run(
        (f"{_TOOLS}/ansible-playbook", "-i", "hosts.json", "site.yml", "-e", "@secrets.json", *options),
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        env={
            "PATH": f"{_TOOLS}:/usr/bin:/bin",
            "HOME": str(directory),
            "ANSIBLE_HOST_KEY_CHECKING": "False",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": sockets,
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
        },
    )
    shutil.rmtree(sockets)
    said = done.stdout + done.stderr
    recap = re.search(r"changed=(\d+)", done.stdout)
    return done.returncode, int(recap[1]) if recap else -1, said


def _written(role: Role, host: hosts.LabHost, directory: Path) -> None:
    emitted = EMITTER.emit(role)
    assert [(type(one.resource).__name__, one.reason) for one in emitted.refused] == []
    for path, output in emitted.files.items():
        where = directory / "roles" / role_name(role) / path
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_bytes(output.data)
    variables = {
        "ansible_user": "root",
        "ansible_ssh_private_key_file": host.key,
        "ansible_ssh_common_args": "-F none -o UserKnownHostsFile=/dev/null",
        "ansible_become_method": "su",
    }
    (directory / "hosts.json").write_text(json.dumps({"all": {"hosts": {host.address: variables}}}))
    proxy = {"HTTPS_PROXY": "http://10.77.0.1:3142", "PIP_CERT": "/run/lab-ca.pem"}
    play = [{"hosts": "all", "gather_facts": False, "environment": proxy, "roles": [role_name(role)]}]
    (directory / "site.yml").write_text(json.dumps(play))
    unsafe = {variable(role, name): {"__ansible_unsafe": value} for name, value in _VALUES.items()}
    (directory / "secrets.json").write_text(json.dumps(unsafe))


def _prepared() -> str:
    """Return what makes a repository to clone on the host, and managers that only take note."""
    fakes = "".join(
        f"cat >/usr/local/bin/{name} <<'END'\n#!/bin/sh\n{body}\nEND\nchmod 755 /usr/local/bin/{name}\n"
        for name, body in _FAKES.items()
    )
    return (
        fakes + "mkdir -p /srv/git /srv/gone; apt-get update >/dev/null; apt-get install -y git >/dev/null 2>&1\n"
        "git init -q -b main /srv/git/site; cd /srv/git/site; echo 1 >f; git add f\n"
        "git -c user.name=a -c user.email=a@b commit -qm one; git rev-parse HEAD >/srv/commit; chown -R 1001:1001 .\n"
        "touch /srv/gone/a\n"
    )


def _content(host: hosts.LabHost, path: str) -> bytes:
    return (host.disk() / path.lstrip("/")).read_bytes()


@pytest.mark.parametrize("flavor", ["bookworm", pytest.param("bullseye", marks=pytest.mark.soak)])
def test_every_kind_arrives_byte_for_byte_and_the_second_run_changes_nothing(
    flavor: str, tmp_path: Path, worker_id: str
) -> None:
    with hosts.host(f"emita-{flavor}-{worker_id}", hosts.prepared(flavor, _prepared())) as host:
        _try(host, tmp_path)


def _try(host: hosts.LabHost, directory: Path) -> None:
    role = _role(_content(host, "/srv/commit").decode().strip())
    _written(role, host, directory)
    code, _, said = _apply(directory, "--check", "--diff")
    assert code == 0, said
    assert _HASH not in said
    code, changed, said = _apply(directory)
    assert code == 0, said
    assert changed > 20
    code, changed, said = _apply(directory)
    assert (code, changed) == (0, 0), said
    _look(host)
    _reseal(host, directory)


def _look(host: hosts.LabHost) -> None:
    """See that all is there as it was told, and that nothing in it was read by anybody."""
    assert host.root("ls -d /x 2>/dev/null || echo none").strip() == "none"
    root = host.disk()
    token, key = _VALUES["token"].encode(), _VALUES["key"].encode()
    for value in _ODD:
        path, data = root / f"srv/odd/{value}", raw(value)
        assert (path / value).read_bytes() == data
        assert (path / "secret").read_bytes() == data + token + b"\n" + data + key
        assert (path / "data").read_bytes() == re.sub(rb"[\r\n]", b" ", data) + b"!\n"
        if value in _ODDEST:
            assert (path / "link").readlink() == Path(value)
            assert (path / "hard").samefile(path / value)
            assert (path / f"pipe{value[:99]}").is_fifo()
    assert _content(host, "/srv/odd/latin1") == b"gr\xf6\xdfe=" + token + b"\r\n\xff"
    for value in made.HOSTILE:
        if "/" not in value and value != "\x85next":
            assert (root / "srv/app $HOME" / raw(value).decode("utf-8", "surrogateescape")).read_bytes() == raw(value)
    said = host.root(
        "getent passwd deploy batch; id -nG deploy; id -nG www-data; getent shadow deploy batch; apt-mark showhold\n"
        "dpkg-divert --list; dpkg-statoverride --list; "
        "stat -c '%A %U %G %n' /usr/bin/nice /usr/bin/nohup /usr/bin/chfn\n"
        "cat /srv/deploy/site/.git/HEAD; systemctl is-active shop; "
        "systemctl is-enabled shop fstrim.timer\n"
        "readlink /etc/alternatives/pager; getfacl -cp '/srv/odd/~root/~root'; getcap '/srv/odd/~root/~root'; "
        "stat -c %t,%T /srv/null\n"
        "lsattr -d '/srv/odd/~root/~root'; lsattr -d /srv/sealed; tail -n 2 /etc/hosts; "
        "cat /var/tmp/npm /var/tmp/gem; dpkg -l vpn-helper | tail -n 1\n"
        "'/srv/deploy/{{ venv }}/bin/python' -c 'import six; print(six.__version__)'; "
        "stat -c %U '/srv/deploy/{{ venv }}'; ls /srv/gone\n"
    )
    for expected in (
        "deploy:x:1001:1001:De {{ ploy }} $HOME:/srv/deploy:/bin/bash",
        "batch:x:1001:2500:",
        "deploy adm shop",
        "www-data shop",
        _HASH,
        "batch:!:",
        ":22313:",
        "tree\n",
        "vpn-helper\n",
        "local diversion of /usr/bin/tac to /usr/bin/tac.real",
        "root shop 750 /usr/bin/chfn",
        "#1234 #4321 711 /usr/bin/wall",
        "-rwxr-sr-x root shop /usr/bin/nice",
        "-rwxr-xr-x deploy root /usr/bin/nohup",
        "refs/heads/main",
        "active\n",
        "masked\n",
        "/srv/null\n",
        "user:deploy:r-x",
        "cap_net_bind_service",
        "1,3\n",
        "10.1.1.2 {{ x }}\n",
        "@acme/tool",
        "2.2.3 ^rack$",
        "hi  vpn-helper",
        "1.16.0\n",
    ):
        assert expected in said, said
    assert len(re.findall(r"^-+i", said, re.MULTILINE)) == 2


def _reseal(host: hosts.LabHost, directory: Path) -> None:
    """What is sealed and has changed is written again, and sealed again."""
    _written(made.role(*_sealed()), host, directory)
    host.root("chattr -i /srv/sealed; echo 2 >/srv/sealed/f; chattr +i /srv/sealed /srv/sealed/f\n")
    host.root("chattr -i /srv/sealed/f\n")
    code, changed, said = _apply(directory, "--check", "--diff")
    assert code == 0, said
    assert changed > 0
    assert _content(host, "/srv/sealed/f") == b"2\n"
    code, changed, said = _apply(directory)
    assert code == 0, said
    assert changed > 0
    assert _content(host, "/srv/sealed/f") == b"1\n"
    for options in ((), ("--check", "--diff")):
        assert _apply(directory, *options)[:2] == (0, 0)
