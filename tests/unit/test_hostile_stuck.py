"""A tool that never ends, or never stops talking: found out once, and told by name wherever a probe calls it."""

import shutil
from pathlib import Path

import pytest

from driftscan.collect import frames
from driftscan.collect.bundle import TOOLS, Task
from driftscan.collect.frames import BundleSink
from driftscan.model.outcome import Outcome
from driftscan.scopes.base import Probe
from tests.unit import odd_root

LIES = {
    "hangs": "exec /host/bin/sleep 1000",
    "floods": "exec /host/usr/bin/yes no >&2",
    "sends zeros": "exec /host/bin/cat /dev/zero",
}
NONCE = "4e6f4e43" * 4


@pytest.mark.parametrize("lie", LIES)
def test_a_tool_that_does_not_end_is_told_by_name_and_not_called_again(
    lie: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not odd_root.can_run() or not shutil.which("dash"):
        pytest.skip("needs namespaces and dash")
    monkeypatch.setattr(frames, "_ANSWER", 1.0)
    monkeypatch.setattr(BundleSink.__init__, "__kwdefaults__", {**BundleSink.__init__.__kwdefaults__, "grace": 2.0})
    root = odd_root.make(tmp_path / "root")
    odd_root.give_tools(root)
    (root / "tools/find").unlink()
    (root / "tools/find").write_text(f"#!/bin/sh\n{LIES[lie]}\n")
    (root / "tools/find").chmod(0o755)
    probes = [
        Probe("called", "find /etc 2>/dev/null | sort", timeout=4.0),
        Probe("asked", ":", tools=("find",), timeout=4.0),
        Probe("other", "cat /etc/hostname"),
    ]
    stuck = [Probe("first", "find / >/dev/null 2>&1", timeout=1.0)]  # of zeros the bundle itself takes a few
    results = odd_root.run(root, [Task("s", probe) for probe in stuck + probes])
    assert results["s", "first"].outcome in {Outcome.TIMEOUT, Outcome.FAILED}
    found = {name: (result.outcome, result.detail) for (_, name), result in results.items() if name != "first"}
    why = (Outcome.FAILED, "no find that answers on the host")
    assert found == {"called": why, "asked": why, "other": (Outcome.OK, "")}


def test_a_host_that_is_asked_again_and_again_wins_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "_ANSWER", 0.0)
    sink = BundleSink([Task("s", Probe("a", ""))], NONCE)

    def asks(tool: str) -> float:
        sink.stdout(f"\n{NONCE} asks {tool}\n".encode())
        return sink.deadline()

    ends = asks(TOOLS[0])
    assert asks(TOOLS[0]) == ends
    assert asks("rm -rf /") == ends
    assert sink.asked == TOOLS[0]
