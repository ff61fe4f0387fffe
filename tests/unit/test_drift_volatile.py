"""What changes by itself is left out, and nothing that somebody could hide behind it."""

from collections.abc import Mapping
from dataclasses import replace
from time import process_time

import pytest

from driftscan.drift.volatile import Volatile, volatile
from driftscan.model.item import Item, Json
from driftscan.model.tree import Entry
from tests.unit.handmade import Record, leaf, manifest, snapshot, tree

NOW = "2026-11-01T03:00:00Z"
A_MOMENT_AGO, AN_HOUR_AGO, LONG_AGO = "2026-11-01T02:59:40Z", "2026-11-01T02:00:00Z", "2026-10-20T03:00:00Z"


def declaration(path: str, kind: str, file: str, *, whole: bool = False) -> Item:
    return Item(
        "declarations", f"{file} {path}", {"path": path, "kind": kind, "whole": whole, "by": file, "file": file}
    )


HOST = snapshot(
    [
        Item("system", "clock", {"fact": "clock", "value": None}, {"reading": NOW}),
        Item("accounts", "user deploy", {"kind": "user", "name": "deploy", "home": "/home/deploy"}),
        Item("accounts", "user _apt", {"kind": "user", "name": "_apt", "uid": 42}),
        Item("accounts", "user far", {"kind": "user", "name": "far", "home": "/export/far"}),
        declaration("/opt/shop/shared/log/app.txt", "logrotate", "/etc/logrotate.d/shop"),
        declaration("/data/web/*/access.out", "logrotate", "/etc/logrotate.d/web"),
        declaration("/usr/sbin/*", "logrotate", "/etc/logrotate.d/evil"),
        declaration("/etc/shop.conf", "logrotate", "/etc/logrotate.d/evil"),
        declaration("/var/lib/queue", "unit", "/etc/systemd/system/queue.service", whole=True),
        declaration("/etc/queue", "unit", "/etc/systemd/system/queue.service", whole=True),
        Item("state", "/export/pg/main", {"path": "/export/pg/main", "engine": "postgresql"}),
        Item("state", "/opt/shop/shop.db", {"path": "/opt/shop/shop.db", "engine": "sqlite"}),
        Item("mounts", "/swapfile", {"target": "/swapfile", "fstype": "swap"}),
        Item("applications", "/export/web", {"path": "/export/web"}),
        Item("network", "resolver nameserver 10.0.0.1", {"kind": "resolver", "automatic": True}),
    ],
    files=tree(leaf(b"var/lib/redis/dump.rdb", b"f660 102 104"), leaf(b"var/lib/shop/worker.beat", b"f644 0 0")),
    manifests=[manifest("redis-server", b"/var/lib/redis", b"/etc/redis/redis.conf")],
)


@pytest.fixture(scope="module")
def judge() -> Volatile:
    return volatile(HOST)


