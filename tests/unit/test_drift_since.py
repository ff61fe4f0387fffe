"""Since when, by whom, what before: told from what the store keeps, and left open where it keeps nothing."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from driftscan.drift.since import traced
from driftscan.explain.view import View
from driftscan.model.drift import Change, Drift, Kind, Since
from driftscan.model.finding import Severity
from driftscan.model.item import Item, Json
from driftscan.model.manifest import Manifest
from driftscan.model.outcome import Outcome
from driftscan.model.snapshot import Snapshot
from driftscan.store import Store
from tests.unit.handmade import TAKEN, Record, leaf, manifest, snapshot, tree

Night = tuple[Iterable[Item], Sequence[Record]]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Give an empty store."""
    with Store.open(tmp_path / "driftscan.db") as opened:
        yield opened


def at(day: int) -> datetime:
    return TAKEN + timedelta(days=day)


def local(when: datetime) -> str:
    return f"{when.astimezone():%Y-%m-%d %H:%M}"


def night(
    store: Store,
    day: int,
    items: Iterable[Item] = (),
    *records: Record,
    outcomes: Mapping[str, Outcome | None] | None = None,
    host: str = "web1",
    manifests: Iterable[Manifest] = (),
) -> Snapshot:
    """Save a snapshot of that day."""
    made = replace(
        snapshot(items, files=tree(*records), outcomes=outcomes, host=host, manifests=manifests), taken=at(day)
    )
    store.save(made)
    return made


def path(kind: Kind, key: str, *changes: Change) -> Drift:
    return Drift(kind, Severity.MEDIUM, "files", key, changes)


def one(drift: Drift, shown: Snapshot, store: Store) -> Drift:
    (told,) = traced([drift], View(shown), store)
    return told


def login(who: str, when: datetime, place: str = "192.0.2.9", last: datetime | None = None) -> Item:
    return _history("login", f"{when:%Y-%m-%dT%H:%M:%SZ}", who, f"from {place}", last=last)


def _history(
    kind: str, when: str, who: str, what: str, source: str = "/var/log/wtmp", last: datetime | None = None
) -> Item:
    told = {"when": when, "kind": kind, "who": who, "what": what, "detail": "", "source": source}
    more = {"times": 1, "last": f"{last:%Y-%m-%dT%H:%M:%SZ}" if last else when}
    return Item("history", f"{kind} {when} {who} {what}", told, more)


def test_a_file_is_as_it_is_since_the_first_tree_that_has_it_so(store: Store) -> None:
    ctime = at(2).timestamp() - 3600
    for day, mode in enumerate((b"f644", b"f644", b"f777", b"f777")):
        shown = night(store, day, [], leaf(b"etc/motd", mode + b" 0 0", ctime=ctime if day > 1 else 8.0))
    told = one(path(Kind.CHANGED, "/etc/motd", Change("mode", "0644", "0777")), shown, store)
    assert told.since == Since(at(2), 3, at(1), at(2) - timedelta(hours=1))
    # of its owner nothing has changed as far as is kept
    told = one(path(Kind.CHANGED, "/etc/motd", Change("user", "daemon", "root")), shown, store)
    assert told.since == Since(at(0), 1, None, datetime.fromtimestamp(8, timezone.utc))


def test_what_appears_and_what_vanishes(store: Store) -> None:
    both, new = leaf(b"opt/old", b"f644 0 0"), leaf(b"opt/new", b"f644 0 0", ctime=at(1).timestamp())
    night(store, 0, [], both)
    night(store, 1, [], both, outcomes={"files": Outcome.DENIED})  # proves nothing
    night(store, 2, [], both, new)
    shown = night(store, 3, [], new)
    assert one(path(Kind.UNEXPECTED, "/opt/new"), shown, store).since == Since(at(2), 3, at(0), at(1))
    assert one(path(Kind.MISSING, "/opt/old"), shown, store).since == Since(at(3), 4, at(2))
    assert one(path(Kind.MISSING, "/opt/never"), shown, store).since == Since(at(0), 1)


def test_a_ctime_from_before_says_nothing(store: Store) -> None:
    night(store, 0)
    shown = night(store, 1, [], leaf(b"srv/moved/here", b"f644 0 0", ctime=1.0))
    assert one(path(Kind.UNEXPECTED, "/srv/moved/here"), shown, store).since == Since(at(1), 2, at(0))


def test_a_content_is_told_by_digests_or_else_by_size_and_time(store: Store) -> None:
    def items(digest: str) -> list[Item]:
        return [Item("files", "/etc/a", {"digest": digest})] if digest else []

    for day, digest in enumerate(("sha256:1", "sha256:2", "sha256:2")):
        shown = night(store, day, items(digest), leaf(b"etc/a", b"f644 0 0", ctime=float(day)))
    drift = path(Kind.CHANGED, "/etc/a", Change("digest", "sha256:1", "sha256:2"))
    told = one(drift, shown, store).since
    assert told is not None
    assert (told.number, told.before) == (2, at(0))
    shown = night(store, 3, [], (b"etc/a", b"f644 0 0 34 9.0", b"9.0 77 1", b""))
    told = one(drift, shown, store).since
    assert told is not None
    assert (told.number, told.before) == (4, at(2))


