import gzip
import signal
import struct
from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftscan.model.outcome import HostFile, Outcome, ProbeResult
from driftscan.scopes.history import SCOPE, parse
from driftscan.scopes.past.logins import sudo, wtmp
from driftscan.scopes.past.logs import dated, yum
from tests.unit.conftest import garbled, look
from tests.unit.scope_checks import well_formed
from tests.unit.second_look import image

UTC = timezone.utc
TAKEN = datetime(2026, 11, 1, 3, 0, tzinfo=UTC)
DPKG = b"""\
2026-06-07 10:00:00 startup archives unpack
2026-06-07 10:00:01 install nano:amd64 <none> 7.2-1
2026-06-07 10:00:01 status half-installed nano:amd64 7.2-1
2026-06-07 10:00:02 upgrade tzdata:all 2024a-1 2024b-0
2026-06-07 10:00:03 purge old:amd64 1.0 <none>
"""
APT = b"""\

Start-Date: 2026-06-07  10:00:00
Commandline: apt-get install nano --option password=tiger-77
Requested-By: deploy (1001)
Install: nano:amd64 (7.2-1), libx:amd64 (1.0, automatic)
Upgrade: tzdata:amd64 (2024a-1, 2024b-0)
End-Date: 2026-06-07  10:00:05
"""
DNF = b"2026-06-07T10:00:00+0200 SUBDEBUG Installed: nano-7.2-1.x86_64\n2026-06-07T10:00:00+0200 INFO --- logging ---\n"
PACMAN = b"[2026-06-07T10:00:00+0200] [PACMAN] Running 'pacman -S nano'\n"
PACMAN += b"[2026-06-07T10:00:01+0200] [ALPM] upgraded nano (7.1 -> 7.2)\n"
ZYPPER = b"# a comment\n2026-06-07 10:00:00|install|nano|7.2|x86_64|root@web1|repo|abc|\n"
YUM = b"Dec 30 10:00:00 Installed: a-1.x86_64\nJan 02 10:00:00 Updated: b-2.x86_64\n"


def session(
    kind: int, user: bytes, line: bytes, host: bytes, seconds: int, width: int = 384, order: str = "<"
) -> bytes:
    times = struct.pack(f"{order}ii", seconds, 0) if width == 384 else struct.pack(f"{order}qq", seconds, 0)
    record = struct.pack(f"{order}hxxi32s4s32s256s4xi", kind, 7, line, b"", user, host, 0)
    record += b"\0" * ((340 if width == 384 else 344) - len(record)) + times
    return record.ljust(width, b"\0")


JUNE = int(datetime(2026, 6, 7, 10, tzinfo=UTC).timestamp())
WTMP = b"".join(
    [
        session(2, b"reboot", b"~", b"6.1.0-21-amd64", JUNE - 60),
        session(7, b"deploy", b"pts/0", b"192.0.2.7", JUNE),
        session(8, b"", b"pts/0", b"", JUNE + 60),
        session(7, b"deploy", b"pts/1", b"192.0.2.7", JUNE + 600),
        session(7, b"deploy", b"pts/1", b"192.0.2.7", JUNE + 86400),
        session(7, b"root", b"tty1", b"", JUNE),
    ]
)
AUTH = b"""\
Jun  7 10:00:00 web1 sudo:   deploy : TTY=pts/0 ; PWD=/home/deploy ; USER=root ; COMMAND=/usr/bin/systemctl restart shop
Jun  7 10:09:00 web1 sudo:   deploy : TTY=pts/0 ; PWD=/home/deploy ; USER=root ; COMMAND=/usr/bin/systemctl restart shop
2026-06-08T10:00:00.123456+02:00 web1 sudo[77]: deploy : PWD=/ ; USER=root ; COMMAND=/usr/bin/mysql -u root -pOldRootPw1
2026-06-08T10:00:01+02:00 w sudo: auditor : PWD=/ ; USER=root ; COMMAND=/bin/sh -c 'echo NONCE; echo NONCE >&2; exec sh'
Jun  9 10:00:00 web1 sudo:   eve : user NOT in sudoers ; TTY=pts/1 ; PWD=/ ; USER=root ; COMMAND=/bin/cat /etc/shadow
Jun  9 10:00:00 web1 sudo: pam_unix(sudo:session): session opened for user root
""".replace(b"NONCE", b"10b2451db689413d4b78d3ee12710917")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    log = "/var/log/"
    files: dict[str, bytes | str] = {
        f"{log}dpkg.log": DPKG,
        f"{log}dpkg.log.1": b"2026-05-07 10:00:01 install one:amd64 <none> 1\n",
        f"{log}dpkg.log.2.gz": gzip.compress(b"2026-04-07 10:00:01 install two:amd64 <none> 1\n"),
        f"{log}apt/history.log": APT,
        f"{log}dnf.rpm.log": DNF,
        f"{log}pacman.log": PACMAN,
        f"{log}zypp/history": ZYPPER,
        f"{log}yum.log": YUM,
        f"{log}wtmp": WTMP,
        f"{log}auth.log": AUTH,
        "/etc/localtime": Path("/usr/share/zoneinfo/Europe/Berlin").read_bytes(),
    }
    return image(tmp_path_factory.mktemp("image"), files)


