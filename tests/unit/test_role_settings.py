"""Settings of the host as a whole in a role, and the four planners of the system on recorded hosts."""

from typing import Any

import pytest

from driftscan.model.item import Item
from driftscan.role.desk import Desk
from driftscan.role.model import Handler, LeftOut
from driftscan.role.planners import accounts, overrides, services, settings
from driftscan.role.resources import Content, File, Lines, Link, Membership, User
from driftscan.role.steering import Steering, Wanted
from tests.unit.handmade import leaf, manifest
from tests.unit.role_desk import SYSTEMD, desk_of, item, planned, recorded_desk, text

HOST = [
    SYSTEMD,
    item("system", "hostname", fact="hostname", value="web1"),
    item("network", "address eth0 192.0.2.1/24", kind="address", name="eth0", value="192.0.2.1/24", automatic=False),
]


def entry(address: str, name: str, *, automatic: bool = False) -> Item:
    return item("network", f"host /etc/hosts {name}", kind="host", name=name, value=address, automatic=automatic,
                configured=True, file="/etc/hosts")  # fmt: skip


def mount(target: str, **has: Any) -> Item:
    return item("mounts", target, **{"target": target, "automatic": False, "in_fstab": True, "mounted": False, **has})


def left(desk: Desk) -> dict[str, str]:
    return {one.key: one.reason for one in planned(settings, desk, LeftOut)}


def test_entries_for_other_hosts_are_lines_as_they_are_written() -> None:
    said = (
        "127.0.0.1\tlocalhost\n127.0.1.1\tweb1\n192.0.2.1 self.example\n10.1.1.1\tdb.example  db # the old one\n"
        "10.1.1.2 cache.example\n10.1.1.3 web1 alias.example\n10.1.1.4 <secret:TOKEN>.example tok.example\n"
    )
    entries = [
        entry("127.0.0.1", "localhost", automatic=True),
        entry("127.0.1.1", "web1", automatic=True),
        entry("192.0.2.1", "self.example"),
        entry("10.1.1.1", "db.example"),
        entry("10.1.1.1", "db"),
        entry("10.1.1.2", "cache.example"),
        entry("10.1.1.3", "alias.example"),
        entry("10.1.1.4", "tok.example"),
    ]
    steering = Steering(exclude=(Wanted("host /etc/hosts cache.example", "network"),))
    desk = desk_of([*HOST, *entries, text("/etc/hosts", said)], steering=steering)
    (lines,) = planned(settings, desk, Lines)
    assert (lines.path, lines.lines) == ("/etc/hosts", ("10.1.1.1\tdb.example  db # the old one",))
    assert left(desk) == {
        "host /etc/hosts alias.example": "its line names the host itself too",
        "host /etc/hosts tok.example": "its line holds a secret",
    }
    assert "/etc/hosts" in desk.taken


FSTAB = r"""# comment
UUID=0a-1b / ext4 defaults 0 1
/dev/sr0 /media/cdrom0 udf,iso9660 user,noauto 0 0
proc /proc proc defaults 0 0
UUID=77 none swap sw 0 0
/swap2 none swap sw 0 0
LABEL=data /data ext4 nofail 0 2
tmpfs /opt/cache tmpfs size=16m,noauto 0 0
/srv/b /opt/b\040c none bind 0 0
//fs/y /mnt/y cifs username=u,password=<secret:password> 0 0
nfs1:/x /mnt/x nfs noauto 0 0
short line
"""


def test_file_systems_that_are_on_no_disk_of_the_host_are_lines() -> None:
    steering = Steering(exclude=(Wanted("/mnt/x", "mounts"),))
    desk = desk_of([*HOST, text("/etc/fstab", FSTAB)], steering=steering)
    (lines,) = planned(settings, desk, Lines)
    assert lines.lines == ("tmpfs /opt/cache tmpfs size=16m,noauto 0 0", r"/srv/b /opt/b\040c none bind 0 0")
    assert lines.notify == ("reload units",)
    assert planned(settings, desk, Handler) == [Handler("reload units", ("systemctl", "daemon-reload"))]
    assert left(desk) == {
        "/swap2": "swap is each host's own",
        "/data": "on a disk of the host: the new one has its own",
        "/mnt/y": "its line in /etc/fstab holds a secret",
    }


