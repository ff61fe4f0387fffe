"""Secrets in command lines: the options of programs that take one as a word of its own or glued to a letter."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from driftscan.model._secret_words import PLACEHOLDER, is_secret_name, is_secret_value, placeholder


@dataclass(frozen=True, slots=True)
class _Program:
    """Programs with options that no name gives away: `glued` as in -pWORD, `following` as in -a WORD, and `pair`."""

    pattern: re.Pattern[str]
    glued: tuple[str, ...] = ()
    following: tuple[str, ...] = ()
    pair: tuple[str, ...] = ()  # the value is USER:PASSWORD (USER%PASSWORD, USER,PASSWORD)


_PROGRAMS = tuple(
    _Program(re.compile(pattern), tuple(glued.split()), tuple(following.split()), tuple(pair.split()))
    for pattern, glued, following, pair in (
        (r"(?:mysql|mariadb)[\w-]*|mytop|innotop|xtrabackup|innobackupex|mydumper", "-p", "", ""),
        (r"redis-cli|valkey-cli|keydb-cli", "", "-a", ""),
        (r"curl|wget|http|https|fetch|ab", "", "", "-u --user -U --proxy-user -A"),
        (r"sshpass", "-p", "-p", ""),
        (r"ldap(?:search|add|modify|delete|passwd|whoami|compare|modrdn|exop)", "-w", "-w -s -a", ""),
        (r"smbclient|rpcclient|net|smbget|mount\.cifs|winexe", "", "", "-U --user"),
        (r"zip|unzip|zipcloak", "-P", "-P", ""),
        (r"7z[ar]?|rar|unrar", "-p -hp", "", ""),
        (r"mongo(?:sh|dump|restore|export|import)?|docker|podman|buildah|skopeo|nerdctl|helm", "", "-p", ""),
        (r"mosquitto_(?:pub|sub|rr)|ipmitool|sqlcmd|bcp|isql|tsql", "-P", "-P", ""),
        (r"snmp\w+", "", "-c -A -X -a", ""),
        (r"lftp|ncftp\w*", "", "-p", "-u"),
        (r"openssl|gpg|gpg2", "", "-k -K", ""),
        (r"useradd|usermod|groupadd|groupmod", "-p", "-p", ""),
        (r"telegram-send|s3cmd|influx", "", "-password", ""),
        (r"kadmin(?:\.local)?|ktutil", "", "-w -pw", ""),
    )
)
_SEPARATORS = {"|", "||", "&&", ";", "&", "(", ")", "then", "do"}
_PAIR = re.compile(r"([^\s:%,/]+)([:%,])(.+)", re.DOTALL)
_OPTION = re.compile(r"--?[A-Za-z][\w.-]*")
_OPTION_VALUE = re.compile(r"(--?[A-Za-z][\w.-]*|[A-Za-z_][\w.]*)=(.+)", re.DOTALL)
_PORTS = re.compile(r"[\w.\[\]:-]*\d:\d{1,5}(?:-\d{1,5})?(?:/\w{1,4})?")  # docker run -p 8080:80
_PASS_SOURCE = re.compile(r"pass:(.+)", re.DOTALL)
# How the search for options in a text begins; and what a line with options holds if there is something to do for it.
OPTION_BEGINS = r"""/-(?<=[\s"'|;&]-)-?[a-z]"""
_NAMES = "|".join(program.pattern.pattern for program in _PROGRAMS)
MAY_BEGIN_COMMAND = re.compile(rf"(?<![\w.-])(?:{_NAMES})(?![\w.-])")
# A word of a shell line: what quotes hold belongs to it.
_TOKEN = re.compile(r"""(?:[^\s"'|;&]|"(?:[^"\\]|\\.)*"|'[^']*')+|[|;&]+|["']""")


def redact_words(words: Sequence[str], names: set[str]) -> list[str]:
    """Return `words` of one command line with the secrets that their place among the others gives away replaced."""
    out: list[str] = []
    program: _Program | None = None
    expected: Callable[[str], str] | None = None
    htpasswd = False
    for index, word in enumerate(words):
        if expected is not None and _takes_value(word):
            out.append(expected(word))
            expected = None
            continue
        expected = None
        if word in _SEPARATORS:
            program, htpasswd = None, False
        elif found := _program(word):
            program = found
        elif _base(word) == "htpasswd":
            htpasswd = True
        elif htpasswd and index == len(words) - 1 and any(re.fullmatch(r"-\w*b\w*", other) for other in words):
            out.append(_value(word, "htpasswd_password", names))
            continue
        done, expected = _word(word, program, names)
        out.append(done)
    return out


def redact_line(line: str, names: set[str]) -> str:
    """Return a shell line treated as `redact_words` does; blanks and quotes stay as they are."""
    tokens = list(_TOKEN.finditer(line))
    words = [match[0] for match in tokens]
    bare = [_unquoted(word) for word in words]
    done = redact_words(bare, names)
    out, at = [], 0
    for match, before, after in zip(tokens, bare, done, strict=True):
        quote = match[0][0] if match[0] != before else ""
        if quote and before == after and " " in before:
            after = redact_line(before, names)  # noqa: PLW2901 (sh -c '…': a command line in a word)
        out += [line[at : match.start()], match[0] if before == after else f"{quote}{after}{quote}"]
        at = match.end()
    return "".join(out) + line[at:]


def _unquoted(word: str) -> str:
    quoted = len(word) > 1 and word[0] == word[-1] and word[0] in "\"'"
    return word[1:-1] if quoted else word


def _base(word: str) -> str:
    return re.split(r"[/($`{]", word)[-1]  # $(curl …


def _program(word: str) -> _Program | None:
    base = _base(word)
    return next((program for program in _PROGRAMS if program.pattern.fullmatch(base)), None)


def _takes_value(word: str) -> bool:
    return word not in _SEPARATORS and not _OPTION.fullmatch(word)


def _word(word: str, program: _Program | None, names: set[str]) -> tuple[str, Callable[[str], str] | None]:
    """Return a word without its secret, and what is to be done with the next word, if that is one."""
    if match := _PASS_SOURCE.fullmatch(word):
        return "pass:" + _value(match[1], "pass", names), None
    if (match := _OPTION_VALUE.fullmatch(word)) and is_secret_name(match[1]):
        return f"{match[1]}={_value(match[2], match[1], names)}", None
    if program is not None:
        for option in program.pair:
            if word == option or (len(option) == 2 and re.fullmatch(rf"-[a-zA-Z]*{option[1]}", word)):
                return word, lambda value: _pair(value, names)
            if word.startswith(option + "=") or (len(option) == 2 and word.startswith(option) and ":" in word):
                return option + _pair(word[len(option) :], names), None
        if word in program.following:
            return word, lambda value: value if _PORTS.fullmatch(value) else _value(value, "password", names)
        for option in program.glued:
            if word.startswith(option) and len(word) > len(option) and not word.startswith("--"):
                return option + _value(word[len(option) :], "password", names), None
    if _OPTION.fullmatch(word) and is_secret_name(word):
        return word, lambda value: _value(value, word, names)
    return word, None


def _value(value: str, name: str, names: set[str]) -> str:
    if match := _PASS_SOURCE.fullmatch(value):
        return "pass:" + _value(match[1], "pass", names)
    return placeholder(name, names) if is_secret_value(value) else value


def _pair(value: str, names: set[str]) -> str:
    lead = "=" if value.startswith("=") else ""
    match = _PAIR.fullmatch(value[len(lead) :])
    if match is None or PLACEHOLDER.fullmatch(match[3]):
        return value
    return f"{lead}{match[1]}{match[2]}{_value(match[3], match[1] + '_password', names)}"
