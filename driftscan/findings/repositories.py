"""Sources of packages that nothing vouches for, that are somebody else's, or that never answered."""

import re
from collections.abc import Iterator

from driftscan.explain._publishers import third_party
from driftscan.explain.view import View
from driftscan.findings.base import Family, Rule
from driftscan.model.finding import Finding, Severity
from driftscan.model.item import Item, Json
from driftscan.model.text import raw

UNSIGNED = Rule(
    "repository-unsigned",
    Severity.HIGH,
    "repositories",
    "gives packages that no signature vouches for",
    "sign it and name its key (signed-by, gpgkey); take trusted=yes, allow-insecure, gpgcheck=0, SigLevel = Never away",
    needs=("repositories",),
    doc="Whoever can answer in the repository's place, or write to it, becomes root on this host with the next "
    "upgrade: a package's scripts run as root.\n\n"
    "It is judged by the settings that switch the checks off and, for apt, by lists that came without a signature. The "
    "severity is high over plain http and ftp, where anybody on the way can answer; medium over https, where only the "
    "server's owner can; low for a directory of this host that root alone may write to, high if others may.",
)
THIRD = Rule(
    "repository-third-party",
    Severity.LOW,
    "repositories",
    "is not the distribution's",
    "write down what is needed from it, its address and its key; take it out if nothing is",
    needs=("repositories",),
    doc="Each further repository may replace any package of the host, unless it is pinned.\n\n"
    "It is judged by the origin in its release file against the host's own name and against who publishes most of the "
    "installed packages; without that, by its address, and of yum and dnf by who sells the package of its key. Where "
    "nothing tells, nothing is said.",
)
NEVER = Rule(
    "repository-never-fetched",
    Severity.LOW,
    "repositories",
    "is configured, and the host has no list of it",
    "run apt-get update and read what it says; take out what does not answer any more",
    needs=("repositories",),
    doc="apt keeps the lists of every repository that ever answered. Of this one there are none, though there are of "
    "others: it has vanished, it was misspelt, or nobody has run apt-get update since it was added.",
)
KEY = Rule(
    "repository-key-for-all",
    Severity.LOW,
    "repositories",
    "is a key that any repository may be signed with, and no package owns it",
    "move it to /etc/apt/keyrings, and name it in the one source that needs it (signed-by)",
    needs=("repositories", "packages"),
    doc="Keys in trusted.gpg and trusted.gpg.d are good for every repository: who holds one can replace any package "
    "of the distribution. Those that packages bring (the distribution's own) are not named.",
)

_LOCAL = re.compile(r"(?:file|copy|cdrom|dir):(?://)?(/.*)?|(/.*)")
_OPEN = re.compile(r"(?:mirror\+)?(?:http|ftp|rsync)://")


def find(view: View) -> Iterator[Finding]:
    """Judge every source that is used; the gravest that can be said of one is said."""
    for item in view.of("repositories"):
        kinds = item.attributes.get("types") or []
        if not item.attributes.get("enabled"):
            continue
        if "key" in kinds:
            if item.attributes.get("package") == "" and item.attributes.get("manager") == "apt":
                yield KEY.finding(item.key, {})
        elif item.attributes.get("trusted") or item.attributes.get("signed") is False:
            severity, why = _danger(view, item)
            yield UNSIGNED.finding(item.key, {**why, **_evidence(view, item)}, severity)
        elif third_party(view, item):
            yield THIRD.finding(item.key, _evidence(view, item))
        elif item.attributes.get("listed") is False and "deb" in kinds:
            yield NEVER.finding(item.key, {})


def _evidence(view: View, item: Item) -> dict[str, Json]:
    evidence: dict[str, Json] = {}
    if item.attributes.get("manager") != "apt":  # whose key has the address
        evidence["uris"] = (item.attributes.get("uris") or [])[:3]
    for name in ("origin", "signed_by", "package"):
        if item.attributes.get(name):
            evidence[name] = item.attributes[name]
    if third_party(view, item):
        evidence["third_party"] = True
    return evidence


def _danger(view: View, item: Item) -> tuple[Severity, dict[str, Json]]:
    """Return how grave it is that nothing vouches for a source: who could put something into it."""
    uris = [str(uri) for uri in item.attributes.get("uris") or []]
    if not uris or any(map(_OPEN.match, uris)):
        return Severity.HIGH, {"checked": "never" if item.attributes.get("trusted") else "has no signature"}
    local = [match[1] or match[2] for uri in uris if (match := _LOCAL.fullmatch(uri))]
    if len(local) < len(uris):
        return Severity.MEDIUM, {"checked": "only the server's certificate"}
    open_to = [path for path in local if path and _writable(view, raw(path))]
    if open_to:
        return Severity.HIGH, {"others may write to": open_to}
    if view.seen("files") and not any(
        view.directories.entry(view.ownership.canonical(raw(path))) for path in local if path
    ):
        return Severity.LOW, {"checked": "never, but it is a directory of this host, and not there now"}
    return Severity.LOW, {"checked": "never, but it is a directory of this host that root alone writes to"}


def _writable(view: View, path: bytes) -> bool:
    """Tell whether an account but root may put something at or above `path`, as far as the files were seen."""
    step = view.ownership.canonical(path.rstrip(b"/"))
    while step:
        entry = view.directories.entry(step)
        if entry is not None and entry.kind != "l":
            group = entry.mode & 0o020 and entry.owner[1] != 0
            if entry.owner[0] != 0 or group or (entry.mode & 0o002 and not entry.mode & 0o1000):
                return True
        step = step.rpartition(b"/")[0]
    return False


FAMILY = Family((UNSIGNED, THIRD, NEVER, KEY), find)
