"""Which packages somebody asked for after the system was installed: a stock installation has the others."""

import re
from collections.abc import Iterable
from itertools import chain

from driftscan.explain.view import View
from driftscan.findings._history import history, oldest
from driftscan.findings._traces import DAY, era, seconds
from driftscan.model.item import Item
from driftscan.model.text import raw

_BROKEN = ("half-installed", "unpacked", "half-configured", "config-files")
# What is as old as the system, if nobody made it anew: packages that are younger were all brought by an upgrade.
_FIRST = ("/etc/machine-id", "/etc/hostname", "/lost+found", "/var/log/installer", "/root/anaconda-ks.cfg")
_HOST_KEY = re.compile(rb"ssh_host_.*_key")


def asked(view: View, items: Iterable[Item]) -> frozenset[str]:
    """Return the keys of those of `items` that somebody asked for, or may have, after the system was installed."""
    end = _installed(view)
    known: dict[str, dict[str, float]] = {"package": {}, "upgrade": {}}
    for trace in history(view):
        if trace.kind in known and trace.when is not None:
            first = known[trace.kind]
            first[trace.what] = min(trace.when, first.get(trace.what, trace.when))
    since = oldest(view)
    complete = since is not None and since <= end + DAY  # the logs tell all that came after the installation

    def later(item: Item) -> bool:
        name = str(item.attributes.get("name"))
        when = known["package"].get(name)
        if when is None and complete and name in known["upgrade"]:
            return False
        when = when or seconds(item.volatile.get("installed_at"))
        return when is None or when > end

    return frozenset(item.key for item in items if is_manual(item) and later(item))


def is_there(item: Item) -> bool:
    """Whether a package is installed as a whole."""
    state = str(item.attributes.get("state") or "installed")
    return not state.startswith(_BROKEN) and "reinstallation" not in state


def is_manual(item: Item) -> bool:
    """Whether somebody asked for a package, or may have: nobody knows where nothing is noted."""
    return item.attributes.get("reason") != "automatic"


def _installed(view: View) -> float:
    """Return until when packages came with the system itself; 0 where they are of a later upgrade to another release.

    What came with it belongs to any installation of the release. That an upgrade brought it tells nothing.
    """
    time = era(view)
    keys = (entry for name, entry in view.directories.list(b"/etc/ssh").items() if _HOST_KEY.fullmatch(name))
    known = (view.directories.entry(raw(path)) for path in _FIRST)
    first = min((entry.mtime for entry in chain(keys, known) if entry is not None and entry.mtime > 0), default=None)
    return 0.0 if first is not None and first < time.start - DAY else time.end
