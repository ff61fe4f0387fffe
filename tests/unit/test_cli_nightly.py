"""The nightly run: quiet when all is well, each host costs itself, nothing twice, and what starts it by itself."""

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from driftscan.cli.app import run
from driftscan.cli.looking import CrashError, Limits, Look, Order
from driftscan.cli.night import units
from driftscan.cli.night.files import write_whole
from driftscan.cli.night.lock import place
from driftscan.cli.night.run import Looked, exit_code
from driftscan.cli.night.summary import Manner, told
from driftscan.cli.night.words import seconds
from driftscan.cli.progress import Progress
from driftscan.cli.scanning import Scanner
from driftscan.collect.collector import Wish
from driftscan.errors import DriftscanError, ExitCode, UsageError
from driftscan.model.drift import Change, Check, Drift, Kind
from driftscan.model.finding import Severity
from driftscan.model.host import Host
from driftscan.store import Store
from tests.conftest import Cli
from tests.unit import handmade

RECORDINGS = Path(__file__).parent.parent / "recordings"
STOCK = f"replay:{RECORDINGS}/stock"
PLAIN = Manner(120)


def drift(key: str = "/etc/motd", severity: Severity = Severity.LOW, kind: Kind = Kind.CHANGED, **more: Any) -> Drift:
    changes = (Change("mode", "0644", "0777"),) if kind is Kind.CHANGED else ()
    return Drift(kind, severity, "files", key, changes, **more)


def check(host: str, *drifts: Drift, **more: Any) -> Check:
    return Check(host, **{"number": 1, "against": "web.yaml", **more}, drifts=drifts)


# ---------------------------------------------------------------- what it says


def test_nothing_is_said_of_a_night_in_which_all_is_well() -> None:
    assert list(told([check("web1"), check("web2", against="")], PLAIN)) == []


def test_a_night_is_one_line_per_host_that_is_not_well_and_the_totals() -> None:
    unseen = Drift(Kind.UNKNOWN, Severity.MEDIUM, "accounts", "", reason="denied: /etc/shadow")
    seen = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
    checks = [
        check("web1", drift("/etc/sudoers", Severity.HIGH), drift(), unseen),
        check("db2", number=7, taken=seen, error="timeout after 1800 s"),
        check("web2"),
        check("web3", error="not compared: web.yaml:3: no such scope"),
    ]
    assert list(told(checks, PLAIN)) == [
        "db2   not scanned: timeout after 1800 s; last seen on 2026-11-20",
        "web1  2 drifts (1 high, 1 low), 1 unknown scope",
        "web3  not compared: web.yaml:3: no such scope",
        "",
        "high      web1  ~ files /etc/sudoers: mode 0644 -> 0777",
        "medium    web1  ? accounts the whole scope: denied: /etc/shadow",
        "low       web1  ~ files /etc/motd: mode 0644 -> 0777",
        "",
        "4 hosts: 1 clean, 1 with drift, 1 not seen whole, 1 not compared, 1 not scanned; 2 drifts (1 high, 1 low)",
    ]
    assert "web2  clean" in list(told(checks, Manner(120, everything=True)))


def test_a_flood_is_counted_and_the_gravest_are_shown() -> None:
    flood = [drift(f"/srv/{number}") for number in range(10_000)]
    grave = drift("/etc/shadow", Severity.CRITICAL)
    lines = list(told([check("web1", *flood), check("web2", grave)], Manner(80, options=("-i", "my hosts"))))
    assert len(lines) == 2 + 1 + 20 + 1 + 1 + 1
    assert lines[0] == "web1  10,000 drifts (10,000 low)"
    assert lines[3].startswith("critical  web2  ~ files /etc/shadow")
    assert lines[-3] == "… and 9,981 more: driftscan check --no-scan -i 'my hosts'"
    assert max(map(len, lines)) <= 80
    hosts = [check(f"web{number}", error="no answer in time") for number in range(5000)]
    assert len(list(told(hosts, PLAIN))) == 202


