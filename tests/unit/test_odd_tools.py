"""Poor hosts: a tool or an option that is not there costs what needs it, by name; and any POSIX shell will do."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from driftscan.collect.bundle import Task
from driftscan.collect.runner import Results
from driftscan.model.outcome import Outcome
from driftscan.scopes._shell import UNPRIVILEGED
from driftscan.scopes.base import Probe
from tests.unit import odd_root
from tests.unit.odd_root import Seen

BASIC = [tool for tool in odd_root.TOOLS if tool not in {"sh", "true", "printf", "chroot", "setpriv", "getconf", "ip"}]
OPTIONS = {  # tool -> options, as a pattern of the shell, that builds of busybox leave out
    "xargs": ["-0"], "head": ["-c"], "tail": ["-c"], "stat": ["-c"], "grep": ["-*[zZ]*"], "tar": ["-*h*"],
    "find": ["-print0", "-maxdepth", "-printf", "-xdev", "+"], "date": ["+*"], "sort": ["-u"], "dd": ["count=*"],
}  # fmt: skip
SHELLS = (["bash"], ["bash", "--posix"], ["busybox", "sh"], ["mksh"], ["yash"], ["ksh"], ["zsh", "--emulate", "sh"])
SLOW = (["posh"],)  # every printf is a process


@dataclass(frozen=True)
class Whole:
    """The host with all its tools, and what is seen of it then."""

    root: Path
    busybox: bool
    seen: Seen
    results: Results


@pytest.fixture(scope="module", params=["gnu", "busybox"])
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    busybox = request.param == "busybox"
    if not odd_root.can_run() or not shutil.which("dash") or (busybox and not shutil.which("busybox")):
        pytest.skip("needs namespaces, dash and busybox")
    root = odd_root.make(tmp_path_factory.mktemp("odd") / "root")
    odd_root.give_tools(root, busybox=busybox)
    seen, results = odd_root.look(root)
    assert {name for name in seen if seen[name]} >= {
        "accounts", "alternatives", "declarations", "diversions", "history", "kernel", "mounts", "network", "packages",
        "processes", "repositories", "schedules", "services", "statoverrides", "system", "ucf",
    }  # fmt: skip
    assert not [result for result in results.values() if not result.outcome.seen]
    return Whole(root, busybox, seen, results)


def costs_what_needs_it_by_name(whole: Whole, *tools: str) -> None:
    """Look again: a scope says the same as before, or which of `tools` it lacks; and none lacks anything else."""
    seen, results = odd_root.look(whole.root)
    for scope, items in whole.seen.items():
        gaps = []
        for (name, probe), result in results.items():
            if name != scope:
                continue
            if not result.outcome.seen:
                gaps.append(result.detail)
                assert any(tool in result.detail for tool in tools), (scope, probe, result.detail)
            elif result.outcome is Outcome.ABSENT:
                assert whole.results[name, probe].outcome is Outcome.ABSENT, (scope, probe, result.detail)
            gaps += [str(file.path) for file in result.files if file.outcome is Outcome.FAILED]
        if not gaps:
            assert seen[scope] == items, scope


@pytest.mark.parametrize(
    "lacking", [("awk", "readlink"), ("find", "stat", "tail"), ("xargs", "od", "id"), ("grep", "tr", "date")]
)
def test_some_tools_are_not_there(whole: Whole, lacking: tuple[str, ...]) -> None:
    odd_root.give_tools(whole.root, busybox=whole.busybox, lacking=lacking)
    costs_what_needs_it_by_name(whole, *lacking)


@pytest.mark.soak
@pytest.mark.parametrize("tool", BASIC)
def test_each_tool_is_not_there(whole: Whole, tool: str) -> None:
    odd_root.give_tools(whole.root, busybox=whole.busybox, lacking=[tool])
    costs_what_needs_it_by_name(whole, tool)


@pytest.mark.soak
@pytest.mark.parametrize(("tool", "option"), [(tool, one) for tool, options in OPTIONS.items() for one in options])
def test_each_option_is_not_known(whole: Whole, tool: str, option: str) -> None:
    odd_root.give_tools(whole.root, busybox=whole.busybox, poor={tool: option})
    costs_what_needs_it_by_name(whole, tool)


def test_nothing_is_run_as_root_where_nobody_can_tell_who_runs(whole: Whole) -> None:
    """Without `id`, what would write as root is still run as nobody."""
    odd_root.give_tools(whole.root, busybox=whole.busybox, lacking=["id"])
    probe = Probe("who", UNPRIVILEGED + "unprivileged grep ^Uid: /proc/self/status")
    results = odd_root.run(whole.root, [Task("test", probe)])
    assert b"\t0\t" not in results["test", "who"].stdout


@pytest.mark.soak
@pytest.mark.parametrize("shell", [*SHELLS, *SLOW], ids=" ".join)
def test_every_posix_shell_sees_the_same(whole: Whole, shell: list[str]) -> None:
    if not shutil.which(shell[0]):
        pytest.skip(f"no {shell[0]} here")
    odd_root.give_tools(whole.root, busybox=whole.busybox)
    started = time.monotonic()
    seen, results = odd_root.look(whole.root, shell)
    assert not [result for result in results.values() if not result.outcome.seen]
    assert seen == whole.seen
    assert time.monotonic() - started < 60
