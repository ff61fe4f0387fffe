"""Secrets of a role: found in what is fetched, replaced by variables, each value under one name."""

import bz2
import lzma
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from driftscan.errors import UsageError
from driftscan.model.redaction import marks
from driftscan.model.text import raw, shown, text
from driftscan.role._secret_names import candidates, is_generic, slug
from driftscan.role.model import Secret
from driftscan.role.resources import Content, Variable
from driftscan.scopes.texts.secret_files import is_history
from driftscan.scopes.texts.secrets import Part, is_text, parts

_SHORTEST = 6  # characters of a value that is looked for wherever it may stand
_LARGEST = 8 << 20  # bytes of a text that is read line by line; one that is longer is data
_UNPACKED = 256 << 20  # bytes of what is packed that are looked into
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class _Seen(NamedTuple):
    """Where a secret was seen, and as what; the least is the one that it is called by."""

    generic: bool
    whole: bool
    path: str
    what: str
    told: str  # in words, for a person


class Secrets:
    """The secrets of one role.

    `contents` are the files that it may carry, by path: a value that is a secret in one of them is one in all. With
    `kept` files are as the database keeps them: `<secret:NAME>` stands where a secret stood, the values are not known.
    `rename` gives a variable's name as a person wants it.
    """

    def __init__(
        self, contents: Mapping[bytes, bytes] | None = None, *, kept: bool = False, rename: Callable[[str], str] = str
    ) -> None:
        self._kept = kept
        self._rename = rename
        self._parts: dict[str, tuple[bytes, Sequence[Part]]] = {}
        self._names: dict[str, str] = {}  # by value, or by the place of one that is not known
        self._values: dict[str, bytes] = {}
        self._told: dict[str, str] = {}
        self._places: dict[str, set[str]] = {}
        self._whole: set[str] = set()
        self._sought: dict[str, _Seen] = {}  # values that are looked for wherever they may stand
        seen: dict[str, _Seen] = {}
        for path, data in sorted((contents or {}).items()):
            for key, one in self._seen(text(path), self._parted(text(path), data)):
                seen[key] = min(one, seen.get(key, one))
        for key, one in sorted(seen.items(), key=lambda item: (item[1], item[0])):
            self._name(key, one)

    def __repr__(self) -> str:
        return f"<Secrets: {len(self._names)}>"

    def split(self, path: str, data: bytes) -> Content:
        """Return what the file at `path` says with its secrets as variables; filled with the values it is `data`.

        A binary file in which the value of a known secret stands is one secret as a whole.
        """
        found = self._parted(path, data)
        keys = iter([key for key, one in self._seen(path, found) if self._name(key, one)])
        made: list[bytes | Variable] = []
        for part in found:
            if part.name:
                made.append(self._used(next(keys), path, whole=len(found) == 1))
            else:
                made += self._elsewhere(path, part.text) if _is_read(data) else (data,)
        if not found or found[0].name or _is_read(data) or not self.leaks(data):
            return Content(tuple(made))
        name = path.rpartition("/")[2]
        self._parts[path] = data, [Part(text(data), name)]
        return self.split(path, data)

    def named(self, variable: str, path: str, what: str, value: bytes | None = None) -> Variable:
        """Return a variable for a secret that stands in no file that is carried: a password's hash."""
        key = f"\0{variable}\0{what}"
        if key not in self._names:
            self._take(key, chain((slug(variable),), candidates(variable, path)), what)
        made = self._used(key, path)
        if value is not None:
            self._values[made.name] = value
        return made

    def all(self) -> tuple[Secret, ...]:
        """Return every secret that was split off or named, sorted by variable."""
        return tuple(
            Secret(name, tuple(sorted(paths)), self._told[name], whole=name in self._whole)
            for name, paths in sorted(self._places.items())
        )

    def values(self) -> Mapping[str, bytes]:
        """Return the values that are known, by variable: for whoever may have them, the new host."""
        return {name: value for name, value in sorted(self._values.items()) if name in self._places}

    def leaks(self, data: bytes) -> bool:
        """Whether the value of a known secret stands in `data`, or in what is packed there."""
        sought = [raw(value) for value in self._sought]
        return bool(sought) and any(value in seen for seen in _unpacked(data) for value in sought)

    @staticmethod
    def is_history(path: str) -> bool:
        """Whether a path is where a shell or a client writes down what was typed."""
        return is_history(raw(path))

    def _parted(self, path: str, data: bytes) -> Sequence[Part]:
        """Return a file in parts; one that holds a secret and nothing else is that secret."""
        known = self._parts.get(path)
        if known is not None and known[0] == data:
            return known[1]
        found = _placeholders(data) if self._kept else _parts(path, data)
        secret = [part for part in found if part.name]
        if len(secret) == 1 and not any(part.text.strip() for part in found if not part.name):
            found = [Part("".join(part.text for part in found), secret[0].name)]
        self._parts[path] = data, found
        return found

    def _seen(self, path: str, found: Sequence[Part]) -> Iterator[tuple[str, _Seen]]:
        """Yield the secrets among the parts of a file, each by its value; one that is not known by its place."""
        whole = len(found) == 1
        for number, part in enumerate(found):
            if part.name:
                what = path.rpartition("/")[2] if whole else part.name
                told = "private key" if part.name == "private_key" else "the whole file" if whole else shown(part.name)
                key = f"\0{path}\0{number}" if self._kept else part.text
                yield key, _Seen(is_generic(what), whole, path, what, told.replace("_", " ") if whole else told)

    def _name(self, key: str, seen: _Seen) -> str:
        """Return what a secret is called; it is named now if it was not yet."""
        if key not in self._names:
            name = self._take(key, candidates(seen.what, seen.path), seen.told)
            if not key.startswith("\0"):
                self._values[name] = raw(key)
                if _is_telling(key.strip()):
                    alone = seen.whole and key != key.strip()
                    self._sought[key.strip()] = seen._replace(told=f"what {shown(seen.path)} holds") if alone else seen
        return self._names[key]

    def _take(self, key: str, names: Iterator[str], told: str) -> str:
        taken = set(self._names.values())
        own = next(name for name in names if name not in taken)
        name = self._rename(own)
        if not _NAME.fullmatch(name) or name in taken:
            raise UsageError(
                f"secret {own} cannot be called {shown(name)!r}", hint="small letters, digits, _; each once"
            )
        self._names[key], self._told[name] = name, told
        return name

    def _used(self, key: str, path: str, *, whole: bool = False) -> Variable:
        name = self._names[key]
        self._places.setdefault(name, set()).add(path)
        if whole:
            self._whole.add(name)
        return Variable(name)

    def _elsewhere(self, path: str, plain: str) -> Iterator[bytes | Variable]:
        """Yield plain text in parts, where values stand in it that are secrets in another place."""
        there = sorted((value for value in self._sought if value in plain), key=lambda value: (-len(value), value))
        at = 0
        for match in re.finditer("|".join(map(re.escape, there)), plain) if there else ():
            if at < match.start():
                yield raw(plain[at : match.start()])
            self._name(match[0], self._sought[match[0]])
            yield self._used(match[0], path)
            at = match.end()
        if at < len(plain):
            yield raw(plain[at:])


