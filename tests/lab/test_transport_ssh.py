"""Both SSH transports against real servers: keys, logins, ways, streams, and every error as one line."""

import base64
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from driftscan.errors import TransportError
from driftscan.model.host import Host, Jump, SecretReference
from driftscan.transport.base import CommandTimeout
from driftscan.transport.connect import connect
from driftscan.transport.run import run
from tests.lab import hosts

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("transport")]

PASSWORD = "correct horse"
PASSPHRASE = "battery staple"
OLD = {
    "Port": "2222",
    "HostKey": "/etc/ssh/old_rsa_key",
    "KexAlgorithms": "diffie-hellman-group14-sha1",
    "HostKeyAlgorithms": "ssh-rsa",
    "Ciphers": "aes128-cbc,3des-cbc",
    "MACs": "hmac-sha1",
}
INTERACTIVE = {"Port": "2223", "PasswordAuthentication": "no", "KbdInteractiveAuthentication": "yes", "UsePAM": "yes"}
THROTTLED = {"Port": "2224", "MaxStartups": "2:100:2", "LoginGraceTime": "2"}
TWO_FACTORS = {"Port": "2225", "AuthenticationMethods": "publickey,password"}


def server(settings: dict[str, str]) -> str:
    options = " ".join(f"-o {key}={value}" for key, value in settings.items())
    return f"/usr/sbin/sshd -f /dev/null -o PidFile=none {options}\n"


@pytest.fixture(scope="module")
def machine(keys):
    with hosts.host("t-ssh") as machine:
        public = "".join(Path(f"{key}.pub").read_text() for key in keys.values())
        keyed = {"HostKey": "/etc/ssh/ssh_host_ed25519_key"}
        machine.root(
            f"""set -e
            useradd -m -s /bin/sh plain; echo 'plain:{PASSWORD}' | chpasswd
            echo '{public}' >>/root/.ssh/authorized_keys
            mkdir -p /home/plain/.ssh; cp /root/.ssh/authorized_keys /home/plain/.ssh; chown -R plain /home/plain/.ssh
            ssh-keygen -q -t rsa -b 2048 -N '' -f /etc/ssh/old_rsa_key
            """
            + server(OLD)
            + server(keyed | INTERACTIVE)
            + server(keyed | THROTTLED)
            + server(keyed | TWO_FACTORS)
        )
        yield machine


@pytest.fixture(scope="module")
def other():
    with hosts.host("t-ssh-jump") as machine:
        yield machine


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    hosts.require()
    directory = tmp_path_factory.mktemp("keys")
    for name, kind, passphrase in (("plain", "ed25519", ""), ("locked", "ed25519", PASSPHRASE), ("rsa", "rsa", "")):
        subprocess.run(
            ("ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", name, "-f", directory / name), check=True
        )
    return {name: str(directory / name) for name in ("plain", "locked", "rsa")}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setenv("TEST_PASSWORD", PASSWORD)
    return tmp_path


@pytest.fixture(params=["ssh", "openssh"])
def transport(request):
    return request.param


@pytest.fixture
def reach(machine, keys, transport):
    """Give a function that connects, by default as root with a key and on first use, and closes in the end."""
    opened = []

    def connect_now(prompt=no_prompt, **settings):
        given = {"address": machine.address, "user": "root", "identity": machine.key, "accept_new_host_key": True}
        opened.append(connect(Host("t-ssh", transport=transport, **(given | settings)), prompt))
        return opened[-1]

    yield connect_now
    for connection in opened:
        connection.close()


def no_prompt(question):
    pytest.fail(f"nobody was to be asked: {question}")


class Collected:
    def __init__(self, seconds=30.0):
        self.out = bytearray()
        self.err = bytearray()
        self.end = time.monotonic() + seconds

    def stdout(self, data):
        self.out += data

    def stderr(self, data):
        self.err += data

    def deadline(self):
        return self.end


def say(connection, command, **how):
    sink = Collected()
    code = run(connection, command, sink, **how)
    return code, bytes(sink.out), bytes(sink.err)


def one_line(caught):
    message = str(caught.value)
    assert "\n" not in message
    assert PASSWORD not in message
    assert PASSPHRASE not in message
    return message


def test_streams_exit_codes_and_stdin(reach):
    connection = reach()
    assert say(connection, "echo out; echo err >&2; exit 7") == (7, b"out\n", b"err\n")
    data = os.urandom(5 << 20)
    assert say(connection, "cat", stdin=data) == (0, data, b"")
    assert say(connection, "true", stdin=data)[0] == 0


def test_megabytes_on_both_streams(reach):
    code, out, err = say(reach(), "head -c 4194304 /dev/zero >&2; head -c 50000000 /dev/zero; head -c 9 /dev/zero >&2")
    assert (code, len(out), len(err)) == (0, 50_000_000, 4_194_313)


