"""Redaction by value: a line of a host stays, each secret in it becomes a named placeholder such as `<secret:TOKEN>`.

Whatever is kept passes through here: command lines, environment assignments, cron lines, configuration. A secret is
known by its name (`PGPASSWORD=…`, `--token …`, `requirepass …`), by its place (`scheme://user:…@host`) or by its
shape (JSON web token, crypt hash, private key). In doubt a value is taken for a secret, unless it cannot be one: a
path, a variable, a truth value. All repetitions are bounded or anchored, so that hostile text costs linear time.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from driftscan.model._secret_commands import redact_line, redact_words
from driftscan.model._secret_lines import Line, suspects
from driftscan.model._secret_look import HEXADECIMAL, PUBLIC_NUMBER, is_random
from driftscan.model._secret_patterns import BLOCKS, Rule
from driftscan.model._secret_words import (
    PLACEHOLDER,
    is_name_service,
    is_secret_name,
    is_secret_value,
    placeholder,
)

__all__ = [
    "HEXADECIMAL", "PUBLIC_NUMBER", "Redacted", "RedactedLine",
    "is_random", "mark", "marks", "private_blocks", "redact", "redact_argv", "redacted_lines",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Redacted:
    """Text without its secrets; `names` are those of the placeholders that were put in now, sorted, each once."""

    text: str
    names: tuple[str, ...] = ()


class RedactedLine(NamedTuple):
    """A line of a text without its secrets: where it stood there, what it says now, the names that `Redacted` has."""

    start: int
    end: int
    text: str
    names: tuple[str, ...]


def redact(text: str, *, command: bool = False) -> Redacted:
    """Return `text`, one line or many, with every secret in it replaced; redacting twice is redacting once.

    `command` says that it is a command: an unquoted value ends at the first blank there, and in configuration it may
    hold blanks (`PASSWORD=three plain words` in the environment file of a container).
    """
    if len(text) < _SHORTEST:  # a hostile list may have a million of them
        return Redacted(text)
    names: set[str] = set()
    out, at = [], 0
    for block in private_blocks(text):
        out += [text[at : block.start()], placeholder("private_key", names)]
        at = block.end()
    text, out, at = "".join(out) + text[at:], [], 0
    for line in redacted_lines(text, command=command):
        out += [text[at : line.start], line.text]
        at = line.end
        names.update(line.names)
    return Redacted("".join(out) + text[at:], tuple(sorted(names)))


def redacted_lines(text: str, *, command: bool = False) -> Iterator[RedactedLine]:
    """Yield the lines of `text` that hold a secret, in their order; no private key of many lines is in it."""
    for told in suspects(text):
        names: set[str] = set()
        line = text[told.start : told.end]
        done = _line(line, told, names, command=command)
        if done != line:
            yield RedactedLine(told.start, told.end, done, tuple(sorted(names)))


def mark(name: str) -> str:
    """Return what stands in a redacted text where the secret called `name` stood."""
    return placeholder(name, set())


def marks(text: str) -> Iterator[re.Match[str]]:
    """Yield where in a redacted text secrets stood; the group is what each is called."""
    return re.finditer(r"<secret:([\w.-]+)>", text)


def private_blocks(text: str) -> list[re.Match[str]]:
    """Return where private keys stand that take more than a line."""
    found = list[re.Match[str]]()
    every = (match for need, pattern in BLOCKS if need in text for match in pattern.finditer(text))
    for match in sorted(every, key=lambda one: one.start()):
        if not found or match.start() >= found[-1].end():
            found.append(match)
    return found


def redact_argv(argv: Iterable[str]) -> list[str]:
    """Return the words of a command line with every secret in them replaced; there are as many as before."""
    return [redact(word).text for word in redact_words(list(argv), set())]


_SHORTEST = 4  # characters of a line that may hold a secret
_NAME = re.compile(
    r"""(?<![\w.<-])(?P<name>[A-Za-z_-][\w.-]{1,80})\\?["']?\]?[ \t]{0,16}"""
    r"(?P<sep>=>|:=|=(?![=~])|:(?![:/]))(?P<gap>[ \t]{0,64})"
)
_QUOTED = re.compile(r"""(?P<quote>\\?["'])(?P<value>(?:(?!(?P=quote))[^\\]|\\.)*?)(?P=quote)""")
_BARE = re.compile(r"""\S+?(?=[\\"');,}\]]*(?:\s|$))""")
_XML = re.compile(r"""<(?P<name>[A-Za-z_][\w.:-]{1,64})(?:\s[^<>]{0,256})?>(?P<value>[^<>]{1,1024})</""")
_XML_PAIR = re.compile(
    r"""\b(?:key|name)=["'](?P<name>[\w.-]{1,80})["']\s{1,8}value=["'](?P<value>[^"']{1,1024})["']""", re.IGNORECASE
)
_XML_NAMED = re.compile(
    r"""\b(?:key|name)=["'](?P<name>[\w.-]{1,80})["'][^<>]{0,64}>(?P<value>[^<>]{1,1024})</""", re.IGNORECASE
)
# define('NAME', 'value'), and the pairs of many a list: {"name": "NAME", "value": "value"}.
_CALL = re.compile(
    r"""\b\w{0,32}(?:define|set|put|add)\w{0,32}\s{0,4}\(\s{0,8}["'](?P<name>[\w.-]{1,80})["']\s{0,8},\s{0,32}["'](?P<value>[^"']{1,1024})["']""",
    re.IGNORECASE,
)
_JSON_PAIR = re.compile(
    r"""["']?\b(?:key|name)["']?\s{0,4}:\s{0,4}["']?(?P<name>[\w.-]{1,80})["']?\s{0,4},\s{0,8}["']?value["']?\s{0,4}:\s{0,4}["']?(?P<value>[^\s"',}]{1,1024})""",
    re.IGNORECASE,
)
_WRITTEN = (("<", (_XML, _XML_PAIR, _XML_NAMED)), ("(", (_CALL,)), (",", (_JSON_PAIR,)))  # each with a sign it needs
_VALUE = re.compile(r"""^\s{0,80}["']?value["']?\s{0,8}:\s{1,8}["']?(?P<value>[^\s"']{1,4096})""")
_LAST_WORDS = re.compile(
    r"""(?:^|\s)(?:set[ \t]{1,16}\$)?(?P<name>[A-Za-z_][\w.-]{1,80})[ \t]{1,64}"""
    r"""(?P<value>"[^"]*"|'[^']*'|[^\s"';]+)[ \t]{0,64}(?:;|\s*$)"""
)
_SENTENCE = re.compile(r"(?:\s*\S+\s){5}")
_NO_DIRECTIVE = re.compile(r"(?:proxy|fastcgi|uwsgi|scgi|grpc|memcached|js)_pass|[a-z-]*passwd")  # nginx, commands
_LEAD = re.compile(r"\s*(?:export\s+|set\s+|-\s+)?[\"']?")
# What may follow `NAME=value` in a shell line without being the rest of the value.
_NO_REST = re.compile(r"""\s+(?:[#;&|<>\\/(]|\./|-|[A-Za-z_]\w*=|["']|$)""")
_COMMENT = re.compile(r"\s*(?:[#;!]|//(?![\w.-]+/)|--\s|\*)")


