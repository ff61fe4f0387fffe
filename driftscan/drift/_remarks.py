"""The comments of a proposed baseline: where the hosts of a role differ."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from json import dumps

from driftscan.model.item import Json
from driftscan.model.text import shown

Key = tuple[str, str]  # scope, key

_TOLD_ONE_BY_ONE = 8  # paths of one directory that the same hosts have; more are told in one line
_LONGEST = 60  # characters of a value in a comment


class Remarks:
    """Comments by scope as they are gathered, in the order of keys."""

    def __init__(self) -> None:
        self._said: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self._partly: dict[tuple[str, str], list[str]] = defaultdict(list)  # scope, words -> keys

    def add(self, key: Key, words: str, *, wanted: bool = True) -> None:
        """Say something of a key, where that is `wanted`."""
        scope, name = key
        if wanted:
            self._said[scope].append((name, f"{shown(name)}: {words}"))

    def partly(self, key: Key, hosts: Sequence[str], what: str) -> None:
        """Say that it is `what` (only on, missing on) some of the hosts."""
        scope, name = key
        words = f"{what} {', '.join(hosts)}"
        self._partly[scope, words].append(name)

    def differs(self, key: Key, attribute: str, values: Mapping[str, Json]) -> None:
        """Say that an attribute is not the same on all of the hosts."""
        by_value: dict[str, list[str]] = defaultdict(list)
        for host, value in values.items():
            by_value[_brief(value)].append(host)
        told = "; ".join(f"{', '.join(hosts)} {value}" for value, hosts in by_value.items())
        self.add(key, f"{attribute} differs: {told}")

    def lines(self) -> dict[str, tuple[str, ...]]:
        """Return all that was said, each scope's in the order of its keys."""
        said = {scope: list(lines) for scope, lines in self._said.items()}
        for (scope, words), keys in self._partly.items():
            told = _paths(words, keys) if scope in {"files", "trees"} else _each(words, keys)
            said.setdefault(scope, []).extend(told)
        return {scope: tuple(line for _, line in sorted(lines)) for scope, lines in said.items()}


def _each(words: str, keys: Sequence[str]) -> Iterator[tuple[str, str]]:
    return ((key, f"{shown(key)}: {words}") for key in keys)


def _paths(words: str, keys: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield a line for each path, for a directory with what is below it, or for many paths of one directory."""
    below: dict[str, int] = {}
    top = ""
    for key in sorted(keys, key=lambda key: key.split("/")):
        if top and key.startswith(f"{top}/"):
            below[top] += 1
        else:
            top = key
            below[top] = 0
    siblings: dict[str, list[str]] = defaultdict(list)
    for key in below:
        siblings[key.rpartition("/")[0]].append(key)
    for above, found in siblings.items():
        if len(found) <= _TOLD_ONE_BY_ONE:
            for key in found:
                more = f", with {below[key]} paths below it" if below[key] > 1 else ""
                yield key, f"{shown(key)}: {words}{more}"
        else:
            names = ", ".join(shown(key.rpartition("/")[2]) for key in found[:_TOLD_ONE_BY_ONE])
            yield found[0], f"{shown(above)}/: {len(found)} paths {words}: {names} …"


def _brief(value: Json) -> str:
    """Return a value as a comment shows it: digests and long texts are cut."""
    if value is None:
        return "none"
    told = shown(value) if isinstance(value, str) else shown(spelled(value))
    algorithm, colon, digits = told.partition(":")
    if colon and len(digits) >= 32 and all(digit in "0123456789abcdef" for digit in digits):
        return f"{algorithm}:{digits[:12]}…"
    return told if len(told) <= _LONGEST else f"{told[: _LONGEST - 1]}…"


def spelled(value: Json) -> str:
    """Return a value so that equal ones look the same."""
    return dumps(value, sort_keys=True, ensure_ascii=False)


def parent(key: Key) -> str:
    """Return the directory that the path of a key lies in."""
    return key[1].rpartition("/")[0]
