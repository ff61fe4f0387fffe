"""Baseline files: what they mean, how layers go together, and the one line that each mistake gets."""

# ruff: noqa: E501 - a case is a line

import os
import re
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from driftscan.baseline.layers import find
from driftscan.baseline.lists import named_scopes
from driftscan.baseline.load import BaselineError, load
from driftscan.baseline.model import Baseline, Tree
from driftscan.baseline.schema import schema
from driftscan.baseline.vocabulary import order, sections
from driftscan.errors import ExitCode
from driftscan.model.drift import Kind
from driftscan.model.finding import Severity
from driftscan.scopes.base import scopes

DOCS = Path(__file__).parents[2] / "docs" / "baseline.md"
EXAMPLE = re.search(r"```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL)[1]  # type: ignore[index]


def write(directory: Path, **files: str) -> Path:
    for name, text in files.items():
        (directory / f"{name.replace('__', '.')}.yaml").write_text(text)
    return directory / f"{next(iter(files)).replace('__', '.')}.yaml"


def made(directory: Path, **files: str) -> Baseline:
    return load(write(directory, **files))


def refused(directory: Path, **files: str) -> str:
    with pytest.raises(BaselineError) as caught:
        made(directory, **files)
    line = str(caught.value)
    assert "\n" not in line
    assert caught.value.exit_code is ExitCode.USAGE
    return line.replace(f"{directory}/", "")


def attributes(baseline: Baseline) -> dict[str, object]:
    return {one.key: "absent" if one.absent else dict(one.attributes) for one in baseline.expected.values()}


def test_the_example_of_the_documentation_means_what_it_says(tmp_path: Path) -> None:
    baseline = made(tmp_path, webserver=EXAMPLE, **{"debian-12": "", "common": ""})
    assert baseline.role == "webserver"
    assert [Path(source).name for source in baseline.sources] == ["webserver.yaml", "common.yaml", "debian-12.yaml"]
    told = attributes(baseline)
    assert told["nginx"] == {"version": "any"}
    assert told["openssl"] == {"version": ">= 3.0.11, < 4"}
    assert told["redis-server"] == {"version": "any", "hold": True}
    assert told["telnetd"] == "absent"
    assert told["user deploy"] == {"uid": 1001, "shell": "/bin/bash"}
    assert told["group deploy"] == {}
    assert told["/etc/motd"] == {"mode": "0644", "user": "root", "lines": ["Authorized use only."]}
    assert told["/etc/cron.daily/dpkg"] == "absent"
    assert baseline.expected["packages", "nginx"].where == "webserver.yaml:5"
    assert baseline.trees["/opt/shop"].digest.startswith("tree:")
    assert baseline.trees["/var/lib/shop"] == Tree("/var/lib/shop", "", "webserver.yaml:25")
    assert baseline.others == {"packages": "unexpected", "processes": "allowed"}
    assert [(one.scope, one.pattern) for one in baseline.ignore] == [("", "/opt/shop/log"), ("mounts", "/mnt/*")]
    (grade,) = baseline.grades
    assert (grade.scope, grade.pattern, grade.kind, grade.severity) == ("packages", "*", Kind.UNEXPECTED, Severity.HIGH)
    (accepted,) = baseline.acceptances
    assert (accepted.scope, accepted.pattern, accepted.kind) == ("files", "/etc/motd", Kind.CHANGED)
    assert (accepted.why, accepted.who, accepted.until) == ("CHG-1042", "jane", date(2026, 12, 31))


def test_sections_are_the_scopes_with_golden_columns_and_no_word_means_two_things() -> None:
    assert set(sections()) == {n for n, scope in scopes().items() if any(column.golden for column in scope.columns)}
    assert len(order()) == len(set(order())) == len(schema()["properties"])
    assert set(schema()["properties"]) == set(order())
    assert not {"role", "extends", "trees", "others", "ignore", "severity", "accept"} & set(scopes())
    assert len(named_scopes()) == len(scopes()) + 1
    for section in sections().values():
        for attribute in section.attributes.values():
            assert attribute.form in {
                "text",
                "integer",
                "real",
                "boolean",
                "json",
                "version",
                "mode",
                "digest",
                "lines",
            }


@pytest.mark.parametrize(
    ("spelled", "value"),
    [("0644", "0644"), ('"0644"', "0644"), ("0o644", "0644"), ("644", "0644"), ("4755", "4755"), ("04755", "4755"),
     ("null", None), ("0", "0000")],
)  # fmt: skip
def test_a_mode_is_octal_however_it_is_spelled(tmp_path: Path, spelled: str, value: str | None) -> None:
    assert attributes(made(tmp_path, web=f"files: {{/x: {{mode: {spelled}}}}}")) == {"/x": {"mode": value}}


def test_values_have_the_type_of_their_column(tmp_path: Path) -> None:
    text = """
accounts: {user x: {uid: "7", shell: null, home: no, members: [a, 12, null]}}
network: {interface eth0: {live: true, configured: False}}
system: {release: {value: 1.20}}
kernel: {sysctl x: {live: "", configured: 'null'}}
"""
    told = attributes(made(tmp_path, web=text))
    assert told["user x"] == {"uid": 7, "shell": None, "home": "no", "members": ["a", "12", None]}
    assert told["interface eth0"] == {"live": True, "configured": False}
    assert told["release"] == {"value": "1.20"}
    assert told["sysctl x"] == {"live": "", "configured": "null"}


def test_layers_win_in_their_order_attribute_by_attribute(tmp_path: Path) -> None:
    baseline = made(
        tmp_path,
        web="extends: [debian, common]\npackages: {nginx: '>= 2', vim: absent, gone: {hold: true}}\nfiles:\n  /b: {}",
        debian="extends: [base]\npackages: {nginx: {version: any, hold: true}, dash: any, gone: absent}",
        common="extends: [base]\npackages: {dash: '1', vim: any}\nfiles: {/a: {user: bob}, /b: {mode: '0600'}}",
        base="packages: {dash: '0', curl: any}\nfiles: {/a: {mode: '0644', user: root}, /c: {mode: '0600'}}",
    )
    assert attributes(baseline) == {
        "dash": {"version": "1"},
        "curl": {"version": "any"},
        "nginx": {"version": ">= 2", "hold": True},
        "gone": {"hold": True},
        "vim": "absent",
        "/a": {"mode": "0644", "user": "bob"},
        "/b": {},
        "/c": {"mode": "0600"},
    }
    assert baseline.expected["packages", "nginx"].where == "web.yaml:2"
    assert baseline.expected["files", "/a"].where == "common.yaml:3"
    assert [Path(one).stem for one in baseline.sources] == ["web", "common", "debian", "base"]  # each once


def test_lists_add_up_and_the_later_word_on_the_same_thing_counts(tmp_path: Path) -> None:
    baseline = made(
        tmp_path,
        web="extends: low\nothers: {packages: allowed}\nignore: [{path: /a, reason: new}]\n"
        "severity: [{severity: low, path: /x}]",
        low="others: {packages: unexpected, files: allowed}\nignore: [{path: /a, reason: old}, {key: b, reason: b}]\n"
        "severity: [{severity: high}]\ntrees: {/t: data}",
    )
    assert baseline.others == {"packages": "allowed", "files": "allowed"}
    assert sorted((one.pattern, one.reason, one.where) for one in baseline.ignore) == [
        ("/a", "new", "web.yaml:3"),
        ("b", "b", "low.yaml:2"),
    ]
    assert [(one.severity.value, one.scope, one.pattern) for one in baseline.grades] == [
        ("high", "", "*"),
        ("low", "files", "/x"),
    ]
    assert baseline.role == "web"  # by its file's name


def test_acceptances_may_stand_beside(tmp_path: Path) -> None:
    one = "{path: /a, why: w, who: me, until: 2026-01-02}"
    write(tmp_path, web__accept="# why\n- {scope: kernel, key: sysctl x, why: w, who: me, until: 2026-01-03}")
    baseline = made(tmp_path, web=f"accept: [{one}]")
    assert [(a.scope, a.pattern, a.until.day, a.where) for a in baseline.acceptances] == [
        ("files", "/a", 2, "web.yaml:1"),
        ("kernel", "sysctl x", 3, "web.accept.yaml:2"),
    ]
    assert baseline.sources == (str(tmp_path / "web.yaml"), str(tmp_path / "web.accept.yaml"))
    write(tmp_path, web__accept=f"accept: [{one.replace('w,', 'later,')}]")
    assert [one.why for one in made(tmp_path, web=f"accept: [{one}]").acceptances] == ["later"]
    write(tmp_path, web__accept="packages: {}")
    assert refused(tmp_path, web="") == (
        "web.accept.yaml:1: 'packages' stands in a file of acceptances, expected a list or 'accept'"
    )


def test_the_digest_is_of_what_counts(tmp_path: Path) -> None:
    first = made(tmp_path, web="packages: {a: any, b: absent}\nothers: {files: allowed}")
    same = made(tmp_path, web="# other\n\nothers:\n  files: allowed\npackages:\n  b: absent # b\n  a: {version: any}")
    layered = made(
        tmp_path, web="extends: low\npackages: {b: absent}", low="packages: {a: any}\nothers: {files: allowed}"
    )
    other = made(tmp_path, web="packages: {a: any}\nothers: {files: allowed}")
    assert first.digest == same.digest == layered.digest != other.digest
    assert re.fullmatch("[0-9a-f]{32}", first.digest)


WRONG = [
    ("packagse: {}", "web.yaml:1: unknown section 'packagse'; did you mean 'packages'?"),
    ("role: web server", "web.yaml:1: role is 'web server', expected a role's name of letters, digits and . _ + -"),
    ("role: [a]", "web.yaml:1: role is a list, expected a role's name of letters, digits and . _ + -"),
    ("contents: {}", "web.yaml:1: 'contents' is a scope that no baseline declares; ignore: or severity: may name it"),
    ("packages: [nginx]", "web.yaml:1: packages is a list, expected a mapping"),
    ("\npackages:\n  a: {versoin: 1}", "web.yaml:3: unknown attribute of packages, 'versoin'; did you mean 'version'?"),
    ("packages: {a: '>= '}", """web.yaml:1: version is '>= ', expected any, a version, or comparisons as ">= 1.2, < 2\""""),
    ("packages: {a: '>= 1 2'}", """web.yaml:1: version is '>= 1 2', expected any, a version, or comparisons as ">= 1.2, < 2\""""),
    ("packages: {a: ''}", """web.yaml:1: version is empty, expected any, a version, or comparisons as ">= 1.2, < 2\""""),
    ("packages: {a: {hold: yes}}", "web.yaml:1: hold is 'yes', expected true or false"),
    ("packages: {a: [b]}", "web.yaml:1: 'a' is a list, expected a mapping"),
    ("services: {a: enabled}", "web.yaml:1: 'a' is 'enabled', expected a mapping, present or absent; write {enabled: enabled}"),
    ("accounts: {user a: {uid: abc}}", "web.yaml:1: uid is 'abc', expected a number"),
    ("accounts: {user a: {members: b}}", "web.yaml:1: members is 'b', expected a list"),
    ("files: {etc/x: absent}", "web.yaml:1: 'etc/x' is no absolute path"),
    ("files: {/etc/x/: absent}", "web.yaml:1: '/etc/x/' ends with a slash; write '/etc/x'"),
    ("files: {/x: {mode: '0899'}}", """web.yaml:1: mode is '0899', expected permission bits in octal as "0644\""""),
    ("files: {/x: {mode: '77777'}}", """web.yaml:1: mode is '77777', expected permission bits in octal as "0644\""""),
    ("files: {/x: {mode: rw-r--r--}}", """web.yaml:1: mode is 'rw-r--r--', expected permission bits in octal as "0644\""""),
    ("files: {/x: {digest: ABC}}", "web.yaml:1: digest is 'ABC', expected algorithm:hex in small letters as sha256:9f86d0…"),
    ("files: {/x: {lines: a}}", "web.yaml:1: lines is 'a', expected a list of whole lines"),
    ('files: {/x: {lines: ["a\\nb"]}}', "web.yaml:1: lines is a list, expected a list of whole lines"),
    ("files: {/x: {lines: [a, [b]]}}", "web.yaml:1: lines is a list, expected a list of whole lines"),
    ("trees: {/x: dta}", "web.yaml:1: a tree is 'dta', expected data or {digest: …}"),
    ("trees: {/x: {}}", "web.yaml:1: a tree says nothing, expected data or {digest: …}"),
    ("trees: {/x: {digest: data}}", "web.yaml:1: digest is 'data', expected a digest as driftscan makes it"),
    ("trees: {x: data}", "web.yaml:1: 'x' is no absolute path"),
    ("others: unexpected", "web.yaml:1: others is 'unexpected', expected a mapping"),
    ("others: {package: allowed}", "web.yaml:1: unknown scope 'package'; did you mean 'packages'?"),
    ("others: {packages: alowed}", "web.yaml:1: others of packages is 'alowed', expected one of explained, unexpected, allowed; did you mean 'allowed'?"),
    ("ignore: [{path: /x}]", "web.yaml:1: an item of ignore has no reason; say reason"),
    ("ignore: [{reason: x}]", "web.yaml:1: an item of ignore says not what, expected path, or scope and key"),
    ("ignore: [{path: x, reason: x}]", "web.yaml:1: 'x' is no absolute path"),
    ("ignore: [{path: /x, key: /x, reason: x}]", "web.yaml:1: key and path stand together, expected one of them"),
    ("ignore: [/x]", "web.yaml:1: an item of ignore is '/x', expected a mapping"),
    ("ignore: [{pth: /x, reason: x}]", "web.yaml:1: unknown word of ignore, 'pth'; did you mean 'path'?"),
    ("severity: [{severity: hihg}]", "web.yaml:1: severity is 'hihg', expected one of info, low, medium, high, critical; did you mean 'high'?"),
    ("severity: [{scope: files}]", "web.yaml:1: an item of severity has no severity; expected one of info, low, medium, high, critical"),
    ("severity: [{scope: package, severity: low}]", "web.yaml:1: scope is 'package', which there is not; did you mean 'packages'?"),
    ("severity: [{scope: packages, attribute: mode, severity: low}]", "web.yaml:1: attribute is 'mode', expected one of version, state, hold, pin"),
    ("severity: [{kind: new, severity: low}]", "web.yaml:1: kind is 'new', expected one of missing, unexpected, changed, unknown"),
    ("accept: [{path: /x, why: a, who: b}]", "web.yaml:1: an item of accept has no until; say until when it is accepted, as 2026-12-31"),
    ("accept: [{path: /x, why: a, who: b, until: 31.12.2026}]", "web.yaml:1: until is '31.12.2026', expected a day as 2026-12-31"),
    ("accept: [{path: /x, why: a, who: b, until: 2026-02-30}]", "web.yaml:1: until is '2026-02-30', expected a day that there is"),
    ("accept: [{path: /x, who: b, until: 2026-02-03}]", "web.yaml:1: an item of accept has no why; say why"),
    ("accept: [{key: /x, why: a, who: b, until: 2026-02-03}]", "web.yaml:1: an item of accept says not what, expected path, or scope and key"),
    ("extends: [../x]", "web.yaml:1: extends is '../x', expected the name of a file beside this one, without its ending, of letters, digits and . _ + -"),
    ("extends: nope", "web.yaml:1: extends 'nope', which is not there; expected nope.yaml beside this file"),
    ("- a", "web.yaml:1: the file is a list, expected a mapping"),
    ("role: a\nrole: b", "web.yaml:2: 'role' stands here twice, the first time in line 1"),
    ("packages:\n  a: any\n  a: absent", "web.yaml:3: 'a' stands here twice, the first time in line 2"),
    ("packages: {a: !x any}", "web.yaml:1: a !tag is not understood here; a value that begins with ! needs quotes"),
    ("role: a\n packages: {}", "web.yaml:2: is not YAML: mapping values are not allowed in this context"),
    ("packages: &x {a: *x}", "web.yaml:1: an alias (*) refers to nothing above it; a value that begins with * needs quotes"),
    ("[" * 100, "web.yaml:1: is nested deeper than 64 levels, expected a baseline"),
    ("role: \x1b[31m", "web.yaml:1: character U+001B is not allowed in YAML"),
    ('role: "\\e[31m"', "web.yaml:1: role is '\\x1b[31m', expected a role's name of letters, digits and . _ + -"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line"), WRONG)
def test_a_mistake_is_one_line_that_says_where_and_what(tmp_path: Path, text: str, line: str) -> None:
    assert refused(tmp_path, web=text) == line


def test_a_loop_and_a_missing_layer_are_named(tmp_path: Path) -> None:
    assert refused(tmp_path, a="extends: [b]", b="extends: c", c="\nextends: [a]") == (
        "c.yaml:2: extends itself: a > b > c > a"
    )
    assert refused(tmp_path, a="extends: [commn]", common="") == (
        "a.yaml:1: extends 'commn', which is not there; did you mean 'common'?"
    )
    assert refused(tmp_path, a="extends: [b]", b="packages: 1") == "b.yaml:1: packages is '1', expected a mapping"


def test_what_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BaselineError, match="cannot be read: No such file"):
        load(tmp_path / "none.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"role: \xff\n")
    with pytest.raises(BaselineError, match=r"bytes.yaml:1: byte 0xff is not UTF-8"):
        load(tmp_path / "bytes.yaml")


def test_the_file_of_a_role_is_found(tmp_path: Path) -> None:
    assert find(tmp_path, "web") is None
    (tmp_path / "web.yml").write_text("")
    assert find(tmp_path, "web") == tmp_path / "web.yml"
    (tmp_path / "web.yaml").write_text("")
    assert find(tmp_path, "web") == tmp_path / "web.yaml"


def test_a_relative_path_is_as_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, web="extends: low\npackages: {a: any}", low="packages: {b: any}")
    monkeypatch.chdir(tmp_path)
    assert {one.where for one in load(Path("web.yaml")).expected.values()} == {"web.yaml:2", "low.yaml:1"}
    monkeypatch.chdir("..")
    below = Path(os.path.basename(tmp_path), "web.yaml")
    assert {one.where for one in load(below).expected.values()} == {"web.yaml:2", "low.yaml:1"}


class Yaml12(yaml.SafeLoader):
    """What an editor's reader of YAML makes of a file: the core schema of YAML 1.2, with no dates."""

    yaml_implicit_resolvers = {}  # noqa: RUF012


for tag, pattern, first in [
    ("bool", "true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", "null|Null|NULL|~|", ["n", "N", "~", ""]),
    ("int", "[-+]?[1-9][0-9]*|0", "-+0123456789"),
    ("float", r"[-+]?[0-9]+\.[0-9]*", "-+0123456789"),
]:
    Yaml12.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), first)

