"""Commands of units as argument vectors, such as a container runs them: words, specifiers, the switch to stay put."""

import re
from collections.abc import Iterable, Mapping, Sequence

from driftscan.explain._programs import basename

_PREFIXES = "-@:+!|"
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "s": " "}
_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)\}|\$([A-Za-z_]\w*)|\$\$")
_ASSIGNED = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_SPECIFIER = re.compile(r"%(.)")
_PARTS = re.compile(r"""[^\s"'\\]+|\\.?|"|'|\s+""", re.DOTALL)

# What keeps a daemon in the foreground that leaves it otherwise: a pattern of the words that ask it to leave, taken
# out, each with what follows it where the number says so; and the words that are added. From the manual page of each.
_STAYS: Mapping[str, tuple[str, int, tuple[str, ...]]] = {
    "apache2": ("-k|start", 0, ("-DFOREGROUND",)),
    "apache2ctl": ("-k|start", 0, ("-DFOREGROUND",)),
    "apachectl": ("-k|start", 0, ("-DFOREGROUND",)),
    "atftpd": ("", 0, ("--no-fork",)),
    "collectd": ("", 0, ("-f",)),
    "darkhttpd": ("--daemon", 0, ()),
    "dnsmasq": ("", 0, ("--keep-in-foreground",)),
    "dovecot": ("", 0, ("-F",)),
    "freshclam": ("-d|--daemon", 0, ("-d", "--foreground")),
    "haproxy": ("-D", 0, ("-W",)),
    "httpd": ("-k|start", 0, ("-DFOREGROUND",)),
    "lighttpd": ("", 0, ("-D",)),
    "memcached": ("-d|--daemon", 0, ()),
    "mosquitto": ("-d|--daemon", 0, ()),
    "named": ("", 0, ("-f",)),
    "nginx": ("-g", 1, ("-g", "daemon off;")),
    "pg_ctlcluster": ("", 0, ("--foreground",)),
    "postfix": ("start", 0, ("start-fg",)),
    "proftpd": ("", 0, ("--nodaemon",)),
    "pure-ftpd": ("-B|--daemonize", 0, ()),
    "redis-server": ("--daemonize", 1, ("--daemonize", "no")),
    "rsync": ("", 0, ("--no-detach",)),
    "slapd": ("", 0, ("-d", "0")),
    "smbd": ("-D|--daemon", 0, ("--foreground", "--no-process-group")),
    "squid": ("", 0, ("--foreground",)),
    "stunnel4": ("", 0, ("-fd", "0")),
    "tinyproxy": ("", 0, ("-d",)),
    "unbound": ("", 0, ("-d",)),
    "valkey-server": ("--daemonize", 1, ("--daemonize", "no")),
    "varnishd": ("", 0, ("-F",)),
}


def words(line: str) -> list[str]:
    """Return the words of a line of a unit: blanks part them, quotes keep them together, a backslash escapes."""
    found: list[str] = []
    word: list[str] | None = None
    quote = ""
    for part in _PARTS.findall(line):
        if part == quote:
            quote = ""
        elif not quote and part in "\"'":
            quote, word = part, word or []
        elif not quote and part.isspace():
            found += ["".join(word)] if word is not None else []
            word = None
        else:
            word = word or []
            word.append(_unescaped(part) if part.startswith("\\") else part)
    return found + (["".join(word)] if word is not None else [])


def _unescaped(part: str) -> str:
    return _ESCAPES.get(part[1:], part[1:] if part[1:] in {"\\", '"', "'"} else part)


def assignments(lines: Iterable[str]) -> dict[str, str]:
    """Return the variables that lines of `NAME=value "OTHER=two words"` set; the last counts."""
    found = (match for line in lines for word in words(line) if (match := _ASSIGNED.fullmatch(word)))
    return {match[1]: match[2] for match in found}


def environment_file(said: str) -> dict[str, str]:
    """Return the variables that a file of `NAME=value` lines sets, as systemd reads it."""
    found = {}
    for line in said.replace("\\\n", "").splitlines():
        match = _ASSIGNED.fullmatch(line.strip().removeprefix("export "))
        if match and not line.lstrip().startswith(("#", ";")):
            found[match[1]] = " ".join(words(match[2])) if match[2][:1] in {'"', "'"} else match[2]
    return found


def command(line: str, unit: str, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return what one ExecStart of `unit` runs; a variable that nothing sets is no word, as for systemd."""
    line = line.lstrip()
    kept = line.lstrip(_PREFIXES)
    found = [_specified(word, unit) for word in words(kept)]
    if "@" in line[: len(line) - len(kept)] and len(found) > 1:
        del found[1]  # the name that the program is told to have
    return tuple(done for word in found for done in _expanded(word, environment))


def _specified(word: str, unit: str) -> str:
    name, _, _kind = unit.rpartition(".")
    prefix, _, instance = name.partition("@")
    known = {"%": "%", "n": unit, "N": name, "p": prefix, "i": instance, "I": instance.replace("-", "/"), "t": "/run"}
    return _SPECIFIER.sub(lambda match: known.get(match[1], match[0]), word)


def _expanded(word: str, environment: Mapping[str, str]) -> list[str]:
    if re.fullmatch(r"\$[A-Za-z_]\w*", word):  # alone and without braces it is as many words as it holds
        return words(environment.get(word[1:], ""))
    return [_VARIABLE.sub(lambda match: _value(match, environment), word)]


def _value(match: re.Match[str], environment: Mapping[str, str]) -> str:
    name = match[1] or match[2]
    return environment.get(name, "") if name else "$"


def foreground(argv: Sequence[str], *, forks: bool | None) -> tuple[str, ...]:
    """Return `argv` such that it stays in the foreground; `forks`: whether its unit expects it not to (None: unknown).

    What its own words keep there is left as it is.
    """
    stays = _STAYS.get(basename(argv[0])) if argv else None
    if stays is None or forks is False:
        return tuple(argv)
    leaves, more, added = stays
    if forks is None and added and " ".join(added) in " ".join(argv):
        return tuple(argv)
    pattern = re.compile(leaves) if leaves else None
    kept: list[str] = []
    skip = 0
    for word in argv:
        if skip:
            skip -= 1
        elif pattern is not None and pattern.fullmatch(word):
            skip = more
        else:
            kept.append(word)
    return (*kept, *added)


def told_by(line: str, program: str) -> tuple[str, ...]:
    """Return the command with which a line of a script starts `program`: it and its words, up to what the shell reads.

    () where the line does not name it.
    """
    at = re.search(rf"(?<![\w./-]){re.escape(program)}(?![\w./-])", line)
    if at is None:
        return ()
    rest = re.match(r"""(?:[ \t]+(?![\d&]*>)(?:[\w./:@%+=,-]+))*""", line[at.end() :])
    return (program, *(rest[0].split() if rest else ()))
