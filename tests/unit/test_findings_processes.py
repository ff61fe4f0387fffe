"""What the rules on processes and listeners say, and that they say each thing once."""

import pytest

from driftscan.explain.view import View
from driftscan.findings.processes import FAMILY
from driftscan.model.item import Item, Json
from tests.unit.handmade import leaf, manifest, snapshot, tree
from tests.unit.test_explain_items import FIRST, INIT, SYSTEMD, SYSV, process, script, user

STRANGE: dict[str, Json] = {"package": ""}
FILES = tree(
    leaf(b"etc/hosts", b"f644 0 0"),
    leaf(b"usr/sbin/cron", b"f755 0 0"),
    leaf(b"usr/bin/sleep", b"f755 0 0"),
    leaf(b"usr/bin/busybox", b"f755 0 0"),
    leaf(b"usr/bin/ash", b"l777 0 0", b"busybox"),
    leaf(b"usr/sbin/nginx", b"f755 0 0"),
)
OWNED = (
    manifest("cron", b"/usr/sbin/cron"),
    manifest("coreutils", b"/usr/bin/sleep"),
    manifest("busybox", b"/usr/bin/busybox", b"/usr/bin/ash"),
    manifest("nginx", b"/usr/sbin/nginx"),
)


def found(*items: Item) -> dict[str, list[str]]:
    """Return the subjects of every rule that speaks."""
    subjects: dict[str, list[str]] = {}
    for finding in FAMILY.find(view(*items)):
        subjects.setdefault(finding.rule, []).append(finding.subject)
    return subjects


def view(*items: Item) -> View:
    return View(snapshot([FIRST, *SYSTEMD, *items], files=FILES, manifests=OWNED))


def listener(pid: int, exe: str, package: str | None, address: str = "0.0.0.0", port: int = 80) -> Item:
    told = {"protocol": "tcp", "state": "listen", "address": address, "port": port, "exe": exe, "package": package}
    return Item("sockets", f"tcp {address}:{port}", told, {"pid": [pid]})


@pytest.mark.parametrize(
    ("item", "rule"),
    [
        (process("/opt/t -d", unit="ssh.service", deleted=True, package=""), "process-deleted-executable"),
        (process("/usr/sbin/nginx", unit="shop.service", deleted=True, package="nginx"), "process-deleted-library"),
        (process("/usr/sbin/gone", unit="shop.service", deleted=True, package="nginx"), "process-deleted-executable"),
        (
            process("/usr/sbin/nginx", unit="shop.service", deleted_libraries=["/usr/lib/x.so"]),
            "process-deleted-library",
        ),
        (process("[kworker/u8:9] 1", exe="/usr/bin/sleep", unit="shop.service"), "process-false-name"),
        (process("kswapd0", exe="/home/bob/.x", unit="shop.service", package=""), "process-false-name"),
        (process("x", exe="/usr/bin/sleep", name="kworker/0:1", unit="shop.service"), "process-false-name"),
        (process("/usr/sbin/cron -f", exe="/opt/app/worker", unit="shop.service", package=""), "process-false-name"),
        (process("cron", exe="/usr/bin/sleep", unit="shop.service"), "process-false-name"),
        (process("/tmp/x", unit="shop.service", package=""), "process-from-odd-place"),
        (process("python3 /home/bob/bot.py", exe="/usr/bin/python3", unit="shop.service"), "process-from-odd-place"),
        (process("/usr/bin/sleep 9", unit="ssh.service"), "process-not-after-reboot"),
        (process("/usr/bin/sleep 9", unit="run-*.service"), "process-not-after-reboot"),
    ],
)
def test_a_process_is_named_by_its_rule_and_by_no_other(item: Item, rule: str) -> None:
    said = found(item)
    assert list(said) == [rule]
    assert len(said[rule]) == 1


@pytest.mark.parametrize(
    "item",
    [
        process("/usr/sbin/cron -f", unit="cron.service"),
        process("nginx: master process /usr/sbin/nginx", exe="/usr/sbin/nginx", unit="shop.service"),
        process("-bash", f"/usr/sbin/sshd < {INIT}", exe="/usr/bin/bash", unit="ssh.service"),
        process("/usr/bin/ash", exe="/usr/bin/busybox", unit="shop.service"),
        process("[celeryd:", exe="/usr/bin/python3.11", unit="shop.service"),
        process("/usr/sbin/cron", exe="/bin/busybox", unit="shop.service", package=""),
        process("(sd-pam)", exe="/usr/lib/systemd/systemd", unit="user@0.service/init.scope"),
        process("postfix/pickup", exe="/usr/lib/postfix/pickup", unit="shop.service"),
        process("cron", exe="/usr/bin/perl5.36", unit="shop.service", package="perl"),
        process("kworker/0:1", exe=None, kernel=True),
        process(
            "/usr/sbin/nginx", exe="/usr/sbin/nginx", container="docker:1", package=None, deleted_libraries=["/x.so"]
        ),
        process("/tmp/x", container="docker:1", package=None, parent=f"x < {INIT}"),
        process("/usr/bin/sleep 9", None, unit="ssh.service"),  # its parent was not shown: nobody knows
    ],
)
def test_what_is_as_it_should_be_is_left_in_peace(item: Item) -> None:
    assert found(item) == {}


