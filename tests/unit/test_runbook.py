"""The runbook: what it tells, and that no name of a host can be more than a name in it."""

import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftscan.explain.view import View
from driftscan.findings.base import Judgement, rules
from driftscan.findings.finds import Find
from driftscan.findings.strata import strata
from driftscan.model.finding import Finding, Severity
from driftscan.model.item import Item
from driftscan.model.markdown import WIDTH, code, marked, paragraph, prose
from driftscan.model.outcome import Outcome
from driftscan.model.snapshot import Snapshot
from driftscan.model.text import raw, shown
from driftscan.report.runbook import _LOST, markdown
from tests.unit.handmade import leaf, snapshot, tree

parser = pytest.importorskip("markdown_it").MarkdownIt("commonmark").enable(["table", "strikethrough"])

SPITEFUL = st.text(st.sampled_from("`|\\[]()<>*_#~!&-+=.1 \n\t\r\x1b\u202eé:/a{}$\"'"), max_size=30) | st.sampled_from(
    [
        "x`](http://evil.example)`",
        "</code><script>alert(1)</script>",
        "\n\n# A heading\n",
        "\n```\nfence",
        "| a | b |",
        "[a]: http://evil.example",
        "`" * 7,
        " ` ",
        "&lt;",
        "\\",
        "- [ ] task",
        "http://evil.example",
    ]
)


def item(scope: str, key: str, **has: Any) -> Item:
    return Item(scope, key, has, {})


def user(name: str, uid: int, **has: Any) -> Item:
    told = {"home": f"/home/{name}", "shell": "/bin/bash", "groups": [name], "password": "set", **has}
    return item("accounts", f"user {name}", kind="user", name=name, uid=uid, gid=uid, **told)


def listener(port: int, exe: str, unit: str, package: str) -> Item:
    where = {"protocol": "tcp", "state": "listen", "address": "0.0.0.0", "port": port}
    return item("sockets", f"{port} {exe}", **where, user="root", exe=exe, command=exe, unit=unit, package=package)


def find(path: str, kind: str = "d", **has: Any) -> Find:
    return Find(path, kind, 3, 2, 4096, 1.5e9, 1.6e9, has.pop("owners", ("root",)), **has)


def lines_of(seen: Snapshot, findings: Sequence[Finding] = (), finds: Sequence[Find] = ()) -> list[str]:
    view, judgement = View(seen), Judgement(findings, {}, finds)
    return list(markdown(view, judgement, strata(view, judgement)))


def inline(lines: Sequence[str]) -> list[Any]:
    tokens = parser.parse("\n".join(lines))
    return [*tokens, *(child for token in tokens for child in token.children or ())]


def spans(lines: Sequence[str]) -> list[str]:
    return [token.content for token in inline(lines) if token.type == "code_inline"]


ITEMS = (
    item("system", "release name", value="Debian GNU/Linux 12 (bookworm)"),
    listener(443, "/usr/sbin/nginx", "nginx.service", "nginx"),
    user("deploy", 1001),
    user("www-data", 33, shell="/usr/sbin/nologin"),
    item("accounts", "key", kind="key", owner="deploy", fingerprint="SHA256:abc", comment="me", file="/home/d/.ssh/a"),
    item("packages", "redis", name="redis", state="installed", reason="manual", manager="dpkg"),
    item("packages", "liblzf1", name="liblzf1", state="installed", reason="automatic", manager="dpkg"),
    item("services", "shop.service", name="shop.service", package="", fragment="/etc/s", command="/opt/shop/run"),
    item("services", "ssh.service", name="ssh.service", package="openssh-server", fragment="/lib/ssh", dropins=[]),
    item("schedules", "x", kind="cron", file="/etc/cron.d/x", user="root", when="5 4 * * *", command="/x", package=""),
)


def test_chapters_stand_in_order_and_empty_ones_are_left_out() -> None:
    lines = lines_of(snapshot(ITEMS, files=tree(leaf(b"etc/s", b"f644 0 0"))))
    headings = [line for line in lines if line.startswith("#")]
    assert headings[:4] == ["# How `web1` is built", "## 1. What it is", "## 2. What it is for", "### 2.1 What listens"]
    assert "### 3.1 Packages" in headings
    assert not any("Certificates" in heading or "reboot" in heading for heading in headings)


def test_it_tells_what_was_done() -> None:
    text = "\n".join(lines_of(snapshot(ITEMS), finds=[find("/opt/shop", runs=("deploy: /opt/shop/run",))]))
    for words in (
        "- Looks like: web",
        "- `tcp 0.0.0.0:443`: `/usr/sbin/nginx`, of package `nginx`",
        "after the system was installed: `redis`.",
        "- user `deploy`: uid `1001`",
        "- login key of `deploy`: `SHA256:abc` `me` in `/home/d/.ssh/a`",
        "- `shop.service`: file `/etc/s`, runs `/opt/shop/run`",
        "- `5 4 * * *` as `root`: `/x` (`/etc/cron.d/x`)",
        "- `/opt/shop`: 2 files, 4.1 kB",
        "`deploy: /opt/shop/run`",
    ):
        assert words in text
    assert "liblzf1" not in text
    assert "ssh.service" not in text


