"""Strata: what people did on a host, laid out in time."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftscan.explain.view import View
from driftscan.findings.base import Judgement
from driftscan.findings.finds import Find
from driftscan.findings.strata import HUMAN, INSTALLED, MACHINE, REGULAR, UNDATED, VISIT, Stratum, strata
from driftscan.model.finding import Finding, Severity
from driftscan.model.item import Item
from driftscan.model.text import text
from driftscan.report import strata as report
from tests.unit.handmade import TAKEN, Record, manifest, snapshot, tree

DAY = 86_400.0


def at(words: str) -> float:
    return datetime.fromisoformat(words).replace(tzinfo=timezone.utc).timestamp()


INSTALL = at("2019-02-11 09:00:00")
STOCK = at("2018-06-01 00:00:00")


def file(path: str, mtime: str | float, ctime: str | float | None = None, uid: int = 0) -> Record:
    written = at(mtime) if isinstance(mtime, str) else mtime
    changed = written if ctime is None else at(ctime) if isinstance(ctime, str) else ctime
    return path.encode(), b"f644 %d 0 33 %.10f" % (uid, written), b"%.10f 7 1" % changed, b""


def folder(path: str, mtime: str, uid: int = 0) -> Record:
    return path.encode(), b"d755 %d 0 33 %r" % (uid, at(mtime)), b"%r 7 1" % at(mtime), b""


def find(path: str, kind: str = "f") -> Find:
    return Find(path, kind, 1, 1, 33, 0.0, 0.0, ("root",))


def package(name: str, when: str | float, reason: str = "manual") -> Item:
    moment = at(when) if isinstance(when, str) else when
    unpacked = f"{datetime.fromtimestamp(moment, timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
    has = {"name": name, "state": "installed", "reason": reason, "manager": "dpkg"}
    return Item("packages", name, has, {"installed_at": unpacked})


def log(when: str, kind: str, what: str, who: str = "", detail: str = "") -> Item:
    has = {"when": when.replace(" ", "T") + "Z", "kind": kind, "who": who, "what": what, "detail": detail}
    return Item("history", f"{kind} {when} {what} {who}", has)


BASE = tuple(package(f"base{number}", INSTALL + number) for number in range(20))
PROGRAMS = tuple(file(f"usr/bin/p{number}", STOCK, INSTALL + number) for number in range(20))


def layers(
    files: Sequence[Record] = (),
    finds: Iterable[Find] = (),
    items: Iterable[Item] = (),
    findings: Sequence[Finding] = (),
) -> list[Stratum]:
    owned = [manifest(f"base{number}", b"/usr/bin/p%d" % number, unpacked=INSTALL) for number in range(20)]
    owned.append(manifest("nginx", b"/etc/nginx/nginx.conf", unpacked=INSTALL))
    seen = snapshot((*BASE, *items), files=tree(*PROGRAMS, *files), manifests=owned)
    return strata(View(seen), Judgement(findings, {}, sorted(finds, key=lambda one: one.path)))


def told(found: Sequence[Stratum], kind: str = HUMAN) -> list[tuple[str, str]]:
    return [(report.span(one), one.sentence) for one in found if one.kind == kind]


def test_a_session_is_one_sentence() -> None:
    app = [file(f"opt/shopapp/f{number:02}", at("2019-03-02 14:00:00") + number, uid=0) for number in range(14)]
    changed = Finding("conffile-changed", Severity.LOW, "files", "/etc/nginx/nginx.conf", "is changed")
    found = layers(
        [*app, file("etc/nginx/nginx.conf", "2019-03-02 14:30:00"), file("etc/rc.local", "2019-03-02 15:59:00")],
        [find("/opt/shopapp", "d"), find("/etc/rc.local")],
        [
            log("2019-03-02 13:50:00", "login", "192.0.2.7", "deploy"),
            log(
                "2019-03-02 13:55:00",
                "command",
                "apt-get install redis-server nginx-light",
                "deploy (1001)",
                "3 install",
            ),
            *(
                log("2019-03-02 13:55:10", "install", f"{name}:amd64")
                for name in ("libx", "nginx-light", "redis-server")
            ),
        ],
        [changed],
    )
    assert told(found) == [
        (
            "2019-03-02 13:50",
            (
                "login of deploy; packages libx, nginx-light and redis-server, by deploy; 14 files under "
                "/opt/shopapp, /etc/nginx/nginx.conf and /etc/rc.local"
            ),
        )
    ]
    assert found[1].who == ("deploy",)
    assert found[1].counts == {"file": 16, "login": 1, "package": 3}


def test_the_installation_is_a_stratum_of_its_own() -> None:
    found = layers()
    assert [(one.kind, report.span(one), one.sentence) for one in found] == [
        (INSTALLED, "2019-02-11 09:00", "the system was installed: 20 packages")
    ]


def test_the_installation_ends_when_the_system_is_started() -> None:
    soon, early = INSTALL + 300, (log("2019-02-11 08:00:00", "boot", "5.10.0"), log("2019-02-11 09:09:00", "boot", "5"))
    with_start = (package("nginx", soon), log("2019-02-11 09:04:00", "boot", "5.10.0"))
    assert told(layers(items=(package("nginx", soon), *early))) == []
    assert told(layers(items=(*with_start, *early))) == [("2019-02-11 09:05", "package nginx (installed or upgraded)")]


def test_a_pause_ends_a_session() -> None:
    times = ["2020-01-01 10:00:00", "2020-01-01 11:59:00", "2020-01-01 14:00:00", "2020-06-01 10:00:00"]
    found = layers([file(f"etc/x{n}", when) for n, when in enumerate(times)], [find(f"/etc/x{n}") for n in range(4)])
    assert told(found) == [
        ("2020-01-01 10:00", "/etc/x0 and /etc/x1"),
        ("2020-01-01 14:00", "/etc/x2"),
        ("2020-06-01 10:00", "/etc/x3"),
    ]


def test_many_sessions_are_told_by_longer_pauses() -> None:
    days = [at("2020-01-01 10:00:00") + number * DAY * (1 + number % 2) for number in range(100)]
    found = layers(
        [file(f"etc/d{n}/x", when) for n, when in enumerate(days)], [find(f"/etc/d{n}/x") for n in range(100)]
    )
    assert 0 < len(told(found)) <= 60


@pytest.mark.parametrize(
    ("mtime", "ctime", "span", "sentence"),
    [
        ("2020-01-01 10:00:00", "2020-01-01 10:00:00", "2020-01-01 10:00", "/etc/x"),
        ("2020-01-01 10:00:00", "2024-01-02 10:00:00", "2020-01-01 10:00", "/etc/x (brought or altered on 2024-01-02)"),
        ("2012-05-01 10:00:00", "2024-01-02 10:00:00", "2024-01-02 10:00", "/etc/x (dated 2012-05-01)"),
    ],
)
def test_a_file_that_was_brought_tells_both_times(mtime: str, ctime: str, span: str, sentence: str) -> None:
    assert told(layers([file("etc/x", mtime, ctime)], [find("/etc/x")])) == [(span, sentence)]


def test_a_tree_that_was_copied_is_told_on_the_day_of_the_copy() -> None:
    app = [file(f"opt/app/f{n}", at("2020-01-01 10:00:00") + n * 9 * DAY, "2024-01-02 10:00:00") for n in range(20)]
    assert told(layers(app, [find("/opt/app", "d")])) == [
        ("2024-01-02 10:00", "20 files under /opt/app (dated 2020-01-01 to 2020-06-20)")
    ]


def test_a_directory_that_is_too_large_is_told_as_one() -> None:
    big = replace(find("/opt/app", "d"), entries=1_000_000)
    found = layers([folder("opt/app", "2020-01-01 10:00:00"), file("opt/app/x", "2021-01-01 10:00:00")], [big])
    assert told(found) == [("2020-01-01 10:00", "/opt/app (1,000,000 files and directories)")]


@pytest.mark.parametrize("mtime", [0.0, -86_400.0, 4e9, 1e17, -1e17])
def test_a_time_that_cannot_be_is_listed_as_such(mtime: float) -> None:
    found = layers([file("etc/x", mtime, INSTALL)], [find("/etc/x")])
    assert [one.kind for one in found] == [INSTALLED, UNDATED]
    assert found[1].first is None
    assert found[1].sentence.startswith("/etc/x (dated ")
    assert list(report.text(found, "web1", 80))[3].startswith("without a         /etc/x (dated ")


def test_a_disk_that_was_copied_has_no_ctimes_to_go_by() -> None:
    copied = "2025-05-05 00:00:00"
    old = [file(f"usr/bin/q{n}", STOCK, copied) for n in range(30)]
    owned = manifest("stock", *(b"/usr/bin/q%d" % n for n in range(30)), unpacked=INSTALL)
    seen = snapshot(
        (package("stock", INSTALL),),
        files=tree(*old, file("etc/x", "2020-01-01 10:00:00", copied), file("etc/y", "2012-01-01 10:00:00", copied)),
        manifests=[owned],
    )
    found = strata(View(seen), Judgement([], {}, [find("/etc/x"), find("/etc/y")]))
    assert told(found) == [("2020-01-01 10:00", "/etc/x")]
    assert told(found, INSTALLED)[0][1].endswith("/etc/y (dated 2012-01-01)")


def test_unattended_upgrades_and_visits_stand_aside() -> None:
    found = layers(
        items=[
            log("2021-01-01 06:00:00", "command", "/usr/bin/unattended-upgrade", "", "2 upgrade"),
            log("2021-01-01 06:00:10", "upgrade", "openssl:amd64"),
            log("2021-01-01 06:00:11", "upgrade", "libssl3:amd64"),
            log("2021-02-01 09:00:00", "login", "192.0.2.7", "root"),
            log("2021-02-01 09:01:00", "sudo", "systemctl restart nginx", "deploy"),
        ]
    )
    assert told(found) == []
    assert told(found, MACHINE) == [("2021-01-01 06:00", "upgrade of libssl3 and openssl")]
    assert told(found, VISIT) == [("2021-02-01 09:00", "login of root; sudo by deploy: systemctl restart nginx")]
    assert [one.kind for one in report.told(found, everything=False)] == [INSTALLED]
    assert "1 visit" in " ".join(report.aside(found, 80))


def test_the_log_of_another_zone_is_set_right() -> None:
    found = layers(
        items=[package("redis-server", "2020-01-01 10:00:05"), log("2020-01-01 08:00:00", "install", "redis-server")]
    )
    assert told(found) == [("2020-01-01 10:00", "package redis-server")]


def test_packages_without_a_log_are_told_by_their_unpacking() -> None:
    found = layers(
        items=[package("redis-server", "2020-01-01 10:00:00"), package("liblzf1", "2020-01-01 10:00:00", "automatic")]
    )
    assert told(found) == [("2020-01-01 10:00", "packages liblzf1 and redis-server (installed or upgraded)")]


def test_of_many_packages_those_are_named_that_somebody_asked_for() -> None:
    some = [log("2020-01-01 10:00:05", "install", f"lib{number}:amd64") for number in range(30)]
    asked = log("2020-01-01 10:00:05", "install", "redis-server:amd64")
    command = log("2020-01-01 10:00:00", "command", "apt-get install -y redis-server=7.0", "", "31 install")
    assert told(layers(items=[*some, asked, command])) == [
        ("2020-01-01 10:00", "package redis-server, with 30 that came along")
    ]


def test_rights_on_a_packaged_file_are_told_at_the_time_of_the_change() -> None:
    finding = Finding("statoverride-local", Severity.LOW, "statoverrides", "/etc/nginx/nginx.conf", "has a mode")
    found = layers([file("etc/nginx/nginx.conf", STOCK, "2020-01-01 10:00:00")], findings=[finding])
    assert told(found) == [("2020-01-01 10:00", "/etc/nginx/nginx.conf")]


def test_backups_at_a_regular_pace_are_a_programs() -> None:
    nights = [file(f"var/backups/shop/d{n}.sql", at("2020-01-01 03:00:00") + n * DAY) for n in range(30)]
    found = layers(nights, [find("/var/backups/shop", "d")])
    assert told(found) == []
    assert told(found, REGULAR) == [
        ("2020-01-01 to 2020-01-30", "30 files under /var/backups/shop on 30 days, at a regular pace")
    ]


def test_what_is_written_just_now_and_logs_are_no_trace() -> None:
    now = TAKEN.timestamp()
    found = layers(
        [file("srv/app/beat", now - 3), file("srv/app/log/app.log", "2022-01-01 00:00:00")], [find("/srv/app", "d")]
    )
    assert told(found) == []


def test_accounts_are_told_by_their_skeleton_or_by_the_day_of_their_password() -> None:
    users = [
        ("deploy", 1001, "/home/deploy", "2020-03-01"),
        ("toor", 0, "/root", "2020-03-01"),
        ("www-data", 33, "/var/www", "2019-02-11"),
        ("old", 1002, "/home/gone", "2021-07-01"),
    ]
    items = [
        Item(
            "accounts",
            f"user {name}",
            {"kind": "user", "name": name, "uid": uid, "home": home, "password_changed": day},
        )
        for name, uid, home, day in users
    ]
    home = [
        folder("home/deploy", "2020-03-01 12:00:00", 1001),
        file("home/deploy/.profile", STOCK, "2020-03-01 12:00:00", 1001),
    ]
    found = layers(home, items=items)
    assert told(found) == [("2020-03-01 12:00", "accounts deploy and toor"), ("2021-07-01", "account old")]


def test_units_and_keys_are_told_as_such_and_once() -> None:
    unit = {"name": "shop.service", "package": "", "fragment": "/etc/systemd/system/shop.service", "dropins": []}
    key = {"kind": "key", "file": "/root/.ssh/authorized_keys", "owner": "root"}
    found = layers(
        [
            file("etc/systemd/system/shop.service", "2020-01-01 10:00:00"),
            file("root/.ssh/authorized_keys", "2020-01-01 10:01:00"),
        ],
        [find("/etc/systemd/system/shop.service")],
        [Item("services", "shop.service", unit), Item("accounts", "key root x", key)],
    )
    assert told(found) == [("2020-01-01 10:00", "unit shop.service; login keys in /root/.ssh/authorized_keys")]


def test_a_packaged_file_that_was_never_changed_is_no_trace() -> None:
    finding = Finding("setuid", Severity.LOW, "files", "/usr/bin/p1", "runs as its owner")
    assert told(layers(findings=[finding])) == []


def test_a_name_cannot_act_on_a_terminal() -> None:
    record = (b"etc/\x1b[31m\n\xff", *file("etc/x", "2020-01-01 10:00:00")[1:])
    found = layers([record], [find(text(b"/etc/\x1b[31m\n\xff"))])
    assert told(found) == [("2020-01-01 10:00", "/etc/\\x1b[31m\\n\\xff")]


@pytest.mark.parametrize("width", [60, 80, 140])
def test_text_fits_the_screen(width: int) -> None:
    app = [file(f"opt/app{n}/{'x' * 20}", at("2019-03-02 14:00:00") + n) for n in range(40)]
    found = layers(app, [find(f"/opt/app{n}", "d") for n in range(40)])
    lines = list(report.text(found, "web1", width))
    assert max(map(len, lines)) <= width
    assert "2019-03-02 14:00" in "\n".join(lines)


def test_json_is_an_object_a_line() -> None:
    found = layers([file("etc/x", "2020-01-01 10:00:00"), file("etc/y", 0.0)], [find("/etc/x"), find("/etc/y")])
    documents = [json.loads(line) for line in report.lines(found, "web1")]
    assert [(one["kind"], one["first"], one["things"].get("file")) for one in documents] == [
        ("installed", "2019-02-11T09:00:00Z", None),
        ("human", "2020-01-01T10:00:00Z", ["/etc/x"]),
        ("undated", None, ["/etc/y"]),
    ]
    assert all(one["host"] == "web1" for one in documents)


TIMES = st.floats(-(2.0**63), 2.0**63)  # what a kernel can tell


@given(st.lists(st.tuples(TIMES, TIMES, st.booleans()), max_size=12))
def test_no_time_breaks_it(times: list[tuple[float, float, bool]]) -> None:
    some = [file(f"srv/a/f{n}" if inside else f"etc/f{n}", m, c) for n, (m, c, inside) in enumerate(times)]
    finds = [find("/srv/a", "d"), *(find(f"/etc/f{n}") for n, one in enumerate(times) if not one[2])]
    found = layers(some, finds)
    assert sum(one.counts.get("file", 0) for one in found) <= len(times)
    assert list(report.text(found, "web1", 80))
    assert [json.loads(line) for line in report.lines(found, "web1")]
