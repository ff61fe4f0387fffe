import pytest

from driftscan.explain.view import View
from driftscan.findings.secrets import FAMILY
from driftscan.model.finding import Finding
from driftscan.model.item import Item
from tests.unit.handmade import leaf, snapshot, tree

KEY = {"name": "private_key", "kind": "private key", "line": 1, "encrypted": False}
VALUE = {"name": "DB_PASSWORD", "kind": "value", "line": 3}


def account(name: str, uid: int, *groups: str) -> Item:
    return Item(
        "accounts", f"user {name}", {"kind": "user", "name": name, "uid": uid, "gid": uid, "groups": list(groups)}
    )


def group(name: str, gid: int) -> Item:
    return Item("accounts", f"group {name}", {"kind": "group", "name": name, "gid": gid})


ACCOUNTS = [
    account("root", 0),
    account("deploy", 1001, "deploy", "shopdata"),
    group("root", 0),
    group("ssl-cert", 101),
    group("shopdata", 2500),
    group("users", 100),
    group("deploy", 1001),
]


def judged(path: str, meta: bytes, *secrets: dict, above: bytes = b"d755 0 0") -> list[Finding]:
    item = Item("contents", path, {"path": path, "secrets": list(secrets), "text": None})
    place = path.lstrip("/").encode()
    files = tree(leaf(place, meta), leaf(place.rpartition(b"/")[0], above))
    return list(FAMILY.find(View(snapshot([item, *ACCOUNTS], files=files))))


@pytest.mark.parametrize(
    ("meta", "above", "severity"),
    [
        (b"f600 0 0", b"d755 0 0", None),
        (b"f644 0 0", b"d755 0 0", "high"),
        (b"f644 0 0", b"d700 0 0", "medium"),
        (b"f640 0 101", b"d755 0 0", None),
        (b"f640 0 2500", b"d755 0 0", "high"),
        (b"f640 0 100", b"d755 0 0", "high"),
        (b"f640 1001 1001", b"d755 0 0", None),
    ],
)
def test_keys_that_others_can_read(meta: bytes, above: bytes, severity: str | None) -> None:
    found = judged("/etc/ssl/private/shop.key", meta, KEY, above=above)
    assert [(one.rule, one.severity.value) for one in found] == ([("key-readable", severity)] if severity else [])


def test_a_key_that_is_encrypted_is_less_of_a_matter() -> None:
    [found] = judged("/etc/a/shop.key", b"f644 0 0", KEY | {"encrypted": True})
    assert (found.severity.value, found.evidence["encrypted"]) == ("low", True)


@pytest.mark.parametrize(
    ("path", "meta", "above", "severity"),
    [
        ("/etc/app/env", b"f600 0 0", b"d755 0 0", "low"),
        ("/etc/app/env", b"f644 0 0", b"d755 0 0", "medium"),
        ("/etc/app/env", b"f644 0 0", b"d750 0 0", "low"),
        ("/var/www/app/config.php", b"f640 0 33", b"d755 0 0", "medium"),
    ],
)
def test_secrets_in_files(path: str, meta: bytes, above: bytes, severity: str) -> None:
    [found] = judged(path, meta, VALUE, VALUE | {"line": 4}, above=above)
    assert (found.rule, found.subject, found.severity.value) == ("secret-in-file", path, severity)
    assert found.evidence["secrets"] == ["DB_PASSWORD"]


def test_many_secrets_are_told_briefly() -> None:
    [found] = judged("/etc/app/env", b"f600 0 0", *(VALUE | {"name": f"N{number}"} for number in range(20)))
    assert (len(found.evidence["secrets"]), found.evidence["more"]) == (8, 12)


def test_a_file_without_secrets_and_one_that_is_gone() -> None:
    assert judged("/etc/app/env", b"f644 0 0") == []
    gone = Item("contents", "/etc/gone", {"secrets": [VALUE]})
    assert list(FAMILY.find(View(snapshot([gone], files=tree(leaf(b"etc/x", b"f644 0 0")))))) == []


def test_what_a_checkout_tracks_is_told_as_one() -> None:
    def secret(path: str) -> Item:
        return Item("contents", path, {"path": path, "secrets": [VALUE], "text": None})

    tracked = [f"/srv/app/test/{number}.yml" for number in range(5)]
    alone = ["/srv/app/.env", "/srv/app/local/x.yml", "/srv/app/.git/config", "/srv/other/a.yml", "/srv/app/master.key"]
    checkout = Item("checkouts", "/srv/app", {"path": "/srv/app", "kind": "git", "untracked": ["local/"]})
    few = Item("checkouts", "/srv/other", {"path": "/srv/other", "kind": "git", "untracked": []})
    files = tree(*(leaf(path.lstrip("/").encode(), b"f644 0 0") for path in tracked + alone))
    items = [checkout, few, *map(secret, tracked + alone)]
    found = {one.subject: one for one in FAMILY.find(View(snapshot([*items, *ACCOUNTS], files=files)))}
    assert set(found) == {"/srv/app", *alone}
    assert (found["/srv/app"].severity.value, found["/srv/app"].evidence["tracked files"]) == ("low", 5)
    assert {found[path].severity.value for path in alone} == {"medium"}