# What changes by itself, and beside it what looks like it and is somebody's doing.
PAIRS = [
    ("/var/log/nginx/access.log.2.gz", "/var/log/nginx/hook.sh"),
    ("/var/log/wtmp.1", "/etc/wtmp"),
    ("/var/log/journal/4753c525141243dfa708239c293d7af3/system@0001.journal", "/etc/systemd/journald.conf"),
    ("/var/cache/apt/pkgcache.bin", "/var/cache/evil.so"),
    ("/var/spool/postfix/active/A/A1B2C3", "/var/spool/cron/crontabs/root"),
    ("/var/spool/anacron/cron.daily", "/etc/cron.daily/shop-clean"),
    ("/var/spool/cron/crontabs/.SEQ", "/var/spool/cron/root"),
    ("/var/spool/cron/atspool/a1", "/var/spool/cron/atjobs/a0000101c4a1b2"),
    ("/var/mail/deploy", "/home/deploy/.forward"),
    ("/tmp/tmpa8d0_3xk", "/tmp/x.py"),
    ("/var/tmp/work.17", "/var/tmp/ld.so"),
    ("/dev/shm/sem.shop", "/dev/shm/x.sh"),
    ("/run/busy.pid", "/run/systemd/system/evil.service"),
    ("/var/lib/dpkg/status", "/etc/dpkg/dpkg.cfg"),
    ("/usr/lib/sysimage/rpm/rpmdb.sqlite", "/usr/lib/sysusers.d/evil.conf"),
    ("/lib/apk/db/installed", "/etc/apk/world"),
    ("/etc/ld.so.cache", "/etc/ld.so.conf.d/evil.conf"),
    ("/etc/adjtime", "/etc/profile"),
    ("/etc/mtab", "/etc/fstab"),
    ("/etc/cups/subscriptions.conf.O", "/etc/cups/cupsd.conf"),
    ("/etc/lvm/backup/vg0", "/etc/lvm/lvm.conf"),
    ("/boot/grub/grubenv", "/boot/grub/grub.cfg"),
    ("/var/lib/systemd/random-seed", "/var/lib/systemd/linger/mallory"),
    ("/var/lib/dhcp/dhclient.eth0.leases", "/etc/dhcp/dhclient.conf"),
    ("/var/lib/redis/dump.rdb", "/var/lib/redis/.ssh/authorized_keys"),
    ("/var/lib/shop/worker.beat", "/var/lib/shop/config.yml"),
    ("/var/lib/redis/appendonly.conf", "/var/lib/shop/server.key"),
    ("/var/lib/sudo/lectured/deploy", "/var/lib/polkit-1/localauthority/50-local.d/x.pkla"),
    ("/var/lib/nfs/etab", "/var/lib/iptables/rules-save"),
    ("/var/lib/misc/x", "/var/lib/extrausers/passwd"),
    ("/usr/lib/python3/dist-packages/__pycache__/apt.cpython-311.pyc", "/usr/lib/python3/dist-packages/apt.py"),
    ("/opt/app/__pycache__", "/opt/app/pycache"),
    ("/srv/apps/x/.config.yml.swp", "/srv/apps/x/config.yml~"),
    ("/srv/apps/x/.nfs000000000a1b2c3d00000001", "/srv/apps/x/.nfs"),
    ("/opt/app/server.pid", "/etc/app.pid"),
    ("/opt/app/production.log", "/opt/app/log.py"),
    ("/opt/app/log/production.json", "/usr/local/bin/log"),
    ("/opt/tomcat/logs/catalina.2026-11-01.log", "/opt/tomcat/conf/logging.properties"),
    ("/opt/tomcat/catalina.out", "/opt/tomcat/checkout"),
    ("/root/nohup.out", "/root/nohup.sh"),
    ("/opt/app/current/tmp/pids/x", "/opt/app/lib/tmp/x"),
    ("/var/www/html/cache/page.html", "/var/www/html/cache/shell.php"),
    ("/var/www/html/tmp/upload", "/var/www/html/tmp.php"),
    ("/var/www/blog/wp-content/uploads/cat.jpg", "/var/www/blog/wp-content/uploads/cat.php5"),
    ("/var/www/blog/storage/framework/sessions/x1", "/var/www/blog/storage/framework/.htaccess"),
    ("/var/lib/php/sessions/sess_a1b2", "/var/lib/php/modules/8.2/evil.so"),
    ("/export/web/shared/log/today", "/export/web/shared/config/today"),
    ("/export/web/tmp/cache/a/b", "/export/other/tmp/cache/a/b"),
    ("/opt/shop/shared/log/app.txt.3.gz", "/opt/shop/shared/app.txt"),
    ("/opt/shop/shop.db-wal", "/opt/shop/shop.sql"),
    ("/data/web/one/access.out-20261101", "/data/web/one/two/access.outer"),
    ("/var/lib/queue/settings.ini", "/etc/queue/settings.ini"),
    ("/export/pg/main/base/1/1259", "/export/pg/main/pg_hba.conf"),
    ("/swapfile", "/swapfiles"),
    ("/home/deploy/.cache/tool/17", "/home/deploy/.config/autostart/x.desktop"),
    ("/home/deploy/.bash_history", "/home/deploy/.bashrc"),
    ("/root/.viminfo", "/root/.vimrc"),
    ("/export/far/.lesshst", "/export/none/.lesshst"),
    ("/home/deploy/.ssh/known_hosts", "/home/deploy/.ssh/authorized_keys"),
    ("/root/.local/state/x", "/root/.ssh/config"),
    ("/home/deploy/.mozilla/firefox/a.default/cookies.sqlite", "/home/deploy/.netrc"),
    ("/work/shop/.mypy_cache/3.11/x.json", "/work/shop/mypy.ini"),
    ("/etc/resolv.conf", "/etc/hosts"),
]