RIGHT = [
    EXAMPLE, "", "role: web\npackages:\n", "packages: {a: 1, b: 1.20, c: '>= 1,<2', d: {version: null}, e: {}, f: }",
    "packages: {g: present, h: '= 1', i: '0x1 y'}", "accounts: {user x: {uid: '5', home: 12, members: []}}",
    "files: {/: {}, /x: {mode: 644}, /y: {mode: 0o755, lines: [1, a, true]}}", "extends: low", "extends: [low, 12]",
    "network: {x: {live: 'true', configured: null}}", "accept:\nignore: []\nseverity:", "system: {x: {value: true}}",
]  # fmt: skip


@cache
def _validator() -> Any:
    jsonschema.Draft202012Validator.check_schema(schema())
    return jsonschema.Draft202012Validator(schema())


# Of what these say only the reader of the files knows: words that stand twice, layers, days that there are not.
BEYOND_SCHEMA = (
    "twice",
    "which is not there",
    "that there is",
    "needs quotes",
    "not YAML",
    "nested",
    "not allowed in YAML",
)


@pytest.mark.parametrize(
    ("text", "valid"),
    [*((text, True) for text in RIGHT), *((text, False) for text, line in WRONG if not any(w in line for w in BEYOND_SCHEMA))],
)  # fmt: skip
def test_the_schema_and_the_reader_agree(tmp_path: Path, text: str, valid: bool) -> None:
    assert _validator().is_valid(yaml.load(text, Yaml12)) is valid
    if valid:
        write(tmp_path, **{"debian-12": "", "common": "", "low": "", "12": ""})
        made(tmp_path, web=text)
