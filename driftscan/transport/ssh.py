"""The transport `ssh`: paramiko, with the host keys, the configuration and the agent of the system's own client."""

import logging
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache, partial

import paramiko
from paramiko.ssh_exception import IncompatiblePeer

from driftscan.errors import TransportError
from driftscan.model.host import Host, SecretReference
from driftscan.model.text import shown
from driftscan.transport.algorithms import WAY_OUT, weak
from driftscan.transport.base import Channel, Transport
from driftscan.transport.inturn import InTurn
from driftscan.transport.names import check_names
from driftscan.transport.pace import tries
from driftscan.transport.secret import Prompt, reveal
from driftscan.transport.sshauth import Credentials, authenticate
from driftscan.transport.sshchannel import WINDOW, ClosedEarlyError, SshChannel
from driftscan.transport.sshconfig import Target, route
from driftscan.transport.sshguard import GuardedTransport
from driftscan.transport.sshkeys import check_key, known_first
from driftscan.transport.sshsocket import explain, is_near, reach

TRANSPORT = "ssh"
_KEEPALIVE = 15  # seconds
_CHANNEL_TIMEOUT = 30.0  # seconds for the host to start a command
_AGAIN = 0.2  # seconds before a channel that the host closed at once is opened again
_FAILURES = (paramiko.SSHException, EOFError, OSError)


class _HungUp(Exception):  # noqa: N818 -- a reason to try again, not an error yet
    """The server closed the connection before its first word."""


class SshTransport:
    """A login on a host, over any jump hosts; each command has a channel of its own on the same connection."""

    name = TRANSPORT
    root = ""
    live = True
    local = False

    def __init__(self, connection: paramiko.Transport, held: ExitStack) -> None:
        self._connection = connection
        self._held = held
        self._in_turn = InTurn(connection.remote_version)

    def open(self, command: str, *, tty: bool = False) -> Channel:
        """Start `command`; raises TransportError when the host does not let it."""
        return self._in_turn.open(lambda: self._start(command, tty=tty))

    def _start(self, command: str, *, tty: bool) -> Channel:
        try:
            try:
                return self._opened(command, tty)
            except ClosedEarlyError:  # seen of dropbear under load; nothing was started, and the next one is as good
                time.sleep(_AGAIN)
                return self._opened(command, tty)
        except _FAILURES as error:
            lost = "" if self._connection.is_active() else "the connection was lost: "
            raise TransportError(f"the host did not start a command: {lost}{explain(error)}") from None

    def _opened(self, command: str, tty: bool) -> SshChannel:
        return SshChannel(self._connection, command, tty=tty, timeout=_CHANNEL_TIMEOUT)

    def close(self) -> None:
        """End every command, the connection, and the ones to jump hosts."""
        self._held.close()


@dataclass(frozen=True, slots=True)
class _Manner:
    """How to log in on one hop."""

    credentials: Credentials
    accept_new: bool
    legacy: bool = False
    compress: bool = False  # not on the way: what passes there is compressed already


def connect(host: Host, prompt: Prompt) -> Transport:
    """Log in to `host`; raises TransportError with one line that says what is wrong and what to do."""
    _silence_paramiko()
    check_names(host)
    *hops, target = route(host)
    on_the_way = _Manner(Credentials(None, prompt), host.accept_new_host_key)
    password = partial(_password, host.password, host.name, prompt) if host.password else None
    manner = _Manner(Credentials(password, prompt), host.accept_new_host_key, host.legacy_algorithms, compress=True)
    held = ExitStack()
    try:
        via: paramiko.Transport | None = None
        for hop in hops:
            via = _log_in(hop, via, on_the_way, held)
        return SshTransport(_log_in(target, via, manner, held), held)
    except BaseException:
        held.close()
        raise


@cache
def _silence_paramiko() -> None:
    """Keep paramiko's own log, tracebacks included, off stderr: what matters is in the TransportError."""
    logger = logging.getLogger("paramiko")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False


def _password(reference: SecretReference, name: str, prompt: Prompt) -> str:
    return reveal(reference, f"password of {name}", prompt)