@pytest.mark.parametrize(("changes", "stays"), PAIRS)
def test_what_changes_by_itself_and_what_only_looks_like_it(judge: Volatile, changes: str, stays: str) -> None:
    assert judge.path(changes.encode())
    assert not judge.path(stays.encode()), judge.path(stays.encode())


@pytest.mark.parametrize(
    "path",
    [
        "/etc/cron.d/x", "/etc/passwd", "/etc/shadow", "/etc/sudoers.d/x", "/etc/ssh/sshd_config", "/etc/rc.local",
        "/etc/ld.so.preload", "/etc/shop.conf", "/usr/sbin/sshd", "/usr/sbin/x.1.gz", "/usr/local/lib/libx.so.1",
        "/lib/modules/6.1/evil.ko.xz", "/root/.ssh/authorized_keys2", "/home/deploy/.ssh/rc", "/boot/vmlinuz",
        "/var/spool/cron/tabs/root", "/var/spool/incron/root", "/var/lib/redis/x.service", "/opt/shop/app.rb",
        "/etc/logrotate.d/nginx", "/etc/systemd/system/x.timer", "/srv/tmp", "/var/www/shop", "/home/deploy",
    ],
)  # fmt: skip
def test_what_is_never_volatile(judge: Volatile, path: str) -> None:
    assert judge.path(path.encode()) == ""


def entry(path: bytes, meta: bytes, *, size: int = 33, link: bytes = b"", ctime: float = 8.0) -> Entry:
    more = b"" if meta.startswith(b"d") else b" %d 4.0" % size
    return Entry(path, meta + more, b"%f 77 1 4.0" % ctime, link)


@pytest.mark.parametrize(
    ("there", "told"),
    [
        (entry(b"/var/log/x.log", b"f644 0 0"), False),
        (entry(b"/var/log/x.log", b"f755 0 0"), True),
        (entry(b"/tmp/x", b"f4755 0 0"), True),
        (entry(b"/tmp/x", b"f2644 0 0"), True),
        (entry(b"/var/tmp/x", b"f700 1000 1000"), True),
        (entry(b"/dev/shm/x", b"f755 0 0"), True),
        (entry(b"/var/lib/shop/sda", b"b660 0 6"), True),
        (entry(b"/dev/shm/sda", b"b660 0 6"), True),
        (entry(b"/dev/sda", b"b660 0 6"), False),
        (entry(b"/srv/app/app.sock", b"s777 0 0"), False),
        (entry(b"/srv/app/x.lock", b"f644 0 0", size=0), False),
        (entry(b"/srv/app/yarn.lock", b"f644 0 0", size=80_000), True),
        (entry(b"/etc/app.lock", b"f644 0 0", size=0), True),
        (entry(b"/var/lib/docker/overlay2/ab/diff/bin/su", b"f4755 0 0"), False),
        (entry(b"/var/lib/docker/su", b"f4755 0 0"), True),
        (entry(b"/var/lib/apt/lists/x_Packages", b"l777 0 0", link=b"/srv/x"), False),
        (entry(b"/home/deploy/.ssh", b"d700 0 0"), True),
        (entry(b"/tmp/apt-key-gpghome.wpJ2UE1jcU/gpg.0.sh", b"f700 42 65534"), False),
        (entry(b"/tmp/apt-key-gpghome.wpJ2UE1jcU/gpg.0.sh", b"f700 0 0"), True),
        (entry(b"/tmp/apt-key-gpghome.wpJ2UE1jcU/gpg.0.sh", b"f4755 42 65534"), True),
    ],
)  # fmt: skip
def test_programs_and_devices_are_told_wherever_they_lie(judge: Volatile, there: Entry, told: bool) -> None:
    assert bool(judge.entry(there)) is not told


def seen(*leaves: Record) -> Volatile:
    return volatile(snapshot(files=tree(*leaves), manifests=[manifest("base", b"/bin/sh")]))


def test_a_directory_is_told_when_a_program_is_in_it() -> None:
    judge = seen(
        leaf(b"var/cache/good/a/b", b"f644 0 0"),
        leaf(b"var/cache/bad/a/b", b"f644 0 0"),
        leaf(b"var/cache/bad/a/miner", b"f755 0 0"),
        leaf(b"var/cache/key/.ssh/authorized_keys", b"f600 0 0"),
    )
    assert judge.entry(entry(b"/var/cache/good", b"d755 0 0"))
    assert judge.entry(entry(b"/var/cache/bad/a/b", b"f644 0 0"))
    for path in (b"/var/cache/bad", b"/var/cache/bad/a", b"/var/cache/key", b"/var/cache/key/.ssh"):
        assert judge.entry(entry(path, b"d755 0 0")) == ""