def test_what_several_hosts_have_is_said_once() -> None:
    lines = list(told([check(f"web{number}", drift()) for number in range(5)], PLAIN))
    assert lines[6] == "low       web0, web1, web2 and 2 more  ~ files /etc/motd: mode 0644 -> 0777"
    warned = [check(name, warnings=("web.yaml:9: the acceptance ends in 3 days",)) for name in ("a", "b")]
    assert next(iter(told(warned, PLAIN))) == "! web.yaml:9: the acceptance ends in 3 days (a, b)"


def test_a_hostile_host_cannot_act_on_the_terminal() -> None:
    nasty = "\x1b[2J\n/etc"
    checks = [check(nasty, drift(nasty), error=""), check("b", error=nasty), check("c", warnings=(nasty,))]
    assert not any(ord(character) < 32 for line in told(checks, PLAIN) for character in line)


@pytest.mark.parametrize(
    ("looks", "code"),
    [
        ([check("a")], ExitCode.OK),
        ([check("a", drift())], ExitCode.FINDINGS),
        ([check("a", drift(severity=Severity.INFO))], ExitCode.OK),
        ([check("a", drift()), check("b", drift("", kind=Kind.UNKNOWN))], ExitCode.INCOMPLETE),
        ([check("a", drift()), check("b", error="dead")], ExitCode.INCOMPLETE),
    ],
)
def test_a_blind_spot_outranks_drift(looks: list[Check], code: ExitCode) -> None:
    assert exit_code([Looked(check) for check in looks], Severity.LOW) is code
    assert (
        exit_code([*map(Looked, looks), Looked(check("z", error="bug"), failed=True)], Severity.LOW) is ExitCode.ERROR
    )


# ---------------------------------------------------------------- the whole run


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Run `driftscan nightly …` in this process; return exit code, stdout and stderr."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DRIFTSCAN_DB", str(tmp_path / "driftscan.db"))
    monkeypatch.chdir(tmp_path)
    for name in ("DRIFTSCAN_INVENTORY", "DRIFTSCAN_NOTIFY", "DRIFTSCAN_BASELINES", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)

    def nightly(*arguments: str) -> tuple[int, str, str]:
        code = run(["nightly", *arguments])
        said = capfd.readouterr()
        return code, said.out, said.err

    return nightly


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> dict[str, Check]:
    """Let hosts be judged as the test says; the others are clean."""
    found: dict[str, Check] = {}

    def compared(_store: Store, snapshot: Any, number: int, role: str, _baselines: Path, _today: date) -> Check:
        known = found.get(snapshot.host, check(snapshot.host))
        return replace(known, host=snapshot.host, number=number, role=role, taken=snapshot.taken)

    monkeypatch.setitem(sys.modules, "driftscan.cli.comparing", SimpleNamespace(compared=compared))  # type: ignore[misc]
    return found


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, made: Path) -> dict[str, Any]:
    """Give an inventory whose hosts show at once what the test says: a snapshot, an error, or what is to be called."""
    shown: dict[str, Any] = {}
    shutil.copy(made, tmp_path / "driftscan.db")

    def collect(name: str, link: Any, _wish: Wish, _progress: Any, _before: Any) -> Any:
        answer = shown[name]
        if isinstance(answer, Exception):
            raise answer
        seen = answer(link) if callable(answer) else handmade.snapshot(host=name)
        return replace(seen, taken=datetime.now(timezone.utc))

    class Inventory(dict[str, Any]):
        def __setitem__(self, name: str, answer: Any) -> None:
            shown[name] = answer
            described = {name: {"transport": "replay", "path": str(tmp_path)} for name in shown}
            (tmp_path / "hosts.yaml").write_text(json.dumps({"hosts": described}))

    monkeypatch.setattr("driftscan.collect.collector.collect", collect)
    return Inventory()


