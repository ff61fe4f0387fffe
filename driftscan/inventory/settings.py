"""The settings of a host: how each is spelled in an inventory and what it may be."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NoReturn, get_args

from driftscan.inventory.address import is_name, is_port, is_user, parse_jumps
from driftscan.inventory.document import Entry, Leaf, Node, Row, Table
from driftscan.inventory.mistakes import mistake, quoted, suggestion
from driftscan.model.host import Host, Jump, SecretReference, SudoMode, TransportName

_WORD = re.compile(r"\w[\w.+-]{0,99}")
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TRUE = frozenset({"true", "yes", "on"})
_FALSE = frozenset({"false", "no", "off"})
_DEFAULTS = {field.name: field.default for field in fields(Host)}
_REFERENCES = "expected {environment: NAME}, {file: PATH} or prompt"
Said = dict[str, tuple[Any, str]]  # setting -> value, where


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as it stands in a file, `name` is what it is called there; relative paths start from `base`."""

    name: str
    where: str
    node: Node
    base: Path

    def refuse(self, expected: str) -> NoReturn:
        """Raise the error line for a value that is not what it must be."""
        kind = {Leaf: "a single value", Row: "a list", Table: "a mapping"}[type(self.node)]
        value = quoted(self.node.text) if isinstance(self.node, Leaf) else kind
        if isinstance(self.node, Leaf) and not self.node.text:
            raise mistake(self.where, f"{self.name} has no value, expected {expected}")
        raise mistake(self.where, f"{self.name} is {value}, expected {expected}")

    def text(self, expected: str) -> str:
        """Return the text of a single value; never empty."""
        if not isinstance(self.node, Leaf) or not self.node.text:
            self.refuse(expected)
        return self.node.text


def parse_settings(entries: Mapping[str, Entry], owner: str, base: Path, others: tuple[str, ...] = ()) -> Said:
    """Return the settings among `entries`; any other key than `others` is an error, `owner` says whose it is."""
    said: Said = {}
    for name, entry in entries.items():
        if name in SETTINGS:
            said[name] = (parse_setting(name, Setting(name, entry.where, entry.node, base)), entry.where)
        elif name not in others:
            known = [*others, *SETTINGS]
            hint = suggestion(name, known) or f"expected one of {', '.join(known)}"
            # `{password:secret}`, a space forgotten, is one long key: not quoted.
            what = f"unknown setting {quoted(name)}" if is_word(name) else "something that is no setting"
            raise mistake(entry.where, f"{what} of {owner}", hint)
    return said


def parse_setting(field: str, setting: Setting) -> Any:
    """Return the value for a field of Host; `null` is the field's default."""
    if isinstance(setting.node, Leaf) and setting.node.null and setting.node.text:
        return _DEFAULTS[field]
    return SETTINGS[field](setting)


def is_word(text: str) -> bool:
    """Whether `text` can name a role or a group."""
    return _WORD.fullmatch(text) is not None


def secret_written_out(where: str, name: str) -> Exception:
    """Return the error for a literal password, which is not quoted."""
    return mistake(where, f"{name} is written out, {_REFERENCES}")


def resolved_path(text: str, base: Path) -> str:
    """Return a path with `~` replaced, absolute if `base` is."""
    path = Path(text)
    try:
        path = path.expanduser()
    except RuntimeError:  # a `~user` that is not there; the transport will name the missing file
        return text
    return str(base / path)


def _role(setting: Setting) -> str:
    expected = "a role's name of letters, digits and . _ + -"
    role = setting.text(expected)
    return role if is_word(role) else setting.refuse(expected)


def _address(setting: Setting) -> str:
    expected = "a host name, an IP address or an alias of ~/.ssh/config (port and user are settings of their own)"
    address = setting.text(expected)
    return address if is_name(address) else setting.refuse(expected)


def _port(setting: Setting) -> int:
    expected = "a number from 1 to 65535"
    port = setting.text(expected)
    return int(port) if is_port(port) else setting.refuse(expected)


