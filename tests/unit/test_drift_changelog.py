"""The log of changes: links and files from tree to tree, and nothing taken away where nobody could look."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from driftscan.drift.changelog import changelog
from driftscan.model.item import Item
from driftscan.model.outcome import Outcome
from driftscan.store import Store
from tests.unit.handmade import TAKEN, Record, leaf, snapshot, tree

A, B = leaf(b"etc/link", b"l777 0 0", b"a"), leaf(b"etc/link", b"l777 0 0", b"b")
FILE = leaf(b"etc/file", b"f644 0 0")
STAYS = leaf(b"usr/x", b"f644 0 0")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Give an empty store."""
    with Store.open(tmp_path / "driftscan.db") as opened:
        yield opened


def save(store: Store, day: int, *records: Record, outcome: Outcome = Outcome.OK, items: tuple[Item, ...] = ()) -> None:
    made = snapshot(items, files=tree(STAYS, *records), outcomes={"files": outcome})
    store.save(replace(made, taken=TAKEN + timedelta(days=day)))


def told(store: Store, *scopes: str) -> list[tuple[int, str, str]]:
    return [(line.number, line.mark, line.key or line.said) for line in changelog(store, "web1", scopes)]


def test_links_and_files(store: Store) -> None:
    save(store, 0, A)
    save(store, 1, B, FILE)
    save(store, 2, FILE)
    assert told(store, "symlinks") == [(3, "-", "/etc/link"), (2, "~", "/etc/link")]
    assert told(store, "files") == [(3, "-", "/etc/link"), (2, "+", "/etc/file"), (2, "~", "/etc/link")]
    (line,) = changelog(store, "web1", ["symlinks"], TAKEN + timedelta(days=1, hours=-1), 9)[1:]
    assert (line.before, line.after) == (
        {"type": "link", "target": "a", "user": "0", "group": "0"},
        {"type": "link", "target": "b", "user": "0", "group": "0"},
    )


def test_a_directory_that_could_not_be_read(store: Store) -> None:
    save(store, 0, A, FILE)
    save(store, 1, outcome=Outcome.DENIED)
    save(store, 2, A, FILE)
    assert told(store, "files") == [(2, "?", "not seen whole (denied)")]


def test_what_changed_while_nobody_could_look_is_told_of_the_next_whole_look(store: Store) -> None:
    save(store, 0, FILE)
    save(store, 1, A, outcome=Outcome.DENIED)
    save(store, 2, A, leaf(b"etc/new", b"f600 0 0"))
    assert told(store, "files") == [
        (3, "-", "/etc/file"),
        (3, "+", "/etc/new"),
        (2, "?", "not seen whole (denied)"),
        (2, "+", "/etc/link"),
    ]


def test_a_content_that_changed_behind_the_same_size_and_time(store: Store) -> None:
    for day in range(2):
        save(store, day, FILE, items=(Item("files", "/etc/file", {"digest": f"sha256:{day}"}),))
    assert told(store, "files") == [(2, "~", "/etc/file")]


def test_what_may_have_been_there_is_counted(store: Store) -> None:
    for day, outcome in enumerate((Outcome.DENIED, Outcome.DENIED, Outcome.OK)):
        items = tuple(Item("packages", f"p{number}", {"name": "p"}) for number in range(day * 2))
        made = snapshot(items, outcomes={"packages": outcome})
        store.save(replace(made, taken=TAKEN + timedelta(days=day)))
    unproven = "2 seen for the first time: no look before was whole, they may have been there"
    assert told(store, "packages") == [
        (3, "?", unproven),
        (2, "?", unproven),
        (2, "?", "not seen whole since snapshot 1, 2 times (denied)"),
    ]
