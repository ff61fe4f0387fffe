import pytest

from driftscan.explain.checkouts import EXPLAINER as CHECKOUTS
from driftscan.explain.language import EXPLAINER as LANGUAGE
from driftscan.explain.view import View
from driftscan.findings.language import FAMILY
from driftscan.model.item import Item
from tests.unit.handmade import Record, leaf, manifest, snapshot, tree

SITE = "/opt/shop/venv/lib/python3.11/site-packages"
LOCAL = "/usr/local/lib/python3.11/dist-packages"


def package(ecosystem: str, root: str, name: str, paths: list[str], **known: object) -> Item:
    usual = {"version": "1.0", "environment": "", "requested": True, "package": ""}
    known = {"ecosystem": ecosystem, "root": root, "name": name, "paths": paths, **usual, **known}
    return Item("language_packages", f"{ecosystem} {root} {name}", known)


def file(path: str) -> Record:
    return leaf(path.lstrip("/").encode(), b"f644 0 0")


def strangers(items: list[Item], *paths: str) -> list[str]:
    """Return what of `paths` neither a package nor the explainers of this file claim."""
    owned = manifest("base", b"/usr/local/bin", b"/usr/local/lib", b"/opt/x", b"/srv/x")
    view = View(snapshot(items, files=tree(*(file(path) for path in paths)), manifests=[owned]))
    exact, whole = set(), set()
    for explainer in (LANGUAGE, CHECKOUTS):
        for claim in explainer.claims(view):
            (whole if claim.whole else exact).add(claim.path)
    steps = {
        path.encode()[: at + 1].rstrip(b"/") for path in paths for at, c in enumerate(path + "/") if c == "/" if at
    }
    steps |= {path.encode() for path in paths}
    known = owned.files.keys() | {b"/opt", b"/srv", b"/usr", b"/usr/local", b"/home", b"/home/x"}
    left = [
        path for path in steps - exact - known if not any(path == top or path.startswith(top + b"/") for top in whole)
    ]
    return sorted(path.decode() for path in left)


def test_a_virtual_environment_is_explained_but_for_what_was_put_there() -> None:
    items = [
        package(
            "pip", SITE, "six", ["six.py", "six-1.0.dist-info", "/opt/shop/venv/bin/six"], environment="/opt/shop/venv"
        )
    ]
    assert strangers(
        items,
        "/opt/shop/venv/pyvenv.cfg",
        "/opt/shop/venv/bin/python3",
        "/opt/shop/venv/bin/activate.fish",
        "/opt/shop/venv/bin/six",
        "/opt/shop/venv/bin/miner",
        "/opt/shop/venv/lib64",
        "/opt/shop/venv/include/python3.11/x.h",
        f"{SITE}/six.py",
        f"{SITE}/six-1.0.dist-info/RECORD",
        f"{SITE}/__pycache__/six.cpython-311.pyc",
        f"{SITE}/__pycache__/evil.cpython-311.pyc",
        f"{SITE}/evil.py",
    ) == ["/opt/shop", "/opt/shop/venv/bin/miner", f"{SITE}/__pycache__/evil.cpython-311.pyc", f"{SITE}/evil.py"]


def test_packages_for_the_whole_system_are_explained() -> None:
    gems = "/var/lib/gems/3.1.0"
    bottle = ["bottle.py", "/usr/local/bin/bottle.py", "/usr/local/bin/__pycache__/bottle.cpython-311.pyc"]
    items = [
        package("pip", LOCAL, "bottle", bottle),
        package("npm", "/usr/local/lib/node_modules", "json5", ["json5", "/usr/local/bin/json5"]),
        package("gem", gems, "rack", ["gems/rack-1.0", "specifications/rack-1.0.gemspec"]),
    ]
    assert strangers(
        items,
        f"{LOCAL}/bottle.py",
        "/usr/local/bin/bottle.py",
        "/usr/local/bin/__pycache__/bottle.cpython-311.pyc",
        "/usr/local/bin/json5",
        "/usr/local/bin/other",
        "/usr/local/lib/node_modules/json5/lib/index.js",
        "/usr/local/lib/node_modules/.package-lock.json",
        "/usr/local/lib/node_modules/stray/index.js",
        f"{gems}/gems/rack-1.0/lib/rack.rb",
        f"{gems}/specifications/rack-1.0.gemspec",
    ) == ["/usr/local/bin/other", "/usr/local/lib/node_modules/stray", "/usr/local/lib/node_modules/stray/index.js"]