def stored(tmp_path: Path) -> list[str]:
    with Store.open(tmp_path / "driftscan.db") as store:
        return [snapshot.host for snapshot in store.snapshots()]


def test_two_nights_of_an_unchanged_host_are_quiet(cli: Cli) -> None:
    for _ in range(2):
        done = cli("nightly", STOCK)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert cli("nightly", "-v", STOCK).stdout.splitlines()[-1] == "1 host: 1 clean"


def test_a_host_that_is_not_seen_whole_is_told(cli: Cli) -> None:
    done = cli("nightly", STOCK, f"replay:{RECORDINGS}/sysv", "replay:/nowhere")
    assert done.returncode == 3
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    partly, unreached = sorted(lines[:2], key=lambda line: line.startswith("replay:/nowhere "))
    assert "  not scanned: there is no recording" in unreached
    assert " unknown scopes" in partly
    assert lines[-1] == "3 hosts: 1 with nothing to compare them with, 1 not seen whole, 1 not scanned"


def test_drift_is_told_and_reported(night: Any, hosts: Any, judged: dict[str, Check], tmp_path: Path) -> None:
    hosts["web1"] = hosts["web2"] = None
    judged["web1"] = check("web1", drift())
    code, out, err = night("-i", "hosts.yaml", "--report", "json=night.json")
    assert (code, err) == (4, "")
    assert out.splitlines()[0] == "web1  1 drift (1 low)"
    assert night("-i", "hosts.yaml", "--fail-on", "high")[0] == 0
    assert "/etc/motd" in (tmp_path / "night.json").read_text()


@pytest.mark.usefixtures("judged")
def test_a_bug_on_one_host_is_not_the_others_fault(
    night: Any, hosts: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hosts["web1"] = hosts["web3"] = None
    hosts["web2"] = ZeroDivisionError("by nobody")
    code, out, err = night("-i", "hosts.yaml")
    assert code == 1
    assert out.splitlines()[0] == "web2  not scanned: driftscan has a bug: ZeroDivisionError: by nobody"
    assert err.count("Traceback") == 1  # it is shown where
    assert sorted(stored(tmp_path)) == ["web1", "web3"]
    monkeypatch.setitem(sys.modules, "driftscan.cli.comparing", SimpleNamespace(compared=lambda *_: 1 / 0))  # type: ignore[misc]
    code, out, err = night("-i", "hosts.yaml", "--again", "web1", "web3")
    assert (code, err.count("Traceback")) == (1, 1)  # the same one is shown once
    assert out.splitlines()[-1] == "2 hosts: 2 not compared"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--host-timeout", "soon"], "--host-timeout 'soon' is no span of time"),
        (["--keep", "some"], "does not say what to keep"),
        (["--report", "json"], "names no file"),
        (["--report", "smoke=x"], "there is no format 'smoke'"),
        (["--prometheus", "/nowhere/x.prom"], "no report can be written to /nowhere/x.prom"),
        ([], "no host was named"),
    ],
)
def test_a_mistake_is_one_line_before_anything_is_done(
    night: Any, options: list[str], words: str, tmp_path: Path
) -> None:
    code, out, err = night(*options, *([STOCK] if options else []))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err
    assert list(tmp_path.iterdir()) == []


def test_spans_of_time() -> None:
    assert [seconds("", text) for text in ("90", "90s", "30m", "1.5h", "7d")] == [90, 90, 1800, 5400, 604800]
    for wrong in ("", "-1", "1y", "1e9", "9999d", "nan", "1 m 2 s"):
        with pytest.raises(UsageError):
            seconds("--jitter", wrong)


# ---------------------------------------------------------------- broken off, and gone on with


