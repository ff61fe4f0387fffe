"""The system's client: its configuration, its answers, and what it says when it fails."""

import re
import stat
import subprocess
import time
from pathlib import Path

import pytest

from driftscan.errors import TransportError
from driftscan.model.host import Host, Jump, SecretReference
from driftscan.transport.algorithms import weak
from driftscan.transport.askpass import Askpass
from driftscan.transport.openssh import _answer
from driftscan.transport.opensshclient import Client, client, configuration, legacy_options
from driftscan.transport.opensshlog import diagnose, hung_up_at_once

AT = "debug1: Connecting to web [10.0.0.1] port 22.\ndebug1: Authenticating to web:22 as 'root'\n"
KEY = "debug1: Server host key: ssh-ed25519 SHA256:abc\n"


@pytest.mark.parametrize(
    ("log", "says"),
    [
        (
            AT + KEY + "No ED25519 host key is known for web and you have requested strict checking.\nHost key …",
            "not known",
        ),
        (AT + KEY + "@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n", "CHANGED to .*SHA256:abc"),
        (AT + KEY + "@@@@\n@       WARNING: REVOKED HOST KEY DETECTED!               @\n", "revoked"),
        (
            AT + "debug1: Offering public key: /k/a b ED25519 SHA256:x explicit\n"
            "debug1: Next authentication method: password\nroot@web: Permission denied (publickey,password).\n",
            "tried /k/a b, the password; the server accepts publickey,password",
        ),
        (AT + "Received disconnect from web port 22:2: Too many authentication failures\n", "too many tries"),
        ("ssh: Could not resolve hostname web: Name or service not known\n", "web: the name cannot be resolved"),
        ("ssh: connect to host web port 22: Connection refused\r\n", "web port 22: connection refused"),
        ("ssh: connect to host web port 22: No route to host\n", "web port 22: no route to host"),
        (AT + "kex_exchange_identification: read: Connection reset by peer\nConnection reset by …\n", "says a word"),
        (
            (
                "kex_exchange_identification: write: Broken pipe\n"
                "banner exchange: Connection to UNKNOWN port 65535: Broken pipe\n"
            ),
            "says a word",
        ),
        (AT + "banner exchange: Connection to 10.0.0.1 port 22: invalid format\n", "does not speak SSH"),
        (AT + "Connection timed out during banner exchange\n", "says nothing"),
        (
            AT + "Unable to negotiate with 10.0.0.1 port 22: no matching host key type found. Their offer: ssh-rsa\n",
            "no host key type in common; the server has ssh-rsa; .*legacy_algorithms: true",
        ),
        (
            AT + "Unable to negotiate with 10.0.0.1 port 22: no matching cipher found. Their offer: new-cipher\n",
            "another version of OpenSSH",
        ),
        ("/x/config: line 3: Bad configuration option: frobnicate\r\n", "Bad configuration option"),
        (AT + "something \x1b[31m new\n", r"web: something \\x1b\[31m new"),
        ("debug1: nothing else\n", "said nothing"),
    ],
)
def test_each_failure_is_one_line(log: str, says: str) -> None:
    error = diagnose(log, "web")
    assert isinstance(error, TransportError)
    assert re.search(says, str(error)), str(error)
    assert "\n" not in str(error)


def test_a_jump_host_that_fails_is_the_one_that_is_named() -> None:
    log = (
        "debug1: Connecting to hop [10.0.0.9] port 2222.\ndebug1: Authenticating to hop:2222 as 'root'\n"
        + KEY
        + "No ED25519 host key is known for [hop]:2222 and you have requested strict checking.\n"
        "Host key verification failed.\nkex_exchange_identification: Connection closed by remote host\n"
    )
    assert str(diagnose(log, "web port 22")).startswith("hop port 2222: its host key is not known")
    assert not hung_up_at_once(log)


def test_a_server_under_load_is_told_from_one_that_refuses() -> None:
    assert hung_up_at_once(AT + "kex_exchange_identification: Connection closed by remote host\n")
    assert not hung_up_at_once("ssh: connect to host web port 22: Connection refused\n")


def test_legacy_is_not_advised_where_it_is_on() -> None:
    log = AT + "Unable to negotiate with 10.0.0.1 port 22: no matching cipher found. Their offer: 3des-cbc\n"
    assert "legacy_algorithms" not in str(diagnose(log, "web", legacy=True))


@pytest.mark.parametrize(
    ("name", "is_weak"),
    [
        ("diffie-hellman-group14-sha1", True), ("diffie-hellman-group14-sha256", False), ("ssh-rsa", True),
        ("rsa-sha2-256", False), ("ssh-rsa-cert-v01@openssh.com", True), ("ssh-dss", True), ("aes128-cbc", True),
        ("aes128-ctr", False), ("hmac-sha1-etm@openssh.com", True), ("hmac-md5-96", True), ("hmac-sha2-512", False),
        ("arcfour256", True), ("chacha20-poly1305@openssh.com", False), ("ssh-ed25519", False),
    ],
)  # fmt: skip
def test_weakness_is_in_the_name(name: str, is_weak: bool) -> None:
    assert weak([name]) == [name] * is_weak


