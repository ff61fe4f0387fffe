"""What may stand as a host's or a user's name on its way to SSH."""

import re

from driftscan.errors import TransportError
from driftscan.model.host import Host
from driftscan.model.text import shown

# A ProxyCommand puts them into a line for the shell, and a leading "-" would be an option: OpenSSH itself refuses
# such names from 9.6 on. Inventories may be made by programs, from what others have written.
_STRANGE = re.compile(r"^-|[\s'\"`$\\;&<>|(){}!*?#\x00-\x1f\x7f]")


def check_names(host: Host) -> None:
    """Raise TransportError when a name of `host` or on the way to it is none."""
    names = [host.address or host.name, host.user]
    names += [name for jump in host.jump for name in (jump.address, jump.user)]
    for name in names:
        if _STRANGE.search(name):
            raise TransportError(f"{shown(name)!r} cannot be the name of a host or a user", hint="check the inventory")
