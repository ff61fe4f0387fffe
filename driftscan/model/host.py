"""A host as the inventory, the command line and the transports speak of it."""

from dataclasses import dataclass
from typing import Literal

TransportName = Literal["ssh", "openssh", "local", "image", "replay"]
SudoMode = Literal["none", "passwordless", "password"]


@dataclass(frozen=True, slots=True)
class SecretReference:
    """Where a secret is taken from at the moment of use: an environment variable, a file, or a person's answer."""

    kind: Literal["environment", "file", "prompt"]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Jump:
    """One host on the way, as in ProxyJump."""

    address: str
    user: str = ""
    port: int = 0


@dataclass(frozen=True, slots=True)
class Host:
    """One host and how to reach it; "", 0 and None mean: not said, so ~/.ssh/config and the defaults decide.

    `name` is what reports call it and what the store keeps it under, `address` what is connected to (an alias of
    ~/.ssh/config is one), `role` what its baseline and its metrics hang on. `path` is the mounted root of an `image`
    or the directory of a `replay`. `legacy_algorithms` allows the SHA-1 key exchanges, ssh-rsa and CBC ciphers that
    servers of the CentOS 6 era are limited to. `timeout` bounds connecting, in seconds.
    """

    name: str
    address: str = ""
    port: int = 0
    user: str = ""
    role: str = ""
    groups: tuple[str, ...] = ()
    transport: TransportName = "ssh"
    identity: str = ""
    password: SecretReference | None = None
    sudo: SudoMode = "none"
    sudo_password: SecretReference | None = None
    sudo_tty: bool = False
    jump: tuple[Jump, ...] = ()
    legacy_algorithms: bool = False
    accept_new_host_key: bool = False
    path: str = ""
    timeout: float = 15.0
