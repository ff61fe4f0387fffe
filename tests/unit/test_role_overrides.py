"""Diversions, overrides of rights and alternatives in a role."""

from typing import Any

import pytest

from driftscan.model.item import Item
from driftscan.role.model import LeftOut
from driftscan.role.planners import overrides
from driftscan.role.resources import Alternative, Diversion, Link, StatOverride
from driftscan.role.steering import Steering, Wanted
from tests.unit.handmade import leaf, manifest
from tests.unit.role_desk import desk_of, item, planned

NANO = manifest("nano", b"/usr/bin/nano", b"/usr/bin/vim")
LEAVES = [leaf(b"/usr/bin/nano", b"f755 0 0"), leaf(b"/usr/bin/vim", b"f755 0 0"), leaf(b"/opt/ed", b"f755 0 0")]


def editor(value: str, status: str, *choices: tuple[str, int], package: str = "nano") -> Item:
    return item(
        "alternatives", "editor", name="editor", link="/usr/bin/editor", status=status, value=value,
        best=max(choices, key=lambda one: one[1])[0], choices=[list(one) for one in choices], slaves=[],
        package=package,
    )  # fmt: skip


PACKAGED = (("/usr/bin/nano", 40), ("/usr/bin/vim", 30))


def found(one: Item, **desk: Any) -> list[Any]:
    return planned(overrides, desk_of([one], *LEAVES, manifests=[NANO], **desk))


def test_a_local_diversion_is_made_again_and_a_packages_is_not() -> None:
    mine = item("diversions", "/usr/bin/nano", path="/usr/bin/nano", diverted_to="/usr/bin/nano.distrib", by="")
    (one,) = found(mine)
    assert isinstance(one, Diversion)
    assert (one.path, one.to, one.why.scope) == ("/usr/bin/nano", "/usr/bin/nano.distrib", "diversions")
    assert found(item("diversions", "/bin/sh", path="/bin/sh", diverted_to="/bin/sh.distrib", by="dash")) == []


@pytest.mark.parametrize(("maker", "kinds"), [("", [StatOverride]), ("cron", []), (None, [LeftOut])])
def test_an_override_of_rights_is_made_again_where_no_package_does(maker: str | None, kinds: list[type]) -> None:
    one = item("statoverrides", "/usr/bin/nano", path="/usr/bin/nano", user="root", group="ops", mode="4750",
               made_by=maker, package="nano")  # fmt: skip
    made = found(one, steering=Steering(rename={"ops": "operators"}))
    assert [type(one) for one in made] == kinds
    if kinds == [StatOverride]:
        assert (made[0].user, made[0].group, made[0].mode) == ("root", "operators", "4750")


@pytest.mark.parametrize(
    ("one", "by_hand", "manual", "priority"),
    [
        (editor("/usr/bin/vim", "manual", *PACKAGED), False, True, 30),
        (editor("/usr/bin/nano", "manual", *PACKAGED), False, True, 40),
        (editor("/opt/ed", "auto", *PACKAGED, ("/opt/ed", 99), package=""), True, False, 99),
        (editor("/opt/ed", "manual", *PACKAGED, ("/opt/ed", 1), package=""), True, True, 1),
        (editor("/usr/bin/nano", "auto", *PACKAGED, ("/opt/ed", 1)), True, False, 1),
    ],
)
def test_a_choice_is_made_again(one: Item, by_hand: bool, manual: bool, priority: int) -> None:
    (made,) = found(one)
    assert isinstance(made, Alternative)
    assert (made.name, made.link, made.why.key) == ("editor", "/usr/bin/editor", "editor")
    assert (made.by_hand, made.manual, made.priority) == (by_hand, manual, priority)


def test_what_packages_chose_is_left_to_them() -> None:
    assert found(editor("/usr/bin/nano", "auto", *PACKAGED)) == []


def test_a_choice_that_leads_nowhere_is_named() -> None:
    (one,) = found(editor("/opt/gone", "manual", *PACKAGED, ("/opt/gone", 50), package=""))
    assert isinstance(one, LeftOut)
    assert "/opt/gone" in one.reason


def test_a_link_that_is_none_of_the_choices_is_a_link() -> None:
    (one,) = found(editor("/opt/ed", "manual", *PACKAGED, package=""))
    assert isinstance(one, Link)
    assert (one.path, one.target) == ("/etc/alternatives/editor", "/opt/ed")


def test_a_choice_by_hand_beside_a_manual_one_is_named() -> None:
    first, second = found(editor("/usr/bin/vim", "manual", *PACKAGED, ("/opt/ed", 50)))
    assert isinstance(first, LeftOut)
    assert "/opt/ed" in first.reason
    assert isinstance(second, Alternative)
    assert second.value == "/usr/bin/vim"


def test_what_is_excluded_is_not_planned() -> None:
    one = editor("/usr/bin/vim", "manual", *PACKAGED)
    assert found(one, steering=Steering(exclude=(Wanted("edit*", "alternatives"),))) == []
