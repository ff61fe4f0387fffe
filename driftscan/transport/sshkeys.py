"""The key by which an SSH server proves itself: strict, as `StrictHostKeyChecking yes` or `accept-new`."""

import logging

import paramiko

from driftscan.errors import TransportError
from driftscan.transport import known_hosts
from driftscan.transport.known_hosts import Trust
from driftscan.transport.sshconfig import Target

_log = logging.getLogger(__name__)


def known_first(connection: paramiko.Transport, target: Target) -> None:
    """Ask the server for a key of a type that is known for it, so that a second key of it is not taken for a change."""
    known = known_hosts.known_types(_entries(target), target.key_names)
    options = connection.get_security_options()
    options.key_types = sorted(options.key_types, key=lambda algorithm: _key_type(algorithm) not in known)


def check_key(connection: paramiko.Transport, target: Target, *, accept_new: bool) -> None:
    """Compare the server's key with the known ones; raises TransportError unless it is known or newly accepted."""
    key = connection.get_remote_server_key()
    entries = _entries(target)
    trust = known_hosts.judge(entries, target.key_names, key.get_name(), key.asbytes())
    if trust is Trust.KNOWN:
        return
    what = f"{key.get_name()} {known_hosts.fingerprint(key.asbytes())}"
    if trust is Trust.REVOKED:
        raise TransportError(f"{target}: its host key {what} is marked as revoked in known_hosts; it is not the host")
    if trust is Trust.CHANGED:
        raise known_hosts.changed(str(target), what, target.key_names[0])
    if not accept_new:
        raise known_hosts.unknown(str(target), what, has_authority=known_hosts.has_authority(entries, target.key_names))
    for path in target.user_known_hosts[:1]:
        name = target.key_names[0]
        known_hosts.remember(path, name, key.get_name(), key.asbytes(), hashed=target.hash_known_hosts)
        _log.info("%s: its host key %s was not known; it is now in %s", target, what, path)


def _entries(target: Target) -> list[known_hosts.Entry]:
    return known_hosts.read((*target.user_known_hosts, *target.global_known_hosts))


def _key_type(algorithm: str) -> str:
    return "ssh-rsa" if "rsa" in algorithm else algorithm  # one type of key, three kinds of signature
