"""The scope `accounts` on what the lab's hosts showed, and on account files made to be difficult."""

import lzma
import os
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftscan.model.item import Item, Json
from driftscan.model.outcome import HostFile, Outcome, ProbeResult
from driftscan.scopes.base import Parsed, scopes
from driftscan.scopes.logins import authorized_keys, lastlog
from tests.unit.conftest import RECORDINGS, Recordings, cut, garbled, look

SCOPE = scopes()["accounts"]
RECORDED = Recordings()
SHELLS = [shell for shell in ("sh", "bash", "busybox sh") if shutil.which(shell.split()[0])]


def of_kind(parsed: Parsed, kind: str) -> dict[str, Item]:
    return {item.key: item for item in parsed.items if item.attributes["kind"] == kind}


def facts(item: Item, *names: str) -> tuple[Json, ...]:
    return tuple({**item.attributes, **item.volatile}[name] for name in names)


@pytest.mark.parametrize("flavor", RECORDED.flavors("accounts"))
def test_a_real_host_is_understood_whole(flavor: str) -> None:
    parsed = SCOPE.parse(RECORDED(flavor, "accounts"))
    assert not parsed.unparsed
    assert not parsed.denied
    assert not parsed.notes
    assert len({item.key for item in parsed.items}) == len(parsed.items)
    root = of_kind(parsed, "user")["user root"]
    assert facts(root, "uid", "gid", "home", "password") == (0, 0, "/root", "none")
    assert [key.attributes["account"] for key in of_kind(parsed, "key").values()][:1] == [True]
    for item in parsed.items:
        assert {*item.attributes, *item.volatile} == {column.name for column in SCOPE.columns}


def test_the_users_of_the_sauced_host() -> None:
    users = of_kind(SCOPE.parse(RECORDED("sauced", "accounts")), "user")
    names = ("uid", "groups", "shell", "password", "password_scheme")
    assert facts(users["user deploy"], *names) == (1001, ["deploy", "shopdata", "www-data"], "/bin/bash", "set", "y")
    assert facts(users["user mthompson"], "password", "gecos") == ("locked", "Mark Thompson,,,")
    assert facts(users["user toor"], "uid", "home") == (0, "/root")
    assert facts(users["user svc-backup"], "uid", "shell") == (999, "/usr/sbin/nologin")
    assert facts(users["user deploy"], "password_changed", "must_change") == ("2026-11-22", False)


def test_the_sudo_rules_of_the_sauced_host() -> None:
    parsed = SCOPE.parse(RECORDED("sauced", "accounts"))
    rules = {item.attributes["who"]: item for item in of_kind(parsed, "sudo").values()}
    assert set(rules) == {"root", "%sudo", "auditor", "deploy"}
    assert facts(rules["auditor"], "file", "runas", "tags", "commands") == (
        "/etc/sudoers.d/90-auditor",
        "ALL",
        ["NOPASSWD"],
        ["ALL"],
    )
    assert facts(rules["deploy"], "commands") == (["/usr/bin/systemctl restart shop-*", "/usr/bin/rsync"],)
    assert facts(rules["auditor"], "rule") == ("auditor ALL=(ALL) NOPASSWD: ALL",)
    files = of_kind(parsed, "sudoers-file")
    ignored = [key for key, item in files.items() if item.attributes["ignored"]]
    assert ignored == ["sudoers-file /etc/sudoers.d/zz-tmp.bak"]
    assert facts(files[ignored[0]], "why") == ("sudo ignores names with a dot",)
    assert "sudo-default /etc/sudoers: Defaults use_pty" in of_kind(parsed, "sudo-default")


def test_the_keys_of_the_sauced_host() -> None:
    keys = list(of_kind(SCOPE.parse(RECORDED("sauced", "accounts")), "key").values())
    assert {key.attributes["owner"] for key in keys} == {"root", "toor", "auditor", "deploy", "mthompson"}
    contractor = next(key for key in keys if key.attributes["comment"] == "contractor@2018")
    assert facts(contractor, "options", "fingerprint", "why") == (
        ['from="192.0.2.10"', "no-pty"],
        None,
        "its base64 cannot be decoded",
    )
    laptop = next(key for key in keys if key.attributes["comment"] == "deploy@laptop")
    assert facts(laptop, "key_type", "bits", "file", "why", "ignored") == (
        "ssh-ed25519",
        256,
        "/home/deploy/.ssh/authorized_keys",
        "",
        False,
    )
    assert re.fullmatch(r"SHA256:[A-Za-z0-9+/]{43}", str(laptop.attributes["fingerprint"]))


