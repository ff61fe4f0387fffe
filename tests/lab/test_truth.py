"""The sauced host against its truth: everything that was planted is in the store, with its facts, without its secrets."""

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest

from tests.lab import hosts, recall
from tests.lab.auditor import Auditor, Done

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("sauced")]

Row = dict[str, Any]
TRUTH = recall.TRUTH
# What was planted as a secret, and the file of the host that holds it ("" where only a hash of it does).
SECRETS = {
    "hunter2-prod": "root/.bashrc",
    "OldRootPw1": "root/.bash_history",
    "eyJhbGciOiJIUzI1NiJ9": "root/.bash_history",
    "pg-Pa55w0rd": "home/deploy/.pgpass",
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08": "home/deploy/secrets/env",
    "AKIAIOSFODNN7EXAMPLE": "home/deploy/secrets/env",
    "wJalrXUtnFEMI": "home/deploy/secrets/env",
    "tok_live_51HabcSECRET": "etc/systemd/system/shop-worker.service",
    "ghp_0123456789abcdefghijklmnopqrstuvwxyz": "srv/apps/legacy-web/.git/config",
    "r3d1s-Pa55": "etc/redis/redis.conf",
    "k-prod-77aa": "etc/nginx/sites-available/shop",
    "mailPa55": "etc/dma/auth.conf",
    "LICENSE-1234-5678": "opt/acme/license.key",
    "S3cret-Deploy!": "",
}
PRIVATE_KEYS = ["home/deploy/.ssh/id_ed25519", "etc/ssl/private/shop.key", "etc/ssh/ssh_host_ed25519_key"]
ON_A_COMMAND_LINE = "argv-Pa55-0f-a-process"