def test_a_command_that_hangs_is_given_up_in_time(reach, machine):
    connection = reach()
    mark = f"30{os.getpid()}"
    script = f"{{\nexec 3<&0; ( trap '' TERM; cat <&3; kill -TERM 0 ) >/dev/null 2>&1 &\necho begun; sleep {mark}\n}}\n"
    started = time.monotonic()
    sink = Collected(1.0)
    with pytest.raises(CommandTimeout):
        run(connection, "sh", sink, stdin=script.encode(), hold=True)
    assert time.monotonic() - started < 3
    assert bytes(sink.out) == b"begun\n"
    assert say(connection, "echo still here")[1] == b"still here\n"
    deadline = time.monotonic() + 10
    while f"sleep {mark}" in (left := machine.root("ps -eo args")) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert f"sleep {mark}" not in left


def test_a_command_that_reads_nothing_leaves_the_connection_whole(reach):
    connection = reach()
    for _ in range(30):
        assert say(connection, "exit 3", stdin=bytes(100_000))[0] == 3


def test_a_deadline_that_moves_is_honoured(reach):
    sink = Collected(1.0)

    def later(data):
        sink.out += data
        sink.end = time.monotonic() + 1.0

    sink.stdout = later
    assert run(reach(), "for i in 1 2 3 4; do echo $i; sleep 0.5; done", sink) == 0


def test_a_lost_connection_is_an_error_not_an_end(reach, machine):
    connection = reach()

    def cut():
        time.sleep(0.5)
        machine.exec("pkill", "-KILL", "-f", "sshd: root@notty")

    threading.Thread(target=cut, daemon=True).start()
    with pytest.raises(TransportError, match="connection was lost") as caught:
        say(connection, "echo begun; sleep 20")
    one_line(caught)
    with pytest.raises(TransportError, match="connection was lost"):
        connection.open("true")


def test_an_unknown_key_is_refused_and_named(reach, machine, home):
    with pytest.raises(TransportError, match="--accept-new-host-key") as caught:
        reach(accept_new_host_key=False)
    shown = machine.root("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub").split()[1]
    assert shown in one_line(caught)
    assert not (home / ".ssh" / "known_hosts").exists()


def test_an_accepted_key_is_kept_for_the_next_time(reach, home, caplog):
    caplog.set_level("INFO")
    reach(port=2223, user="plain", password=SecretReference("environment", "TEST_PASSWORD"))
    assert "known_hosts" in caplog.text or "list of known hosts" in caplog.text
    assert (home / ".ssh").stat().st_mode & 0o777 == 0o700
    assert (home / ".ssh" / "known_hosts").read_bytes().count(b"\n") == 1
    reach(accept_new_host_key=False, port=2223, user="plain", password=SecretReference("environment", "TEST_PASSWORD"))


def test_known_hosts_of_either_client_serve_the_other(machine, home):
    for first, second in (("ssh", "openssh"), ("openssh", "ssh")):
        shutil.rmtree(home / ".ssh", ignore_errors=True)
        host = Host("t", machine.address, user="root", identity=machine.key, port=2224, accept_new_host_key=True)
        for name, accept in ((first, True), (second, False)):
            settings = {"transport": name, "accept_new_host_key": accept}
            connect(Host(**{f: getattr(host, f) for f in Host.__slots__} | settings), no_prompt).close()


@pytest.mark.parametrize("accept", [True, False])
def test_a_changed_key_is_refused_with_and_without_the_flag(reach, machine, keys, home, accept):
    (home / ".ssh").mkdir(mode=0o700)
    public = Path(f"{keys['plain']}.pub").read_text()
    (home / ".ssh" / "known_hosts").write_text(f"{machine.address} {public}")
    with pytest.raises(TransportError, match="CHANGED") as caught:
        reach(accept_new_host_key=accept)
    assert "SHA256:" in one_line(caught)
    assert "--accept" not in str(caught.value)


def test_a_revoked_key_is_refused(reach, machine, home):
    (home / ".ssh").mkdir(mode=0o700)
    public = machine.root("cat /etc/ssh/ssh_host_ed25519_key.pub")
    (home / ".ssh" / "known_hosts").write_text(f"@revoked * {public}")
    with pytest.raises(TransportError, match="revoked") as caught:
        reach()
    one_line(caught)


def test_a_key_of_another_type_than_the_known_one_is_asked_for(reach, machine, home):
    (home / ".ssh").mkdir(mode=0o700)
    public = machine.root("cat /etc/ssh/ssh_host_ecdsa_key.pub")
    (home / ".ssh" / "known_hosts").write_text(f"{machine.address} {public}")
    reach(accept_new_host_key=False)


