"""What the command line names: hosts of the inventory or any other, with the snapshot that is meant.

A target is `HOST` or `HOST@REVISION`. HOST is, in this order:

1. a host, a group, `all` or a glob of the inventory;
2. `image:PATH`, a mounted root, or `replay:DIR`, a directory of recordings;
3. `localhost`, this very machine without ssh;
4. `[user@]host[:port]` or `ssh://[user@]host[:port]`, where host may be an alias of ~/.ssh/config (the transport
   reads that) and IPv6 with a port stands in brackets.

REVISION is `latest`, `~2`, `17`, `2026-11-01` or `2026-11-01T03:00`, nothing else: `root@web1` is a login because
`web1` is none of these. What is both is a revision: `root@17` is snapshot 17 of host `root`. `ssh://root@17` never has
a revision, and `root@17@latest` has one already.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from driftscan.errors import UsageError
from driftscan.inventory.address import joined, parse_address
from driftscan.inventory.hosts import Inventory
from driftscan.inventory.mistakes import quoted
from driftscan.model.host import Host, Jump, SecretReference, SudoMode, TransportName
from driftscan.model.revision import Revision, parse_revision
from driftscan.model.text import shown

_PATHS: dict[str, TransportName] = {"image:": "image", "replay:": "replay"}
_REMOTE: frozenset[TransportName] = frozenset({"ssh", "openssh"})
_GLOB = frozenset("*?[")
_EXPECTED = "expected a host of the inventory, user@host:port, localhost, image:PATH or replay:DIR"


@dataclass(frozen=True, slots=True)
class Target:
    """One host, and which of its snapshots is meant; None where none was named."""

    host: Host
    revision: Revision | None = None


def resolve(text: str, inventory: Inventory | None = None) -> list[Target]:
    """Return what one target means; several for a group or a glob, never none.

    UsageError when it means nothing, InventoryError when it means a host of the inventory that cannot be used.
    """
    return _resolve(text, inventory, frozenset())


def resolve_all(texts: Iterable[str], inventory: Inventory | None = None) -> list[Target]:
    """Return what several targets mean, each once, in order; `!HOST` leaves hosts out. Errors as `resolve`."""
    words = list(texts)
    left_out = [word[1:] for word in words if word.startswith("!")]
    unwanted = frozenset(
        name for word in left_out for name in _names(word, inventory) or [_ad_hoc(word, inventory).name]
    )
    wanted = [target for word in words if not word.startswith("!") for target in _resolve(word, inventory, unwanted)]
    return list(dict.fromkeys(wanted))


def override(
    host: Host,
    *,
    user: str | None = None,
    port: int | None = None,
    transport: TransportName | None = None,
    identity: str | None = None,
    ask_password: bool = False,
    sudo: SudoMode | None = None,
    ask_sudo_password: bool = False,
    sudo_tty: bool | None = None,
    jump: tuple[Jump, ...] | None = None,
    legacy_algorithms: bool | None = None,
    accept_new_host_key: bool | None = None,
    timeout: float | None = None,
) -> Host:
    """Return `host` with what the command line says instead; None is "not said".

    What is about ssh leaves hosts alone that are reached in another way, so that it can be said for `all`.
    `ask_sudo_password` means sudo with a password as well. Timeout in seconds.
    """
    everywhere: dict[str, Any] = {"sudo": sudo, "sudo_tty": sudo_tty}
    if ask_sudo_password:
        everywhere |= {"sudo": sudo or "password", "sudo_password": SecretReference("prompt")}
    remote: dict[str, Any] = {
        "user": user,
        "port": port,
        "transport": transport,
        "identity": identity,
        "password": SecretReference("prompt") if ask_password else None,
        "jump": jump,
        "legacy_algorithms": legacy_algorithms,
        "accept_new_host_key": accept_new_host_key,
        "timeout": timeout,
    }
    said = everywhere | remote if host.transport in _REMOTE else everywhere
    return replace(host, **{field: value for field, value in said.items() if value is not None})


def _resolve(text: str, inventory: Inventory | None, unwanted: frozenset[str]) -> list[Target]:
    name, revision = text, None
    if not _names(text, inventory):
        name, revision = _split_revision(text)
    names = _names(name, inventory)
    # The unwanted go before they are picked: they may be unusable.
    if names and inventory:
        hosts = inventory.pick(name for name in names if name not in unwanted)
    else:
        hosts = [host for host in (_ad_hoc(name, inventory),) if host.name not in unwanted]
    return [Target(host, revision) for host in hosts]


def _names(text: str, inventory: Inventory | None) -> list[str]:
    return inventory.match(text) if inventory else []


def _split_revision(text: str) -> tuple[str, Revision | None]:
    name, at, suffix = text.rpartition("@")
    revision = parse_revision(suffix) if at and not text.startswith("ssh://") else None
    return (name, revision) if revision else (text, None)


def _ad_hoc(text: str, inventory: Inventory | None) -> Host:
    for prefix, transport in _PATHS.items():
        if text.startswith(prefix):
            return _of_path(prefix, text.removeprefix(prefix), transport)
    if text == "localhost":
        return Host(name=text, transport="local")
    try:
        found = parse_address(text)
    except ValueError as error:
        if _GLOB.isdisjoint(text) or "@" in text:
            raise UsageError(shown(f"target {quoted(text)} {error}"), hint=_EXPECTED) from None
        where = f"in {inventory.source}" if inventory else "no inventory was given"
        raise UsageError(shown(f"no host or group matches {quoted(text)}, {where}")) from None
    return Host(joined(found.address, found.port), address=found.address, port=found.port, user=found.user)


def _of_path(prefix: str, path: str, transport: TransportName) -> Host:
    """Return the host in a directory; the store keeps it under its absolute path, wherever one stands."""
    if not path or not path.isprintable():
        raise UsageError(shown(f"target {quoted(prefix + path)} has no path"), hint=_EXPECTED)
    absolute = str(Path(path).expanduser().absolute())
    return Host(f"{prefix}{absolute}", transport=transport, path=absolute)
