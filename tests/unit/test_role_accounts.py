"""Users and groups in a role."""

from typing import Any

import pytest

from driftscan.model.item import Item
from driftscan.role.model import LeftOut
from driftscan.role.planners import accounts
from driftscan.role.resources import Group, Membership, User, Variable
from driftscan.role.steering import Steering, Wanted
from tests.unit.handmade import leaf, manifest
from tests.unit.role_desk import desk_of, item, planned, text


def user(name: str, uid: int, *further: str, gid: int | None = None, **has: Any) -> Item:
    told = {"home": f"/home/{name}", "shell": "/bin/bash", "password": "locked", **has}
    groups = [told.pop("group", name), *further]
    return item(
        "accounts", f"user {name}", kind="user", name=name, uid=uid, gid=uid if gid is None else gid, groups=groups,
        **told,
    )  # fmt: skip


def group(name: str, gid: int, *members: str, **has: Any) -> Item:
    return item("accounts", f"group {name}", kind="group", name=name, gid=gid, members=list(members), **has)


STOCK = [
    user("root", 0, home="/root"),
    user("www-data", 33, home="/var/www", shell="/usr/sbin/nologin", password="none"),
    user("redis", 105, home="/var/lib/redis", shell="/usr/sbin/nologin", declared="/var/lib/dpkg/info/redis.postinst"),
    group("root", 0),
    group("www-data", 33),
    group("redis", 105, declared="/var/lib/dpkg/info/redis.postinst"),
    item("packages", "redis", name="redis", manager="dpkg", source="redis"),
    item("packages", "nginx", name="nginx", manager="dpkg", source="nginx"),
]


def test_a_user_comes_after_its_own_group_with_its_numbers_and_its_password_as_a_secret() -> None:
    made = [user("Deploy.X", 1001, gecos="Dep Loy", password="set", expires="2027-01-01"), group("Deploy.X", 1001)]
    desk = desk_of([*STOCK, *made], leaf(b"/home/Deploy.X", b"d755 1001 1001"))
    first, second = planned(accounts, desk)
    assert isinstance(first, Group)
    assert (first.name, first.gid, first.system) == ("Deploy.X", 1001, False)
    assert isinstance(second, User)
    assert (second.name, second.uid, second.group, second.gecos) == ("Deploy.X", 1001, "Deploy.X", "Dep Loy")
    assert (second.make_home, second.system, second.shared_uid, second.expires) == (True, False, False, "2027-01-01")
    assert second.password == Variable("deploy_x_password_hash")
    assert (second.why.scope, second.why.key) == ("accounts", "user Deploy.X")


def test_numbers_may_be_given_anew_and_names_be_others_but_root_stays_root() -> None:
    made = [user("ann", 1001), group("ann", 1001), user("toor", 0, gid=0, group="root", home="/root")]
    steering = Steering(numbers="remap", rename={"ann": "anna"})
    found = planned(accounts, desk_of([*STOCK, *made], leaf(b"/root", b"d700 0 0"), steering=steering))
    assert [(one.name, one.gid) for one in found if isinstance(one, Group)] == [("anna", None)]
    users = {one.name: one for one in found if isinstance(one, User)}
    assert (users["anna"].uid, users["anna"].group) == (None, "anna")
    assert (users["toor"].uid, users["toor"].group, users["toor"].shared_uid) == (0, "root", True)
    assert not users["toor"].make_home, "root's home is no other's"


@pytest.mark.parametrize(
    ("has", "leaves", "made"),
    [
        ({}, [], False),
        ({}, [leaf(b"/home/ann", b"d755 0 0")], False),
        ({}, [leaf(b"/home/ann", b"d755 1001 1001")], True),
        ({"home": "/"}, [], False),
    ],
)
def test_a_home_is_made_where_the_user_has_one(has: dict[str, str], leaves: list[Any], made: bool) -> None:
    desk = desk_of([*STOCK, user("ann", 1001, **has), group("ann", 1001)], *leaves)
    (ann,) = planned(accounts, desk, User)
    assert ann.make_home is made