def test_modules_of_a_project_are_explained_by_its_lock_file() -> None:
    top = "/srv/web/node_modules"
    items = [package("npm", top, "left-pad", ["left-pad"], environment="/srv/web")]
    plain = (f"{top}/left-pad/index.js", f"{top}/stray.js", "/srv/web/app.js")
    assert strangers(items, *plain) == ["/srv/web", "/srv/web/app.js", f"{top}/stray.js"]
    assert strangers(items, *plain, "/srv/web/yarn.lock") == ["/srv/web", "/srv/web/app.js", "/srv/web/yarn.lock"]


def test_caches_of_the_tools_are_explained() -> None:
    paths = ("/home/x/.npm/_cacache/a/b", "/home/x/.npm/_logs/c", "/home/x/.cache/pip/http/d", "/home/x/.cache/other")
    assert strangers([], *paths) == ["/home/x/.cache", "/home/x/.cache/other"]


def checkout(**known: object) -> Item:
    usual = {"path": "/srv/app", "kind": "git", "remote": "https://git.example/a", "commit": "1" * 40, "untracked": []}
    return Item("checkouts", "/srv/app", {**usual, **known})


@pytest.mark.parametrize(
    ("known", "left"),
    [
        ({}, []),
        ({"untracked": ["lib/new/", "z"]}, ["/srv/app/lib/new", "/srv/app/lib/new/y", "/srv/app/z"]),
        ({"untracked": None}, []),
        ({"commit": None}, ["/srv/app", "/srv/app/.git", "/srv/app/.git/HEAD", "/srv/app/lib", "/srv/app/lib/a"]),
    ],
)
def test_a_checkout_explains_what_it_knows(known: dict, left: list[str]) -> None:
    paths = ["/srv/app/lib/a", "/srv/app/.git/HEAD"]
    paths += ["/srv/app/lib/new/y", "/srv/app/z"] if known.get("untracked") else []
    assert strangers([checkout(**known)], *paths) == left


def test_a_checkout_among_packaged_files_explains_itself_alone() -> None:
    view = View(
        snapshot(
            [checkout(path="/etc")],
            files=tree(file("/etc/.git/HEAD"), file("/etc/mine"), file("/etc/motd")),
            manifests=[manifest("base", b"/etc/motd")],
        )
    )
    assert [(claim.path, claim.whole) for claim in CHECKOUTS.claims(view)] == [(b"/etc/.git", True)]


@pytest.mark.parametrize(
    ("item", "told"),
    [
        (package("pip", LOCAL, "bottle", []), ["medium bottle==1.0"]),
        (package("pip", "/usr/local/lib/python3.9/dist-packages", "bottle", []), ["low bottle==1.0"]),
        (package("pip", "/usr/local/lib/python3.9/dist-packages", "Zope.Event", []), ["medium Zope.Event==1.0"]),
        (package("pip", LOCAL, "pip", []), []),
        (package("pip", LOCAL, "bottle", [], requested=False), []),
        (package("pip", LOCAL, "bottle", [], package="python3-bottle"), []),
        (package("pip", SITE, "bottle", [], environment="/opt/shop/venv"), []),
        (package("npm", "/usr/local/lib/node_modules", "json5", []), ["low json5@1.0"]),
        (package("gem", "/var/lib/gems/3.1.0", "rack", [], requested=None), ["low rack-1.0"]),
    ],
)
def test_what_is_said_of_packages_by_hand(item: Item, told: list[str]) -> None:
    marks = ("/usr/lib/python3.11/EXTERNALLY-MANAGED", "/usr/lib/python3/dist-packages/zope_event-4.dist-info/METADATA")
    view = View(
        snapshot(
            [item],
            files=tree(*(file(path) for path in marks)),
            manifests=[manifest("python3-zope.event", marks[1].encode())],
        )
    )
    assert [f"{one.severity.value} {one.subject}" for one in FAMILY.find(view)] == told