def begun(tmp_path: Path, *names: str, ago: timedelta = timedelta(minutes=5), **more: Any) -> None:
    """Leave behind what a night that was killed leaves, which had scanned these hosts."""
    now = datetime.now(timezone.utc)
    with Store.open(tmp_path / "driftscan.db") as store:
        store.begin_night(now - ago, timedelta(hours=12))
        for name in names:
            store.save(replace(handmade.snapshot(host=name, **more), taken=now - ago / 2))


def test_what_a_killed_night_has_scanned_is_not_scanned_again(
    night: Any, hosts: Any, judged: dict[str, Check], tmp_path: Path
) -> None:
    hosts["web1"] = hosts["web2"] = hosts["web3"] = None
    judged["web1"] = check("web1", drift())
    begun(tmp_path, "web1", "web3")
    code, out, _ = night("-i", "hosts.yaml")
    assert (code, out.splitlines()[0]) == (4, "web1  1 drift (1 low)")  # told all the same
    assert sorted(stored(tmp_path)) == ["web1", "web2", "web3"]
    night("-i", "hosts.yaml")  # that one has come to its end: this is the next night
    assert sorted(stored(tmp_path)) == sorted(["web1", "web2", "web3"] * 2)


@pytest.mark.usefixtures("judged")
def test_what_is_too_old_or_too_little_is_scanned_again(night: Any, hosts: Any, tmp_path: Path) -> None:
    hosts["web1"] = None
    begun(tmp_path, "web1", ago=timedelta(hours=13))
    assert night("-i", "hosts.yaml")[0] == 0
    assert stored(tmp_path) == ["web1"] * 2
    begun(tmp_path, "web1", outcomes={"files": None})  # scan --scope
    assert night("-i", "hosts.yaml")[0] == 0
    assert stored(tmp_path) == ["web1"] * 4
    begun(tmp_path, "web1")
    assert night("-i", "hosts.yaml", "--again")[0] == 0
    assert stored(tmp_path) == ["web1"] * 6


# ---------------------------------------------------------------- limits


class Hanging:
    """A transport whose commands never say a word; `deaf` does not even notice that it is given up."""

    name, root, live, local = "replay", "", True, False

    def __init__(self, *, deaf: bool = False) -> None:
        self.closed = threading.Event()
        self._deaf = deaf

    def open(self, _command: str, *, tty: bool = False) -> "Hanging":
        assert not tty
        return self

    def send(self, data: bytes) -> None: ...
    def send_eof(self) -> None: ...
    def exit_code(self) -> int:
        return -1

    def receive(self, timeout: float) -> None:
        if self._deaf:
            self.closed.wait(30)
        time.sleep(min(timeout, 0.05))

    def close(self) -> None:
        self.closed.set()


def name_of(look: Look) -> str:
    return look.snapshot.host


def scanner(limits: Limits, jobs: int = 8, **more: Any) -> Scanner[str]:
    """Return one that works in threads of the tests' own process."""
    return Scanner(Order(Wish(), name_of), Progress([], quiet=True), jobs, limits=limits, apart=False, **more)


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> dict[str, Hanging]:
    """Let hosts with these names hang; the others are recordings."""
    found: dict[str, Hanging] = {}
    from driftscan.transport import replay

    monkeypatch.setattr(replay, "connect", lambda host, _prompt: found.get(host.name) or replay.Replay(Path(host.path)))
    return found


def recorded(*names: str) -> list[Host]:
    return [Host(name, transport="replay", path=str(RECORDINGS / "busybox")) for name in names]


@pytest.mark.parametrize("deaf", [False, True])
def test_a_host_that_hangs_costs_itself(deaf: bool, hanging: dict[str, Hanging]) -> None:
    hanging["stuck"] = Hanging(deaf=deaf)
    started = time.monotonic()
    done = {one.host.name: one for one in scanner(Limits(host=1.0), jobs=1).scan(recorded("stuck", "a", "b"))}
    assert time.monotonic() - started < 15
    assert str(done["stuck"].error) == "timeout after 1 s"
    assert done["stuck"].exit_code is ExitCode.INCOMPLETE
    assert all(done[name].said for name in ("a", "b"))
    assert hanging["stuck"].closed.wait(5)


