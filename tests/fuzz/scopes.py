"""The parser of every scope: passwd, sudoers, cron, units, /proc, packages, logs …, by discovery.

The first byte says which probe's output is put in place of the recorded one, the second where: its stdout, or one of
the files that it showed.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from driftscan.model.outcome import ProbeResult
from driftscan.scopes.base import Scope, scopes
from driftscan.transport.replay import load
from tests.fuzz.target import Target
from tests.unit.scope_checks import well_formed

_RECORDINGS = Path(__file__).parent.parent / "recordings"
_FLAVORS = ("sauced", "rpm", "arch", "busybox", "sysv")
_SEED = 4096  # bytes of one


@cache
def recorded(scope: str) -> dict[str, ProbeResult]:
    """Return what each probe of a scope brought on the first flavor that has something of it."""
    found: dict[str, ProbeResult] = {}
    for flavor in _FLAVORS:
        for probe in scopes()[scope].probes:
            result = load(_RECORDINGS / flavor, scope, probe.name)
            if result is not None and (probe.name not in found or not found[probe.name].stdout):
                files = tuple(replace(file, data=file.data[:_SEED]) for file in result.files)
                found[probe.name] = replace(result, stdout=result.stdout[:_SEED], files=files)
    return found


def _check(scope: Scope, data: bytes) -> None:
    known = recorded(scope.name)
    if len(data) < 2 or not known:
        return
    name = sorted(known)[data[0] % len(known)]
    result, place, payload = known[name], data[1], data[2:]
    if place and result.files:
        at = (place - 1) % len(result.files)
        files = (*result.files[:at], replace(result.files[at], data=payload), *result.files[at + 1 :])
        changed = replace(result, files=files)
    else:
        changed = replace(result, stdout=payload)
    well_formed(scope, scope.parse({**known, name: changed}))  # type: ignore[arg-type]


def _seeds(scope: Scope) -> Iterator[bytes]:
    for number, (_, result) in enumerate(sorted(recorded(scope.name).items())):
        yield bytes([number, 0]) + result.stdout
        yield from (bytes([number, at + 1]) + file.data for at, file in enumerate(result.files[:20]))


TARGETS = [
    Target(f"scope-{name}", partial(_check, scope), partial(_seeds, scope))
    for name, scope in scopes().items()
    if scope.probes
]
