"""The runbook's steps: what was done on top of the stock system, in the order in which a rebuild must do it."""

from collections.abc import Callable, Sequence

from driftscan.explain.view import View
from driftscan.findings.base import Judgement
from driftscan.model.finding import Finding
from driftscan.model.markdown import bullets, code, codes, prose
from driftscan.report import _runbook_system
from driftscan.report._runbook_common import MOST, by_hand, items, judged, more, texts, within
from driftscan.report._runbook_facts import states
from driftscan.report._runbook_finds import finds

Step = Callable[[View, Judgement], list[str]]
_Told = list[tuple[str, list[str]]]


def steps(view: View, judgement: Judgement) -> _Told:
    """Return title and lines of each step; a file that one step has told is not told again as a find."""
    before, after, last = (_told(view, judgement, some) for some in (_BEFORE, _AFTER, _LAST))
    named = "\n".join(line for _, lines in (*before, *after) for line in lines)
    strange = ("Files and directories that nothing explains", finds(view, judgement.finds, named))
    return [*before, strange, *after, *last]


def _told(view: View, judgement: Judgement, some: Sequence[tuple[str, Step]]) -> _Told:
    return [(title, step(view, judgement)) for title, step in some]


def _changed(_view: View, judgement: Judgement) -> list[str]:
    """Tell findings about files that are explained and yet not as they came: changed, missing, of another mode."""
    strange = {find.path for find in judgement.finds}

    def mine(finding: Finding) -> bool:
        path = finding.subject
        return path.startswith("/") and finding.scope in {"files", "ucf", "symlinks"} and not within(path, strange)

    return judged(judgement, mine)


def _of(*scopes: str) -> Step:
    """Return the step that tells all findings of some scopes."""
    return lambda _view, judgement: judged(judgement, lambda finding: finding.scope in scopes)


def _languages(view: View, _judgement: Judgement) -> list[str]:
    places: dict[tuple[str, str], list[str]] = {}
    for item in items(view, "language_packages", lambda item: item.attributes.get("package") == ""):
        has = item.attributes
        if has.get("requested") is not False:
            place = str(has.get("environment") or has.get("root"))
            places.setdefault((str(has.get("ecosystem")), place), []).append(
                f"{has.get('name')} {has.get('version') or ''}".strip()
            )
    return bullets(
        (
            f"{prose(kind)} in {code(place)}: {codes(sorted(names), 12)}"
            for (kind, place), names in sorted(places.items())
        ),
        MOST,
        more(view, "language_packages"),
    )


def _checkouts(view: View, _judgement: Judgement) -> list[str]:
    points = []
    for item in items(view, "checkouts"):
        has = item.attributes
        told = [f"{prose(str(has.get('kind')))} {code(has['remote'])}" if has.get("remote") else "no remote"]
        told += [f"{name} {code(has[name])}" for name in ("branch", "commit") if has.get(name)]
        told += [f"{has['changed']:,} files changed: {codes(texts(has.get('dirty')), 4)}"] if has.get("changed") else []
        told += [f"{has['strangers']:,} files that it does not track"] if has.get("strangers") else []
        points.append(f"{code(has.get('path') or item.key)}: {', '.join(told)}")
    return bullets(points, MOST, more(view, "checkouts"))


def _certificates(view: View, _judgement: Judgement) -> list[str]:
    points = []
    for item in by_hand(view, "certificates", lambda item: item.attributes.get("package") == ""):
        has = item.attributes
        told = [code(has.get("subject")), f"ends {code(str(has.get('not_after'))[:10])}"]
        told += ["self-signed"] if has.get("self_signed") else []
        told += [f"key {code(has['key_path'])}"] if has.get("key_path") else []
        told += [f"used by {codes(texts(has.get('used_by')), 3)}"] if has.get("used_by") else []
        points.append(f"{code(has.get('path'))}: {', '.join(told)}")
    return bullets(points, MOST, more(view, "certificates"))


def _state(view: View, _judgement: Judgement) -> list[str]:
    return bullets(states(view), MOST, more(view, "state"))


def _secrets(view: View, _judgement: Judgement) -> list[str]:
    """Name the secrets that a rebuild must be given; their values were never kept. A host makes its own identity."""
    points = []
    for item in items(view, "contents", lambda item: bool(item.attributes.get("secrets"))):
        path = str(item.attributes.get("path") or item.key)
        found = [one for one in item.attributes["secrets"] if isinstance(one, dict) and one.get("kind") != "history"]
        names = {str(one.get("name") or one.get("kind")) for one in found}
        if names and not path.startswith("/etc/ssh/ssh_host_"):
            points.append(f"{code(path)}: {codes(sorted(names), 8)}")
    return bullets(points, 40, more(view, "contents"))


_BEFORE: Sequence[tuple[str, Step]] = (
    ("Repositories and keys", _runbook_system.repositories),
    ("Packages", _runbook_system.packages),
    ("Accounts, sudo and login keys", _runbook_system.accounts),
)
_AFTER: Sequence[tuple[str, Step]] = (
    ("Configuration and packaged files that were changed", _changed),
    ("Overrides of packages", _of("alternatives", "diversions", "statoverrides")),
    ("Units", _runbook_system.units),
    ("Schedules", _runbook_system.schedules),
    ("Kernel", _runbook_system.kernel),
    ("Mounts", _runbook_system.mounts),
    ("Network and firewall", _runbook_system.network),
    ("Language packages", _languages),
    ("Checkouts", _checkouts),
    ("Certificates", _certificates),
    ("Data to move", _state),
)
_LAST: Sequence[tuple[str, Step]] = (("Secrets to supply", _secrets),)
