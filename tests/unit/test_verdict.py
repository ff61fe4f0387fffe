"""The verdict: each blocker by name, and `discard` when each was dealt with."""

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftscan.explain.view import View
from driftscan.model.item import Item
from driftscan.model.outcome import Outcome
from driftscan.model.proof import Fidelity, Proof, Remainder
from driftscan.model.snapshot import Snapshot
from driftscan.model.verdict import KINDS, Blocker, Settled, Verdict
from driftscan.prove._counterparts import hosts
from driftscan.prove.settled import load_settled
from driftscan.prove.verdict import Case, verdict
from driftscan.report.verdict import FORMATS
from driftscan.role.model import Data, LeftOut, Program, Role, Secret, Stranger
from tests.unit.handmade import TAKEN, leaf, snapshot, tree

NOW = TAKEN + timedelta(days=1)


def proof(**has: Any) -> Proof:
    """Return one that holds, unless told otherwise."""
    facts = {
        "host": "web1", "number": 7, "taken": TAKEN, "role": "d" * 32, "tool": "ansible", "blank": "blank1",
        "proven": TAKEN, "changed": 9, "again": 0, "rebooted": True, "fidelity": (Fidelity("files", 4, 4),),
        "services": (3, 3), "listeners": (2, 2), "supplied": ("db_password",), **has,
    }  # fmt: skip
    return Proof(**facts)


def item(scope: str, key: str, volatile: dict[str, Any] | None = None, **has: Any) -> Item:
    return Item(scope, key, has, volatile or {})


def case(*items: Item, seen: Snapshot | None = None, role: dict[str, Any] | None = None, **has: Any) -> Case:
    made = seen or snapshot(items)
    facts = {"view": View(made), "number": 7, "proof": proof(), "proven": None, "now": NOW, **has}
    return Case(role=Role("web1", "web1", TAKEN, {}, "dpkg", **(role or {})), **facts)


def told(found: Verdict) -> list[tuple[str, str]]:
    return [(one.kind, one.subject) for one in found.blockers]


def test_a_proven_host_that_nobody_needs_may_be_discarded() -> None:
    found = verdict(case())
    assert found.discard
    assert not found.blind
    assert next(iter(FORMATS["text"](found, 80))).endswith(": discard")


@pytest.mark.parametrize(
    ("has", "blockers"),
    [
        ({"proof": None}, [("proof", "web1")]),
        ({"proof": proof(error="apt failed", again=None)}, [("proof", "ansible on blank1")]),
        ({"proof": proof(again=2)}, [("proof", "ansible on blank1")]),
        ({"proof": proof(again=None)}, [("proof", "ansible on blank1")]),
        ({"proof": proof(seen=False)}, [("proof", "ansible on blank1")]),
        ({"proof": proof(fidelity=(Fidelity("files", 3, 4),))}, [("proof", "ansible on blank1")]),
        (
            {
                "proof": proof(
                    fidelity=(Fidelity("files", 3, 4),),
                    remainder=(
                        Remainder("files", "/etc/motd", "it differs", failed=True),
                        Remainder("files", "/var/lib/x", "data", failed=False),
                    ),
                )
            },
            [("rest", "/etc/motd")],
        ),
        ({"proof": proof(services=(2, 3))}, [("rest", "services")]),
        ({"proof": proof(listeners=(1, 2))}, [("rest", "listeners")]),
        ({"proof": proof(made_up=("db_password",), supplied=())}, [("secret", "db_password")]),
    ],
)
def test_a_proof_that_does_not_hold_blocks(has: dict[str, Any], blockers: list[tuple[str, str]]) -> None:
    found = verdict(case(**has))
    assert told(found) == blockers
    assert not found.discard
    assert not found.blind


def test_what_driftscan_cannot_make_blocks_where_the_proof_lacks_it_too() -> None:
    role = {"left_out": (LeftOut("files", "/srv/odd", "a device", limit=True), LeftOut("files", "/x", "", limit=True))}
    lacks = (Remainder("files", "/srv/odd", "a limit of driftscan", failed=False),)
    assert told(verdict(case(role=role, proof=proof(remainder=lacks)))) == [("limit", "/srv/odd")]


