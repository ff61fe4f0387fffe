"""Becoming root by sudo on real hosts: every kind of sudoers, every login shell, pipes and terminals."""

import os
import time

import pytest

from driftscan.errors import TransportError
from driftscan.model.host import Host, SecretReference
from driftscan.transport.base import CommandTimeout, Privilege
from driftscan.transport.connect import connect, privilege
from driftscan.transport.run import run
from tests.lab import hosts
from tests.lab.footprint import watching

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("transport")]

PASSWORD = "Open $esame; 'echo \"owned\"' 100% \\n ü"
SETUP = """
set -e
export DEBIAN_FRONTEND=noninteractive
apt-get update >/dev/null && apt-get install -y --no-install-recommends tcsh fish >/dev/null
newuser() { useradd -m -s "$2" "$1"; mkdir -p /home/$1/.ssh; cp /root/.ssh/authorized_keys /home/$1/.ssh
  chown -R $1 /home/$1/.ssh; printf '%s:%s\\n' "$1" "$PASSWORD" | chpasswd; }
for shell in sh bash tcsh fish; do
  path=$(command -v $shell)
  newuser free-$shell $path; newuser asked-$shell $path
  echo "free-$shell ALL=(ALL) NOPASSWD: ALL" >>/etc/sudoers.d/test
  echo "asked-$shell ALL=(ALL) ALL" >>/etc/sudoers.d/test
done
for user in tty-free tty-asked pty-asked nobody-special; do newuser $user /bin/bash; done
{ echo "Defaults:tty-free,tty-asked requiretty"; echo "Defaults:pty-asked requiretty,use_pty"
  echo "tty-free ALL=(ALL) NOPASSWD: ALL"; echo "tty-asked ALL=(ALL) ALL"; echo "pty-asked ALL=(ALL) ALL"
} >>/etc/sudoers.d/test
chmod 440 /etc/sudoers.d/test
echo 'echo noise from a login file; echo more noise >&2' >>/home/free-bash/.bashrc
cp -p /home/free-bash/.bashrc /home/asked-bash/.bashrc
"""


@pytest.fixture(scope="module")
def machine():
    script = f"PASSWORD='{PASSWORD.replace(chr(39), chr(39) + chr(92) + chr(39) * 2)}'\n{SETUP}"
    with hosts.host("t-sudo", hosts.prepared("bookworm", script)) as machine:
        yield machine


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        path = tmp_path_factory.mktemp("home")
        patch.setenv("HOME", str(path))
        patch.setenv("SUDO_PASSWORD", PASSWORD)
        patch.delenv("SSH_AUTH_SOCK", raising=False)
        yield path


@pytest.fixture(scope="module")
def login(machine, home):
    """Give a function that logs in as a user, once for all tests, and says how that one becomes root."""
    open_ones = {}

    def log_in(user, transport="ssh", **settings):
        tty = settings.pop("tty", user.startswith(("tty", "pty")))
        host = Host(
            "t-sudo",
            machine.address,
            user=user,
            identity=machine.key,
            accept_new_host_key=True,
            transport=transport,
            sudo="passwordless" if "free" in user else "password",
            sudo_password=SecretReference("environment", "SUDO_PASSWORD"),
            sudo_tty=tty,
        )
        if (user, transport) not in open_ones:
            open_ones[user, transport] = connect(host, lambda question: pytest.fail(f"asked {question}"))
        return open_ones[user, transport], privilege(host, lambda question: pytest.fail(f"asked {question}"))

    yield log_in
    for opened in open_ones.values():
        opened.close()


class Collected:
    def __init__(self, seconds=20.0):
        self.out = bytearray()
        self.err = bytearray()
        self.end = time.monotonic() + seconds

    def stdout(self, data):
        self.out += data

    def stderr(self, data):
        self.err += data

    def deadline(self):
        return self.end


SCRIPT = b"{\nid -u\necho to stderr >&2\nexit 5\n}\n"


@pytest.mark.parametrize("transport", ["ssh", "openssh"])
@pytest.mark.parametrize("shell", ["sh", "bash", "tcsh", "fish"])
@pytest.mark.parametrize("kind", ["free", "asked"])
def test_every_login_shell_gets_root(login, kind, shell, transport):
    connection, become = login(f"{kind}-{shell}", transport)
    sink = Collected()
    code = run(connection, "sh", sink, stdin=SCRIPT, privilege=become)
    assert (code, bytes(sink.out), bytes(sink.err)) == (5, b"0\n", b"to stderr\n")


@pytest.mark.parametrize("transport", ["ssh", "openssh"])
@pytest.mark.parametrize("user", ["asked-bash", "tty-free", "tty-asked", "pty-asked"])
def test_a_megabyte_of_anything_comes_back_as_it_went(login, user, transport):
    connection, become = login(user, transport)
    sink = Collected()
    data = bytes(range(256)) * 16 + b"\r\n\x04\x03\x00\x11\x13\x1a\x7f" * 100 + os.urandom(1 << 20)
    assert run(connection, "cat", sink, stdin=data, privilege=become) == 0
    assert bytes(sink.out) == data
    assert not sink.err


