"""The collector on a recorded host: what a refused session costs."""

import threading
from collections import Counter
from pathlib import Path

import pytest

from driftscan.collect.collector import Wish, collect
from driftscan.collect.runner import Link
from driftscan.errors import TransportError
from driftscan.transport.base import Channel, Privilege
from driftscan.transport.replay import Replay

STOCK = Path(__file__).parents[1] / "recordings" / "stock"


class Refusing(Replay):
    """A host that refuses some sessions by the number in its lane, as sshd does with MaxSessions 1."""

    def __init__(self, refused: set[tuple[str, int]]) -> None:
        super().__init__(STOCK)
        self._refused = refused
        self._asked = Counter[str]()

    def open(self, command: str, *, tty: bool = False) -> Channel:
        lane = threading.current_thread().name.partition("_")[0]
        self._asked[lane] += 1
        if (lane, self._asked[lane]) in self._refused:
            self._refused.discard((lane, self._asked[lane]))
            raise TransportError("no more sessions")
        return super().open(command, tty=tty)


FIRST, WALK, FILES, SMALL = ("survey", 1), ("survey", 2), ("files", 1), ("MainThread", 1)


@pytest.mark.parametrize("refused", [(), (FIRST,), (WALK,), (FILES,), (SMALL,), (FIRST, FILES), (WALK, FILES)])
def test_one_session_at_a_time_is_enough(refused: tuple[tuple[str, int], ...]) -> None:
    left = set(refused)
    snapshot = collect("stock", Link(Refusing(left), Privilege()), Wish())
    assert not left
    assert snapshot.complete, [coverage for coverage in snapshot.coverage.values() if coverage.gaps]
    assert snapshot.files > 10_000


def test_a_host_that_lets_nobody_in_is_an_error_and_no_snapshot() -> None:
    class Shut(Replay):
        def open(self, command: str, *, tty: bool = False) -> Channel:
            raise TransportError(f"no {command} here, terminal {tty}")

    with pytest.raises(TransportError, match=r"no .*/bin/sh here"):
        collect("stock", Link(Shut(STOCK), Privilege()), Wish())


def test_what_was_not_recorded_fails_by_name_and_costs_itself_alone(tmp_path: Path) -> None:
    (tmp_path / "system").symlink_to(STOCK / "system")
    snapshot = collect("part", Link(Replay(tmp_path), Privilege()), Wish(("system", "accounts")))
    assert snapshot.coverage["system"].outcome.seen
    assert not snapshot.coverage["accounts"].outcome.seen
    assert "not in this recording" in snapshot.coverage["accounts"].gaps[0]
