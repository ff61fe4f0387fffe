"""What starts, in a role: units and scripts by hand, packaged ones enabled, disabled, masked or configured by hand."""

from typing import Any

import pytest

from driftscan.model.item import Item
from driftscan.role.desk import Desk
from driftscan.role.model import LeftOut
from driftscan.role.planners import services
from driftscan.role.resources import Lines, Service
from driftscan.role.steering import Steering, Wanted
from tests.unit.handmade import leaf, manifest
from tests.unit.role_desk import SYSTEMD, desk_of, item, planned, text

DIR = "/etc/systemd/system"
NGINX = manifest("nginx", b"/etc/nginx", b"/lib/systemd/system/nginx.service")
INIT = manifest("systemd", b"/lib/systemd/systemd")
DPKG = item("packages", "nginx", name="nginx", manager="dpkg", source="nginx")
UNIT = "[Service]\nExecStart=/opt/app/run\n[Install]\nWantedBy=multi-user.target other.target\nAlias=web.service\n"


def unit(name: str, volatile: dict[str, Any] | None = None, **has: Any) -> Item:
    kind = name.rpartition(".")[2]
    told = {"manager": "systemd", "load": "loaded", "enabled": "enabled", "active": "active", "kind": kind,
            "fragment": f"{DIR}/{name}", "package": "", **has}  # fmt: skip
    return item("services", name, volatile or {"needed_by": []}, name=name, **told)


def packaged(name: str = "nginx.service", package: str = "nginx", **has: Any) -> Item:
    told = {"wanted_by": ["multi-user.target"], **has}
    return unit(name, fragment=f"/lib/systemd/system/{name}", package=package, **told)


def script(name: str, **has: Any) -> Item:
    told = {"manager": "sysv", "kind": "script", "enabled": "enabled", "fragment": f"/etc/init.d/{name}",
            "package": "", "runlevels": ["2", "3"], **has}  # fmt: skip
    return item("services", f"sysv: {name}", name=name, **told)


def service(desk: Desk) -> Service:
    (one,) = planned(services, desk, Service)
    return one


def link(path: str, target: str) -> Any:
    return leaf(path.encode(), b"l777 0 0", target.encode())


def test_a_unit_by_hand_is_enabled_and_runs_and_its_links_follow_from_that() -> None:
    leaves = [
        leaf(f"{DIR}/app.service".encode(), b"f644 0 0"),
        link(f"{DIR}/multi-user.target.wants/app.service", f"{DIR}/app.service"),
        link(f"{DIR}/web.service", "app.service"),
        link(f"{DIR}/halt.target.wants/app.service", f"{DIR}/app.service"),
    ]
    desk = desk_of([SYSTEMD, unit("app.service"), text(f"{DIR}/app.service", UNIT)], *leaves)
    one = service(desk)
    assert (one.name, one.manager, one.enabled, one.active, one.masked) == ("app.service", "systemd", True, True, False)
    assert desk.taken == {f"{DIR}/multi-user.target.wants/app.service", f"{DIR}/web.service"}, "add-wants is another's"


@pytest.mark.parametrize(
    ("has", "made"),
    [
        ({"enabled": "static", "active": "on demand"}, None),
        ({"enabled": "disabled", "active": "inactive"}, None),
        ({"active": "inactive"}, (True, None)),
        ({"active": "failed"}, (True, None)),
    ],
)
def test_a_unit_by_hand_is_as_it_was_seen(has: dict[str, str], made: tuple[bool, bool | None] | None) -> None:
    found = planned(services, desk_of([SYSTEMD, unit("app.service", **has)]), Service)
    assert [(one.enabled, one.active) for one in found] == ([made] if made else [])


def test_an_instance_is_enabled_and_its_template_is_not() -> None:
    desk = desk_of([SYSTEMD, unit("nap@.service", active=None), unit("nap@9.service", fragment=f"{DIR}/nap@.service")])
    assert service(desk).name == "nap@9.service"


