from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driftscan.model.outcome import HostFile, Outcome, ProbeResult
from driftscan.scopes.schedules import SCOPE
from driftscan.scopes.units.cron import crontab, is_time, split_percent
from tests.unit.scope_checks import Recorded, Results, garbled, truncated, well_formed

FLAVORS = ["arch", "bookworm", "bookworm-nopy", "busybox", "rpm", "sauced", "sauced-plain", "sysv"]
STRANGE = b"""\
# a comment, then an empty line

SHELL=/bin/bash
  MAILTO = "ops@acme.example"
PGPASSWORD='s3cr3t-1'
*/5 0-6,8 1-31/2 jan-mar Mon-Fri\troot\t/bin/a  --x
\t @daily\tdeploy /bin/b 100\\% %in\\%put%second
@reboot root sleep 30 && /bin/c
H H * * * root /bin/d
-0 4 * * sun root /bin/quiet
61 is no minute but cron says so itself
0 4 * * * root
1 2 3 nonsense
@sometimes root /bin/e
"""


def tables(*files: HostFile, debian: bool = False) -> dict[str, ProbeResult]:
    return {"tables": ProbeResult("tables", Outcome.OK, stdout=b"debian\n" if debian else b"", files=files)}


def file(path: str, body: bytes = b"0 1 * * * root /bin/x\n") -> HostFile:
    return HostFile(path.encode(), Outcome.OK, body)


def by_key(results: Results) -> dict:
    parsed = SCOPE.parse(results)
    well_formed(SCOPE, parsed)
    return {item.key: item for item in parsed.items}


@pytest.mark.parametrize("flavor", FLAVORS)
def test_every_flavor_is_understood(recorded: Recorded, flavor: str) -> None:
    parsed = SCOPE.parse(recorded(flavor, "schedules"))
    well_formed(SCOPE, parsed)
    assert not parsed.unparsed
    assert bool(parsed.denied) == (flavor == "sauced-plain")


def test_what_was_planted_is_seen(recorded: Recorded) -> None:
    items = by_key(recorded("sauced", "schedules"))
    system = items["/etc/crontab: 17 * * * * /usr/local/sbin/nightly # in the system crontab"]
    assert system.attributes["user"] == "root"
    assert system.volatile["line"] > 10
    backup = next(item for key, item in items.items() if key.startswith("/etc/cron.d/shop-backup: "))
    assert "postgres://shop:<secret:shop_password>@db.internal.example/shop" in backup.attributes["command"]
    assert "$(date +%F)" in backup.attributes["command"]
    assert (backup.attributes["user"], backup.attributes["environment"]) == ("svc-backup", "MAILTO=ops@acme.example")
    assert items["/etc/cron.daily/shop-clean"].attributes["when"] == "daily"
    for user, rest in (("deploy", "@reboot "), ("root", "5 4 * * 0 "), ("svc-backup", "0 5 * * * ")):
        key = next(key for key in items if key.startswith(f"/var/spool/cron/crontabs/{user}: {rest}"))
        assert items[key].attributes["user"] == user
    nightly = items["nightly.timer"]
    assert (nightly.attributes["when"], nightly.attributes["unit"]) == ("OnCalendar=*-*-* 03:17", "nightly.service")
    assert nightly.attributes["command"] == '/usr/local/sbin/nightly "a b" %H'
    assert nightly.volatile["next"].endswith("Z")
    masked = items["apt-daily.timer"].attributes
    assert (masked["ignored"], masked["why"]) == (True, "it is masked")


def test_a_plain_account_says_which_tables_are_closed_to_it(recorded: Recorded) -> None:
    parsed = SCOPE.parse(recorded("sauced-plain", "schedules"))
    assert parsed.denied == {"tables": "/var/spool/cron/crontabs cannot be read by this account"}


