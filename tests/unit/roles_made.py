"""What tests of emitters share: roles made by hand, plausible ones and such of a hostile host, and a strategy."""

import io
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from datetime import datetime, timezone
from typing import Any

from hypothesis import strategies as st

from driftscan.model.text import raw, text
from driftscan.role.model import Data, Function, Handler, LeftOut, Program, Role, Secret, Stranger
from driftscan.role.resources import (
    Absent,
    Acl,
    Alternative,
    Archive,
    Capabilities,
    Checkout,
    Content,
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
    Why,
    Xattr,
)

TAKEN = datetime(2026, 11, 1, 3, 0, tzinfo=timezone.utc)
RELEASE = {
    "id": "debian",
    "version": "12",
    "codename": "bookworm",
    "name": "Debian GNU/Linux 12 (bookworm)",
    "architecture": "amd64",
}
HOSTILE = (
    "{{ lookup('pipe','touch /x') }}",
    "{% raw %}{{ 7*7 }}",
    "{% endraw %}{{ 7*7 }}",
    "{# no comment #}",
    "$(touch /x)",
    "`touch /x`",
    "${HOME}",
    "$HOME",
    "<%= `touch /x` %>",
    "it's",
    'quo"te',
    "'; touch /x; '",
    '"; touch /x; "',
    "new\nline",
    "a\n# EOF\nEOF\n",
    "cr\r\nlf\r",
    text(b"latin1-\xe9\xff"),
    "-rf",
    "--help",
    "back\\slash",
    "end\\",
    "\ttab",
    " leading",
    "trailing ",
    "*",
    "~root",
    "%s%n %%",
    "\x1b[31mred",
    "\u202ertl",
    "\u2028line",
    "\x85next",
    "\ufeffbom",
    "yes",
    "0644",
    "1e3",
    "null",
    "~",
    "!unsafe x",
    "!vault |",
    "- a: b",
    "a: b #c",
    "&a *a",
    "|",
    "COPY . /",
    "#!/bin/sh",
    "a=b",
    "{a,b}",
    "ünïcode",
    "x" * 250,
)


def why(key: str, scope: str = "files", words: str = "nothing explains it") -> Why:
    """Return a reason."""
    return Why(scope, key, words)


def role(*resources: Resource, **facts: Any) -> Role:
    """Return a role of a Debian host with `resources` in their order."""
    facts = {"name": "web1", "host": "web1", "taken": TAKEN, "release": RELEASE, "manager": "dpkg", **facts}
    return Role(resources=in_order(resources), **facts)


