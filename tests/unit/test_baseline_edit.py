"""Edits of a baseline: the lines they are about change, all else stays, and what was written comes back."""

import os
import stat
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from driftscan.baseline.edit import Document
from driftscan.baseline.load import BaselineError, load
from driftscan.baseline.model import Grade
from driftscan.model.drift import Acceptance, Kind
from driftscan.model.finding import Severity
from driftscan.model.text import text
from tests.unit.test_baseline_load import EXAMPLE

ODD = """\
%YAML 1.1
---
# A file that somebody has had for a while

'role':   webserver   # the web
packages:
    # those of the shop
    nginx:   any      # the front
    redis-server: { 'version': any,   "hold": true }

    zsh: absent
    # telnetd: on web7 only

# --- services ---
services: {nginx.service: {enabled: enabled},   cron.service: present}  # in braces
accounts:
  user b:

    uid: 0o7   # not octal
    # and a shell
    shell: "/bin/sh"
  "user a": &anchor {uid: 5}
  user c: *anchor
  ? user d
  : gid: 7
files:
  /a: {
    mode: "0644",
    # why root
    user: root
  }
  /b:
    lines:
    - one
    - >-
      two
      three

  /c: {digest: 'sha256:aa'}
ignore:
-   path: /x
    # a comment inside
    reason: >
      because
      of it
-
  {key: y, reason: y}
# the end
...
"""


def document(directory: Path, content: str, name: str = "web.yaml") -> Document:
    (directory / name).write_bytes(content.encode())
    return Document.read(directory / name)


def changed(before: str, after: str) -> tuple[list[str], list[str]]:
    """Return the lines that went and that came, by difflib."""
    import difflib

    lines = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    return [line[2:] for line in lines if line[:2] == "- "], [line[2:] for line in lines if line[:2] == "+ "]


ODD = ODD.replace("0o7 ", "7 ")