def test_tools_of_who_is_logged_in_are_the_own_affair() -> None:
    bob = user("bob", 1000, home="/home/bob", shell="/bin/bash")
    mine = process(
        "/home/bob/bin/tool", f"/usr/bin/bash < /usr/sbin/sshd < {INIT}", unit="ssh.service", user="bob", package=""
    )
    theirs = process(
        "/home/eve/tool", f"/usr/bin/bash < /usr/sbin/sshd < {INIT}", unit="ssh.service", user="bob", package=""
    )
    assert found(bob, mine, theirs) == {"process-from-odd-place": ["/home/eve/tool"]}


def test_what_was_started_by_hand_is_told_once_with_what_it_has_started() -> None:
    su = process("su bob -c run", exe="/usr/bin/su", unit="ssh.service", pid=10)
    run = process("/usr/bin/sleep 9", f"/usr/bin/su < {INIT}", unit="ssh.service", pid=11)
    run = Item("processes", run.key, run.attributes, {"pid": [11], "ppid": [10]})
    [finding] = FAMILY.find(view(su, run))
    assert (finding.rule, finding.subject) == ("process-not-after-reboot", "/usr/bin/sleep 9")
    assert finding.evidence["with"] == ["su bob -c run"]
    hidden = Item("processes", "hidden", {**run.attributes, "argv": ["[kworker/u8:9]"]}, run.volatile)
    [finding] = FAMILY.find(view(su, hidden))
    assert finding.rule == "process-false-name"
    assert finding.evidence["started"] == "by hand"


def test_the_gravest_carries_the_ports() -> None:
    secret = process("/opt/t -d", unit="ssh.service", deleted=True, package="", pid=84)
    [finding] = FAMILY.find(view(secret, listener(84, "/opt/t", "", port=9125)))
    assert finding.rule == "process-deleted-executable"
    assert finding.evidence["listens"] == ["tcp 0.0.0.0:9125"]


def test_listeners_of_nobody() -> None:
    worker = process("/opt/shop/run", unit="shop.service", package="", pid=5)
    app = process(
        "python3 app.py", exe="/usr/bin/python3.11", cwd="/srv", unit="shop.service", package="python3", pid=6
    )
    web = process("/usr/sbin/nginx", unit="shop.service", package="nginx", pid=7)
    sockets = [
        listener(5, "/opt/shop/run", ""),
        listener(5, "/opt/shop/run", "", address="[::]"),
        listener(6, "/usr/bin/python3.11", "python3", address="127.0.0.1", port=81),
        listener(7, "/usr/sbin/nginx", "nginx", port=82),
    ]
    said = {one.subject: one for one in FAMILY.find(view(worker, app, web, *sockets))}
    assert {subject: one.severity.value for subject, one in said.items()} == {
        "tcp 0.0.0.0:80": "medium",
        "tcp 127.0.0.1:81": "low",
    }
    assert said["tcp 0.0.0.0:80"].evidence["also"] == ["tcp [::]:80"]
    assert said["tcp 127.0.0.1:81"].evidence["program"] == "/srv/app.py"


def test_of_a_script_that_was_not_read_nobody_knows_what_it_starts() -> None:
    lone = process("/opt/my/svc", "/usr/sbin/init", package="")
    mine = script("my", package="")
    text = Item("contents", "/etc/init.d/my", {"path": "/etc/init.d/my", "text": "#!/bin/sh\necho\n"})

    def said(*items: Item) -> list[str]:
        return [one.rule for one in FAMILY.find(View(snapshot([SYSV, *items], files=FILES, manifests=OWNED)))]

    assert said(lone) == ["process-not-after-reboot"]
    assert said(lone, mine) == []
    assert said(lone, mine, text) == ["process-not-after-reboot"]


def test_every_rule_has_its_page() -> None:
    assert all(rule.doc.count("\n\n") >= 1 for rule in FAMILY.rules)


def test_what_runs_in_a_container_is_low_and_its_listeners_are_its_own() -> None:
    first = process("/process_api", None, 1, name="process_api")
    hidden = process("[kworker/u8:9] 1", f"/usr/bin/su < {INIT}", exe="/usr/bin/sleep", unit="ssh.service")
    gone = process("/opt/t -d", INIT, 78, unit="ssh.service", deleted=True, package="")
    old = process("/usr/sbin/nginx", INIT, 79, unit="x.service", deleted_libraries=["/usr/lib/x.so"], package="nginx")
    worker = process("/opt/shop/run", INIT, 80, unit="shop.service", package="")
    seen = View(
        snapshot([first, hidden, gone, old, worker, listener(80, "/opt/shop/run", "")], files=FILES, manifests=OWNED)
    )
    said = {one.rule: one for one in FAMILY.find(seen)}
    assert set(said) == {"process-false-name", "process-deleted-executable"}
    assert {one.severity.value for one in said.values()} == {"low"}
    assert said["process-false-name"].evidence["started"] == "container ssh.service"