def test_what_was_started_by_hand_is_named() -> None:
    lost = unit("loose.service", enabled="disabled")
    (one,) = planned(services, desk_of([SYSTEMD, lost]))
    assert isinstance(one, LeftOut)
    assert one.reason == "it runs, but nothing starts it"


def test_a_masked_unit_is_masked_and_the_link_follows_from_that() -> None:
    masked = unit("apt.timer", load="masked", enabled="masked", active="inactive")
    desk = desk_of([SYSTEMD, masked], link(f"{DIR}/apt.timer", "/dev/null"))
    assert service(desk).masked
    assert desk.taken == {f"{DIR}/apt.timer"}


RECORD = leaf(b"/var/lib/systemd/deb-systemd-helper-enabled/multi-user.target.wants/nginx.service", b"f644 0 0")


@pytest.mark.parametrize(
    ("has", "leaves", "made"),
    [
        ({}, [RECORD], None),
        ({"enabled": "disabled", "active": "inactive", "wanted_by": []}, [RECORD], (False, False)),
        ({"enabled": "disabled", "active": "active", "wanted_by": ["x.target"]}, [RECORD], (False, None)),
        ({}, [], (True, True)),
        ({"active": "inactive"}, [], (True, None)),
        ({"enabled": "disabled", "active": "inactive", "wanted_by": []}, [], None),
    ],
)
def test_debians_records_tell_what_a_package_enables(has: dict[str, Any], leaves: list[Any], made: Any) -> None:
    desk = desk_of([SYSTEMD, DPKG, packaged(**has)], *leaves, manifests=[NGINX, INIT])
    assert [(one.enabled, one.active) for one in planned(services, desk, Service)] == ([made] if made else [])


@pytest.mark.parametrize(
    ("package", "said", "made"),
    [
        ("nginx", b"systemctl enable nginx.service || true\n", False),
        ("nginx", b"deb-systemd-helper enable 'nginx.service'\n", True),
        ("systemd", None, False),
        ("systemd", b"true\n", True),
    ],
)
def test_a_packages_own_script_may_enable_it_too(package: str, said: bytes | None, made: bool) -> None:
    says = {f"/var/lib/dpkg/info/{package}.postinst".encode(): said} if said is not None else {}
    desk = desk_of([SYSTEMD, DPKG, packaged(package=package)], leaf(b"/lib/systemd/systemd", b"f755 0 0"),
                   manifests=[NGINX, INIT], says=says)  # fmt: skip
    assert bool(planned(services, desk, Service)) is made
    assert desk.wanted == {f"/var/lib/dpkg/info/{package}.postinst".encode()}


@pytest.mark.parametrize(
    ("presets", "enabled", "made"),
    [
        (b"enable ssh*\ndisable *\n", "enabled", True),
        (b"enable nginx.*\ndisable *\n", "enabled", None),
        (b"enable nginx.*\ndisable *\n", "disabled", False),
        (b"# nothing\n", "disabled", None),
        (None, "enabled", None),
    ],
)
def test_presets_tell_what_a_package_enables_elsewhere(presets: bytes | None, enabled: str, made: bool | None) -> None:
    path = b"/usr/lib/systemd/system-preset/99-default.preset"
    rpm = item("packages", "nginx", name="nginx", manager="rpm", source="nginx")
    desk = desk_of([SYSTEMD, rpm, packaged(enabled=enabled)], leaf(path, b"f644 0 0"), manifests=[NGINX, INIT],
                   says={path: presets} if presets is not None else {})  # fmt: skip
    assert [one.enabled for one in planned(services, desk, Service)] == ([] if made is None else [made])


def test_a_service_whose_settings_somebody_wrote_runs() -> None:
    desk = desk_of(
        [SYSTEMD, DPKG, packaged()], RECORD, leaf(b"/etc/nginx/conf.d/shop.conf", b"f644 0 0"), manifests=[NGINX, INIT]
    )
    one = service(desk)
    assert (one.name, one.enabled, one.active) == ("nginx.service", None, True)
    assert "/etc/nginx/conf.d" in one.why.words


