from collections.abc import Mapping
from pathlib import Path

import pytest

from driftscan.explain.applications import run_by, users_of
from driftscan.explain.view import View
from driftscan.findings.applications import FAMILY
from driftscan.model.item import Item
from driftscan.model.outcome import Outcome
from driftscan.scopes.applications import SCOPE
from tests.unit.handmade import leaf, snapshot, tree
from tests.unit.test_scope_language_packages import put, read, seen


def items(root: Path, *packaged: bytes) -> dict[str, dict]:
    parsed = read(root, seen(root, *packaged), SCOPE.follow)
    stable = {column.name for column in SCOPE.columns if not column.owner_of}
    assert all(set(item.attributes) == stable for item in parsed.items)
    return {item.key: dict(item.attributes) for item in parsed.items}


def test_a_deployment_without_any_file_that_names_it(tmp_path: Path) -> None:
    put(tmp_path, {"/opt/shop/venv/pyvenv.cfg": "", "/opt/shop/run.sh": "", "/opt/shop/releases/20220601/app.py": ""})
    put(tmp_path, {"/opt/shop/releases/20230114/app.py": "", "/opt/shop/shared/config/.env": "A=1"})
    put(tmp_path, {"/opt/shop/releases/20230114/config/.env": "", "/opt/shop/shared/config/.env.example": ""})
    put(tmp_path, {"/opt/shop/venv/lib/python3/site-packages/x/setup.py": ""})
    (tmp_path / "opt/shop/current").symlink_to("releases/20230114")
    [found] = items(tmp_path).values()
    assert (found["path"], found["name"], found["version"]) == ("/opt/shop", "shop", "20230114")
    assert (found["kinds"], found["markers"]) == (["python"], ["current", "venv"])
    assert found["environment_files"] == ["releases/20230114/config/.env", "shared/config/.env"]


def test_an_application_with_many_marks(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "/srv/apps/web/Gemfile": "",
            "/srv/apps/web/Procfile": "web: rackup -p 9292\nworker: node w.js --token=s3cr3t-token-1\n# no\n",
            "/srv/apps/web/package.json": '{"name":"legacy-web","version":"3.1.0"}',
            "/srv/apps/web/.git/config": "",
            "/srv/apps/web/node_modules/x/package.json": "{}",
            "/srv/apps/web/admin/composer.json": "{}",
        },
    )
    [found] = items(tmp_path).values()
    assert found["kinds"] == ["node", "ruby"]
    assert (found["name"], found["version"], found["checkout"]) == ("legacy-web", "3.1.0", "/srv/apps/web")
    assert found["markers"] == [".git", "Gemfile", "Procfile", "package.json", "admin/composer.json"]
    assert found["procfile"] == [["web", "rackup -p 9292"], ["worker", "node w.js --token=<secret:token>"]]


def test_places_where_a_mark_means_nothing(tmp_path: Path) -> None:
    nowhere = (
        "/opt/package.json", "/root/package.json", "/home/x/package.json", "/usr/share/lib/package.json",
        "/usr/src/linux/setup.py", "/root/.cache/a/setup.py", "/usr/lib/python3.11/x/setup.py",
        "/var/lib/docker/overlay2/a/app/Gemfile", "/tmp/x/Gemfile", "/srv/jail/opt/app/Gemfile",
    )  # fmt: skip
    put(tmp_path, dict.fromkeys(nowhere, "{}"))
    put(tmp_path, dict.fromkeys(("/srv/jail/etc/x", "/srv/jail/usr/bin/x", "/srv/jail/var/x"), ""))
    put(tmp_path, {"/srv/tomcat/webapps/shop.war": "", "/opt/java/lib/a.jar": "", "/opt/jdk/lib/jrt-fs.jar": ""})
    put(tmp_path, {"/srv/py/pyproject.toml": '[tool.x]\nname = "no"\n[project]\nname = "py"\nversion = "1.0"\n'})
    found = items(tmp_path, b"/usr/share/lib/package.json")
    assert {key: one["kinds"] for key, one in found.items()} == {
        "/opt/java": ["java"],
        "/srv/py": ["python"],
        "/srv/tomcat/webapps/shop.war": ["java"],
    }
    assert (found["/srv/py"]["name"], found["/srv/py"]["version"]) == ("py", "1.0")


