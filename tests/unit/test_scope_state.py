import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftscan.scopes.state import SCOPE
from tests.unit.handmade import leaf, manifest, snapshot, tree
from tests.unit.scope_checks import garbled
from tests.unit.second_look import held, image, look_again, parsed, seen

FILES: dict[str, bytes | str] = {
    "/var/lib/postgresql/15/main/PG_VERSION": b"15\n",
    "/var/lib/postgresql/15/main/base/1/PG_VERSION": b"15\n",
    "/var/lib/postgresql/15/main/global/1": b"x" * 100,
    "/var/lib/mysql/ibdata1": b"x" * 50,
    "/var/lib/mysql/aria_log_control": b"x",
    "/var/lib/mysql/mysql/db.frm": b"x",
    "/var/lib/mysql/mariadb_upgrade_info": b"10.11.6-MariaDB",
    "/var/lib/redis/dump.rdb": b"REDIS0011",
    "/var/lib/redis/appendonlydir/a": b"x",
    "/home/a/Maildir/cur/1": b"mail",
    "/home/a/Maildir/new/2": b"mail",
    "/home/a/Maildir/tmp/3": b"mail",
    "/var/lib/shop/thumbs.db": b"no database " * 60,
    "/srv/disk.qcow2": b"QFI\xfb",
    "/srv/small.img": b"x",
    "/usr/share/p/ours.db": b"SQLite format 3\0" + bytes(600),
    "/opt/node_modules/x/y.sqlite": b"SQLite format 3\0" + bytes(600),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = image(tmp_path_factory.mktemp("image"), FILES)
    with sqlite3.connect(top / "var/lib/shop/orders.db") as connection:
        connection.execute("create table orders(id integer)")
    connection.close()
    return top


def test_what_is_found(root: Path) -> None:
    found = held("state", parsed(root, "state", seen(root, [manifest("p", b"/usr/share/p/ours.db")])))
    assert {key: (item.attributes["engine"], item.attributes["version"]) for key, item in found.items()} == {
        "/var/lib/postgresql/15/main": ("postgresql", "15"),
        "/var/lib/mysql": ("mariadb", "10.11.6-MariaDB"),
        "/var/lib/redis": ("redis", ""),
        "/home/a/Maildir": ("maildir", ""),
        "/var/lib/shop/orders.db": ("sqlite", ""),
        "/srv/disk.qcow2": ("image", ""),
    }
    assert found["/var/lib/redis"].volatile == {"size": 10, "files": 2}
    assert found["/var/lib/mysql"].attributes["user"] == "0"


def test_nothing_need_be_read_where_the_names_tell_all() -> None:
    first = snapshot(files=tree(leaf(b"var/lib/redis/dump.rdb", b"f600 0 0")))
    assert SCOPE.follow.probes(first) == []
    [item] = SCOPE.follow.parse(first, {}).items
    assert (item.key, item.attributes["engine"]) == ("/var/lib/redis", "redis")


def test_without_a_tree_nothing_was_seen() -> None:
    assert [probe.name for probe in SCOPE.follow.probes(snapshot())] == ["tree"]
    assert SCOPE.follow.parse(snapshot(), {}).items == ()


@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_whatever_arrives(root: Path, data: st.DataObject) -> None:
    if not _CACHE:
        _CACHE.append((seen(root), look_again(root, "state", seen(root))))
    first, results = _CACHE[0]
    held("state", SCOPE.follow.parse(first, data.draw(garbled(results))))


_CACHE: list = []
