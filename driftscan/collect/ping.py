"""Asking a host who one is there and which tools it has, before a scan."""

from dataclasses import dataclass

from driftscan.collect.bundle import Task
from driftscan.collect.runner import Link, run_tasks
from driftscan.errors import TransportError
from driftscan.model.outcome import Outcome
from driftscan.model.text import shown, text
from driftscan.scopes.base import Probe, scopes

_SCOPE = "ping"


@dataclass(frozen=True, slots=True)
class Answer:
    """Who commands run as, on which kernel, how many of all probes find their tools, and the tools that are missing."""

    user: str
    root: bool
    kernel: str
    probes: int
    working: int
    missing: tuple[str, ...]


def ping(link: Link) -> Answer:
    """Return what the host answers; raises TransportError when it does not."""
    probes = [probe for scope in scopes().values() for probe in scope.probes if link.transport.live or not probe.live]
    tools = sorted({tool for probe in probes for tool in probe.tools})
    script = (
        "id -u; id -un; uname -sr\nfor t in "
        + " ".join(tools)
        + '; do command -v "$t" >/dev/null 2>&1 || echo "$t"; done'
    )
    result = run_tasks(link, [Task(_SCOPE, Probe(_SCOPE, script))], lambda _scope: None)[_SCOPE, _SCOPE]
    lines = [shown(line) for line in text(result.stdout).splitlines()]
    if result.outcome is not Outcome.OK or len(lines) < 3:
        raise TransportError(f"the host answers, but not to sh: {result.detail or result.outcome.value}")
    missing = tuple(line for line in lines[3:] if line in tools)
    working = sum(not set(probe.tools) & set(missing) for probe in probes)
    return Answer(lines[1], lines[0] == "0", lines[2], len(probes), working, missing)
