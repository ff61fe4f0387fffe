"""The file by which people steer a role: what is in it, what is not, under which names, what is data."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from driftscan.baseline.model import matches
from driftscan.errors import UsageError
from driftscan.model.text import shown
from driftscan.scopes.base import scopes

Versions = Literal["any", "at-least", "exact"]
Numbers = Literal["keep", "remap"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One pattern of the file: `scope` "" is any; the pattern is one of the shell, matched with the key."""

    pattern: str
    scope: str = ""

    def covers(self, scope: str, key: str) -> bool:
        """Whether it names a thing; a path also covers what is below it."""
        if self.scope not in ("", scope):
            return False
        return matches(self.pattern, key) or key.startswith(f"{self.pattern.rstrip('/')}/")


@dataclass(frozen=True, slots=True)
class Steering:
    """What a person decided about a role.

    `include` are things that are stock, or left out, and shall be in it; `exclude` things that shall not; `data` paths
    whose content is state to move; `rename` maps an account's, group's or variable's name to its new one; `versions`
    is how versions of packages are wanted, with exceptions by name in `packages`; `numbers` whether uids and gids are
    kept.
    """

    include: tuple[Wanted, ...] = ()
    exclude: tuple[Wanted, ...] = ()
    data: tuple[Wanted, ...] = ()
    rename: Mapping[str, str] = field(default_factory=dict)
    versions: Versions = "any"
    packages: Mapping[str, Versions] = field(default_factory=dict)
    numbers: Numbers = "keep"

    @property
    def patterns(self) -> Iterator[Wanted]:
        """Every pattern of the file."""
        yield from (*self.include, *self.exclude, *self.data)

    def version(self, name: str) -> Versions:
        """Return how the version of a package is wanted."""
        return self.packages.get(name, self.versions)

    def named(self, name: str) -> str:
        """Return what an account, group or variable is called in the role."""
        return self.rename.get(name, name)

    def excludes(self, scope: str, key: str) -> bool:
        """Whether a thing shall not be in the role."""
        return any(one.covers(scope, key) for one in self.exclude)

    def includes(self, scope: str, key: str) -> bool:
        """Whether a thing shall be in the role though it would not be."""
        return any(one.covers(scope, key) for one in self.include)

    def is_data(self, path: str) -> bool:
        """Whether what is at a path is state to move."""
        return any(one.covers("files", path) for one in self.data)


_KEYS = ("include", "exclude", "data", "rename", "versions", "packages", "numbers", "settled")
_LISTS = ("include", "exclude", "data")


def load(path: Path) -> Steering:
    """Return what the YAML file at `path` says; UsageError with one line where it is none, or says what nobody knows.

    A pattern is a string (any scope), or one scope with its pattern (`services: nginx*`). `settled` is for the verdict.
    """
    said = document(path)
    try:
        return Steering(
            **{name: tuple(_wanted(name, one) for one in _list(name, said.get(name))) for name in _LISTS},
            rename=_mapping("rename", said.get("rename")),
            versions=_one_of("versions", said.get("versions", "any"), Versions),
            packages={
                name: _one_of(f"packages: {name}", value, Versions)
                for name, value in _mapping("packages", said.get("packages")).items()
            },
            numbers=_one_of("numbers", said.get("numbers", "keep"), Numbers),
        )
    except ValueError as error:
        raise UsageError(f"{shown(str(path))}: {error}") from None


def document(path: Path) -> Mapping[str, Any]:
    """Return the file as YAML has it: a mapping with no other keys than the known ones; UsageError where it is not."""
    name = shown(str(path))
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{name} is no YAML: {' '.join(shown(str(error)).split())[:200]}") from None
    if said is None:
        return {}
    if not isinstance(said, dict):
        raise UsageError(f"{name}: wanted are the keys {', '.join(_KEYS)}")
    if unknown := [str(key) for key in said if key not in _KEYS]:
        raise UsageError(f"{name}: nobody knows {shown(unknown[0])!r}; known are {', '.join(_KEYS)}")
    return said


def _list(name: str, value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError(f"{name}: a list is wanted")  # noqa: TRY004 -- of the file, not of the program
    return value


def _wanted(name: str, value: Any) -> Wanted:
    if isinstance(value, str) and value:
        return Wanted(value)
    if isinstance(value, dict) and len(value) == 1:
        scope, pattern = next(iter(value.items()))
        if scope not in scopes():
            raise ValueError(f"{name}: there is no scope {shown(str(scope))!r}; see driftscan scopes")
        if isinstance(pattern, str) and pattern:
            return Wanted(pattern, str(scope))
    raise ValueError(f"{name}: wanted is a pattern, or one scope with its pattern, not {shown(repr(value))[:80]}")


def _mapping(name: str, value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(one, str) and one for one in (*value, *value.values())):
        raise ValueError(f"{name}: names with their new values are wanted, as text")
    return dict(value)


def _one_of(name: str, value: Any, choices: Any) -> Any:
    if value not in get_args(choices):
        raise ValueError(f"{name}: one of {', '.join(get_args(choices))} is wanted, not {shown(repr(value))[:80]}")
    return value