def service(state: str, fragment: str = "/x") -> Item:
    return Item("services", "a.service", {"enabled": state, "fragment": fragment})


def test_an_item_by_its_states(store: Store) -> None:
    nights = [[], [service("enabled")], [service("masked", "/y")], [service("masked")], [service("masked")]]
    for day, items in enumerate(nights):
        shown = night(store, day, items)
    changed = Drift(Kind.CHANGED, Severity.LOW, "services", "a.service", (Change("enabled", "enabled", "masked"),))
    assert one(changed, shown, store).since == Since(at(2), 3, at(1))
    assert one(replace(changed, changes=(Change("fragment", "/z", "/x"),)), shown, store).since == Since(
        at(3), 4, at(2)
    )
    assert one(replace(changed, kind=Kind.UNEXPECTED, changes=()), shown, store).since == Since(at(1), 2, at(0))
    missing = replace(changed, kind=Kind.MISSING, key="b.service", changes=())
    assert one(missing, shown, store).since == Since(at(0), 1)
    shown = night(store, 5, [])
    assert one(replace(missing, key="a.service"), shown, store).since == Since(at(5), 6, at(4))


def test_an_item_that_was_away_for_a_while(store: Store) -> None:
    for day, items in enumerate([[service("enabled")], [], [service("enabled")]]):
        shown = night(store, day, items)
    drift = Drift(Kind.UNEXPECTED, Severity.LOW, "services", "a.service")
    assert one(drift, shown, store).since == Since(at(2), 3, at(1))


def test_an_older_snapshot_is_traced_as_of_then(store: Store) -> None:
    shown = night(store, 0, [service("enabled")])
    night(store, 1, [])
    assert one(Drift(Kind.UNEXPECTED, Severity.LOW, "services", "a.service"), shown, store).since == Since(at(0), 1)


def test_what_nobody_can_see_since_when(store: Store) -> None:
    for day in range(4):
        shown = night(store, day, outcomes={"services": Outcome.OK if day < 2 else Outcome.DENIED})
    told = one(Drift(Kind.UNKNOWN, Severity.MEDIUM, "services", ""), shown, store)
    assert (told.since, told.by) == (Since(at(2), 3, at(1)), "")


def test_the_package_manager_that_was_there_at_that_time(store: Store) -> None:
    done = at(1) - timedelta(hours=5)
    stamp = f"{done:%Y-%m-%dT%H:%M:%SZ}"
    log = [
        _history("upgrade", "2020-01-01T00:00:00Z", "", "openssl:amd64", "/var/log/dpkg.log"),
        _history("command", stamp, "deploy", "apt-get upgrade", "/var/log/apt/history.log"),
        _history("upgrade", stamp, "", "openssl:amd64", "/var/log/dpkg.log"),
        login("root", done),
    ]
    before, after = ([Item("packages", "openssl", {"version": version})] for version in "12")
    mine = [manifest("openssl", b"/usr/bin/openssl")]
    night(store, 0, before, leaf(b"usr/bin/openssl", b"f755 0 0"), manifests=mine)
    shown = night(
        store, 1, [*after, *log], leaf(b"usr/bin/openssl", b"f711 0 0", ctime=done.timestamp() + 2), manifests=mine
    )
    told = traced(
        [
            Drift(Kind.CHANGED, Severity.LOW, "packages", "openssl", (Change("version", "1", "2"),)),
            path(Kind.CHANGED, "/usr/bin/openssl", Change("mode", "0755", "0711")),
        ],
        View(shown),
        store,
    )
    assert [drift.by for drift in told] == [
        f"apt upgrade of openssl {local(done)} asked for by deploy",
        f"apt upgrade of openssl {local(done)} asked for by deploy",
    ]


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ([], ""),
        ([login("deploy", at(1) - timedelta(hours=2))], "login deploy from 192.0.2.9 {1} (the only one in that time)"),
        (
            [login(who, at(1) - timedelta(hours=2)) for who in "abcd"],
            "one of: login a from 192.0.2.9 {1}; login b from 192.0.2.9 {1}; login c from 192.0.2.9 {1}; and 1 more",
        ),
        # before and after that time; the auditor's own; a day on which only the last time is in it
        ([login("old", at(0) - timedelta(hours=1)), login("scan", at(1) + timedelta(seconds=5))], ""),
        (
            [login("deploy", at(0) - timedelta(hours=1), last=at(1) - timedelta(hours=2))],
            "login deploy from 192.0.2.9 {1} (the only one in that time)",
        ),
        (
            [
                login("root", at(1) - timedelta(hours=2)),
                _history("sudo", f"{at(1) - timedelta(hours=2):%Y-%m-%dT%H:%M:%SZ}", "deploy", "/usr/bin/vi /etc/motd"),
            ],
            "sudo deploy: /usr/bin/vi /etc/motd {1}",
        ),
        (
            [_history("sudo", f"{at(1) - timedelta(hours=2):%Y-%m-%dT%H:%M:%SZ}", "deploy", "vi /etc/motd.d/x")],
            "sudo deploy: vi /etc/motd.d/x {1} (the only one in that time)",
        ),
        ([_history("login", "garbage", "x", "y"), Item("history", "z", {})], ""),
    ],
)
def test_who_was_there(store: Store, log: list[Item], said: str) -> None:
    night(store, 0, [], leaf(b"etc/motd", b"f644 0 0"))
    shown = night(store, 1, log, leaf(b"etc/motd", b"f600 0 0"))
    told = one(path(Kind.CHANGED, "/etc/motd", Change("mode", "0644", "0600")), shown, store)
    assert told.by == said.replace("{1}", local(at(1) - timedelta(hours=2)))


