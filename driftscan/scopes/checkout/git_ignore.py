"""The patterns of .gitignore: whether a path is meant not to be tracked; in time linear in pattern times name."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_ANY, _ONE = -1, -2  # `*` and `?`; other numbers are bytes, sets are of bytes
_Token = int | frozenset[int]
_DEEP = object()  # `**`


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line of a .gitignore that lies in the directory `base` (b"" the root, else ending in /)."""

    base: bytes
    negated: bool
    directories: bool
    anchored: bool
    parts: tuple[object, ...]

    def matches(self, path: bytes, *, directory: bool) -> bool:
        """Whether it matches `path`, relative to the checkout."""
        if (self.directories and not directory) or not path.startswith(self.base):
            return False
        names = path[len(self.base) :].split(b"/")
        return _path(self.parts, names if self.anchored else names[-1:])


def patterns(data: bytes, base: bytes = b"") -> list[Pattern]:
    """Return the patterns of a file, the last that matches counts."""
    found = (_pattern(line, base) for line in data.split(b"\n")[:5000])
    return [pattern for pattern in found if pattern is not None]


def ignored(rules: Iterable[Pattern], path: bytes, *, directory: bool) -> bool:
    """Whether the last of `rules` that matches `path` says that it is ignored; directories above are not asked."""
    told = False
    for rule in rules:
        if rule.negated == told and rule.matches(path, directory=directory):
            told = not rule.negated
    return told


def _pattern(line: bytes, base: bytes) -> Pattern | None:
    line = line.rstrip(b"\r")
    while line.endswith(b" ") and not line.endswith(b"\\ "):
        line = line[:-1]
    if not line or line.startswith(b"#") or len(line) > 1000:
        return None
    negated = line.startswith(b"!")
    line = line[negated:]
    directories = line.endswith(b"/")
    line = line.rstrip(b"/")
    anchored = b"/" in line
    parts = tuple(
        _DEEP if len(part) > 1 and not part.strip(b"*") else _tokens(part) for part in line.lstrip(b"/").split(b"/")
    )
    if not parts or not line:
        return None
    return Pattern(base, negated, directories, anchored, parts)


def _tokens(part: bytes) -> bytes | tuple[_Token, ...]:
    """Return a pattern for one name: the name itself where nothing in it is special."""
    if not any(special in part for special in (b"*", b"?", b"[", b"\\")):
        return part
    out: list[_Token] = []
    at = 0
    while at < len(part):
        byte = part[at]
        at += 1
        if byte == 0x2A:
            if not out or out[-1] != _ANY:
                out.append(_ANY)
        elif byte == 0x3F:
            out.append(_ONE)
        elif byte == 0x5B and (end := part.find(b"]", at + (2 if part[at : at + 1] in {b"!", b"^"} else 1))) > 0:
            out.append(_set(part[at:end]))
            at = end + 1
        elif byte == 0x5C and at < len(part):
            out.append(part[at])
            at += 1
        else:
            out.append(byte)
    return tuple(out)


def _set(inside: bytes) -> frozenset[int]:
    negated = inside[:1] in {b"!", b"^"}
    inside = inside[negated:]
    found: set[int] = set()
    at = 0
    while at < len(inside):
        if inside[at + 1 : at + 2] == b"-" and at + 2 < len(inside):
            found |= set(range(inside[at], inside[at + 2] + 1))
            at += 3
        else:
            found.add(inside[at])
            at += 1
    return frozenset(range(256)) - found if negated else frozenset(found)


def _path(parts: Sequence[object], names: Sequence[bytes]) -> bool:
    """Match the parts of a pattern with those of a path; after `**` the nearest match is tried, then the next."""
    part, name, back, resume = 0, 0, -1, 0
    while name < len(names):
        if part < len(parts) and parts[part] is _DEEP:
            if part == len(parts) - 1:
                return True  # all that is inside
            back, resume = part, name
            part += 1
        elif part < len(parts) and _name(parts[part], names[name]):
            part, name = part + 1, name + 1
        elif back >= 0:
            resume += 1
            part, name = back + 1, resume
        else:
            return False
    return part == len(parts)


def _name(tokens: object, name: bytes) -> bool:
    if isinstance(tokens, bytes):
        return tokens == name
    assert isinstance(tokens, tuple)  # noqa: S101
    token, at, back, resume = 0, 0, -1, 0
    while at < len(name):
        want = tokens[token] if token < len(tokens) else None
        if want == _ANY:
            back, resume = token, at
            token += 1
        elif want is not None and _byte(want, name[at]):
            token, at = token + 1, at + 1
        elif back >= 0:
            resume += 1
            token, at = back + 1, resume
        else:
            return False
    return all(one == _ANY for one in tokens[token:])


def _byte(want: _Token, byte: int) -> bool:
    return byte in want if isinstance(want, frozenset) else want in {_ONE, byte}