@dataclass(frozen=True)
class Scanned:
    """The sauced host, and the database that a scan and two audits of it have filled."""

    host: hosts.LabHost
    auditor: Auditor
    said: tuple[Done, ...]

    def show(self, scope: str, path: str = "") -> list[Row]:
        done = self.auditor.run("show", self.host.address, scope, *([path] if path else []), "--format", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    @cached_property
    def files(self) -> dict[str, Row]:
        return {row["path"]: row for row in self.show("files")}

    @cached_property
    def links(self) -> dict[str, Row]:
        return {row["path"]: row for row in self.show("symlinks")}

    @cached_property
    def packages(self) -> dict[str, Row]:
        return {row["name"]: row for row in self.show("packages")}

    @cached_property
    def services(self) -> dict[str, Row]:
        return {row["name"]: row for row in self.show("services")}

    @cached_property
    def accounts(self) -> list[Row]:
        return self.show("accounts")

    @cached_property
    def schedules(self) -> list[Row]:
        return self.show("schedules")

    @cached_property
    def processes(self) -> list[Row]:
        return self.show("processes")

    @cached_property
    def sockets(self) -> list[Row]:
        return self.show("sockets")

    @cached_property
    def kernel(self) -> dict[str, Row]:
        return {row["name"]: row for row in self.show("kernel") if row["kind"] == "sysctl"}

    @cached_property
    def system(self) -> dict[str, str]:
        return {row["fact"]: row["value"] for row in self.show("system")}

    def disk(self, path: str) -> bytes:
        """Return what a file of the host holds, past everything that is under test."""
        return (self.host.disk() / path.lstrip("/")).read_bytes()


@pytest.fixture(scope="module")
def seen(flavor: Callable[[str], hosts.LabHost], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scanned]:
    host = flavor("sauced")
    auditor = Auditor(tmp_path_factory.mktemp("auditor"))
    login = [f"root@{host.address}", "--identity", host.key, "--accept-new-host-key", "-vv"]
    # A program that was given its password as an argument, for as long as the scans run.
    pid = host.root(
        f"setsid sh -c 'sleep 600; :' mysqldump -p{ON_A_COMMAND_LINE} --password={ON_A_COMMAND_LINE} shop"
        " </dev/null >/dev/null 2>&1 & echo $!"
    )
    try:
        said = tuple(
            auditor.run(*command, *login)
            for command in (["scan"], ["audit", "--format", "text"], ["audit", "--format", "json"])
        )
        stored = [host.address], [host.address, "--format", "json"]
        said += tuple(
            auditor.run(command, *words) for command in ("explain", "strata", "findings", "finds") for words in stored
        )
        said += tuple(
            auditor.run(*words)
            for words in (
                ["runbook", host.address],
                ["baseline", "init", host.address, "--role", "shop", "--output", "-"],
                ["check", "--no-scan", host.address, "--all"],
                ["diff", f"{host.address}@1", host.address, "--all"],
                ["log", host.address, "--scope", "contents"],
                ["blame", host.address, "/etc/redis/redis.conf"],
            )
        )
    finally:
        host.root(f"kill -- -{pid.strip()} || kill {pid.strip()}")
    assert {done.returncode for done in said} <= {0, 4}, [done.stderr for done in said]
    yield Scanned(host, auditor, said)


def one(rows: list[Row], **wanted: Any) -> Row:
    """Return the one row that has the wanted values."""
    found = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
    assert len(found) == 1, (wanted, found)
    return found[0]


def has(row: Row, **wanted: Any) -> None:
    assert {name: row[name] for name in wanted} == wanted


def service(seen: Scanned, name: str) -> None:
    has(seen.services[name], enabled="enabled", active="active", load="loaded", manager="systemd")
    assert seen.packages[seen.services[name]["package"]]["state"] == "installed"


def user(seen: Scanned, name: str) -> None:
    account = one(seen.accounts, kind="user", name=name)
    keys = [row for row in seen.accounts if row["kind"] == "key" and row["owner"] == name]
    sudo = [row for row in seen.accounts if row["kind"] == "sudo" and row["who"] == name]
    match name:
        case "deploy":
            has(account, uid=1001, password="set", groups=["deploy", "shopdata", "www-data"])
            assert {key["comment"] for key in keys} == {"deploy@laptop", "contractor@2018"}
            has(one(sudo), file="/etc/sudoers.d/deploy", tags=["NOPASSWD"])
        case "mthompson":
            has(account, password="locked", gecos="Mark Thompson,,,")
            assert {key["comment"] for key in keys} == {"mthompson@laptop", "contractor@2018"}
            has(one(seen.processes, user=name, cwd="/opt/shopapp/releases/20230114"), unit="rc-local.service")
        case "toor":
            has(account, uid=0, home="/root", shell="/bin/bash")
        case "auditor":
            has(one(sudo), tags=["NOPASSWD"], commands=["ALL"], file="/etc/sudoers.d/90-auditor")
        case "svc-backup":
            has(account, shell="/usr/sbin/nologin")
            assert account["uid"] < 1000
            has(one(seen.schedules, file=f"/var/spool/cron/crontabs/{name}"), user=name)
        case _:
            pytest.fail(f"no facts of user {name} are held")


def package(seen: Scanned, name: str) -> None:
    wanted = {
        "acme-metrics": {"state": "installed", "offered": True, "origin": "/srv/mirror/acme"},
        "vpn-helper": {"state": "installed", "offered": False, "offers": []},
        "legacy-tool": {"state": "config-files"},
    }
    has(seen.packages[name], version={"acme-metrics": "2.4-1acme3", "vpn-helper": "0.9", "legacy-tool": "1.0"}[name])
    found = seen.packages[name]
    assert {key: found[key] or ([] if key == "offers" else found[key]) for key in wanted[name]} == wanted[name]
    if name == "acme-metrics":
        changed(seen, "/etc/acme-metrics.conf")


def hold(seen: Scanned, name: str) -> None:
    has(seen.packages[name], hold=True)
    assert [row["name"] for row in seen.packages.values() if row["hold"]] == [name]


def pin(seen: Scanned, name: str) -> None:
    assert "5:7.0*" in seen.packages[name]["pin"]
    assert "1001" in seen.packages[name]["pin"]


def changed(seen: Scanned, path: str) -> None:
    """A file whose digest is in the store, is that of the disk, and is not the one that a package brought."""
    row = seen.files[path]
    algorithm, _, digest = row["digest"].partition(":")
    assert hashlib.new(algorithm, seen.disk(path)).hexdigest() == digest
    if row["package"]:
        assert algorithm == "md5"
        pristine = packaged_digest(seen, path)
        assert pristine not in {None, digest}


def packaged_digest(seen: Scanned, path: str) -> str | None:
    """Return the md5 that dpkg keeps for a path, read from the disk of the host."""
    for line in seen.disk("var/lib/dpkg/status").decode().splitlines():
        if line.startswith(f" {path} "):
            return line.split(" ")[2]
    for sums in (seen.host.disk() / "var/lib/dpkg/info").glob("*.md5sums"):
        for line in sums.read_text().splitlines():
            digest, _, name = line.partition("  ")
            if f"/{name}" == path:
                return digest
    return None


def missing(seen: Scanned, path: str) -> None:
    assert path not in seen.files
    assert packaged_digest(seen, path)  # a package did bring it
    assert path.rpartition("/")[0] in seen.files  # and its directory was looked into


def data(seen: Scanned, path: str) -> None:
    has(seen.files[path], mode="2775", user="mthompson", group="shopdata")
    has(seen.files[f"{path}/thumbs.bin"], size=3_000_000)
    has(seen.files[f"{path}/sparse.img"], size=1 << 30)
    assert f"{path}/orders.db" in seen.files


def link(seen: Scanned, path: str) -> None:
    wanted = {
        "/var/www/shop": (["/opt/shopapp/current"], "/opt/shopapp/releases/20230114"),
        "/opt/shopapp/releases/20230114/config/.env": (["/opt/shopapp/shared/config/.env"], "/home/deploy/secrets/env"),
    }
    chain, final = wanted[path]
    has(seen.links[path], chain=chain, final=final, state="ok", crosses=True)
    has(seen.files[path], type="link", target=seen.links[path]["target"])


def loop(seen: Scanned, path: str) -> None:
    has(seen.links[f"{path}/a"], target="b", state="loop", final=None)
    has(seen.links[f"{path}/b"], target="a", state="loop", final=None)
    has(seen.links[f"{path}/self"], target=".", state="ok", final=path)
    has(seen.links[f"{path}/dangling"], state="dangling", final="/nowhere/at/all")


def unit(seen: Scanned, name: str) -> None:
    found = seen.services[name]
    match name:
        case "shop-worker.service":
            has(found, enabled="enabled", active="active", user="deploy", package="")
            has(found, environment="QUEUE=orders TOKEN=<secret:TOKEN>", command="/usr/local/bin/shop-worker.py")
        case "nightly.timer":
            has(found, kind="timer", enabled="enabled", active="active", package="")
            has(one(seen.schedules, kind="timer", file=f"/etc/systemd/system/{name}"), unit="nightly.service")
        case "apt-daily.timer":
            has(found, enabled="masked", load="masked", active="inactive")
            has(seen.files[f"/etc/systemd/system/{name}"], type="link", target="/dev/null")
        case _:
            pytest.fail(f"no facts of unit {name} are held")
    assert found["fragment"] == f"/etc/systemd/system/{name}"


def dropin(seen: Scanned, name: str) -> None:
    path = f"/etc/systemd/system/{name}"
    has(seen.services[name.partition(".d/")[0]], dropins=[path], environment="LD_PRELOAD=")
    assert path in seen.files


def cron(seen: Scanned, name: str) -> None:
    rows = [row for row in seen.schedules if row["file"] == name]
    match name:
        case "/etc/crontab":
            line = one(rows, command="/usr/local/sbin/nightly # in the system crontab")
            has(line, user="root", when="17 * * * *", line=seen.disk(name).decode().count("\n"))
        case "/etc/cron.d/shop-backup":
            has(one(rows), user="svc-backup", when="*/10 * * * *", environment="MAILTO=ops@acme.example", package="")
            assert "postgres://shop:<secret:shop_password>@db.internal.example/shop" in rows[0]["command"]
        case "/etc/cron.daily/shop-clean":
            has(one(rows), kind="script", when="daily", ignored=False, package="")
        case "deploy,root,svc-backup":
            tables = {row["user"] for row in seen.schedules if row["file"].startswith("/var/spool/cron/crontabs/")}
            assert tables == set(name.split(","))
        case _:
            pytest.fail(f"no facts of {name} are held")


def cert(seen: Scanned, path: str) -> None:
    has(seen.files[path], type="file", mode="0644", package="", size=len(seen.disk(path)))


def secret(seen: Scanned, path: str) -> None:
    has(seen.files[path], type="file", mode="0644", user="root", package="", size=len(seen.disk(path)))


def zone(seen: Scanned, name: str) -> None:
    assert seen.system["timezone"] == name
    has(seen.links["/etc/localtime"], final=f"/usr/share/zoneinfo/{name}")


def locale(seen: Scanned, name: str) -> None:
    assert seen.system["locale"] == name
    assert "/etc/default/locale" in seen.files


def setuid(seen: Scanned, path: str) -> None:
    has(seen.files[path], mode="4755", user="root", package="")


def cap(seen: Scanned, path: str) -> None:
    has(seen.files[path], capabilities="cap_net_bind_service=ep", xattrs=["security.capability"])


def mode777(seen: Scanned, paths: str) -> None:
    for path in paths.split():
        has(seen.files[path], type="directory", mode="0777")


def orphan(seen: Scanned, path: str) -> None:
    for below in ("", "/data", "/d"):
        has(seen.files[path + below], user="1042", group="1042")


def acl(seen: Scanned, path: str) -> None:
    entries = set(seen.files[path]["acl"])
    assert {"user:1001:rwx", "group:2500:r-x", "default:user:1001:rwx"} <= entries
    backup = one(seen.accounts, kind="user", name="svc-backup")["uid"]
    assert f"user:{backup}:r--" in seen.files[f"{path}/f"]["acl"]


def immutable(seen: Scanned, path: str) -> None:
    has(seen.files[path], flags=["immutable"], xattrs=["user.origin"])


def append(seen: Scanned, path: str) -> None:
    has(seen.files[path], flags=["append-only"])


def hardlink(seen: Scanned, path: str) -> None:
    other = seen.files["/usr/local/bin/shop-worker.py"]
    has(seen.files[path], inode=other["inode"], links=2)
    assert other["links"] == 2


def names(seen: Scanned, path: str) -> None:
    """Every name in the directory, as the disk has it byte for byte, and no other."""
    top = bytes(seen.host.disk()) + path.encode()
    true = {
        os.path.join(directory, name)[len(top) :] for directory, below, files in os.walk(top) for name in below + files
    }
    assert len(true) > 25
    assert {raw(row["path"])[len(path) :] for row in seen.show("files", path)} - {b""} == true


def raw(shown: str) -> bytes:
    from driftscan.model.text import raw as to_bytes

    return to_bytes(shown)


def special(seen: Scanned, paths: str) -> None:
    assert [seen.files[path]["type"] for path in paths.split()] == ["fifo", "socket", "character"]


def process(seen: Scanned, name: str) -> None:
    match name:
        case "/usr/local/bin/telemetryd":
            has(one(seen.processes, exe=name), deleted=True, user="root", package="")
            has(one(seen.sockets, port=9125), state="listen", address="0.0.0.0", exe=name, package="")
            assert name not in seen.files
        case "sleep as [kworker/u8:9]":
            row = next(row for row in seen.processes if row["argv"] and row["argv"][0] == "[kworker/u8:9]")
            has(row, exe="/usr/bin/sleep", name="sleep", user="deploy", kernel=False, package="coreutils")
        case _:
            pytest.fail(f"no facts of process {name} are held")


def application(seen: Scanned, path: str) -> None:
    found = one(seen.show("applications"), path=path)
    if path == "/opt/shopapp":
        has(found, kinds=["python"], version="20230114")
        has(one(seen.sockets, port=8081), address="127.0.0.1", user="mthompson", unit="rc-local.service")
        has(seen.files[f"{path}/venv/lib/python3.11/site-packages/bottle.py"], type="file", package="")
    else:
        has(found, kinds=["node", "ruby"], version="3.1.0", environment_files=[])
        assert found["procfile"] == [["web", "bundle exec rackup -p 9292"], ["worker", "node worker.js"]]
        assert {f"{path}/{name}" for name in ("Gemfile", "Procfile", "package.json", ".git/config")} <= set(seen.files)
        assert not [row for row in seen.processes if path in str(row["command"]) + str(row["cwd"])]


def sysctl(seen: Scanned, path: str) -> None:
    has(seen.kernel["net.core.somaxconn"], configured="4096", live="4096", file=path)
    has(seen.kernel["net.ipv4.tcp_fin_timeout"], configured="15", live="15", file=path)
    has(seen.kernel["vm.overcommit_memory"], configured="1", file=path)
    assert path in seen.files


def firewall(seen: Scanned, path: str) -> None:
    has(one(seen.show("network"), kind="chain", name="nft inet filter input", file=path), value="policy drop")
    changed(seen, path)


def drift(seen: Scanned, name: str) -> None:
    """In memory only: no file shows it."""
    if name == "nft":
        rule = one(seen.show("network"), kind="rule", value="tcp dport 5555 accept")
        has(rule, live=True, configured=False, file=None)
    else:
        has(seen.kernel[name], live="111", configured=None, file=None)


def divert(seen: Scanned, path: str) -> None:
    has(one(seen.show("diversions"), path=path), diverted_to=f"{path}.distrib", by="")
    assert {path, f"{path}.distrib"} <= set(seen.files)


def alternative(seen: Scanned, name: str) -> None:
    found = one(seen.show("alternatives"), name=name)
    wanted = {"editor": ("manual", "/bin/nano"), "pager": ("auto", "/usr/local/bin/acme-pager")}
    assert (found["status"], found["value"]) == wanted[name]
    has(seen.links[f"/etc/alternatives/{name}"], target=found["value"])


def repo(seen: Scanned, path: str) -> None:
    found = one(seen.show("repositories"), file=path)
    has(found, manager="apt", uris=["file:/srv/mirror/acme"], trusted=True, signed=False, third_party=True)


def by_hand(seen: Scanned, name: str) -> None:
    """A package of a language, installed for the whole system beside those of the distribution."""
    ecosystem, separator = ("pip", "==") if "==" in name else ("npm", "@")
    package, _, version = name.partition(separator)
    found = one(seen.show("language_packages"), ecosystem=ecosystem, name=package, environment="")
    has(found, version=version, package="", requested=True)
    assert seen.files[found["metadata"]]


def source(seen: Scanned, path: str) -> None:
    assert {path, "/usr/local/src/imgconv-1.2.tar.gz"} <= set(seen.files)


CHECKERS: dict[str, Callable[[Scanned, str], None]] = {
    "service": service, "user": user, "package": package, "hold": hold, "pin": pin, "data": data, "link": link,
    "unit": unit, "dropin": dropin, "cron": cron, "conffile": changed, "modified": changed, "missing": missing,
    "cert": cert, "secret": secret, "zone": zone, "locale": locale, "hosts": changed, "setuid": setuid, "cap": cap,
    "mode777": mode777, "orphan": orphan, "acl": acl, "immutable": immutable, "append": append, "loop": loop,
    "hardlink": hardlink, "names": names, "special": special, "process": process, "app": application,
    "sysctl": sysctl, "firewall": firewall, "drift": drift, "divert": divert, "alternative": alternative,
    "repo": repo, "pip": by_hand, "npm": by_hand, "source": source,
}  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), [line[:2] for line in TRUTH], ids=[" ".join(line[:2]) for line in TRUTH])
def test_every_line_of_the_truth_is_in_the_store(kind: str, name: str, seen: Scanned) -> None:
    assert kind in CHECKERS, f"nothing holds a line of the kind {kind!r}"
    CHECKERS[kind](seen, name)


