"""Hosts that many tests read and none changes, one per flavor and test run; and what it takes to log in to them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from tests.lab import hosts

FLAVORS = ["bookworm", "sauced", "bookworm-nopy", "trixie", "sysv", "rpm", "arch", "busybox"]


@pytest.fixture(scope="session")
def flavor(worker_id: str) -> Iterator[Callable[[str], hosts.LabHost]]:
    """Return the host of a flavor, booted when it is first asked for; the sauced one with what only memory holds."""
    with ExitStack() as stack:

        @cache
        def get(name: str) -> hosts.LabHost:
            host = stack.enter_context(hosts.host(f"t-{name}-{worker_id}", name))
            if name == "sauced":
                host.root(Path(__file__).with_name("sauce.sh").read_text(), "bash -s live")
            return host

        yield get


@pytest.fixture
def login() -> Callable[..., list[str]]:
    """Return the arguments with which the command line logs in to a lab host."""

    def arguments(host: hosts.LabHost, user: str = "root") -> list[str]:
        return [f"{user}@{host.address}", "--identity", host.key, "--accept-new-host-key"]

    return arguments
