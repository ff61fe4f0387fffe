import subprocess
import sys
import time
from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driftscan.collect.bundle import Task, by_scope, new_nonce, program
from driftscan.collect.frames import BundleSink
from driftscan.model.item import Item
from driftscan.model.outcome import Outcome, ProbeResult
from driftscan.scopes import processes
from driftscan.scopes._identity import thread_kind
from driftscan.scopes.proc.cgroup import unit_and_container
from driftscan.scopes.proc.procfs import Process, Table, command_line, deleted_library, own_processes, parse_stat
from driftscan.scopes.processes import SCOPE
from tests.unit.scope_checks import Recorded, garbled, truncated, well_formed

FLAVORS = ["arch", "bookworm", "bookworm-nopy", "busybox", "rpm", "sauced", "sauced-plain", "sysv"]


def find(items: Iterable[Item], **attributes: object) -> Item:
    items = list(items)
    found = [i for i in items if all(i.attributes[name] == value for name, value in attributes.items())]
    assert len(found) == 1, [i.key for i in items]
    return found[0]


@pytest.mark.parametrize("flavor", FLAVORS)
def test_every_flavor_is_understood_and_the_auditor_is_not_in_it(recorded: Recorded, flavor: str) -> None:
    parsed = SCOPE.parse(recorded(flavor, "processes"))
    well_formed(SCOPE, parsed)
    assert not parsed.unparsed
    commands = [item.attributes["command"] for item in parsed.items]
    assert not [c for c in commands if "xargs" in c or "grep" in c or "@notty" in c or "[priv]" in c or c == "sh"]
    assert any(item.volatile["pid"] == [1] for item in parsed.items)


def test_stock_processes(recorded: Recorded) -> None:
    items = SCOPE.parse(recorded("bookworm", "processes")).items
    cron = find(items, exe="/usr/sbin/cron")
    assert cron.key == "root: /usr/sbin/cron -f [cron.service]"
    assert cron.attributes["parent"] == "/usr/lib/systemd/systemd"
    assert cron.volatile["started"].endswith("Z")
    sshd = find(items, exe="/usr/sbin/sshd")
    assert sshd.attributes["command"] == "sshd: /usr/sbin/sshd -D [listener] # of #-# startups"
    assert "[listener] " in sshd.volatile["titles"][0]


def test_busybox_without_find_printf_and_grep_z(recorded: Recorded) -> None:
    items = SCOPE.parse(recorded("busybox", "processes")).items
    crond = find(items, command="/usr/sbin/crond -f -c /var/spool/cron/crontabs")
    assert crond.attributes["argv"] == ["/usr/sbin/crond", "-f", "-c", "/var/spool/cron/crontabs"]
    assert (crond.attributes["exe"], crond.attributes["cwd"], crond.attributes["user"]) == (
        "/bin/busybox",
        "/var/spool/cron/crontabs",
        "root",
    )


def test_what_was_planted_is_seen(recorded: Recorded) -> None:
    items = SCOPE.parse(recorded("sauced", "processes")).items
    telemetry = find(items, exe="/usr/local/bin/telemetryd")
    assert telemetry.attributes["deleted"] is True
    assert telemetry.attributes["argv"] == ["/usr/local/bin/telemetryd", "/usr/local/lib/telemetry.py"]
    impostor = find(items, exe="/usr/bin/sleep")
    assert impostor.attributes["argv"] == ["[kworker/u8:9]", "1000000"]
    assert impostor.attributes["kernel"] is False
    assert (impostor.attributes["user"], impostor.attributes["name"]) == ("deploy", "sleep")
    shop = find(items, exe="/usr/bin/python3.11", user="mthompson")
    assert shop.attributes["unit"] == "rc-local.service"
    assert shop.attributes["cwd"] == "/opt/shopapp/releases/20230114"
    workers = find(items, user="www-data")
    assert workers.attributes["command"] == "nginx: …"
    assert workers.volatile["count"] == len(workers.volatile["pid"]) == 2
    task = find(items, command="python3 /usr/local/bin/shop-worker.py --once")
    assert task.attributes["parent"] == "/usr/bin/dash < /usr/sbin/cron < /usr/lib/systemd/systemd"


