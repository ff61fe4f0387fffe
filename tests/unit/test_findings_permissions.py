"""Rights that no package gives, what root runs but others may write, and what a listing does not show."""

from collections.abc import Callable, Iterable, Iterator

import pytest

from driftscan.explain.view import View
from driftscan.findings import attributes, permissions, writable
from driftscan.model.finding import Finding
from driftscan.model.item import Item, Json
from tests.unit.handmade import Record, leaf, manifest, snapshot, tree

Told = list[tuple[str, str, str]]


def user(name: str, uid: int, gid: int) -> Item:
    return Item("accounts", f"user {name}", {"kind": "user", "name": name, "uid": uid, "gid": gid})


def group(name: str, gid: int, *members: str) -> Item:
    return Item("accounts", f"group {name}", {"kind": "group", "name": name, "gid": gid, "members": list(members)})


ACCOUNTS = (user("root", 0, 0), group("root", 0), user("ann", 1000, 1000), group("ann", 1000), user("svc", 120, 120))
CRON = Item("schedules", "cron", {"kind": "cron", "user": "root", "file": "/etc/cron.d/x", "command": "/opt/job -v"})
UNIT = Item(
    "services",
    "x.service",
    {"manager": "systemd", "user": None, "fragment": "/etc/systemd/system/x.service", "command": "/bin/sh /opt/run.sh"},
)


def found(
    find: Callable[[View], Iterator[Finding]], records: Iterable[Record], *items: Item, owned: tuple[bytes, ...] = ()
) -> Told:
    seen = snapshot(
        [*ACCOUNTS, *items],
        files=tree(leaf(b"etc/hosts", b"f644 0 0"), *records),
        manifests=[manifest("some", *owned)] if owned else (),
    )
    return sorted((one.severity.value, one.rule, one.subject) for one in find(View(seen)))


def more(path: str, **values: Json) -> Item:
    return Item("files", path, values)


def test_setuid_in_another_system_is_told_together() -> None:
    def chroot(top: bytes) -> list[Record]:
        return [leaf(b"srv/c/" + name, b"f4755 0 0") for name in (b"bin/su", b"bin/mount")] + [
            leaf(b"srv/c/etc/os-release", b"f644 0 0"),
            leaf(b"srv", top),
        ]

    assert found(permissions.find, chroot(b"d755 0 0")) == [("medium", "setuid-unpackaged", "/srv/c")]
    assert found(permissions.find, chroot(b"d700 0 0")) == [("low", "setuid-unpackaged", "/srv/c")]


def test_setuid_where_others_cannot_go_weighs_less() -> None:
    records = [leaf(b"root", b"d700 0 0"), leaf(b"root/sh", b"f4755 0 0"), leaf(b"opt/sh", b"f4755 0 0")]
    assert found(permissions.find, records) == [
        ("high", "setuid-unpackaged", "/opt/sh"),
        ("low", "setuid-unpackaged", "/root/sh"),
    ]


def test_what_was_diverted_is_packaged() -> None:
    told = {"path": "/usr/bin/su", "diverted_to": "/usr/bin/su.real", "by": ""}
    assert (
        found(permissions.find, [leaf(b"usr/bin/su.real", b"f4755 0 0")], Item("diversions", "/usr/bin/su", told)) == []
    )


@pytest.mark.parametrize(
    ("capabilities", "severity"),
    [
        ("cap_net_bind_service=ep", "medium"),
        ("= cap_setuid+ep", "high"),
        ("cap_net_raw,cap_sys_admin=ep", "high"),
        ("=ep", "high"),
    ],
)
def test_capabilities(capabilities: str, severity: str) -> None:
    item = more("/opt/tool", capabilities=capabilities)
    records = [leaf(b"opt/tool", b"f755 0 0")]
    assert found(permissions.find, records, item) == [(severity, "capabilities-unpackaged", "/opt/tool")]
    assert found(permissions.find, records, item, owned=(b"/opt/tool",)) == []