def test_a_wrong_key_names_what_was_tried(reach, keys, tmp_path):
    stranger = tmp_path / "stranger"
    subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", stranger), check=True)
    with pytest.raises(TransportError, match="not let in") as caught:
        reach(identity=str(stranger))
    message = one_line(caught)
    assert str(stranger) in message
    assert "publickey" in message


def test_a_password_from_the_environment_a_file_and_a_person(reach, tmp_path):
    (tmp_path / "secret").write_text(f"{PASSWORD}\n")
    for reference in (
        SecretReference("environment", "TEST_PASSWORD"),
        SecretReference("file", str(tmp_path / "secret")),
        SecretReference("prompt"),
    ):
        connection = reach(lambda _: PASSWORD, identity="", user="plain", password=reference)
        assert say(connection, "id -un")[1] == b"plain\n"


def test_a_wrong_password_is_one_line(reach, monkeypatch):
    monkeypatch.setenv("TEST_PASSWORD", "wrong")
    with pytest.raises(TransportError, match="not let in") as caught:
        reach(identity="", user="plain", password=SecretReference("environment", "TEST_PASSWORD"))
    assert "wrong" not in one_line(caught)


def test_a_password_asked_for_by_dialogue(reach):
    connection = reach(
        identity="", user="plain", port=2223, password=SecretReference("environment", "TEST_PASSWORD")
    )
    assert say(connection, "id -un")[1] == b"plain\n"


def test_a_key_and_a_password(reach):
    connection = reach(user="plain", port=2225, password=SecretReference("environment", "TEST_PASSWORD"))
    assert say(connection, "id -un")[1] == b"plain\n"


def test_a_locked_key_asks_a_person(reach, keys):
    asked = []

    def answer(question):
        asked.append(question)
        return PASSPHRASE

    reach(answer, identity=keys["locked"])
    assert len(asked) == 1
    assert keys["locked"] in asked[0]


def test_a_locked_key_and_nobody_to_ask(reach, keys):
    def refuse(_question):
        raise TransportError("there is nobody to ask")

    with pytest.raises(TransportError, match="not let in") as caught:
        reach(refuse, identity=keys["locked"])
    one_line(caught)