def test_a_directory_of_another_snapshot_is_not_judged() -> None:
    assert seen().change(None, entry(b"/var/cache/new", b"d755 0 0")) == ""


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (b"f640 0 4", b"f640 0 4", False),
        (b"f640 0 4", b"f666 0 4", True),
        (b"f640 0 4", b"f640 33 4", True),
        (b"f640 0 4", b"l777 0 0", True),
        (b"d755 0 0", b"d777 0 0", True),
        (None, b"f640 0 4", False),
        (b"f640 0 4", None, False),
        (None, b"f750 0 4", True),
    ],
)
def test_rights_of_what_stays_are_told(judge: Volatile, before: bytes | None, after: bytes | None, told: bool) -> None:
    pair = [meta and entry(b"/var/log/shop/x", meta) for meta in (before, after)]
    assert bool(judge.change(pair[0] or None, pair[1] or None)) is not told


def test_rights_of_what_is_temporary_are_not() -> None:
    judge = seen(leaf(b"tmp/work/a", b"f644 0 0"))
    assert judge.change(entry(b"/tmp/work", b"d755 0 0"), entry(b"/tmp/work", b"d700 0 0"))


def test_files_that_are_fetched_may_change_hands_but_not_be_everybodys(judge: Volatile) -> None:
    path = b"/var/lib/apt/lists/x_InRelease"
    before = entry(path, b"f600 42 65534")
    assert judge.change(before, entry(path, b"f644 0 0"))
    assert not judge.change(before, entry(path, b"f666 0 0"))
    assert not judge.change(before, entry(path, b"l777 0 0"))
    folder = b"/var/cache/app"
    assert not judge.change(entry(folder, b"d755 0 0"), entry(folder, b"d777 0 0"))


def test_a_maintainer_script_is_told_when_it_did_not_come_with_its_package() -> None:
    info = b"var/lib/dpkg/info/"
    judge = seen(
        leaf(info + b"nginx.list", b"f644 0 0", ctime=1000.0), leaf(info + b"nginx.postinst", b"f755 0 0", ctime=1003.0)
    )
    script = b"/" + info + b"nginx.postinst"
    assert judge.entry(entry(script, b"f755 0 0", ctime=1003.0))
    assert not judge.entry(entry(script, b"f755 0 0", ctime=90_000.0))
    assert not judge.entry(entry(script, b"f4755 0 0", ctime=1003.0))
    assert not judge.entry(entry(b"/" + info + b"evil.postinst", b"f755 0 0", ctime=1003.0))


def process(started: str | None, **known: Json) -> Item:
    usual = {"user": "root", "exe": "/bin/sleep", "parent": "/usr/lib/systemd/systemd", "kernel": False, "package": ""}
    return Item("processes", f"{known or started}", {**usual, **known}, {"started": started})


CRON = "/bin/sh < /usr/sbin/cron < /usr/lib/systemd/systemd"
LOGIN = "/usr/bin/bash < /usr/sbin/sshd < /usr/lib/systemd/systemd"
APP = "/usr/bin/python3.11 < /usr/lib/systemd/systemd"


