"""Paths in which Ansible expands variables: each such variable is set to its own name, and stays what it is."""

import re
from collections.abc import Iterable
from dataclasses import fields

from driftscan.role.resources import (
    Absent,
    Archive,
    Directory,
    File,
    HardLink,
    LanguagePackages,
    Lines,
    Link,
    Resource,
    Rights,
    Special,
    User,
)

WHY = "Ansible expands variables here: what looks like one is none, and so each is told to be what it says"
_KINDS = (Absent, Archive, Directory, File, HardLink, LanguagePackages, Lines, Link, Rights, Special, User)
_FIELDS = ("path", "to", "target", "home", "shell", "gecos", "environment")
_VARIABLE = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})", re.ASCII)
_VITAL = re.compile(r"PATH|LD_\w*|PYTHON\w*")  # a module that has them otherwise does not start


class Place(str):
    """A host's path in an option that Ansible expands variables in."""

    __slots__ = ()


def kept(values: Iterable[str]) -> dict[str, str]:
    """Return the variables that look like some in `values`, each with how it is written there."""
    return {found[1] or found[2]: found[0] for value in values for found in _VARIABLE.finditer(value)}


def variables(resource: Resource) -> dict[str, str]:
    """Return `kept` of the paths that Ansible would expand."""
    return kept(_places(resource))


def unkept(resource: Resource) -> str:
    """Return why the paths of a resource cannot be kept as they are, "" where they can."""
    written = {found[0] for value in _places(resource) for found in _VARIABLE.finditer(value)}
    fine = len(written) == len(variables(resource)) and not any(map(_VITAL.fullmatch, variables(resource)))
    return "" if fine else "Ansible would expand the variables in its path"


def _places(resource: Resource) -> list[str]:
    if not isinstance(resource, _KINDS):
        return []
    return [str(getattr(resource, one.name)) for one in fields(resource) if one.name in _FIELDS]