def in_order(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    """Return resources by stage, else as given."""
    return tuple(sorted(resources, key=lambda one: one.when))


def content(*parts: bytes | Variable) -> Content:
    """Return what a file says."""
    return Content(parts)


def packed(members: dict[str, bytes]) -> bytes:
    """Return a tar.gz with regular files, the same bytes each time."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        for path, data in sorted(members.items()):
            member = tarfile.TarInfo(raw(path).decode("utf-8", "surrogateescape"))
            member.size, member.mode, member.mtime, member.uname, member.gname = len(data), 0o640, 7, "deploy", "shop"
            archive.addfile(member, io.BytesIO(data))
    made = bytearray(out.getvalue())
    made[4:8] = b"\0\0\0\0"  # the time in the header of gzip
    return bytes(made)


def deb(name: str, version: str) -> bytes:
    """Return a Debian package with nothing in it."""
    control = (
        f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: x <x@acme.example>\nDescription: x\n"
    )
    members = (
        ("debian-binary", b"2.0\n"),
        ("control.tar.gz", packed({"./control": control.encode()})),
        ("data.tar.gz", packed({})),
    )
    out = b"!<arch>\n"
    for member, data in members:
        out += (
            f"{member:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode() + data + b"\n" * (len(data) % 2)
        )
    return out


def one_of_each() -> tuple[Resource, ...]:
    """Return one or two resources of each kind, plausible on a Debian host, in no order."""
    unit = "[Service]\nUser=deploy\nEnvironment=TOKEN="
    members = {"app.py": b"print('{{ no template }}')\n", "new\nline": b"1\n", "sub/-rf": b"2\n"}
    return (
        Group(why=why("shop", "groups"), name="shop", gid=2500),
        Group(why=why("spool", "groups"), name="spool", gid=None, system=True),
        User(
            why=why("deploy", "users"),
            name="deploy",
            uid=1001,
            group="shop",
            gecos="Deploy User,,,",
            home="/home/deploy",
            shell="/bin/bash",
            make_home=True,
            password=Variable("deploy_password"),
            expires="2030-01-31",
        ),
        User(
            why=why("toor", "users"),
            name="toor",
            uid=0,
            group="root",
            home="/root",
            shell="/bin/sh",
            system=True,
            shared_uid=True,
        ),
        Membership(why=why("deploy", "users"), user="deploy", groups=("adm", "www-data")),
        File(
            why=why("/etc/apt/sources.list.d/acme.list", "repositories"),
            path="/etc/apt/sources.list.d/acme.list",
            content=content(b"deb [trusted=yes] file:/srv/mirror ./\n"),
            early=True,
        ),
        Refresh(why=why("/etc/apt/sources.list.d/acme.list", "repositories"), manager="dpkg"),
        Package(why=why("hello", "packages"), name="hello", manager="dpkg"),
        Package(why=why("tree", "packages"), name="tree", manager="dpkg", version="2.1.0-1", exact=True, hold=True),
        Package(why=why("jq", "packages"), name="jq", manager="dpkg", version="1.6", architecture="i386"),
        PackageFile(
            why=why("vpn-helper", "packages"),
            name="vpn-helper",
            manager="dpkg",
            version="0.9",
            file="vpn-helper_0.9_all.deb",
            data=deb("vpn-helper", "0.9"),
            hold=True,
        ),
        Diversion(why=why("/usr/bin/less", "diversions"), path="/usr/bin/less", to="/usr/bin/less.distrib"),
        StatOverride(
            why=why("/usr/bin/chfn", "statoverrides"), path="/usr/bin/chfn", user="root", group="shop", mode="4750"
        ),
        Directory(why=why("/opt/app"), path="/opt/app", user="deploy", group="shop", mode="2775"),
        File(
            why=why("/etc/app.conf"),
            path="/etc/app.conf",
            group="shop",
            mode="0640",
            content=content(b"listen=8081\npassword=", Variable("app_password"), b"\nname={{ x }}\n"),
            notify=("restart app.service",),
        ),
        File(
            why=why("/etc/systemd/system/app.service"),
            path="/etc/systemd/system/app.service",
            content=content(unit.encode(), Variable("app_token"), b"\nExecStart=/opt/app/run.sh\n"),
            notify=("reload units",),
        ),
        File(why=why("/opt/app/run.sh"), path="/opt/app/run.sh", mode="0755", content=content(b"#!/bin/sh\nexit 0\n")),
        File(why=why("/opt/app/binary"), path="/opt/app/binary", content=content(b"\xff\xfe\0\1")),
        File(why=why("/etc/ssl/private/shop.key"), path="/etc/ssl/private/shop.key", mode="0600",
             content=content(Variable("shop_key"))),
        File(why=why("/var/lib/app/empty.db"), path="/var/lib/app/empty.db", user="deploy", content=None),
        Lines(why=why("/etc/hosts"), path="/etc/hosts", lines=("10.20.30.40\tdb.internal.example db", "0.0.0.0 ads")),
        Link(why=why("/opt/current"), path="/opt/current", target="app", user="deploy", group="shop"),
        HardLink(why=why("/opt/app/again"), path="/opt/app/again", to="/opt/app/run.sh"),
        Special(why=why("/opt/app/pipe"), path="/opt/app/pipe", kind="p", user="deploy", mode="0600"),
        Special(why=why("/opt/app/null"), path="/opt/app/null", kind="c", major=1, minor=3, mode="0666"),
        Archive(
            why=why("/srv/app", words="an application"),
            path="/srv/app",
            name="srv-app.tar.gz",
            data=packed(members),
            members=tuple(f"/srv/app/{name}" for name in members),
        ),
        Checkout(
            why=why("/srv/site", "checkouts"),
            path="/srv/site",
            kind="git",
            remote="https://git.example/acme/site.git",
            commit="0123456789abcdef0123456789abcdef01234567",
            branch="main",
            user="deploy",
            group="shop",
        ),
        LanguagePackages(
            why=why("/opt/app/venv", "language_packages"),
            ecosystem="pip",
            environment="/opt/app/venv",
            packages=(("bottle", "0.12.25"), ("six", "1.16.0")),
            interpreter="/usr/bin/python3",
            user="deploy",
        ),
        LanguagePackages(why=why("npm json5", "language_packages"), ecosystem="npm", environment="",
                         packages=(("json5", "2.2.3"),)),
        Alternative(
            why=why("editor", "alternatives"),
            name="editor",
            link="/usr/bin/editor",
            value="/bin/nano",
            priority=40,
            by_hand=False,
            manual=True,
        ),
        Alternative(
            why=why("pager", "alternatives"),
            name="pager",
            link="/usr/bin/pager",
            value="/opt/app/run.sh",
            priority=999,
            by_hand=True,
            manual=False,
        ),
        Rights(why=why("/usr/bin/wall"), path="/usr/bin/wall", user="root", group="root", mode="0755"),
        Acl(why=why("/opt/app"), path="/opt/app", entries=("user:deploy:rwx", "default:group:shop:r-x")),
        Capabilities(why=why("/opt/app/binary"), path="/opt/app/binary", value="cap_net_bind_service=ep"),
        Xattr(why=why("/opt/app/run.sh"), path="/opt/app/run.sh", name="user.origin", value=b"usb stick\xff\0"),
        Absent(why=why("/etc/cron.daily/dpkg"), path="/etc/cron.daily/dpkg"),
        Service(why=why("app.service", "services"), name="app.service", manager="systemd", enabled=True, active=True),
        Service(why=why("apt-daily.timer", "services"), name="apt-daily.timer", manager="systemd", masked=True),
        Service(why=why("rsync", "services"), name="rsync", manager="sysv", enabled=False, active=False),
        Flags(why=why("/opt/app/binary"), path="/opt/app/binary", flags=("immutable",)),
        Flags(why=why("/opt/app/run.sh"), path="/opt/app/run.sh", flags=("append-only",)),
    )  # fmt: skip


def every_kind() -> Role:
    """Return a role with each kind of resource and of everything else that a role names."""
    return role(
        *one_of_each(),
        handlers=(
            Handler("reload units", ("systemctl", "daemon-reload")),
            Handler("restart app.service", ("systemctl", "restart", "app.service")),
        ),
        secrets=(
            Secret("app_password", ("/etc/app.conf",), "password"),
            Secret("app_token", ("/etc/systemd/system/app.service",), "token"),
            Secret("deploy_password", ("/etc/shadow",), "password hash of deploy"),
            Secret("shop_key", ("/etc/ssl/private/shop.key",), "private key", whole=True),
        ),
        data=(Data("/var/lib/app", "", 3_000_000, "state of app"), Data("/var/lib/redis", "redis", None, "database")),
        programs=(Program("/opt/app/binary", "nothing says where it came from"), Program("/opt/gone", "gone", False)),
        processes=(Stranger("[kworker/u8:9] 1000000", "deploy", "nothing starts it"),),
        left_out=(
            LeftOut("files", "/etc/machine-id", "identity of the host"),
            LeftOut("files", "/srv/stale.sock", "a socket is made by who listens on it", limit=True),
        ),
        functions=(
            Function(
                "app",
                ("/opt/app/run.sh",),
                user="deploy",
                directory="/opt/app",
                environment=(("MODE", "production"),),
                packages=("hello", "vpn-helper"),
                paths=("/etc/app.conf", "/opt/app", "/srv/app", "/srv/site", "/var/lib/app"),
                ports=("8081/tcp",),
                data=("/var/lib/app",),
                starts="app.service",
            ),
        ),
        notes=("the content of /opt/huge was not fetched",),
    )


def hostile(*, few: bool = False) -> Role:
    """Return a role in which every value that a host can choose is hostile; of `few` each in some places only."""
    made = [_hostile(number, value) for number, value in enumerate(HOSTILE)]
    made = [one[at % 26 :: 26] if few else one for at, one in enumerate(made)]
    bad = HOSTILE[0]
    return role(
        *(resource for several in made for resource in several),
        name=bad,
        host=HOSTILE[4],
        release={**RELEASE, "name": f"Debian {bad}", "version": "`touch /x`\n", "codename": "$(touch /x)"},
        handlers=tuple(
            Handler(f"restart {value}", ("systemctl", "restart", "--", f"{value}.service")) for value in HOSTILE
        ),
        secrets=(Secret("odd_secret", tuple(_path(value) for value in HOSTILE), f"password of {bad}\n# x"),),
        data=tuple(Data(_path(value), value, 7, value) for value in HOSTILE),
        programs=tuple(Program(_path(value), value) for value in HOSTILE),
        processes=tuple(Stranger(value, value, value) for value in HOSTILE),
        left_out=tuple(LeftOut("files", _path(value), value, limit=True) for value in HOSTILE),
        functions=(_function(0, HOSTILE),),
        notes=HOSTILE,
    )


def _name(value: str) -> str:
    """Return a value as a file's name could be."""
    return value.replace("/", "|")


def _path(value: str) -> str:
    return f"/srv/weird/{_name(value)}"


def _hostile(number: int, value: str) -> tuple[Resource, ...]:
    """Return a resource of each kind in which all that can be is `value`."""
    told = Why("files", _path(value), value)
    path, line, bare = _path(value), value.replace("\n", " "), value.replace("\n", " ").replace(":", " ")
    held = (value.encode("utf-8", "replace"), Variable("odd_secret"), b"\n" + raw(value))
    notify = (f"restart {value}",)
    return (
        Group(why=told, name=bare, gid=3000 + number),
        User(why=told, name=bare, uid=3000 + number, group=bare, gecos=bare, home=path, shell=f"/bin/{bare}"),
        Membership(why=told, user=bare, groups=(bare, "adm")),
        Package(why=told, name=value, manager="dpkg", version=value, exact=True, architecture=value, hold=True),
        PackageFile(
            why=told, name=value, manager="dpkg", version=value, file=f"p{number}.deb", data=b"!<arch>\n" + raw(value)
        ),
        Diversion(why=told, path=f"/usr/bin/{_name(value)}", to=f"/usr/bin/{_name(value)}.real"),
        StatOverride(why=told, path=f"/usr/sbin/{_name(value)}", user=bare, group=bare, mode="0750"),
        Directory(why=told, path=path, user=bare, group=bare, notify=notify),
        File(why=told, path=f"{path}/literal", user=bare, content=Content((raw(value),)), notify=notify),
        File(why=told, path=f"{path}/secret", content=Content(held), notify=notify),
        File(why=told, path=f"{path}/data", content=None),
        Lines(why=told, path=f"{path}/lines", lines=(line, f"{line} # {line}")),
        Link(why=told, path=f"{path}/link", target=value),
        Link(why=told, path=f"{path}/relative", target=f"../{value}"),
        HardLink(why=told, path=f"{path}/hard", to=f"{path}/literal"),
        Special(why=told, path=f"{path}/pipe", kind="p", user=bare),
        Archive(
            why=told,
            path=f"{path}/tree",
            name=f"tree-{number}.tar.gz",
            data=packed({_name(value): raw(value)}),
            members=(f"{path}/tree/{_name(value)}",),
        ),
        Checkout(why=told, path=f"{path}/checkout", kind="git", remote=value, commit="a" * 40, branch=value, user=bare),
        LanguagePackages(
            why=told,
            ecosystem="pip",
            environment=f"{path}/venv",
            packages=((value, value),),
            interpreter=value,
            user=bare,
        ),
        Alternative(
            why=told,
            name=value,
            link=f"/usr/bin/{_name(value)}",
            value=f"{path}/literal",
            priority=number,
            by_hand=True,
            manual=True,
        ),
        Rights(why=told, path=f"/usr/bin/{_name(value)}", user=bare, group=bare, mode="0755"),
        Acl(why=told, path=f"{path}/literal", entries=(f"user:{bare}:r-x",)),
        Capabilities(why=told, path=f"{path}/literal", value="cap_net_bind_service=ep"),
        Xattr(why=told, path=f"{path}/literal", name=f"user.{value}", value=raw(value)),
        Absent(why=told, path=f"/usr/share/{_name(value)}"),
        Service(why=told, name=f"{_name(value)}.service", manager="systemd", enabled=True, active=True),
        Service(why=told, name=_name(value), manager="sysv", enabled=False, active=False),
        Flags(why=told, path=f"{path}/literal", flags=("immutable", "append-only")),
    )


def _function(number: int, values: Sequence[str]) -> Function:
    first = values[0]
    return Function(
        f"function-{number}",
        tuple(values),
        user=first,
        directory=_path(first),
        environment=tuple((f"NAME_{at}", value) for at, value in enumerate(values)),
        packages=tuple(values),
        paths=tuple(_path(value) for value in values),
        ports=("8081/tcp",),
        data=tuple(_path(value) for value in values),
        starts=f"{_name(first)}.service",
    )


# --- any role

_BYTES = st.binary(min_size=1, max_size=8).map(lambda data: data.replace(b"\0", b""))
words = st.one_of(st.sampled_from(HOSTILE), st.text("ab-$`'\"{}%\\ \n#:*~", min_size=1, max_size=6), _BYTES.map(text))
words = words.filter(bool)
names = words.map(_name)
paths = st.lists(names.filter(lambda name: name not in {".", ".."}), min_size=1, max_size=3).map(
    lambda parts: "/" + "/".join(["srv", *parts])
)
lines = words.map(lambda value: value.replace("\n", " "))
accounts = lines.map(lambda value: value.replace(":", " "))
modes = st.integers(0, 0o7777).map("{:04o}".format)
variables = st.sampled_from(["app_password", "token_2", "key"])
contents = st.lists(st.one_of(words.map(raw), variables.map(Variable)), max_size=4).map(lambda got: Content(tuple(got)))
safe = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,9}", fullmatch=True)
managers = st.sampled_from(["dpkg", "rpm", "pacman", "apk"])
_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "why": st.builds(Why, st.sampled_from(["files", "packages"]), words, words),
    "notify": st.lists(words.map("restart {}".format), max_size=2).map(tuple),
    "early": st.just(False),
    "name": words,
    "gid": st.none() | st.integers(0, 2**32 - 2),
    "uid": st.none() | st.integers(0, 2**32 - 2),
    "system": st.booleans(),
    "group": accounts,
    "user": accounts,
    "gecos": accounts,
    "home": paths,
    "shell": paths | st.just(""),
    "make_home": st.booleans(),
    "shared_uid": st.booleans(),
    "password": st.none() | variables.map(Variable),
    "expires": st.sampled_from(["", "2030-01-31"]),
    "groups": st.lists(accounts, min_size=1, max_size=2, unique=True).map(tuple),
    "manager": managers,
    "version": words | st.just(""),
    "exact": st.booleans(),
    "architecture": words | st.just(""),
    "hold": st.booleans(),
    "file": safe,
    "data": words.map(raw),
    "path": paths,
    "to": paths,
    "mode": modes,
    "content": st.none() | contents,
    "lines": st.lists(lines, min_size=1, max_size=2).map(tuple),
    "target": words,
    "kind": st.sampled_from(["p", "c", "b"]),
    "major": st.integers(0, 255),
    "minor": st.integers(0, 255),
    "members": st.lists(paths, max_size=2).map(tuple),
    "remote": words,
    "commit": st.from_regex(r"[0-9a-f]{40}", fullmatch=True) | words,
    "branch": words | st.just(""),
    "ecosystem": st.sampled_from(["pip", "npm", "gem", "cargo"]),
    "environment": paths | st.just(""),
    "packages": st.lists(st.tuples(words, words), min_size=1, max_size=2).map(tuple),
    "interpreter": words | st.just(""),
    "system_packages": st.booleans(),
    "link": paths,
    "value": words,
    "priority": st.integers(-5, 999),
    "by_hand": st.booleans(),
    "manual": st.booleans(),
    "entries": st.lists(accounts.map("user:{}:r-x".format), min_size=1, max_size=2).map(tuple),
    "enabled": st.none() | st.booleans(),
    "active": st.none() | st.booleans(),
    "masked": st.booleans(),
    "flags": st.sampled_from([("immutable",), ("append-only",), ("immutable", "append-only")]),
}
_OWN: dict[type[Resource], dict[str, st.SearchStrategy[Any]]] = {  # where a field of that name means another thing
    Group: {"name": accounts},
    User: {"name": accounts},
    Archive: {"name": safe},
    Checkout: {"kind": st.sampled_from(["git", "hg", "svn"])},
    Alternative: {"value": paths},
    Xattr: {"name": words.map("user.{}".format), "value": words.map(raw)},
    Service: {"name": names, "manager": st.sampled_from(["systemd", "sysv"])},
    Rights: {"mode": modes | st.just("")},
}


