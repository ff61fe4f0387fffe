import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftscan.model.item import Item
from driftscan.model.outcome import HostFile, Outcome, ProbeResult
from driftscan.model.snapshot import Snapshot
from driftscan.model.treebuilder import Built, TreeBuilder
from driftscan.scopes.base import Parsed
from driftscan.scopes.checkout.urls import without_credentials
from driftscan.scopes.language_packages import SCOPE
from driftscan.scopes.languages.records import gathered
from tests.unit.handmade import Record, lines, manifest, snapshot


def survey(root: Path) -> Built:
    """Read a directory into a tree, as the survey does with a host's root."""
    records: list[Record] = []

    def add(path: str, relative: str) -> None:
        seen = os.lstat(path)
        kind = "l" if os.path.islink(path) else "d" if os.path.isdir(path) else "f"
        meta = (
            f"{kind}{seen.st_mode & 0o7777:o} {seen.st_uid} {seen.st_gid} {seen.st_size} {seen.st_mtime_ns / 1e9:.9f}"
        )
        link = os.readlink(path).encode() if kind == "l" else b""
        records.append((relative.encode(), meta.encode(), b"8.0 77 1", link))
        if kind == "d":
            for name in sorted(os.listdir(path), key=str.encode):
                add(f"{path}/{name}", f"{relative}/{name}".lstrip("/"))

    add(str(root), "")
    builder = TreeBuilder()
    builder.begin(b"")
    builder.add(lines(records))
    return builder.finish()


def seen(root: Path, *packaged: bytes) -> Snapshot:
    return snapshot(files=survey(root), manifests=[manifest("distro", *packaged)] if packaged else ())


def read(root: Path, scan: Snapshot, follow: object = SCOPE.follow) -> Parsed:
    """Let a scope take its second look below `root`, and hold it to the contract."""
    results = {}
    for probe in follow.probes(scan):  # type: ignore[attr-defined]
        words = re.findall(r"'((?:[^'\n]|'\\'')*)'(?: \\)?$", probe.script, re.MULTILINE)
        paths = [word.replace("'\\''", "'") for word in words]
        data = {path.encode(): Path(f"{root}{path}").read_bytes() for path in paths if path.startswith("/")}
        single = b"".join(data.values()) if probe.script.startswith("ds_real") else b""
        files = [] if single else [HostFile(path, Outcome.OK, content) for path, content in data.items()]
        results[probe.name] = ProbeResult(probe.name, Outcome.OK, stdout=single, files=tuple(files))
    parsed = follow.parse(scan, results)  # type: ignore[attr-defined]
    keys = [item.key for item in parsed.items]
    assert len(keys) == len(set(keys))
    json.dumps([[item.key, item.attributes, item.volatile] for item in parsed.items], ensure_ascii=False).encode()
    return parsed


def put(root: Path, files: dict[str, str]) -> None:
    for path, body in files.items():
        file = root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(body)


def items(root: Path, *packaged: bytes) -> dict[str, Item]:
    parsed = read(root, seen(root, *packaged))
    stable = {column.name for column in SCOPE.columns if not column.owner_of}
    assert all(set(item.attributes) == stable for item in parsed.items)
    return {item.key: item for item in parsed.items}


SITE = "/usr/local/lib/python3.11/dist-packages"
BOTTLE = f"{SITE}/bottle-0.12.23.dist-info"
RECORD = """\
../../../bin/bottle.py,sha256=3sTmrbCTa7rIGsfphxlXADJ12wrntHyHbs5ZyOkUuHA,151820
../../../../../etc/cron.d/not-mine,,
__pycache__/bottle.cpython-311.pyc,,
bottle-0.12.23.dist-info/INSTALLER,sha256=zuuue4knoyJ-UwPPXg8fezS7VCrXJQrAP7zeNuwvFQg,4
bottle-0.12.23.dist-info/RECORD,,
bottle.py,sha256=XH_jyPBQ93IzgrLTz2OKa1xuTmBimwP6Wz3DAuT_BdY,151823
"""


def test_a_package_of_pip_for_the_whole_system(tmp_path: Path) -> None:
    put(tmp_path, {f"{BOTTLE}/RECORD": RECORD, f"{BOTTLE}/INSTALLER": "pip\n", f"{BOTTLE}/REQUESTED": ""})
    put(
        tmp_path,
        {f"{SITE}/bottle.py": "", f"{SITE}/__pycache__/bottle.cpython-311.pyc": "", "/etc/cron.d/not-mine": ""},
    )
    put(tmp_path, {"/usr/local/bin/bottle.py": ""})
    put(tmp_path, {"/usr/lib/python3/dist-packages/six-1.16.0.egg-info/PKG-INFO": "Name: six\n"})
    found = items(tmp_path, b"/usr/lib/python3/dist-packages/six-1.16.0.egg-info/PKG-INFO")
    assert list(found) == [f"pip {SITE} bottle"]
    assert found[f"pip {SITE} bottle"].attributes == {
        "ecosystem": "pip",
        "name": "bottle",
        "version": "0.12.23",
        "root": SITE,
        "environment": "",
        "files": 6,
        "requested": True,
        "installer": "pip",
        "origin": "index",
        "metadata": BOTTLE,
        "paths": [
            "/usr/local/bin/bottle.py",
            "__pycache__/bottle.cpython-311.pyc",
            "bottle-0.12.23.dist-info",
            "bottle.py",
        ],
    }


