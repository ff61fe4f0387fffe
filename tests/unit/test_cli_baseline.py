"""`driftscan baseline …` on a stored snapshot: what it proposes passes its own lint and check, and can be edited."""

import json
import re
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from driftscan.cli.app import run

Driftscan = Callable[..., int]
RECORDINGS = Path(__file__).parent.parent / "recordings"
HOSTS = f"""\
hosts:
  web1: {{transport: replay, path: {RECORDINGS / "stock"}, role: web}}
  nobody: {{transport: replay, path: {RECORDINGS / "stock"}}}
"""


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with a database in which a stock host was scanned once, and the baseline that is proposed."""
    folder = tmp_path_factory.mktemp("scanned")
    (folder / "hosts.yaml").write_text(HOSTS)
    here = ["--db", str(folder / "db"), "-i", str(folder / "hosts.yaml"), "-q"]
    assert run(["scan", "web1", *here]) == 0
    assert run(["baseline", "init", "web1", *here]) == 0
    return folder


@pytest.fixture
def driftscan(scanned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Driftscan:
    """Run `driftscan …` beside an inventory and a copy of that database."""
    shutil.copy(scanned / "db", tmp_path / "db")
    (tmp_path / "hosts.yaml").write_text(HOSTS)
    monkeypatch.setenv("DRIFTSCAN_DB", str(tmp_path / "db"))
    monkeypatch.setenv("DRIFTSCAN_INVENTORY", str(tmp_path / "hosts.yaml"))
    monkeypatch.setenv("COLUMNS", "100")
    return lambda *words: run(list(words))


@pytest.fixture
def web(scanned: Path, tmp_path: Path) -> Path:
    """Return the baseline that is proposed for the host, where it is found."""
    shutil.copytree(scanned / "baselines", tmp_path / "baselines")
    return tmp_path / "baselines" / "web.yaml"


def change(path: Path, *changes: tuple[str, str]) -> None:
    text = path.read_text()
    for pattern, to in changes:
        text, count = re.subn(pattern, to, text, flags=re.MULTILINE)
        assert count == 1, pattern
    path.write_text(text)


def test_a_proposal_passes_lint_and_check(driftscan: Driftscan, web: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert driftscan("baseline", "lint") == 0
    assert capsys.readouterr().out == ""
    assert driftscan("check", "web1", "--no-scan") == 0
    text = web.read_text()
    assert text.startswith("# What hosts of the role web should be, as proposed from web1@1.\n")
    assert "\n# Installed packages of dpkg, rpm, apk and pacman\npackages:\n" in text
    assert "hostname:" not in text.partition("packages:")[0]  # a fact, not the package
    assert '/etc/machine-id: {type: file, mode: "0644", user: root, group: root}' in text  # but not what it says


def test_init_overwrites_nothing_and_prints_on_request(
    driftscan: Driftscan, web: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    web.write_text("role: web\n")
    assert driftscan("baseline", "init", "web1") == 2
    assert "is there already" in capsys.readouterr().err
    assert web.read_text() == "role: web\n"
    assert driftscan("baseline", "init", "web1", "-o", "-", "--versions", "exact") == 0
    assert re.search(r'^  bash: "?5\.\S+$', capsys.readouterr().out, re.MULTILINE)
    assert driftscan("baseline", "init", "web1", "--versions", "some") == 2
    assert driftscan("baseline", "init", "nobody") == 2
    assert driftscan("baseline", "init", "web1", "--force") == 0
    assert "packages:" in web.read_text()


def test_init_leaves_out_what_another_layer_says(driftscan: Driftscan, web: Path) -> None:
    stock = web.rename(web.with_name("stock.yaml"))
    change(stock, ("^role: web$", "role: stock"), ("^  bash: present$", "  bash: present\n  telnetd: present"))
    assert driftscan("baseline", "init", "web1", "--extends", "stock") == 0
    body = [line for line in web.read_text().splitlines() if line and not line.startswith("#")]
    assert body == ["role: web", "extends: [stock]", "packages:", "  telnetd: absent"]
    assert driftscan("check", "web1", "--no-scan") == 0
    assert driftscan("baseline", "init", "web1", "--extends", "nope", "--force") == 2


def test_update_takes_drift_in_and_keeps_comments(
    driftscan: Driftscan, web: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proposed = web.read_text()
    change(
        web,
        ("^  bash: present$", "  bash: present  # wanted\n  bashful: present"),
        (r"^  user root: \{uid: 0, ", "  user root: {uid: 7, "),
        ("^  tar: present\n", ""),
    )
    edited = web.read_text()
    assert driftscan("check", "web1", "--no-scan") == 4
    capsys.readouterr()
    assert driftscan("baseline", "update", "web1") == 0
    said = capsys.readouterr()
    assert "\n-  bashful: present\n" in said.out
    assert "\n+  tar: present\n" in said.out
    assert "nothing was written" in said.err
    assert driftscan("baseline", "update", "web1", "--write") == 2
    assert web.read_text() == edited
    assert driftscan("baseline", "update", "web1", "user root", "--write") == 0
    assert "user root: {uid: 0, " in web.read_text()
    assert "bashful" in web.read_text()
    assert driftscan("baseline", "update", "web1", "--accept-all", "--write") == 0
    assert web.read_text() == proposed.replace("  bash: present\n", "  bash: present  # wanted\n")
    assert driftscan("check", "web1", "--no-scan") == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("web1", "packages", "bash"), r"^  declared by web\.yaml:\d+$"),
        (("--role", "web", "accounts", "user", "root"), r"^  declared by web\.yaml:\d+: uid 0, "),
        (("web1", "/bin/ls"), r"^files /usr/bin/ls$"),
        (("web1", "/usr/bin/ls"), r"explained: package coreutils$"),
        (("web1", "/usr/bin/ls"), r"^    files:\n      /usr/bin/ls: \{type: file, mode: \"0755\", "),
        (("web1", "/no/such"), r"^  on web1: not there$"),
        (("web1", "packages nginx"), r"^  no line names it; "),
        (("--role", "web", "packages", "nginx"), r"^    packages:\n      nginx: present$"),
    ],
)
def test_explain_names_the_line(
    driftscan: Driftscan, web: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    del web
    capsys.readouterr()
    assert driftscan("baseline", "explain", *words) == 0
    assert re.search(said, capsys.readouterr().out, re.MULTILINE)


def test_explain_tells_drift_and_speaks_json(
    driftscan: Driftscan, web: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(web, ("^  tar: present\n", ""))
    capsys.readouterr()
    assert driftscan("baseline", "explain", "web1", "packages", "tar") == 0
    assert "drift: unexpected: nothing declares or explains it" in capsys.readouterr().out
    assert driftscan("baseline", "explain", "web1", "packages", "tar", "-f", "json") == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told["there"]
    assert told["line"].startswith("packages:\n  tar: ")
    assert driftscan("baseline", "explain", "web1", "what") == 2
    assert driftscan("baseline", "explain", "/etc/motd") == 2


def test_an_acceptance_is_added_and_holds(driftscan: Driftscan, web: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(web, ("^  tar: present\n", ""))
    words = ("baseline", "accept", "web1", "packages", "tar", "--why", "it goes soon", "--who", "anna")
    assert driftscan(*words, "--until", "2001-01-01") == 2
    assert driftscan(*words, "--until", "soon") == 2
    assert driftscan(*words, "--until", "2w", "--kind", "odd") == 2
    assert driftscan("check", "web1", "--no-scan") == 4
    assert driftscan(*words, "--until", "30d") == 0
    end = date.today() + timedelta(30)  # noqa: DTZ011 - the day of whoever runs it
    assert web.read_text().endswith(
        f"accept:\n  - {{scope: packages, key: tar, why: it goes soon, who: anna, until: {end}}}\n"
    )
    assert driftscan("check", "web1", "--no-scan") == 0
    beside = web.with_name("web.accept.yaml")
    beside.write_text("# nothing yet\n")
    assert driftscan(*words, "--until", "30d") == 0
    assert "it goes soon" in beside.read_text()
    capsys.readouterr()
    assert driftscan("baseline", "explain", "web1", "packages", "tar") == 0
    assert f"(until {end}, by anna: it goes soon)" in " ".join(capsys.readouterr().out.split())


def test_lint_says_where(driftscan: Driftscan, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert driftscan("baseline", "lint") == 2
    assert "there is no baseline" in capsys.readouterr().err
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("role: web\npackage:\n  nginx: any\n")
    assert driftscan("baseline", "lint", str(wrong)) == 2
    assert f"\n{wrong}:2: error: " in capsys.readouterr().out


def test_the_schema_is_json(driftscan: Driftscan, capsys: pytest.CaptureFixture[str]) -> None:
    assert driftscan("baseline", "schema") == 0
    assert "packages" in json.loads(capsys.readouterr().out)["properties"]