def test_who_owns_it(store: Store) -> None:
    account = Item("accounts", "user deploy", {"kind": "user", "name": "deploy", "uid": 1001})
    night(store, 0)
    shown = night(store, 1, [account], leaf(b"opt/x", b"f644 1001 0"))
    assert one(path(Kind.UNEXPECTED, "/opt/x"), shown, store).by == "owner deploy"


def content(text: str | None, secrets: Json = ()) -> list[Item]:
    return [Item("contents", "/etc/a.conf", {"path": "/etc/a.conf", "text": text, "secrets": list(secrets)})]


def sha(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


FILE = leaf(b"etc/a.conf", b"f644 0 0")
LONG = "".join(f"{number}\n" for number in range(20))


def edited(expected: str, found: str) -> Drift:
    return path(Kind.CHANGED, "/etc/a.conf", Change("digest", expected, found))


def test_the_diff_is_from_what_was_expected(store: Store) -> None:
    wanted, now = LONG, LONG.replace("7\n", "seven\n", 1)
    night(store, 0, content(wanted), FILE)
    night(store, 1, content("something else"), FILE)
    shown = night(store, 2, content(now), FILE)
    told = one(edited(sha(wanted), sha(now)), shown, store)
    assert told.diff == (
        "--- /etc/a.conf (web1, 2026-11-01)", "+++ /etc/a.conf", "@@ -5,7 +5,7 @@",
        " 4", " 5", " 6", "-7", "+seven", " 8", " 9", " 10",
    )  # fmt: skip
    assert one(edited("sha256:never", sha(now)), shown, store).diff[2:] == ("@@ -1 +1,20 @@", "-something else", *(
        f"+{line}" for line in now.splitlines()
    ))  # fmt: skip


def test_the_expected_text_may_be_another_hosts_and_hold_a_secret(store: Store) -> None:
    secret = [{"name": "password", "line": 1, "kind": "value"}]
    golden = [*content("password={{ password }}\nx\n", secret), Item("files", "/etc/a.conf", {"digest": "sha256:aa"})]
    night(store, 0, golden, FILE, host="web2")
    shown = night(store, 0, content("password={{ password }}\ny\n", secret), FILE)
    told = one(edited("sha256:aa", "sha256:bb"), shown, store)
    assert told.diff[0].startswith("--- /etc/a.conf (web2, ")
    assert told.diff[-2:] == ("-x", "+y")


def test_no_diff_without_two_texts(store: Store) -> None:
    shown = night(store, 0, content("new"), FILE)
    assert one(edited("sha256:aa", "sha256:bb"), shown, store).diff == ()
    shown = night(store, 1, content(None), FILE)
    assert one(edited("sha256:aa", "sha256:bb"), shown, store).diff == ()
    assert one(path(Kind.CHANGED, "/etc/a.conf", Change("mode", "0600", "0644")), shown, store).diff == ()


def test_a_long_diff_is_cut(store: Store) -> None:
    night(store, 0, content("".join(f"{number}\n" for number in range(5000))), FILE)
    shown = night(store, 1, content("".join(f"-{number}\n" for number in range(5000))), FILE)
    diff = one(edited("sha256:aa", "sha256:bb"), shown, store).diff
    assert (len(diff), diff[-1]) == (200, "…")


def test_what_is_not_stored_is_left_as_it_is(store: Store) -> None:
    drift = path(Kind.UNEXPECTED, "/opt/x")
    assert traced([], View(snapshot()), store) == []
    assert one(drift, snapshot(), store) == drift
    night(store, 0)
    assert one(drift, replace(snapshot(), taken=datetime.now(timezone.utc)), store) == drift