def test_recordings_hold_no_secret() -> None:
    secret = re.compile(
        rb"hunter2|r3d1s|pg-Pa55|tok_live|ghp_|S3cret|OldRootPw|eyJhb|k-prod|AKIA|PRIVATE KEY|\$(?:y|6|5|1)\$"
    )
    for scope in ("packages", "system", "accounts"):
        for file in RECORDINGS.glob(f"*/{scope}/**/*"):
            if file.is_file():
                data = file.read_bytes()
                assert not secret.search(lzma.decompress(data) if file.suffix == ".xz" else data), file


HASH = "$6$saltsalt$" + "h" * 86
PASSWD = f"""root:x:0:0:root:/root:/bin/sh
# comment
bare:{HASH}:1:1::/:/bin/sh
des:abcdefghijklm:2:2::/:/bin/sh
free::3:3::/:/bin/sh
machine$:*:4:4::/:/bin/false
new:x:5:5::/home/new:/bin/sh
{HASH}:x:6:6::/:/bin/sh
moved:x:{HASH}:7::/:/bin/sh
gecos:x:8:8:{HASH}:/:/bin/sh
short:{HASH}
absent:x:9:9::/:/bin/sh
+::::::
"""
SHADOW = f"""root:!{HASH}:19000:0:99999:7:::
new:{HASH}:0:0:99999:7::20000:
moved::{HASH}:0:99999:7:::
"""