def test_what_was_mounted_by_hand_is_named() -> None:
    desk = desk_of([*HOST, mount("/mnt", in_fstab=False, mounted=True), mount("/opt/cache")])
    assert left(desk) == {"/mnt": "mounted by hand: nothing mounts it again"}


def zone(value: str) -> Item:
    return item("system", "timezone", fact="timezone", value=value)


def locale(value: str) -> Item:
    return item("system", "locale", fact="locale", value=value)


def test_the_zone_and_the_language_are_those_of_the_host() -> None:
    leaves = [leaf(b"/etc/localtime", b"l777 0 0", b"/usr/share/zoneinfo/Asia/Tokyo"),
              leaf(b"/etc/timezone", b"f644 0 0"), leaf(b"/etc/default/locale", b"f640 0 0")]  # fmt: skip
    says = {b"/etc/timezone": b"Asia/Tokyo\n", b"/etc/default/locale": b"LANG=de_DE.UTF-8\n"}
    desk = desk_of([*HOST, zone("Asia/Tokyo"), locale("de_DE.UTF-8")], *leaves, says=says)
    link, first, second = planned(settings, desk)
    assert isinstance(link, Link)
    assert (link.path, link.target) == ("/etc/localtime", "/usr/share/zoneinfo/Asia/Tokyo")
    assert isinstance(first, File)
    assert (first.path, first.content, first.why.key) == ("/etc/timezone", Content((b"Asia/Tokyo\n",)), "timezone")
    assert isinstance(second, File)
    assert (second.path, second.mode, second.why.key) == ("/etc/default/locale", "0640", "locale")
    assert {"/etc/localtime", "/etc/timezone", "/etc/default/locale"} <= desk.taken


def test_what_an_installer_sets_is_no_choice() -> None:
    leaves = [leaf(b"/etc/localtime", b"l777 0 0", b"/usr/share/zoneinfo/Etc/UTC"), leaf(b"/etc/timezone", b"f644 0 0")]
    assert planned(settings, desk_of([*HOST, zone("Etc/UTC"), locale("en_US.UTF-8")], *leaves)) == []


def test_a_file_that_cannot_be_read_is_named_unless_its_text_was_kept() -> None:
    leaves = [leaf(b"/etc/localtime", b"f644 0 0"), leaf(b"/etc/timezone", b"f644 0 0")]
    desk = desk_of([*HOST, zone("Asia/Tokyo"), text("/etc/timezone", "Asia/Tokyo\n")], *leaves)
    assert [one.path for one in planned(settings, desk, File)] == ["/etc/timezone"]
    assert left(desk_of([*HOST, zone("Asia/Tokyo")], leaves[0])) == {"/etc/localtime": "its content could not be read"}


@pytest.mark.parametrize(
    ("said", "made"),
    [
        ("# de_DE.UTF-8 UTF-8\n", False),
        ("en_US.UTF-8 UTF-8\nC.UTF-8 UTF-8\n", False),
        ("# x\nde_DE.UTF-8 UTF-8\n", True),
        ("  pt_BR ISO-8859-1\n", True),
        ("eo UTF-8\n", True),
    ],
)
def test_locales_that_somebody_chose_are_generated(said: str, made: bool) -> None:
    leaves = [leaf(b"/etc/locale.gen", b"f644 0 0"), leaf(b"/usr/sbin/locale-gen", b"f755 0 0")]
    locales = manifest("locales", b"/usr/sbin/locale-gen")
    declared = item("declarations", "locales x /etc/locale.gen", path="/etc/locale.gen", kind="script", whole=False,
                    by="locales", file="/var/lib/dpkg/info/locales.config", package="locales")  # fmt: skip
    desk = desk_of([*HOST, declared, text("/etc/locale.gen", said)], *leaves, manifests=[locales],
                   says={b"/etc/locale.gen": said.encode()})  # fmt: skip
    found = planned(settings, desk)
    assert [type(one) for one in found] == ([Handler, File] if made else [])
    if made:
        assert found[1].notify == ("generate locales",)


INSTALLED = "2026-10-01T00:00:00Z"
THEN = 1790812800.0  # the same in seconds
HOUR = 3600.0


