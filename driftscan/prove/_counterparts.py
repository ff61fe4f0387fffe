"""Which other hosts a command line talks to: in addresses (URL, user@host), in options, as an operand."""

import re
from collections.abc import Collection, Iterator, Sequence

from driftscan.findings.commands import simple_commands

_NAME = r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})?(?:\.[A-Za-z0-9-]{1,63}){0,8}\.?)"
_HOST = re.compile(rf"(?:{_NAME}|\[[0-9A-Fa-f:.]{{2,45}}\])")
_URL = re.compile(
    rf"(?<![A-Za-z0-9+.-])(?!file:)[a-z][a-z0-9+.-]{{1,30}}://(?:[^\s/'\"@]{{0,300}}@)?({_HOST.pattern})", re.IGNORECASE
)
_AT = re.compile(rf"(?<![\w.+@/-])[\w.+-]{{1,64}}@({_HOST.pattern})(?=:|[\s/'\"),;]|$)")
_TCP = re.compile(rf"/dev/(?:tcp|udp)/({_HOST.pattern})/")
_COPIED = re.compile(rf"({_HOST.pattern}):(?!//)[^\s]*")  # host:path, rsync's host::module
_OPTION = re.compile(rf"--?(?:host|hostname|server|remote-host|db-?host)=({_HOST.pattern})", re.IGNORECASE)
_OPTION_WORDS = frozenset({"--host", "--hostname", "--server", "--remote-host", "--dbhost"})
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_DATABASES = re.compile(r"(?:mysql|maria|pg_|psql|vacuumdb|mongo|redis-cli|influx|ldap|clickhouse|cqlsh|bconsole)")
_COPIERS = frozenset({"rsync", "scp", "sftp", "rdiff-backup", "borg", "restic", "unison", "duplicity", "lsyncd"})
_REACHERS = frozenset({"ssh", "autossh", "sftp", "telnet", "ftp", "lftp", "nc", "ncat", "netcat", "mosh", "rsh"})
_MAILERS = frozenset({"mail", "mailx", "sendmail", "mutt", "msmtp", "swaks", "s-nail"})
_TALKERS = _REACHERS | _COPIERS | _MAILERS
_NO_HOST = re.compile(  # units by template, versions of packages
    r"\.(?:service|timer|socket|target|mount|path|slice|scope)$|^(?!\d+\.\d+\.\d+\.\d+$)(?:.*\.)?\d+$"
)
_VALUED = "bcDEeFIiJLlmOoPpQRSWwsTtqX"  # options of ssh, nc and lftp that a value follows
_OURS = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", "0.0.0.0", "[::1]", "[::]"})  # noqa: S104
_SHOWN = re.compile(r"<secret:[^>]{0,100}>")
_LONGEST = 20_000  # characters of a command that are read


def hosts(command: str, own: Collection[str] = (), known: Collection[str] = ()) -> tuple[str, ...]:
    """Return the other hosts that a line of shell names, in their order, mail addresses whole.

    `own` are this host's names and addresses; `known` are names that are certainly hosts (from /etc/hosts): such a
    word is one even where nothing around it says so.
    """
    text = _SHOWN.sub("secret", command[:_LONGEST])
    found = [match[1] for pattern in (_URL, _TCP) for match in pattern.finditer(text)]
    for words in list(simple_commands(text)) or [text.split()]:
        found += _of_words(words, known)
    mine = {name.lower() for name in own} | _OURS
    told = dict.fromkeys(name.rstrip(".") for name in found)
    return tuple(name for name in told if not _is_own(name, mine))


def _is_own(name: str, mine: Collection[str]) -> bool:
    host = name.rpartition("@")[2].lower()
    return host in mine or host.strip("[]") in mine or host.startswith("127.")


def _of_words(words: Sequence[str], known: Collection[str]) -> Iterator[str]:
    """Yield what the words of one simple command name."""
    names = [word.rpartition("/")[2] for word in words]
    program = next((name for name in names if name in _TALKERS or _DATABASES.match(name)), "")
    begin = names.index(program) + 1 if program else 0
    for before, word in zip(["", *words], words, strict=False):
        yield from _accounts(word, program)
        if match := _OPTION.fullmatch(word):
            yield match[1]
        elif word in known or (before in _OPTION_WORDS and _HOST.fullmatch(word)) or _is_dash_h(before, word, program):
            yield word
        elif word.startswith("-h") and _DATABASES.match(program) and "." in word and _HOST.fullmatch(word[2:]):
            yield word[2:]
    if program in _COPIERS:
        plain = (word for word in words[begin:] if "@" not in word and "://" not in word)
        yield from (match[1] for word in plain if (match := _COPIED.fullmatch(word)))
    if program in _REACHERS:
        yield from _operand(words[begin:])


def _accounts(word: str, program: str) -> Iterator[str]:
    """Yield the hosts of `user@host`, and whole the addresses that mail goes to."""
    if "://" in word:
        return
    for match in _AT.finditer(word):
        plain = program in _TALKERS or "." in match[1] or word[match.end() :].startswith(":")
        if plain and not _NO_HOST.search(match[1]):
            yield match[0] if program in _MAILERS else match[1]


def _is_dash_h(before: str, word: str, program: str) -> bool:
    """Whether a word follows `-h` where that means a host, as it does for clients of databases."""
    told = bool(_DATABASES.match(program) or _ADDRESS.fullmatch(word))
    return before == "-h" and told and _HOST.fullmatch(word) is not None


def _operand(words: Sequence[str]) -> Iterator[str]:
    """Yield the first word that is neither an option nor an option's value, nor a number, if it can be a host."""
    skip = False
    for word in words:
        if skip or word.startswith("-") or word.isdigit():
            skip = not skip and len(word) == 2 and word[1] in _VALUED
            continue
        if "@" not in word and "://" not in word and _HOST.fullmatch(word):
            yield word
        return
