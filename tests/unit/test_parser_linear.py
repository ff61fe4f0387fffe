"""No parser takes more than time in step with what a host sends: every scope and probe, by discovery.

A ratio within one run, of processor time, and tried again before it counts: a busy machine fails nothing.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import pytest

from driftscan.collect import attributes
from driftscan.collect.collector import Wish, collect
from driftscan.collect.runner import Link
from driftscan.collect.selection import Selection
from driftscan.model.outcome import HostFile, Outcome, ProbeResult
from driftscan.model.snapshot import Snapshot
from driftscan.scopes.base import Parsed, Results, scopes
from driftscan.transport.base import Privilege
from driftscan.transport.replay import Replay, load

RECORDINGS = Path(__file__).parent.parent / "recordings"
SEED = 1024  # bytes of what was recorded that are repeated, and that the probes beside it show
LARGE = 12 << 10  # bytes in every run
MUCH = 2 << 20  # bytes in a long one: what a probe may bring, 32 MiB, takes a parser minutes
FLOOR = 0.06  # seconds of processor time at LARGE that need no second look
GROWTH = 8  # times the time for 4 times the input: a quadratic parser takes 16 times
TRIES = 4
AGAIN = "files, looked at again"
PARSERS = [*sorted(scopes()), AGAIN]

Parse = Callable[[Results], Parsed]
Grow = Callable[[bytes, int], bytes]  # what was recorded, bytes wanted


@dataclass(frozen=True)
class Case:
    """A parse function, what it gets beside, and the probes that are flooded."""

    scope: str
    probes: tuple[str, ...]
    parse: Parse
    beside: Results

    def fed(self, grow: Grow, size: int) -> Results:
        """Return the results where the flooded probes show `size` bytes each."""
        return {**self.beside, **{name: _flooded(self.beside[name], grow, size) for name in self.probes}}


def _flooded(result: ProbeResult, grow: Grow, size: int) -> ProbeResult:
    if not result.files:
        return replace(result, outcome=Outcome.OK, stdout=grow(result.stdout, size))
    first = result.files[0]
    files = [replace(first, outcome=Outcome.OK, data=grow(first.data, size // 2))]
    files += [  # and as many small ones
        HostFile(b"%s%d" % (file.path, number), Outcome.OK, file.data[:64] + b"%d\n" % number)
        for number in range(size // 2 // 512)
        for file in (result.files[number % len(result.files)],)
    ]
    return replace(result, outcome=Outcome.OK, files=tuple(files))


def _alike(data: bytes, size: int) -> bytes:
    seed = data[:SEED] or b"a b\n"
    return (seed * (size // len(seed) + 1))[:size]


def _unlike(data: bytes, size: int, pattern: bytes) -> bytes:
    """Repeat what was recorded, with a number of its own in each line that `pattern` finds a place in."""
    lines = (data[:SEED] or b"a b\n").splitlines(keepends=True)
    place, out, length, at = re.compile(pattern), list[bytes](), 0, 0
    while length < size:
        line = place.sub(b"%d" % at, lines[at % len(lines)], count=1)
        out.append(line)
        length += len(line)
        at += 1
        if not line:
            break
    return b"".join(out)[:size]


def _junk(unit: bytes, data: bytes, size: int) -> bytes:
    """Return what was recorded up to its middle, then one thing without end."""
    return (data[: min(len(data), SEED) // 2] + unit * (size // len(unit) + 1))[:size]


def _numbers(_data: bytes, size: int) -> bytes:
    return b"".join(b"%d\n" % number for number in range(size // 5))[:size]


JUNK = (
    b"a", b" ", b"\n", b"\0", b":", b",", b"|", b"\t", b"a\n", b"a ", b"a,", b"a=", b"a\0",  # one line, separators
    b"{", b"(", b"[", b"<a>", b"$(", b'"', b"'", b"\\", b"\\\n", b"/*", b"a{\n",  # nesting
    b"a=b\n", b"a: b\n", b"[a]\n", b"- a\n", b" a\n", b"#\n", b"\r", b"/a", b"@a", b"\xff",
    b"-----BEGIN ", b"password=",
)  # fmt: skip
SHAPES: dict[str, Grow] = {
    "alike": _alike,
    "unlike at the end": partial(_unlike, pattern=rb"(?=\n?\Z)"),
    "unlike at the start": partial(_unlike, pattern=rb"^(?=\w)|(?<=/)(?=\w)"),
    "unlike within": partial(_unlike, pattern=rb"(?<=\w)(?=[\s:=.|])"),
    "numbers": _numbers,
    **{f"{unit!r} without end": partial(_junk, unit) for unit in JUNK},
}

# In every run: what has found a fault, and one of each sort.
_UNITS = (b"a", b"\n", b":", b"a\n", b"[", b'"', b"\\\n", b"a=b\n")
OFTEN = [name for name in SHAPES if "without" not in name] + [f"{unit!r} without end" for unit in _UNITS]


@cache
def _recorded(scope: str) -> dict[str, ProbeResult]:
    """Return what each probe of a scope brought, on the flavor where it brought the most, cut to a seed."""
    found: dict[str, ProbeResult] = {}
    for flavor in sorted(RECORDINGS.iterdir()):
        for path in sorted((flavor / scope).glob("*.json")):
            one = load(flavor, scope, path.stem)
            if one is not None and (path.stem not in found or _length(one) > _length(found[path.stem])):
                found[path.stem] = one
    return {
        name: replace(
            one,
            stdout=one.stdout[:SEED],
            files=tuple(replace(file, data=file.data[: SEED // 4]) for file in one.files[:8]),
        )
        for name, one in found.items()
    }


def _length(result: ProbeResult) -> int:
    return len(result.stdout) + sum(len(file.data) for file in result.files)


@cache
def _snapshot() -> Snapshot:
    return collect("host", Link(Replay(RECORDINGS / "sauced"), Privilege()), Wish())


def _cases(name: str) -> Iterator[Case]:
    """Give the parse functions of a scope with each of their probes flooded, and with all of them."""
    if name == AGAIN:
        yield from _looks_again()
        return
    scope, known = scopes()[name], _recorded(name)
    first = {probe.name for probe in scope.probes}
    looks: list[tuple[Parse, dict[str, ProbeResult]]] = [
        (scope.parse, {probe: known.get(probe, ProbeResult(probe, Outcome.OK)) for probe in sorted(first)})
    ]
    if scope.follow is not None:
        seconds = {probe: result for probe, result in known.items() if probe not in first}
        looks.append((partial(scope.follow.parse, _snapshot()), seconds))
    for parse, beside in looks:
        for probe in beside:
            yield Case(name, (probe,), parse, beside)
        if len(beside) > 1:
            yield Case(name, tuple(beside), parse, beside)


def _looks_again() -> Iterator[Case]:
    known, chosen = _recorded("files"), Selection(digests={"md5": []})
    for probe in attributes.probes(chosen):
        beside = {probe.name: known.get(probe.name, ProbeResult(probe.name, Outcome.OK))}
        yield Case(AGAIN, (probe.name,), lambda results: attributes.parse(results, chosen, {}), beside)


def _seconds(case: Case, grow: Grow, size: int, tries: int = 1) -> float:
    given, best = case.fed(grow, size), float("inf")
    for _ in range(tries):
        start = time.process_time()
        case.parse(given)
        best = min(best, time.process_time() - start)
    return best


def _steep(case: Case, grow: Grow, large: int, floor: float) -> str:
    """Return how the time grows where it does so faster than the input, "" where it does not."""
    after = _seconds(case, grow, large)
    for tries in range(1, TRIES + 1):
        if after < floor:
            break
        before = _seconds(case, grow, large // 4, tries)
        if after <= GROWTH * before:
            break
        after = min(after, _seconds(case, grow, large))
    else:
        return f"{before:.3f} s, {after:.3f} s for four times as much"
    return ""


def _steeps(name: str, shapes: Iterable[str], large: int, floor: float) -> list[str]:
    return [
        f"{'+'.join(case.probes)}, {shape}: {told}"
        for case in _cases(name)
        for shape in shapes
        if (told := _steep(case, SHAPES[shape], large if len(case.probes) == 1 else large // 4, floor))
    ]


@pytest.mark.parametrize("name", PARSERS)
def test_a_parser_takes_time_in_step_with_its_input(name: str) -> None:
    assert _steeps(name, OFTEN, LARGE, FLOOR) == []


def test_a_quadratic_parser_is_caught() -> None:
    def quadratic(results: Results) -> Parsed:
        seen: list[bytes] = []
        for line in results["p"].stdout.split(b"\n"):
            if line not in seen:
                seen.append(line)
        return Parsed()

    large = 24 << 10
    case = Case("s", ("p",), quadratic, {"p": ProbeResult("p", Outcome.OK)})
    assert _steep(case, _numbers, large, FLOOR)
    assert not _steep(case, _alike, large, FLOOR)


@pytest.mark.soak
@pytest.mark.parametrize("name", PARSERS)
def test_a_parser_takes_time_in_step_with_much_of_what_it_takes_longest_over(name: str) -> None:
    for case in _cases(name):
        slowest = max(SHAPES, key=lambda shape: _seconds(case, SHAPES[shape], LARGE))
        assert not _steep(case, SHAPES[slowest], MUCH, 3.0), (case.probes, slowest)
