"""Addresses as people write them: `user@host:port`, `ssh://user@host:port`, `[::1]:22`, and lists of jumps."""

import re
from ipaddress import IPv6Address

from driftscan.model.host import Jump

# What ssh would take for an option, a shell for syntax, or a terminal for a command is in no name.
_NAME = re.compile(r"\w[\w.:%+-]{0,252}")
_USER = re.compile(r"[\w.+\\$][\w.+\\$@-]{0,252}")
_IPV6 = re.compile(r"[0-9A-Fa-f:.]{2,45}(%[\w.-]{1,32})?", re.ASCII)
_BRACKETS = re.compile(r"\[[^\[\]]*\]")


def is_name(text: str) -> bool:
    """Whether `text` can be a host's name or address."""
    return _NAME.fullmatch(text) is not None or _is_ipv6(text)


def is_user(text: str) -> bool:
    r"""Whether `text` can be a login name, `DOMAIN\user` and `user@domain` included."""
    return _USER.fullmatch(text) is not None


def is_port(text: str) -> bool:
    """Whether `text` is a port number."""
    return re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) is not None and 0 < int(text) < 65_536


def parse_address(text: str) -> Jump:
    """Return host, user ("" if not said) and port (0 if not said) of `[ssh://][user@]host[:port]`.

    ValueError says what is wrong without quoting the text, which may hold a password.
    """
    rest = text[len("ssh://") :].removesuffix("/") if text.startswith("ssh://") else text
    user, at, host_port = rest.rpartition("@")
    if ":" in user:
        raise ValueError("holds a password, expected user@host:port")
    if at and not is_user(user):
        raise ValueError("has no valid user before the @, expected user@host:port")
    host, port = split_port(host_port)
    if not is_name(host):
        raise ValueError("has no valid host name, expected user@host:port")
    return Jump(host, user, port)


def split_port(text: str) -> tuple[str, int]:
    """Split `host:port`, `[v6]:port`, `[v6]` and bare IPv6; ranges such as `web[1:3]:22` stay whole. 0 is no port."""
    match = re.fullmatch(r"\[([^\[\]]*)\](?::(.*))?", text, re.DOTALL)
    if match and _is_ipv6(match[1]):
        host, port = match[1], match[2]
    elif _BRACKETS.sub("", text).count(":") == 1:
        host, _, port = text.rpartition(":")
    else:
        return text, 0
    if port is None:
        return host, 0
    if not is_port(port):
        raise ValueError("has no valid port after the colon, expected a number from 1 to 65535")
    return host, int(port)


def joined(host: str, port: int) -> str:
    """Return the name of a host at a port that is not ssh's own: `web1:2222`, `[::1]:2222`; else `host` itself."""
    if port in {0, 22}:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_jumps(text: str) -> tuple[Jump, ...]:
    """Return the hosts on the way of a ProxyJump value, `none` being none; ValueError as `parse_address`."""
    if text.strip().lower() == "none":
        return ()
    return tuple(parse_address(part.strip()) for part in text.split(","))


def _is_ipv6(text: str) -> bool:
    try:
        return _IPV6.fullmatch(text) is not None and bool(str(IPv6Address(text)))
    except ValueError:
        return False
