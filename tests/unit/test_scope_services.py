from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driftscan.model.outcome import HostFile, Outcome, ProbeResult
from driftscan.scopes.services import SCOPE
from driftscan.scopes.units.init import started
from driftscan.scopes.units.unit_files import parse_settings, unit_files
from driftscan.scopes.units.units_live import live_units, moment
from tests.unit.scope_checks import Recorded, Results, garbled, truncated, well_formed

FLAVORS = ["arch", "bookworm", "bookworm-nopy", "busybox", "rpm", "sauced", "sauced-plain", "sysv"]
ETC, LIB = "/etc/systemd/system", "/usr/lib/systemd/system"


def ok(name: str, stdout: bytes = b"", files: tuple[HostFile, ...] = ()) -> ProbeResult:
    return ProbeResult(name, Outcome.OK, stdout=stdout, files=files)


def disk(files: dict[str, str | None], links: dict[str, str] | None = None) -> dict[str, ProbeResult]:
    """Give what the probes would bring of these unit files (None: cannot be read) and links."""
    listing, contents = b"", b""
    for path, body in files.items():
        listing += b"f %d\0%s\0\0" % (1 if body is None else len(body), path.encode())
        folder = next(d for d in (ETC, LIB, "/run/systemd/generator") if path.startswith(d + "/"))
        contents += b"\0%s\n" % folder.encode()
        for line in (body or "").splitlines():
            contents += b"./%s\0%s\n" % (path.removeprefix(folder + "/").encode(), line.encode())
    for path, target in (links or {}).items():
        listing += b"l %d\0%s\0%s\0" % (len(target), path.encode(), target.encode())
    return {
        "unit_list": ok("unit_list", listing),
        "unit_files": ok("unit_files", contents),
        "init": ok("init", b"systemd\n"),
    }


def show(*units: dict[str, str]) -> dict[str, ProbeResult]:
    body = "\n\n".join("\n".join(f"{key}={value}" for key, value in unit.items()) for unit in units) + "\n"
    return {"units": ok("units", body.encode())}


def by_key(results: Results) -> dict:
    parsed = SCOPE.parse(results)
    well_formed(SCOPE, parsed)
    return {item.key: item for item in parsed.items}


@pytest.mark.parametrize("flavor", FLAVORS)
def test_every_flavor_is_understood(recorded: Recorded, flavor: str) -> None:
    parsed = SCOPE.parse(recorded(flavor, "services"))
    well_formed(SCOPE, parsed)
    assert not parsed.unparsed
    assert not parsed.denied
    assert len(parsed.items) > 4


def test_stock_services(recorded: Recorded) -> None:
    items = by_key(recorded("bookworm", "services"))
    cron = items["cron.service"].attributes
    assert (cron["enabled"], cron["active"], cron["load"]) == ("enabled", "active", "loaded")
    assert cron["fragment"] == "/usr/lib/systemd/system/cron.service"
    assert cron["command"] == "/usr/sbin/cron -f $EXTRA_OPTS"
    assert cron["needs_reload"] is False
    assert items["cron.service"].volatile["main_pid"] > 1
    assert items["cron.service"].volatile["since"].endswith("Z")
    assert items["sshd.service"].attributes["alias_of"] == "ssh.service"
    assert items["sysv: cron"].attributes["replaced_by"] == "cron.service"
    assert items["apt-daily.service"].attributes["active"] == "on demand"
    assert items["default.target"].attributes["alias_of"] == "graphical.target"
    assert not [key for key in items if key.endswith((".scope", ".slice", ".device")) or key.startswith("user@0")]


def test_what_was_planted_is_seen(recorded: Recorded) -> None:
    items = by_key(recorded("sauced", "services"))
    nginx = items["nginx.service"].attributes
    assert nginx["dropins"] == ["/etc/systemd/system/nginx.service.d/override.conf"]
    assert nginx["environment"] == "LD_PRELOAD="
    worker = items["shop-worker.service"].attributes
    assert worker["environment"] == "QUEUE=orders TOKEN=<secret:TOKEN>"
    assert (worker["user"], worker["command"]) == ("deploy", "/usr/local/bin/shop-worker.py")
    assert (worker["enabled"], worker["active"]) == ("enabled", "active")
    assert items["redis-server.service"].attributes["active"] == "active"
    timer = items["apt-daily.timer"].attributes
    assert (timer["enabled"], timer["load"], timer["active"]) == ("masked", "masked", "inactive")
    assert items["nightly.timer"].attributes["fragment"] == "/etc/systemd/system/nightly.timer"
    assert "mthompson" in items["rc.local: rc.local"].attributes["command"]
    assert items["rc.local: rc.local"].attributes["enabled"] == "enabled"


def test_sysv_has_no_units_of_systemd(recorded: Recorded) -> None:
    parsed = SCOPE.parse(recorded("sysv", "services"))
    items = {item.key: item.attributes for item in parsed.items}
    assert {attributes["manager"] for attributes in items.values()} == {"sysv", "inittab", "rc.local"}
    assert parsed.notes == ["unit files of systemd left out: init is not systemd here"]
    assert (items["sysv: cron"]["enabled"], items["sysv: cron"]["runlevels"]) == ("enabled", ["2", "3", "4", "5"])
    assert items["sysv: cron"]["replaced_by"] is None
    assert items["inittab: si"]["command"] == "/etc/init.d/rcS"
    assert "sysv: README" not in items


