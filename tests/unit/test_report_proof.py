"""The report of a proof: in the page, nothing from a host acted upon, each reason once."""

from dataclasses import replace

import pytest

from driftscan.model.proof import Fidelity, Proof, Remainder
from driftscan.report.proof import told
from tests.unit.handmade import TAKEN

PROOF = Proof(
    host="web1.example.org",
    number=17,
    taken=TAKEN,
    role="0123456789abcdef0123456789abcdef",
    tool="ansible",
    blank="blank1",
    proven=TAKEN,
    changed=120,
    again=0,
    rebooted=True,
    fidelity=(Fidelity("accounts", 3, 3), Fidelity("files", 2000, 2000)),
    services=(4, 4),
    listeners=(0, 0),
    remainder=tuple(
        Remainder("files", f"/var/lib/redis/dump-{number}\x1b[2J", "data to be moved", failed=False)
        for number in range(30)
    ),
    made_up=("token", "deploy_password_hash"),
)
FAILED = replace(
    PROOF,
    again=3,
    fidelity=(Fidelity("files", 1999, 2000),),
    services=(3, 4),
    remainder=(
        Remainder("files", "/etc/" + "x" * 200, "mode 0755 -> 4755", failed=True),
        Remainder("services", "shop.service", "not up: failed", failed=True),
        *PROOF.remainder,
    ),
)


def page(proof: Proof, width: int = 80, *, everything: bool = False) -> str:
    lines = list(told(proof, width, everything=everything))
    assert all(line == line.rstrip() and line.isprintable() for line in lines)
    assert all(len(line) <= width or "x" * 100 in line for line in lines)
    return "\n".join(lines)


@pytest.mark.parametrize("width", [80, 140])
def test_a_proof_that_holds(width: int) -> None:
    words = page(PROOF, width)
    assert "web1.example.org@17" in words
    assert "role 0123456789ab" in " ".join(words.split())
    assert "first run: changed 120; second run: changed 0" in words
    assert "services: 4 of 4 up" in words
    assert "listeners: none is wanted" in words
    assert "secrets made up: token, deploy_password_hash" in words
    assert words.count("data to be moved") == 1
    assert "and 20 more: --all tells them" in words
    assert "\\x1b[2J" in words
    assert "Not there again" not in words
    assert words.splitlines()[-2].startswith("The proof holds") or words.splitlines()[-1].startswith("The proof holds")
    assert "more:" not in page(PROOF, width, everything=True)


@pytest.mark.parametrize("width", [80, 140])
def test_a_proof_that_does_not_hold(width: int) -> None:
    words = page(FAILED, width)
    assert "99.9 %" in words  # never rounded to all
    assert "Not there again: 2 things" in words
    assert words.index("shop.service: not up: failed") < words.index("Set aside")
    assert "1 thing not reproduced, 1 service not up, a second run changed 3" in " ".join(words.split())


def test_an_error_a_sandbox_and_a_stock_host() -> None:
    words = page(replace(PROOF, error="ansible-playbook broke", fidelity=(), again=None, remainder=()))
    assert "not proven: ansible-playbook broke" in words
    assert "second run: did not come to its end" in words
    assert "services" not in words
    assert "not known, nothing runs in a sandbox" in page(replace(PROOF, blank="sandbox:/srv/root"))
    words = page(replace(PROOF, fidelity=(), remainder=(), seen=False))
    assert "nothing to reproduce: a stock host of its release" in words
    assert "a host was not seen whole" in words