@pytest.mark.parametrize(
    ("item", "told"),
    [
        (process(AN_HOUR_AGO, parent=CRON), False),
        (process(LONG_AGO, parent=CRON), True),
        (process(AN_HOUR_AGO, parent=LOGIN), False),
        (process(LONG_AGO, parent=LOGIN), True),
        (process(A_MOMENT_AGO, parent=APP), False),
        (process(AN_HOUR_AGO, parent=APP), True),
        (process(A_MOMENT_AGO), True),  # its parent is the first process: left behind by whoever started it
        (process(A_MOMENT_AGO, unit="session-*.scope"), True),
        (process(AN_HOUR_AGO, unit="busy.service"), False),
        (process(LONG_AGO, unit="busy.service"), True),
        (process(A_MOMENT_AGO, unit="run-*.service"), False),
        (process(AN_HOUR_AGO, unit="run-*.service"), True),
        (process(LONG_AGO, kernel=True, exe=None), False),
        (process(LONG_AGO, name="kworker/0:1"), True),
        (process(LONG_AGO, exe="/lib/systemd/systemd", unit="user@1001.service/init.scope", package="systemd"), False),
        (process(LONG_AGO, exe="/home/x/systemd", unit="user@1001.service/init.scope"), True),
        (process(LONG_AGO, exe="/usr/bin/evil", unit="user@1001.service/evil.service", package="x"), True),
        (process(None, parent=CRON), True),
        (process("2026-11-01T05:00:00Z", parent=CRON), False),  # a later scan has seen another of its kind
        (process("2026-11-01T05:00:00Z", parent=APP), True),
    ],
)  # fmt: skip
def test_what_runs_for_a_moment(item: Item, told: bool) -> None:
    timed = Item("services", "busy.service", {"name": "busy.service", "manager": "systemd", "active": "on demand"})
    host = replace(HOST, items=[*HOST.items, timed, item])
    assert bool(volatile(host).item(item)) is not told
    assert volatile(HOST).item(item) == ""  # it is not of that snapshot


def socket(**known: Json) -> Item:
    usual = {
        "protocol": "tcp",
        "state": "listen",
        "address": "0.0.0.0",
        "port": 80,
        "user": "root",
        "exe": "/usr/sbin/x",
    }
    return Item("sockets", repr(known), {**usual, "package": "x", **known})


@pytest.mark.parametrize(
    ("item", "told"),
    [
        (socket(), True),
        (socket(state="established", port=None), False),
        (socket(state="established", port=None, exe="/tmp/x", package=""), True),
        (socket(protocol="udp", port=None, exe="/usr/sbin/named"), False),
        (socket(protocol="udp", port=None, exe="/usr/bin/socat"), True),
        (socket(port=None), True),
        (socket(address="127.0.0.1", port=6011, exe="/usr/sbin/sshd"), False),
        (socket(address="0.0.0.0", port=6011, exe="/usr/sbin/sshd"), True),
        (socket(address="127.0.0.1", port=2222, exe="/usr/sbin/sshd"), True),
    ],
)
def test_sockets(item: Item, told: bool) -> None:
    server = socket(protocol="udp", port=53, exe="/usr/sbin/named", address="127.0.0.1")
    host = replace(HOST, items=[*HOST.items, server, item])
    assert bool(volatile(host).item(item)) is not told


def unit(name: str, since: str | None = None, **known: Json) -> Item:
    has = {"name": name.partition(": ")[0], "kind": "service", "manager": "systemd", "active": "active"}
    return Item("services", name, {**has, "fragment": f"/run/systemd/transient/{name}", **known}, {"since": since})


@pytest.mark.parametrize(
    ("item", "told"),
    [
        (unit("run-*.service: sleep 1", A_MOMENT_AGO), False),
        (unit("run-*.service: /tmp/evil", AN_HOUR_AGO), True),
        (unit("run-*.timer: /tmp/evil", LONG_AGO, kind="timer"), True),
        (unit("run-*.timer: /bin/true", A_MOMENT_AGO, kind="timer"), False),
        (unit("dbus-:1.12-org.freedesktop.problems@3.service", LONG_AGO), False),
        (unit("evil.service", A_MOMENT_AGO), True),
        (unit("run-1.service", A_MOMENT_AGO, fragment="/etc/systemd/system/run-1.service"), True),
    ],
)
def test_units_that_are_made_for_a_moment(item: Item, told: bool) -> None:
    timer = Item("schedules", item.key, {"kind": "timer"})
    judge = volatile(replace(HOST, items=[*HOST.items, item, timer]))
    assert bool(judge.item(item)) is not told
    assert bool(judge.item(timer)) is not told


def test_a_timer_that_comes_again_is_told_from_the_start() -> None:
    item = unit("run-*.timer: /tmp/evil", A_MOMENT_AGO, kind="timer")
    timer = Item("schedules", item.key, {"kind": "timer", "when": "OnCalendar=daily"})
    judge = volatile(replace(HOST, items=[*HOST.items, item, timer]))
    assert judge.item(item) == judge.item(timer) == ""