def _parts(path: str, data: bytes) -> Sequence[Part]:
    return parts(raw(path), data) if len(data) <= _LARGEST else [Part(text(data))]


def _placeholders(data: bytes) -> Sequence[Part]:
    """Return a text that the database kept in parts: its placeholders are the secrets."""
    said, found, at = text(data), list[Part](), 0
    for match in marks(said):
        found += [Part(said[at : match.start()]), Part(match[0], match[1])]
        at = match.end()
    return [part for part in (*found, Part(said[at:])) if part.text]


def _is_read(data: bytes) -> bool:
    """Whether a file is text in which parts can be variables."""
    return len(data) <= _LARGEST and is_text(data)


def _is_telling(value: str) -> bool:
    """Whether a value can be looked for everywhere: a word, or a number, may stand in other places for itself."""
    return len(value) >= _SHORTEST and any(map(str.isalpha, value)) and any(map(str.isdigit, value))


def _unpacked(data: bytes) -> Iterator[bytes]:
    """Yield `data`, and what is packed in it as one stream: a compressed file, an object of git."""
    yield data
    try:
        if data.startswith(b"\x1f\x8b"):
            yield zlib.decompressobj(31).decompress(data, _UNPACKED)
        elif data.startswith(b"BZh"):
            yield bz2.BZ2Decompressor().decompress(data, _UNPACKED)
        elif data.startswith(b"\xfd7zXZ"):
            yield lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(data, _UNPACKED)
        elif data[:1] == b"\x78" and int.from_bytes(data[:2], "big") % 31 == 0:
            yield zlib.decompressobj().decompress(data, _UNPACKED)
    except (zlib.error, OSError, ValueError, EOFError, lzma.LZMAError):
        return  # it only looked like it
