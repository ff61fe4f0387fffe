"""Secrets that lie in files, and private keys that others can read."""

from collections.abc import Iterator
from typing import Any

from driftscan.explain.view import View
from driftscan.findings.base import Family, Rule
from driftscan.model.finding import Finding, Severity
from driftscan.model.item import Item, Json
from driftscan.model.text import raw
from driftscan.model.tree import Entry
from driftscan.scopes.texts.secret_files import names_secret

IN_FILE = Rule(
    "secret-in-file",
    Severity.LOW,
    "contents",
    "secrets are written down here",
    "move them into a store of secrets or a file that only the service reads; change what others may have read",
    needs=("contents", "files"),
    doc="""\
Whoever rebuilds the host must supply these values, and whoever reads the file has them. driftscan tells their names \
and lines; it does not keep the values.

Judged by names (PASSWORD, api_key), places (scheme://user:…@host, mysql -p…) and shapes (tokens, hashes). Low where \
the file is closed to others. Medium where every account can read it, the directories above included, or where it lies \
below the root of a web server. The histories of shells count: what was typed once is found there for years. Where a \
checkout brings several such files, there is one finding, and it is low: whoever has the repository has them anyway.

It is wrong where a value only looks like a secret, and it does not know secrets that nothing gives away.""",
)
KEY_READABLE = Rule(
    "key-readable",
    Severity.HIGH,
    "contents",
    "a private key that others may read",
    "chmod 600, and make a new key: nobody knows who has read this one",
    needs=("contents", "files"),
    doc="""\
A private key is only worth something while one service alone can read it.

Judged by the content (BEGIN … PRIVATE KEY) and the mode: others may read it, or a group to which people belong. High \
where the directories above let others through; medium where only a directory above keeps them out, for that is one \
chmod or one backup away from open, and low where the key itself is encrypted. A group made for keys (ssl-cert, \
ssh_keys) is none to which people belong.

It is wrong for the key of a test or an example.""",
)

_BROAD = {"users", "staff", "wheel", "adm", "sudo", "admin", "nogroup", "nobody"}
_WEB = ("/var/www/", "/srv/www/", "/srv/http/", "/usr/share/nginx/html/", "/usr/local/www/")
_NAMES = 8  # of secrets, in the evidence
_APART = 3  # files of a checkout that are told one by one


_File = tuple[Item, Entry, list[dict[str, Any]]]


def find(view: View) -> Iterator[Finding]:
    """Judge every file in which a secret was seen; those that one checkout tracks are told as one."""
    checkouts = _checkouts(view)
    tracked: dict[str, list[_File]] = {}
    for item in view.of("contents"):
        secrets: list[dict[str, Any]] = [one for one in item.attributes.get("secrets") or () if isinstance(one, dict)]
        entry = view.directories.entry(raw(item.key)) if secrets else None
        if entry is None:
            continue
        keys = [one for one in secrets if one.get("kind") == "private key"]
        others = [one for one in secrets if one.get("kind") != "private key"]
        if keys:
            yield from _key(view, item, entry, keys)
        if others:
            checkout = _tracking(item.key, checkouts)
            tracked.setdefault(checkout, []).append((item, entry, others))
    for checkout, files in tracked.items():
        if checkout and len(files) > _APART:
            yield _of_checkout(checkout, files)
        else:
            yield from (_secret(view, *file) for file in files)


def _of_checkout(checkout: str, files: list[_File]) -> Finding:
    """Tell as one what a checkout brings: those are samples, tests and texts more often than what this host needs."""
    paths: list[Json] = [item.key[len(checkout) + 1 :] for item, _, _ in files[:_NAMES]]
    names: list[Json] = list(_names_of([one for _, _, secrets in files for one in secrets])[:_NAMES])
    return IN_FILE.finding(checkout, {"tracked files": len(files), "such as": paths, "secrets": names})


def _checkouts(view: View) -> dict[str, set[str]]:
    """Return the checkouts, and what git says that it does not know in each."""
    return {item.key: {str(one) for one in item.attributes.get("untracked") or ()} for item in view.of("checkouts")}


def _tracking(path: str, checkouts: dict[str, set[str]]) -> str:
    """Return the checkout that seems to track the file at `path`; "" for one that people keep out of it, or a tool's.

    What its patterns ignore is not known one by one; such files have telling names (.env, master.key).
    """
    name = path.rpartition("/")[2]
    if path.startswith(_WEB) or name.startswith(".") or names_secret(raw(name)):
        return ""
    below = path
    while below := below.rpartition("/")[0]:
        if below in checkouts:
            rest = path[len(below) + 1 :]
            steps = {rest} | {rest[: at + 1] for at, char in enumerate(rest) if char == "/"}
            steps |= {step.rstrip("/") for step in steps}
            own = rest.startswith((".git/", ".hg/", ".svn/", ".bzr/"))
            return "" if own or below == "/etc" or steps & checkouts[below] else below
    return ""


def _names_of(secrets: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(str(one.get("name")) for one in secrets))


def _key(view: View, item: Item, entry: Entry, keys: list[dict[str, Any]]) -> Iterator[Finding]:
    known = view.names.attributes(entry)
    group = str(known["group"])
    by_group = bool(entry.mode & 0o040) and (group in _BROAD or _has_people(view, group))
    if not (entry.mode & 0o004 or by_group):
        return
    evidence: dict[str, Json] = {"mode": known["mode"], "user": known["user"], "group": group}
    severity = KEY_READABLE.severity
    closed = _closed_above(view, entry)
    if closed:
        evidence["only_closed_by"] = closed
        severity = Severity.MEDIUM
    if all(key.get("encrypted") for key in keys):
        evidence["encrypted"] = True
        severity = Severity.LOW
    yield KEY_READABLE.finding(item.key, evidence, severity)


def _secret(view: View, item: Item, entry: Entry, secrets: list[dict[str, Any]]) -> Finding:
    known = view.names.attributes(entry)
    open_to_all = bool(entry.mode & 0o004) and not _closed_above(view, entry)
    names = _names_of(secrets)
    evidence: dict[str, Json] = {"secrets": names[:_NAMES], "mode": known["mode"], "user": known["user"]}
    if len(names) > _NAMES:
        evidence["more"] = len(names) - _NAMES
    if any(one.get("kind") == "history" for one in secrets):
        evidence["typed"] = True
    in_web = item.key.startswith(_WEB)
    if in_web:
        evidence["below_web_root"] = True
    return IN_FILE.finding(item.key, evidence, Severity.MEDIUM if open_to_all or in_web else None)


def _closed_above(view: View, entry: Entry) -> str:
    """Return the directory above `entry` that lets nobody else through, "" if there is none."""
    step = entry.path.rpartition(b"/")[0]
    while step:
        directory = view.directories.entry(step)
        if directory is not None and directory.kind == "d" and not directory.mode & 0o001:
            return f"{step.decode('utf-8', 'replace')} {directory.mode:04o}"
        step = step.rpartition(b"/")[0]
    return ""


def _has_people(view: View, group: str) -> bool:
    """Whether accounts of people beside root belong to a group."""
    people = [
        item.attributes
        for item in view.of("accounts")
        if item.attributes.get("kind") == "user" and 1000 <= (item.attributes.get("uid") or 0) < 60000
    ]
    return any(group in (person.get("groups") or ()) and group != person.get("name") for person in people)


FAMILY = Family((IN_FILE, KEY_READABLE), find)
