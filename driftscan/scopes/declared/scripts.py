"""Paths that a package's own shell scripts make or remove: of dpkg and pacman, of cron, of init."""

import re
from collections.abc import Iterator, Mapping
from itertools import product

_MOST_VALUES = 8  # values that one variable is followed with
_LONGEST = 20_000  # bytes of a line; a longer one is data
_MOST_PATHS = 2_000  # of one script

_ASSIGNMENT = re.compile(
    rb"(?:^|[\s;&|({])(?:export\s+|local\s+|readonly\s+)?([A-Za-z_]\w*)=(\"[^\"\n]*\"|'[^'\n]*'|[^\s;&|()]*)"
)
_LOOP = re.compile(rb"(?:^|[\s;&|({])for\s+([A-Za-z_]\w*)\s+in\s+([^;\n]*)")
_GIVEN = re.compile(rb"\$\{([A-Za-z_]\w*):?=([^{}\n]*)\}")
_DEFAULT = re.compile(rb"\$\{([A-Za-z_]\w*):[-=]([^${}]*)\}")
_VARIABLE = re.compile(rb"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")
_REST = rb"[\w.+@%*?\[\]{},$~/-]*"
_PATH = re.compile(
    rb"(?<![\w.$}:/*?\]-])((?:\$\{?[A-Za-z_]\w*\}?)*/" + _REST + rb"|\$\{?[A-Za-z_]\w*\}?" + _REST + rb")"
)
_COMMENT = re.compile(rb"(?:^|\s)#.*")
_LOOKED_AT = re.compile(
    rb"(?:(?:\[|\btest|\s-[ao])\s+(?:!\s+)?-[a-zA-Z]|(?:^|[\s;&|({])(?:\.|source|command\s+-v|which))\s+[\"']?$"
)
_REMOVES_TREE = re.compile(rb"(?:^|[\s;&|({])rm\s+(?:-\S+\s+)*-(?:-recursive|[a-zA-Z]*[rR])[^;&|]*$")
_LINKS = re.compile(rb"(?:^|[\s;&|({])ln\s[^;&|]*$")
_FORMER = (b"dpkg-maintscript-helper", b"rm_conffile", b"mv_conffile", b"dpkg-divert", b"dpkg --compare-versions")
_ROOTS = re.compile(rb"\$(?:\{(?:DPKG_ROOT|DESTDIR|ROOT)\}|(?:DPKG_ROOT|DESTDIR|ROOT)\b)")
# Where packages make things; not what is not on a disk.
_THERE = re.compile(rb"/(?:boot|etc|home|lib\w*|opt|root|s?bin|srv|usr|var)(?:/|$)")
_NOT_THERE = re.compile(rb"/(?:var/run|usr/share/(?:debconf|doc))(?:/|$)")
_PROGRAMS = re.compile(rb"/(?:usr/)?(?:local/)?s?bin(?:/|$)")  # made by scripts only as links


def made(body: bytes) -> Iterator[tuple[bytes, bool]]:
    """Yield each path that a script names where it does not merely look at it, and whether it goes with all below.

    A path may hold wildcards of the shell. What a variable holds is followed as far as it is written in the script.
    """
    lines = list(_lines(body))
    known = _variables(lines)
    telling = (b"/", *(b"$" + name for name in _paths(known)), *(b"${" + name for name in _paths(known)))
    found: dict[bytes, bool] = {}
    for line in lines:
        if not any(word in line for word in telling) or any(word in line for word in _FORMER):
            continue
        for match in _PATH.finditer(line):
            before = line[: match.start()]
            if _LOOKED_AT.search(before):
                continue
            whole = _REMOVES_TREE.search(before) is not None
            token = match[1]
            if not _expanded(token, known):  # of `/etc/shop/$name.conf` the directory is known at least
                token, whole = token.rpartition(b"/")[0], False
            for path in _written_out(token, known):
                if _PROGRAMS.match(path) and not _LINKS.search(before):
                    continue
                found[path] = found.get(path, False) or whole
        if len(found) > _MOST_PATHS:
            break
    yield from found.items()


def _paths(known: Mapping[bytes, list[bytes]]) -> list[bytes]:
    """Return the variables that hold a path."""
    return [name for name, values in known.items() if any(value.startswith(b"/") for value in values)]


def _lines(body: bytes) -> Iterator[bytes]:
    """Yield the lines of a script without comments, continued ones put together, the root of an image left out."""
    for written in body.replace(b"\\\n", b" ").split(b"\n"):
        if written and len(written) <= _LONGEST:
            line = _COMMENT.sub(b"", written) if b"#" in written else written
            yield _ROOTS.sub(b"", line) if b"R" in line and b"$" in line else line


def _variables(lines: list[bytes]) -> dict[bytes, list[bytes]]:
    """Return what the variables of a script may hold, as far as it is plainly written."""
    known: dict[bytes, list[bytes]] = {}
    for line in lines:
        if b"=" in line:
            for name, value in _ASSIGNMENT.findall(line) + _GIVEN.findall(line):
                if value not in {b'"', b"'"}:  # it goes on in the next line
                    _learn(known, name, [value])
        if b" in " in line:
            for name, words in _LOOP.findall(line):
                _learn(known, name, words.split())
    return known


def _learn(known: dict[bytes, list[bytes]], name: bytes, values: list[bytes]) -> None:
    for value in values:
        for written in _expanded(_DEFAULT.sub(rb"\2", value.translate(None, b"\"'")), known):
            here = known.setdefault(name, [])
            if written not in here and len(here) < _MOST_VALUES:
                here.append(written)


def _expanded(value: bytes, known: Mapping[bytes, list[bytes]]) -> list[bytes]:
    """Return `value` with its variables replaced, once per combination; nothing where one of them is not known."""
    if b"$" not in value and b"`" not in value:
        return [value]
    names = {one or other for one, other in _VARIABLE.findall(value)}
    if len(names) > 3 or not names <= known.keys():
        return []
    out = []
    for chosen in product(*(known[name] for name in names)):
        now = dict(zip(names, chosen, strict=True))
        done = _VARIABLE.sub(lambda match, now=now: now[match[1] or match[2]], value)  # type: ignore[misc]
        if b"$" not in done and b"`" not in done:
            out.append(done)
    return out[: _MOST_VALUES * 2]


def _written_out(token: bytes, known: Mapping[bytes, list[bytes]]) -> Iterator[bytes]:
    """Yield the absolute paths that a word of a script means."""
    for spelled in _expanded(token, known):
        for word in spelled.split():
            for spelling in _braces(word):
                path = re.sub(rb"//+", b"/", spelling).rstrip(b"/,.")
                if path.count(b"/") > 1 and _THERE.match(path) and not _NOT_THERE.match(path) and b"/../" not in path:
                    yield path


def _braces(word: bytes) -> list[bytes]:
    """Return what the shell makes of `a{b,c}`; a word with other braces is no path."""
    match = re.fullmatch(rb"([^{}]*)\{([^{}]*,[^{}]*)\}([^{}]*)", word)
    if match:
        return [match[1] + one + match[3] for one in match[2].split(b",")]
    return [] if b"{" in word or b"}" in word else [word]
