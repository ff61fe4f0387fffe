"""What the rules on schedules say, and what of a command line is taken for missing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftscan.explain.view import View
from driftscan.findings.commands import missing, simple_commands
from driftscan.findings.schedules import FAMILY
from driftscan.model.finding import Finding
from driftscan.model.item import Item, Json
from tests.unit.handmade import leaf, manifest, snapshot, tree
from tests.unit.test_explain_items import user

FILES = tree(
    leaf(b"usr/bin/true", b"f755 0 0"),
    leaf(b"usr/bin/python3.11", b"f755 0 0"),
    leaf(b"usr/bin/python3", b"l777 0 0", b"python3.11"),
    leaf(b"usr/bin/flock", b"f755 0 0"),
    leaf(b"bin", b"l777 0 0", b"usr/bin"),
    leaf(b"opt/shop/bin/report", b"f755 0 0"),
    leaf(b"opt/shop/report.py", b"f755 0 0"),
    leaf(b"etc/systemd/system/nightly.timer", b"f644 0 0"),
    leaf(b"etc/systemd/system/apt-daily.timer", b"l777 0 0", b"/dev/null"),
)


def schedule(file: str, command: str = "/usr/bin/true", **more: Json) -> Item:
    told: dict[str, Json] = {"kind": "cron", "file": file, "user": "root", "when": "0 4 * * *", "command": command}
    told |= {"package": "", "ignored": False, "why": None, "environment": None, "unit": None, "input": None}
    told |= more
    key = file.rpartition("/")[2] if told["kind"] == "timer" else f"{file}: {command}"
    return Item("schedules", key, told)


def view(*items: Item) -> View:
    return View(snapshot([user("root", 0), *items], files=FILES, manifests=[manifest("stock", b"/usr/bin/true")]))


def found(*items: Item) -> list[Finding]:
    return sorted(FAMILY.find(view(*items)), key=lambda one: (one.rule, one.subject))


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (schedule("/etc/cron.d/ours"), "schedule-by-hand /etc/cron.d/ours"),
        (schedule("/var/spool/cron/crontabs/bob", user="root"), "schedule-by-hand /var/spool/cron/crontabs/bob"),
        (schedule("/etc/cron.daily/x", "/etc/cron.daily/x", kind="script"), "schedule-by-hand /etc/cron.daily/x"),
        (schedule("/etc/systemd/system/nightly.timer", kind="timer"), "schedule-by-hand nightly.timer"),
        (
            schedule("/etc/systemd/system/nightly.timer", kind="timer", ignored=True, why="nothing starts it"),
            "schedule-by-hand nightly.timer",
        ),
        (schedule("/etc/cron.d/ours", "/opt/gone"), "schedule-points-to-nothing /etc/cron.d/ours"),
        (schedule("/etc/cron.d/ours", user="nobodyhere"), "schedule-points-to-nothing /etc/cron.d/ours"),
        (
            schedule("/etc/systemd/system/nightly.timer", "/opt/gone", kind="timer"),
            "schedule-points-to-nothing nightly.timer",
        ),
        (schedule("/etc/cron.d/a.conf", ignored=True, why="its name"), "schedule-ignored /etc/cron.d/a.conf"),
    ],
)
def test_a_schedule_is_named_by_its_rule_and_by_no_other(item: Item, said: str) -> None:
    assert [f"{one.rule} {one.subject}" for one in found(item)] == [said]


@pytest.mark.parametrize(
    "item",
    [
        schedule("/etc/cron.d/e2scrub_all", "/sbin/gone -A", package="e2fsprogs"),
        schedule("/etc/cron.d/old.dpkg-dist", ignored=True, why="its name"),
        schedule("/etc/cron.daily/x", kind="script", package="stock", ignored=True, why="it is not executable"),
        schedule("/etc/systemd/system/apt-daily.timer", kind="timer", ignored=True, why="it is masked"),
        schedule("/usr/lib/systemd/system/x.timer", kind="timer", package="stock", ignored=True, why="not active"),
    ],
)
def test_what_is_as_it_should_be_is_left_in_peace(item: Item) -> None:
    assert found(item) == []


def test_all_lines_of_a_file_are_one_finding() -> None:
    lines = [schedule("/etc/cron.d/ours", f"/usr/bin/true {number}") for number in range(12)]
    [finding] = found(*lines)
    assert finding.evidence["count"] == 12
    assert len(finding.evidence["lines"]) == 10
    [broken] = found(*lines, schedule("/etc/cron.d/ours", "/opt/gone"), schedule("/etc/cron.d/ours", "/opt/lost"))
    assert (broken.rule, broken.evidence["missing"]) == ("schedule-points-to-nothing", ["/opt/gone", "/opt/lost"])


def test_the_path_of_a_crontab_counts() -> None:
    assert [one.rule for one in found(schedule("/etc/cron.d/x", "report"))] == ["schedule-points-to-nothing"]
    mine = schedule("/etc/cron.d/x", "report", environment="MAILTO=\nPATH=/opt/shop/bin:/usr/bin")
    assert [one.rule for one in found(mine)] == ["schedule-by-hand"]


@pytest.mark.parametrize(
    ("command", "gone"),
    [
        ("/usr/bin/true", []),
        ("/bin/true --x", []),  # by way of a link
        ("true", []),
        ("no-such-tool --x", ["no-such-tool"]),
        ("/opt/gone", ["/opt/gone"]),
        ("cd /srv && /opt/gone >/dev/null 2>&1", ["/opt/gone"]),
        ("/usr/bin/true | /opt/gone; true", ["/opt/gone"]),
        ("A=1 nice -n 10 flock -n /run/x /opt/gone -v", ["/opt/gone"]),
        ("sudo -u bob /opt/gone", ["/opt/gone"]),
        ("timeout 60 true", []),
        ("python3 /opt/shop/report.py >> /var/log/x 2>&1", []),
        ("python3 -u /opt/gone.py", ["/opt/gone.py"]),
        ("[ -x /opt/gone ] && /opt/gone", []),
        ("test -x /opt/gone || exit 0; /opt/gone", []),
        ("command -v gone >/dev/null && gone", []),
        ("/opt/gone || true", []),
        ("$HOME/bin/x", []),
        ("~/bin/x", []),
        ("./x", []),
        ("true > /var/backups/x-$(date +%F --gone).sql.gz", []),
        ("echo `gone now` | true", []),
        ("/run/made/later", []),
        ("echo 'it is not closed", []),
        ("for i in a b; do true; done", []),
        ("true # /opt/gone", []),
        ("&> /dev/null true", []),
        ("", []),
    ],
)
def test_what_of_a_command_is_missing(command: str, gone: list[str]) -> None:
    assert missing(view(), command) == gone


PLAIN = view()


@given(st.text(alphabet="ab /'\"$()`;&|<>#{}[]\\\n\x00é=-", max_size=60))
def test_any_command_is_read_without_harm(command: str) -> None:
    assert isinstance(missing(PLAIN, command), list)
    assert all(isinstance(words, list) for words in simple_commands(command))


def test_every_rule_has_its_page() -> None:
    assert all(rule.doc.count("\n\n") >= 1 for rule in FAMILY.rules)