def test_lines_of_a_crontab() -> None:
    parsed = SCOPE.parse(tables(file("/etc/crontab", STRANGE)))
    well_formed(SCOPE, parsed)
    assert parsed.unparsed == {"tables": "4 lines not understood, the first: line 11 of /etc/crontab"}
    found = {item.volatile["line"]: item.attributes for item in parsed.items}
    assert sorted(found) == [6, 7, 8, 9, 10]
    assert (found[6]["when"], found[6]["user"]) == ("*/5 0-6,8 1-31/2 jan-mar Mon-Fri", "root")
    assert found[6]["command"] == "/bin/a  --x"
    assert found[6]["environment"] == "SHELL=/bin/bash\nMAILTO=\"ops@acme.example\"\nPGPASSWORD='<secret:PGPASSWORD>'"
    assert (found[7]["when"], found[7]["command"], found[7]["input"]) == ("@daily", "/bin/b 100% ", "in%put\nsecond")
    assert found[8]["command"] == "sleep 30 && /bin/c"
    assert found[9]["when"] == "H H * * *"
    assert found[10]["when"] == "-0 4 * * sun"


@pytest.mark.parametrize("path", ["/var/spool/cron/crontabs/bob", "/var/spool/cron/bob", "/etc/crontabs/bob"])
def test_a_users_table_has_no_field_for_the_user(path: str) -> None:
    [item] = SCOPE.parse(tables(file(path, b"0 1 * * * root /bin/x\r\n"))).items
    assert (item.attributes["user"], item.attributes["command"]) == ("bob", "root /bin/x\r")


def test_files_that_cron_passes_over() -> None:
    files = [file(f"/etc/cron.d/{name}") for name in ("good", "dotted.name", "old~", "new.rpmnew")]
    debian = {item.attributes["file"]: item.attributes for item in SCOPE.parse(tables(*files, debian=True)).items}
    assert [path for path, attributes in debian.items() if not attributes["ignored"]] == ["/etc/cron.d/good"]
    assert "character other than" in debian["/etc/cron.d/dotted.name"]["why"]
    other = {item.attributes["file"]: item.attributes["ignored"] for item in SCOPE.parse(tables(*files)).items}
    assert other["/etc/cron.d/dotted.name"] is False
    assert other["/etc/cron.d/old~"] is other["/etc/cron.d/new.rpmnew"] is True


def test_a_last_line_without_its_newline() -> None:
    body = b"0 1 * * * root /bin/a\n0 2 * * * root /bin/b"
    debian = SCOPE.parse(tables(file("/etc/cron.d/x", body), debian=True)).items
    assert [item.attributes["ignored"] for item in debian] == [True, True]
    other = SCOPE.parse(tables(file("/etc/cron.d/x", body))).items
    assert {item.attributes["command"]: item.attributes["ignored"] for item in other} == {
        "/bin/a": False,
        "/bin/b": True,
    }


def test_scripts_by_directory() -> None:
    fields = ["x", "/etc/cron.daily/good", "-", "/etc/cron.daily/plain", "x", "/etc/cron.weekly/has.dot",
              "x", "/etc/periodic/15min/alpine", "d", "/etc/cron.hourly", "x", ""]  # fmt: skip
    scripts = ProbeResult("scripts", Outcome.OK, stdout="".join(f"{one}\0" for one in fields).encode())
    parsed = SCOPE.parse(tables(debian=True) | {"scripts": scripts})
    well_formed(SCOPE, parsed)
    found = {item.key: (item.attributes["when"], item.attributes["ignored"]) for item in parsed.items}
    assert found == {
        "/etc/cron.daily/good": ("daily", False),
        "/etc/cron.daily/plain": ("daily", True),
        "/etc/cron.weekly/has.dot": ("weekly", True),
        "/etc/periodic/15min/alpine": ("15min", False),
        "?": ("", True),  # a host that lies
    }
    assert parsed.denied == {"tables": "/etc/cron.hourly cannot be read by this account"}


def test_anacron() -> None:
    body = b"RANDOM_DELAY=45\n1\t5\tcron.daily\tnice run-parts /etc/cron.daily\n@monthly 45 m /bin/m \\\n --x\njunk\n"
    parsed = SCOPE.parse(tables(file("/etc/anacrontab", body)))
    items = {item.key: item.attributes for item in parsed.items}
    assert items["/etc/anacrontab: cron.daily"]["when"] == "1 days, 5 minutes after start"
    assert items["/etc/anacrontab: m"]["command"] == "/bin/m   --x"
    assert parsed.unparsed


