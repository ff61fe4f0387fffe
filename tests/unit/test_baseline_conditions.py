"""What fits an expectation: versions by their own rules, lists in any order, everything else as it is."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftscan.baseline.conditions import fits

DEB, RPM, APK, ARCH = ({"manager": name} for name in ("dpkg", "rpm", "apk", "pacman"))
PIP, NPM, GEM, CARGO, COMPOSER = ({"ecosystem": name} for name in ("pip", "npm", "gem", "cargo", "composer"))


@pytest.mark.parametrize(
    ("item", "expected", "found", "fit"),
    [
        (DEB, "any", "1.22.1-9", True),
        (DEB, "any", None, True),
        (DEB, "1.22.1-9", "1.22.1-9", True),
        (DEB, "1.22", "1.22.1-9", False),
        (DEB, ">= 1.22", "1.22.1-9+deb12u1", True),
        (DEB, ">=1.22.1-10", "1.22.1-9", False),
        (DEB, ">= 1.0", "1.0~rc1-1", False),
        (DEB, ">= 9", "1:1.0", True),
        (DEB, "< 2, >= 1", "1.5-1", True),
        (DEB, "< 2, >= 1", "2.0-1", False),
        (DEB, "!= 1.5-1", "1.5-1", False),
        (DEB, "= 0:1.5-1", "1.5-1", True),
        (RPM, ">= 2.10", "2.9-1.el9", False),
        (RPM, "> 5", "1:2.0-1.el9", True),
        (RPM, "< 1.0", "1.0~rc1-1", True),
        (APK, ">= 1.2.3", "1.2.3-r1", True),
        (APK, "< 1.2.3", "1.2.3_rc1-r0", True),
        (ARCH, ">= 6", "1:5.1-1", True),
        (PIP, "< 1.0", "1.0rc1", True),
        (PIP, "== 1.0", "1.0.0", True),
        (NPM, "> 1.9.0", "1.10.0", True),
        (NPM, "< 1.0.0", "1.0.0-beta.1", True),
        (GEM, "< 2", "2.0.pre1", True),
        (CARGO, ">= 0.9", "0.10.1", True),
        (COMPOSER, ">= 2.0.0", "v2.1.0", True),
        (DEB, ">= 1", None, False),
        (DEB, ">= 1", "not a version", False),
        (DEB, "not a version", "not a version", True),
        ({"manager": "portage"}, ">= 1", "2", False),
        ({}, ">= 1", "2", False),
        ({}, "2", "2", True),
        (DEB, None, None, True),
        (DEB, None, "1", False),
    ],
)
def test_versions(item: dict[str, Any], expected: Any, found: Any, fit: bool) -> None:
    scope = "packages" if "manager" in item else "language_packages"
    assert fits(scope, "version", expected, found, item) is fit


@pytest.mark.parametrize(
    ("expected", "found", "fit"),
    [
        ("0644", "0644", True),
        ("0644", "0645", False),
        (5, 5, True),
        (5, "5", False),
        (1, True, False),
        (0, False, False),
        (False, False, True),
        (False, None, False),
        (0, None, False),
        (None, None, True),
        (None, "", True),
        (None, [], True),
        ([], None, True),
        ("", None, True),
        (None, "x", False),
        (None, False, False),
        ("x", None, False),
        (["a", "b"], ["b", "a"], True),
        (["a", "b"], ["b", "a", "a"], False),
        (["a"], ["a", "b"], False),
        ([["a", "50"], None], [None, ["a", 50]], True),
        ({"a": "1"}, {"a": 1}, True),
        ({"a": "1"}, {"a": 2}, False),
        (["a"], "a", False),
    ],
)
def test_everything_else(expected: Any, found: Any, fit: bool) -> None:
    assert fits("accounts", "members", expected, found, {}) is fit


def test_lines_are_whole_and_there_may_be_others() -> None:
    assert fits("files", "lines", ["b", "a"], "a\n# b\nb\n", {})
    assert fits("files", "lines", ["b"], ["a", "b"], {})
    assert not fits("files", "lines", ["b"], "a\n# b\n", {})
    assert not fits("files", "lines", ["b"], None, {})


words = st.text(max_size=8)
anything: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)
operators = st.sampled_from(["", ">= ", "< ", "=", "!=", ",", ">= 1, < "])


@settings(deadline=None, max_examples=50)
@given(anything, anything, st.sampled_from([DEB, RPM, APK, ARCH, PIP, NPM, GEM, CARGO, COMPOSER, {"manager": []}]))
def test_garbage_fits_or_does_not(expected: Any, found: Any, item: dict[str, Any]) -> None:
    for scope, attribute in (("packages", "version"), ("files", "lines"), ("accounts", "members")):
        assert fits(scope, attribute, expected, found, item) in {True, False}
    assert fits("accounts", "members", found, found, item)


@settings(deadline=None, max_examples=50)
@given(operators, st.text(), st.text(), st.sampled_from([DEB, RPM, APK, ARCH, PIP, NPM, GEM, CARGO, COMPOSER]))
def test_garbage_versions_fit_or_do_not(operator: str, one: str, other: str, item: dict[str, Any]) -> None:
    assert fits("packages", "version", operator + one, other, item) in {True, False}
