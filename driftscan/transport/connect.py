"""From a host of the inventory to a connection and to the way in which its commands become root's."""

import importlib
import pkgutil
from types import ModuleType

import driftscan.transport
from driftscan.errors import TransportError
from driftscan.model.host import Host, SecretReference
from driftscan.transport.base import Privilege, Transport
from driftscan.transport.secret import Prompt, reveal


def connect(host: Host, prompt: Prompt) -> Transport:
    """Connect to `host` through the transport that it names; raises TransportError with one line."""
    transport: Transport = _module(host.transport).connect(host, prompt)
    return transport


def _module(name: str) -> ModuleType:
    """Return the module of this package that is called `name` and says that it is a transport (`TRANSPORT`).

    Only that one is imported: paramiko alone takes longer to load than a small scan takes.
    """
    if name in {module.name for module in pkgutil.iter_modules(driftscan.transport.__path__)}:
        module = importlib.import_module(f"driftscan.transport.{name}")
        if getattr(module, "TRANSPORT", "") == name:
            return module
    raise TransportError(f"there is no transport {name!r}", hint="the inventory's documentation names them")


def privilege(host: Host, prompt: Prompt) -> Privilege:
    """Return how commands become root's on `host`; without a sudo password of its own the login password serves."""
    if host.sudo == "none":
        return Privilege()
    if host.sudo == "passwordless":
        return Privilege(sudo=True, tty=host.sudo_tty)
    reference = host.sudo_password or host.password or SecretReference("prompt")
    password = reveal(reference, f"sudo password of {host.name}", prompt)
    return Privilege(sudo=True, password=password, tty=host.sudo_tty)
