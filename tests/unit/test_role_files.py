"""Paths in a role: what is made one by one, what as an archive, what is named instead."""

from collections.abc import Mapping

import pytest

from driftscan.explain.view import View
from driftscan.findings.base import judge
from driftscan.model.item import Item
from driftscan.model.text import text
from driftscan.role.model import Role
from driftscan.role.plan import plan
from driftscan.role.resources import (
    Absent,
    Acl,
    Archive,
    Capabilities,
    Directory,
    File,
    Flags,
    HardLink,
    Link,
    Resource,
    Special,
    Xattr,
)
from driftscan.role.steering import Steering, Wanted
from tests.unit.handmade import Record, leaf, manifest, snapshot, tree

_USERS = (
    Item("accounts", "user root", {"kind": "user", "name": "root", "uid": 0, "gid": 0}),
    Item("accounts", "group root", {"kind": "group", "name": "root", "gid": 0}),
    Item("accounts", "user www", {"kind": "user", "name": "www", "uid": 33, "gid": 33, "declared": "base"}),
    Item("accounts", "group www", {"kind": "group", "name": "www", "gid": 33, "declared": "base"}),
)
_PACKAGED = manifest("base", b"/usr/bin/true")


def _role(
    *leaves: Record,
    items: tuple[Item, ...] = (),
    says: Mapping[bytes, bytes] | None = None,
    steering: Steering | None = None,
) -> Role:
    seen = snapshot((*_USERS, *items), files=tree(leaf(b"/usr/bin/true", b"f755 0 0"), *leaves), manifests=[_PACKAGED])
    view = View(seen)
    contents = says or {}

    def read(path: bytes) -> bytes | None:
        return contents.get(path, None if b"\0" in path else b"says\n")

    return plan(view, judge(view), steering or Steering(), read)[0]


def _made(role: Role, kind: type[Resource] = Resource) -> dict[str, Resource]:
    return {one.path: one for one in role.resources if isinstance(one, kind) and hasattr(one, "path")}


def test_a_file_alone_with_the_directories_above_it() -> None:
    role = _role(
        leaf(b"/opt", b"d755 0 0"), leaf(b"/opt/shop", b"d750 33 33"), leaf(b"/opt/shop/run.sh", b"f4750 33 0")
    )
    made = _made(role)
    assert made.keys() == {"/opt/shop", "/opt/shop/run.sh"}
    top, file = made["/opt/shop"], made["/opt/shop/run.sh"]
    assert isinstance(top, Directory)
    assert (top.user, top.group, top.mode) == ("www", "www", "0750")
    assert isinstance(file, File)
    assert (file.user, file.group, file.mode) == ("www", "root", "4750")
    assert file.content is not None
    assert file.content.literal == b"says\n"
    assert list(made) == ["/opt/shop", "/opt/shop/run.sh"]


def test_many_paths_are_an_archive() -> None:
    role = _role(*(leaf(b"/opt/shop/%d" % number, b"f644 0 0") for number in range(40)))
    made = _made(role)
    assert made.keys() == {"/opt/shop"}
    archive = _made(role, Archive)["/opt/shop"]
    assert isinstance(archive, Archive)
    assert len(archive.members) >= 40


def test_a_name_that_is_no_text_makes_it_an_archive() -> None:
    role = _role(leaf(b"/opt/shop/\xff", b"f644 0 0"))
    assert _made(role, Archive).keys() == {"/opt/shop"}


def test_other_kinds_of_path() -> None:
    role = _role(
        leaf(b"/opt/a/link", b"l777 33 0", b"../nowhere"),
        leaf(b"/opt/a/pipe", b"p600 0 0"),
        leaf(b"/opt/a/null", b"c666 0 0"),
        leaf(b"/opt/a/lost", b"b660 0 0"),
        leaf(b"/opt/a/socket", b"s777 0 0"),
        says={b"/opt/a/null\0device": b"1 3"},
    )
    made = _made(role)
    link, pipe, null = (made[f"/opt/a/{name}"] for name in ("link", "pipe", "null"))
    assert isinstance(link, Link)
    assert (link.target, link.user) == ("../nowhere", "www")
    assert isinstance(pipe, Special)
    assert (pipe.kind, pipe.mode) == ("p", "0600")
    assert isinstance(null, Special)
    assert (null.kind, null.major, null.minor) == ("c", 1, 3)
    left = {one.key: one.reason for one in role.left_out}
    assert "socket" in left["/opt/a/socket"]
    assert "numbers" in left["/opt/a/lost"]


def test_names_of_one_file_are_hard_links() -> None:
    twin = b"33 4.0"
    one = (b"/opt/a/one", b"f644 0 0 " + twin, b"8.0 99 2", b"")
    two = (b"/opt/b/two", b"f644 0 0 " + twin, b"8.0 99 2", b"")
    made = _made(_role(one, two))
    link = made["/opt/b/two"]
    assert isinstance(link, HardLink)
    assert link.to == "/opt/a/one"
    assert isinstance(made["/opt/a/one"], File)


