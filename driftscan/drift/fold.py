"""Folding: of drifts with one cause the telling one is kept, and names the others."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from driftscan.model.drift import Drift, Kind
from driftscan.model.item import Item, Json

_CONTENT = frozenset({"digest", "target", "type", "lines"})
_RIGHTS = frozenset({"mode", "user", "group"})
_BY_PATH = frozenset({"applications", "checkouts", "state", "certificates", "language_packages", "containers"})
_UNIT_FILE = re.compile(r"/systemd/.*?/([^/]+?\.(?:service|socket|timer|path|mount|target|slice|swap))(?:\.d(?:/|$)|$)")
_RUNLEVEL = re.compile(r"/etc/rc[0-9S]\.d/[SK][0-9]{2}(.+)")
_ALTERNATIVES = "/etc/alternatives/"
# Files that a scope shows whole, whose items do not name them.
_SHOWN = {
    "mounts": ("/etc/fstab",),
    "system": ("/etc/timezone", "/etc/localtime", "/etc/default/locale", "/etc/locale.conf", "/etc/hostname"),
    "accounts": ("/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/subuid", "/etc/subgid"),
}


Items = Mapping[tuple[str, str], Item]
Scopes = frozenset[str] | None


def folded(drifts: Sequence[Drift], items: Items) -> list[Drift]:
    """Return `drifts` with those that follow from another left out and named in its evidence `includes`.

    A file follows from the item that stands in it, where its content changed; what lies in a new or vanished directory
    from the directory; a user's own group from the user; a socket from its process; what a unit runs from the unit.
    `items` are the host's by scope and key.
    """
    found = list(drifts)
    for causes, effects, follows in _RULES:
        found = _once(found, causes, effects, lambda cause, effect, rule=follows: rule(cause, effect, items))  # type: ignore[misc]
    return found


def _once(
    drifts: Sequence[Drift], causes: Scopes, effects: Scopes, follows: Callable[[Drift, Drift], bool]
) -> list[Drift]:
    """Fold each drift of the scopes `effects` into the first of `causes` that it follows from; None are all others."""
    known = [number for number, drift in enumerate(drifts) if drift.kind is not Kind.UNKNOWN]
    able = [number for number in known if _is_of(drifts[number], causes, effects)]
    folded_into: dict[int, int] = {}
    for number, effect in enumerate(drifts):
        if effect.kind is Kind.UNKNOWN or not _is_of(effect, effects, causes):
            continue
        for other in able:
            if other != number and other not in folded_into and follows(drifts[other], effect):
                folded_into[number] = other
                break
    out = []
    for number, drift in enumerate(drifts):
        if number not in folded_into:
            told = [drifts[effect] for effect, cause in folded_into.items() if cause == number]
            out.append(_with(drift, told) if told else drift)
    return out


def _is_of(drift: Drift, scopes: Scopes, others: Scopes) -> bool:
    return drift.scope in scopes if scopes is not None else drift.scope not in (others or ())


def _with(drift: Drift, effects: Sequence[Drift]) -> Drift:
    more = [
        name for effect in effects for name in (f"{effect.scope} {effect.key}", *_list(effect.evidence.get("includes")))
    ]
    includes = [*_list(drift.evidence.get("includes")), *more]
    diff = drift.diff or next((effect.diff for effect in effects if effect.diff), ())
    graver = max((drift, *effects), key=lambda one: one.severity.rank).severity
    by = drift.by or next((effect.by for effect in effects if effect.by), "")
    return replace(drift, evidence={**drift.evidence, "includes": includes}, diff=diff, severity=graver, by=by)


def _list(value: Json) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def _below(cause: Drift, effect: Drift, items: Items) -> bool:
    """Fold what a scope tells of a path into the directory that is new or gone as a whole."""
    if cause.kind not in {Kind.UNEXPECTED, Kind.MISSING} or effect.kind is not cause.kind:
        return False
    item = items.get((effect.scope, effect.key))
    place = str(item.attributes.get("path") or item.attributes.get("root") or "") if item is not None else effect.key
    return place == cause.key or place.startswith(f"{cause.key}/")


def _in_mount(cause: Drift, effect: Drift, _items: Items) -> bool:
    """Fold what lies where something was mounted or unmounted into the mount."""
    if not cause.key.startswith("/") or cause.key == "/":
        return False
    return effect.key == cause.key or effect.key.startswith(f"{cause.key}/")


def _in_file(cause: Drift, effect: Drift, items: Items) -> bool:
    """Fold a file into the item that stands in it, where its content changed."""
    told = {change.attribute for change in effect.changes}
    if effect.kind is Kind.CHANGED and not told & _CONTENT and not (cause.scope == "statoverrides" and told <= _RIGHTS):
        return False
    if effect.key in _SHOWN.get(cause.scope, ()):
        return True
    if cause.scope == "services" and _unit_of(effect.key) == cause.key:
        return True
    if re.match(rf"(?:\S+ )?{re.escape(effect.key)}(?::|$)", cause.key) or cause.key.endswith(f" {effect.key}"):
        return True
    item = items.get((cause.scope, cause.key))
    return item is not None and effect.key in _paths(item)


def _unit_of(path: str) -> str:
    """Return the unit, or the init script's service, that a path is of: its file, its drop-in, a link that enables."""
    unit, script = _UNIT_FILE.search(path), _RUNLEVEL.fullmatch(path)
    return unit[1] if unit else f"sysv: {script[1]}" if script else ""