def test_a_plain_account_says_what_it_was_not_shown(recorded: Recorded) -> None:
    parsed = SCOPE.parse(recorded("sauced-plain", "processes"))
    assert "not shown to this account" in parsed.denied["links"]
    assert find(parsed.items, name="redis-server").attributes["exe"] is None


def test_only_own_processes_shown_is_denied(recorded: Recorded) -> None:
    results = recorded("bookworm", "processes")
    stat = results["stat"]
    lines = [line for line in stat.stdout.split(b"\n") if not line.startswith(b"/proc/1/")]
    hidden = ProbeResult("stat", Outcome.OK, stdout=b"\n".join(lines))
    assert "hidepid" in SCOPE.parse({**results, "stat": hidden}).denied["stat"]


def stat(pid: int, name: bytes, ppid: int, flags: int, size: int, state: bytes = b"S") -> bytes:
    fields = [ppid, 0, 0, 0, -1, flags, *[0] * 12, 5000, size, 0]
    return b"%d (%s) %s %s\n" % (pid, name, state, b" ".join(b"%d" % field for field in fields))


@pytest.mark.parametrize("name", [b"sh", b"a) S 1 2 3 (b", b"new\nline", b"", b"\xff\xfe", b"((("])
def test_a_name_may_hold_anything(name: bytes) -> None:
    process = parse_stat(stat(7, name, 1, 0x400100, 4096), 100, 1000.0)
    assert (process.pid, process.ppid, process.started, process.kernel) == (7, 1, 1050.0, False)


def test_threads_of_the_kernel_are_told_by_its_flag() -> None:
    assert parse_stat(stat(9, b"anything", 2, 0x208040, 0), 100, 0).kernel
    assert parse_stat(stat(9, b"old kernels have no flag", 2, 0x8040, 0), 100, 0).kernel
    assert not parse_stat(stat(9, b"kworker/0:1", 2, 0x400100, 4096), 100, 0).kernel
    assert not parse_stat(stat(9, b"kworker/0:1", 1, 0x400100, 0, b"Z"), 100, 0).kernel
    assert parse_stat(b"9 (cut off) S 1 2", 100, 0) is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("kworker/0:1-events", "kworker"),
        ("ksoftirqd/11", "ksoftirqd"),
        ("jbd2/sda1-8", "jbd2"),
        ("scsi_eh_0", "scsi_eh"),
        ("md0_raid1", "md0_raid"),
        ("kthreadd", "kthreadd"),
        ("007", "007"),
    ],
)
def test_kinds_of_threads(name: str, kind: str) -> None:
    assert thread_kind(name) == kind


ID = b"0123456789ab" + b"c" * 52


@pytest.mark.parametrize(
    ("cgroup", "expected"),
    [
        (b"0::/system.slice/nginx.service", ("nginx.service", None)),
        (b"1:name=systemd:/system.slice/x.service\n0::/", ("x.service", None)),
        (b"4:memory:/a\n1:name=systemd:/user.slice/user-0.slice/session-c12.scope", ("session-*.scope", None)),
        (b"0::/user.slice/user-7.slice/user@7.service/app.slice/nginx.service", ("user@7.service/nginx.service", None)),
        (b"0::/system.slice/docker-" + ID + b".scope", ("docker-*.scope", "docker:0123456789ab")),
        (b"3:cpu:/docker/" + ID + b"\n0::/", (None, "docker:0123456789ab")),
        (b"0::/kubepods.slice/kubepods-podX.slice/cri-containerd-" + ID + b".scope/x.service",
         ("cri-containerd-*.scope", "cri:0123456789ab")),
        (b"0::/lxc.payload.web/system.slice/nginx.service", (None, "lxc:web")),
        (b"0::/machine.slice/machine-db.scope/payload/system.slice/a.service", ("machine-db.scope", "nspawn:db")),
        (b"0::/system.slice/sshd@3-10.0.0.1:22-10.0.0.2:4000.service", ("sshd@*.service", None)),
        (b"0::/init.scope", ("init.scope", None)),
        (b"0::/", (None, None)),
        (b"", (None, None)),
    ],
)  # fmt: skip
def test_units_and_containers(cgroup: bytes, expected: object) -> None:
    assert unit_and_container(cgroup) == expected


