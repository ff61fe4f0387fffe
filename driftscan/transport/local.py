"""The transport `local`: this very machine."""

from driftscan.model.host import Host
from driftscan.transport.base import Transport
from driftscan.transport.process import ShellTransport
from driftscan.transport.secret import Prompt

TRANSPORT = "local"


def connect(host: Host, prompt: Prompt) -> Transport:  # noqa: ARG001 -- every transport is connected in the same way
    """Return the transport; there is nothing to connect to."""
    return ShellTransport(TRANSPORT, root="", live=True, local=True)
