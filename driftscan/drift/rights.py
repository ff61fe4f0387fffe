"""Rights of packaged paths against an older snapshot of the same host, for databases that keep none (dpkg's)."""

from collections.abc import Iterator

from driftscan.drift.treediff import changes
from driftscan.explain.view import View
from driftscan.model.drift import Change, Drift, Kind
from driftscan.model.finding import Severity
from driftscan.model.snapshot import Snapshot
from driftscan.model.text import text
from driftscan.scopes.files import Names

_FLEETING = (b"/dev/", b"/proc/", b"/run/", b"/sys/", b"/tmp/", b"/var/tmp/", b"/var/log/", b"/var/cache/")


def changed_rights(earlier: Snapshot, view: View) -> Iterator[Drift]:
    """Yield the packaged paths whose mode or owner is not what it was while their package is the same version."""
    if not (earlier.tree and view.snapshot.tree and view.seen("packages")):
        return
    before, versions = Names(earlier), _versions(earlier)
    now = _versions(view.snapshot)
    for old, new in changes(earlier, view.snapshot):
        if old is None or new is None or old.kind != new.kind or old.kind == "l":
            continue
        path = new.path
        if (old.mode, old.owner) == (new.mode, new.owner) or path.startswith(_FLEETING):
            continue
        package = view.ownership.owner(path)
        if path not in view.ownership or versions.get(package) != now.get(package):
            continue
        was, is_ = before.attributes(old), view.names.attributes(new)
        told = (Change(name, was[name], is_[name]) for name in ("mode", "user", "group"))
        found = tuple(change for change in told if change.expected != change.found)
        if found:
            reason = f"it was otherwise on {earlier.taken:%Y-%m-%d}, with the same package"
            yield Drift(Kind.CHANGED, Severity.MEDIUM, "files", text(path), found, reason, {"package": package})


def _versions(snapshot: Snapshot) -> dict[str, object]:
    return {item.key: item.attributes.get("version") for item in snapshot.items if item.scope == "packages"}
