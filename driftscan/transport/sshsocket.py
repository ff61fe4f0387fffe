"""Reaching an SSH server: directly, by a ProxyCommand or through a jump host; and what went wrong, in words."""

import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
from contextlib import ExitStack

import paramiko

from driftscan.errors import TransportError
from driftscan.model.text import shown
from driftscan.transport.sshconfig import Target

Socket = socket.socket | paramiko.Channel
_GIVE_UP = 60_000  # milliseconds that sent data may stay unacknowledged: a dead line must not hold a scan for ever
_NEAR = 3000  # microseconds of round trip
_ROUND_TRIP = struct.Struct("68xI")  # of Linux's tcp_info: the smoothed time, as soon as there is a connection
_HERE = ("127.0.0.1", 0)


def reach(target: Target, via: paramiko.Transport | None, held: ExitStack) -> Socket:
    """Return a stream to the server, closed with `held`; raises TransportError when there is no way to it."""
    try:
        if via is not None:
            place = (target.address, target.port)
            stream: Socket = via.open_channel("direct-tcpip", place, _HERE, timeout=target.timeout)
        elif target.proxy_command:
            stream = _by_command(target.proxy_command, held)
        else:
            stream = _directly(target)
    except paramiko.ChannelException as error:
        what = shown(str(error.text)) or "it does not say why"
        raise TransportError(f"{target}: the jump host before it does not connect to it: {what}") from None
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise TransportError(f"{target}: {explain(error)}", hint=_hint(error)) from None
    held.callback(stream.close)
    return stream


def _directly(target: Target) -> socket.socket:
    stream = socket.create_connection((target.address, target.port), target.timeout)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _GIVE_UP)
    return stream


def _by_command(command: str, held: ExitStack) -> socket.socket:
    # A socket pair, for paramiko's own ProxyCommand spins for ever once the command has ended.
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(  # noqa: S602 -- the user's own configuration is a line for the shell
            f"exec {command}",
            shell=True,
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    held.callback(_end, process)
    return ours


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def is_near(stream: Socket) -> bool:
    """Return whether the server is in the same network: compressing costs it more there than the way does."""
    if not isinstance(stream, socket.socket) or stream.family not in {socket.AF_INET, socket.AF_INET6}:
        return False
    if sys.platform != "linux":  # others tell it in other ways
        return False
    information = stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _ROUND_TRIP.size)
    return bool(_ROUND_TRIP.unpack(information)[0] < _NEAR)


def explain(error: Exception) -> str:
    """Return what went wrong as the end of a sentence, safe for a terminal: part of it may be the host's words."""
    if isinstance(error, socket.gaierror):
        return "the name cannot be resolved"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, EOFError):
        return "the server closed the connection"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    lines = str(error).splitlines()
    return shown(lines[0][:200]) if lines else type(error).__name__


def _hint(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "check `address`, or give the host an entry in DNS, /etc/hosts or ~/.ssh/config"
    if isinstance(error, ConnectionRefusedError):
        return "is sshd running there, and on this port?"
    return "is the host up, and does a firewall let you through?"