def edited(path: str, mtime: float, **desk: Any) -> Desk:
    record = leaf(path.encode(), b"f644 0 0", ctime=mtime)
    record = (record[0], b"f644 0 0 33 %f" % mtime, *record[2:])
    packages = [item("packages", name, {"installed_at": INSTALLED}, name=name) for name in ("dpkg", "bash")]
    later = manifest("later", b"/usr/bin/later", unpacked=THEN + 10 * HOUR)
    return desk_of([*HOST, *packages, text(path, "said\n")], record, manifests=[later], **desk)


@pytest.mark.parametrize(
    ("path", "mtime", "made"),
    [
        ("/etc/motd", THEN, []),
        ("/etc/motd", THEN + 60, []),
        ("/etc/motd", THEN + HOUR, [File]),
        ("/etc/motd", THEN + 10 * HOUR + 60, []),
        ("/etc/environment", THEN + 11 * HOUR, [File]),
        ("/etc/default/grub", THEN + HOUR, [LeftOut]),
        ("/etc/hostname", THEN + HOUR, []),
        ("/etc/machine-id", THEN + HOUR, []),
        ("/etc/apt/sources.list", THEN + HOUR, []),
    ],
)
def test_what_the_installation_wrote_is_planned_where_it_was_edited_since(
    path: str, mtime: float, made: list[type]
) -> None:
    assert [type(one) for one in planned(settings, edited(path, mtime))] == made


def test_what_is_excluded_is_not_planned() -> None:
    desk = edited("/etc/motd", THEN + HOUR, steering=Steering(exclude=(Wanted("/etc/motd"),)))
    assert planned(settings, desk) == []


def sysctl(name: str, **has: Any) -> Item:
    return item("kernel", f"sysctl {name}", kind="sysctl", name=name, writable=True, **has)


def test_what_only_memory_holds_is_named() -> None:
    rule = {"kind": "rule", "name": "nft inet filter input", "automatic": False, "family": "nft"}
    items = [
        sysctl("net.a", live="1"),
        sysctl("net.b", live="2", configured="2", file="/etc/sysctl.d/x.conf", package=""),
        item("network", "firewall nft a", **rule, value="tcp dport 1 accept", live=True, configured=False),
        item("network", "firewall nft b", **rule, value="tcp dport 2 accept", live=True, configured=True,
             file="/etc/nftables.conf"),
    ]  # fmt: skip
    desk = desk_of([*HOST, *items], leaf(b"/etc/sysctl.d/x.conf", b"f644 0 0"))
    assert left(desk) == {"sysctl net.a": "in memory only: 1", "firewall nft a": "in memory only: no file sets it"}


def test_each_host_has_its_own_network() -> None:
    desk = desk_of(HOST, leaf(b"/etc/netplan/x.yaml", b"f600 0 0"), leaf(b"/etc/other", b"f644 0 0"))
    found = left(desk)
    assert set(found.values()) == {"each host has its own network"}
    assert "/etc/other" not in desk.taken


@pytest.mark.parametrize("planner", [accounts, overrides, settings, services])
def test_a_stock_host_has_nothing_to_plan(planner: Any) -> None:
    assert planned(planner, recorded_desk("stock")) == []


def test_the_sauced_host_has_its_accounts_and_overrides() -> None:
    desk = recorded_desk("sauced")
    people = ["auditor", "deploy", "mthompson", "svc-backup", "toor"]
    assert [one.name for one in planned(accounts, desk, User)] == people
    joined = [(one.user, one.groups) for one in planned(accounts, desk, Membership)]
    assert joined == [("deploy", ("shopdata", "www-data"))]
    kinds = [type(one).__name__ for one in planned(overrides, desk)]
    assert kinds == ["Diversion", "StatOverride", "Alternative", "Alternative"]


def test_the_sauced_host_has_its_settings_and_services() -> None:
    desk = recorded_desk("sauced")
    lines = {one.path: len(one.lines) for one in planned(settings, desk, Lines)}
    assert lines == {"/etc/hosts": 3, "/etc/fstab": 1}
    found = {one.name: (one.enabled, one.active, one.masked) for one in planned(services, desk)}
    assert found == {
        "apt-daily.timer": (None, None, True),
        "e2scrub_all.timer": (False, False, False),
        "nftables.service": (True, True, False),
        "nginx.service": (None, True, False),
        "nightly.timer": (True, True, False),
        "rc-local.service": (None, True, False),
        "redis-server.service": (None, True, False),
        "shop-worker.service": (True, True, False),
        "ssh.service": (None, True, False),
    }