def host(root: Path, files: dict[str, str]) -> Path:
    for path, content in files.items():
        (root / path.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        (root / path.lstrip("/")).write_text(content)
    return root


@pytest.mark.parametrize("shell", SHELLS)
def test_no_hash_leaves_the_host_wherever_it_stands(tmp_path: Path, shell: str) -> None:
    groups = f"root:x:0:\nwheel:{HASH}:10:new,bare\nstaff:x:11:new\nbad:x:{HASH}:\n"
    gshadow = f"staff:{HASH}::\nroot:*::\n{HASH}:x::\n"
    files = {"/etc/passwd": PASSWD, "/etc/shadow": SHADOW, "/etc/group": groups, "/etc/gshadow": gshadow}
    results = look(host(tmp_path, files), "accounts", shell)
    for result in results.values():
        assert b"hhhh" not in result.stdout + result.stderr
        assert b"abcdefghijklm" not in result.stdout
    parsed = SCOPE.parse(results)
    users = of_kind(parsed, "user")
    states = {name[5:]: facts(item, "password", "password_scheme") for name, item in users.items()}
    assert states == {
        "root": ("locked", None),
        "bare": ("set", "6"),
        "des": ("set", "des"),
        "free": ("empty", None),
        "machine$": ("none", None),
        "new": ("set", "6"),
        "absent": (None, None),  # a line of shadow was not understood: it may be this one's
    }
    assert facts(users["user new"], "must_change", "expires", "groups") == (True, "2024-10-04", ["5", "staff", "wheel"])
    assert parsed.unparsed["accounts-passwd"].startswith("4 lines not understood, the first: ?8")
    assert facts(of_kind(parsed, "group")["group staff"], "password", "members") == ("set", ["new"])
    assert parsed.notes == ["the account files include a directory service (lines with + or -), which is not asked"]


def test_a_shadow_file_that_cannot_be_read_leaves_the_password_open() -> None:
    results = {
        "accounts-passwd": ProbeResult("accounts-passwd", Outcome.OK, stdout=b"a:shadow:1:1::/:/bin/sh\n"),
        "accounts-shadow": ProbeResult("accounts-shadow", Outcome.DENIED),
    }
    assert facts(SCOPE.parse(results).items[0], "password") == (None,)
    results["accounts-shadow"] = ProbeResult("accounts-shadow", Outcome.OK)
    assert facts(SCOPE.parse(results).items[0], "password") == ("none",)


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPm3c0Rz6pMmzsVuAp1vXZJ0DkYQ5vPb0lTm5u0hXyM me@laptop"


@pytest.mark.parametrize("shell", SHELLS)
def test_keys_are_found_wherever_sshd_looks(tmp_path: Path, shell: str) -> None:
    files = {
        "/etc/passwd": "root:x:0:0::/root:/bin/sh\nann:x:5:5::/srv/ann:/bin/sh\nbob:x:6:6::/home/bob:/bin/sh\n",
        "/etc/ssh/sshd_config": "#AuthorizedKeysFile none\n  authorizedkeysfile\t%h/.ssh/keys  /etc/ssh/keys/%u\n"
        "Match User x\n  AuthorizedKeysFile=.ssh/%U\nAuthorizedKeysCommand /bin/ask %u\n",
        "/srv/ann/.ssh/keys": f"{KEY}\n",
        "/home/bob/.ssh/authorized_keys": f"{KEY}\n",
        "/home/bob/.ssh/6": f"{KEY}\nnonsense\n",
        "/home/old one/.ssh/authorized_keys": f"{KEY}\n",
        "/etc/ssh/keys/root": f"{KEY}\n",
        "/etc/ssh/keys/leaver": f"no-pty {KEY}\n",
    }
    parsed = SCOPE.parse(look(host(tmp_path, files), "accounts", shell))
    found = {str(item.attributes["file"]): item for item in of_kind(parsed, "key").values()}
    seen = {path: facts(item, "owner", "account", "ignored") for path, item in found.items()}
    assert seen == {
        "/srv/ann/.ssh/keys": ("ann", True, False),
        "/home/bob/.ssh/authorized_keys": ("bob", True, True),
        "/home/bob/.ssh/6": ("bob", True, False),
        "/home/old one/.ssh/authorized_keys": ("old one", False, True),
        "/etc/ssh/keys/root": ("root", True, False),
        "/etc/ssh/keys/leaver": ("leaver", False, True),
    }
    assert facts(found["/home/bob/.ssh/authorized_keys"], "why") == ("sshd is configured to read other files",)
    assert parsed.unparsed == {"accounts-keys": "not understood: /home/bob/.ssh/6:2"}
    assert parsed.notes == ["sshd also asks /bin/ask %u for keys, which is not run"]


@pytest.mark.parametrize("shell", SHELLS)
def test_sudoers_files_are_found_by_their_includes(tmp_path: Path, shell: str) -> None:
    files = {
        "/etc/passwd": "",
        "/etc/sudoers": 'a ALL=ALL\n#includedir /etc/sudoers.d\n@include "/etc/my rules"\n#include local\n',
        "/etc/sudoers.d/one": "b ALL=ALL\n@includedir /opt/more\n",
        "/etc/sudoers.d/two~": "x ALL=ALL\n",
        "/opt/more/three": "c ALL=ALL\n@include /etc/sudoers\n",
        "/opt/more/four.rpmsave": "x ALL=ALL\n",
        "/etc/my rules": "d ALL=ALL\n",
        "/etc/local": "e ALL=ALL\n",
    }
    parsed = SCOPE.parse(look(host(tmp_path, files), "accounts", shell))
    assert sorted(str(item.attributes["who"]) for item in of_kind(parsed, "sudo").values()) == list("abcde")
    files_seen = {
        str(item.attributes["file"]): item.attributes["why"] for item in of_kind(parsed, "sudoers-file").values()
    }
    assert {path for path, why in files_seen.items() if why} == {"/etc/sudoers.d/two~", "/opt/more/four.rpmsave"}


def result(probe: str, stdout: bytes = b"", files: dict[str, bytes] | None = None) -> dict[str, ProbeResult]:
    shown = tuple(HostFile(os.fsencode(path), Outcome.OK, data) for path, data in (files or {}).items())
    return {probe: ProbeResult(probe, Outcome.OK, stdout=stdout, files=shown)}


def test_directory_services_and_remote_homes_are_noted() -> None:
    results = result(
        "accounts-nsswitch", files={"/etc/nsswitch.conf": b"passwd: files sss [NOTFOUND=return] ldap # x\n"}
    )
    results |= result("accounts-keys", b"remote\0ann\0/net/ann\0command\0\0none\0")
    assert SCOPE.parse(results).notes == [
        "passwd also come from sss, which is not asked",
        "passwd also come from ldap, which is not asked",
        "home of ann is on a remote filesystem (/net/ann), which is not looked at",
    ]


def test_a_hidden_sshd_config_is_a_gap() -> None:
    assert SCOPE.parse(result("accounts-keys", b"hidden\0\0/etc/ssh/sshd_config\0")).denied == {
        "accounts-keys": "/etc/ssh/sshd_config"
    }


@pytest.mark.parametrize(
    ("line", "type_", "bits", "options", "comment"),
    [
        (KEY, "ssh-ed25519", 256, [], "me@laptop"),
        (
            f'command="echo \\"a, b\\"",from="10.*,!10.1.1.1" {KEY}',
            "ssh-ed25519",
            256,
            ['command="echo \\"a, b\\""', 'from="10.*,!10.1.1.1"'],
            "me@laptop",
        ),
        (f'environment="TOKEN=verysecret" {KEY}', "ssh-ed25519", 256, ['environment="TOKEN=<redacted>"'], "me@laptop"),
        ("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAwD//w==", "ssh-rsa", 16, [], ""),
        ("1024 35 1234567890 old@host", "rsa1", 1024, [], "old@host"),
        (
            "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29t c",
            "sk-ssh-ed25519@openssh.com",
            256,
            [],
            "c",
        ),
    ],
)
def test_authorized_keys_lines(line: str, type_: str, bits: int, options: list[str], comment: str) -> None:
    keys, strange = authorized_keys.parse(f"# c\n\n{line}\n")
    assert strange == []
    key = keys[0]
    assert (key.type, key.bits, key.options, key.comment) == (type_, bits, options, comment)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (
            "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIGPm3c0Rz6pMmzsVuAp1vXZJ0DkYQ5vPb0lTm5u0hXyM",
            "it is of another type than it says",
        ),
        ("ssh-rsa AAAA/w==", "it is not made of the fields of a key"),
        ("ssh-rsa A", "its base64 cannot be decoded"),
    ],
)
def test_a_key_that_is_none_says_why(line: str, fault: str) -> None:
    assert authorized_keys.parse(line)[0][0].fault == fault