def of_kind(kind: type[Resource]) -> st.SearchStrategy[Resource]:
    """Return a strategy for resources of one kind, hostile ones too."""
    known = {field.name: _FIELDS[field.name] for field in fields(kind)}
    return st.builds(kind, **{**known, **_OWN.get(kind, {})})


@st.composite
def roles(draw: st.DrawFn, kinds: Sequence[type[Resource]]) -> Role:
    """Draw a role of a hostile host: resources of `kinds`, with the handlers and secrets that they name."""
    found = draw(st.lists(st.sampled_from(kinds).flatmap(of_kind), max_size=5))
    notified = sorted({name for one in found for name in one.notify})
    secret = draw(words)
    made = role(
        *found,
        name=draw(words),
        host=draw(words),
        manager=draw(managers),
        handlers=tuple(Handler(name, ("systemctl", "restart", draw(words))) for name in notified),
        secrets=tuple(Secret(name, (draw(paths),), secret) for name in ("app_password", "key", "token_2")),
        data=tuple(draw(st.lists(st.builds(Data, paths, words, st.none() | st.integers(0, 9), words), max_size=1))),
        functions=(_function(1, draw(st.lists(words, min_size=1, max_size=2))),) if draw(st.booleans()) else (),
        notes=tuple(draw(st.lists(words, max_size=1))),
    )
    return replace(made, release={**RELEASE, "codename": draw(words)})
