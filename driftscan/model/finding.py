"""Findings: judgements that are worth a person's time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from driftscan.model.item import Json


class Severity(Enum):
    """How much a finding matters, from least to most."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Higher is worse."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Finding:
    """One judgement: `rule` is a stable id, `subject` what it is about, `advice` what to do."""

    rule: str
    severity: Severity
    scope: str
    subject: str
    title: str
    evidence: Mapping[str, Json] = field(default_factory=dict)
    advice: str = ""
