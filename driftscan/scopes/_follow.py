"""What scopes share that look a second time, at files that the survey has shown."""

from driftscan.model.snapshot import Snapshot
from driftscan.scopes._places import systems
from driftscan.scopes.base import Probe


def no_tree() -> Probe:
    """Return the probe of a scope that cannot look, for nobody knows which files there are."""
    return Probe("tree", "ds_denied 'the files of the host were not seen'")


def other_roots(snapshot: Snapshot) -> tuple[bytes, ...]:
    """Return, ending in a slash, the directories that hold a system of their own: chroots, images, layers of them."""
    return tuple(sorted(root + b"/" for root in systems(snapshot)))