def test_the_agent_opens_what_is_locked(reach, keys, home, monkeypatch):
    script = home / "askpass"
    script.write_text(f"#!/bin/sh\necho '{PASSPHRASE}'\n")
    script.chmod(0o700)
    agent = subprocess.Popen(("ssh-agent", "-D", "-a", home / "agent"), stdout=subprocess.DEVNULL)
    try:
        while not (home / "agent").exists():
            time.sleep(0.02)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(home / "agent"))
        environment = {**os.environ, "SSH_ASKPASS": str(script), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": "none"}
        subprocess.run(("ssh-add", "-q", keys["locked"]), env=environment, stdin=subprocess.DEVNULL, check=True)
        reach(identity=keys["locked"])
        reach(identity="")
    finally:
        agent.terminate()
        agent.wait()


def test_the_configuration_of_the_user_counts(reach, machine, home):
    (home / ".ssh").mkdir(mode=0o700)
    (home / ".ssh" / "more").write_text(f"Host web\n  HostName {machine.address}\n  Port 2224\n")
    (home / ".ssh" / "config").write_text(
        f"Include more\nHost web\n  User root\n  IdentityFile {machine.key}\n  IdentitiesOnly yes\n"
        f"  HostKeyAlias the-web\n  UserKnownHostsFile {home}/.ssh/elsewhere\n  RemoteCommand echo hijacked\n"
    )
    connection = reach(address="web", user="", identity="")
    assert say(connection, "echo $SSH_CONNECTION")[1].split()[3] == b"2224"
    kept = (home / ".ssh" / "elsewhere").read_text()
    assert machine.address not in kept


def test_a_jump_host_of_the_inventory(reach, machine, other):
    connection = reach(jump=(Jump(other.address, "root", 22),))
    assert say(connection, "echo $SSH_CONNECTION")[1].split()[0] == other.address.encode()


def test_a_jump_host_of_the_configuration(reach, machine, other, home):
    (home / ".ssh").mkdir(mode=0o700)
    (home / ".ssh" / "config").write_text(
        f"Host hop\n  HostName {other.address}\n  User root\n  IdentityFile {machine.key}\n"
        f"Host web\n  HostName {machine.address}\n  ProxyJump hop\n"
    )
    connection = reach(address="web")
    assert say(connection, "echo $SSH_CONNECTION")[1].split()[0] == other.address.encode()


def test_two_jump_hosts(reach, machine, other):
    connection = reach(jump=(Jump(other.address, "root"), Jump(machine.address, "root", 2224)))
    assert say(connection, "echo $SSH_CONNECTION")[1].split()[0] == machine.address.encode()


def test_a_jump_host_must_be_known_too(reach, machine, other, home):
    (home / ".ssh").mkdir(mode=0o700)
    public = machine.root("cat /etc/ssh/ssh_host_ed25519_key.pub")
    (home / ".ssh" / "known_hosts").write_text(f"{machine.address} {public}")
    with pytest.raises(TransportError, match="not known") as caught:
        reach(jump=(Jump(other.address, "root"),), accept_new_host_key=False)
    assert other.address in one_line(caught)


def test_a_proxy_command(reach, machine, home):
    (home / ".ssh").mkdir(mode=0o700)
    relay = home / "relay.py"
    relay.write_text(
        "import os, select, socket, sys\n"
        "s = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
        "while True:\n"
        "    for f in select.select([s, 0], [], [])[0]:\n"
        "        data = s.recv(65536) if f is s else os.read(0, 65536)\n"
        "        if not data: sys.exit()\n"
        "        s.sendall(data) if f == 0 else os.write(1, data)\n"
    )
    (home / ".ssh" / "config").write_text(
        f"Host web\n  HostName {machine.address}\n  ProxyCommand {sys.executable} {relay} %h %p\n"
    )
    assert say(reach(address="web"), "echo through")[1] == b"through\n"


def test_a_proxy_command_that_fails(reach, machine, home, monkeypatch):
    monkeypatch.setattr("driftscan.transport.pace._PAUSES", (0.1,))
    (home / ".ssh").mkdir(mode=0o700)
    (home / ".ssh" / "config").write_text("Host web\n  ProxyCommand false\n")
    with pytest.raises(TransportError, match="before it says a word") as caught:
        reach(address="web")
    one_line(caught)


def test_an_old_server_is_reached_on_request_only(reach, keys):
    with pytest.raises(TransportError, match="legacy_algorithms: true.*--legacy-algorithms") as caught:
        reach(port=2222, identity=keys["rsa"])
    one_line(caught)
    for identity in ("plain", "rsa"):
        assert say(reach(port=2222, identity=keys[identity], legacy_algorithms=True), "echo in")[1] == b"in\n"


def test_a_throttled_server_is_tried_again(reach, machine):
    idle = [socket.create_connection((machine.address, 2224)) for _ in range(2)]
    time.sleep(0.2)
    threading.Timer(1.0, lambda: [one.close() for one in idle]).start()
    assert say(reach(port=2224), "echo in")[1] == b"in\n"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"port": 9}, "port 9: connection refused"),
        ({"address": "no-such-host.invalid"}, "cannot be resolved"),
        ({"address": "{network}.249", "timeout": 1.0}, "port 22: (no route to host|no answer in time|.*timed out)"),
        ({"address": "-oProxyCommand=touch /tmp/owned"}, "cannot be the name of a host"),
    ],
)
def test_what_cannot_be_reached_is_one_line(reach, machine, settings, says):
    settings = dict(settings)
    if "address" in settings:
        settings["address"] = settings["address"].format(network=machine.address.rpartition(".")[0])
    with pytest.raises(TransportError, match=says) as caught:
        reach(**settings)
    one_line(caught)
    assert not Path("/tmp/owned").exists()


def test_a_stopped_sshd(reach, other):
    other.exec("systemctl", "stop", "ssh")
    try:
        with pytest.raises(TransportError, match="connection refused") as caught:
            reach(address=other.address)
        one_line(caught)
    finally:
        other.exec("systemctl", "start", "ssh")


def test_dropbear(transport, tmp_path):
    with hosts.host("t-ssh-bb", "busybox") as machine:
        host = Host(
            "bb", machine.address, user="root", identity=machine.key, accept_new_host_key=True, transport=transport
        )
        connection = connect(host, no_prompt)
        try:
            data = base64.b64encode(os.urandom(1 << 20))
            assert say(connection, "cat; exit 4", stdin=data) == (4, data, b"")
            with ThreadPoolExecutor(4) as pool:  # dropbear mixes up channels that begin and end together
                assert set(pool.map(lambda _: say(connection, "sleep 0; exit 5"), range(80))) == {(5, b"", b"")}
        finally:
            connection.close()


def test_closing_leaves_no_process_and_no_file(reach, machine, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    connection = reach()
    connection.open("sleep 60")
    connection.close()
    assert not list(tmp_path.glob("driftscan-*"))
    mine = subprocess.run(("ps", "-o", "args", "--ppid", str(os.getpid())), capture_output=True, text=True, check=True)
    assert "ssh " not in mine.stdout
