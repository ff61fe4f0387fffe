"""Starting a blank host anew, and waiting until it is up."""

import time
from collections.abc import Callable
from contextlib import suppress

from driftscan.collect.runner import Link
from driftscan.errors import TransportError
from driftscan.prove.remote import ask

_DOWN = 300.0  # seconds within which a host has started anew
_UP = 180.0  # seconds within which its services have
_PAUSE = 1.0
_ORDER = 20.0  # seconds for the answer to the order
_SETTLE = 3.0  # seconds for what has just been started to open its ports
_STARTING = (b"initializing", b"starting")
Connect = Callable[[], Link]
Watch = Callable[[str], None]


def reboot(link: Link, connect: Connect, watch: Watch) -> Link:
    """Start the host behind `link` anew and return the new connection; TransportError when it does not come back.

    `connect` logs in; the connection that was is closed.
    """
    before = _boot(link)
    _ask_for_it(link)
    link.transport.close()
    watch("waiting for it to start anew")
    again = _back(connect, before)
    watch("waiting for its services")
    settle(again)
    return again


def settle(link: Link) -> None:
    """Wait until the services of a host are up, as far as it can tell; what has failed is no reason to wait on."""
    end = time.monotonic() + _UP
    while time.monotonic() < end:
        said = ask(link, "systemctl is-system-running")
        if bytes(said.out).strip() not in _STARTING:
            break
        time.sleep(_PAUSE)
    time.sleep(_SETTLE)


def _boot(link: Link) -> tuple[bytes, bytes]:
    """Return what is another thing after each boot: the kernel's word for it, and when PID 1 was started."""
    number = ask(link, "cat /proc/sys/kernel/random/boot_id")
    first = ask(link, "cat /proc/1/stat")
    fields = bytes(first.out).rpartition(b")")[2].split()
    return bytes(number.out).strip(), fields[19] if len(fields) > 19 else b""


def _ask_for_it(link: Link) -> None:
    """Ask for it; the connection may be lost before there is an answer."""
    with suppress(TransportError):
        if ask(link, "systemctl reboot", seconds=_ORDER).code not in (0, -1):
            ask(link, "reboot", seconds=_ORDER)


def _back(connect: Connect, before: tuple[bytes, bytes]) -> Link:
    """Log in as soon as that works and the boot is another one."""
    end = time.monotonic() + _DOWN
    reason = "it never went down"
    while time.monotonic() < end:
        time.sleep(_PAUSE)
        try:
            link = connect()
        except TransportError as error:
            reason = error.message
            continue
        try:
            if _boot(link) != before:
                return link
        except TransportError as error:
            reason = error.message
        link.transport.close()
    raise TransportError(f"the blank host did not come back within {_DOWN:.0f} s of its reboot: {reason}")