def test_command_lines_are_bounded() -> None:
    assert command_line(b"a\0\0b c\0") == (b"a", b"", b"b c")
    assert command_line(b"title\0\0\0\0") == (b"title",)
    assert command_line(b"") == ()
    assert len(b"\0".join(command_line(b"x\0" + b"y" * 100_000 + b"\0"))) <= 16384


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (b"/usr/lib/libssl.so.3", "/usr/lib/libssl.so.3"),
        (b"/usr/lib/libc.so.6;5f3a2b1c", "/usr/lib/libc.so.6"),
        (b"/tmp/evil.so", "/tmp/evil.so"),
        (b"/tmp/ffiAbCdEf", None),
        (b"/memfd:jit", None),
        (b"/dev/zero", None),
        (b"/SYSV00000000", None),
        (b"/usr/sbin/nginx", None),
    ],
)
def test_deleted_libraries(path: bytes, name: str | None) -> None:
    assert deleted_library(path, b"/usr/sbin/nginx (deleted)") == name


def test_one_more_worker_or_a_restart_is_no_change(recorded: Recorded) -> None:
    results = recorded("sauced", "processes")
    before = {item.key: dict(item.attributes) for item in SCOPE.parse(results).items}
    again = dict(results)
    for name in ("stat", "arguments", "links", "owners"):
        body = (
            results[name]
            .stdout.replace(b"/proc/55/", b"/proc/9055/")
            .replace(b"\n/proc/9055/stat:55 ", b"\n/proc/9055/stat:9055 ")
        )
        again[name] = ProbeResult(name, Outcome.OK, stdout=body)
    after = SCOPE.parse(again).items
    assert {item.key: dict(item.attributes) for item in after} == before
    assert find(after, user="www-data").volatile["pid"] == [54, 9055]


def test_own_processes_end_at_the_listener() -> None:
    def one(pid: int, ppid: int, cgroup: bytes = b"0::/user.slice/user-7.slice/session-3.scope") -> tuple[int, Process]:
        return pid, Process(pid, ppid, "x", False, False, 0.0, cgroup)

    chain = dict([one(1, 0), one(50, 1), one(60, 50), one(61, 60), one(62, 61), one(63, 62), one(70, 50), one(80, 1)])
    assert own_processes(chain, 62) == {60, 61, 62, 63}
    chain |= dict([one(90, 1, b"0::/user.slice/user-7.slice/user@7.service/init.scope")])
    assert own_processes(chain, 62) == {60, 61, 62, 63, 90}
    chain |= dict([one(50, 1, b"0::/system.slice/sshd@4-1.2.3.4:22-5.6.7.8:9.service")])
    assert own_processes(chain, 62) == {50, 60, 61, 62, 63, 90}
    assert own_processes({}, 5) == {5}


def test_what_systemd_has_forked_and_not_yet_made_a_program_is_none() -> None:
    def one(pid: int, ppid: int, name: str, exe: bytes | None, started: float = 999.0) -> tuple[int, Process]:
        return pid, Process(pid, ppid, name, False, False, started, exe=exe)

    init = b"/usr/lib/systemd/systemd"
    table = dict([
        one(1, 0, "systemd", init, 0.0),
        one(2, 1, "(sleep)", init),
        one(3, 1, "(nginx)", init + b"-executor"),
        one(4, 1, "(done)", b"/usr/bin/done"),  # it was so when its name was read
        one(5, 1, "(stuck)", init, 900.0),
        one(6, 1, "systemd", init),
        one(7, 6, "(sd-pam)", init),
        one(8, 6, "(agent)", init),
        one(9, 1, "(evil", b"/usr/bin/evil"),
        one(10, 9, "(worker)", b"/usr/bin/evil"),
    ])  # fmt: skip
    assert [process.pid for process in Table(table, frozenset()).visible()] == [1, 4, 5, 6, 7, 9, 10]
    unseen = {1: Process(1, 0, "systemd", False, False, 0.0), 2: Process(2, 1, "(x)", False, False, 9.0)}
    assert [process.pid for process in Table(unseen, frozenset()).visible()] == [1]