def test_what_a_path_has_beyond_its_mode() -> None:
    more = {
        "capabilities": "cap_net_raw=ep",
        "acl": ["user::rwx", "user:33:r-x", "default:group:33:r--"],
        "xattrs": ["user.origin", "security.selinux"],
        "flags": ["immutable"],
    }
    role = _role(
        leaf(b"/opt/a/tool", b"f755 0 0"),
        items=(Item("files", "/opt/a/tool", more),),
        says={b"/opt/a/tool": b"#!", b"/opt/a/tool\0xattr:user.origin": b"us\xffb"},
    )
    found = {type(one): one for one in role.resources}
    assert found[Capabilities].value == "cap_net_raw=ep"  # type: ignore[attr-defined]
    assert found[Acl].entries == ("user::rwx", "user:www:r-x", "default:group:www:r--")  # type: ignore[attr-defined]
    assert (found[Xattr].name, found[Xattr].value) == ("user.origin", b"us\xffb")  # type: ignore[attr-defined]
    assert isinstance(role.resources[-1], Flags)


def test_data_is_named_and_its_directories_are_made() -> None:
    role = _role(
        leaf(b"/var/lib/shop", b"d2775 33 33"), leaf(b"/var/lib/shop/a/orders", b"f644 33 33"),
        leaf(b"/var/log/shop/access.log", b"f644 33 33"), leaf(b"/var/log/own.log", b"f640 33 0"),
    )  # fmt: skip
    made = _made(role)
    assert {"/var/lib/shop", "/var/lib/shop/a", "/var/log/shop"} <= made.keys()
    assert [one.path for one in role.data] == ["/var/lib/shop"]
    assert "/var/log/shop" in {one.key for one in role.left_out}
    log = made["/var/log/own.log"]
    assert isinstance(log, File)
    assert (log.content, log.mode) == (None, "0640")


def test_a_person_steers() -> None:
    leaves = [leaf(b"/opt/shop/%s" % name, b"f644 33 33") for name in (b"app", b"old/x", b"files/y")]
    steering = Steering(
        exclude=(Wanted("/opt/shop/old"),),
        data=(Wanted("/opt/shop/files"),),
        include=(Wanted("/usr/bin/true"),),
        rename={"www": "web"},
    )
    role = _role(*leaves, steering=steering)
    made = _made(role)
    assert made.keys() == {"/opt/shop", "/opt/shop/app", "/usr/bin/true"}
    assert made["/opt/shop/app"].user == "web"  # type: ignore[attr-defined]
    assert [one.path for one in role.data] == ["/opt/shop/files"]
    assert {one.key: one.reason for one in role.left_out}["/opt/shop/old"] == "left out by the one who steers"


def test_a_pattern_that_matches_nothing_is_told() -> None:
    role = _role(leaf(b"/opt/shop", b"f644 0 0"), steering=Steering(exclude=(Wanted("/opt/shoop"),)))
    assert role.notes == ("nothing on the host matches the pattern /opt/shoop",)


def test_identity_is_never_in_it() -> None:
    names = (b"/etc/passwd", b"/etc/shadow", b"/etc/machine-id", b"/etc/hostname", b"/etc/ssh/ssh_host_ed25519_key")
    role = _role(*(leaf(name, b"f644 0 0") for name in names))
    assert not _made(role, File)
    assert not _made(role, Archive)


def test_what_cannot_be_read_is_named() -> None:
    seen = snapshot(_USERS, files=tree(leaf(b"/opt/a", b"f644 0 0")), manifests=[_PACKAGED])
    view = View(seen)
    role, wanted = plan(view, judge(view), Steering(), lambda _path: None)
    assert wanted >= {b"/opt/a"}
    assert [(one.key, one.limit) for one in role.left_out if one.scope == "files"] == [("/opt/a", True)]


@pytest.mark.parametrize("name", [b"{{ x }}", b"$(x)", b"new\nline", b"-rf", "ü\u202e".encode()])
def test_odd_names_are_as_they_are(name: bytes) -> None:
    assert f"/opt/{text(name)}" in _made(_role(leaf(b"/opt/" + name, b"f644 0 0")))


def test_what_a_package_enables_and_somebody_has_switched_off_is_taken_away() -> None:
    shipped = manifest("web", b"/usr/bin/true", b"/etc/web/sites-enabled", b"/etc/web/sites-available/default")
    declared = [
        Item("declarations", f"web {path}", {"kind": "script", "by": "web", "path": path, "file": "postinst"})
        for path in ("/etc/web/sites-enabled/default", "/etc/web/sites-enabled/there", "/etc/web/other")
    ]
    seen = snapshot(
        (*_USERS, *declared),
        files=tree(
            leaf(b"/usr/bin/true", b"f755 0 0"),
            leaf(b"/etc/web/sites-available/default", b"f644 0 0"),
            leaf(b"/etc/web/sites-enabled/there", b"l777 0 0", b"../sites-available/there"),
        ),
        manifests=[shipped],
    )
    view = View(seen)
    role = plan(view, judge(view), Steering(), lambda _path: b"")[0]
    assert _made(role, Absent).keys() == {"/etc/web/sites-enabled/default"}
