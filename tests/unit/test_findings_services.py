"""What the rules on services say."""

import pytest

from driftscan.explain.view import View
from driftscan.findings._units import programs, short
from driftscan.findings.services import FAMILY
from driftscan.model.finding import Finding
from driftscan.model.item import Item, Json
from tests.unit.handmade import leaf, manifest, snapshot, tree
from tests.unit.test_explain_items import service

ETC = "/etc/systemd/system/"
FILES = (
    leaf(b"etc/hosts", b"f644 0 0"),
    leaf(b"usr/bin/true", b"f755 0 0"),
    leaf(b"usr/lib/systemd/system/apt-daily.timer", b"f644 0 0"),
    leaf(b"usr/lib/systemd/system/nginx.service", b"f644 0 0"),
    leaf(b"var/lib/systemd/deb-systemd-helper-enabled/timers.target.wants/e2scrub_all.timer", b"f644 0 0"),
)
OWNED = manifest(
    "stock", b"/usr/bin/true", b"/usr/lib/systemd/system/apt-daily.timer", b"/usr/lib/systemd/system/nginx.service"
)
PLAIN = {"command": "/usr/bin/true", "package": ""}


def found(*items: Item, files: tuple = ()) -> list[Finding]:
    view = View(snapshot(items, files=tree(*FILES, *files), manifests=[OWNED]))
    return sorted(FAMILY.find(view), key=lambda one: (one.rule, one.subject))


def unit(name: str, needed_by: list[str] | None = None, **more: Json) -> Item:
    one = service(name, **{"user": None, "directory": None, "needs_reload": False, **more})
    volatile = {
        **one.volatile,
        "since": more.pop("since", "2026-11-22T06:00:00Z"),
        "state": "x",
        "needed_by": needed_by,
    }
    attributes = {key: value for key, value in one.attributes.items() if key != "since"}
    return Item("services", one.key, attributes, volatile)


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (unit("shop.service", fragment=f"{ETC}shop.service", **PLAIN), "low unit-by-hand shop.service"),
        (unit("nginx.service", fragment=f"{ETC}nginx.service", **PLAIN), "low unit-overridden nginx.service"),
        (
            unit("nginx.service", dropins=[f"{ETC}nginx.service.d/override.conf"]),
            "low unit-overridden nginx.service.d/override.conf",
        ),
        (
            unit("apt-daily.timer", load="masked", enabled="masked", package="", fragment=f"{ETC}apt-daily.timer"),
            "low unit-masked apt-daily.timer",
        ),
        (unit("e2scrub_all.timer", enabled="disabled", active="inactive"), "info unit-disabled e2scrub_all.timer"),
        (unit("x.service", active="failed"), "medium unit-failed x.service"),
        (unit("x.service", needs_reload=True), "medium unit-changed-since-start x.service"),
        (unit("x.service", [], enabled="disabled"), "low unit-not-enabled-but-running x.service"),
        (unit("x.service", command="/opt/gone -x"), "medium unit-points-to-nothing x.service"),
        (unit("x.service", directory="/opt/gone"), "medium unit-points-to-nothing x.service"),
        (
            unit("y.service", fragment=f"{ETC}y.service", package="", command="/opt/gone"),
            "medium unit-points-to-nothing y.service",
        ),
        (service("my", "sysv", package="", fragment="/etc/init.d/my"), "low init-script-by-hand /etc/init.d/my"),
        (
            service("x", "inittab", package="", fragment="/etc/inittab", command="/usr/bin/odd -d"),
            "low init-script-by-hand /etc/inittab: x",
        ),
        (service("rc.local", "rc.local", fragment="/etc/rc.local", command="/opt/x &"), "low rc-local /etc/rc.local"),
    ],
)
def test_a_service_is_named_by_its_rule_and_by_no_other(item: Item, said: str) -> None:
    files = (leaf(b"usr/bin/odd", b"f755 0 0"),)
    assert [f"{one.severity.value} {one.rule} {one.subject}" for one in found(item, files=files)] == [said]


