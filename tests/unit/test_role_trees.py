"""What has a source of its own: language packages by version, checkouts by commit, and when neither will do."""

from base64 import urlsafe_b64encode
from hashlib import sha256

from driftscan.explain.view import View
from driftscan.findings.base import judge
from driftscan.model.item import Item
from driftscan.role.model import Role
from driftscan.role.plan import plan
from driftscan.role.resources import Absent, Checkout, File, LanguagePackages, Resource
from driftscan.role.steering import Steering, Wanted
from tests.unit.handmade import leaf, manifest, snapshot, tree

_SITE = "/opt/shop/venv/lib/python3/site-packages"
_SAYS = {
    "/opt/shop/venv/pyvenv.cfg": b"home = /usr/bin\ninclude-system-site-packages = true\n",
    f"{_SITE}/bottle.py": b"code",
}


def _package(**more: object) -> Item:
    has = {
        "ecosystem": "pip", "name": "bottle", "version": "0.12", "root": _SITE, "environment": "/opt/shop/venv",
        "requested": True, "origin": None, "metadata": f"{_SITE}/bottle-0.12.dist-info", "package": "", **more,
    }  # fmt: skip
    return Item("language_packages", f"pip {has['root']} {has['name']}", has)


def _role(*items: Item, found: bytes = b"code", steering: Steering | None = None) -> Role:
    record = f"bottle.py,sha256={urlsafe_b64encode(sha256(b'code').digest()).decode().rstrip('=')},4\n"
    says = {**_SAYS, f"{_SITE}/bottle-0.12.dist-info/RECORD": record.encode()}
    hashed = Item("files", f"{_SITE}/bottle.py", {"digest": f"sha256:{sha256(found).hexdigest()}"})
    paths = [leaf(path.encode(), b"f644 0 0") for path in (*says, "/opt/shop/app.py", "/srv/site/a", "/srv/site/b")]
    seen = snapshot(
        (*items, hashed), files=tree(leaf(b"/usr/bin/true", b"f755 0 0"), *paths),
        manifests=[manifest("base", b"/usr/bin/true")],
    )  # fmt: skip
    view = View(seen)

    def read(path: bytes) -> bytes | None:
        return says.get(path.decode(), b"text\n")

    return plan(view, judge(view), steering or Steering(), read)[0]


def _of(role: Role, kind: type[Resource]) -> list[Resource]:
    return [one for one in role.resources if isinstance(one, kind)]


def _paths(role: Role) -> set[str]:
    return {one.path for one in role.resources if isinstance(one, File)}


def test_an_environment_is_installed_from_the_index() -> None:
    role = _role(_package())
    (made,) = _of(role, LanguagePackages)
    assert isinstance(made, LanguagePackages)
    assert (made.environment, made.packages) == ("/opt/shop/venv", (("bottle", "0.12"),))
    assert made.system_packages
    assert "/opt/shop/app.py" in _paths(role)
    assert not any(path.startswith("/opt/shop/venv/") for path in _paths(role))


def test_one_that_somebody_has_edited_is_carried_as_it_is() -> None:
    role = _role(_package(), found=b"patched")
    assert not _of(role, LanguagePackages)
    assert f"{_SITE}/bottle.py" in _paths(role)


def test_so_is_one_from_elsewhere_and_one_that_a_person_wants_whole() -> None:
    assert not _of(_role(_package(origin="file:///root/bottle")), LanguagePackages)
    assert not _of(_role(_package(), steering=Steering(include=(Wanted("/opt/shop/venv"),))), LanguagePackages)


def test_for_the_whole_system_what_somebody_asked_for_is_enough() -> None:
    mine = _package(environment="", root="/usr/local/lib/x", metadata="/usr/local/lib/x/a")
    other = _package(
        environment="", root="/usr/local/lib/x", name="six", requested=False, metadata="/usr/local/lib/x/b"
    )
    role = _role(mine, other)
    (made,) = _of(role, LanguagePackages)
    assert isinstance(made, LanguagePackages)
    assert [name for name, _ in made.packages] == ["bottle"]
    assert any(one.key.endswith(" six") for one in role.left_out)


def test_a_checkout_is_its_commit_and_what_was_changed_in_it() -> None:
    has = {
        "path": "/srv/site", "kind": "git", "remote": "https://git.example/site.git", "commit": "c" * 40,
        "branch": "main", "bare": False, "tracked": 3, "changed": 2, "dirty": ["b", "gone"], "strangers": 0,
        "untracked": [], "package": "",
    }  # fmt: skip
    role = _role(Item("checkouts", "/srv/site", has))
    (made,) = _of(role, Checkout)
    assert isinstance(made, Checkout)
    assert (made.remote, made.commit) == ("https://git.example/site.git", "c" * 40)
    assert "/srv/site/b" in _paths(role)
    assert "/srv/site/a" not in _paths(role)
    assert [one.path for one in _of(role, Absent)] == ["/srv/site/gone"]  # type: ignore[attr-defined]
    without = _role(Item("checkouts", "/srv/site", {**has, "commit": None}))
    assert not _of(without, Checkout)
    assert {"/srv/site/a", "/srv/site/b"} <= _paths(without)