def process(**known: object) -> Item:
    usual = {
        "user": "mark",
        "command": "python app.py",
        "unit": "rc-local.service",
        "argv": [],
        "cwd": "/",
        "exe": "/bin/p",
    }
    return Item("processes", "p", {**usual, **known}, {"pid": [47]})


RUNNING = (
    process(argv=["/opt/shop/venv/bin/python", "app.py"], cwd="/opt/shop/releases/1"),
    Item("sockets", "s", {"state": "listen", "protocol": "tcp", "address": "127.0.0.1", "port": 8081}, {"pid": [47]}),
    Item(
        "services", "rc", {"manager": "rc.local", "fragment": "/etc/rc.local", "command": "su -c '/opt/shop/run.sh >x'"}
    ),
    Item(
        "services",
        "b.service",
        {"manager": "systemd", "directory": "/var/www/b", "environment": "PATH=/opt/other:/bin"},
    ),
    Item("schedules", "c", {"file": "/etc/cron.d/c", "command": "cd /opt/shop && ./x"}),
    Item("schedules", "d", {"file": "/etc/cron.d/d", "command": "/opt/shop/y", "ignored": True}),
)


def running() -> View:
    files = tree(leaf(b"var/www/b", b"l777 0 0", b"/opt/b/current"), leaf(b"opt/b/x", b"f644 0 0"))
    return View(snapshot(RUNNING, files=files))


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (
            b"/opt/shop",
            [
                "mark: python app.py (rc-local.service)",
                "listens on tcp 127.0.0.1:8081",
                "started by /etc/rc.local",
                "scheduled in /etc/cron.d/c",
            ],
        ),
        (b"/opt/shop/venv", ["mark: python app.py (rc-local.service)", "listens on tcp 127.0.0.1:8081"]),
        (b"/opt/sho", []),
        (b"/opt/b", ["started by b.service"]),
        (b"/opt/other", []),
    ],
)
def test_who_runs_from_a_path(path: bytes, words: list[str]) -> None:
    assert run_by(running(), path) == words
    assert users_of(running(), path) == (["mark"] if words and words[0].startswith("mark") else [])


def application(path: str, kinds: list[str]) -> Item:
    return Item("applications", path, {"path": path, "kinds": kinds, "version": None, "markers": ["x"]})


def idle(found: Mapping[str, list[str]], contents: str = "", **outcomes: Outcome) -> list[str]:
    text = Item("contents", "/etc/nginx/x", {"path": "/etc/nginx/x", "text": contents})
    scan = snapshot(
        [*RUNNING, text, *(application(path, kinds) for path, kinds in found.items())],
        files=tree(leaf(b"var/www/old", b"l777 0 0", b"/srv/old/current"), leaf(b"srv/old/x", b"f644 0 0")),
        outcomes=outcomes,  # type: ignore[arg-type]
    )
    return [finding.subject for finding in FAMILY.find(View(scan))]


def test_an_application_that_nothing_runs() -> None:
    assert idle({"/opt/shop": ["python"], "/srv/old": ["node"]}) == ["/srv/old"]
    assert idle({"/srv/old": ["node"]}, "root /srv/old/public;") == []
    assert idle({"/srv/old": ["node"]}, "root /var/www/old/public;") == []
    assert idle({"/srv/old": ["node"]}, "root /srv/older;") == ["/srv/old"]
    assert idle({"/srv/old": ["docker", "node"], "/srv/b": [], "/home/x/a": ["go"]}) == []
    assert idle({"/srv/old": ["node"]}, processes=Outcome.DENIED) == []
