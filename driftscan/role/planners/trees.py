"""Plans what has a source of its own: language packages by their versions, checkouts by their commits."""

from base64 import urlsafe_b64decode
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from driftscan.drift.subject import Subject
from driftscan.model.item import Json
from driftscan.model.text import raw, text
from driftscan.role.desk import Desk, Planned, Planner
from driftscan.role.model import LeftOut
from driftscan.role.resources import Checkout, LanguagePackages, Why

_MOST = 50  # paths of a checkout that were changed or added and are laid over it one by one: as many as its scope names
_HASHED = "sha256:"
_INDEX = (None, "", "index")  # where packages come from that can be had again by name


def _plan(desk: Desk) -> Iterator[Planned]:
    yield from _languages(desk)
    yield from _checkouts(desk)


def _languages(desk: Desk) -> Iterator[Planned]:
    places: dict[tuple[str, str], list[Subject]] = defaultdict(list)
    for subject in desk.of("language_packages"):
        has = _attributes(subject)
        places[str(has.get("ecosystem")), str(has.get("environment") or "")].append(subject)
    for (ecosystem, environment), subjects in sorted(places.items()):
        all_of_it = [_attributes(subject) for subject in subjects]
        foreign = [has for has in all_of_it if has.get("origin") not in _INDEX or not has.get("version")]
        if environment and (foreign or _is_carried_whole(desk, ecosystem, environment, all_of_it)):
            continue
        asked = [has for has in all_of_it if has not in foreign and (environment or has.get("requested") is not False)]
        for has, subject in zip(all_of_it, subjects, strict=True):
            if has in foreign:
                where = has.get("origin") or "nobody knows where"
                yield LeftOut(subject.scope, subject.key, f"it was installed from {where}, not from an index")
            elif has not in asked:
                yield LeftOut(subject.scope, subject.key, "another package brings it")
        if not asked:
            continue
        for has in all_of_it:
            desk.taken.update(_paths(has))
        if environment:
            desk.taken.add(environment)
        yield LanguagePackages(
            why=Why("language_packages", subjects[0].key, f"installed by hand in {environment or 'the whole system'}"),
            ecosystem=ecosystem,
            environment=environment,
            packages=tuple(sorted((str(has["name"]), str(has["version"])) for has in asked)),
            interpreter="/usr/bin/python3" if ecosystem == "pip" else "",
            user=desk.owner(environment)[0] if environment else "root",
            system_packages=_sees_system(desk, environment),
        )


def _paths(has: dict[str, Json]) -> Iterator[str]:
    """Yield the absolute paths of what a package has on the disk."""
    root = str(has.get("root") or "")
    for path in has.get("paths") or ():
        yield str(path) if str(path).startswith("/") else f"{root}/{path}"
    yield from (str(has["metadata"]),) if has.get("metadata") else ()


def _is_carried_whole(desk: Desk, ecosystem: str, environment: str, packages: Iterable[Mapping[str, Json]]) -> bool:
    """Whether what is installed in a directory stays part of its tree, and is not installed from an index.

    A project is; so is an environment that a person wants as it is, or leaves out, or has edited by hand.
    """
    if ecosystem != "pip" or not _is_virtual(desk, environment):
        return True
    if desk.word(environment) or desk.steering.includes("files", environment):
        return True
    patched = [_is_patched(desk, has) for has in packages]  # of each, for its RECORD is asked for
    return any(patched)


def _is_patched(desk: Desk, has: Mapping[str, Json]) -> bool:
    """Whether a file of a pip package is not what its RECORD says, as far as files were hashed."""
    record = desk.bytes(f"{has.get('metadata')}/RECORD") or b""
    for line in text(record).splitlines():
        name, _, said = line.rpartition(",")[0].rpartition(",sha256=")
        found = str(desk.view.more.get(raw(f"{has.get('root')}/{name}"), {}).get("digest") or "")
        own = name and not name.startswith("..") and ".dist-info/" not in name
        if own and found.startswith(_HASHED) and found != f"{_HASHED}{_hexadecimal(said)}":
            return True
    return False


def _hexadecimal(said: str) -> str:
    """Return a digest of a RECORD in the other spelling; "" where it is none."""
    try:
        return urlsafe_b64decode(said + "=" * (-len(said) % 4)).hex()
    except ValueError:
        return ""


def _is_virtual(desk: Desk, environment: str) -> bool:
    return desk.view.directories.entry(raw(f"{environment}/pyvenv.cfg")) is not None


def _sees_system(desk: Desk, environment: str) -> bool:
    said = desk.bytes(f"{environment}/pyvenv.cfg") if environment and _is_virtual(desk, environment) else None
    words = (said or b"").lower().replace(b" ", b"")
    return b"include-system-site-packages=true" in words


def _checkouts(desk: Desk) -> Iterator[Planned]:
    for subject in desk.of("checkouts"):
        has = _attributes(subject)
        path = str(has.get("path") or subject.key)
        changed, added = _named(has.get("dirty")), _named(has.get("untracked"))
        known = has.get("tracked") is not None and has.get("changed") is not None
        few = (has.get("changed") or 0) <= _MOST and (has.get("strangers") or 0) <= _MOST
        if not (has.get("remote") and has.get("commit") and known and few) or has.get("bare"):
            continue  # it cannot be had again from elsewhere: its tree is carried as it is
        if path in desk.taken or desk.steering.excludes("files", path):
            continue
        user, group = desk.owner(path)
        yield Checkout(
            why=desk.why(subject, f"a working copy of {has['kind']}"),
            path=path,
            kind=str(has["kind"]),
            remote=str(has["remote"]),
            commit=str(has["commit"]),
            branch=str(has.get("branch") or ""),
            user=user,
            group=group,
        )
        desk.checkouts[path] = tuple(f"{path}/{name.rstrip('/')}" for name in (*changed, *added))


def _named(names: Json) -> tuple[str, ...]:
    return tuple(str(name) for name in names or ())


def _attributes(subject: Subject) -> dict[str, Json]:
    return dict(subject.item.attributes) if subject.item is not None else {}


PLANNER = Planner("trees", 70, _plan)
