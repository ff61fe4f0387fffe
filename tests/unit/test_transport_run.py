"""The one loop, on commands of this machine: streams, stdin, deadlines, interruptions, terminals."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from driftscan.errors import TransportError
from driftscan.model.host import Host
from driftscan.transport.base import CommandTimeout, Privilege, Stream, Transport
from driftscan.transport.connect import connect
from driftscan.transport.run import run


class Collected:
    def __init__(self, seconds: float = 20.0) -> None:
        self.out = bytearray()
        self.err = bytearray()
        self.end = time.monotonic() + seconds

    def stdout(self, data: bytes) -> None:
        self.out += data

    def stderr(self, data: bytes) -> None:
        self.err += data

    def deadline(self) -> float:
        return self.end


@pytest.fixture
def local() -> Iterator[Transport]:
    transport = connect(Host("here", transport="local"), pytest.fail)
    yield transport
    transport.close()


def say(transport: Transport, command: str, **how: Any) -> tuple[int, bytes, bytes]:
    sink = Collected()
    code = run(transport, command, sink, **how)
    return code, bytes(sink.out), bytes(sink.err)


def still_runs(mark: str) -> bool:
    listing = subprocess.run(("ps", "-eo", "stat=,args="), capture_output=True, text=True, check=True).stdout
    return any(mark in line and not line.startswith("Z") for line in listing.splitlines())


def test_what_it_is(local: Transport) -> None:
    assert (local.name, local.root, local.live, local.local) == ("local", "", True, True)


def test_streams_and_exit_code(local: Transport) -> None:
    assert say(local, "echo out; echo err >&2; exit 3") == (3, b"out\n", b"err\n")


def test_a_signal_is_told_as_a_shell_does(local: Transport) -> None:
    assert say(local, "kill -KILL $$")[0] == 137


def test_megabytes_in_both_directions_at_once(local: Transport) -> None:
    data = os.urandom(20 << 20)
    code, out, err = say(local, "tee /dev/stderr", stdin=data)
    assert (code, out == data, err == data) == (0, True, True)


def test_stdin_that_nobody_reads(local: Transport) -> None:
    assert say(local, "exec 0<&-; echo done", stdin=bytes(5 << 20)) == (0, b"done\n", b"")


def test_stdin_ends(local: Transport) -> None:
    assert say(local, "cat; echo end") == (0, b"end\n", b"")


def test_held_stdin_does_not_end(local: Transport) -> None:
    assert say(local, "read first; timeout 0.5 cat; echo $first $?", stdin=b"line\n", hold=True)[1] == b"line 124\n"


def test_a_deadline_ends_the_command_and_its_children(local: Transport) -> None:
    mark = f"sleep 71{os.getpid()}"
    sink = Collected(0.5)
    started = time.monotonic()
    with pytest.raises(CommandTimeout):
        run(local, f"echo begun; {mark} & {mark}; wait", sink)
    assert time.monotonic() - started < 3
    assert bytes(sink.out) == b"begun\n"
    assert not still_runs(mark)


def test_a_command_that_ignores_sigterm_is_ended_too(local: Transport) -> None:
    mark = f"72{os.getpid()}"
    with pytest.raises(CommandTimeout):
        run(local, f"trap '' TERM; while :; do sleep 0.1; done; : {mark}", Collected(0.3))
    assert not still_runs(mark)


def test_a_deadline_counts_while_output_flows(local: Transport) -> None:
    with pytest.raises(CommandTimeout):
        run(local, "while :; do echo y; done", Collected(0.5))


def test_a_deadline_that_is_brought_forward_while_waiting(local: Transport) -> None:
    sink = Collected(60.0)
    sink.stdout = lambda _: setattr(sink, "end", time.monotonic() + 0.2)
    started = time.monotonic()
    with pytest.raises(CommandTimeout):
        run(local, "echo now; sleep 30", sink)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_what_the_sink_raises_ends_the_command(local: Transport, error: type[BaseException]) -> None:
    mark = f"73{os.getpid()}{error.__name__ == 'ValueError'}"
    sink = Collected()

    def interrupt(_data: bytes) -> NoReturn:
        raise error

    sink.stdout = interrupt
    with pytest.raises(error):
        run(local, f"echo begun; sleep 60; : {mark}", sink)
    assert not still_runs(mark)


def test_closing_the_transport_ends_what_runs(local: Transport) -> None:
    mark = f"74{os.getpid()}"
    local.open(f"sleep 60; : {mark}")
    local.close()
    assert not still_runs(mark)


def test_receive_returns_in_time_and_promptly(local: Transport) -> None:
    channel = local.open("sleep 0.3; echo now; sleep 5")
    started = time.monotonic()
    assert channel.receive(0.05) is None
    assert 0.04 < time.monotonic() - started < 0.25
    assert channel.receive(10) == (Stream.STDOUT, b"now\n")
    assert time.monotonic() - started < 2
    channel.close()


def test_no_descriptor_is_left_open(local: Transport) -> None:
    say(local, "true")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        say(local, "cat; exit 1", stdin=b"data")
        with pytest.raises(CommandTimeout):
            run(local, "sleep 9", Collected(0.05))
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_terminal_of_its_own(local: Transport) -> None:
    channel = local.open("stty raw -echo; tty >/dev/null && echo yes </dev/tty; exit 6", tty=True)
    chunks = []
    while (chunk := channel.receive(5)) is not None and chunk[0] is not Stream.END:
        chunks.append(chunk)
    assert b"".join(data for _, data in chunks) == b"yes\n"
    assert {stream for stream, _ in chunks} == {Stream.STDOUT}
    assert channel.exit_code() == 6
    channel.close()


@pytest.fixture
def sudo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Give a function that puts a sudo made of `script` in front of PATH; `shift_to_command` is at its hand."""

    def install(script: str) -> None:
        path = tmp_path / "sudo"
        path.write_text(
            '#!/bin/sh\nshift_to_command() { while [ "$1" != -- ]; do shift; done; shift; exec "$@"; }\n' + script
        )
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    return install


