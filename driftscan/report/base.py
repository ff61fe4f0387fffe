"""What every report format can be given, and the finding of the formats."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from driftscan.errors import UsageError
from driftscan.findings.base import Judgement
from driftscan.model.discovery import modules
from driftscan.model.drift import Check
from driftscan.model.item import Json
from driftscan.model.snapshot import Snapshot

Rows = Iterable[Sequence[Json]]
RowFormat = Callable[[Sequence[str], Rows, int], Iterable[str]]  # headers, rows, width of the screen -> lines
AuditFormat = Callable[["Audit", int], Iterable[str]]
PathFormat = Callable[[Mapping[str, Json], int], Iterable[str]]  # what is known of one path, width -> lines
CheckFormat = Callable[[Sequence[Check], int], Iterable[str]]  # checks of hosts, width -> lines


@dataclass(frozen=True, slots=True)
class Audit:
    """One audited host: `number` is the snapshot's in the store, 0 when it was not kept."""

    snapshot: Snapshot
    judgement: Judgement
    number: int = 0


def row_formats() -> Mapping[str, RowFormat]:
    """Return the formats for rows by name: a module with `FORMAT` and `rows` is one."""
    return {
        module.FORMAT: module.rows
        for module in modules("driftscan.report")
        if hasattr(module, "FORMAT") and hasattr(module, "rows")
    }


def audit_formats() -> Mapping[str, AuditFormat]:
    """Return the formats for audits by name: a module with `FORMAT` and `audit` is one."""
    return {
        module.FORMAT: module.audit
        for module in modules("driftscan.report")
        if hasattr(module, "FORMAT") and hasattr(module, "audit")
    }


def path_formats() -> Mapping[str, PathFormat]:
    """Return the formats for what is known of one path: a module with `FORMAT` and `path` is one."""
    return {
        module.FORMAT: module.path
        for module in modules("driftscan.report")
        if hasattr(module, "FORMAT") and hasattr(module, "path")
    }


def check_formats() -> Mapping[str, CheckFormat]:
    """Return the formats for checks by name: a module with `FORMAT` and `checks` is one."""
    return {
        module.FORMAT: module.checks
        for module in modules("driftscan.report")
        if hasattr(module, "FORMAT") and hasattr(module, "checks")
    }


def choose(formats: Mapping[str, Callable[..., Iterable[str]]], name: str) -> Callable[..., Iterable[str]]:
    """Return the format called `name`; raises UsageError with those that there are."""
    if name not in formats:
        raise UsageError(f"there is no format {name!r} here", hint=f"use one of {', '.join(sorted(formats))}")
    return formats[name]
