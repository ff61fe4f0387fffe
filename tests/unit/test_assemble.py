"""Assembling: items get their packages, and the coverage statement says what was not seen."""

import pytest

from driftscan.collect.assemble import Seen, assemble
from driftscan.model.item import Column, Item
from driftscan.model.outcome import Coverage, HostFile, Outcome, ProbeResult
from driftscan.model.ownership import Ownership
from driftscan.scopes.base import ItemScope, Parsed, scopes
from tests.unit.handmade import manifest

SCOPE = ItemScope(
    name="things",
    doc="things",
    columns=(
        Column("exe", "text", "a path"),
        Column("container", "text", "where"),
        Column("package", "text", "its package", owner_of="exe"),
    ),
    probes=(),
    parse=lambda _results: Parsed(),
)
DERIVED = ItemScope("links", "links", (), (), lambda _results: Parsed(), derive=lambda _snapshot, _path: ())
OWNED = Ownership([manifest("bash", b"/bin/bash")], {b"/bin": b"usr/bin"})


def thing(key: str, exe: object, container: str | None = None) -> Item:
    return Item("things", key, {"exe": exe, "container": container})


def assembled(*items: Item, ownership: Ownership | None = OWNED) -> list[Item]:
    return assemble([Seen(SCOPE, [], Parsed(items=items))], ownership)[0]


@pytest.mark.parametrize(
    ("item", "package"),
    [
        (thing("a", "/bin/bash"), "bash"),
        (thing("a", "/usr/bin/bash"), "bash"),
        (thing("a", "/opt/x"), ""),
        (thing("a", None), None),
        (thing("a", ""), None),
        (thing("a", "/bin/bash", "docker:1f"), None),
    ],
)
def test_an_item_gets_the_package_of_its_path(item: Item, package: str | None) -> None:
    (done,) = assembled(item)
    assert done.attributes == {**item.attributes, "package": package}


def test_no_packages_are_not_unknown_packages() -> None:
    assert assembled(thing("a", "/bin/bash"), ownership=None)[0].attributes["package"] is None
    assert assembled(thing("a", "/bin/bash"), ownership=Ownership([], {}))[0].attributes["package"] == ""


def test_no_item_hides_behind_another_of_the_same_key() -> None:
    done = assembled(thing("a", "/1"), thing("b", "/2"), thing("a", "/3"), thing("a", "/4"))
    assert [(item.key, item.attributes["exe"]) for item in done] == [
        ("a", "/1"),
        ("b", "/2"),
        ("a #2", "/3"),
        ("a #3", "/4"),
    ]


def coverage(*results: ProbeResult, parsed: Parsed | None = None) -> Coverage:
    return assemble([Seen(SCOPE, results, parsed or Parsed())], None)[1]["things"]


def test_all_that_was_seen_leaves_no_gap() -> None:
    seen = coverage(ProbeResult("one", Outcome.OK), ProbeResult("two", Outcome.ABSENT, detail="no rpm on the host"))
    assert seen == Coverage("things", Outcome.OK, 0)
    assert coverage(ProbeResult("two", Outcome.ABSENT)).outcome is Outcome.ABSENT
    assert coverage().outcome is Outcome.OK


@pytest.mark.parametrize("outcome", [Outcome.DENIED, Outcome.TIMEOUT, Outcome.FAILED, Outcome.UNPARSED])
def test_one_blind_probe_is_a_gap_of_its_scope(outcome: Outcome) -> None:
    seen = coverage(ProbeResult("one", Outcome.OK), ProbeResult("two", outcome, detail="why"))
    assert seen == Coverage("things", outcome, 0, (f"two: {outcome.value}, why",))


def test_files_that_could_not_be_read_are_named_and_counted() -> None:
    files = tuple(HostFile(b"/etc/%d\x1b" % number, Outcome.DENIED) for number in range(207))
    seen = coverage(ProbeResult("one", Outcome.OK, files=(HostFile(b"/etc/x", Outcome.OK, b"data"), *files)))
    assert seen.outcome is Outcome.DENIED
    assert seen.gaps == (f"one: denied, {', '.join(f'/etc/{n}' + chr(92) + 'x1b' for n in range(200))} and 7 more",)


def test_what_the_parser_did_not_understand_is_a_gap() -> None:
    parsed = Parsed(items=[thing("a", None)], unparsed={"one": "2 lines"}, denied={"two": "/x"}, notes=["a limit"])
    seen = coverage(ProbeResult("one", Outcome.OK), parsed=parsed)
    assert seen == Coverage("things", Outcome.UNPARSED, 1, ("two: denied, /x", "one: unparsed, 2 lines"), ("a limit",))


def test_what_is_derived_from_the_files_was_seen_as_far_as_they_were() -> None:
    files = ItemScope("files", "files", (), (), lambda _results: Parsed())
    blind = Seen(files, [ProbeResult("walk /", Outcome.TIMEOUT, detail="900 s")], Parsed(notes=["pruned"]))
    found = assemble([blind, Seen(DERIVED, [], Parsed())], None)[1]
    assert found["links"] == Coverage("links", Outcome.TIMEOUT, 0, ("walk /: timeout, 900 s",))
    assert found["files"].notes == ("pruned",)


def test_a_file_that_could_not_be_read_is_said_once() -> None:
    result = ProbeResult("one", Outcome.OK, files=(HostFile(b"/a", Outcome.DENIED), HostFile(b"/b", Outcome.DENIED)))
    assert coverage(result, parsed=Parsed(denied={"one": "/a, /b"})).gaps == ("one: denied, /a, /b",)
    gaps = coverage(result, parsed=Parsed(denied={"one": "2 files cannot be read"})).gaps
    assert gaps == ("one: denied, /a, /b", "one: denied, 2 files cannot be read")


def test_what_is_found_among_files_was_seen_as_far_as_the_directories_were() -> None:
    files = ItemScope("files", "files", (), (), lambda _results: Parsed())
    follow = next(scope for scope in scopes().values() if scope.follow is not None)
    for walked in (Outcome.DENIED, Outcome.OK):
        seen = [Seen(files, [ProbeResult("walk /", walked, detail="/root")], Parsed()), Seen(follow, [], Parsed())]
        assert assemble(seen, None)[1][follow.name].outcome is walked


def test_a_sudo_that_refused_is_told_where_something_was_not_seen() -> None:
    seen = [Seen(SCOPE, [ProbeResult("one", Outcome.DENIED, detail="/x")], Parsed())]
    assert assemble(seen, None, "not allowed")[1]["things"].gaps == ("sudo: denied, not allowed", "one: denied, /x")
    assert assemble([Seen(SCOPE, [ProbeResult("one", Outcome.OK)], Parsed())], None, "not")[1]["things"].gaps == ()