def test_busybox_inittab(recorded: Recorded) -> None:
    items = by_key(recorded("busybox", "services"))
    assert items["inittab: respawn /usr/sbin/dropbear -F -E -R -s"].attributes["enabled"] == "respawn"


def test_enablement_is_what_systemctl_says() -> None:
    results = disk(
        {
            f"{LIB}/a.service": "[Service]\nExecStart=/bin/a\n[Install]\nWantedBy=multi-user.target",
            f"{LIB}/b.service": "[Install]\nWantedBy=multi-user.target",
            f"{LIB}/c.service": "[Service]\nExecStart=/bin/c",
            f"{LIB}/d.service": "[Install]\nAlso=d.socket",
            f"{LIB}/e@.service": "[Install]\nWantedBy=multi-user.target",
            f"{LIB}/f.service": "[Install]\nAlias=ff.service",
            f"{ETC}/g.service": "",
            "/run/systemd/generator/h.service": "[Service]",
            f"{LIB}/i.service": "[Service]",
        },
        {
            f"{ETC}/multi-user.target.wants/a.service": f"{LIB}/a.service",
            f"{ETC}/multi-user.target.wants/e@x.service": f"{LIB}/e@.service",
            f"{ETC}/ff.service": f"{LIB}/f.service",
            f"{ETC}/i.service": "/dev/null",
            f"{ETC}/j.service": "/opt/j/j.service",
            f"{ETC}/multi-user.target.wants/gone.service": f"{LIB}/gone.service",
            f"{LIB}/multi-user.target.wants/c.service": "../c.service",
        },
    )
    states = {name: unit.state for name, unit in unit_files(results).units.items()}
    assert states == {
        "a.service": "enabled",
        "b.service": "disabled",
        "c.service": "static",
        "d.service": "indirect",
        "e@.service": "enabled",
        "e@x.service": "enabled",
        "f.service": "enabled",
        "ff.service": "alias",
        "g.service": "masked",
        "h.service": "generated",
        "i.service": "masked",
        "j.service": "linked",
        "gone.service": "enabled",
    }
    items = by_key(results)
    assert items["gone.service"].attributes["load"] == "not-found"
    assert items["c.service"].attributes["wanted_by"] == ["multi-user.target"]
    assert items["a.service"].attributes["active"] is None  # nobody was asked


def test_dropins_override_in_their_order() -> None:
    results = disk(
        {
            f"{LIB}/web-x.service": "[Service]\nExecStart=/bin/old\nUser=a\nEnvironment=A=1",
            f"{LIB}/web-x.service.d/20-b.conf": "[Service]\nExecStart=\nExecStart=/bin/new \\\n  --token=s3cr3t-1",
            f"{ETC}/web-x.service.d/10-a.conf": "[Service]\nUser=b\nEnvironment=B=2",
            f"{LIB}/web-x.service.d/10-a.conf": "[Service]\nUser=hidden by the one in etc",
            f"{LIB}/web-.service.d/30-c.conf": "[Service]\nNice=1",
            f"{LIB}/service.d/40-d.conf": "[Service]\nNice=2",
        },
        {f"{ETC}/service.d/40-d.conf": "/dev/null"},
    )
    web = by_key(results)["web-x.service"].attributes
    assert web["dropins"] == [
        f"{ETC}/web-x.service.d/10-a.conf",
        f"{LIB}/web-x.service.d/20-b.conf",
        f"{LIB}/web-.service.d/30-c.conf",
    ]
    assert (web["command"], web["user"]) == ("/bin/new  --token=<secret:token>", "b")
    assert web["environment"] == "A=1\nB=2"


def test_settings_of_a_unit_file() -> None:
    assert parse_settings(["[Unit]", "# X=1", "; Y=1", "A = b \\", "# between", "  c", "A=", "junk"]) == {
        "A": ["b  c", ""]
    }


def test_a_unit_file_that_cannot_be_read_is_denied() -> None:
    parsed = SCOPE.parse(disk({f"{ETC}/secret.service": None}))
    assert parsed.denied == {"unit_files": "1 unit files cannot be read by this account"}
    assert [item.key for item in parsed.items] == ["secret.service"]


def test_what_runs_on_demand_is_no_change() -> None:
    unit = "[Service]\nExecStart=/bin/a"
    files = disk({f"{LIB}/{name}.service": unit for name in ("task", "bus", "daemon")})
    base = {"LoadState": "loaded", "SubState": "x"}
    live = show(
        base | {"Id": "task.service", "ActiveState": "activating", "Type": "oneshot", "TriggeredBy": "task.timer"},
        base | {"Id": "bus.service", "ActiveState": "active", "BusName": "org.x", "Type": "dbus"},
        base
        | {"Id": "daemon.service", "ActiveState": "failed", "TriggeredBy": "daemon.socket", "WantedBy": "a.target"},
    )
    busy = {key: item.attributes["active"] for key, item in by_key(files | live).items()}
    assert busy == {"task.service": "on demand", "bus.service": "on demand", "daemon.service": "failed"}


