"""Accounts that give away more than they seem to."""

from collections.abc import Iterator

from driftscan.explain.view import View
from driftscan.findings.base import Family, Rule
from driftscan.model.finding import Finding, Severity

SECOND_ROOT = Rule(
    "second-uid-0",
    Severity.CRITICAL,
    "accounts",
    "is root under another name",
    "find out who uses it; remove the account, or give it a number of its own",
    needs=("accounts",),
)
EMPTY_PASSWORD = Rule(
    "empty-password",
    Severity.CRITICAL,
    "accounts",
    "needs no password to log in",
    "lock it (passwd -l), or set a password",
    needs=("accounts",),
)


def find(view: View) -> Iterator[Finding]:
    """Judge every user."""
    for item in view.of("accounts"):
        user = item.attributes
        if user.get("kind") != "user":
            continue
        name = str(user.get("name"))
        evidence = {key: user.get(key) for key in ("uid", "home", "shell", "password")}
        if user.get("uid") == 0 and name != "root":
            yield SECOND_ROOT.finding(name, evidence)
        if user.get("password") == "empty":
            yield EMPTY_PASSWORD.finding(name, evidence)


FAMILY = Family((SECOND_ROOT, EMPTY_PASSWORD), find)
