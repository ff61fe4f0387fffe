"""Processes and listeners that the disk or the packages cannot account for."""

from collections.abc import Iterator

from driftscan.explain.view import View
from driftscan.findings.base import Family, Rule
from driftscan.model.finding import Finding, Severity
from driftscan.model.item import Item, Json

DELETED = Rule(
    "process-deleted-executable",
    Severity.HIGH,
    "processes",
    "runs from an executable that is no longer on the disk",
    "find out what it is before it ends: its only copy is /proc/PID/exe; after an upgrade, restart it",
    needs=("processes",),
)
LISTENER = Rule(
    "listener-unpackaged",
    Severity.MEDIUM,
    "sockets",
    "listens on the network, and no package owns its executable",
    "find out who put it there and who needs it; then write it down, or stop it",
    needs=("sockets", "packages"),
)
_PROCESS = ("user", "command", "cwd", "unit", "container", "parent", "package")
_LISTENER = ("user", "exe", "command", "unit")


def find(view: View) -> Iterator[Finding]:
    """Judge every process by its executable, every listener by its process."""
    for item in view.of("processes"):
        if item.attributes.get("deleted"):
            subject = str(item.attributes.get("exe") or item.attributes.get("command") or item.key)
            yield DELETED.finding(subject, {**_some(item, _PROCESS), "pids": item.volatile.get("pid")})
    for item in view.of("sockets"):
        listening = item.attributes.get("state") == "listen"
        if listening and item.attributes.get("exe") and item.attributes.get("package") == "":
            yield LISTENER.finding(_where(item), _some(item, _LISTENER))


def _where(item: Item) -> str:
    address, port = item.attributes.get("address"), item.attributes.get("port")
    return f"{item.attributes.get('protocol')} {address}:{port}"


def _some(item: Item, names: tuple[str, ...]) -> dict[str, Json]:
    return {name: item.attributes.get(name) for name in names}


FAMILY = Family((DELETED, LISTENER), find)