def test_two_with_one_home_the_owner_makes_it() -> None:
    made = [user("bob", 1001), user("eve", 1002, home="/home/bob"), group("bob", 1001), group("eve", 1002)]
    desk = desk_of([*STOCK, *made], leaf(b"/home/bob", b"d755 1001 1001"))
    assert {one.name: one.make_home for one in planned(accounts, desk, User)} == {"bob": True, "eve": False}


@pytest.mark.parametrize(("defs", "system"), [("", True), ("# UID_MIN 1000\nUID_MIN   500\n", False)])
def test_what_a_system_account_is_stands_in_login_defs(defs: str, system: bool) -> None:
    desk = desk_of([*STOCK, user("svc", 600), group("svc", 600), text("/etc/login.defs", defs)])
    assert [one.system for one in planned(accounts, desk) if isinstance(one, User | Group)] == [system, system]


def test_what_is_not_made_again_is_said() -> None:
    made = [
        user("open", 1001, password="empty"),
        user("new", 1002, password="set", must_change=True),
        user("dark", 1003, password=None),
        group("lone", 2000, "ghost", "new"),
    ]
    root = user("root", 0, home="/root", shell="/bin/zsh", password="set")
    found = planned(accounts, desk_of([*STOCK[1:], root, *made]), LeftOut)
    told = {one.key: one.reason for one in found}
    assert sorted(told) == ["group lone", "user dark", "user new", "user open", "user root"]
    assert "empty password" in told["user open"]
    assert "ghost has no account" in told["group lone"]
    assert "shell /bin/zsh is to be set by hand" in told["user root"]
    assert "password is the new host's own" in told["user root"]


def test_root_is_never_a_resource() -> None:
    root = user("root", 0, home="/root", shell="/bin/zsh", password="set")
    assert planned(accounts, desk_of([*STOCK[1:], root]), User) == []


def test_groups_are_joined_once_by_each_user_and_also_by_packaged_ones() -> None:
    made = [
        user("ann", 1001, "ops", "www-data"),
        group("ann", 1001),
        group("ops", 2600, "ann", "redis"),
        group("redis", 105, "www-data", declared="/var/lib/dpkg/info/redis.postinst"),
        group("www-data", 33, "ann"),
    ]
    desk = desk_of([*(one for one in STOCK if one.key not in {"group redis", "group www-data"}), *made])
    found = [(one.user, one.groups) for one in planned(accounts, desk, Membership)]
    assert found == [("ann", ("ops", "www-data")), ("redis", ("ops",)), ("www-data", ("redis",))]


def test_what_a_package_does_with_its_own_user_is_left_to_it() -> None:
    declared = "/var/lib/dpkg/info/redis.postinst"
    own = [group("redis-tls", 106, "redis", declared=declared), group("adm", 4, "redis", "www-data")]
    assert planned(accounts, desk_of([*STOCK, *own])) == []


def test_a_packages_user_is_planned_where_somebody_opened_it() -> None:
    changed = [
        user("redis", 105, home="/var/lib/redis", password="set", declared="/var/lib/dpkg/info/redis.postinst"),
        user("www-data", 33, home="/var/www", password="none", declared="/usr/lib/sysusers.d/basic.conf"),
    ]
    stock = [one for one in STOCK if one.key not in {"user redis", "user www-data"}]
    systemd = manifest("systemd", b"/usr/lib/sysusers.d/basic.conf")
    desk = desk_of([*stock, *changed], leaf(b"/var/lib/redis", b"d750 105 105"), manifests=[systemd])
    users = {one.name: one for one in planned(accounts, desk, User)}
    assert sorted(users) == ["redis", "www-data"]
    assert users["redis"].password == Variable("redis_password_hash")
    assert not users["redis"].make_home, "its package makes it"
    assert [one.name for one in planned(accounts, desk, Group)] == ["redis"], "it is needed before the package comes"


def test_who_is_excluded_is_no_resource_and_in_no_group() -> None:
    made = [user("ann", 1001, "ops"), group("ann", 1001), group("ops", 2600, "ann")]
    steering = Steering(exclude=(Wanted("group ops", "accounts"),))
    desk = desk_of([*STOCK, *made], steering=steering)
    assert [one.name for one in planned(accounts, desk) if isinstance(one, Group | User)] == ["ann", "ann"]
    assert planned(accounts, desk, Membership) == []