def test_the_fingerprint_is_that_of_ssh_keygen() -> None:
    # `ssh-keygen -lf` of this key
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJfkNV4OS33ImTXvorZr72q4v5XhVEQKfvqsxOEJ/XaR"
    assert authorized_keys.parse(key)[0][0].fingerprint == "SHA256:BFlAu0a4IRDePBZATpvzbeWrjzjd9h2/tKqd//EWd1Q"


def dump(data: bytes) -> bytes:
    """What od prints of `data`."""
    lines, before, skipped = [], None, False
    for at in range(0, len(data), 16):
        row = data[at : at + 16]
        if row == before and at + 16 <= len(data):
            skipped = skipped or not lines.append("*")
            continue
        before, skipped = row, False
        lines.append(f"{at:07d} {row.hex(' ')}")
    collapsed = [line for at, line in enumerate(lines) if line != "*" or lines[at - 1] != "*"]
    return "\n".join([str(len(data)), *collapsed, f"{len(data):07d}", ""]).encode()


@pytest.mark.parametrize(("size", "width", "order"), [(292, 4, "little"), (296, 8, "little"), (292, 4, "big")])
def test_lastlog_of_every_machine(size: int, width: int, order: str) -> None:
    data = bytearray(size * 1001)
    data[0:width] = (1_700_000_000).to_bytes(width, order)
    data[1000 * size : 1000 * size + width] = (1_600_000_000).to_bytes(width, order)
    found = lastlog.read(result("accounts-lastlog", dump(bytes(data))), [("root", 0), ("deploy", 1000), ("x", 7)])
    assert found == {"root": "2023-11-14T22:13:20Z", "deploy": "2020-09-13T12:26:40Z"}


def test_lastlog2_is_read_too() -> None:
    found = lastlog.read(result("accounts-lastlog2", b"1700000000\troot\nx\ty\n17000"), [("root", 0)])
    assert found == {"root": "2023-11-14T22:13:20Z"}


@pytest.mark.parametrize("flavor", RECORDED.flavors("accounts"))
def test_what_is_cut_off_is_not_taken_for_whole(flavor: str) -> None:
    results = RECORDED(flavor, "accounts")
    whole = {item.key: item.attributes for item in SCOPE.parse(results).items}
    names = ("kind", "name", "uid", "gid", "home", "shell", "members", "owner", "file")
    for probe, one in results.items():
        for size in range(0, len(one.stdout), 37):
            for item in SCOPE.parse(cut(results, probe, size)).items:
                assert all(item.attributes[name] == whole[item.key][name] for name in names)


@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_no_output_of_a_hostile_host_breaks_the_parser(data: st.DataObject) -> None:
    flavor = data.draw(st.sampled_from(["sauced", "busybox", "rpm"]))
    parsed = SCOPE.parse(data.draw(garbled(RECORDED(flavor, "accounts").values())))
    assert len({item.key for item in parsed.items}) == len(parsed.items)