@pytest.mark.parametrize(
    "item",
    [
        unit("x.service", command="/usr/bin/true", enabled="static"),
        unit("x.service", ["multi-user.target"], enabled="disabled"),
        unit("x.service", None, enabled="disabled"),  # nobody knows who needs it
        unit("x.service", [], enabled="disabled", active="on demand"),
        unit("x.service", command="-/opt/gone"),
        unit("x.service", command="/opt/gone", conditions=["ConditionPathExists=/opt/gone"]),
        unit("x.service", command="/opt/gone", enabled="disabled", active="inactive"),
        unit("x.service", command="/opt/%i/gone $ARG"),
        unit("x.service", command="/run/made/at-boot"),
        unit("nginx.service", dropins=["/run/systemd/system/nginx.service.d/netplan.conf"]),
        unit("gone.service", load="masked", enabled="masked", package="", fragment=f"{ETC}gone.service"),
        unit(
            "apt-daily.timer", load="masked", enabled="masked-runtime", package=None, fragment="/run/systemd/system/x"
        ),
        unit("x.socket", enabled="generated", package=None, fragment="/run/systemd/generator/x.socket"),
        service("id", "inittab", package="", fragment="/etc/inittab", enabled="initdefault"),
        service("rc.local", "rc.local", fragment="/etc/rc.local", command=None),
        service(
            "rc.local", "rc.local", fragment="/etc/rc.local", command="if test -d /etc/b ; then\n\trun-parts /etc/b\nfi"
        ),
    ],
)
def test_what_is_as_it_should_be_is_left_in_peace(item: Item) -> None:
    assert found(item) == []


def test_a_unit_by_hand_tells_its_own_dropins() -> None:
    mine = unit("shop.service", fragment=f"{ETC}shop.service", dropins=[f"{ETC}shop.service.d/x.conf"], **PLAIN)
    [finding] = found(mine)
    assert finding.evidence["dropins"] == [f"{ETC}shop.service.d/x.conf"]


def test_a_service_of_a_timer_by_hand_is_told_with_the_timer() -> None:
    timer = unit("nightly.timer", fragment=f"{ETC}nightly.timer", package="")
    task = unit("nightly.service", fragment=f"{ETC}nightly.service", enabled="static", active="inactive", **PLAIN)
    told = {"kind": "timer", "unit": "nightly.service", "file": f"{ETC}nightly.timer", "package": ""}
    assert found(timer, task, Item("schedules", "nightly.timer", told)) == []


def test_a_file_that_is_younger_than_the_start_of_its_unit() -> None:
    path = f"{ETC}cron.service.d/nice.conf"
    old = unit("cron.service", dropins=[path], main_pid=7, since="1970-01-01T00:00:02Z")
    new = unit("cron.service", dropins=[path], main_pid=7, since="1970-01-01T00:00:09Z")
    files = (leaf(path[1:].encode(), b"f644 0 0"),)  # of the fourth second of 1970
    assert [one.rule for one in found(old, files=files)] == ["unit-changed-since-start", "unit-overridden"]
    assert [one.rule for one in found(new, files=files)] == ["unit-overridden"]


def test_a_packaged_unit_that_fails_in_a_container_weighs_less() -> None:
    box = Item("system", "virtualization", {"value": "systemd-nspawn"})
    assert [one.severity.value for one in found(unit("x.service", active="failed"), box)] == ["low"]


def test_programs_of_a_command() -> None:
    command = "-/sbin/agetty -o\n@/usr/bin/a b\n!!/usr/bin/c\nsystemd-tmpfiles --clean\n+/opt/%n/x"
    assert list(programs(command)) == [("/sbin/agetty", True), ("/usr/bin/a", False), ("/usr/bin/c", False)]
    assert short("/etc/systemd/system/x.service.d/a.conf") == "x.service.d/a.conf"
    assert short("/opt/x") == "/opt/x"


def test_every_rule_has_its_page() -> None:
    assert all(rule.doc.count("\n\n") >= 1 for rule in FAMILY.rules)
