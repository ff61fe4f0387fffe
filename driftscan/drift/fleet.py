"""Hosts that should be alike, beside one another: what is not the same on all of them, and which is the odd one."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from driftscan.drift._fleet_files import file_odds
from driftscan.drift._fleet_groups import LACKING, THERE, Group, Member, Odd
from driftscan.drift._fleet_items import item_odds
from driftscan.drift.compare import comparable
from driftscan.model.snapshot import Snapshot

__all__ = ["LACKING", "THERE", "Fleet", "Group", "Odd", "fleet"]


@dataclass(frozen=True, slots=True)
class Fleet:
    """What several hosts have in common and what not; `unknown` has, by host and scope, why it was not seen whole."""

    hosts: tuple[str, ...]
    odds: tuple[Odd, ...]
    unknown: Mapping[tuple[str, str], str]


def fleet(snapshots: Sequence[Snapshot], scopes: Collection[str] = ()) -> Fleet:
    """Compare one snapshot of each host; `scopes` () are all that are comparable.

    What each host has of its own, and what changes by itself, is left out. A host that was not seen whole is never
    counted as lacking something.
    """
    members = [Member(snapshot) for snapshot in sorted(snapshots, key=lambda one: one.host)]
    wanted = [scope for scope in comparable() if not scopes or scope in scopes]
    odds = [odd for scope in wanted for odd in _odds(members, scope)]
    unknown = {
        (member.host, scope): _why(member, scope) for member in members for scope in wanted if not member.whole(scope)
    }
    return Fleet(tuple(member.host for member in members), tuple(odds), unknown)


def _odds(members: Sequence[Member], scope: str) -> Iterator[Odd]:
    return file_odds(members) if scope == "files" else item_odds(members, scope)


def _why(member: Member, scope: str) -> str:
    coverage = member.snapshot.coverage.get(scope)
    if coverage is None:
        return "not looked at"
    return f"not seen whole ({'; '.join(coverage.gaps) or coverage.outcome.value})"
