"""Where an SSH connection goes, by the inventory first and ~/.ssh/config second: one target per hop."""

import getpass
import glob
import importlib
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from threading import Lock
from typing import Any

import paramiko.config
from paramiko import SSHConfig, SSHException

from driftscan.errors import TransportError
from driftscan.model.host import Host, Jump
from driftscan.model.text import shown
from driftscan.transport.known_hosts import lookup_name

USER_DIRECTORY = "~/.ssh"
_SYSTEM_DIRECTORY = "/etc/ssh"
_DEFAULT_TIMEOUT = next(entry.default for entry in fields(Host) if entry.name == "timeout")
_JUMP = re.compile(r"(ssh://)?((?P<user>.*)@)?(\[(?P<literal>[^]]+)\]|(?P<name>[^:@]+))(:(?P<port>\d{1,5}))?/?")
_MOST_HOPS = 10
_MOST_INCLUDES = 16  # OpenSSH's own limit of depth
_USER_KNOWN_HOSTS = "~/.ssh/known_hosts ~/.ssh/known_hosts2"
_GLOBAL_KNOWN_HOSTS = "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"
_loading = Lock()


@dataclass(frozen=True, slots=True)
class Target:
    """One server to connect to, as far as it is known before connecting; `timeout` is in seconds.

    `key_names` are what its key is looked up under, the one it would be stored under first. `identities` are paths of
    private keys that were asked for by name; without any the usual ones are tried. `jump` and `proxy_command` say how
    to get there when not directly.
    """

    address: str
    port: int
    user: str
    key_names: tuple[str, ...]
    timeout: float
    identities: tuple[str, ...] = ()
    identities_only: bool = False
    user_known_hosts: tuple[str, ...] = ()
    global_known_hosts: tuple[str, ...] = ()
    hash_known_hosts: bool = False
    proxy_command: str = ""
    jump: tuple[Jump, ...] = ()

    def __str__(self) -> str:
        return f"{self.address} port {self.port}"


def route(host: Host) -> list[Target]:
    """Return the targets from the first jump host to the host itself; raises TransportError on a bad configuration."""
    config = load()
    target = resolve(config, host)
    return [*_way(config, target, host), target]


def _way(config: SSHConfig, target: Target, host: Host) -> list[Target]:
    """Return the hops before `target`; the first of them may itself be behind others, as with OpenSSH."""
    way: list[Target] = []
    jumps = target.jump
    while jumps:
        hops = [resolve(config, _as_host(jump, host)) for jump in jumps]
        way = hops + way
        jumps = hops[0].jump
        if len(way) > _MOST_HOPS:
            raise TransportError(f"more than {_MOST_HOPS} jump hosts on the way to {host.name}; do they form a loop?")
    return way


def _as_host(jump: Jump, host: Host) -> Host:
    # The identity serves on the way too: the inventory has no other place to name one for a jump host.
    return Host(jump.address, jump.address, jump.port, jump.user, identity=host.identity, timeout=host.timeout)


def resolve(config: SSHConfig, host: Host) -> Target:
    """Return the target that `host` and the configuration for its address make."""
    alias = host.address or host.name
    options = _lookup(config, alias)
    address = options["hostname"]
    port = host.port or _number(options, "port", 22)
    identities = (host.identity,) if host.identity else tuple(options.get("identityfile", ()))
    proxy_command = "" if host.jump else options.get("proxycommand") or ""
    configured = () if host.jump or proxy_command else parse_jumps(options.get("proxyjump", "none"))
    return Target(
        address=address,
        port=port,
        user=host.user or options.get("user", "") or getpass.getuser(),
        key_names=_key_names(options, address, port),
        timeout=_timeout(host, options),
        identities=tuple(str(Path(identity).expanduser()) for identity in identities),
        identities_only=_is_yes(options, "identitiesonly"),
        user_known_hosts=_paths(options.get("userknownhostsfile", _USER_KNOWN_HOSTS)),
        global_known_hosts=_paths(options.get("globalknownhostsfile", _GLOBAL_KNOWN_HOSTS)),
        hash_known_hosts=_is_yes(options, "hashknownhosts"),
        proxy_command=proxy_command,
        jump=host.jump or configured,
    )