def test_a_change_since_the_proof_blocks_and_noise_does_not() -> None:
    before = snapshot([item("services", "a.service", enabled="enabled")], files=tree(leaf(b"/etc/motd", b"f644 0 0")))
    after = snapshot(
        [item("services", "a.service", enabled="masked"), item("processes", "root /bin/x", command="/bin/x")],
        files=tree(leaf(b"/etc/motd", b"f600 0 0"), leaf(b"/etc/new", b"f644 0 0")),
    )
    found = verdict(case(seen=after, number=9, proven=before))
    assert told(found) == [("drift", "/etc/motd"), ("drift", "/etc/new"), ("drift", "services a.service")]
    assert not verdict(case(seen=after, number=7, proven=None)).blockers
    assert verdict(case(seen=before, number=9, proven=before)).discard


def test_a_snapshot_of_the_proof_that_is_gone_leaves_nobody_knowing() -> None:
    found = verdict(case(number=9))
    assert told(found) == [("drift", "all of it")]
    assert found.blind


def test_what_could_not_be_seen_blocks_and_is_blind() -> None:
    found = verdict(case(seen=snapshot(outcomes={"sockets": Outcome.DENIED, "files": None})))
    assert told(found) == [("unseen", "files"), ("unseen", "sockets")]
    assert found.blind
    old = verdict(case(now=TAKEN + timedelta(days=30)))
    assert told(old) == [("unseen", "all of it")]
    assert old.blind


ROLE = {
    "data": (Data("/var/lib/redis", "redis", 109, "data of redis"),),
    "processes": (Stranger("[kworker/u8:9] 1000000", "deploy", "nothing that lasts starts it"),),
    "programs": (Program("/usr/local/bin/imgconv", "no source"), Program("/opt/gone", "gone", copied=False)),
    "secrets": (Secret("db_password", ("/etc/app.conf",), "password"),),
}


def test_what_a_rebuild_leaves_behind_blocks_until_it_is_settled() -> None:
    found = verdict(case(role=ROLE, proof=proof(made_up=("db_password",), supplied=())))
    assert told(found) == [
        ("data", "/var/lib/redis"),
        ("process", "[kworker/u8:9] 1000000"),
        ("secret", "db_password"),
        ("program", "/opt/gone"),
        ("program", "/usr/local/bin/imgconv"),
    ]
    assert "/etc/app.conf" in found.blockers[2].reason
    settled = load_settled(
        {
            "settled": [
                {"data": "/var/lib", "why": "replicated", "who": "maria"},
                {"process": "[kworker/u8:9] 1000000", "why": "stopped: a miner", "who": "maria"},
                {"program": "/*", "why": "vouched for", "who": "maria", "until": date(2027, 1, 1)},
            ]
        }
    )
    done = verdict(case(role=ROLE), settled)
    assert done.discard
    assert len(done.settled) == 4
    assert not done.warnings


def test_without_a_proof_every_secret_is_missing() -> None:
    assert ("secret", "db_password") in told(verdict(case(role=ROLE, proof=None)))


def test_a_settlement_ends_and_one_that_fits_nothing_is_told() -> None:
    ended = Settled("data", "/var/lib/redis", "later", "maria", TAKEN.date() - timedelta(days=1), 1)
    idle = Settled("data", "/var/lib/postgresql", "moved", "maria", number=2)
    found = verdict(case(role={"data": ROLE["data"]}), [ended, idle])
    assert told(found) == [("data", "/var/lib/redis")]
    assert len(found.warnings) == 2
    assert "ended on" in found.warnings[0]
    assert "no such blocker" in found.warnings[1]


@pytest.mark.parametrize(
    "said",
    [
        "x",
        ["data"],
        [{"why": "x", "who": "y"}],
        [{"data": "/x", "process": "y", "why": "x", "who": "y"}],
        [{"proof": "*", "why": "x", "who": "y"}],
        [{"datum": "/x", "why": "x", "who": "y"}],
        [{"data": "/x", "who": "y"}],
        [{"data": "/x", "why": "", "who": "y"}],
        [{"data": "/x", "why": 7, "who": "y"}],
        [{"data": "/x", "why": "x", "who": "y", "until": "soon"}],
        [{1: "/x", "why": "x", "who": "y"}],
        [{"data": "/x\n\x1b", "why": None, "who": "y"}],
    ],
)
def test_a_mistake_in_what_is_settled_is_one_line(said: Any) -> None:
    with pytest.raises(ValueError, match="settled") as caught:
        load_settled({"settled": said})
    assert "\n" not in str(caught.value)


