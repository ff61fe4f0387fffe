"""The transport `openssh`: the system's own client, for what paramiko lacks (GSSAPI, FIDO keys, certificates, …)."""

import contextlib
import logging
import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from driftscan.errors import DriftscanError, TransportError
from driftscan.model.host import Host
from driftscan.model.text import shown
from driftscan.transport.askpass import Askpass
from driftscan.transport.base import Channel, Stream, Transport
from driftscan.transport.inturn import InTurn
from driftscan.transport.names import check_names
from driftscan.transport.opensshclient import Client, client, legacy_options
from driftscan.transport.opensshlog import accepted_keys, diagnose, hung_up_at_once, software
from driftscan.transport.pace import tries
from driftscan.transport.process import ProcessChannel
from driftscan.transport.secret import Prompt, reveal

TRANSPORT = "openssh"
_LONGEST_PLACE = 50  # characters
_LOOK = 0.02  # seconds
_LOGIN = 30.0  # seconds for logging in, beside connecting
_FAILED = 255  # ssh's own exit code, which a command may have as well
_log = logging.getLogger(__name__)


class Master:
    """The ssh process that is logged in; every channel goes through it."""

    def __init__(self, client: Client, options: list[str], environment: dict[str, str]) -> None:
        self._log = client.directory / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                client.master(options),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **environment},
                start_new_session=True,  # without a terminal it asks the helper, and Ctrl-C is ours
            )

    def ended(self, within: float = 0.0) -> bool:
        """Return whether the connection is over, or is so `within` some seconds."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(within)
        return self._process.returncode is not None

    def log(self) -> str:
        """Return what ssh has said so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def close(self) -> None:
        """End it and what it has started (the clients that lead to jump hosts)."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            if self.ended(1.0):
                return


class _Session(ProcessChannel):
    """One command over the master."""

    def __init__(self, argv: list[str], master: Master) -> None:
        super().__init__(argv, environment={**os.environ, "LC_ALL": "C"})
        self._master = master

    def receive(self, timeout: float) -> tuple[Stream, bytes] | None:
        """Return the next chunk; raises TransportError when the connection was lost before the command's end."""
        chunk = super().receive(timeout)
        if chunk and chunk[0] is Stream.END and self.exit_code() == _FAILED and self._master.ended(within=0.3):
            raise TransportError("the connection was lost while the command ran", hint="try again")
        return chunk


class OpensshTransport:
    """A login on a host by the system's client."""

    name = TRANSPORT
    root = ""
    live = True
    local = False

    def __init__(self, client: Client, master: Master, held: ExitStack) -> None:
        self._client = client
        self._master = master
        self._held = held
        self._in_turn = InTurn(software(master.log()))

    def open(self, command: str, *, tty: bool = False) -> Channel:
        """Start `command`; raises TransportError when the connection is gone."""
        return self._in_turn.open(lambda: self._start(command, tty=tty))

    def _start(self, command: str, *, tty: bool) -> Channel:
        if self._master.ended():
            raise TransportError("the host did not start a command: the connection was lost", hint="try again")
        session = _Session(self._client.session(command, tty=tty), self._master)
        self._held.callback(session.close)
        return session

    def close(self) -> None:
        """End every command and the connection."""
        self._held.close()


def connect(host: Host, prompt: Prompt) -> Transport:
    """Log in to `host`; raises TransportError with one line that says what is wrong and what to do."""
    if shutil.which("ssh") is None:
        raise TransportError("this machine has no ssh command", hint="install OpenSSH's client or use `transport: ssh`")
    check_names(host)
    held = ExitStack()
    try:
        # Mode 0700; its sockets' paths must fit into the 108 bytes that the kernel has for them.
        place = tempfile.gettempdir() if len(tempfile.gettempdir()) <= _LONGEST_PLACE else "/tmp"  # noqa: S108
        directory = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="driftscan-", dir=place)))
        ssh = client(host, directory)
        return OpensshTransport(ssh, _log_in(host, ssh, prompt, held), held)
    except BaseException:
        held.close()
        raise


def _log_in(host: Host, ssh: Client, prompt: Prompt, held: ExitStack) -> Master:
    if host.accept_new_host_key:  # ssh makes the directory of the user database, and nothing where HOME says otherwise
        Path("~/.ssh").expanduser().mkdir(mode=0o700, exist_ok=True)
    askpass = Askpass(ssh.directory)
    held.callback(askpass.close)
    options = legacy_options() if host.legacy_algorithms else []
    for more in tries():
        master = Master(ssh, options, askpass.environment)
        held.callback(master.close)
        if _answer_until_ready(host, ssh, master, askpass, prompt):
            for line in accepted_keys(master.log()):
                _log.info("%s: %s", ssh.where, shown(line))
            return master
        if not (more and hung_up_at_once(master.log())):
            raise diagnose(master.log(), ssh.where, legacy=host.legacy_algorithms)
    raise AssertionError  # the last try has returned or raised


def _answer_until_ready(host: Host, ssh: Client, master: Master, askpass: Askpass, prompt: Prompt) -> bool:
    """Wait for the control socket, answering what ssh asks meanwhile; return False when ssh has given up."""
    end = time.monotonic() + host.timeout + _LOGIN
    while not ssh.socket.exists():
        if master.ended(_LOOK):
            return False
        if (question := askpass.question()) is not None:
            asked = time.monotonic()
            askpass.answer(_answer(question, host, ssh, prompt))
            end += time.monotonic() - asked  # a person may take all the time there is
        if time.monotonic() > end:
            raise TransportError(f"{ssh.where}: no login within {host.timeout + _LOGIN:.0f} s", hint="try ssh by hand")
    return True


def _answer(question: str, host: Host, ssh: Client, prompt: Prompt) -> str | None:
    """Return the answer to what ssh asks; the host's password goes to the host alone, never to one on the way."""
    asked_by_host = any(f"{ssh.user}@{name}" in question for name in (ssh.hostname, ssh.address)) or (
        "@" not in question and not host.jump
    )
    try:
        if "assword" in question and host.password and asked_by_host:
            return reveal(host.password, f"password of {host.name}", prompt)
        if "passphrase" in question or "PIN" in question or ("assword" not in question and asked_by_host):
            return prompt(shown(question))
    except DriftscanError as error:
        _log.warning("%s: %s", ssh.where, error)
    return None
