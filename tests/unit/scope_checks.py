"""What every scope of items is held to: whatever a host sends, and wherever it is cut off."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace

from hypothesis import strategies as st

from driftscan.model.outcome import HostFile, Outcome, ProbeResult
from driftscan.scopes.base import ItemScope, Parsed

Results = dict[str, ProbeResult]
Recorded = Callable[[str, str], Results]  # flavor, scope


def well_formed(scope: ItemScope, parsed: Parsed) -> None:
    """Hold what a scope made of its results to the contract of items."""
    stable = {column.name for column in scope.columns if not column.volatile and not column.owner_of}
    volatile = {column.name for column in scope.columns if column.volatile}
    keys = [item.key for item in parsed.items]
    assert len(keys) == len(set(keys))
    assert all(keys)
    for item in parsed.items:
        assert item.scope == scope.name
        assert set(item.attributes) == stable, item.key
        assert set(item.volatile) <= volatile, item.key
        for part in (item.key, item.attributes, item.volatile):
            json.dumps(part, ensure_ascii=False).encode()  # no lone surrogates
    probes = {probe.name for probe in scope.probes}
    for words in (parsed.unparsed, parsed.denied):
        assert set(words) <= probes or scope.follow is not None  # whose probes depend on the host
        assert all(words.values())


def truncated(results: Results, probe: str, at: int) -> Results:
    """Return `results` as they are when the connection ends within the output of `probe`."""
    whole = results[probe]
    return {**results, probe: replace(whole, outcome=Outcome.TIMEOUT, stdout=whole.stdout[:at], files=())}


def garbled(results: Results) -> st.SearchStrategy[Results]:
    """Give `results` with one probe's output cut, overwritten, spliced with another's, or made up."""
    names = st.sampled_from(sorted(results))
    return st.tuples(names, names, st.floats(0, 1), st.floats(0, 1), st.binary(max_size=40), st.booleans()).map(
        lambda drawn: _garble(results, *drawn)
    )


def _garble(
    results: Mapping[str, ProbeResult], name: str, other: str, start: float, end: float, junk: bytes, only: bool
) -> Results:
    whole, foreign = results[name], results[other].stdout
    body = junk if only else _spliced(whole.stdout, foreign, start, end, junk)
    files = tuple(
        HostFile(file.path, file.outcome, _spliced(file.data, foreign[:200], start, end, junk)) for file in whole.files
    )
    return {**results, name: replace(whole, stdout=body, files=files)}


def _spliced(data: bytes, foreign: bytes, start: float, end: float, junk: bytes) -> bytes:
    first, last = sorted((int(start * len(data)), int(end * len(data))))
    return data[:first] + junk + foreign[first:last] + data[last:]