def test_legacy_options_are_what_the_client_has() -> None:
    options = legacy_options()
    assert set(options[::2]) == {"-o"}
    assert not [name for option in options[1::2] for name in option.partition("=+")[2].split(",") if not weak([name])]
    assert subprocess.run(("ssh", "-G", *options, "web"), capture_output=True, check=False).returncode == 0


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    return tmp_path


def resolved(home: Path, host: Host) -> dict[str, str]:
    directory = home / "private"
    directory.mkdir()
    ssh = client(host, directory)
    command = ("ssh", "-F", directory / "config", "-G", *ssh.login, "--", ssh.address)
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return dict(line.partition(" ")[::2] for line in lines)


def test_strictness_is_not_the_configurations_to_relax(home: Path) -> None:
    (home / ".ssh" / "config").write_text(
        "StrictHostKeyChecking no\nForwardAgent yes\nRemoteCommand rm\nLocalForward 1 a:2\nBatchMode yes\n"
        "PermitLocalCommand yes\nLocalCommand touch x\nUser admin\nConnectTimeout 3\nControlMaster auto\n"
    )
    found = resolved(home, Host("web"))
    assert (found["stricthostkeychecking"], found["forwardagent"], found["permitlocalcommand"]) == ("true", "no", "no")
    assert (found["clearallforwardings"], found["updatehostkeys"]) == ("yes", "false")
    assert "remotecommand" not in found
    assert (found["user"], found["connecttimeout"]) == ("admin", "3")


def test_the_inventory_wins(home: Path) -> None:
    (home / ".ssh" / "config").write_text("User admin\nConnectTimeout 3\nPort 3\nProxyCommand nc\n")
    jump = (Jump("a", "me", 23), Jump("2001:db8::1"))
    found = resolved(home, Host("web", user="root", port=22, timeout=7.0, identity="/k/a b%c", jump=jump))
    assert (found["user"], found["port"], found["connecttimeout"]) == ("root", "22", "7")
    assert found["identityfile"].replace("%%", "%") == "/k/a b%c"
    assert found["proxyjump"] == "me@a:23,[2001:db8::1]"


def test_a_new_key_is_accepted_on_request_only() -> None:
    assert "StrictHostKeyChecking yes\n" in configuration(Host("web"))
    assert "StrictHostKeyChecking accept-new\n" in configuration(Host("web", accept_new_host_key=True))


def test_a_bad_configuration_is_one_line(home: Path) -> None:
    (home / ".ssh" / "config").write_text("Frobnicate yes\n")
    with pytest.raises(TransportError, match=r"(?i)frobnicate|bad configuration") as caught:
        resolved(home, Host("web"))
    assert "\n" not in str(caught.value)


def ask(askpass: Askpass, directory: Path, question: str, answer: str | None) -> tuple[int, str]:
    helper = subprocess.Popen((directory / "askpass", question), stdout=subprocess.PIPE, text=True)
    while (heard := askpass.question()) is None:
        time.sleep(0.01)
    assert heard == question
    askpass.answer(answer)
    while helper.poll() is None:
        askpass.question()
        time.sleep(0.01)
    assert helper.stdout is not None
    with helper.stdout as stdout:
        return helper.returncode, stdout.read()


def test_questions_and_answers_pass_through_private_pipes(tmp_path: Path) -> None:
    askpass = Askpass(tmp_path)
    assert ask(askpass, tmp_path, "root@web's password: ", 'it\'s $a \\n "secret"') == (0, 'it\'s $a \\n "secret"\n')
    assert ask(askpass, tmp_path, "again? ", "") == (0, "\n")
    assert ask(askpass, tmp_path, "and now? ", None)[0] != 0
    for name in ("ask", "answer"):
        mode = (tmp_path / name).stat().st_mode
        assert stat.S_ISFIFO(mode)
        assert mode & 0o077 == 0
    askpass.close()


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("root@10.0.0.1's password: ", "hunter2"),
        ("root@web's password: ", "hunter2"),
        ("(root@10.0.0.1) Password: ", "hunter2"),
        ("root@hop's password: ", None),
        ("(root@hop) Password: ", None),
        ("Password: ", None),  # of whom? there is a jump host
        ("(root@10.0.0.1) Verification code: ", "a person's answer"),
        ("(root@hop) Verification code: ", None),
        ("Enter passphrase for key '/k': ", "a person's answer"),
        ("Enter PIN for ED25519-SK key /k: ", "a person's answer"),
    ],
)
def test_the_password_goes_to_the_host_alone(
    question: str, expected: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TEST_SECRET", "hunter2")
    host = Host("x", "web", password=SecretReference("environment", "TEST_SECRET"), jump=(Jump("hop"),))
    ssh = Client(tmp_path, "web", (), "root", "10.0.0.1", "22")
    assert _answer(question, host, ssh, lambda _: "a person's answer") == expected


def test_nobody_to_ask_is_no_answer(tmp_path: Path) -> None:
    def nobody(_question: str) -> str:
        raise TransportError("there is nobody to ask")

    ssh = Client(tmp_path, "web", (), "root", "10.0.0.1", "22")
    assert _answer("Enter passphrase for key '/k': ", Host("web"), ssh, nobody) is None
