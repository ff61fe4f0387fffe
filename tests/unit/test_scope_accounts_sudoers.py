"""The parser of sudoers files."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftscan.scopes.logins import sudoers

SUDOERS = r"""
# comment
Defaults	env_reset, mail_badpass
Defaults secure_path="/usr/local/sbin:/bin"
Defaults:%sudo,bob env_keep += "HTTP_PROXY a"  # comment
User_Alias ADMINS = alice, %wheel, #1000 : OPS = carol
Cmnd_Alias SH = /bin/sh, \
   /usr/bin/su "" : NET = /sbin/ip, !SH
Host_Alias WEB = web*, 10.0.0.0/8
Runas_Alias DB = postgres, mysql
root	ALL=(ALL:ALL) ALL
ADMINS, dave WEB, db1 = (DB : dba) NOPASSWD: SETENV: NET, PASSWD: /bin/ls \:x=\,y, sha256:abc= /bin/cat : ALL = ALL
"dom users" ALL = TIMEOUT=30 NOEXEC: /usr/bin/vi *.conf, (root) /bin/x
%#100 ALL=(#0)NOPASSWD:/bin/date --x=1
op ALL = ( : adm) sudoedit /etc/hosts
u ALL=NOPASSWD:ALL,!/bin/su
"""


def rules(content: str) -> list[sudoers.Rule]:
    return sudoers.parse({"/etc/sudoers": content}, "/etc/sudoers", "host.example").rules


def test_all_of_the_grammar() -> None:
    found = sudoers.parse({"/etc/sudoers": SUDOERS}, "/etc/sudoers", "host")
    assert found.strange == []
    admins = ["alice", "%wheel", "#1000", "dave"]
    web = ["web*", "10.0.0.0/8", "db1"]
    assert [(rule.who, rule.hosts, rule.runas, rule.tags, rule.commands) for rule in found.rules] == [
        (["root"], ["ALL"], "ALL:ALL", [], ["ALL"]),
        (admins, web, "postgres, mysql:dba", ["NOPASSWD", "SETENV"], ["/sbin/ip", "!/bin/sh", '!/usr/bin/su ""']),
        (admins, web, "postgres, mysql:dba", ["SETENV", "PASSWD"], ["/bin/ls \\:x=\\,y", "sha256:abc= /bin/cat"]),
        (admins, ["ALL"], "root", [], ["ALL"]),
        (['"dom users"'], ["ALL"], "root", ["TIMEOUT=30", "NOEXEC"], ["/usr/bin/vi *.conf"]),
        (['"dom users"'], ["ALL"], "root", ["TIMEOUT=30", "NOEXEC"], ["/bin/x"]),
        (["%#100"], ["ALL"], "#0", ["NOPASSWD"], ["/bin/date --x=1"]),
        (["op"], ["ALL"], ":adm", [], ["sudoedit /etc/hosts"]),
        (["u"], ["ALL"], "root", ["NOPASSWD"], ["ALL", "!/bin/su"]),
    ]
    assert [(default.scope, default.setting) for default in found.defaults] == [
        ("", "env_reset"),
        ("", "mail_badpass"),
        ("", 'secure_path="/usr/local/sbin:/bin"'),
        (":%sudo,bob", 'env_keep += "HTTP_PROXY a"'),
    ]


def test_the_rule_as_it_is_written_keeps_its_aliases() -> None:
    rule = rules(SUDOERS)[1]
    assert (rule.head, rule.written) == ("ADMINS, dave WEB, db1=(DB:dba) NOPASSWD: SETENV: ", ["NET"])


@pytest.mark.parametrize(
    "line", ["nonsense", "a ALL", "a ALL=", "a ALL=/bin/x,", "a=", "Defaults", "User_Alias x", "a ALL=(((x"]
)
def test_what_is_not_understood_is_reported(line: str) -> None:
    found = sudoers.parse({"/etc/sudoers": f"# c\n{line}\nroot ALL=ALL\n"}, "/etc/sudoers", "h")
    assert found.strange == ["/etc/sudoers:2"]
    assert "root" in [rule.who[0] for rule in found.rules]


def test_files_are_read_as_sudo_reads_them() -> None:
    files = {
        "/etc/sudoers": "@includedir d.%h\n#include /etc/other\n",
        "/etc/d.host/b": "b ALL=ALL",
        "/etc/d.host/a.conf": "x ALL=ALL",
        "/etc/d.host/a~": "x ALL=ALL",
        "/etc/d.host/sub/c": "x ALL=ALL",
        "/etc/other": "@include /etc/sudoers\nc ALL=ALL",
        "/etc/sudoers.d/y": "x ALL=ALL",
    }
    found = sudoers.parse(files, "/etc/sudoers", "host.example")
    assert [rule.who[0] for rule in found.rules] == ["b", "c"]
    assert {passed.file: passed.why for passed in found.files if passed.why} == {
        "/etc/d.host/a.conf": "sudo ignores names with a dot",
        "/etc/d.host/a~": "sudo ignores names that end in ~",
        "/etc/d.host/sub/c": "no @include or @includedir names it",
        "/etc/sudoers.d/y": "no @include or @includedir names it",
    }


def test_aliases_that_name_each_other_or_grow_without_bound_end() -> None:
    circle = "Cmnd_Alias A = B\nCmnd_Alias B = A, /x\nu ALL = A"
    assert rules(circle)[0].commands == ["A", "/x"]
    bomb = "\n".join(f"Cmnd_Alias A{i} = A{i + 1}, A{i + 1}, A{i + 1}, A{i + 1}" for i in range(20))
    assert len(rules(f"{bomb}\nu ALL = A0")[0].commands) <= 1001


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "a ",
        "a,",
        "a ALL=(",
        "a ALL=/x,",
        '"',
        "\\",
        "sha256:",
        "#",
        "NOPASSWD:",
        "=",
        " ",
        "!",
        "! ",
        ":",
        "(:",
        "TIMEOUT=1",
    ],
)
@pytest.mark.parametrize("start", ["", "a ALL = ", "a ALL = /x ", "Defaults ", "Cmnd_Alias A = "])
def test_time_is_linear_in_what_a_hostile_host_sends(start: str, piece: str) -> None:
    begun = time.process_time()
    rules(start + piece * 20_000)
    assert time.process_time() - begun < 2


@given(st.text(alphabet='aA/ =,:()!#%"\\\n\t@includeDefaultsNOPASSWD', max_size=200))
def test_nothing_breaks_the_parser(content: str) -> None:
    sudoers.parse({"/etc/sudoers": content, "/etc/x": content}, "/etc/sudoers", "h")