def test_logs_of_an_image(root: Path) -> None:
    results = look(root, "history")
    assert results["secure"].outcome is Outcome.ABSENT
    parsed = parse(results)
    well_formed(SCOPE, parsed)
    found = {item.key: item for item in parsed.items}

    def row(key: str) -> tuple:
        has = found[key].attributes
        return has["when"], has["kind"], has["who"], has["what"], has["detail"]

    at = "2026-06-07T08:00:0"
    assert row("install 2026-06-07 10:00:01 nano:amd64") == (f"{at}1Z", "install", "", "nano:amd64", "7.2-1")
    assert row("upgrade 2026-06-07 10:00:02 tzdata")[-1] == "2024a-1 to 2024b-0"
    assert {f"install 2026-0{month}-07 10:00:01 {name}:amd64" for month, name in ((5, "one"), (4, "two"))} <= set(found)
    [command] = [item for key, item in found.items() if key.startswith("command 2026-06-07 10:00:00 apt-get")]
    assert command.attributes["what"] == "apt-get install nano --option password=<secret:password>"
    assert (command.attributes["who"], command.attributes["detail"]) == ("deploy", "2 install, 1 upgrade")
    assert row("install 2026-06-07T10:00:00+0200 nano-7.2-1.x86_64")[0] == f"{at}0Z"
    assert row("upgrade 2026-06-07T10:00:01+0200 nano")[-1] == "7.1 to 7.2"
    assert row("install 2026-06-07 10:00:00 nano")[2:] == ("root", "nano", "7.2")
    login = found["login 2026-06-07 deploy from 192.0.2.7"]
    assert login.attributes["when"] == "2026-06-07T10:00:00Z"
    assert login.volatile == {"times": 2, "last": "2026-06-07T10:10:00Z"}
    assert "login 2026-06-08 deploy from 192.0.2.7" in found
    assert row("login 2026-06-07 root from console")[-1] == "tty"
    assert row("boot 2026-06-07T09:59:00Z 6.1.0-21-amd64")[1] == "boot"
    restart = next(item for key, item in found.items() if "systemctl restart shop" in key)
    assert (restart.attributes["detail"], restart.volatile["times"]) == ("as root", 2)
    assert "OldRootPw1" not in repr(parsed)
    assert any("refused: user NOT in sudoers" in item.attributes["detail"] for item in parsed.items)
    assert not any("auditor" in key for key in found)


def test_a_rotated_log_makes_nothing_new(root: Path, tmp_path: Path) -> None:
    before = {item.key: item.attributes for item in parse(look(root, "history")).items}
    image(tmp_path, {"/var/log/dpkg.log.1": DPKG, "/var/log/dpkg.log": b""})
    image(tmp_path, {"/etc/localtime": (root / "etc/localtime").read_bytes()})
    after = {item.key: item.attributes for item in parse(look(tmp_path, "history")).items}
    assert len(after) == 3
    assert after.items() <= before.items()


@pytest.mark.parametrize(("width", "order"), [(384, "<"), (384, ">"), (400, "<")])
def test_forms_of_wtmp(width: int, order: str) -> None:
    records = [session(7, b"deploy", b"pts/0", b"192.0.2.7", JUNE + at, width, order) for at in range(3)]
    assert [(one.who, one.when) for one in wtmp(b"".join(records))] == [
        ("deploy", f"2026-06-07T10:00:0{at}Z") for at in range(3)
    ]


def test_a_log_without_years() -> None:
    found = list(yum(YUM, UTC, datetime(2026, 3, 1, tzinfo=UTC)))
    assert [event.when for event in found] == ["2025-12-30T10:00:00Z", "2026-01-02T10:00:00Z"]
    assert dated("Feb 29 10:00:00", datetime(2026, 3, 1, tzinfo=UTC), UTC) == datetime(2024, 2, 29, 10, tzinfo=UTC)
    assert dated("Foo 31 10:00:00", TAKEN, UTC) is None


def test_the_journal_tells_seconds() -> None:
    line = b"1780826400.123456 web1 sudo[77]: deploy : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/true\n"
    [one] = sudo(line, "journal", UTC, TAKEN)
    assert (one.when, one.who, one.what) == ("2026-06-07T10:00:00Z", "deploy", "/bin/true")


def test_a_zone_that_is_none() -> None:
    results = {
        "zone": ProbeResult("zone", Outcome.OK, files=(HostFile(b"/etc/localtime", Outcome.OK, b"TZif" + bytes(9)),)),
        "dpkg": ProbeResult("dpkg", Outcome.OK, stdout=DPKG),
    }
    assert parse(results).items[0].attributes["when"] == "2026-06-07T10:00:01Z"


def test_a_zone_that_is_cut_off_is_read_to_its_end_and_not_for_ever() -> None:
    whole = Path("/usr/share/zoneinfo/Europe/Berlin").read_bytes()
    dpkg = ProbeResult("dpkg", Outcome.OK, stdout=DPKG)

    def too_long(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(60)
    try:
        for end in [*range(0, len(whole), 61), *range(len(whole) - 30, len(whole))]:
            file = HostFile(b"/etc/localtime", Outcome.OK, whole[:end])
            told = parse({"zone": ProbeResult("zone", Outcome.OK, files=(file,)), "dpkg": dpkg})
            assert told.items[0].attributes["when"] == "2026-06-07T10:00:01Z"
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_whatever_arrives(root: Path, data: st.DataObject) -> None:
    if not _CACHE:
        _CACHE.append(look(root, "history"))
    well_formed(SCOPE, parse(data.draw(garbled(_CACHE[0].values()))))


_CACHE: list = []
