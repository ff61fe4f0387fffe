"""Explanations: why something is on a host."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an item or a path is there.

    `kind` is the explainer's name and what reports count by; `by` is who explains it: a package, a project, an
    account …; `detail` says how one knows, in words ("in its postinst", "RECORD of /opt/shop/venv").
    """

    kind: str
    by: str = ""
    detail: str = ""
