"""Paths that packages' configuration declares: tmpfiles.d, sysusers.d, unit files, logrotate."""

import re
import shlex
from collections.abc import Iterator

_MAKES = frozenset("fFwdDevqQpLcbCzZtThHaAx")  # of tmpfiles.d; x names what somebody else keeps there
_DIRECTORIES = frozenset("dDvqQeCZx")
_SPECIFIERS = {
    "%": "%",
    "S": "/var/lib",
    "C": "/var/cache",
    "L": "/var/log",
    "t": "/run",
    "T": "/tmp",  # noqa: S108 - what systemd means by it, not a place to write
    "V": "/var/tmp",  # noqa: S108
}
_UNIT_ROOTS = {
    "StateDirectory": "/var/lib",
    "CacheDirectory": "/var/cache",
    "LogsDirectory": "/var/log",
    "ConfigurationDirectory": "/etc",
    "RuntimeDirectory": "/run",
}
UNIT_SETTINGS = (*_UNIT_ROOTS, "PIDFile")
_SCRIPTS = re.compile(
    r"^\s*(?:pre|post|first|last|preremove)(?:rotate|action)?\s*$.*?^\s*endscript\s*$", re.MULTILINE | re.DOTALL
)
_OLD = re.compile(r"^\s*olddir\s+(/\S+)", re.MULTILINE)

Found = tuple[str, bool]  # path, and whether all below it belongs to it


def tmpfiles(body: str) -> Iterator[Found]:
    """Yield what a file of tmpfiles.d makes; what is known only to the running host stands as `*`."""
    for line in body.split("\n"):
        kind, path = _two_words(line)
        letter = kind[:1]
        if letter in _MAKES and path.startswith(("/", "%")):
            path = specified(path)
            if path.startswith("/"):
                yield path.rstrip("/"), letter in _DIRECTORIES


def sysusers(body: str) -> Iterator[Found]:
    """Yield the homes of the accounts that a file of sysusers.d makes."""
    for line in body.split("\n"):
        words = _words(line)
        if len(words) > 4 and words[0].rstrip("!") == "u" and words[4].startswith("/") and words[4] != "/":
            yield specified(words[4]).rstrip("/"), True


def unit(setting: str, value: str) -> Iterator[Found]:
    """Yield what one setting of a unit makes: `StateDirectory=a b` and its like, `PIDFile=`."""
    root = _UNIT_ROOTS.get(setting)
    for word in _words(value):
        name = specified(word.partition(":")[0]).strip("/")
        if not name or ".." in name.split("/") or name.strip("*") == "":
            continue
        if root is None:
            yield "/" + name if word.startswith(("/", "%t")) else f"/run/{name}", False
            continue
        yield f"{root}/{name}", setting != "ConfigurationDirectory"
        if root.startswith("/var/"):  # of a service with DynamicUser=
            yield f"{root}/private/{name}", True


def logrotate(body: str) -> Iterator[Found]:
    """Yield the logs that a file of logrotate.d names; a word may hold wildcards."""
    text = _SCRIPTS.sub("", "\n".join(line.partition("#")[0] for line in body.split("\n")))
    for directory in _OLD.findall(text):
        yield directory.rstrip("/"), True
    for part in re.split(r"\{[^{}]*\}", text):
        for word in _words(part.replace("\n", " ").replace("{", " ").replace("}", " ")):
            if word.startswith("/") and word.count("/") > 1:
                yield word, False


def specified(path: str) -> str:
    """Return a path of systemd with its %-specifiers written out; `*` for what only the running host knows."""
    return re.sub("%(.)", lambda match: _SPECIFIERS.get(match[1], "*"), path)


def _two_words(line: str) -> tuple[str, str]:
    words = _words(line)[:2]
    return (words[0], words[1]) if len(words) == 2 and not words[0].startswith("#") else ("", "")


def _words(line: str) -> list[str]:
    """Return the words of a line, quotes taken off where they are paired."""
    if '"' not in line and "'" not in line and "\\" not in line:
        return line.split()
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()
