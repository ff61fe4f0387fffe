"""The sauced host: everything that was planted is named in a report that a person reads in five minutes."""

from collections.abc import Callable

import pytest

from tests.lab import hosts, recall
from tests.lab.auditor import Auditor

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("sauced")]
_MOST = 120  # lines of a report that is still read


@pytest.fixture(scope="module")
def report(flavor: Callable[[str], hosts.LabHost], tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    host = flavor("sauced")
    auditor = Auditor(tmp_path_factory.mktemp("auditor"))
    login = [f"root@{host.address}", "--identity", host.key, "--accept-new-host-key"]
    done = auditor.run("audit", *login, COLUMNS="120")
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def told(report: list[str]) -> list[str]:
    """Return the findings and finds of a report, without its head and its tail."""
    titles = [number for number, line in enumerate(report) if line.startswith("-- ")]
    return report[titles[0] : titles[2]]


def test_every_line_of_the_truth_is_named_by_a_finding_or_a_find(report: list[str]) -> None:
    missed = recall.missed("\n".join(told(report)))
    named = len(recall.TRUTH) - len(missed)
    print(f"\nnamed: {named} of {len(recall.TRUTH)}, in {len(report)} lines; lines that name nothing planted:")
    print("\n".join(recall.beside(told(report))))
    assert [(line.kind, line.name) for line in missed] == []


def test_the_report_is_read_in_five_minutes(report: list[str]) -> None:
    assert len(report) <= _MOST
