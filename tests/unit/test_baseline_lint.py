"""What `baseline lint` says: every error at once, and what can hardly be meant as it stands."""

# ruff: noqa: E501 - a case is a line

from datetime import date
from pathlib import Path

import pytest

from driftscan.baseline.lint import lint
from driftscan.baseline.load import BaselineError, load
from tests.unit.test_baseline_load import EXAMPLE, WRONG, write

TODAY = date(2026, 6, 1)


def said(directory: Path, **files: str) -> list[str]:
    complaints = lint(write(directory, **files), TODAY)
    return [str(one).replace(f"{directory}/", "") for one in complaints]


def test_the_example_of_the_documentation_is_spotless(tmp_path: Path) -> None:
    assert said(tmp_path, webserver=EXAMPLE, **{"debian-12": "", "common": ""}) == []


@pytest.mark.parametrize("text", [text for text, _ in WRONG])
def test_what_load_refuses_is_an_error_and_nothing_else_is(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, web=text)
    with pytest.raises(BaselineError) as refused:
        load(path)
    assert refused.value.complaint in [one for one in lint(path, TODAY) if one.severity == "error"]


def test_one_mistake_does_not_hide_the_next(tmp_path: Path) -> None:
    lines = said(
        tmp_path,
        web="extends: [low, none]\npackages:\n  a: {versoin: 1, hold: 2}\n  b: '>'\nignore:\n- {path: /x}\n- {key: y}",
        low="rol: x\nfiles: {x: {}, y: {}}",
        web__accept="- {path: /x}\n- {path: /y}",
    )
    assert [line.split(": ")[0] for line in lines] == [
        "web.yaml:1", "web.yaml:3", "web.yaml:3", "web.yaml:4", "web.yaml:6", "web.yaml:7",
        "web.accept.yaml:1", "web.accept.yaml:2", "low.yaml:1", "low.yaml:2", "low.yaml:2",
    ]  # fmt: skip
    assert all(": error: " in line for line in lines)


ODD = [
    ("files: {/a: {mode: 644}}", "mode '644' has no leading zero, is read as octal; write \"0644\""),
    ("files: {/a//b: {}}", "'/a//b' is never found: no path on a host is spelled with //, . or .."),
    ("files: {/a: {digest: 'a:b', lines: [x]}}", "'/a' has a digest and lines; the digest says it all"),
    ("role: db\nothers: {files: allowed}", "role 'db' is not looked for in this file; rename it to db.yaml"),
    ("role: web", "declares nothing"),
    ("ignore: [{path: /, reason: x}]", "ignore: '/' covers nearly everything of every scope"),
    ("ignore: [{path: /a/, reason: x}]", "ignore: '/a/' fits nothing; no path ends with a slash or has two in a row"),
    ("ignore: [{key: 'tcp [::', reason: x}]", "ignore: 'tcp [::' has a bracket without its other one; [[] stands for a bracket itself"),
    ("ignore: [{key: '*', scope: kernel, reason: x}]", "ignore: '*' covers nearly everything of kernel"),
    ("ignore: [{key: a, reason: x}, {key: a, reason: y}]", "'a' stands at web.yaml:1 already"),
    ("files: {/a/b: {}}\nignore: [{path: /a, reason: x}]", "'/a/b' is declared, and ignored at web.yaml:2"),
    ("trees: {/a/b: data}\nignore: [{path: '/a/*', reason: x}]", "'/a/b' is declared, and ignored at web.yaml:2"),
    ("others: {kernel: allowed}\nignore: [{scope: kernel, key: x, reason: x}]", "ignores nothing: kernel that are not declared are allowed at web.yaml:1"),
    ("others: {kernel: allowed}\nseverity: [{scope: kernel, kind: unexpected, severity: low}]", "grades nothing: unexpected kernel are allowed at web.yaml:1"),
    ("severity: [{path: /a, severity: low}, {scope: files, severity: high}]", "severity never counts: web.yaml:1 comes later and fits too"),
    ("trees: {/a: {digest: 'a:b'}, /a/c/d: data}", "'/a/c/d' lies in the tree '/a' of web.yaml:1: data would change its digest; declare the parts beside each other"),
    ("trees: {/a: {digest: 'a:b'}}\nfiles: {/a/b: {}}", "'/a/b' lies in the tree '/a' of web.yaml:1, whose digest says so already"),
    ("trees: {/a: data, /a/b: data}", "'/a/b' lies in the tree '/a' of web.yaml:1, where anything goes already"),
    ("accept: [{path: /a, why: a, who: b, until: 2026-05-31}]", "the acceptance of files '/a' ended on 2026-05-31; take it out, or accept it anew"),
    ("accept: [{path: /a, why: a, who: b, until: 2026-06-08}]", "the acceptance of files '/a' ends on 2026-06-08"),
    ("accept: [{path: /a, why: a, who: b, until: 2199-06-08}]", "the acceptance of files '/a' lasts until 2199-06-08; declare what is meant to stay"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line"), ODD)
def test_what_is_odd_is_one_warning(tmp_path: Path, text: str, line: str) -> None:
    lines = [line.partition(": warning: ")[2] for line in said(tmp_path, web=text)]
    assert line in lines
    assert set(lines) <= {line, "declares nothing"}
    load(tmp_path / "web.yaml")


SOUND = [
    "trees: {/a: data}\nfiles: {/a/b: {mode: '0700'}}",
    "severity: [{scope: files, severity: high}, {path: /a, severity: low}]",
    "others: {kernel: allowed}\nkernel: {x: {}}\nseverity: [{scope: kernel, kind: changed, severity: low}]",
    "files: {/ab: {}}\nignore: [{path: /a, reason: x}]\ntrees: {/c: {digest: 'a:b'}, /cd: data}",
    "files: {/x: {}}\naccept: [{path: /a, why: a, who: b, until: 2026-06-09}]",
]


@pytest.mark.parametrize("text", SOUND)
def test_what_is_sound_is_passed_over(tmp_path: Path, text: str) -> None:
    assert said(tmp_path, web=text) == []


def test_what_an_extended_file_says_already_is_left_out(tmp_path: Path) -> None:
    low = "packages: {a: any, b: any, c: {version: any, hold: true}}\ntrees: {/x: data, /y: data}"
    web = (
        "extends: low\npackages:\n  a: any\n  b: absent\n  c: any\n  d: any\ntrees:\n  /x: data\n  /y: {digest: 'a:b'}"
    )
    assert said(tmp_path, web=web, low=low) == [
        "web.yaml:3: warning: 'a' is declared like that at low.yaml:1 already; leave it out",
        "web.yaml:5: warning: 'c' is declared like that at low.yaml:1 already; leave it out",
        "web.yaml:8: warning: '/x' is declared like that at low.yaml:2 already; leave it out",
    ]


def test_a_file_that_hides_another_is_told(tmp_path: Path) -> None:
    (tmp_path / "web.yml").write_text("role: web\n")
    assert said(tmp_path, web="files: {/a: {}}") == ["web.yml: warning: is not read: web.yaml stands beside it"]