def _log_in(target: Target, via: paramiko.Transport | None, manner: _Manner, held: ExitStack) -> paramiko.Transport:
    try:
        connection = _negotiate_patiently(target, via, manner, held)
        check_key(connection, target, accept_new=manner.accept_new)
        authenticate(connection, target, manner.credentials)
    except _FAILURES as error:
        raise _failure(target, error) from None
    connection.set_keepalive(_KEEPALIVE)
    return connection


def _negotiate_patiently(
    target: Target, via: paramiko.Transport | None, manner: _Manner, held: ExitStack
) -> paramiko.Transport:
    """Agree on keys and algorithms; come back a few times when the server hangs up before its first word."""
    for more in tries():
        connection = _negotiate_once(target, via, manner, held, last=not more)
        if connection is not None:
            return connection
    raise AssertionError  # the last try has returned or raised


def _negotiate_once(
    target: Target, via: paramiko.Transport | None, manner: _Manner, held: ExitStack, *, last: bool
) -> paramiko.Transport | None:
    """Return the connection, or None when the server hung up and may be tried again."""
    try:
        return _negotiate(target, via, manner, held)
    except IncompatiblePeer as error:
        if "version" in str(error):
            raise
        raise _nothing_in_common(target, via, str(error), manner) from None
    except _HungUp:
        if not last:
            return None
        what = "the server closes every connection before it says a word"
        raise TransportError(f"{target}: {what}", hint="is it sshd, and does it let this machine in?") from None


def _negotiate(target: Target, via: paramiko.Transport | None, manner: _Manner, held: ExitStack) -> paramiko.Transport:
    stream = reach(target, via, held)
    connection = GuardedTransport(stream, default_window_size=WINDOW)
    held.callback(connection.close)
    options = connection.get_security_options()
    if not manner.legacy:
        connection.disabled_algorithms = {
            "kex": weak(options.kex),
            "ciphers": weak(options.ciphers),
            "macs": weak(options.digests),
            "keys": weak(options.key_types),
            "pubkeys": weak(options.key_types),
        }
    known_first(connection, target)
    connection.use_compression(manner.compress and not is_near(stream))
    connection.banner_timeout = connection.handshake_timeout = target.timeout
    connection.auth_timeout = max(target.timeout, connection.auth_timeout)
    try:
        connection.start_client(timeout=2 * target.timeout)
    except _FAILURES as error:
        # paramiko wraps what happens before the server's first line; what Python raised first tells it.
        if not connection.remote_version and isinstance(error.__context__ or error, (EOFError, ConnectionError)):
            raise _HungUp from None
        raise
    return connection


def _failure(target: Target, error: Exception) -> TransportError:
    if any(sign in str(error) for sign in ("protocol version", "SSH banner", "Incompatible version")):
        return TransportError(f"{target}: what answers does not speak SSH 2", hint="is the port right?")
    if any(sign in str(error) for sign in ("protocol banner", "No existing session")):
        return TransportError(f"{target}: the server accepts connections and then says nothing", hint="is it sshd?")
    return TransportError(f"{target}: {explain(error)}", hint="`ssh -v` to the same place may tell more")


def _nothing_in_common(target: Target, via: paramiko.Transport | None, what: str, manner: _Manner) -> TransportError:
    """Tell a server that has only weak algorithms from one that has others which paramiko lacks, by trying."""
    missing = what.partition("(")[2].rstrip(")") or what
    other = "`transport: openssh` uses the system's client, which may know more"
    hint = WAY_OUT if not manner.legacy and _has_weak_ones(target, via, manner) else other
    return TransportError(f"{target}: no algorithm in common with the server ({shown(missing)})", hint=hint)


def _has_weak_ones(target: Target, via: paramiko.Transport | None, manner: _Manner) -> bool:
    held = ExitStack()
    try:
        # The exchange of keys and no further: nothing of ours is told.
        _negotiate(target, via, replace(manner, legacy=True), held)
    except (TransportError, _HungUp, *_FAILURES):
        return False
    finally:
        held.close()
    return True
