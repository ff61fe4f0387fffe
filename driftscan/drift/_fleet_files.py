"""The file trees of several hosts: each is compared with the one that most have in common, never each with each."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256

from driftscan.drift._fleet_groups import Member, Odd, grouped, presence
from driftscan.drift.compare import compare
from driftscan.model.drift import Drift, Kind
from driftscan.model.item import Json
from driftscan.model.text import raw
from driftscan.model.tree import children

_COMPARED = ("type", "mode", "user", "group", "target", "size")  # of what the tree in common does not have
_CONTENT = ("digest", "size", "modified")  # the first of these that differs tells it
_Values = Mapping[str, tuple[Json, Json]]


def file_odds(members: Sequence[Member]) -> Iterator[Odd]:
    """Yield the paths that are not the same on all `members`."""
    seen = [member for member in members if member.looked_at("files") and member.snapshot.tree]
    if len(seen) < 2:
        return
    common = _common(seen)
    others = [member for member in seen if member is not common]
    drifts: dict[str, dict[str, Drift]] = {}
    for member in others:
        for drift in compare(common.snapshot, member.snapshot, scopes={"files", "packages"}, identity=True):
            if drift.scope == "files" and drift.kind is not Kind.UNKNOWN:
                key = drift.key if drift.kind is Kind.CHANGED else _spelled(common, member, drift)
                drifts.setdefault(key, {})[member.host] = drift
    for key in sorted(drifts):
        yield from _odds(common, others, key, drifts[key])


def _common(members: Sequence[Member]) -> Member:
    """Return the host whose tree has most in common with the others', of those that were seen whole if there are."""
    below = {
        member.host: set(children(member.snapshot.objects[member.snapshot.tree], "tree")) | {member.snapshot.tree}
        for member in members
    }
    counts = Counter(digest for digests in below.values() for digest in digests)
    return max(members, key=lambda one: (one.whole("files"), sum(counts[digest] for digest in below[one.host])))


def _spelled(common: Member, member: Member, drift: Drift) -> str:
    return (common if drift.kind is Kind.MISSING else member).identity.neutral(drift.key)


def _odds(common: Member, others: Sequence[Member], key: str, drifts: Mapping[str, Drift]) -> Iterator[Odd]:
    """Yield how one path differs: a host without a drift has what the tree in common has, if it was seen there."""
    unknown = tuple(one.host for one in others if one.host not in drifts and not _is_seen(one, key))
    same = [one for one in others if one.host not in drifts and one.host not in unknown]
    alone = [host for host, drift in drifts.items() if drift.kind is Kind.UNEXPECTED]
    if alone:
        yield Odd("files", key, "", presence(alone, [common.host, *(one.host for one in same)]), unknown)
        yield from _among(key, {host: drifts[host] for host in alone})
        return
    everybody = [common, *others]
    gone = [host for host, drift in drifts.items() if drift.kind is Kind.MISSING]
    if gone:
        have = [one.host for one in everybody if one.host not in {*gone, *unknown}]
        yield Odd("files", key, "", presence(have, gone), unknown)
    changed = {host: drift for host, drift in drifts.items() if drift.kind is Kind.CHANGED}
    for name in _told(changed):
        values = _values(name, changed, common.host, [one.host for one in same])
        groups = grouped(_read(values, key, everybody) if name == "digest" else values)
        if len(groups) > 1:
            yield Odd("files", key, name, groups, unknown)


def _values(name: str, changed: Mapping[str, Drift], common: str, same: Sequence[str]) -> _Values:
    """Return one attribute by host: as found where it differs, elsewhere as the host `common` has it."""
    found = {host: change for host, drift in changed.items() for change in drift.changes if change.attribute == name}
    expected = next(iter(found.values())).expected
    values = {host: found[host].found if host in found else expected for host in (common, *same, *changed)}
    return {host: (value, value) for host, value in values.items()}


def _told(changed: Mapping[str, Drift]) -> list[str]:
    """Return the attributes that differ on some host; of those that tell of content only the best."""
    names = dict.fromkeys(change.attribute for drift in changed.values() for change in drift.changes)
    content = [name for name in _CONTENT if name in names]
    return [name for name in names if name not in content[1:]]


def _read(values: _Values, key: str, members: Sequence[Member]) -> dict[str, tuple[Json, Json]]:
    """Return digests, where the texts are known those of the texts without the hosts' own words beside them."""
    found = dict(values)
    for member in members:
        item = member.items("contents").get(key)
        said = item.attributes.get("text") if item is not None else None
        if member.host in found and item is not None and isinstance(said, str) and not item.attributes.get("secrets"):
            neutral = sha256(member.identity.neutral(said).encode("utf-8", "surrogatepass")).hexdigest()
            found[member.host] = found[member.host][0], f"text:{neutral}"
    return found


def _among(key: str, drifts: Mapping[str, Drift]) -> Iterator[Odd]:
    """Yield how a path differs among the hosts that have it, where the tree in common has none."""
    for name in _COMPARED:
        values = {host: (drift.evidence.get(name), drift.evidence.get(name)) for host, drift in drifts.items()}
        if len(groups := grouped(values)) > 1:
            yield Odd("files", key, name, groups)


def _is_seen(member: Member, key: str) -> bool:
    """Whether nothing being said of a path means that it is there as in the tree in common."""
    return member.whole("files") or member.snapshot.directories.entry(raw(key)) is not None
