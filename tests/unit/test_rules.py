"""Rules: every one has an id, a page and the facts that it needs; the pages are what `driftscan rules` prints."""

import json
import re
import subprocess
from collections.abc import Callable

import pytest

from driftscan.explain.base import explainers, item_explainers
from driftscan.findings.base import Rule, families, rules
from driftscan.scopes.base import scopes

Run = Callable[..., subprocess.CompletedProcess[str]]
EVERY = [rule for family in families() for rule in family.rules]


def test_ids_are_given_once() -> None:
    assert len({rule.id for rule in EVERY}) == len(EVERY)


@pytest.mark.parametrize("rule", EVERY, ids=lambda rule: rule.id)
def test_every_rule_has_a_page(rule: Rule) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.id)
    assert {rule.scope, *rule.needs} <= set(scopes())
    for words in (rule.title, rule.advice):
        assert words
        assert words == words.strip().rstrip(".")
        assert "\n" not in words
    assert rule.needs
    assert len(rule.doc.split()) >= 15


def test_every_explainer_says_what_it_does() -> None:
    assert len({one.name for one in explainers()}) == len(explainers())
    assert all(one.doc and 20 <= one.rank <= 80 for one in explainers())
    assert set(item_explainers()) <= set(scopes())
    assert all(one.doc for one in item_explainers().values())


def test_the_list_has_every_rule_gravest_first(cli: Run) -> None:
    told = json.loads(cli("rules", "--format", "json").stdout)
    assert {row["rule"] for row in told} == set(rules())
    order = ["critical", "high", "medium", "low", "info"]
    ranks = [order.index(row["severity"]) for row in told]
    assert ranks == sorted(ranks)


@pytest.mark.parametrize("width", [80, 140])
def test_a_page_fits_the_screen(cli: Run, width: int) -> None:
    lines = cli("rules", "show", "second-uid-0", columns=width).stdout.splitlines()
    assert lines[0] == "second-uid-0"
    assert "What to do: find out who uses it; remove the account" in " ".join(lines)
    assert max(map(len, lines)) <= width


def test_an_unknown_rule_is_a_misuse(cli: Run) -> None:
    done = cli("rules", "show", "no-such-rule")
    assert done.returncode == 2
    assert done.stderr == "driftscan: there is no rule 'no-such-rule'; see `driftscan rules`\n"