RC = item("services", "rc.local: rc.local", name="rc.local", manager="rc.local", kind="script", enabled="enabled",
          fragment="/etc/rc.local", command="/opt/app/run &", package="")  # fmt: skip


def test_rc_local_is_run_by_its_unit() -> None:
    runs = packaged("rc-local.service", "systemd", enabled="enabled-runtime")
    one = service(desk_of([SYSTEMD, RC, runs], leaf(b"/etc/rc.local", b"f755 0 0")))
    assert (one.name, one.enabled, one.active, one.why.key) == ("rc-local.service", None, True, RC.key)


def test_rc_local_that_nobody_may_execute_is_named() -> None:
    idle = Item(RC.scope, RC.key, {**RC.attributes, "enabled": "not executable"})
    (one,) = planned(services, desk_of([SYSTEMD, idle], leaf(b"/etc/rc.local", b"f644 0 0")))
    assert isinstance(one, LeftOut)
    assert "not executable" in one.reason


@pytest.mark.parametrize(("said", "active"), [("case $1 in status) ;; esac", True), ("echo $1", None)])
def test_an_init_script_by_hand_is_started_by_init(said: str, active: bool | None) -> None:
    leaves = [leaf(b"/etc/init.d/foo", b"f755 0 0"), link("/etc/rc2.d/S01foo", "../init.d/foo"),
              link("/etc/rc0.d/K01foo", "../init.d/foo"), link("/etc/rc2.d/S01other", "../init.d/other")]  # fmt: skip
    desk = desk_of([script("foo"), text("/etc/init.d/foo", said)], *leaves)
    one = service(desk)
    assert (one.name, one.manager, one.enabled, one.active) == ("foo", "sysv", True, active)
    assert desk.taken == {"/etc/rc2.d/S01foo", "/etc/rc0.d/K01foo"}


def test_systemd_makes_a_unit_of_an_init_script() -> None:
    made = unit("foo.service", enabled="generated", fragment="/run/systemd/generator.late/foo.service")
    desk = desk_of([SYSTEMD, script("foo"), made], leaf(b"/etc/init.d/foo", b"f755 0 0"))
    one = service(desk)
    assert (one.name, one.manager, one.enabled, one.active) == ("foo.service", "systemd", True, True)


@pytest.mark.parametrize(("folder", "made"), [("rc3.d", [False]), ("rc0.d", [])])
def test_a_packaged_init_script_that_was_stopped_stays_so(folder: str, made: list[bool]) -> None:
    stopped = script("cron", enabled="disabled", package="cron")
    desk = desk_of([DPKG, stopped], link(f"/etc/{folder}/K01cron", "../init.d/cron"))
    assert [one.enabled for one in planned(services, desk, Service)] == made


def test_a_line_of_inittab_is_a_line() -> None:
    entry = item("services", "inittab: x1", name="x1", manager="inittab", kind="entry", enabled="respawn",
                 fragment="/etc/inittab", command="/opt/food", package="")  # fmt: skip
    said = text("/etc/inittab", "id:2:initdefault:\nx1:23:respawn:/opt/food\n")
    desk = desk_of([entry, said], leaf(b"/opt/food", b"f755 0 0"))
    (lines,) = planned(services, desk, Lines)
    assert (lines.path, lines.lines, lines.notify) == (
        "/etc/inittab", ("x1:23:respawn:/opt/food",), ("read inittab anew",),
    )  # fmt: skip


def test_what_no_emitter_could_start_is_named() -> None:
    job = item("services", "openrc: foo", name="foo", manager="openrc", kind="script", enabled="enabled",
               fragment="/etc/init.d/foo", package="")  # fmt: skip
    (one,) = planned(services, desk_of([job], leaf(b"/etc/init.d/foo", b"f755 0 0")))
    assert isinstance(one, LeftOut)
    assert one.limit


def test_who_is_excluded_is_not_planned() -> None:
    steering = Steering(exclude=(Wanted("app.service", "services"),))
    assert planned(services, desk_of([SYSTEMD, unit("app.service")], steering=steering)) == []
