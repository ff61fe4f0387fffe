"""The bundle: what real shells print is framed and read back, whatever is in it and wherever the stream is cut."""

import shutil
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftscan.collect.bundle import Task, new_nonce, program
from driftscan.collect.frames import BundleSink
from driftscan.model.outcome import Outcome, ProbeResult
from driftscan.scopes.base import Probe, scopes

SHELLS = [shell for shell in ("dash", "bash", "busybox") if shutil.which(shell)]


def command(shell: str) -> list[str]:
    return ["busybox", "sh"] if shell == "busybox" else [shell]


def play(probes: Sequence[Probe], shell: str = "sh", root: str = "", *, tty: bool = False) -> dict[str, ProbeResult]:
    nonce = new_nonce()
    tasks = [Task("test", probe) for probe in probes]
    sink = BundleSink(tasks, nonce, tty=tty)
    pipe = subprocess.PIPE
    with subprocess.Popen(command(shell), stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True) as child:
        child.stdin.write(program(tasks, nonce, root, tty=tty))
        child.stdin.flush()
        reader = threading.Thread(target=lambda: [sink.stderr(c) for c in iter(lambda: child.stderr.read1(999), b"")])
        reader.start()
        while chunk := child.stdout.read1(999):
            sink.stdout(chunk)
        child.stdin.close()
        reader.join()
    assert sink.done
    assert sink.left == []
    return {name: result for (_, name), result in sink.results.items()}


@pytest.mark.parametrize("tty", [False, True])
@pytest.mark.parametrize("shell", SHELLS)
def test_outcomes(shell: str, tty: bool) -> None:
    seen = play(
        [
            Probe("ok", "echo out; echo err >&2"),
            Probe("code", "exit 3", accepts=frozenset({0, 3})),
            Probe("failed", "echo first >&2; echo last >&2; exit 3"),
            Probe("denied", "echo cat: /x: Permission denied >&2; exit 1"),
            Probe("tool", "no-such-tool", tools=("sh", "no-such-tool")),
            Probe("absent", "ds_absent no database here"),
            Probe("refused", "ds_denied root only"),
            Probe("silent", ":"),
            Probe("reads", "cat; echo end"),
        ],
        shell,
        tty=tty,
    )
    assert (seen["ok"].outcome, seen["ok"].stdout, seen["ok"].stderr.strip()) == (Outcome.OK, b"out\n", b"err")
    assert (seen["code"].outcome, seen["code"].code) == (Outcome.OK, 3)
    assert (seen["failed"].outcome, seen["failed"].detail) == (Outcome.FAILED, "last")
    assert seen["denied"].outcome is Outcome.DENIED
    assert (seen["tool"].outcome, seen["tool"].detail) == (Outcome.ABSENT, "no no-such-tool on the host")
    assert (seen["absent"].outcome, seen["absent"].detail) == (Outcome.ABSENT, "no database here")
    assert (seen["refused"].outcome, seen["refused"].detail) == (Outcome.DENIED, "root only")
    assert (seen["silent"].outcome, seen["silent"].stdout) == (Outcome.OK, b"")
    assert seen["reads"].stdout == b"end\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_files_are_shown_whole_and_what_is_not_there_is_told_from_what_cannot_be_read(
    shell: str, tmp_path: Path
) -> None:
    every = bytes(range(256)) * 3
    (tmp_path / "bytes").write_bytes(every)
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "large").write_bytes(b"x" * (1 << 20) + b"y")
    (tmp_path / "dir.d").mkdir()
    (tmp_path / "dir.d" / "with space\nand line").write_text("a")
    (tmp_path / "dir.d" / ".hidden").write_text("b")
    (tmp_path / "dir.d" / "nowhere").symlink_to("missing")
    script = "echo before; ds_file /bytes /empty /large /none /dir.d; ds_dir /dir.d /no.d; echo after"
    seen = play([Probe("files", script)], shell, str(tmp_path))["files"]
    assert seen.stdout == b"before\nafter\n"
    files = {file.path: file for file in seen.files}
    assert files[b"/bytes"].data == every
    assert (files[b"/empty"].outcome, files[b"/empty"].data) == (Outcome.OK, b"")
    assert files[b"/large"].outcome is Outcome.FAILED
    assert files[b"/none"].outcome is Outcome.ABSENT
    assert files[b"/dir.d"].outcome is Outcome.ABSENT
    assert files[b"/dir.d/with space\nand line"].data == b"a"
    assert files[b"/dir.d/.hidden"].data == b"b"
    assert files[b"/dir.d/nowhere"].outcome is Outcome.ABSENT
    assert files[b"/no.d"].outcome is Outcome.ABSENT