def test_packages_of_an_environment(tmp_path: Path) -> None:
    site = "/opt/shop/venv/lib/python3.11/site-packages"
    put(tmp_path, {"/opt/shop/venv/pyvenv.cfg": "home = /usr/bin\n"})
    put(
        tmp_path,
        {
            f"{site}/zope_interface-7.0.dist-info/RECORD": 'zope/interface/__init__.py,,\n"zope/interface/a,b.py",,\n',
            f"{site}/zope_interface-7.0.dist-info/direct_url.json": json.dumps(
                {
                    "url": "https://ci:hunter2-x@git.example/zope.git",
                    "vcs_info": {"vcs": "git", "commit_id": "deadbeef", "requested_revision": "v7"},
                }
            ),
            f"{site}/zope.event-5.0.dist-info/RECORD": "zope/event/__init__.py,,\n",
            f"{site}/zope/interface/__init__.py": "",
            f"{site}/zope/interface/a,b.py": "",
            f"{site}/zope/event/__init__.py": "",
            f"{site}/zope/event/planted.py": "",
            f"{site}/setuptools/_vendor/wheel-0.43.0.dist-info/RECORD": "wheel/x.py,,\n",
            "/home/dev/project/thing.egg-info/PKG-INFO": "Name: thing\n",
        },
    )
    found = {item.attributes["name"]: item.attributes for item in items(tmp_path).values()}
    assert sorted(found) == ["zope-interface", "zope.event"]
    interface, event = found["zope-interface"], found["zope.event"]
    assert interface["environment"] == event["environment"] == "/opt/shop/venv"
    assert interface["paths"] == ["zope/interface", "zope_interface-7.0.dist-info"]
    assert interface["origin"] == "https://git.example/zope.git@deadbeef"
    assert event["paths"] == ["zope.event-5.0.dist-info", "zope/event/__init__.py"]
    assert event["requested"] is None


def test_packages_of_npm(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "/usr/local/lib/node_modules/json5/package.json": '{"name":"json5","version":"2.2.3"}',
            "/usr/local/lib/node_modules/json5/node_modules/inner/package.json": '{"version":"1.0.0"}',
            "/usr/local/lib/node_modules/@scope/tool/package.json": '{"version":"4.0.0"}',
            "/usr/local/lib/node_modules/npm/package.json": '{"version":"10.0.0"}',
            "/srv/web/package.json": '{"dependencies":{"left-pad":"1.3.0"}}',
            "/srv/web/node_modules/.package-lock.json": json.dumps(
                {
                    "packages": {
                        "node_modules/left-pad": {
                            "version": "1.3.0",
                            "resolved": "https://u:pw-1234@npm.example/l.tgz",
                        },
                        "node_modules/pulled": {"version": "9.9.9"},
                    }
                }
            ),
            "/srv/web/node_modules/left-pad/index.js": "",
            "/srv/web/node_modules/pulled/index.js": "",
            "/root/.npm/_npx/1/node_modules/x/package.json": "{}",
        },
    )
    (tmp_path / "usr/local/bin").mkdir(parents=True)
    (tmp_path / "usr/local/bin/json5").symlink_to("../lib/node_modules/json5/lib/cli.js")
    found = items(tmp_path, b"/usr/local/lib/node_modules/npm/package.json")
    told = {
        (one["name"], one["version"], one["environment"], one["requested"], one["origin"])
        for one in (item.attributes for item in found.values())
    }
    assert told == {
        ("@scope/tool", "4.0.0", "", True, "index"),
        ("json5", "2.2.3", "", True, "index"),
        ("left-pad", "1.3.0", "/srv/web", True, "https://npm.example/l.tgz"),
        ("pulled", "9.9.9", "/srv/web", False, "index"),
    }
    json5 = found["npm /usr/local/lib/node_modules json5"].attributes
    assert (json5["paths"], json5["files"]) == (["/usr/local/bin/json5", "json5"], 2)


