"""Hosts of very many processes: what is made of them takes time and memory in step with their number."""

import time

import pytest

from driftscan.model.outcome import Outcome, ProbeResult
from driftscan.scopes import processes


def table(count: int, *, chain: bool) -> dict[str, ProbeResult]:
    """Return what the probes bring of `count` processes, each alike or each started by the one before."""
    stat, arguments, links, owners = [], [], [], []
    for pid in range(1, count + 1):
        parent = pid - 1 if chain else min(pid - 1, 1)
        numbers = f"{parent} 1 1 0 -1 4194560 " + "0 " * 12 + "500 9000000 300 " + "0 " * 27
        stat.append(f"/proc/{pid}/stat:{pid} (worker) S {numbers.strip()}\n")
        arguments.append(f"/proc/{pid}/cmdline:/usr/bin/worker\0/proc/{pid}/cmdline:--number={pid}\0")
        links.append(f"/proc/{pid}/exe\0/usr/bin/worker\0/proc/{pid}/cwd\0/\0")
        at = f"/proc/{pid}/status:"
        owners.append(
            f"/proc/{pid}/cgroup:0::/system.slice/w\n{at}State:\tS\n{at}Uid:\t0\t0\t0\t0\n{at}VmSize:\t9 kB\n"
        )
    told = {
        "self": "self 2\nticks 100\nbtime 1700000000\n",
        "stat": "".join(stat),
        "arguments": "".join(arguments),
        "links": "".join(links),
        "owners": "".join(owners),
        "libraries": "",
        "users": "root:x:0:0:root:/root:/bin/sh\n",
    }
    return {name: ProbeResult(name, Outcome.OK, stdout=text.encode()) for name, text in told.items()}


def seconds(count: int, *, chain: bool) -> float:
    results = table(count, chain=chain)
    started = time.process_time()
    parsed = processes.parse(results)
    assert not parsed.unparsed
    assert len(parsed.items) >= (1 if chain else count - 1)
    return time.process_time() - started


@pytest.mark.parametrize("chain", [False, True])
def test_five_times_the_processes_take_about_five_times_as_long(chain: bool) -> None:
    few = seconds(600, chain=chain)
    assert seconds(3000, chain=chain) < 12 * few + 0.2


@pytest.mark.soak
@pytest.mark.parametrize("chain", [False, True])
def test_a_hundred_thousand_processes(chain: bool) -> None:
    assert seconds(100_000, chain=chain) < 60