def test_no_checker_is_left_without_a_line() -> None:
    assert {line[0] for line in TRUTH} == set(CHECKERS)


def secrets_of(seen: Scanned) -> dict[str, bytes]:
    """Return by name everything of the host that must never leave it; all of it really is there."""
    found = {word: word.encode() for word in SECRETS}
    found["a password given as an argument"] = ON_A_COMMAND_LINE.encode()
    for word, path in SECRETS.items():
        assert not path or word.encode() in seen.disk(path), path
    for line in seen.disk("etc/shadow").splitlines():
        login, password = line.split(b":")[:2]
        if len(password) > 13:
            found[f"the hash of {login.decode()}"] = password.lstrip(b"!")
    assert "the hash of deploy" in found
    for path in PRIVATE_KEYS:
        body = [line for line in seen.disk(path).splitlines() if line and not line.startswith(b"-----")]
        # The first line of an OpenSSH key says the same in every one; the second is in the public key as well.
        found[path] = body[-2][8:40]
    return found


def leaks(secrets: dict[str, bytes], where: bytes) -> list[str]:
    return [name for name, word in secrets.items() if word in where]


def test_no_secret_is_in_the_database(seen: Scanned) -> None:
    secrets = secrets_of(seen)
    for path in seen.auditor.database.parent.iterdir():
        assert leaks(secrets, path.read_bytes()) == [], path
    from driftscan.model.objects import unpack

    with closing(sqlite3.connect(seen.auditor.database)) as connection:
        objects = [unpack(value) for (value,) in connection.execute("select data from object")]
        assert len(objects) > 100
        assert leaks(secrets, b"\n".join(objects)) == []
        # A long text lies in several pages: as columns they are whole.
        assert leaks(secrets, "\n".join(connection.iterdump()).encode("utf-8", "surrogatepass")) == []
    assert seen.auditor.database.stat().st_mode & 0o077 == 0


def test_no_secret_is_printed_or_logged(seen: Scanned) -> None:
    secrets = secrets_of(seen)
    for done in seen.said:
        assert leaks(secrets, (done.stdout + done.stderr).encode()) == []
    assert "mysqldump" in json.dumps(seen.processes)  # the program with the password was seen
    assert leaks(secrets, json.dumps(seen.processes + seen.schedules + seen.accounts).encode()) == []