def test_a_day_may_stand_in_quotes_and_the_section_may_be_missing() -> None:
    entry = {"data": "/x", "why": "x", "who": "y", "until": "2026-12-31"}
    assert load_settled({"settled": [entry]}) == (Settled("data", "/x", "x", "y", date(2026, 12, 31), 1),)
    assert load_settled({}) == ()


def listener(clients: list[str] | None, address: str = "0.0.0.0") -> Item:
    volatile: dict[str, Any] = {} if clients is None else {"clients": clients}
    return item(
        "sockets", f"tcp {address}:80", volatile, state="listen", address=address, port=80, unit="nginx.service"
    )


def test_clients_that_are_connected_block() -> None:
    found = verdict(case(listener(["10.0.0.1", "10.0.0.2"])))
    assert told(found) == [("client", "tcp 0.0.0.0:80")]
    assert found.blockers[0].reason == "10.0.0.1, 10.0.0.2 connected to nginx.service"
    assert verdict(case(listener([]))).discard
    assert verdict(case(listener(["10.0.0.1"], "127.0.0.1"))).discard


def test_a_snapshot_that_does_not_tell_of_clients_is_blind() -> None:
    assert verdict(case(listener(None))).blind


def test_certificates_that_are_served_block() -> None:
    served = {"path": "/etc/shop.pem", "names": ["shop.example"], "not_after": "2026-12-04T03:41:37Z"}
    found = verdict(case(item("certificates", "/etc/shop.pem", **served, key_path="/etc/shop.key", used_by=["/etc/x"])))
    assert told(found) == [("certificate", "/etc/shop.pem")]
    assert found.blockers[0].reason == "is for shop.example, ends on 2026-12-04"
    assert verdict(case(item("certificates", "/etc/shop.pem", **served, key_path=None, used_by=["/etc/x"]))).discard
    assert verdict(case(item("certificates", "/etc/shop.pem", **served, key_path="/etc/shop.key", used_by=[]))).discard


def test_jobs_that_reach_other_hosts_block_by_their_scripts_too() -> None:
    text = "#!/bin/sh\n# scp x old.example:\nrsync -a /srv backup@vault.example:/srv\n"
    items = [
        item("schedules", "cron a", command="pg_dump -h db.example shop", file="/etc/cron.d/a", ignored=False),
        item(
            "schedules",
            "cron b",
            command="/usr/local/sbin/backup",
            ignored=False,
            environment="X=1\nMAILTO=ops@a.example",
        ),
        item("schedules", "cron c", command="cp /etc/x /mnt/nas/x", ignored=False),
        item("schedules", "cron d", command="curl https://x.example", ignored=True),
        item("schedules", "cron e", command="/bin/true 10.0.0.9; echo web1", ignored=False),
        item("services", "push.service", command="/usr/bin/autossh -M 0 -N tunnel.example", package=""),
        item("services", "ntp.service", command="/usr/sbin/ntpd -s https://pool.example", package="ntp"),
        item("contents", "/usr/local/sbin/backup", text=text),
        item("mounts", "/mnt/nas", target="/mnt/nas", source="nas:/export", fstype="nfs4", automatic=False),
        item("mounts", "/", target="/", source="/dev/sda1", fstype="ext4", automatic=False),
    ]
    found = verdict(case(*items))
    assert told(found) == [
        ("job", "cron a"),
        ("job", "cron b"),
        ("job", "cron c"),
        ("job", "push.service"),
        ("mount", "/mnt/nas"),
    ]
    assert [one.reason for one in found.blockers] == [
        "reaches db.example (in /etc/cron.d/a)",
        "reaches vault.example, mail to ops@a.example",
        "reaches nas:/export",
        "reaches tunnel.example",
        "nfs4 from nas:/export",
    ]