def test_what_comes_with_a_login_or_a_connection_is_left_out() -> None:
    base = {"LoadState": "loaded", "ActiveState": "active", "SubState": "running"}
    names = ["user@1000.service", "user-runtime-dir@1000.service", "sshd@3-10.0.0.1:22-10.0.0.2:5000.service"]
    kept = ["openvpn@client.service", "run-*.service: ?"]
    seen = [*names, "openvpn@client.service", "run-u7.service", "session-3.scope", "x.slice"]
    live = show(*(base | {"Id": name} for name in seen))
    gone = show({"Id": "auditd.service", "LoadState": "not-found", "ActiveState": "inactive"})
    assert set(by_key(disk({}) | live)) == set(kept)
    assert by_key(disk({}) | gone) == {}


def test_a_value_with_newlines_cannot_forge_a_unit() -> None:
    forged = "{ path=/bin/a ; argv[]=/bin/a\nId=ssh.service\nFragmentPath=/evil ; ignore_errors=no ; }"
    units, strange = live_units(show({"Id": "a.service", "FragmentPath": "/a", "ExecStart": forged})["units"])
    assert units == {}
    assert strange == "1 units not understood"


def test_times_of_systemctl() -> None:
    assert moment("Sun 2026-11-22 03:43:24 UTC") == "2026-11-22T03:43:24Z"
    assert moment("n/a") is None
    assert moment("Sun 2026-13-42 03:43:24 UTC") is None


def test_upstart_openrc_and_scripts_by_number() -> None:
    conf = b'description "Shop"\nstart on runlevel [2345]\nexec /opt/shop/run --password=s3cr3t-1\n'
    script = b"start on x\nmanual\nscript\n  /bin/a\n  /bin/b\nend script\n"
    results = {
        "init_scripts": ok("init_scripts", b"x\0/etc/init.d/S50shop\0-\0/etc/init.d/K10old\0x\0/etc/init.d/net\0"),
        "init_heads": ok("init_heads", b"/etc/init.d/S50shop:#!/bin/sh\n/etc/init.d/net:#!/sbin/openrc-run\n"),
        "runlevels": ok("runlevels", b"/etc/runlevels/default/net\0"),
        "boot_files": ok(
            "boot_files",
            files=(
                HostFile(b"/etc/init/shop.conf", Outcome.OK, conf),
                HostFile(b"/etc/init/old.conf", Outcome.OK, script),
                HostFile(b"/etc/rc.local", Outcome.OK, b"#!/bin/sh\nexit 0\n"),
                HostFile(b"/etc/rc.d/rc.local", Outcome.DENIED),
                HostFile(b"/etc/inittab", Outcome.OK, b"x:2:respawn:/bin/x\nnonsense\n"),
            ),
        ),
    }
    parsed = SCOPE.parse(results)
    well_formed(SCOPE, parsed)
    items = {item.key: item.attributes for item in parsed.items}
    assert items["upstart: shop"]["command"] == "/opt/shop/run --password=<secret:password>"
    assert items["upstart: shop"]["enabled"] == "start on runlevel [2345]"
    assert (items["upstart: old"]["enabled"], items["upstart: old"]["command"]) == ("manual", "/bin/a\n/bin/b")
    assert items["openrc: net"]["runlevels"] == ["default"]
    assert items["openrc: S50shop"]["enabled"] == "enabled"
    assert items["rc.local: rc.local"]["enabled"] == "not executable"
    assert parsed.denied == {"boot_files": "/etc/rc.d/rc.local cannot be read by this account"}
    assert parsed.unparsed == {"boot_files": "1 lines of /etc/inittab not understood"}
    assert len(started(results)[0]) == len(items)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(data=st.data(), flavor=st.sampled_from(["sauced", "sysv", "busybox"]))
def test_whatever_arrives(recorded: Recorded, data: st.DataObject, flavor: str) -> None:
    well_formed(SCOPE, SCOPE.parse(data.draw(garbled(recorded(flavor, "services")))))


@cache
def everything(recorded: Recorded) -> frozenset[str]:
    return frozenset(item.key for item in SCOPE.parse(recorded("sauced", "services")).items)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(data=st.data())
def test_a_cut_invents_nothing(recorded: Recorded, data: st.DataObject) -> None:
    results = recorded("sauced", "services")
    probe = data.draw(st.sampled_from(sorted(results.keys() - {"init"})))
    cut = SCOPE.parse(truncated(results, probe, data.draw(st.integers(0, len(results[probe].stdout)))))
    well_formed(SCOPE, cut)
    whole = everything(recorded)
    transient = {item.key for item in cut.items if probe == "unit_list" and item.attributes["enabled"] == "static"}
    assert {item.key for item in cut.items} - transient <= whole
    if probe == "units":
        assert {item.attributes["active"] for item in cut.items} <= {None, "active", "inactive", "on demand"}