def test_gems_composer_and_cargo(tmp_path: Path) -> None:
    gems = "/var/lib/gems/3.1.0"
    put(
        tmp_path,
        {
            f"{gems}/specifications/rack-2.2.4.gemspec": 's.executables = ["rackup".freeze]\n',
            f"{gems}/gems/rack-2.2.4/lib/rack.rb": "",
            f"{gems}/cache/rack-2.2.4.gem": "",
            f"{gems}/extensions/x86_64-linux/3.1.0/rack-2.2.4/gem_make.out": "",
            "/usr/local/bin/rackup": "",
            "/srv/php/vendor/composer/installed.json": json.dumps(
                {"packages": [{"name": "monolog/monolog", "version": "2.0.0"}, {"name": "../../etc/x"}, 7]}
            ),
            "/srv/php/vendor/monolog/monolog/src/a.php": "",
            "/root/.cargo/.crates.toml": '"ripgrep 13.0.0 (registry+https://index.example/)" = ["rg"]\n',
            "/root/.cargo/bin/rg": "",
        },
    )
    found = {item.attributes["name"]: item.attributes for item in items(tmp_path).values()}
    assert found["rack"]["paths"] == [
        "/usr/local/bin/rackup",
        "cache/rack-2.2.4.gem",
        "extensions/x86_64-linux/3.1.0/rack-2.2.4",
        "gems/rack-2.2.4",
        "specifications/rack-2.2.4.gemspec",
    ]
    assert found["rack"]["environment"] == ""
    assert (found["monolog/monolog"]["environment"], found["monolog/monolog"]["paths"]) == (
        "/srv/php",
        ["monolog/monolog"],
    )
    assert found["../../etc/x"]["paths"] == []
    assert (found["ripgrep"]["version"], found["ripgrep"]["paths"]) == ("13.0.0", ["bin/rg"])


def test_what_belongs_to_another_system_is_left_out(tmp_path: Path) -> None:
    for top in ("/srv/chroot", "/var/lib/docker/overlay2/ab/diff"):
        put(tmp_path, {f"{top}{BOTTLE}/RECORD": RECORD, f"{top}/etc/x": "", f"{top}/var/x": "", f"{top}/usr/bin/x": ""})
    assert items(tmp_path) == {}


def test_nothing_is_said_where_the_files_were_not_seen() -> None:
    follow = SCOPE.follow
    assert follow is not None
    assert not list(follow.probes(snapshot()))
    assert follow.parse(snapshot(), {}).unparsed


@given(
    st.dictionaries(st.sampled_from([b"a/x.py", b"a/b/y.py", b"c.py", b"a/b/z.py"]), st.sampled_from([b"one", b"two"]))
)
def test_gathering_keeps_every_file_of_a_package_and_takes_no_other(owners: dict[bytes, bytes]) -> None:
    from driftscan.model.directories import Directories
    from tests.unit.handmade import leaf, tree

    built = tree(*(leaf(b"site/" + name, b"f644 0 0") for name in (b"a/x.py", b"a/b/y.py", b"c.py", b"a/b/z.py")))
    directories = Directories(built.objects, built.tree, built.stats)
    records: dict[bytes, set[bytes]] = {b"one": set(), b"two": set()}
    for name, owner in owners.items():
        records[owner].add(b"/site/" + name)
    for owner, paths in gathered(directories, b"/site", records).items():
        covered = {
            b"/site/" + name
            for name in (b"a/x.py", b"a/b/y.py", b"c.py", b"a/b/z.py")
            if any(b"/site/" + name == path or (b"/site/" + name).startswith(path + b"/") for path in paths)
        }
        assert covered == records[owner]


@given(st.binary(max_size=400))
def test_garbage_in_metadata_raises_nothing(junk: bytes) -> None:
    from driftscan.scopes.base import scopes
    from tests.unit.handmade import leaf, tree

    paths = [
        b"usr/local/lib/python3/dist-packages/x-1.dist-info/RECORD",
        b"usr/local/lib/python3/dist-packages/x-1.dist-info/direct_url.json",
        b"srv/a/package.json",
        b"srv/a/node_modules/.package-lock.json",
        b"srv/a/node_modules/x/package.json",
        b"srv/a/vendor/composer/installed.json",
        b"var/lib/gems/3/specifications/x-1.gemspec",
        b"root/.cargo/.crates.toml",
        b"srv/a/Procfile",
        b"srv/a/pyproject.toml",
    ]
    scan = snapshot(files=tree(*(leaf(path, b"f644 0 0") for path in paths)))
    files = tuple(HostFile(b"/" + path, Outcome.OK, junk) for path in paths)
    for name, probe in (("language_packages", "metadata"), ("applications", "files")):
        follow = scopes()[name].follow
        assert follow is not None
        parsed = follow.parse(scan, {probe: ProbeResult(probe, Outcome.OK, files=files)})
        json.dumps([[item.key, item.attributes] for item in parsed.items], ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("url", "shown", "secret"),
    [
        (b"https://ci:ghp_0123456789abcdefghijklmnopqrstuvwxyz@git.example/a.git", "https://git.example/a.git", True),
        (b"https://glpat-0123456789abcdef@git.example/a.git", "https://git.example/a.git", True),
        (b"https://alice@git.example/a.git", "https://git.example/a.git", False),
        (b"https://u:pa/ss@git.example/a.git", "https://git.example/a.git", True),
        (b"https://git.example:8443/@scope/a@1.2", "https://git.example:8443/@scope/a@1.2", False),
        (b"https://git.example/a.git?private_token=abc", "https://git.example/a.git", False),
        (b"git@git.example:acme/a.git", "git@git.example:acme/a.git", False),
        (b"ssh://deploy@git.example:2222/a.git", "ssh://deploy@git.example:2222/a.git", False),
        (b"/srv/git/a.git", "/srv/git/a.git", False),
    ],
)
def test_addresses_lose_their_secrets(url: bytes, shown: str, secret: bool) -> None:
    assert without_credentials(url) == (shown, secret)
