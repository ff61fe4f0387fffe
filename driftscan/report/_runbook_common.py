"""What the chapters of the runbook share: asking for items, and telling findings."""

from collections.abc import Callable, Container, Sequence

from driftscan.explain.base import item_explainers
from driftscan.explain.view import View
from driftscan.findings.base import Judgement
from driftscan.model.finding import Finding
from driftscan.model.item import Item, Json
from driftscan.model.markdown import bullets, code, codes, prose
from driftscan.scopes.base import scopes

MOST = 25  # points of one list; the others are counted
_VALUES = 6
_EVIDENCE = 3
_FEW = 8  # findings of one rule that are told with their evidence


def temporary(path: Json) -> bool:
    """Whether a path is in a directory for temporary files: no part of how a host is built."""
    return str(path).startswith(("/tmp/", "/var/tmp/", "/dev/shm/"))  # noqa: S108 (nothing is put there)


def within(path: str, places: Container[str]) -> bool:
    """Whether a path is one of `places`, or below one."""
    while path:
        if path in places:
            return True
        path = path.rpartition("/")[0]
    return False


def items(view: View, scope: str, wanted: Callable[[Item], bool] = lambda _: True) -> list[Item]:
    """Return the items of a scope that are wanted, none in directories for temporary files.

    There are none where this version does not know the scope.
    """
    found = view.of(scope) if scope in scopes() else ()
    return [
        item
        for item in found
        if wanted(item) and not any(temporary(item.attributes.get(name)) for name in ("path", "root", "environment"))
    ]


def by_hand(view: View, scope: str, wanted: Callable[[Item], bool] = lambda _: True) -> list[Item]:
    """Return the items of a scope that nothing explains."""
    explainer = item_explainers().get(scope)
    found = items(view, scope, wanted)
    if explainer is None:
        return found
    return [item for item in found if explainer.asks(item) and explainer.explain(view, item) is None]


def unexplained(view: View, scope: str, wanted: Callable[[Item], bool]) -> list[Item]:
    """Return the items of a scope that nothing explains, those too that need no explanation."""
    explainer = item_explainers().get(scope)
    found = items(view, scope, wanted)
    if explainer is None:
        return found
    return [item for item in found if not explainer.asks(item) or explainer.explain(view, item) is None]


def more(view: View, scope: str) -> str:
    """Return where the rest of a list is to be had."""
    return code(f"driftscan show {view.snapshot.host} {scope}")


def texts(value: Json) -> list[str]:
    """Return a JSON list as texts; nothing for what is none."""
    return [str(one) for one in value] if isinstance(value, list) else []


def judged(judgement: Judgement, wanted: Callable[[Finding], bool]) -> list[str]:
    """Tell what findings have to say, gathered by rule: subjects with their evidence."""
    rules: dict[str, list[Finding]] = {}
    for finding in judgement.findings:
        if wanted(finding):
            rules.setdefault(finding.title.replace(": ", ", "), []).append(finding)
    return bullets(f"{prose(title)}: {_subjects(found)}" for title, found in sorted(rules.items()))


def _subjects(found: Sequence[Finding]) -> str:
    """Tell what findings of one rule are about: of a few with their evidence, of many the names."""
    if len(found) > _FEW:
        return codes((finding.subject for finding in found), MOST)
    return "; ".join(map(_subject, found))


def _subject(finding: Finding) -> str:
    told = [
        f"{prose(name.replace('_', ' '))} {codes(value, _VALUES) if isinstance(value, list) else code(value)}"
        for name, value in finding.evidence.items()
        if value not in (None, "", [], False, True) and not isinstance(value, dict) and value != finding.subject
    ]
    return code(finding.subject) + (f" ({', '.join(told[:_EVIDENCE])})" if told else "")