def test_secrets_are_named_and_a_hosts_own_identity_is_not() -> None:
    secrets = [{"name": "TOKEN", "kind": "value", "line": 1}]
    lines = lines_of(
        snapshot(
            [
                item("contents", "/etc/x", path="/etc/x", text="TOKEN=<secret:TOKEN>", secrets=secrets),
                item("contents", "/etc/ssh/ssh_host_rsa_key", path="/etc/ssh/ssh_host_rsa_key", secrets=secrets),
            ]
        )
    )
    assert "- `/etc/x`: `TOKEN`" in lines
    assert not any("ssh_host" in line for line in lines)


def test_open_questions_are_those_of_medium_severity_and_higher_with_the_reboot_first() -> None:
    findings = [
        Finding("second-uid-0", Severity.CRITICAL, "accounts", "toor", "is root under another name", {}, "remove it"),
        Finding("lost", Severity.MEDIUM, "processes", "/opt/x", "would not survive a reboot", {}, "give it a unit"),
        Finding("hold", Severity.LOW, "packages", "nginx", "is held back", {}, "ask why"),
    ]
    lines = lines_of(snapshot(ITEMS), findings)
    first = lines.index("- **medium** `/opt/x`: would not survive a reboot. To do: give it a unit.")
    assert first < lines.index("- **critical** `toor`: is root under another name. To do: remove it.")
    assert "- is held back: `nginx`" in lines


def test_rules_about_what_only_memory_holds_are_known_as_such() -> None:
    told = [rule for rule in rules().values() if re.search("reboot|live-only", rule.id)]
    assert [rule.id for rule in told if not _LOST.search(f"{rule.title}; {rule.advice}")] == []


def test_a_file_that_a_step_names_is_not_told_again_as_a_find() -> None:
    lines = lines_of(
        snapshot(ITEMS), finds=[find("/etc/cron.d/x", "f"), find("/etc/aliases", "f"), find("/etc/hm", "f")]
    )
    text = "\n".join(lines)
    assert "- below `/etc/`: `aliases`, `hm`" in text
    assert "- and 1 that other steps name" in text


def test_what_could_not_be_seen_stands_at_the_end() -> None:
    lines = lines_of(snapshot(ITEMS, outcomes={"history": None, "sockets": Outcome.DENIED}))
    assert lines[-1].startswith("- not looked at: `history`")


def test_the_same_snapshot_gives_the_same_bytes() -> None:
    assert lines_of(snapshot(ITEMS)) == lines_of(snapshot(tuple(reversed(ITEMS))))


@given(SPITEFUL)
def test_a_value_cannot_leave_its_code_span(value: str) -> None:
    lines = paragraph(f"before {code(value)} after", "- ", "  ")
    told = [token.content for token in inline(lines) if token.type == "code_inline"]
    words = shown(value)
    assert told == ([words] if words else [])
    assert "".join(token.content for token in inline(lines) if token.type == "text").startswith("before ")


@given(SPITEFUL)
def test_words_of_driftscan_are_no_markup(value: str) -> None:
    tokens = inline([f"x{prose(shown(value))}x"])
    assert {token.type for token in tokens} <= {"paragraph_open", "inline", "paragraph_close", "text", "text_special"}


def test_a_sentence_keeps_its_values_in_code_spans() -> None:
    assert marked("login of \x02a_b\x03; 2 files under \x02/opt\x03") == "login of `a_b`; 2 files under `/opt`"


@settings(max_examples=40, deadline=None)
@given(st.lists(SPITEFUL, min_size=12, max_size=12))
def test_no_name_of_a_host_becomes_markup(names: list[str]) -> None:
    a, b, c, d, e, f, g, h, i, j, k, n = names
    items = [
        item("system", "release name", value=a),
        listener(443, b, c, d),
        user(e or "x", 1001, home=f, shell=g),
        item("packages", "p", name=h, state="installed", reason="manual", manager=i),
        item("services", "s", name=j, package="", fragment=k, command=n, dropins=[a]),
        item("schedules", "c", kind="cron", file=b, user=c, when=d, command=e, package=""),
        item("contents", "q", path=f, text=None, secrets=[{"name": g, "kind": h}]),
        item("repositories", "r", name=i, file=j, uris=[k], suites=[n], components=[], third_party=True),
    ]
    findings = [Finding("rule", Severity.HIGH, "packages", a, "is strange", {"why": b, "list": [c, d]}, "look")]
    path = "/etc/" + "".join(e.split("/")).replace("\0", "")
    files = tree(leaf(raw(path)[1:], b"f644 0 0")) if len(path) > 5 and path not in {"/etc/.", "/etc/.."} else None
    lines = lines_of(snapshot(items, files=files), findings, [find(path, "f", runs=(f,), refers=(g,), owners=(h,))])
    tokens = inline(lines)
    kinds = {token.type for token in tokens}
    assert not kinds & {"html_block", "html_inline", "link_open", "image", "fence", "code_block", "table_open", "hr"}
    assert not kinds & {"blockquote_open", "ordered_list_open", "em_open", "s_open"}
    titles = sum(token.type == "heading_open" for token in tokens)
    assert titles == sum(line.startswith("#") for line in lines)
    assert shown(b or " ")[:50].strip() in " ".join(spans(lines)) or not b.strip()


def test_lines_are_short_where_they_can_be_broken() -> None:
    lines = lines_of(snapshot(ITEMS), finds=[find(f"/opt/{n:03}", runs=("a b c",)) for n in range(30)])
    assert max(map(len, lines)) <= WIDTH