def _user(setting: Setting) -> str:
    expected = "a login name"
    user = setting.text(expected)
    if ":" in user:  # not quoted: what follows the colon is a password
        raise mistake(setting.where, f"{setting.name} holds a colon, expected {expected}")
    return user if is_user(user) else setting.refuse(expected)


def _choice(*words: str) -> Callable[[Setting], str]:
    expected = f"one of {', '.join(words)}"

    def parse(setting: Setting) -> str:
        word = setting.text(expected)
        return word if word in words else setting.refuse(expected)

    return parse


def _path(setting: Setting) -> str:
    expected = "a path"
    path = setting.text(expected)
    return resolved_path(path, setting.base) if path.isprintable() else setting.refuse(expected)


def _boolean(setting: Setting) -> bool:
    expected = "true or false"
    word = setting.text(expected).lower()
    return word in _TRUE if word in _TRUE | _FALSE else setting.refuse(expected)


def _seconds(setting: Setting) -> float:
    expected = "a number of seconds up to 3600"
    try:
        seconds = float(setting.text(expected))
    except ValueError:
        setting.refuse(expected)
    return seconds if math.isfinite(seconds) and 0 < seconds <= 3600 else setting.refuse(expected)


def _jump(setting: Setting) -> tuple[Jump, ...]:
    expected = "user@host:port, several with commas or as a list, or none"
    leaves = setting.node.items if isinstance(setting.node, Row) else (setting.node,)
    jumps: list[Jump] = []
    for leaf in leaves:
        if not isinstance(leaf, Leaf):
            setting.refuse(expected)
        try:
            jumps += parse_jumps(leaf.text)
        except ValueError as error:
            where = setting.where if leaf is setting.node else leaf.where
            raise mistake(where, f"{setting.name} {error}") from None
    return tuple(jumps)


def _secret(setting: Setting) -> SecretReference:
    node = setting.node
    if isinstance(node, Leaf) and node.text == "prompt":
        return SecretReference("prompt")
    if isinstance(node, Leaf) and not node.text:
        raise mistake(setting.where, f"{setting.name} has no value, {_REFERENCES}")
    if not isinstance(node, Table):
        raise secret_written_out(setting.where, setting.name)
    # Nothing of the table is quoted: it may hold the secret itself.
    if len(node.entries) != 1 or not set(node.entries) <= {"environment", "file"}:
        raise mistake(setting.where, f"{setting.name} does not say where the secret is, {_REFERENCES}")
    ((kind, entry),) = node.entries.items()
    if not isinstance(entry.node, Leaf) or not entry.node.text:
        raise mistake(entry.where, f"{setting.name} does not say which {kind}, {_REFERENCES}")
    if kind == "file":
        return SecretReference("file", resolved_path(entry.node.text, setting.base))
    if not _ENVIRONMENT_NAME.fullmatch(entry.node.text):
        raise mistake(entry.where, f"{setting.name} is given no name of an environment variable, {_REFERENCES}")
    return SecretReference("environment", entry.node.text)


SETTINGS: Mapping[str, Callable[[Setting], Any]] = {
    "role": _role,
    "address": _address,
    "port": _port,
    "user": _user,
    "transport": _choice(*get_args(TransportName)),
    "identity": _path,
    "password": _secret,
    "sudo": _choice(*get_args(SudoMode)),
    "sudo_password": _secret,
    "sudo_tty": _boolean,
    "jump": _jump,
    "legacy_algorithms": _boolean,
    "accept_new_host_key": _boolean,
    "path": _path,
    "timeout": _seconds,
}


def make_host(name: str, where: str, groups: tuple[str, ...], said: Mapping[str, Any]) -> Host:
    """Return the host with these settings; an InventoryError at `where` when they do not go together."""
    host = Host(name=name, groups=groups, **said)
    if host.transport in {"image", "replay"}:
        if not host.path:
            kind = "mounted root" if host.transport == "image" else "directory of recordings"
            raise mistake(where, f"host {quoted(name)} has transport {host.transport} but no path, expected its {kind}")
        return host
    if host.path:
        raise mistake(where, f"host {quoted(name)} has a path, expected transport image or replay with it")
    if host.transport == "local" or host.address:
        return host
    return Host(name=name, groups=groups, **{**said, "address": name})