def test_a_hostile_link_cannot_speak_for_another_process(recorded: Recorded) -> None:
    results = recorded("busybox", "processes")
    line = b"lrwxrwxrwx    1 root     root             0 Nov 22 04:05 /proc/1/exe -> /tmp/evil"
    forged = results["links"].stdout + line + b"\n"
    parsed = SCOPE.parse({**results, "links": ProbeResult("links", Outcome.OK, stdout=forged)})
    assert "/tmp/evil" not in {item.attributes["exe"] for item in parsed.items}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(data=st.data())
def test_whatever_arrives(recorded: Recorded, data: st.DataObject) -> None:
    results = recorded("sauced", "processes")
    well_formed(SCOPE, SCOPE.parse(data.draw(garbled(results))))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(data=st.data())
def test_a_cut_invents_nothing(recorded: Recorded, data: st.DataObject) -> None:
    results = recorded("sauced", "processes")
    names = {item.attributes["name"] for item in SCOPE.parse(results).items}
    commands = {item.attributes["command"] for item in SCOPE.parse(results).items}
    probe = data.draw(st.sampled_from(["stat", "links", "owners", "libraries", "users"]))
    parsed = SCOPE.parse(truncated(results, probe, data.draw(st.integers(0, len(results[probe].stdout)))))
    well_formed(SCOPE, parsed)
    # What the auditor started is no longer known as its own once its ancestors are cut off.
    seen = {i.attributes["name"] for i in parsed.items} - {
        "sh",
        "bash",
        "sshd",
        "xargs",
        "grep",
        "cat",
        "find",
        "sleep",
    }
    assert seen <= names
    assert probe in {"stat", "links"} or {i.attributes["command"] for i in parsed.items} <= commands


def run_here() -> dict[str, ProbeResult]:
    tasks = [Task("processes", probe) for probe in SCOPE.probes]
    nonce = new_nonce()
    sink = BundleSink(tasks, nonce)
    child = subprocess.Popen(
        ["sh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    with child:
        child.stdin.write(program(tasks, nonce))
        child.stdin.flush()
        while not sink.done and (chunk := child.stdout.read1(65536)):
            sink.stdout(chunk)
    sink.finish(Outcome.FAILED, "lost")
    return by_scope(sink.results, "processes")


def test_psutil_and_the_probes_see_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    marker = f"driftscan-test-{time.monotonic_ns()}"
    child = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)", marker, "two  words", "--token=s3cr3t-x"]
    )
    try:
        time.sleep(0.2)
        # this process and what it started are the auditor's own: look as another child would
        from driftscan.scopes.proc import local, procfs

        none = lambda *_: frozenset()  # noqa: E731
        monkeypatch.setattr(procfs, "own_processes", none)
        monkeypatch.setattr(local, "own_processes", none)
        there = {item.key: item for item in SCOPE.parse(run_here()).items}
        here = {item.key: item for item in processes.look_here().items}
    finally:
        child.kill()
        child.wait()
    mine = [key for key in here if marker in key]
    assert len(mine) == 1
    assert "--token=<secret:token>" in mine[0]
    assert dict(here[mine[0]].attributes) == dict(there[mine[0]].attributes)
    assert here[mine[0]].volatile == there[mine[0]].volatile
    kernel = {key for key in here if key.startswith("kernel: ")}
    assert kernel == {key for key in there if key.startswith("kernel: ")}


def test_looking_here_leaves_this_process_out() -> None:
    import os

    pids = {pid for item in processes.look_here().items for pid in item.volatile["pid"]}
    assert os.getpid() not in pids
    assert os.getppid() == 1 or os.getppid() not in pids
