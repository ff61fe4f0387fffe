"""The lists of a baseline: what is ignored, how grave a drift is, what a person has accepted."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from driftscan.baseline import values
from driftscan.baseline.complaint import Complaints, refuse
from driftscan.baseline.model import Grade, Ignore
from driftscan.baseline.vocabulary import KINDS, SEVERITIES, TREES, attribute_names, sections
from driftscan.inventory.document import Entry
from driftscan.inventory.mistakes import quoted
from driftscan.model.drift import Acceptance, Kind
from driftscan.model.finding import Severity
from driftscan.scopes.base import scopes

IGNORE = ("scope", "key", "path", "reason")
SEVERITY = ("scope", "key", "path", "kind", "attribute", "severity")
ACCEPT = ("scope", "key", "path", "kind", "why", "who", "until")

_Said = Mapping[str, Entry]
_T = TypeVar("_T")


def ignores(entry: Entry, complaints: Complaints) -> list[Ignore]:
    """Return what `ignore` lists; a path without a scope is meant in every scope."""
    return _items(entry, "ignore", IGNORE, _ignore, complaints)


def grades(entry: Entry, complaints: Complaints) -> list[Grade]:
    """Return what `severity` lists."""
    return _items(entry, "severity", SEVERITY, _grade, complaints)


def acceptances(entry: Entry, complaints: Complaints) -> list[Acceptance]:
    """Return what `accept` lists."""
    return _items(entry, "accept", ACCEPT, _acceptance, complaints)


def named_scopes() -> tuple[str, ...]:
    """Return the scopes that these lists may name."""
    return (*scopes(), TREES)


def _items(
    entry: Entry, what: str, words: tuple[str, ...], make: Callable[[_Said, str], _T], complaints: Complaints
) -> list[_T]:
    found: list[_T] = []
    for node in values.rows(entry.node, entry.where, what):
        with complaints.caught():
            said = values.table(node, node.where, f"an item of {what}")
            for name, one in said.items():
                values.known(name, one.where, f"word of {what},", words)
            if "key" in said and "path" in said:
                refuse(said["path"].where, "key and path stand together, expected one of them")
            found.append(make(said, node.where))
    return found


def _ignore(said: _Said, where: str) -> Ignore:
    scope = _scope(said)
    pattern = _pattern(said)
    if not pattern:
        refuse(where, "an item of ignore says not what, expected path, or scope and key")
    return Ignore(scope, pattern, _needed(said, "reason", where, "ignore"), where)


def _grade(said: _Said, where: str) -> Grade:
    if "severity" not in said:
        refuse(where, "an item of severity has no severity", f"expected one of {', '.join(SEVERITIES)}")
    severity = Severity(values.choice(said["severity"], "severity", SEVERITIES))
    scope = _scope(said) or ("files" if "path" in said else "")
    attribute = ""
    if "attribute" in said:
        golden = tuple(sections()[scope].attributes) if scope in sections() else attribute_names()
        attribute = values.choice(said["attribute"], "attribute", golden)
    return Grade(severity, where, scope, _pattern(said) or "*", _kind(said), attribute)


def _acceptance(said: _Said, where: str) -> Acceptance:
    scope, pattern = _scope(said) or ("files" if "path" in said else ""), _pattern(said)
    if not scope or not pattern:
        refuse(where, "an item of accept says not what, expected path, or scope and key")
    why, who = (_needed(said, name, where, "accept") for name in ("why", "who"))
    if "until" not in said:
        refuse(where, "an item of accept has no until", "say until when it is accepted, as 2026-12-31")
    return Acceptance(scope, pattern, why, who, values.day(said["until"], "until"), where, _kind(said))


def _scope(said: _Said) -> str:
    if "scope" not in said:
        return ""
    return values.choice(said["scope"], "scope", named_scopes())


def _kind(said: _Said) -> Kind | None:
    return Kind(values.choice(said["kind"], "kind", KINDS)) if "kind" in said else None


def _pattern(said: _Said) -> str:
    if "path" in said:
        path = values.word(said["path"], "path", "a path or a shell pattern of paths")
        if not path.startswith("/"):
            refuse(said["path"].where, f"{quoted(path)} is no absolute path")
        return path
    return values.word(said["key"], "key", "a key or a shell pattern of keys") if "key" in said else ""


def _needed(said: _Said, name: str, where: str, what: str) -> str:
    if name not in said:
        refuse(where, f"an item of {what} has no {name}", f"say {name}")
    return values.word(said[name], name, "a text")
