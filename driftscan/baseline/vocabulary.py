"""The words of a baseline: its sections and what each may say of a thing, made from the scopes' golden columns."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

from driftscan.baseline.model import Policy
from driftscan.model.drift import Kind
from driftscan.model.finding import Severity
from driftscan.scopes.base import scopes

Form = Literal["text", "integer", "real", "boolean", "json", "version", "mode", "digest", "lines"]

ABSENT, PRESENT, DATA = "absent", "present", "data"
TREES = "trees"
POLICIES: tuple[str, ...] = get_args(Policy)
KINDS = tuple(kind.value for kind in Kind)
SEVERITIES = tuple(severity.value for severity in Severity)
WORD = r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}"
DIGEST = r"[a-z0-9_-]+:[0-9a-f]+"
MODE = r"(0o)?0?[0-7]{1,4}"
_COMPARISON = r"(>=|<=|==|!=|=|>|<)\s*[^\s,<>=!][^\s,<>=]*"
VERSION = rf"[^<>=!\s][\s\S]*|{_COMPARISON}(\s*,\s*{_COMPARISON})*"

# The order of a new file's sections; a scope that is not among these stands behind them, in front of `others`.
_FIRST = (
    "role", "extends", "system", "repositories", "packages", "language_packages", "accounts", "services", "schedules",
    "processes", "sockets", "containers", "applications", "checkouts", "files", TREES,
)  # fmt: skip
_LAST = ("others", "ignore", "severity", "accept")
_FORMS: Mapping[tuple[str, str], Form] = {
    ("packages", "version"): "version",
    ("language_packages", "version"): "version",
    ("files", "mode"): "mode",
    ("files", "digest"): "digest",
    ("statoverrides", "mode"): "mode",
}


@dataclass(frozen=True, slots=True)
class Attribute:
    """What can be said of a thing, and in which form."""

    name: str
    form: Form
    doc: str


@dataclass(frozen=True, slots=True)
class Section:
    """A scope as a section; a text alone stands for the attribute `short`, keys that are `paths` begin with /."""

    scope: str
    doc: str
    attributes: Mapping[str, Attribute]
    short: str = ""
    paths: bool = False


@cache
def sections() -> Mapping[str, Section]:
    """Return a section for every scope that has golden columns, by its name."""
    found: dict[str, Section] = {}
    for name, scope in scopes().items():
        golden = [column for column in scope.columns if column.golden]
        said = {one.name: Attribute(one.name, _FORMS.get((name, one.name), one.kind), one.doc) for one in golden}
        if name == "files":
            said["lines"] = Attribute("lines", "lines", "Lines that the file must hold, each whole")
            said["text"] = Attribute("text", "digest", "Digest of its text without secrets and the host's own names")
            said["text"] = Attribute("text", "digest", "Digest of the text, secrets and the host's own names left out")
        if said:
            short = next((one.name for one in said.values() if one.form == "version"), "")
            found[name] = Section(name, scope.doc, said, short, paths=name == "files")
    return found


def order() -> tuple[str, ...]:
    """Return every word that may begin a section, in the order of a new file."""
    return (*_FIRST, *sorted(set(sections()).difference(_FIRST)), *_LAST)


def attribute_names() -> tuple[str, ...]:
    """Return the names of all attributes of all sections."""
    return tuple(sorted({name for section in sections().values() for name in section.attributes}))


def is_full(pattern: str, text: str) -> bool:
    """Whether one of the patterns above fits a text as a whole."""
    return re.fullmatch(pattern, text) is not None