def _lookup(config: SSHConfig, alias: str) -> Mapping[str, Any]:
    try:
        return config.lookup(alias)
    except (SSHException, ValueError, KeyError) as error:
        raise TransportError(f"cannot apply ~/.ssh/config to {alias}: {error}") from None


def _number(options: Mapping[str, Any], key: str, default: int) -> int:
    value = options.get(key, default)
    try:
        return int(value)
    except ValueError:
        raise TransportError(f"~/.ssh/config: {key} is {value!r}, not a number") from None


def _timeout(host: Host, options: Mapping[str, Any]) -> float:
    if host.timeout == _DEFAULT_TIMEOUT and options.get("connecttimeout", "none") != "none":
        return float(_number(options, "connecttimeout", 0)) or host.timeout
    return host.timeout


def _key_names(options: Mapping[str, Any], address: str, port: int) -> tuple[str, ...]:
    if alias := options.get("hostkeyalias"):
        return (alias,)
    return tuple(dict.fromkeys((lookup_name(address, port), lookup_name(address, 22))))


def _is_yes(options: Mapping[str, Any], key: str) -> bool:
    return str(options.get(key, "no")).lower() in {"yes", "true"}


def _paths(value: str) -> tuple[str, ...]:
    return tuple(str(Path(path).expanduser()) for path in value.split() if path.lower() != "none")


def parse_jumps(value: str) -> tuple[Jump, ...]:
    """Read a ProxyJump: `user@host:port` or `ssh://user@host:port`, separated by commas; `none` is none."""
    if value.lower() == "none":
        return ()
    return tuple(_jump(part.strip()) for part in value.split(","))


def _jump(value: str) -> Jump:
    found = _JUMP.fullmatch(value)
    if found is None:
        raise TransportError(f"{shown(value)!r} is not a jump host; write user@host:port")
    return Jump(found["literal"] or found["name"], found["user"] or "", int(found["port"] or 0))


def load() -> SSHConfig:
    """Return the user's configuration and, for what it does not say, the system's."""
    config = SSHConfig()
    for directory, name in ((USER_DIRECTORY, "config"), (_SYSTEM_DIRECTORY, "ssh_config")):
        path = Path(directory).expanduser() / name
        try:
            config.parse(_lines(path))
        except (SSHException, UnicodeDecodeError) as error:
            raise TransportError(f"cannot understand {path}: {error}") from None
    return config


def _lines(path: Path, depth: int = 0) -> Iterator[str]:
    """Yield the lines of a configuration with its includes in place, which paramiko does not follow by itself."""
    section = "Host *"
    for line in _text(path).splitlines():
        words = line.replace("=", " ", 1).split()
        keyword = words[0].lower() if words else ""
        if keyword in {"host", "match"}:
            section = line
            if "exec" in line:
                _load_invoke()
        if keyword != "include":
            yield line
            continue
        if depth >= _MOST_INCLUDES:
            raise TransportError(f"{path}: includes are nested too deeply")
        for included in _included(words[1:], path):
            yield from _lines(included, depth + 1)
            yield section  # an included file may end in a section of its own


def _load_invoke() -> None:
    """Load what paramiko runs commands with, which it could not load before (`transport/__init__.py`)."""
    names = vars(paramiko.config)
    with _loading:
        if names["invoke"] is None:
            sys.modules.pop("invoke", None)
            names["invoke"] = importlib.import_module("invoke")


def _included(patterns: Sequence[str], path: Path) -> list[Path]:
    system = str(path).startswith(f"{_SYSTEM_DIRECTORY}/")
    base = _SYSTEM_DIRECTORY if system else USER_DIRECTORY
    wanted = (Path(base).expanduser() / Path(pattern.strip('"')).expanduser() for pattern in patterns)
    # Not Path.glob, which refuses absolute patterns.
    return [Path(name) for pattern in wanted for name in sorted(glob.glob(str(pattern)))]  # noqa: PTH207


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise TransportError(f"cannot read {path}: {error.strerror}") from None