@pytest.mark.parametrize("user", ["tty-free", "tty-asked", "pty-asked"])
def test_on_a_terminal_stderr_comes_as_stdout(login, user):
    connection, become = login(user)
    sink = Collected()
    code = run(connection, "sh", sink, stdin=SCRIPT, privilege=become)
    assert (code, bytes(sink.out), bytes(sink.err)) == (5, b"0\nto stderr\n", b"")


@pytest.mark.parametrize("user", ["free-sh", "asked-sh", "tty-free", "pty-asked"])
def test_held_stdin_ends_no_sooner_than_the_command(login, user):
    connection, become = login(user)
    sink = Collected()
    script = b"{\nexec 3<&0; ( trap '' TERM; cat <&3 >/dev/null; kill -TERM 0 ) >/dev/null 2>&1 & exec 3<&-; sleep 1; echo awake; exit 3\n}\n"
    assert run(connection, "sh", sink, stdin=script, privilege=become, hold=True) == 3
    assert bytes(sink.out) == b"awake\n"


@pytest.mark.parametrize("user", ["free-sh", "tty-free", "pty-asked"])
def test_what_is_given_up_is_told_by_the_end_of_held_stdin(login, machine, user):
    connection, become = login(user)
    mark = f"31{os.getpid()}.{sum(user.encode())}"
    script = f"{{\nexec 3<&0; ( trap '' TERM; cat <&3; kill -TERM 0 ) >/dev/null &\nsleep {mark}\n}}\n".encode()
    with pytest.raises(CommandTimeout):
        run(connection, "sh", Collected(1.0), stdin=script, privilege=become, hold=True)
    deadline = time.monotonic() + 10
    while mark in (left := machine.root("ps -eo args")) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert f"sleep {mark}" not in left


@pytest.mark.parametrize(
    ("user", "tty", "password", "says"),
    [
        ("asked-bash", False, "wrong", "does not accept the password"),
        ("tty-asked", True, "wrong", "does not accept the password"),
        ("asked-sh", False, None, "asks for a password"),
        ("tty-asked", False, PASSWORD, "`sudo_tty: true`"),
        ("tty-free", False, None, "`sudo_tty: true`"),
        ("nobody-special", False, PASSWORD, "does not let the login user become root"),
        ("nobody-special", False, None, "asks for a password"),
    ],
)
def test_a_refusal_is_one_line_with_the_way_out(login, user, tty, password, says):
    connection, _ = login(user)
    with pytest.raises(TransportError) as caught:
        run(connection, "sh", Collected(), stdin=b"echo no\n", privilege=Privilege(sudo=True, password=password, tty=tty))
    message = str(caught.value)
    assert says in message
    assert "\n" not in message
    assert password is None or password not in message


def test_a_wrong_password_is_tried_once(login, machine):
    connection, _ = login("asked-sh")
    machine.root("sudo -u asked-sh sudo -K; journalctl --rotate --vacuum-time=1s >/dev/null 2>&1 || :")
    with pytest.raises(TransportError):
        run(connection, "sh", Collected(), privilege=Privilege(sudo=True, password="wrong"))
    time.sleep(0.5)
    assert "3 incorrect" not in machine.root("journalctl -t sudo --no-pager")


def test_the_password_goes_to_nobody_who_does_not_ask(login, machine):
    connection, _ = login("free-bash")
    sink = Collected()
    run(connection, "cat", sink, stdin=b"data\n", privilege=Privilege(sudo=True, password=PASSWORD))
    assert bytes(sink.out) == b"data\n"


def test_the_password_is_in_no_argument_list(login, machine):
    connection, become = login("asked-bash")
    sink = Collected()
    assert run(connection, "ps -eo args", sink, privilege=become) == 0
    assert b"sudo" in sink.out
    assert PASSWORD.encode() not in sink.out


@pytest.mark.parametrize("user", ["tty-free", "pty-asked"])
def test_a_list_of_processes_ends_nothing(login, user):
    connection, become = login(user)
    sink = Collected()
    assert run(connection, "ps -eo args", sink, privilege=become) == 0
    assert b"ps -eo args" in sink.out


def test_a_host_without_sudo_says_so(login, machine):
    machine.root("mv /usr/bin/sudo /usr/bin/sudo.away")
    try:
        connection, become = login("free-fish")
        with pytest.raises(TransportError, match="sudo is not installed"):
            run(connection, "sh", Collected(), privilege=become)
    finally:
        machine.root("mv /usr/bin/sudo.away /usr/bin/sudo")


def test_becoming_root_writes_nothing(login, machine):
    connection, become = login("asked-bash")
    with watching(machine) as seen:
        assert run(connection, "sh", Collected(), stdin=SCRIPT, privilege=become) == 5
    assert seen.beside() == []
