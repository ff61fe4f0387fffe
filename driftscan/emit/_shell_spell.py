"""Each kind of resource as lines of the script."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import singledispatch

from driftscan.emit._shell_words import CannotSayError, beside, quoted
from driftscan.emit.base import Output
from driftscan.role import resources as kinds
from driftscan.role.resources import Resource

_FLAGS = {"append-only": "a", "immutable": "i"}
_MODE = re.compile(r"[0-7]{3,4}")
SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+~-]*")
_VARIABLE = re.compile(r"[A-Za-z0-9_]+")
_CAPABILITIES = re.compile(r"[a-z0-9=][a-z0-9_,=+ -]*")


@dataclass(frozen=True, slots=True)
class Spelled:
    """A resource as commands: the first words of each are the script's own, the rest is quoted.

    `late` are commands that follow once the packages of its stage are there. `writes` are paths that it may write at,
    `below` one under which it may write anywhere. `lacks` says what of it cannot be expressed, "" nothing.
    """

    commands: tuple[str, ...]
    late: tuple[str, ...] = ()
    outputs: Mapping[str, Output] = field(default_factory=dict)
    tools: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    below: str = ""
    lacks: str = ""


@singledispatch
def spelled(resource: Resource, manager: str) -> Spelled:
    """Return a resource as commands, `manager` being that of the role; CannotSayError where there are none for it."""
    del manager
    raise CannotSayError(f"the script has no words for a {type(resource).__name__}")


def plain(word: str, shape: re.Pattern[str], what: str) -> str:
    """Return a word that has the shape of `what`; there is no such thing otherwise."""
    if not shape.fullmatch(word):
        raise CannotSayError(f"this is no {what}")
    return word


def command(function: str, *values: str) -> str:
    """Return the call of a function of the script with values of the host."""
    return " ".join((function, *map(quoted, values)))


def _mode(mode: str) -> str:
    return plain(mode, _MODE, "mode")


def absolute(path: str) -> str:
    """Return a path that a resource may have."""
    if not path.startswith("/") or not path.strip("/"):
        raise CannotSayError("this is no path below /")
    return path


def _account(name: str) -> str:
    if not name or name.startswith(("-", "+")) or any(char in name for char in ":,\n"):
        raise CannotSayError("this is no name of an account")
    return name


@spelled.register
def _group(one: kinds.Group, _manager: str) -> Spelled:
    gid = "" if one.gid is None else str(one.gid)
    line = command("group", _account(one.name), gid, "system" if one.system else "")
    return Spelled((line,), tools=("groupadd", "groupmod"))


@spelled.register
def _user(one: kinds.User, _manager: str) -> Spelled:
    uid = "" if one.uid is None else str(one.uid)
    words = (_account(one.name), uid, _account(one.group), one.gecos, one.home, one.shell)
    marks = ("system" if one.system else "", "shared" if one.shared_uid else "")
    commands = [command("user", *words, *marks)]
    tools = ["useradd", "usermod"]
    secrets: tuple[str, ...] = ()
    if one.make_home and one.home:
        commands.append(command("home", absolute(one.home), one.name, one.group))
    if one.password is not None:
        secrets = (plain(one.password.name, _VARIABLE, "name of a secret"),)
        commands.append(command("password", one.name, one.password.name))
        tools.append("chpasswd")
    if one.expires:
        try:
            days = (date.fromisoformat(one.expires) - date(1970, 1, 1)).days
        except ValueError:
            raise CannotSayError("the day that the account ends on is none") from None
        commands.append(command("expires", one.name, one.expires, str(days)))
    return Spelled(tuple(commands), tools=tuple(tools), secrets=secrets)


@spelled.register
def _membership(one: kinds.Membership, _manager: str) -> Spelled:
    return Spelled((command("member", _account(one.user), *map(_account, one.groups)),), tools=("usermod",))


@spelled.register
def _diversion(one: kinds.Diversion, _manager: str) -> Spelled:
    if "\n" in one.path + one.to:
        raise CannotSayError("dpkg-divert takes no name with a newline")
    return Spelled(
        (command("diversion", absolute(one.path), absolute(one.to)),), tools=("dpkg-divert",), writes=(one.path,)
    )


@spelled.register
def _stat_override(one: kinds.StatOverride, _manager: str) -> Spelled:
    if "\n" in one.path:
        raise CannotSayError("dpkg-statoverride takes no name with a newline")
    names = [f"#{name}" if name.isdigit() else name for name in (one.user, one.group)]
    mode = _mode(one.mode).lstrip("0") or "0"
    line = command("statoverride", *names, mode, absolute(one.path))
    return Spelled((line,), tools=("dpkg-statoverride",), writes=(one.path,))


@spelled.register
def _directory(one: kinds.Directory, _manager: str) -> Spelled:
    return Spelled((command("directory", *_owned(one)),), writes=(one.path,))


@spelled.register
def _file(one: kinds.File, _manager: str) -> Spelled:
    if one.content is None:
        return Spelled((command("empty", *_owned(one)),), writes=(one.path,))
    place = f"files/host/{beside(one.path)}"
    parts: list[str] = []
    outputs: dict[str, Output] = {}
    whole = one.content.literal
    for number, part in enumerate(one.content.parts if whole is None else [whole] if whole else [], 1):
        if isinstance(part, bytes):
            name = place if whole is not None else f"{place}/{number}"
            outputs[name] = Output(part)
            parts.append(name)
        else:
            parts.append(f"secrets/{plain(part.name, _VARIABLE, 'name of a secret')}")
    line = command("file", *_owned(one), *parts)
    return Spelled((line,), outputs=outputs, secrets=one.content.variables, writes=(one.path,))


def _owned(one: kinds.Owned) -> tuple[str, ...]:
    return absolute(one.path), _mode(one.mode), one.user, one.group


@spelled.register
def _lines(one: kinds.Lines, _manager: str) -> Spelled:
    if any("\n" in line for line in one.lines):
        raise CannotSayError("a line holds a newline")
    return Spelled((command("lines", absolute(one.path), *one.lines),), tools=("grep",), writes=(one.path,))


@spelled.register
def _link(one: kinds.Link, _manager: str) -> Spelled:
    return Spelled((command("link", absolute(one.path), one.target, one.user, one.group),), writes=(one.path,))


@spelled.register
def _hard_link(one: kinds.HardLink, _manager: str) -> Spelled:
    return Spelled((command("hardlink", absolute(one.path), absolute(one.to)),), writes=(one.path, one.to))


@spelled.register
def _special(one: kinds.Special, _manager: str) -> Spelled:
    if one.kind not in ("p", "b", "c"):
        raise CannotSayError("this is neither a fifo nor a device")
    numbers = () if one.kind == "p" else (str(one.major), str(one.minor))
    return Spelled((command("special", *_owned(one), one.kind, *numbers),), tools=("mknod",), writes=(one.path,))


@spelled.register
def _archive(one: kinds.Archive, _manager: str) -> Spelled:
    place = f"files/archives/{plain(one.name, SAFE, 'name of an archive')}"
    path = one.path if one.path == "/" else absolute(one.path)
    line = command("archive", path, place)
    return Spelled((line,), outputs={place: Output(one.data)}, tools=("tar", "gzip"), below=path)


@spelled.register
def _absent(one: kinds.Absent, _manager: str) -> Spelled:
    return Spelled((command("absent", absolute(one.path)),), writes=(one.path,), below=one.path)


@spelled.register
def _alternative(one: kinds.Alternative, _manager: str) -> Spelled:
    if "/" in one.name or not one.name or "\n" in one.name + one.link + one.value:
        raise CannotSayError("update-alternatives takes no such name")
    commands = []
    if one.by_hand:
        commands.append(command("choice", absolute(one.link), one.name, absolute(one.value), str(one.priority)))
    commands.append(command("alternative", one.name, *((absolute(one.value),) if one.manual else ())))
    return Spelled(tuple(commands), tools=("update-alternatives",))


@spelled.register
def _rights(one: kinds.Rights, _manager: str) -> Spelled:
    mode = _mode(one.mode) if one.mode else ""
    return Spelled((command("rights", absolute(one.path), mode, one.user, one.group),), writes=(one.path,))


@spelled.register
def _acl(one: kinds.Acl, _manager: str) -> Spelled:
    if any("," in entry or "\n" in entry for entry in one.entries):
        raise CannotSayError("setfacl takes no such entry")
    line = command("acl", absolute(one.path), *one.entries)
    return Spelled((line,), tools=("setfacl", "getfacl"), writes=(one.path,))


@spelled.register
def _capabilities(one: kinds.Capabilities, _manager: str) -> Spelled:
    value = plain(one.value, _CAPABILITIES, "set of capabilities")
    return Spelled((command("capabilities", absolute(one.path), value),), tools=("setcap",), writes=(one.path,))


@spelled.register
def _xattr(one: kinds.Xattr, _manager: str) -> Spelled:
    line = command("attribute", absolute(one.path), one.name, one.value.hex())
    return Spelled((line,), tools=("setfattr", "getfattr"), writes=(one.path,))


@spelled.register
def _flags(one: kinds.Flags, _manager: str) -> Spelled:
    if not one.flags or not set(one.flags) <= _FLAGS.keys():
        raise CannotSayError("chattr is asked for immutable and append-only alone")
    letters = "".join(sorted(_FLAGS[flag] for flag in set(one.flags)))
    return Spelled((command("flags", absolute(one.path), letters),), tools=("chattr", "lsattr"))