def _line(line: str, told: Line, names: set[str], *, command: bool) -> str:
    if len(line) < _SHORTEST:
        return line
    if told.called and is_secret_name(told.called):
        line = _VALUE.sub(lambda match: _of(match, told.called, names), line)
    if told.named:
        line = _assignments(line, names, command=command)
        for sign, patterns in _WRITTEN:
            for pattern in patterns if sign in line else ():
                line = pattern.sub(lambda match: _named(match, names), line)
        if not _COMMENT.match(line):
            line = _LAST_WORDS.sub(lambda match: _directive(match, names), line)
    if told.command:
        line = redact_line(line, names)
    for rule in told.rules:
        line = rule.pattern.sub(lambda match, rule=rule: _place(match, rule, names), line)  # type: ignore[misc]
    return line


def _assignments(line: str, names: set[str], *, command: bool) -> str:
    """Replace the value of every `name=value`, `name: value`, `"name": "value"` whose name is that of a secret."""
    out, at = [], 0
    for match in _NAME.finditer(line):
        if match.start() < at or not is_secret_name(match["name"]):
            continue
        value = _QUOTED.match(line, match.end()) or _BARE.match(line, match.end())
        if value is None or (match["name"] == "passwd" and is_name_service(line[match.end() :])):
            continue
        start, end = value.span("value") if "value" in value.groupdict() else value.span()
        if "value" not in value.groupdict() and not command:
            end = _rest(line, match, end)
        if is_secret_value(line[start:end]) and not (match["gap"] and line[start] == "#"):
            out += [line[at:start], placeholder(match["name"], names)]
            at = end
    return "".join(out) + line[at:]


def _rest(line: str, match: re.Match[str], end: int) -> int:
    """Return where an unquoted value ends: in a configuration line it may hold blanks, in a shell line it does not."""
    lead = _LEAD.match(line)
    if lead is None or lead.end() != match.start() or _NO_REST.match(line, end):
        return end
    if PLACEHOLDER.match(line, match.end()) or not is_secret_value(line[match.end() : end]):
        return end
    comment = re.compile(r"\s+[#;]").search(line, end)
    return comment.start() if comment else len(line.rstrip())


def _place(match: re.Match[str], rule: Rule, names: set[str]) -> str:
    if not rule.certain and (not is_secret_value(match["value"]) or PLACEHOLDER.match(match["value"])):
        return match[0]
    if rule.drawn and not _is_drawn(match):
        return match[0]
    return _replaced(match, placeholder(rule.name or f"{match['name'].strip('*')}_password", names))


def _is_drawn(match: re.Match[str]) -> bool:
    """Whether a value looks drawn by lot; one of hexadecimal digits is a digest more often than a secret."""
    value = match["value"]
    return is_random(value) and not HEXADECIMAL.fullmatch(value) and not PUBLIC_NUMBER.search(match.string)


def _named(match: re.Match[str], names: set[str]) -> str:
    if not is_secret_name(match["name"]) or not is_secret_value(match["value"]):
        return match[0]
    return _replaced(match, placeholder(match["name"], names))


def _of(match: re.Match[str], name: str, names: set[str]) -> str:
    return _replaced(match, placeholder(name, names)) if is_secret_value(match["value"]) else match[0]


def _directive(match: re.Match[str], names: set[str]) -> str:
    value = match["value"].strip("\"'")
    if _NO_DIRECTIVE.fullmatch(match["name"]) or not is_secret_name(match["name"]) or not is_secret_value(value):
        return match[0]
    if _SENTENCE.match(match.string) and match["value"].strip("()\\.$,").isalpha():
        return match[0]
    quote = match["value"][0] if match["value"][0] in "\"'" else ""
    return _replaced(match, f"{quote}{placeholder(match['name'], names)}{quote}")


def _replaced(match: re.Match[str], new: str) -> str:
    start, end = match.span("value")
    return match[0][: start - match.start()] + new + match[0][end - match.start() :]