AT = b"""#!/bin/sh
# atrun uid=1001 gid=1001
# mail deploy 0
umask 22
PGPASSWORD=s3cr3t-1; export PGPASSWORD
cd /home/deploy || {
\t echo 'Execution directory inaccessible' >&2
\t exit 1
}
"""


@pytest.mark.parametrize(
    "rest",
    [b"/bin/once --token=s3cr3t-2\n", b"${SHELL:-/bin/sh} << 'marker1a'\n/bin/once --token=s3cr3t-2\n\nmarker1a\n"],
)
def test_a_job_of_at_keeps_nothing_of_its_environment(rest: bytes) -> None:
    [item] = SCOPE.parse(tables(file("/var/spool/cron/atjobs/a0000201c4e0f8", AT + rest))).items
    assert item.attributes["user"] == "deploy"
    assert item.attributes["command"] == "/bin/once --token=<secret:token>"
    assert item.attributes["when"] == "2026-06-07T00:24:00Z"
    assert "s3cr3t" not in repr(item)


def test_a_timer_without_systemd_running() -> None:
    body = b"\0/etc/systemd/system\n" + b"".join(
        b"./%s\0%s\n" % pair
        for pair in [
            (b"a.timer", b"[Timer]"), (b"a.timer", b"OnCalendar=daily"), (b"a.timer", b"Unit=b@x.service"),
            (b"b@.service", b"ExecStart=/bin/b %i"), (b"b@.service", b"User=bob"),
        ]
    )  # fmt: skip
    listing = b"f 9\0/etc/systemd/system/a.timer\0\0f 9\0/etc/systemd/system/b@.service\0\0"
    results = {
        "unit_list": ProbeResult("unit_list", Outcome.OK, stdout=listing),
        "unit_files": ProbeResult("unit_files", Outcome.OK, stdout=body),
        "init": ProbeResult("init", Outcome.OK, stdout=b"systemd\n"),
    }
    [item] = SCOPE.parse(results).items
    assert (item.attributes["unit"], item.attributes["command"]) == ("b@x.service", "/bin/b %i")
    assert (item.attributes["user"], item.attributes["why"]) == ("bob", "nothing starts it")
    results["init"] = ProbeResult("init", Outcome.OK)
    assert SCOPE.parse(results).notes == ["1 timers of systemd left out: init is not systemd here"]


@pytest.mark.parametrize("when", ["* * * * *", "@reboot", "0,30 */2 L 1-5 mon", "H(0-9) H * * *", "0 0 1 JAN sunday"])
def test_times(when: str) -> None:
    assert is_time(when)


@pytest.mark.parametrize("when", ["@now", "a b c d e", "* * * *", "* * * foo *", "0 0 1 jan someday"])
def test_what_is_no_time(when: str) -> None:
    assert not is_time(when)


def test_percent() -> None:
    assert split_percent(r"date +\%F") == ("date +%F", "")
    assert split_percent("cat%a%b") == ("cat", "a\nb")


@given(body=st.binary(max_size=300))
def test_every_line_is_an_entry_a_variable_a_comment_or_reported(body: bytes) -> None:
    strange: list[str] = []
    found = list(crontab(HostFile(b"/etc/crontab", Outcome.OK, body), strange, user=None))
    assert len(found) + len(strange) <= body.count(b"\n") + 1
    assert all(entry.command for entry in found)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(data=st.data())
def test_whatever_arrives(recorded: Recorded, data: st.DataObject) -> None:
    well_formed(SCOPE, SCOPE.parse(data.draw(garbled(recorded("sauced", "schedules")))))


@cache
def everything(recorded: Recorded) -> frozenset[str]:
    return frozenset(item.key for item in SCOPE.parse(recorded("sauced", "schedules")).items)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(data=st.data())
def test_a_cut_invents_nothing(recorded: Recorded, data: st.DataObject) -> None:
    results = recorded("sauced", "schedules")
    probe = data.draw(st.sampled_from(["tables", "scripts", "timers", "unit_list", "unit_files"]))
    cut = SCOPE.parse(truncated(results, probe, data.draw(st.integers(0, len(results[probe].stdout)))))
    well_formed(SCOPE, cut)
    assert {item.key for item in cut.items} <= everything(recorded)