def test_world_writable_is_told_topmost() -> None:
    below = [leaf(b"opt/app/d%d" % n, b"d777 0 0") for n in range(3)] + [leaf(b"opt/app/d1/f", b"f666 0 0")]
    many = [leaf(b"srv/log/%d" % n, b"f666 0 0") for n in range(9)]
    closed = [leaf(b"root", b"d700 0 0"), leaf(b"root/x", b"f666 0 0")]
    assert found(permissions.find, [leaf(b"opt/app", b"d777 0 0"), *below, *many, *closed]) == [
        ("medium", "world-writable", "/opt/app"),
        ("medium", "world-writable", "/srv/log"),
    ]


def test_what_root_runs_but_others_may_write() -> None:
    records = [
        leaf(b"etc/cron.d/x", b"f644 0 0"),
        leaf(b"etc/systemd/system/x.service", b"f644 120 0"),
        leaf(b"opt/job", b"f755 1000 1000"),
        leaf(b"opt/run.sh", b"f666 0 0"),
        leaf(b"usr/local/bin", b"d2775 0 50"),
    ]
    staff = group("staff", 50)
    assert found(writable.find, records, CRON, UNIT, staff) == [
        ("high", "writable-by-wrong-one", "/opt/job"),
        ("high", "writable-by-wrong-one", "/opt/run.sh"),
        ("medium", "writable-by-wrong-one", "/etc/systemd/system/x.service"),
    ]
    with_member = found(writable.find, records, group("staff", 50, "ann"))
    assert with_member == [("high", "writable-by-wrong-one", "/usr/local/bin")]
    assert found(permissions.find, records, CRON, UNIT, staff) == []  # said once


def test_a_directory_above_is_as_good_as_the_file() -> None:
    records = [leaf(b"opt", b"d775 0 1000"), leaf(b"opt/job", b"f755 0 0"), leaf(b"etc/cron.d/x", b"f644 0 0")]
    assert found(writable.find, records, CRON) == [("high", "writable-by-wrong-one", "/opt")]
    sticky = [leaf(b"opt", b"d1777 0 0"), *records[1:]]
    assert found(writable.find, sticky, CRON) == []


def test_what_runs_as_another_is_its_own_affair() -> None:
    own = Item("services", "y", {"manager": "systemd", "user": "ann", "fragment": "", "command": "/opt/job"})
    assert found(writable.find, [leaf(b"opt/job", b"f755 1000 1000")], own) == []


def test_access_control_lists_are_gathered() -> None:
    acl = ["user::rwx", "user:1000:rwx", "group::r-x", "mask::rwx", "other::r-x"]
    items = [
        more("/srv/s", acl=acl),
        more("/srv/s/f", acl=acl),
        more("/etc/p", acl=acl),
        more("/srv/o", acl=["user::rwx"]),
    ]
    records = [leaf(b"srv/s/f", b"f644 0 0"), leaf(b"etc/p", b"f644 0 0"), leaf(b"srv/o", b"f644 0 0")]
    assert found(attributes.find, records, *items, owned=(b"/etc/p",)) == [
        ("low", "acl-extra", "/srv/s"),
        ("medium", "acl-extra", "/etc/p"),
    ]


def test_evidence_of_a_list_has_names() -> None:
    acl = ["user::rwx", "user:1000:r-x", "group:1000:r--", "default:user::rwx", "default:user:77:rwx", "mask::rwx"]
    seen = snapshot([*ACCOUNTS, more("/srv/s", acl=acl)], files=tree(leaf(b"srv/s", b"d755 0 0")))
    (one,) = attributes.find(View(seen))
    assert one.evidence == {"acl": ["user:ann:r-x", "group:ann:r--", "default:user:77:rwx"]}


def test_flags_and_attributes() -> None:
    items = [
        more("/opt/key", flags=["immutable"], xattrs=["user.origin"]),
        more("/opt/note", xattrs=["user.origin", "security.selinux"]),
        more("/opt/plain", xattrs=["security.selinux"]),
    ]
    records = [leaf(b"opt/" + name, b"f644 0 0") for name in (b"key", b"note", b"plain")]
    assert found(attributes.find, records, *items) == [
        ("info", "xattr-user", "/opt/note"),
        ("low", "immutable-flag", "/opt/key"),
    ]
