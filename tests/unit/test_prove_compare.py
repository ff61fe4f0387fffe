"""Comparing a rebuilt host with the original, on snapshots made by hand."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from driftscan.explain.view import View
from driftscan.model.item import Item
from driftscan.model.manifest import Manifest, PackagedFile
from driftscan.model.outcome import Outcome
from driftscan.model.proof import Remainder
from driftscan.model.snapshot import Snapshot
from driftscan.prove.compare import Comparison, compare
from driftscan.role.model import Data, LeftOut, Role, Secret
from driftscan.role.resources import Content, File, Lines, Package, User, Variable, Why
from driftscan.role.steering import Steering
from tests.unit.handmade import TAKEN, Record, leaf, manifest, snapshot, tree

STOCK = manifest("stock", b"/etc", b"/etc/stock", b"/opt", b"/srv", b"/usr", b"/usr/bin", b"/usr/bin/wc", b"/var")
DIRECTORIES = [leaf(name, b"d755 0 0") for name in (b"opt", b"srv", b"var")]
ROLE = Role("web", "web1", TAKEN, {}, "dpkg")
SHA = "sha256:" + "1" * 64
SHA_2 = "sha256:" + "2" * 64


def of_file(path: str, digest: str = SHA, text: str | None = None, **more: Any) -> list[Item]:
    found = [Item("files", path, {"path": path, "digest": digest, **more})]
    return found if text is None else [*found, Item("contents", path, {"path": path, "text": text})]


def package(name: str, version: str = "1", **more: Any) -> Item:
    return Item(
        "packages",
        name,
        {"name": name, "version": version, "manager": "dpkg", "state": "installed", "reason": "manual"} | more,
    )


def user(name: str, **more: Any) -> Item:
    has = {"kind": "user", "name": name, "uid": 1001, "gid": 1001, "home": f"/home/{name}", "shell": "/bin/sh"}
    return Item("accounts", f"user {name}", {**has, "password": "set", "password_changed": "2026-11-01", **more})


def service(name: str, active: str | None = "active", **more: Any) -> Item:
    has = {"name": name, "kind": "service", "manager": "systemd", "enabled": "enabled", "load": "loaded"}
    return Item("services", name, {**has, "active": active, "command": "/opt/x", "fragment": f"/etc/{name}", **more})


def listener(port: int, address: str = "0.0.0.0", exe: str = "/opt/serve", **more: Any) -> Item:
    has = {"protocol": "tcp", "state": "listen", "address": address, "port": port, "exe": exe, "user": "root"}
    return Item("sockets", f"tcp {address}:{port}", {**has, **more})


def host(items: Iterable[Item] = (), *leaves: Record, name: str = "web1", **more: Any) -> Snapshot:
    files = tree(leaf(b"etc/stock", b"f644 0 0"), leaf(b"usr/bin/wc", b"f755 0 0"), *DIRECTORIES, *leaves)
    return snapshot(
        [package("stock:amd64", reason="automatic"), *items], files=files, manifests=[STOCK], host=name, **more
    )


def compared(old: Snapshot, new: Snapshot, role: Role = ROLE, blank: Snapshot | None = None, **more: Any) -> Comparison:
    return compare(View(old), View(new), role, blank=View(blank or host()), **more)


def figures(found: Comparison) -> dict[str, tuple[int, int]]:
    return {one.scope: (one.reproduced, one.reproducible) for one in found.fidelity}


def failed(found: Comparison) -> list[tuple[str, str, str]]:
    return [(one.scope, one.key, one.reason) for one in found.remainder if one.failed]


TOOL = leaf(b"opt/tool", b"f755 0 0")


def test_a_stock_host_has_nothing_to_reproduce() -> None:
    found = compared(host(), host(name="blank"))
    assert (found.fidelity, found.remainder) == ((), ())


def test_what_is_there_again_is_reproduced() -> None:
    items = [*of_file("/opt/tool"), package("nginx"), user("deploy")]
    found = compared(host(items, TOOL), host(items, TOOL, name="blank"))
    assert figures(found) == {"accounts": (1, 1), "files": (1, 1), "packages": (1, 1)}
    assert found.remainder == ()


def test_what_is_missing_is_told() -> None:
    items = [*of_file("/opt/tool"), package("nginx"), user("deploy")]
    found = compared(host(items, TOOL), host(name="blank"))
    assert figures(found) == {"accounts": (0, 1), "files": (0, 1), "packages": (0, 1)}
    assert failed(found) == [
        ("accounts", "user deploy", "not there"),
        ("files", "/opt/tool", "not there"),
        ("packages", "nginx", "not there"),
    ]


@pytest.mark.parametrize(
    ("entry", "items", "reason"),
    [
        (leaf(b"opt/tool", b"f4755 0 0"), of_file("/opt/tool"), "mode 0755 -> 4755"),
        (leaf(b"opt/tool", b"f755 7 0"), of_file("/opt/tool"), "user root -> 7"),
        (leaf(b"opt/tool", b"l777 0 0", b"/x"), [], "type file -> link"),
        (TOOL, of_file("/opt/tool", SHA_2), "what it says is otherwise"),
        (TOOL, of_file("/opt/tool", flags=["immutable"]), "flags nothing -> immutable"),
        (TOOL, of_file("/opt/tool", acl=["user:x:rw-"]), "acl nothing -> user:x:rw-"),
        (leaf(b"opt/tool", b"f755 0 0", ctime=99.0), of_file("/opt/tool"), ""),
    ],
)
def test_paths_are_compared_in_all_that_counts(entry: Record, items: list[Item], reason: str) -> None:
    names = [Item("accounts", "user root", {"kind": "user", "name": "root", "uid": 0})]
    found = compared(
        host([*of_file("/opt/tool"), *names], TOOL), host([*items, *names], entry, name="blank"), blank=host(names)
    )
    assert failed(found) == ([("files", "/opt/tool", reason)] if reason else [])


def test_what_the_blank_host_had_already_is_stock() -> None:
    items = [*of_file("/opt/tool"), package("vim")]
    has, new = host(items, TOOL), host(items, TOOL, name="blank")
    assert compared(has, new, blank=host(items, TOOL, name="blank")).fidelity == ()
    role = replace(ROLE, resources=(Package(why=Why("packages", "vim"), name="vim", manager="dpkg"),))
    assert figures(compared(has, new, role, blank=host(items, TOOL))) == {"packages": (1, 1)}


def test_what_is_only_on_the_new_host_is_told() -> None:
    items = [*of_file("/opt/more/a"), package("extra"), package("python3-apt")]
    new = host(items, leaf(b"opt/more", b"d755 0 0"), leaf(b"opt/more/a", b"f644 0 0"), name="blank")
    found = compared(host(), new, tool="ansible")
    assert failed(found) == [
        ("files", "/opt/more", "only on the new host"),
        ("packages", "extra", "only on the new host"),
    ]
    assert [one.key for one in found.remainder if not one.failed] == ["python3-apt"]
    assert compared(host(), new, blank=new).remainder == ()


def test_versions_count_as_the_role_asks_for_them() -> None:
    old, new = host([package("nginx", "1.2-1")]), host([package("nginx", "1.2-3")], name="blank")

    def asks(version: str, *, exact: bool = False) -> list[tuple[str, str, str]]:
        one = Package(why=Why("packages", "nginx"), name="nginx", manager="dpkg", version=version, exact=exact)
        return failed(compared(old, new, replace(ROLE, resources=(one,))))

    assert asks("") == asks("1.2-1") == []
    assert asks("1.2-1", exact=True) == [("packages", "nginx", "version 1.2-1 -> 1.2-3")]
    assert asks("1.2-4") == [("packages", "nginx", "version >= 1.2-4 -> 1.2-3")]
    assert failed(compared(host([package("nginx", hold=True)]), new)) == [("packages", "nginx", "hold yes -> nothing")]


def test_numbers_of_accounts_count_where_the_role_keeps_them() -> None:
    old, new = host([user("deploy")]), host([user("deploy", uid=1005, password_changed="2026-11-22")], name="blank")
    assert failed(compared(old, new)) == []
    kept = User(why=Why("accounts", "user deploy"), name="deploy", uid=1001, group="deploy")
    told = failed(compared(old, new, replace(ROLE, resources=(kept,))))
    assert told == [("accounts", "user deploy", "uid 1001 -> 1005")]


def test_accounts_are_found_under_their_new_names() -> None:
    old = host([user("deploy"), *of_file("/opt/tool")], leaf(b"opt/tool", b"f755 1001 0"))
    new = host(
        [user("ops", home="/home/deploy"), *of_file("/opt/tool")], leaf(b"opt/tool", b"f755 1001 0"), name="blank"
    )
    found = compared(old, new, steering=Steering(rename={"deploy": "ops"}))
    assert figures(found) == {"accounts": (1, 1), "files": (1, 1)}
    assert failed(found) == []


def test_what_is_left_out_and_data_are_set_aside() -> None:
    items = [*of_file("/opt/tool"), *of_file("/srv/db/a"), package("odd")]
    old = host(items, TOOL, leaf(b"srv/db", b"d755 0 0"), leaf(b"srv/db/a", b"f644 0 0"))
    role = replace(
        ROLE,
        left_out=(LeftOut("files", "/opt/tool", "a log"), LeftOut("packages", "odd", "no source", limit=True)),
        data=(Data("/srv/db", "redis", None, "data of redis"),),
    )
    found = compared(old, host(name="blank"), role)
    assert found.fidelity == ()
    assert found.remainder == (
        Remainder("files", "/opt/tool", "a log", failed=False),
        Remainder("packages", "odd", "beyond driftscan: no source", failed=False),
        Remainder("state", "/srv/db", "data to be moved: data of redis", failed=False),
    )


def _with_secret(*, whole: bool = False) -> Role:
    made = File(why=Why("files", "/opt/tool"), path="/opt/tool", content=Content((b"a=", Variable("token"))))
    return replace(ROLE, resources=(made,), secrets=(Secret("token", ("/opt/tool",), "TOKEN", whole=whole),))


def test_a_file_with_a_secret_that_was_made_up() -> None:
    text = "a=<secret:token>"
    old = host(of_file("/opt/tool", text=text), TOOL)
    same = host(of_file("/opt/tool", SHA_2, text), TOOL, name="blank")
    other = host(of_file("/opt/tool", SHA_2, "b=<secret:token>"), TOOL, name="blank")
    role = _with_secret()
    assert failed(compared(old, same, role)) == [("files", "/opt/tool", "the secrets in it are otherwise")]
    told = compared(old, same, role, made_up=["token"])
    assert failed(told) == []
    assert [one.reason for one in told.remainder] == ["a secret in it was made up: token"]
    assert failed(compared(old, other, role, made_up=["token"])) == [
        ("files", "/opt/tool", "what it says is otherwise")
    ]
    assert failed(compared(old, other, role, made_up=["token"], written={"/opt/tool": SHA_2})) == []
    binary = host(of_file("/opt/tool", SHA_2), TOOL, name="blank")
    assert failed(compared(old, binary, _with_secret(whole=True), made_up=["token"])) == []


def test_names_of_their_own_are_no_difference() -> None:
    def named(name: str, says: str, digest: str) -> Snapshot:
        facts = [Item("system", "hostname", {"fact": "hostname", "value": name})]
        return host([*facts, *of_file("/opt/tool", digest, f"serve {says}")], TOOL, name=name)

    assert failed(compared(named("web1", "web1", SHA), named("blank7", "blank7", SHA_2))) == []
    assert failed(compared(named("web1", "web1", SHA), named("blank7", "web1", SHA))) == []
    assert failed(compared(named("web1", "web1", SHA), named("blank7", "db9", SHA_2))) != []


def test_lines_that_were_added() -> None:
    old = host(of_file("/opt/hosts", text="1 a\n2 b"), leaf(b"opt/hosts", b"f644 0 0"))
    role = replace(ROLE, resources=(Lines(why=Why("files", "/opt/hosts"), path="/opt/hosts", lines=("2 b",)),))
    for text, told in (("9 own\n2 b", []), ("9 own", [("files", "/opt/hosts", "without the line 2 b")])):
        new = host(of_file("/opt/hosts", SHA_2, text), leaf(b"opt/hosts", b"f644 0 0"), name="blank")
        assert failed(compared(old, new, role)) == told


def test_a_large_directory_is_compared_path_by_path() -> None:
    def large(*names: str, mode: bytes = b"f644 0 0") -> list[Record]:
        return [leaf(b"opt/app", b"d755 0 0"), *(leaf(f"opt/app/{name}".encode(), mode) for name in names)]

    names = [f"f{number:03}" for number in range(60)]
    old = host((), *large(*names))
    assert figures(compared(old, host((), *large(*names), name="blank"))) == {"trees": (1, 1)}
    new = host((), *large(*names[:-1], "extra"), name="blank")
    told = failed(compared(old, new))
    assert told[-1] == ("trees", "/opt/app", "+ /opt/app/extra; - /opt/app/f059")
    role = replace(ROLE, left_out=(LeftOut("files", "/opt/app/f059", "a socket"),))
    fewer = host((), *large(*names[:-1]), name="blank")
    assert figures(compared(old, fewer, role)) == {"trees": (1, 1)}
    few = host((), *large(*names[:3]), name="blank")
    assert figures(compared(old, few)) == {"trees": (0, 1)}


def test_packaged_paths_that_somebody_changed() -> None:
    """A path that was taken away, and one whose content was changed: its mode is the package's business."""
    says = {
        b"/usr/bin/tac": PackagedFile(digest="md5:00").encode(),
        b"/usr/bin/wc": PackagedFile(digest=SHA_2).encode(),
    }
    ours = Manifest("stock:amd64", "stock", 100.0, {**STOCK.files, **says})

    def made(name: str, *leaves: Record, items: Iterable[Item] = ()) -> Snapshot:
        return replace(host(items, *leaves, name=name), manifests=[ours])

    changed = of_file("/usr/bin/wc")
    tac = leaf(b"usr/bin/tac", b"f755 0 0")
    stock = made("blank", tac)
    old = made("web1", items=changed)
    assert figures(compared(old, made("blank", items=changed), blank=stock)) == {"files": (2, 2)}
    assert failed(compared(old, stock, blank=stock)) == [
        ("files", "/usr/bin/tac", "it is there, on the old host it is not"),
        ("files", "/usr/bin/wc", "what it says is otherwise"),
    ]
    told = failed(compared(stock, old, blank=stock))
    assert [(key, reason[:35]) for _, key, reason in told] == [
        ("/usr/bin/tac", "a package's path that is missing on"),
        ("/usr/bin/wc", "otherwise than its package on the n"),
    ]