def test_a_timer_whose_unit_was_gone_a_moment_later_is_not_told() -> None:
    timer = Item("schedules", "run-*.timer: /bin/true", {"kind": "timer", "when": "OnActiveSec=1"})
    other = unit("cron.service")
    assert volatile(replace(HOST, items=[other, timer])).item(timer)
    assert not volatile(replace(HOST, items=[timer])).item(timer)  # nobody has looked at the units
    again = replace(timer, attributes={**timer.attributes, "when": "OnUnitActiveSec=1"})
    assert not volatile(replace(HOST, items=[other, again])).item(again)


def test_another_system_on_this_disk_has_places_of_its_own() -> None:
    top = b"srv/chroot/old"
    judge = seen(*(leaf(top + path, b"f644 0 0") for path in (b"/etc/passwd", b"/usr/bin/x", b"/var/log/syslog")))
    assert judge.path(b"/srv/chroot/old/var/log/syslog")
    assert judge.path(b"/srv/chroot/old/etc/ld.so.cache")
    assert not judge.path(b"/srv/chroot/old/etc/passwd")
    assert not judge.path(b"/srv/chroot/old/var/spool/cron/crontabs/root")


def network(**known: Json) -> Item:
    return Item("network", repr(known), {"kind": "interface", "automatic": True, "interface": None, **known})


@pytest.mark.parametrize(
    ("item", "told"),
    [
        (network(name="veth3f2a1b"), False),
        (network(name="docker0"), True),
        (network(name="veth3f2a1b", automatic=False), True),
        (network(kind="route", name="10.1.0.0/16", interface="cali12ab34cd56e"), False),
        (network(kind="route", name="default", interface="eth0"), True),
        (network(kind="rule", name="iptables f2b-sshd", value="-s 203.0.113.7/32 -j REJECT"), False),
        (network(kind="rule", name="iptables f2b-sshd", value="-s 203.0.113.7/32 -j ACCEPT"), True),
        (network(kind="rule", name="iptables INPUT", value="-s 203.0.113.7/32 -j DROP"), True),
    ],
)
def test_the_network(item: Item, told: bool) -> None:
    assert bool(volatile(replace(HOST, items=[*HOST.items, item])).item(item)) is not told


@pytest.mark.parametrize(
    ("scope", "path", "told"),
    [
        ("contents", "/var/log/x.log", False),
        ("contents", "/etc/shop.yml", True),
        ("files", "/var/lib/redis/dump.rdb", False),
        ("state", "/tmp/x.db", False),
        ("state", "/home/deploy/.cache/x.db", False),
        ("state", "/var/lib/shop/shop.db", True),
        ("applications", "/tmp/build-1/x", False),
        ("applications", "/opt/shop", True),
        ("accounts", "/tmp", True),
    ],
)
def test_items_of_paths(judge: Volatile, scope: str, path: str, told: bool) -> None:
    assert bool(judge.item(Item(scope, path, {"path": path}))) is not told


@pytest.mark.parametrize(
    ("scope", "attributes", "state", "flapping"),
    [
        ("services", {"active": "activating"}, "activating start", "active"),
        ("services", {"active": "activating"}, "activating auto-restart", ""),
        ("services", {"active": "failed"}, "failed failed", ""),
        ("mounts", {"fstab_options": "x-systemd.automount,noauto"}, "", "mounted"),
        ("mounts", {"fstab_options": "noauto"}, "", ""),
        ("kernel", {"kind": "sysctl", "name": "fs.dentry-state"}, "", "live"),
        ("kernel", {"kind": "sysctl", "name": "net.ipv4.ip_forward"}, "", ""),
    ],
)
def test_attributes_that_flap(
    judge: Volatile, scope: str, attributes: Mapping[str, Json], state: str, flapping: str
) -> None:
    found = judge.attributes(Item(scope, "x", attributes, {"state": state}))
    assert flapping in found if flapping else not found


@pytest.mark.parametrize(
    "path",
    [
        "/" + "a." * 2_000,
        "/" + "x/" * 2_000,
        "/opt" + "/a" * 2_000 + ".1" * 40,
        "/" + "a." * 40_000,
        "/opt/" + "shared/" * 10_000,
        "/x" + ".1" * 40_000,
        "/\xff\n",
    ],
    ids=range(7),
)
def test_hostile_names_cost_little(judge: Volatile, path: str) -> None:
    started = process_time()
    judge.path(path.encode("latin-1"))
    assert process_time() - started < 0.5
