"""Every fuzz target: with bytes near good ones in every run, under atheris in a long one."""

import importlib.util
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.target import targets
from tests.unit.conftest import long_run

SECONDS = os.environ.get("FUZZ_SECONDS", "120")  # of one target in a long run


@cache
def seeds(name: str) -> list[bytes]:
    found = list(targets()[name].seeds())
    assert found, "nothing to begin with"
    return found


@st.composite
def spoiled(draw: st.DrawFn, name: str) -> bytes:
    """Draw a seed with some of its bytes replaced, left out, or put there twice."""
    data = draw(st.sampled_from(seeds(name)))
    for _ in range(draw(st.integers(0, 3))):
        one, other = sorted(draw(st.integers(0, len(data))) for _ in range(2))
        junk = draw(st.sampled_from([b"", b"\0", b"\n", b"\xff\xfe", b"9" * 5000, b" ", b"\xb2", data[one:other]]))
        data = data[:one] + draw(st.one_of(st.just(junk), st.binary(max_size=8))) + data[other:]
    return data


@pytest.mark.parametrize("name", sorted(targets()))
@long_run(25, 0.01)
@given(data=st.data())
def test_no_bytes_break_a_reader(name: str, data: st.DataObject) -> None:
    targets()[name].check(data.draw(spoiled(name)))


@pytest.mark.soak
@pytest.mark.parametrize("name", sorted(targets()))
def test_atheris_finds_nothing(name: str, tmp_path: Path) -> None:
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris has no wheel for this Python")
    limits = ("-timeout=10", "-rss_limit_mb=1500", f"-max_total_time={SECONDS}", "-max_len=20000", "-verbosity=1")
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", name, *limits, "-print_final_stats=1", f"-artifact_prefix={tmp_path}/"],
        capture_output=True, text=True, check=False, errors="replace",
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    assert re.search(r"stat::number_of_executed_units: [1-9]", done.stderr)
