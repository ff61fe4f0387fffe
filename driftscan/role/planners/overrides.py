"""Plans what somebody decided over the heads of packages: local diversions, owners and modes, alternatives."""

from collections.abc import Iterator

from driftscan.drift.subject import Subject
from driftscan.model.item import Item
from driftscan.model.ownership import resolve
from driftscan.model.text import raw
from driftscan.role.desk import Desk, Planned, Planner
from driftscan.role.model import LeftOut
from driftscan.role.resources import Alternative, Diversion, Link, StatOverride, Why

_RULE = "alternative-by-hand"
_AT_BOOT = ("/run/", "/var/run/")  # what lies there is made anew at each start


def _plan(desk: Desk) -> Iterator[Planned]:
    for subject in desk.of("diversions"):
        yield from _diversion(desk, subject)
    for subject in desk.of("statoverrides"):
        yield from _statoverride(desk, subject)
    by_hand = {finding.subject for finding in desk.judgement.findings if finding.rule == _RULE}
    for (scope, key), subject in sorted(desk.subjects.items()):
        if scope == "alternatives" and subject.item is not None and not desk.refusal(scope, key):
            wanted = key in by_hand or desk.wants(subject)
            yield from _alternative(desk, subject.item, wanted=wanted)


def _diversion(desk: Desk, subject: Subject) -> Iterator[Planned]:
    has = subject.item.attributes if subject.item is not None else subject.attributes
    if has.get("by"):
        return  # its package makes it
    package = desk.view.ownership.owner(raw(subject.key))
    words = f"the file of package {package} is put elsewhere" if package else "diverted by hand"
    yield Diversion(why=desk.why(subject, words), path=subject.key, to=str(has.get("diverted_to")))


def _statoverride(desk: Desk, subject: Subject) -> Iterator[Planned]:
    has = subject.item.attributes if subject.item is not None else subject.attributes
    maker = has.get("made_by")
    if maker is None:
        yield LeftOut(subject.scope, subject.key, "whether a package makes it could not be seen")
    if maker != "":
        return
    user, group = (desk.steering.named(str(has.get(name))) for name in ("user", "group"))
    words = f"of package {has['package']}, other rights by hand" if has.get("package") else "rights by hand"
    yield StatOverride(
        why=desk.why(subject, words), path=subject.key, user=user, group=group, mode=str(has.get("mode"))
    )


def _alternative(desk: Desk, item: Item, *, wanted: bool) -> Iterator[Planned]:
    """Plan the choice of one alternative, and the choices that no package has brought."""
    has, scope = item.attributes, item.scope
    value, manual = str(has.get("value") or ""), has.get("status") == "manual"
    choices = {str(path): int(priority) for path, priority in has.get("choices") or []}
    for path, priority in sorted(choices.items()):
        if path != value and _is_strange(desk, path):
            if manual:
                yield LeftOut(scope, item.key, f"{path}, a choice by hand that is not taken, is not offered again")
            else:
                yield _choice(item, path, priority, by_hand=True, manual=False, words="a choice that no package brings")
    if not wanted or not value:
        return
    if desk.view.seen("files") and not _is_there(desk, value):
        yield LeftOut(scope, item.key, f"it leads to {value}, which does not exist")
    elif value not in choices:
        name = str(has.get("name"))
        why = Why(scope, item.key, "the link was changed by hand: it leads to what is not among the choices")
        yield Link(why=why, path=f"/etc/alternatives/{name}", target=value)
    else:
        strange = _is_strange(desk, value)
        words = "chosen by hand" if manual else "the best choice, which no package brings"
        yield _choice(item, value, choices[value], by_hand=strange, manual=manual, words=words)


def _choice(item: Item, value: str, priority: int, *, by_hand: bool, manual: bool, words: str) -> Alternative:
    return Alternative(
        why=Why(item.scope, item.key, words),
        name=str(item.attributes.get("name")),
        link=str(item.attributes.get("link")),
        value=value,
        priority=priority,
        by_hand=by_hand,
        manual=manual,
    )


def _is_strange(desk: Desk, path: str) -> bool:
    """Whether a choice is there that no package owns, and that nothing explains."""
    view = desk.view
    if path.startswith(_AT_BOOT) or not (view.seen("files") and view.seen("packages")) or not _is_there(desk, path):
        return False
    final = resolve(raw(path), view.snapshot.links) or raw(path)
    owners = (view.ownership.owner(raw(path)), view.ownership.owner(final))
    return not any(owners) and view.explained.of(view.ownership.canonical(raw(path))) is None


def _is_there(desk: Desk, path: str) -> bool:
    final = resolve(raw(path), desk.view.snapshot.links)
    return final is not None and desk.view.directories.entry(final) is not None


PLANNER = Planner("overrides", 40, _plan)