def test_services_and_listeners_that_are_up() -> None:
    old = host([service("shop.service"), service("bad.service"), listener(80), listener(81, "10.0.0.1"), listener(82)])
    new = [
        service("shop.service"),
        service("bad.service", "failed"),
        listener(80),
        listener(81, "10.0.0.2"),
        listener(82, exe="/opt/other"),
    ]
    found = compared(old, host(new, name="blank"))
    assert (found.services, found.listeners) == ((1, 2), (2, 3))
    assert failed(found) == [
        ("services", "bad.service", "active active -> failed"),
        ("sockets", "tcp 0.0.0.0:82", "another program listens there: /opt/other"),
    ]
    role = replace(ROLE, left_out=(LeftOut("sockets", "tcp 0.0.0.0:82", "nobody starts it"),))
    assert compared(old, host(new, name="blank"), role).listeners == (2, 2)


def test_an_image_runs_nothing() -> None:
    old = host([service("shop.service"), listener(80)])
    blind = {"sockets": None, "processes": None}
    new = replace(host([service("shop.service", None)], name="blank", outcomes=blind), transport="image")
    found = compared(old, new)
    assert (found.services, found.listeners, failed(found)) == ((0, 0), (0, 0), [])
    assert figures(found) == {"services": (1, 1)}


def test_what_was_not_seen_on_the_new_host_is_named() -> None:
    new = host(name="blank", outcomes={"schedules": Outcome.DENIED})
    [one] = compared(host(), new).remainder
    assert (one.scope, one.key, one.failed) == ("schedules", "", False)
    assert "not seen whole" in one.reason