def test_a_server_that_accepts_and_says_nothing_is_cut_while_connecting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host = Host("silent", "127.0.0.1", silent.getsockname()[1], user="root", timeout=60.0)
        started = time.monotonic()
        (done,) = scanner(Limits(host=1.0)).scan([host])
        assert time.monotonic() - started < 10
    assert str(done.error) == "timeout after 1 s"


def test_what_was_not_begun_when_the_time_was_over_is_told(hanging: dict[str, Hanging]) -> None:
    hanging["one"] = Hanging()
    found = {one.host.name: one for one in scanner(Limits(run=0.5), jobs=1).scan(recorded("one", "two"))}
    assert str(found["one"].error) == "not done when the run's time limit of 0.5 s was over"
    assert str(found["two"].error) == "not begun when the run's time limit of 0.5 s was over"
    assert [found[name].started is None for name in ("one", "two")] == [False, True]


@pytest.mark.usefixtures("judged")
def test_a_night_without_time_goes_on_the_next_time(night: Any, hosts: Any, tmp_path: Path) -> None:
    hosts["web1"] = None
    hosts["web2"] = lambda _link: time.sleep(3)
    code, out, _ = night("-i", "hosts.yaml", "--time-limit", "1s")
    assert code == 3
    assert out.splitlines()[0] == "web2  not scanned: not done when the run's time limit of 1 s was over"
    hosts["web2"] = None
    assert night("-i", "hosts.yaml")[0] == 0
    assert sorted(stored(tmp_path)) == ["web1", "web2"]


def test_many_hosts_are_scanned_a_few_at_a_time(hosts: Any) -> None:
    now, most, lock = [0], [0], threading.Lock()

    def shown(name: str) -> Any:
        def look(_link: Any) -> Any:
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
            time.sleep(0.01)
            with lock:
                now[0] -= 1
            return handmade.snapshot(host=name)

        return look

    names = [f"web{number}" for number in range(60)]
    for name in names:
        hosts[name] = shown(name)
    found = [one.host.name for one in scanner(Limits(host=60, run=60), jobs=4).scan(recorded(*names))]
    assert sorted(found) == sorted(names)
    assert most[0] == 4


def test_who_is_slow_to_take_results_is_not_flooded(hosts: Any) -> None:
    begun: list[str] = []
    for number in range(30):
        hosts[f"web{number}"] = lambda link: begun.append("") or handmade.snapshot()  # noqa: ARG005
    scans = scanner(Limits(), jobs=2).scan(recorded(*(f"web{number}" for number in range(30))))
    next(scans)
    time.sleep(0.3)
    assert len(begun) <= 2 + 2 + 1
    scans.close()
    assert len(begun) < 10


def test_a_bug_ends_a_scan_that_is_not_forgiving(hosts: Any) -> None:
    hosts["web1"] = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        list(scanner(Limits()).scan(recorded("web1")))
    (done,) = scanner(Limits(), forgiving=True).scan(recorded("web1"))
    assert isinstance(done.error, CrashError)


# ---------------------------------------------------------------- alone, and ended