@pytest.mark.parametrize("shell", SHELLS)
def test_links_of_an_image_are_followed_inside_it(shell: str, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "real").write_text("inside")
    (tmp_path / "etc" / "absolute").symlink_to("/etc/real")
    (tmp_path / "up").symlink_to("../../../../../etc")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "passwd").symlink_to("/etc/passwd")
    seen = play([Probe("files", "ds_file /etc/absolute /up/real /loop /passwd")], shell, str(tmp_path))["files"]
    assert [(file.outcome, file.data) for file in seen.files] == [
        (Outcome.OK, b"inside"),
        (Outcome.OK, b"inside"),
        (Outcome.ABSENT, b""),
        (Outcome.ABSENT, b""),
    ]


def test_the_end_of_stdin_ends_what_runs() -> None:
    nonce = new_nonce()
    tasks = [Task("test", Probe("hangs", "trap '' TERM; echo $$; sleep 1000"))]
    pipe = subprocess.PIPE
    with subprocess.Popen(["sh"], stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True) as child:
        child.stdin.write(program(tasks, nonce))
        child.stdin.flush()
        while f"{nonce} begin 1" not in child.stdout.readline().decode():
            pass
        child.stdin.close()
        assert child.wait(10) != 0


def test_every_probe_is_one_that_a_posix_shell_can_read() -> None:
    tasks = [Task(name, probe) for name, scope in scopes().items() for probe in scope.probes]
    for shell in SHELLS:
        subprocess.run([*command(shell), "-n"], input=program(tasks, new_nonce()), check=True)
    assert not [task for task in tasks if "<<" in task.probe.script]


FRAMES = [
    b"begin 1",
    b"end 1 0",
    b"end 1 x",
    b"begin 9",
    b"begin -1",
    b"file ok",
    b"file odd",
    b"close",
    b"absent no",
    b"stderr",
    b"done",
    b"",
]


@given(
    st.lists(st.sampled_from(FRAMES).map(lambda f: b"\nNONCE " + f + b"\n") | st.binary(max_size=20)), st.integers(1, 9)
)
def test_forged_and_garbled_frames_are_survived(parts: list[bytes], cut: int) -> None:
    sink = BundleSink([Task("s", Probe("a", "", limit=50)), Task("s", Probe("b", ""))], "NONCE")
    stream = b"".join(parts)
    for start in range(0, len(stream), cut):
        sink.stdout(stream[start : start + cut])
        sink.stderr(stream[start : start + cut])
    sink.finish(Outcome.FAILED, "cut")
    assert set(sink.results) <= {("s", "a"), ("s", "b")}


@given(st.binary(max_size=200), st.integers(1, 50))
def test_any_output_arrives_as_it_was_however_it_is_cut(body: bytes, cut: int) -> None:
    sink = BundleSink([Task("s", Probe("a", ""))], "NONCE")
    stream = b"a banner\n\nNONCE begin 1\n" + body + b"\nNONCE end 1 0\n"
    sink.stderr(b"noise\nNONCE begin 1\n\nNONCE end 1\n")
    for start in range(0, len(stream), cut):
        sink.stdout(stream[start : start + cut])
    assert sink.results["s", "a"].stdout == body


def test_a_flood_is_cut_at_its_limit_and_its_deadline_is_now() -> None:
    sink = BundleSink([Task("s", Probe("a", "", limit=1 << 20))], "NONCE")
    sink.stdout(b"\nNONCE begin 1\n")
    for _ in range(3):
        sink.stdout(b"x" * (1 << 19))
    assert sink.deadline() == 0.0
    sink.finish(Outcome.TIMEOUT, "")
    assert sink.results["s", "a"].outcome is Outcome.FAILED
    assert len(sink.results["s", "a"].stdout) <= 1 << 20