@pytest.mark.parametrize(
    "content", [ODD, EXAMPLE, "", "# nothing yet\n", "role: web", "\ufeffrole: web\n", "packages:\n"]
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_document_that_is_not_edited_stays_as_it_is(tmp_path: Path, content: str, newline: str) -> None:
    for name in ("debian-12", "common"):
        (tmp_path / f"{name}.yaml").write_text("")
    content = content.replace("\n", newline)
    kept = document(tmp_path, content).text()
    assert kept.rstrip() == content.removeprefix("\ufeff").rstrip()
    assert kept in {content, content + "\n", content.removeprefix("\ufeff")}


EDITS: list[tuple[str, Any, list[str], list[str]]] = [
    ("in order", lambda d: d.expect("packages", "openssl", {"version": "any"}), [], ["    openssl: any"]),
    ("first", lambda d: d.expect("packages", "apt", None), [], ["    apt: present"]),
    ("last", lambda d: d.expect("packages", "zz", "absent"), [], ["    zz: absent"]),
    ("same", lambda d: d.expect("packages", "redis-server", {"hold": True, "version": "any"}), [], []),
    (
        "the comment stays in its column",
        lambda d: d.expect("packages", "nginx", {"version": ">= 1"}),
        ["    nginx:   any      # the front"],
        ['    nginx:   ">= 1"   # the front'],
    ),
    (
        "what stays in braces keeps its spelling",
        lambda d: d.expect("packages", "redis-server", {"version": "any", "hold": False, "state": "installed"}),
        ["""    redis-server: { 'version': any,   "hold": true }"""],
        ["""    redis-server: {'version': any, hold: false, state: installed}"""],
    ),
    ("forgotten", lambda d: d.forget("packages", "zsh"), ["    zsh: absent"], []),
    ("forgotten, not its comment", lambda d: d.forget("packages", "nginx"), ["    nginx:   any      # the front"], []),
    ("never known", lambda d: d.forget("packages", "vim"), [], []),
    (
        "a section in braces gets lines",
        lambda d: d.expect("services", "x.service", {"active": "active"}),
        ["services: {nginx.service: {enabled: enabled},   cron.service: present}  # in braces"],
        [
            "services:  # in braces",
            "  nginx.service: {enabled: enabled}",
            "  cron.service: present",
            "  x.service: {active: active}",
        ],
    ),
    (
        "attributes in lines",
        lambda d: d.expect("accounts", "user b", {"uid": 8, "shell": "/bin/sh", "home": "/x"}),
        ["    uid: 7   # not octal"],
        ["    uid: 8   # not octal", "    home: /x"],
    ),
    (
        "attributes in lines that go",
        lambda d: d.expect("accounts", "user b", {"uid": 7}),
        ['    shell: "/bin/sh"'],
        [],
    ),
    (
        "lines give way to a word, their comments do not",
        lambda d: d.expect("accounts", "user b", "absent"),
        ["  user b:", "", "    uid: 7   # not octal", "    # and a shell", '    shell: "/bin/sh"'],
        ["  # and a shell", "  user b: absent"],
    ),
    ("an alias", lambda d: d.expect("accounts", "user c", {"uid": 6}), ["  user c: *anchor"], ["  user c: {uid: 6}"]),
    (
        "braces over lines",
        lambda d: d.expect("files", "/a", {"mode": "0600"}),
        ["  /a: {", '    mode: "0644",', "    # why root", "    user: root", "  }"],
        ["  # why root", '  /a: {mode: "0600"}'],
    ),
    (
        "a list in lines",
        lambda d: d.expect("files", "/b", {"lines": ["# x", "z"]}),
        ["    lines:", "    - one", "    - >-", "      two", "      three"],
        ['    lines: ["# x", z]'],
    ),
    (
        "an item, as the others are indented",
        lambda d: d.ignore("deploy: *", "jobs", "processes"),
        [],
        ['- {scope: processes, key: "deploy: *", reason: jobs}'],
    ),
    ("a comment", lambda d: d.comment("packages", "vim: \x1b[0m\n #"), [], ["    # vim: \\x1b[0m\\n #"]),
    ("a tree", lambda d: d.tree("/opt/x", "data"), [], ["trees:", "  /opt/x: data", ""]),
    ("a policy", lambda d: d.others("packages", "allowed"), [], ["others:", "  packages: allowed", ""]),
    (
        "a severity",
        lambda d: d.grade(Grade(Severity.HIGH, "", "files", "/x", Kind.CHANGED, "mode")),
        [],
        ["severity:", "  - {scope: files, key: /x, kind: changed, attribute: mode, severity: high}", ""],
    ),
]


@pytest.mark.parametrize(("edit", "gone", "come"), [case[1:] for case in EDITS], ids=[case[0] for case in EDITS])
def test_an_edit_changes_the_lines_that_it_is_about(
    tmp_path: Path, edit: Any, gone: list[str], come: list[str]
) -> None:
    edited = document(tmp_path, ODD)
    edit(edited)
    went, came = changed(ODD, edited.text())
    assert ([*filter(None, went)], [*filter(None, came)]) == ([*filter(None, gone)], [*filter(None, come)])
    edited.save(tmp_path / "web.yaml")
    load(tmp_path / "web.yaml")


def test_every_edit_at_once_is_read_back(tmp_path: Path) -> None:
    edited = document(tmp_path, ODD)
    for _, edit, _, _ in EDITS:
        edit(edited)
    edited.save(tmp_path / "web.yaml")
    baseline = load(tmp_path / "web.yaml")
    assert baseline.expected["accounts", "user b"].absent
    assert baseline.expected["files", "/b"].attributes == {"lines": ["# x", "z"]}
    assert baseline.expected["accounts", "user d"].attributes == {"gid": 7}
    assert ("packages", "zsh") not in baseline.expected
    assert "# why root" in edited.text()
    assert "# the end\n...\n" in edited.text()


def test_a_new_document_is_readable() -> None:
    made = Document.new("web", ["debian-12", "common"])
    made.accept(Acceptance("files", "/etc/motd", "CHG-1042", "jane", date(2026, 12, 31), ""))
    made.expect("services", "nginx.service", {"active": "active", "enabled": "enabled"})
    made.expect("packages", "vim", {"version": "2:9.0"})
    made.expect("packages", "nginx", {"version": "any"})
    made.comment("packages", "telnetd: on web7 only")
    made.expect("packages", "curl", {"hold": True, "version": "1.20"})
    made.tree("/opt/shop", "tree:9f86")
    made.expect("files", "/etc/motd", {"mode": "0644", "lines": ["Authorized use only."]})
    made.ignore("/opt/shop/log", "the application writes it")
    assert (
        made.text().split("\n\n", 1)[1]
        == """\
role: web
extends: [debian-12, common]

packages:
  curl: {version: "1.20", hold: true}
  nginx: any
  vim: "2:9.0"
  # telnetd: on web7 only

services:
  nginx.service: {enabled: enabled, active: active}

files:
  /etc/motd: {mode: "0644", lines: [Authorized use only.]}

trees:
  /opt/shop: {digest: "tree:9f86"}

ignore:
  - {path: /opt/shop/log, reason: the application writes it}

accept:
  - {path: /etc/motd, why: CHG-1042, who: jane, until: 2026-12-31}
"""
    )
    assert made.text().startswith("# Golden baseline: ")


def test_acceptances_go_into_a_file_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text("role: web\n")
    accepted = Acceptance("kernel", "sysctl x", "w", "me", date(2026, 1, 2), "", Kind.CHANGED)
    made = Document.new_acceptances("web")
    made.accept(accepted)
    made.save(tmp_path / "web.accept.yaml")
    again = Document.read(tmp_path / "web.accept.yaml")
    again.accept(Acceptance("files", "/a", "w", "me", date(2026, 1, 2), ""))
    again.save(tmp_path / "web.accept.yaml")
    assert [one.pattern for one in load(tmp_path / "web.yaml").acceptances] == ["sysctl x", "/a"]
    listed = document(tmp_path, "# mine\n- {path: /b, why: w, who: me, until: 2026-01-02}  # b\n", "web.accept.yaml")
    listed.accept(accepted)
    assert listed.text() == (
        "# mine\n- {path: /b, why: w, who: me, until: 2026-01-02}  # b\n"
        "- {scope: kernel, key: sysctl x, kind: changed, why: w, who: me, until: 2026-01-02}\n"
    )
    with pytest.raises(BaselineError):
        listed.expect("packages", "a", None)


@pytest.mark.parametrize(
    ("content", "edit"),
    [
        ("{role: web, packages: {a: any}}", lambda d: d.expect("packages", "b", None)),
        ("files: &x {/a: {}}\ntrees:\nignore: []\npackages: *x", lambda d: d.expect("packages", "b", None)),
        ("packages: {a: {version: any,\n # x\n hold: true}}", lambda d: d.expect("packages", "b", None)),
        ("<<: {packages: {a: any}}", lambda d: d.expect("packages", "b", None)),
        ("accounts: {x: &x {}}\nfiles:\n  <<: {/a: {}}\n", lambda d: d.forget("files", "/a")),
    ],
)
def test_what_cannot_be_edited_line_by_line_is_refused(tmp_path: Path, content: str, edit: Any) -> None:
    with pytest.raises(BaselineError) as caught:
        edit(document(tmp_path, content))
    assert caught.value.hint.startswith("write ")


def test_a_save_is_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "real.yaml"
    path.write_text("role: real\n")
    path.chmod(0o640)
    link = tmp_path / "web.yaml"
    link.symlink_to("real.yaml")
    edited = Document.read(link)
    edited.expect("packages", "a", {"version": "any"})
    edited.save(link)
    assert link.is_symlink()
    assert "a: any" in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    edited.expect("files", "no path", None)
    with pytest.raises(BaselineError, match="no absolute path"):
        edited.save(link)
    assert "no path" not in path.read_text()
    with pytest.raises(BaselineError, match="cannot be written"):
        Document.new("x").save(tmp_path / "none" / "x.yaml")
    assert sorted(os.listdir(tmp_path)) == ["real.yaml", "web.yaml"]
    Document.new("x").save(tmp_path / "x.yaml")
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((tmp_path / "x.yaml").stat().st_mode) == 0o666 & ~umask


HOSTILE = r"""- a|a: b|a #b|#a|{{ x }}|{|[|*a|&a|!a|%a|@a|`a|'|"|? a|?|-|a:|: a|null|~|no|y|1|1.20|0x1|1e3|2026-01-01
12:30:45|<<|=|>|---|...|a,b|a]b|\\"""
hostile = st.sampled_from(
    [
        *HOSTILE.replace("\n", "|").split("|"),
        "a\nb",
        "a\n",
        " a",
        "a ",
        "\t",
        "\x85",
        "\u2028",
        "\ufeff",
        "x" * 3000,
        "é" * 600,
        "|",
        "",
    ]
).map(str.encode)
whatever = st.binary(max_size=30) | st.text(max_size=20).map(lambda one: one.encode("utf-8", "replace"))
names = (hostile | whatever).map(text)
paths = names.map(lambda name: "/" + name.strip("/").replace("//", "/"))
values = st.fixed_dictionaries(
    {},
    optional={"shell": names | st.none(), "uid": st.integers(-(2**70), 2**70), "members": st.lists(names | st.none())},
)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(names, values, max_size=4),
    st.dictionaries(paths, st.lists(names, max_size=3), max_size=3),
    st.lists(names, max_size=3),
)
@example({"\U0010ffff": {}, "": {"members": []}}, {}, [])
def test_what_is_written_is_read(
    things: dict[str, dict[str, Any]], files: dict[str, list[str]], comments: list[str]
) -> None:
    made = Document.new("web")
    for key, value in things.items():
        made.comment("accounts", key)
        made.expect("accounts", key, value)
        made.ignore(f"{key}x", f"{key}y", "accounts")
    for path, lines in files.items():
        whole = [line for line in lines if "\n" not in line]
        made.expect("files", path, {"lines": whole, "user": path} if whole else "absent")
        made.tree(path, "data")
    for words in comments:
        made.comment("files", words)
    with TemporaryDirectory() as directory:
        path = Path(directory, "web.yaml")
        made.save(path)
        baseline = load(path)
        again = Document.read(path)
        assert again.text() == made.text()
        for key, value in things.items():
            again.expect("accounts", key, value)  # is said already
        assert again.text() == made.text()
        for key in things:
            again.expect("accounts", key, "absent")
        again.save(path)
        assert {one.absent for one in load(path).expected.values() if one.scope == "accounts"} <= {True}
        for key in things:
            again.forget("accounts", key)
        again.save(path)
        assert not [one for one in load(path).expected.values() if one.scope == "accounts"]
    assert {one.key: one.attributes for one in baseline.expected.values() if one.scope == "accounts"} == things
    assert {one.key for one in baseline.expected.values() if one.scope == "files"} == set(files) == set(baseline.trees)
    assert [(one.pattern, one.reason) for one in baseline.ignore] == [(f"{key}x", f"{key}y") for key in things]


