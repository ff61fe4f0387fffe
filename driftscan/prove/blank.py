"""Whether a host may be taken for blank: another one than the original, of the same release, with nothing on it."""

import re
from collections.abc import Iterator
from hashlib import sha256

from driftscan.drift.observed import Observed, observe
from driftscan.drift.propose import stands_out
from driftscan.drift.subject import Subject
from driftscan.errors import UsageError
from driftscan.explain.view import View
from driftscan.model.host import Host
from driftscan.model.snapshot import Snapshot
from driftscan.model.text import shown
from driftscan.prove._aside import FOLLOWS, LIVE
from driftscan.role.model import Role

_REACHED = frozenset({"ssh", "openssh"})
_RELEASE = {"id": "release id", "version": "release version"}
_IDENTITY = re.compile(r"/etc/machine-id|/etc/ssh/ssh_host_\w{1,20}_key\.pub")
_PASSING = LIVE | FOLLOWS | {"mounts", "network", "kernel", "system", "certificates"}  # the machine's, not a person's
_NAMED = 3  # things that are named
_EMPTY = f"sha256:{sha256().hexdigest()}"
_FORCE = "--force goes on all the same"


def refuse_itself(host: Host, blank: Host) -> None:
    """Raise UsageError for a blank host that is the original by its name, or is reached in no way that can be."""
    if blank.transport not in _REACHED:
        raise UsageError(
            f"{shown(blank.name)} is not reached by SSH", hint="name a blank host, or a root with --sandbox ROOTFS"
        )
    same = (host.address or host.name).lower(), (blank.address or blank.name).lower()
    if host.name == blank.name or (same[0] == same[1] and (host.port or 22) == (blank.port or 22)):
        raise UsageError(f"{shown(blank.name)} is the host itself, and that is only read")


def refuse_same(old: Snapshot, blank: Snapshot) -> None:
    """Raise UsageError where two snapshots show one machine: by its machine-id, or by a host key."""
    for path in sorted(_identity(old).items() & _identity(blank).items()):
        raise UsageError(
            f"{shown(blank.host)} has the {path[0]} of {shown(old.host)}: it is that host, which is only read",
            hint="a clone must be given its own first",
        )


def refuse_other(role: Role, blank: Snapshot) -> None:
    """Raise UsageError for a blank host of another release."""
    for key, fact in _RELEASE.items():
        wanted, found = role.release.get(key), blank.facts.get(fact)
        if wanted and found and wanted != str(found):
            theirs = " ".join(str(blank.facts.get(one) or "") for one in _RELEASE.values())
            ours = " ".join(role.release.get(one, "") for one in _RELEASE)
            raise UsageError(f"{shown(blank.host)} is {shown(theirs)}, the role is for {shown(ours)}", hint=_FORCE)


def refuse_used(old: View, blank: View) -> None:
    """Raise UsageError for a host that is not blank: it has what nothing explains, and the original has not."""
    mine, theirs = observe(old), observe(blank)
    found = sorted(_own(mine, theirs), key=lambda one: (one.scope, one.key))
    if found:
        named = ", ".join(f"{one.scope} {shown(one.key)}" for one in found[:_NAMED])
        more = f" and {len(found) - _NAMED:,} more" if len(found) > _NAMED else ""
        raise UsageError(f"{shown(blank.snapshot.host)} is not blank: it has {named}{more}", hint=_FORCE)


def _own(mine: Observed, theirs: Observed) -> Iterator[Subject]:
    """Yield what stands out on the blank host alone: what both have the same way came with the system."""
    for name, subject in theirs.subjects.items():
        if subject.scope in _PASSING or not stands_out(subject):
            continue
        there = mine.subjects.get(name)
        if there is None or (subject.scope != "packages" and there.attributes != subject.attributes):
            yield subject


def _identity(snapshot: Snapshot) -> dict[str, str]:
    """Return the digests of the files that no two machines have alike, where they were hashed and are not empty."""
    found = ((item.key, item.attributes.get("digest")) for item in snapshot.items if item.scope == "files")
    return {key: str(told) for key, told in found if told and told != _EMPTY and _IDENTITY.fullmatch(key)}
