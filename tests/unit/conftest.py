"""What tests of several scopes share: recordings of the lab's hosts as the results that a scope's parser gets."""

import os
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from driftscan.collect.bundle import Task, new_nonce, program
from driftscan.collect.frames import BundleSink
from driftscan.model.outcome import Outcome, ProbeResult
from driftscan.scopes.base import scopes
from driftscan.store import Store
from driftscan.transport.replay import load
from tests.conftest import Cli
from tests.unit.born import command_line

settings.register_profile("soak", parent=settings.get_profile("house"), max_examples=100_000, database=None)

Test = TypeVar("Test", bound=Callable[..., None])
RECORDINGS = Path(__file__).parent.parent / "recordings"


def pytest_configure(config: pytest.Config) -> None:
    """Choose the long profile where the long tests were asked for."""
    wanted = os.environ.get("HYPOTHESIS_PROFILE") or ("soak" if config.option.markexpr == "soak" else "")
    if wanted:
        settings.load_profile(wanted)


def long_run(quick: int, share: float = 1.0) -> Callable[[Test], Test]:
    """Give a test `quick` examples in every run; in a long one it is marked `soak`, with its `share` of the profile's."""  # noqa: E501

    def marked(test: Test) -> Test:
        if settings.get_current_profile_name() != "soak":
            return settings(max_examples=quick, suppress_health_check=list(HealthCheck))(test)
        most = max(quick, int(settings.get_profile("soak").max_examples * share))
        return pytest.mark.soak(settings(max_examples=most, suppress_health_check=list(HealthCheck))(test))

    return marked


class Recordings:
    """Called with a flavor of the lab and a scope, gives its recorded results by probe name, as `parse` gets them."""

    def __call__(self, flavor: str, scope: str) -> dict[str, ProbeResult]:
        folder = RECORDINGS / flavor / scope
        probes = [index.stem for index in sorted(folder.glob("*.json"))]
        results = {probe: result for probe in probes if (result := load(RECORDINGS / flavor, scope, probe))}
        assert results, f"no recording in {folder}: make one with driftscan scan --record"
        return results

    @staticmethod
    def flavors(scope: str) -> list[str]:
        """Return the flavors that were recorded for `scope`."""
        return sorted(folder.parent.name for folder in RECORDINGS.glob(f"*/{scope}"))


def look(root: Path, scope: str, shell: str = "sh") -> dict[str, ProbeResult]:
    """Run the probes of a scope that need no running kernel below `root`, as the transport `image` does."""
    return run_below(root, [Task(scope, probe) for probe in scopes()[scope].probes if not probe.live], shell)


def run_below(root: Path, tasks: list[Task], shell: str) -> dict[str, ProbeResult]:
    """Run tasks of one scope below `root` and return their results by the probes' names."""
    nonce = new_nonce()
    sink = BundleSink(tasks, nonce)
    command = [*shell.split(), "-c", program(tasks, nonce, str(root)).decode("utf-8", "surrogateescape")]
    stdin, held_open = os.pipe()  # its end would end the bundle
    try:
        ended = subprocess.run(
            command, stdin=stdin, capture_output=True, check=False, timeout=60, start_new_session=True
        )
    finally:
        os.close(stdin)
        os.close(held_open)
    sink.stdout(ended.stdout)
    sink.stderr(ended.stderr)
    sink.finish(Outcome.FAILED, "the shell ended")
    return {probe: result for (_, probe), result in sink.results.items()}


def cut(results: dict[str, ProbeResult], probe: str, size: int) -> dict[str, ProbeResult]:
    """Return `results` with the output of `probe` cut off after `size` bytes, as when a host stops answering."""
    result = results[probe]
    return {**results, probe: replace(result, outcome=Outcome.TIMEOUT, stdout=result.stdout[:size])}


@st.composite
def garbled(draw: st.DrawFn, results: Iterable[ProbeResult]) -> dict[str, ProbeResult]:
    """Draw results of a hostile host: each output cut off, overwritten in the middle, or spliced with another's."""
    known = list(results)
    every = [data for result in known for data in (result.stdout, *(file.data for file in result.files)) if data]

    def spoil(data: bytes) -> bytes:
        kind = draw(st.sampled_from(["whole", "cut", "overwritten", "spliced"]))
        at = draw(st.integers(0, len(data)))
        if kind == "cut":
            return data[:at]
        if kind == "overwritten":
            return data[:at] + draw(st.binary(max_size=20)) + data[at + draw(st.integers(0, 20)) :]
        if kind == "spliced" and every:
            other = draw(st.sampled_from(every))
            return data[:at] + other[draw(st.integers(0, len(other))) :][:2000] + data[at:]
        return data

    return {
        one.probe: replace(
            one,
            stdout=spoil(one.stdout),
            files=tuple(replace(file, data=spoil(file.data)) for file in one.files),
        )
        for one in known
    }


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Run `driftscan …` with an empty home and a database of this test's own, in a process that is soon there."""
    return command_line(tmp_path)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a SQLite database with tables and views, to be copied."""
    path = tmp_path_factory.mktemp("made") / "driftscan.db"
    Store.open(path).close()
    return path


@pytest.fixture(scope="session")
def recorded() -> Recordings:
    """Give `recorded(FLAVOR, SCOPE)`, a dict of ProbeResult by probe name, and `recorded.flavors(SCOPE)`."""
    return Recordings()