ASKING = """printf "%s" "$3" >&2; IFS= read -r given
[ "$given" = "{}" ] || {{ echo Sorry, try again. >&2; printf "%s" "$3" >&2; cat; }}
shift_to_command "$@"
"""


def test_the_password_is_given_when_asked_for_and_stdin_after_it(local: Transport, sudo: Callable[[str], None]) -> None:
    sudo(ASKING.format("s3cret pass"))
    privilege = Privilege(sudo=True, password="s3cret pass")
    assert say(local, "cat", stdin=b"data\n", privilege=privilege) == (0, b"data\n", b"")


def test_no_password_goes_to_a_sudo_that_does_not_ask(local: Transport, sudo: Callable[[str], None]) -> None:
    sudo('echo "a lecture" >&2; shift_to_command "$@"\n')
    privilege = Privilege(sudo=True, password="s3cret pass")
    assert say(local, "cat", stdin=b"data\n", privilege=privilege) == (0, b"data\n", b"")


def test_a_wrong_password_is_not_repeated(local: Transport, sudo: Callable[[str], None]) -> None:
    sudo(ASKING.format("another"))
    with pytest.raises(TransportError, match="does not accept the password") as caught:
        say(local, "cat", privilege=Privilege(sudo=True, password="s3cret pass"))
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("sudo: a password is required", "`sudo: password`"),
        ("sudo: sorry, you must have a tty to run sudo", "`sudo_tty: true`"),
        ("x is not in the sudoers file.  This incident will be reported.", "does not let"),
        ("Sorry, user x is not allowed to execute '/bin/sh -c echo' as root on h.", "does not let"),
        ("sudo: no tty present and no askpass program specified", "`sudo: password`"),
        ('sudo: The "no new privileges" flag is set, which prevents sudo from running as root.', "setuid"),
        ("sudo: \x1b[31munheard of", r"\\x1b\[31munheard of"),
        ("", "it said nothing"),
    ],
)
def test_a_refusal_has_its_way_out(local: Transport, sudo: Callable[[str], None], said: str, meant: str) -> None:
    sudo(f"cat <<'END' >&2\n{said}\nEND\nexit 1\n")
    with pytest.raises(TransportError, match=meant) as caught:
        say(local, "cat", privilege=Privilege(sudo=True))
    assert "\n" not in str(caught.value)


def test_no_sudo_at_all(local: Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for tool in ("sh", "env", "echo"):
        (tmp_path / tool).symlink_to(
            subprocess.run(("which", tool), capture_output=True, text=True, check=True).stdout.strip()
        )
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TransportError, match="sudo is not installed"):
        say(local, "sh", privilege=Privilege(sudo=True))


def test_a_sudo_that_hangs_meets_the_deadline(local: Transport, sudo: Callable[[str], None]) -> None:
    sudo("sleep 60\n")
    with pytest.raises(CommandTimeout, match="before sudo let the command run"):
        run(local, "sh", Collected(0.5), privilege=Privilege(sudo=True))


def test_sudo_on_a_terminal(local: Transport, sudo: Callable[[str], None]) -> None:
    sudo('shift_to_command "$@"\n')
    data = bytes(range(256)) * 5000
    privilege = Privilege(sudo=True, tty=True)
    assert say(local, "cat", stdin=data, privilege=privilege) == (0, data, b"")
    assert say(local, "sh", stdin=b"{ echo out; echo err >&2; exit 9; }\n", privilege=privilege, hold=True) == (
        9,
        b"out\nerr\n",
        b"",
    )


@pytest.mark.parametrize("command", ["echo 'x'", "a\nb", "echo !1", "a\\b"])
def test_a_command_that_shells_read_differently_is_a_mistake_of_ours(local: Transport, command: str) -> None:
    with pytest.raises(ValueError, match="single quotes"):
        run(local, command, Collected(), privilege=Privilege(sudo=True))