@settings(deadline=None)
@given(st.binary() | st.text(alphabet=" \n-:{}[]a#&*!|>'\",?%\r\u2028").map(lambda one: f"role: web\n{one}".encode()))
def test_any_bytes_are_a_document_or_an_error_and_come_back(data: bytes) -> None:
    with TemporaryDirectory() as directory:
        path = Path(directory, "web.yaml")
        path.write_bytes(data)
        try:
            read = Document.read(path)
        except BaselineError:
            return
        assert read.text().encode() in {data, data + b"\n", data + b"\r\n"}


def test_a_section_out_of_order_stays_so_and_one_in_order_too(tmp_path: Path) -> None:
    edited = document(tmp_path, "packages:\n  b: any\n  a: any\nservices:\n  a: {}\n  c: {}\n")
    edited.expect("packages", "aa", None)
    edited.expect("services", "b", None)
    edited.expect("services", "bb", None)
    assert edited.text() == (
        "packages:\n  b: any\n  a: any\n  aa: present\nservices:\n  a: {}\n  b: present\n  bb: present\n  c: {}\n"
    )


def test_a_new_section_gets_its_place_behind_the_head_of_the_file(tmp_path: Path) -> None:
    edited = document(tmp_path, "# Head\n\n# of files\nfiles:\n  /a: {}\n# of others\nothers:\n")
    edited.expect("packages", "a", None)
    edited.expect("kernel", "sysctl a", None)
    assert edited.text() == (
        "# Head\n\npackages:\n  a: present\n\n# of files\nfiles:\n  /a: {}\n\n"
        "kernel:\n  sysctl a: present\n# of others\nothers:\n"
    )


def test_a_long_word_costs_no_more_than_its_length() -> None:
    made = Document.new("web")
    for end in ("", "{", ": ", "é"):
        made.expect("accounts", "key " + "a" * 700 + end, {"shell": "x" * 700 + end})
        made.expect("packages", "p" + end, {"version": ">= " + "1" * 700 + end})
    assert made.text().count("a" * 700) == 4


def test_a_version_that_is_none_is_declared_as_any() -> None:
    made = Document.new("web")
    made.expect("packages", "a", {"version": "> a b"})
    made.expect("packages", "b", {"version": "absent"})
    assert "  a: any\n  b: {version: absent}\n" in made.text()
    with pytest.raises(BaselineError, match="no attribute 'size'"):
        made.expect("files", "/a", {"size": 5})
    with pytest.raises(BaselineError, match="'contents' is no scope"):
        made.expect("contents", "/a", {})
    with pytest.raises(BaselineError, match="no name for a role"):
        Document.new("../x")