@contextmanager
def silent_host(tmp_path: Path) -> Iterator[Path]:
    """Give an inventory with a host that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        described = {"address": "127.0.0.1", "port": server.getsockname()[1], "user": "root", "timeout": 60}
        path = tmp_path / "silent.yaml"
        path.write_text(json.dumps({"hosts": {"silent": described}}))
        yield path


def test_one_night_at_a_time_and_a_signal_ends_it(cli: Cli, tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "DRIFTSCAN_DB": str(tmp_path / "driftscan.db")}
    lock = tmp_path / "driftscan.db.nightly"
    with silent_host(tmp_path) as inventory:
        for number, code, word in (
            (signal.SIGTERM, 143, "terminated"),
            (signal.SIGKILL, -9, ""),
            (signal.SIGINT, 130, ""),
        ):
            started = time.monotonic()
            first = subprocess.Popen(
                [sys.executable, "-m", "driftscan", "nightly", "-i", str(inventory)],
                env=environment, stderr=subprocess.PIPE, text=True,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509 -- no lock is held
            )  # fmt: skip
            while not (lock.exists() and f"pid {first.pid}," in lock.read_text()):
                assert time.monotonic() - started < 20
                time.sleep(0.05)
            second = cli("nightly", STOCK)
            assert (second.returncode, second.stdout, second.stderr.count("\n")) == (1, "", 1)
            assert f"another nightly run on this database goes on: pid {first.pid}, since 20" in second.stderr
            first.send_signal(number)
            _, said = first.communicate(timeout=20)
            assert (first.returncode, word in said, "Traceback" in said) == (code, True, False)
    assert cli("nightly", STOCK).returncode == 0


def test_where_the_lock_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    (tmp_path / "link.db").symlink_to(tmp_path / "real.db")
    same = {place(str(tmp_path / "real.db")), place(f"sqlite:///{tmp_path}/link.db"), place(str(tmp_path / "link.db"))}
    assert same == {tmp_path / "real.db.nightly"}
    server = place("postgresql://me:secret@db/driftscan")
    assert server.parent == tmp_path / ".local/state/driftscan"
    assert "secret" not in server.name
    assert place("postgresql://me@db/other") != server


# ---------------------------------------------------------------- reports and messages


def test_a_report_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "night.prom"
    write_whole(path, ["one"])
    assert path.stat().st_mode & 0o777 == 0o644 & ~os.umask(os.umask(0o022))
    path.chmod(0o600)
    (tmp_path / "link").symlink_to(path)
    write_whole(tmp_path / "link", ["two", "three"])
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("two\nthree\n", 0o600)

    def broken() -> Iterator[str]:
        yield "four"
        raise KeyError

    with pytest.raises(KeyError):
        write_whole(path, broken())
    assert sorted(file.name for file in tmp_path.iterdir()) == ["link", "night.prom"]
    assert path.read_text() == "two\nthree\n"
    write_whole(Path("/dev/null"), ["nothing"])
    assert Path("/dev/null").is_char_device()
    with pytest.raises(DriftscanError, match="cannot be written"):
        write_whole(tmp_path / "night.prom" / "below", ["five"])


@pytest.mark.parametrize("name", ["text", "json", "csv", "markdown", "sarif", "junit", "prometheus"])
def test_every_format_is_written(name: str, night: Any, hosts: Any, judged: dict[str, Check], tmp_path: Path) -> None:
    hosts["web1"] = None
    judged["web1"] = check("web1", drift())
    code, _, err = night("-i", "hosts.yaml", "--report", f"{name}=report")
    assert (code, err) == (4, "")
    assert "web1" in (tmp_path / "report").read_text()


def test_a_report_that_cannot_be_written_is_a_line_and_the_rest_is_done(
    night: Any, hosts: Any, judged: dict[str, Check], tmp_path: Path
) -> None:
    hosts["web1"] = None
    bad = f"json={'x' * 250}"
    code, out, err = night("-i", "hosts.yaml", "--report", bad, "--prometheus", "n.prom")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert (tmp_path / "n.prom").is_file()
    judged["web1"] = check("web1", drift())
    assert night("-i", "hosts.yaml", "--report", bad)[0] == 4  # what was seen outranks it


@pytest.fixture
def inbox() -> Iterator[SimpleNamespace]:
    """Give a webhook: its address, what it got, and the status it answers with."""
    box = SimpleNamespace(got=[], status=200, url="")

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(box.status)
            self.end_headers()
            if box.status == 200:
                box.got.append(json.loads(body))

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Hook)
    box.url = f"json://me:hunter2z@127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield box
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_message_goes_out_on_change_only(
    night: Any, hosts: Any, judged: dict[str, Check], inbox: SimpleNamespace, tmp_path: Path
) -> None:
    hosts["web1"] = None
    arguments = ("-i", "hosts.yaml", "--fail-on", "critical", "--notify", inbox.url)
    assert night(*arguments)[0] == 0
    assert inbox.got == []
    judged["web1"] = check("web1", drift("/etc/sudoers", Severity.HIGH))
    inbox.status = 500
    code, _, err = night(*arguments)
    assert (code, err.count("\n"), "hunter2z" in err) == (1, 1, False)
    inbox.status = 200
    assert night(*arguments)[0] == 0  # is sent again
    assert night(*arguments)[0] == 0  # is not
    assert ["1 new (1 high) on web1" in message["title"] for message in inbox.got] == [True]
    del judged["web1"]
    night(*arguments)
    assert "1 over" in inbox.got[1]["title"]
    night(*arguments, "--heartbeat", "7d")
    assert len(inbox.got) == 2
    night(*arguments, "--heartbeat", "0")
    assert (inbox.got[2]["title"], inbox.got[2]["message"].strip()) == ("driftscan: nothing new", "1 host: 1 clean")
    assert b"hunter2z" not in (tmp_path / "driftscan.db").read_bytes()


@pytest.mark.usefixtures("judged")
def test_old_snapshots_go_in_the_end(night: Any, hosts: Any, tmp_path: Path) -> None:
    hosts["web1"] = None
    for _ in range(4):
        assert night("-i", "hosts.yaml", "--keep", "last 2") == (0, "", "")
    assert stored(tmp_path) == ["web1"] * 2


# ---------------------------------------------------------------- what starts it


def job(*command: str, **more: Any) -> units.Job:
    return units.Job(
        command, **{"hour": 2, "minute": 30, "jitter": 1200, "longest": 21600, "environment": "/e", **more}
    )


ODD = ["a b", "100%", 'say "x"', "back\\slash", "$HOME", "it's", ";", "", "ü", "web*", "!db", "#"]


def test_cron_runs_what_was_said(tmp_path: Path) -> None:
    secrets = tmp_path / "night's %.env"
    secrets.write_text("DRIFTSCAN_NOTIFY='json://a b'\n")
    show = "import json, os, sys; print(json.dumps([sys.argv[1:], os.environ['DRIFTSCAN_NOTIFY']]))"
    lines = units.crontab(job(sys.executable, "-c", show, *ODD, environment=str(secrets)), of_system=False).splitlines()
    assert lines[-1].startswith("30 2 * * * ")
    command = lines[-1].removeprefix("30 2 * * * ").replace("\\%", "%")  # as cron reads it
    assert "%" not in lines[-1].replace("\\%", "")
    said = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout
    assert json.loads(said) == [ODD, "json://a b"]
    with pytest.raises(UsageError):
        units.crontab(job("x\ny"), of_system=False)


def test_words_for_systemd_are_quoted() -> None:
    assert [units.argument(word) for word in ODD] == [
        '"a b"', '"100%%"', '"say \\"x\\""', '"back\\\\slash"', '"$$HOME"', '"it\'s"', '";"', '""', "ü",
        '"web*"', '"!db"', '"#"',
    ]  # fmt: skip
    assert units.argument("a\nb") == '"a\\x0ab"'


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze here")
@pytest.mark.parametrize(("user", "here"), [("root", False), ("root", True), ("", False)])
def test_systemd_finds_nothing_wrong(user: str, here: bool, tmp_path: Path) -> None:
    made = job("/bin/sh", *ODD, user=user, here=here, environment="/etc/a%b")
    (tmp_path / f"{units.NAME}.service").write_text(units.service(made))
    (tmp_path / f"{units.NAME}.timer").write_text(units.timer(made))
    command = ["systemd-analyze", "verify", "--man=no", *sorted(map(str, tmp_path.iterdir()))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    told = [line for line in (done.stdout + done.stderr).splitlines() if units.NAME in line]
    assert told == []


def test_this_machine_is_scanned_without_walls(night: Any) -> None:
    assert "ProtectSystem=full" in night("install", "root@web1")[1]
    here = night("install", "localhost", "root@web1")[1]
    assert "ExecStart=" in here
    assert "Protect" not in here
    assert "NoNewPrivileges" not in here


def test_what_is_installed_says_everything_by_absolute_paths(night: Any, tmp_path: Path) -> None:
    (tmp_path / "hosts.yaml").write_text('{"hosts": {"web1": {}}}')
    code, out, err = night(
        "install", "-i", "hosts.yaml", "--at", "3:05", "--jitter", "10m", "web*", "--keep", "daily 14, last 3", "-vv",
        "--report", "json=night.json", "--baselines", "golden", "--time-limit", "1h", "--fail-on=high",
    )  # fmt: skip
    assert (code, err) == (0, "")
    (start,) = (line for line in out.splitlines() if line.startswith("ExecStart="))
    words = shlex.split(start.removeprefix("ExecStart="))
    assert Path(words[0]).is_absolute()
    said = words[words.index("run") + 1 :]
    pairs = dict(pairwise(said))
    assert pairs["--inventory"] == f"{tmp_path}/hosts.yaml"
    assert pairs["--baselines"] == f"{tmp_path}/golden"
    assert pairs["--report"] == f"json={tmp_path}/night.json"
    assert pairs["--keep"] == "daily 14, last 3"
    assert pairs["--db"] == f"{tmp_path}/driftscan.db"
    assert said.count("--verbose") == 2
    assert said[-1] == "web*"
    assert "OnCalendar=*-*-* 03:05:00\nRandomizedDelaySec=600\n" in out
    assert "TimeoutStartSec=5400\n" in out
    assert list(tmp_path.iterdir()) == [tmp_path / "hosts.yaml"]


def test_units_are_written_for_a_user_once_and_never_over_others(night: Any, tmp_path: Path) -> None:
    arguments = ("install", "--user", "--write", "root@web1", "--notify", "json://me:secret@x/")
    code, out, err = night(*arguments)
    assert (code, err) == (0, "")
    directory = tmp_path / ".config/systemd/user"
    service, secrets = directory / f"{units.NAME}.service", tmp_path / ".config/driftscan/nightly.env"
    assert sorted(directory.iterdir()) == [service, service.with_suffix(".timer")]
    assert (secrets.read_text(), secrets.stat().st_mode & 0o777) == ("DRIFTSCAN_NOTIFY='json://me:secret@x/'\n", 0o600)
    assert "secret" not in service.read_text()
    assert f"EnvironmentFile=-{secrets}" in service.read_text()
    assert out.splitlines()[3:5] == [
        "now run: systemctl --user daemon-reload",
        f"now run: systemctl --user enable --now {units.NAME}.timer",
    ]
    assert night(*arguments)[1].startswith("everything is there already")
    before = service.read_text()
    code, _, err = night(*arguments, "root@web2")
    assert (code, err.count("\n"), service.read_text()) == (1, 1, before)
    assert "says something else" in err
    assert night(*arguments, "root@web2", "--force")[0] == 0
    assert "root@web2" in service.read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["root@web1", "--at", "25:00"], "no time of the day"),
        (["root@web1", "-K"], "nobody can be asked"),
        (["root@web1", "--cron", "--user", "--write"], "crontab -e"),
        (["root@web1", "--keep", "x"], "does not say what to keep"),
        (["root@web1", "--no-such-option"], "--no-such-option"),
        ([], "no host was named"),
    ],
)
def test_what_cannot_be_installed_is_one_line(night: Any, arguments: list[str], words: str) -> None:
    code, out, err = night("install", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err
