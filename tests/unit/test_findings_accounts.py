"""What the rules on accounts say."""

import pytest

from driftscan.explain.view import View
from driftscan.findings.accounts import FAMILY
from driftscan.model.finding import Finding
from driftscan.model.item import Item, Json
from driftscan.model.outcome import Outcome
from tests.unit.handmade import leaf, manifest, snapshot, tree
from tests.unit.test_explain_items import POSTINST, group, process, user

ANN = user("ann", 1000, home="/home/ann", shell="/bin/bash", password="set", groups=["ann", "docker"])
FILES = tree(leaf(b"etc/hosts", b"f644 0 0"))


def found(*items: Item, outcome: Outcome = Outcome.OK) -> list[Finding]:
    view = View(
        snapshot(
            [user("root", 0), *items],
            files=FILES,
            manifests=[manifest("zabbix", b"/etc/sudoers.d/zabbix")],
            outcomes={"accounts": outcome},
        )
    )
    return sorted(FAMILY.find(view), key=lambda one: (one.rule, one.subject))


def sudo(who: str, *commands: str, file: str = "/etc/sudoers.d/x", **more: Json) -> Item:
    told = {"kind": "sudo", "who": who, "commands": list(commands), "tags": ["NOPASSWD"], "file": file}
    return Item("accounts", f"sudo {file}: {who}", {**told, "rule": f"{who} …", "ignored": False, **more})


def key(owner: str, fingerprint: str = "SHA256:a", **more: Json) -> Item:
    told: dict[str, Json] = {"kind": "key", "owner": owner, "account": True, "fingerprint": fingerprint}
    told |= {"file": f"/home/{owner}/.ssh/authorized_keys", "comment": f"{owner}@laptop", "why": "", "ignored": False}
    return Item("accounts", f"key {owner} {fingerprint}", {**told, **more})


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ([user("toor", 0)], ["critical second-uid-0 toor"]),
        (
            [user("www-data", 33, password="empty")],
            ["critical empty-password www-data", "low account-by-hand www-data"],
        ),
        ([ANN], ["low account-by-hand ann"]),
        ([ANN, group("ann", 1000)], ["low account-by-hand ann"]),
        ([user("svc-backup", 999)], ["low account-by-hand svc-backup"]),
        ([sudo("%ops", "ALL")], ["high sudo-nopasswd %ops"]),
        ([sudo("ann", "/usr/bin/rsync")], ["medium sudo-nopasswd ann"]),
        ([sudo("zabbix", "/usr/bin/x", file="/etc/sudoers.d/zabbix")], ["low sudo-nopasswd zabbix"]),
        ([sudo("debian", "ALL", file="/etc/sudoers.d/90-cloud-init-users")], ["low sudo-nopasswd debian"]),
        (
            [
                Item(
                    "accounts",
                    "d",
                    {"kind": "sudo-default", "who": ":ann", "rule": "!authenticate", "file": "/etc/sudoers"},
                )
            ],
            ["high sudo-nopasswd ann"],
        ),
        (
            [
                Item(
                    "accounts",
                    "f",
                    {"kind": "sudoers-file", "file": "/etc/sudoers.d/x.bak", "ignored": True, "why": "dot"},
                )
            ],
            ["medium sudo-ignored-file /etc/sudoers.d/x.bak"],
        ),
        ([user("redis", 105, declared=POSTINST), key("redis")], ["medium system-account-login redis"]),
        (
            [user("redis", 105, declared=POSTINST, password="set", shell="/bin/bash")],
            ["medium system-account-login redis"],
        ),
        ([key("root"), key("root", "SHA256:b")], ["low root-keys root"]),
        ([key("gone", account=False)], ["low keys-without-account /home/gone/.ssh/authorized_keys"]),
        ([group("a", 2000), group("b", 2001, members=["ann"])], ["info group-by-hand a, b"]),
    ],
)
def test_what_is_said_of_accounts(items: list[Item], said: list[str]) -> None:
    found_ = [f"{one.severity.value} {one.rule} {one.subject}" for one in found(*items)]
    assert sorted(found_) == sorted(said)


@pytest.mark.parametrize(
    "item",
    [
        user("www-data", 33),
        user("redis", 105, declared=POSTINST),
        user("redis", 105, declared=POSTINST, password="set"),  # its shell lets nobody in
        user("nobody", 65534),
        group("nogroup", 65534),
        sudo("%sudo", "ALL", tags=[]),
        sudo("root", "ALL"),
        sudo("ann", "ALL", ignored=True),
        key("root", why="its base64 cannot be decoded"),
        Item(
            "accounts", "f", {"kind": "sudoers-file", "file": "/etc/sudoers.d/x.rpmsave", "ignored": True, "why": "dot"}
        ),
        Item("accounts", "d", {"kind": "sudo-default", "who": "", "rule": "env_reset", "file": "/etc/sudoers"}),
    ],
)
def test_what_is_as_it_should_be_is_left_in_peace(item: Item) -> None:
    assert found(item) == []


def test_evidence_tells_how_an_account_is_used_though_it_is_locked() -> None:
    locked = user("mt", 1002, home="/home/mt", shell="/bin/bash", groups=["mt", "docker"])
    cron = Item(
        "schedules", "c", {"kind": "cron", "user": "mt", "file": "/var/spool/cron/crontabs/mt", "ignored": False}
    )
    app = process("/opt/shop/run", user="mt")
    said = {one.subject: one for one in found(locked, key("mt"), key("ann"), ANN, cron, app, sudo("%docker", "ALL"))}
    evidence = said["mt"].evidence
    assert evidence["password"] == "locked"
    assert evidence["powerful"] == ["docker"]
    assert (evidence["keys"], evidence["shares_keys_with"]) == (1, ["ann"])
    assert (evidence["runs"], evidence["schedules"]) == (["/opt/shop/run"], ["/var/spool/cron/crontabs/mt"])
    assert evidence["sudo"] == ["%docker …"]


def test_passwords_that_could_not_be_read_are_told_and_not_judged() -> None:
    unseen = user("ann", 1000, shell="/bin/bash", password=None)
    assert [one.rule for one in found(unseen, outcome=Outcome.DENIED)] == ["account-by-hand", "passwords-not-seen"]
    assert [one.rule for one in found(unseen)] == ["account-by-hand"]


def test_every_rule_has_its_page() -> None:
    assert all(rule.doc for rule in FAMILY.rules)
