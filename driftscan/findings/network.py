"""Names that a host knows by itself: entries of /etc/hosts, a resolver that was set by hand."""

from collections.abc import Iterator

from driftscan.explain.view import View
from driftscan.findings.base import Family, Rule
from driftscan.model.finding import Finding, Severity

HOSTS = Rule(
    "hosts-entries",
    Severity.LOW,
    "network",
    "has entries that override the name service for this host alone",
    "find out what needs each of them; move it to DNS, or keep it with the host's configuration",
    needs=("network",),
    doc="A name in /etc/hosts is found there and nowhere else: when the address changes, this host alone goes on with "
    "the old one. A rebuilt host without the entry may reach another server, or none.\n\nEntries for localhost and the "
    "host's own name, and those that every installer writes, are left out.",
)
RESOLVER = Rule(
    "resolver-by-hand",
    Severity.INFO,
    "network",
    "was written by hand",
    "write down which name servers and search domains the host needs",
    needs=("network",),
    doc="No program says in the file that it made it, and it is no link to a file that one keeps.",
)
_MOST = 20


def find(view: View) -> Iterator[Finding]:
    """Judge what /etc/hosts and resolv.conf say."""
    own = str(view.facts.get("hostname") or "").partition(".")[0].lower()
    entries: dict[str, list[str]] = {}
    resolver: list[str] = []
    for item in view.of("network"):
        told = item.attributes
        if told["automatic"] or told["kind"] not in {"host", "resolver"}:
            continue
        if told["kind"] == "resolver":
            resolver.append(f"{told['name']} {told['value']}")
        elif str(told["name"]).partition(".")[0].lower() != own:
            entries.setdefault(str(told["value"]), []).append(str(told["name"]))
    if entries:
        said = [f"{address} {' '.join(names)}" for address, names in sorted(entries.items())]
        more = {"more": len(said) - _MOST} if len(said) > _MOST else {}
        yield HOSTS.finding("/etc/hosts", {"entries": said[:_MOST], **more})
    if any(line.startswith("nameserver") for line in resolver):
        yield RESOLVER.finding("/etc/resolv.conf", {"lines": resolver[:_MOST]})


FAMILY = Family((HOSTS, RESOLVER), find)