def _of_alternative(cause: Drift, effect: Drift, items: Items) -> bool:
    """Fold the links of an alternative and of the names that follow it into it."""
    item = items.get((cause.scope, cause.key))
    known = item.attributes if item is not None else cause.evidence
    slaves = [pair for pair in known.get("slaves") or [] if isinstance(pair, list) and len(pair) == 2]
    names = {cause.key, *(str(name) for name, _ in slaves)}
    links = {str(known.get("link") or ""), *(str(link) for _, link in slaves)}
    return effect.key in links or (effect.key.startswith(_ALTERNATIVES) and effect.key[len(_ALTERNATIVES) :] in names)


def _paths(item: Item) -> set[str]:
    found = set()
    for value in item.attributes.values():
        values = value if isinstance(value, list) else [value]
        found |= {one for one in values if isinstance(one, str) and one.startswith("/")}
    return found


def _own_group(cause: Drift, effect: Drift, _items: Items) -> bool:
    """Fold the group that a user has for itself into the user."""
    return (
        cause.kind is effect.kind
        and cause.kind in {Kind.UNEXPECTED, Kind.MISSING}
        and cause.key.startswith("user ")
        and effect.key == f"group {cause.key[5:]}"
    )


def _member(cause: Drift, effect: Drift, _items: Items) -> bool:
    """Fold a group into the user who was put into it or taken out of it, alone, being new or gone.

    Where the user was there before and is, the group tells it, and the user's own list of groups follows from that.
    """
    if effect.key.startswith("user ") and cause.key.startswith("group "):
        members = next((change for change in cause.changes if change.attribute == "members"), None)
        moved = set(_list(members.expected)) ^ set(_list(members.found)) if members is not None else set()
        return {change.attribute for change in effect.changes} == {"groups"} and effect.key[5:] in moved
    if not (cause.key.startswith("user ") and effect.changes):
        return False
    if cause.kind not in {Kind.UNEXPECTED, Kind.MISSING} or {c.attribute for c in effect.changes} != {"members"}:
        return False
    before, after = (set(_list(value)) for value in effect.changes[0][1:])
    return before ^ after == {cause.key[5:]}


def _of_process(cause: Drift, effect: Drift, items: Items) -> bool:
    """Fold the sockets of a process into it."""
    if cause.kind is not effect.kind:
        return False
    process, socket = items.get(("processes", cause.key)), items.get(("sockets", effect.key))
    if process is None or socket is None:
        return False
    return bool(set(_numbers(process.volatile.get("pid"))) & set(_numbers(socket.volatile.get("pid"))))


def _numbers(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [value]


def _of_service(cause: Drift, effect: Drift, items: Items) -> bool:
    """Fold what a service runs, listens on, or is started by into it."""
    if effect.scope == "schedules":
        return effect.key == cause.key
    item = items.get((effect.scope, effect.key))
    known = item.attributes if item is not None else effect.evidence
    return str(known.get("unit") or "") == cause.key or effect.key.endswith(f" [{cause.key}]")


def _of_environment(cause: Drift, effect: Drift, items: Items) -> bool:
    """Fold the directory of language packages into the packages, which are told one by one."""
    item = items.get((cause.scope, cause.key))
    root = str(item.attributes.get("root") or "") if item is not None else ""
    return bool(root) and (effect.key == root or effect.key.startswith(f"{root}/") or root.startswith(f"{effect.key}/"))


_PATHS, _ACCOUNTS, _SERVICES = frozenset({"files", "trees"}), frozenset({"accounts"}), frozenset({"services"})
_RULES: tuple[tuple[Scopes, Scopes, Callable[[Drift, Drift, Items], bool]], ...] = (
    (_PATHS, _BY_PATH, _below),
    (frozenset({"mounts"}), _PATHS, _in_mount),
    (frozenset({"alternatives"}), _PATHS, _of_alternative),
    (None, _PATHS, _in_file),
    (_ACCOUNTS, _ACCOUNTS, _own_group),
    (_ACCOUNTS, _ACCOUNTS, _member),
    (frozenset({"processes"}), frozenset({"sockets"}), _of_process),
    (_SERVICES, frozenset({"processes", "sockets", "schedules"}), _of_service),
    (frozenset({"language_packages"}), _PATHS, _of_environment),
)
