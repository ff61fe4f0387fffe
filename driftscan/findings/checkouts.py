"""Checkouts whose files were changed in place, which keep a secret, or of which nobody can say what they are."""

from collections.abc import Iterator

from driftscan.explain.view import View
from driftscan.findings.base import Family, Rule
from driftscan.model.finding import Finding, Severity

CHANGED = Rule(
    "checkout-changed",
    Severity.MEDIUM,
    "checkouts",
    "holds tracked files that were changed on this host",
    "look at the difference, commit what is meant to stay, and throw the rest away",
    needs=("checkouts",),
    doc=(
        "A change in a checkout is one that only this host has: the next deployment overwrites it or stops at it, and "
        "a new host does not have it.\n\n"
        "Judged without running git, by what its index remembers of each tracked file: type, size, time, whether it "
        "may be executed. A file that was only touched counts until git looks at it again; one changed within the same "
        "second to the same size is not seen. In a copy, where no file has the time that the index remembers, time is "
        "left out of account. A working copy in somebody's home directory is nobody else's deployment: low."
    ),
)
CREDENTIALS = Rule(
    "checkout-credentials",
    Severity.HIGH,
    "checkouts",
    "keeps a password or token in the configuration of its checkout",
    "revoke the token, use a deploy key or a credential helper, and set the address without it (git remote set-url)",
    needs=("checkouts",),
    doc=(
        "Whoever can read the directory can use the secret, most often to write to the repository; and it goes with "
        "every backup and copy.\n\n"
        "Judged by the addresses of remotes (scheme://user:password@host, or a user name as long as a token), and by "
        "headers with an authorization. The value itself is neither kept nor shown."
    ),
)
UNKNOWN = Rule(
    "checkout-without-origin",
    Severity.LOW,
    "checkouts",
    "is a checkout of which nobody can say where it came from or what it is at",
    "find the repository and commit it corresponds to, or keep it as plain files",
    needs=("checkouts",),
    doc=(
        "A checkout without an address exists on this host alone; one without a commit, or with a broken repository, "
        "cannot be compared with anything.\n\n"
        "Judged by HEAD, the branches and the configuration as they lie there. Those of Subversion and Bazaar are not "
        "judged, nor bare repositories, for which this is usual."
    ),
)
_SOME = 5


def find(view: View) -> Iterator[Finding]:
    """Judge each checkout by its own files."""
    for item in view.of("checkouts"):
        has = item.attributes
        path = str(has["path"])
        if has.get("credentials"):
            yield CREDENTIALS.finding(path, {"remote": has["remote"]})
        if has.get("changed"):
            dirty = has.get("dirty") or []
            evidence = {"changed": has["changed"], "files": dirty[:_SOME], "untracked": has.get("strangers")}
            home = path.startswith(("/home/", "/root/"))
            yield CHANGED.finding(path, evidence, Severity.LOW if home else None)
        if has["kind"] in {"git", "hg"} and not has.get("bare") and not (has.get("remote") and has.get("commit")):
            yield UNKNOWN.finding(path, {name: has.get(name) for name in ("remote", "branch", "commit")})


FAMILY = Family((CHANGED, CREDENTIALS, UNKNOWN), find)