def test_people_who_logged_in_lately_block_each_once() -> None:
    def login(who: str, when: datetime) -> Item:
        stamp = when.strftime("%Y-%m-%dT%H:%M:%SZ")
        return item("history", f"{who} {stamp}", {"last": stamp}, kind="login", who=who, what="192.0.2.1", when=stamp)

    items = [login("maria", NOW - timedelta(days=3)), login("maria", NOW - timedelta(days=2))]
    found = verdict(case(*items, login("tom", NOW - timedelta(days=60))))
    assert told(found) == [("login", "maria")]
    assert found.blockers[0].reason == "last on 2026-10-31 from 192.0.2.1"


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ('pg_dump "postgres://shop:<secret:shop_password>@db.internal.example/shop" | gzip', ["db.internal.example"]),
        ("rsync -az /srv/ backup:/srv", ["backup"]),
        ("rsync -az /srv/ rsync://vault/srv", ["vault"]),
        ("rsync -az -e 'ssh -p 22' /srv/ bob@10.0.0.5:/srv", ["10.0.0.5"]),
        ("rsync -az /srv/ /mnt/x", []),
        ("scp -q /x bob@h:", ["h"]),
        ("ssh -i /root/k -p 2222 gate.example uptime", ["gate.example"]),
        ("ssh bob@gate", ["gate"]),
        ("curl -fsS https://hc.example/ping/1 >/dev/null 2>&1", ["hc.example"]),
        ("curl http://localhost:8080/x; curl http://127.0.0.1/; wget http://web1/x", []),
        ("mysqldump -hdb.example -u root shop", ["db.example"]),
        ("mysql -h db shop", ["db"]),
        ("mysql --host=db shop", ["db"]),
        ("psql --host db shop", ["db"]),
        ("du -h /srv; df -h --total; ls -h x.txt", []),
        ("mail -s hi ops@acme.example </x", ["ops@acme.example"]),
        ("bash -c 'exec 3<>/dev/tcp/10.1.1.1/80'", ["10.1.1.1"]),
        ("nc -w 3 loghost 514", ["loghost"]),
        ("restic -r sftp:bob@vault.example:/r backup /srv", ["vault.example"]),
        ("redis-cli -h cache get x", ["cache"]),
        ("ping -c 1 nas", ["nas"]),
        ("systemctl restart getty@tty1.service wg-quick@wg0", []),
        ("npm install -g json5@2.2.3", []),
        ("/usr/bin/python3 /opt/x.py --config=/etc/x.conf", []),
        ("test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }", []),
        ("scp 'unclosed bob@vault.example:/x", ["vault.example"]),
        ("", []),
    ],
)
def test_hosts_that_a_command_names(command: str, named: list[str]) -> None:
    assert list(hosts(command, own={"web1", "10.0.0.1"}, known={"nas"})) == named


@given(st.text(st.sampled_from("ab.:/@-h '\"=$()[]0\\|;&#<>\n"), max_size=200) | st.text(max_size=50))
def test_any_command_is_read(command: str) -> None:
    assert all(isinstance(name, str) and name for name in hosts(command))


def test_long_commands_are_read_fast() -> None:
    for part in ("a", "a@", "a.", "x://", "http://a", "-h ", "[", "a:", "/dev/tcp/", "'"):
        hosts(part * 10_000)


HOSTILE = "x\x1b[31m\n# head `<b>` {{ x }}"


@pytest.mark.parametrize("width", [80, 140])
def test_the_text_fits_the_screen_and_says_each_advice_once(width: int) -> None:
    blockers = tuple(
        Blocker(kind, f"{HOSTILE}{number}", f"reason {HOSTILE} " * 4, "do this")
        for kind in KINDS
        for number in range(30)
    )
    said = Settled("data", "/x", HOSTILE, "maria", date(2026, 12, 31), 1)
    found = Verdict("web1", 7, TAKEN, blockers, ((blockers[0], said),), ("note " + HOSTILE,))
    lines = list(FORMATS["text"](found, width))
    assert all(len(line) <= width and line.isprintable() for line in lines)
    assert sum("do this" in line for line in lines) == len(KINDS)
    assert sum("and 5 more" in line for line in lines) == len(KINDS)
    assert next(line for line in lines if line and line[0] != " ").endswith("not yet, because:")
    assert "do this" in "\n".join(FORMATS["markdown"](found, width))


def test_json_has_everything() -> None:
    found = verdict(case(role=ROLE), load_settled({"settled": [{"data": "*", "why": "moved", "who": "maria"}]}))
    document = json.loads("".join(FORMATS["json"](found, 80)))
    assert document["verdict"] == "not yet"
    assert document["snapshot"] == 7
    assert [one["subject"] for one in document["blockers"]] == [one.subject for one in found.blockers]
    assert document["settled"][0]["who"] == "maria"


def test_markdown_holds_hostile_text_in_code() -> None:
    parser = pytest.importorskip("markdown_it").MarkdownIt("commonmark").enable(["table", "strikethrough"])
    found = replace(verdict(case(role=ROLE)), host=HOSTILE, warnings=(HOSTILE,))
    tokens = parser.parse("\n".join(FORMATS["markdown"](found, 80)))
    inside = {child.type for token in tokens for child in token.children or ()}
    assert inside <= {"text", "code_inline", "softbreak"}
