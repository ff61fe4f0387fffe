"""Applying a role: values of secrets, what tools say, what a host must be to be written on."""

import base64
import io
import json
import re
import stat
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from driftscan.emit.base import Emitted, Output
from driftscan.errors import UsageError
from driftscan.explain.view import View
from driftscan.model.host import Host, Jump
from driftscan.model.item import Item
from driftscan.prove import ansible
from driftscan.prove.ansible import Ansible, program
from driftscan.prove.apply import ApplyError, Log, Run, packed, shell_run, write_out
from driftscan.prove.blank import refuse_itself, refuse_other, refuse_same, refuse_used
from driftscan.prove.values import read, settle, written
from driftscan.role.model import Role, Secret
from driftscan.role.resources import Content, File, Variable, Why
from driftscan.transport.base import Privilege
from tests.unit.handmade import TAKEN, leaf, snapshot, tree

TOKEN = Secret("token", ("/etc/app",), "TOKEN")
HASH = Secret("deploy_password_hash", ("/etc/shadow",), "password hash of deploy")
KEY = Secret("site_key", ("/etc/ssl/private/site.pem",), "private key", whole=True)
NASTY = "{{ lookup('pipe', 'touch /tmp/x') }}\n\"'`$(id)` é \x07\U0001f600 : #"
EMITTED = Emitted({"rebuild.sh": Output(b"echo\n", executable=True), "files/etc/app": Output(b"a\n")})


# Values


def test_secrets_that_are_not_given_are_made_up() -> None:
    values = settle([TOKEN, HASH, KEY], {"token": b"abc"})
    assert values.supplied == {"token": b"abc"}
    assert sorted(values.made_up) == ["deploy_password_hash", "site_key"]
    assert re.fullmatch(rb"\$6\$[./\w]{16}\$[./\w]{86}", values.made_up["deploy_password_hash"])
    assert values.made_up["site_key"].startswith(b"-----BEGIN PRIVATE KEY-----")
    assert settle([TOKEN], {}).made_up["token"].decode().isprintable()
    assert "abc" not in repr(values)


def test_a_secret_that_the_role_does_not_know_is_refused() -> None:
    with pytest.raises(UsageError, match=r"the role has no secret 'tokn'; it has token, site_key"):
        settle([TOKEN, KEY], {"tokn": b""})


def test_a_file_of_secrets(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "secrets.yml"
    file.write_text(f'token: "0123"\nkey: {{base64: {base64.b64encode(bytes(range(256))).decode()}}}\n')
    file.chmod(0o600)
    assert read(file) == {"token": b"0123", "key": bytes(range(256))}
    assert caplog.messages == []
    file.write_text(json.dumps({"token": NASTY}))
    file.chmod(0o644)
    assert read(file) == {"token": NASTY.encode()}
    assert "chmod 600" in caplog.messages[0]
    file.write_text("")
    assert read(file) == {}


@pytest.mark.parametrize(
    ("says", "words"),
    [
        ("a: [hunter2", "is neither YAML nor JSON"),
        ("- hunter2", "is no mapping"),
        ("token: 12", "token is no text"),
        ("token: {base64: hunter2}", "token is no base64"),
        ("token: {file: hunter2}", "token is no text"),
    ],
)
def test_a_file_of_secrets_that_is_none(tmp_path: Path, says: str, words: str) -> None:
    file = tmp_path / "secrets.yml"
    file.write_text(says)
    with pytest.raises(UsageError, match=words) as error:
        read(file)
    assert "hunter2" not in str(error.value)
    with pytest.raises(UsageError, match="cannot read"):
        read(tmp_path / "none")


def test_what_a_role_means_to_write() -> None:
    made = File(why=Why("files", "/a"), path="/a", content=Content((b"x=", Variable("token"), b"\n")))
    plain = File(why=Why("files", "/b"), path="/b", content=Content((b"x",)))
    role = Role("r", "h", TAKEN, {}, "dpkg", resources=(made, plain))
    digest = (
        "sha256:" + subprocess.run(["sha256sum"], input=b"x=1\n", capture_output=True, check=True).stdout.decode()[:64]
    )
    assert written(role, {"token": b"1"}, ["token"]) == {"/a": digest}
    assert written(role, {"token": b"1"}, []) == {}


# What tools say


def test_the_words_of_the_shell_role() -> None:
    said = b"changed: package nginx\nchanged: file /a\nok\ndriftscan: 2 changed\n"
    assert shell_run(said, b"", 0) == Run(2, ("package nginx", "file /a"))
    assert shell_run(b"driftscan: 0 changed\n", b"a warning\n", 0) == Run(0)
    for out, err, code in ((said, b"E: broke \x1b[2J\n", 1), (b"", b"E: broke \x1b[2J\n", 0)):
        with pytest.raises(ApplyError, match=r"E: broke \\x1b\[2J"):
            shell_run(out, err, code)


def test_a_log_holds_no_secret(tmp_path: Path) -> None:
    log = Log(tmp_path / "log", [b"hunter22", b"first line\nsecond line", b"ab"])
    log.write(b"password hunter22, second line, ab\n")
    assert log.path.read_bytes() == b"password <secret>, <secret>, ab\n"


def test_an_emitted_role_as_files_and_as_a_tar(tmp_path: Path) -> None:
    write_out(EMITTED, tmp_path / "role")
    assert (tmp_path / "role/files/etc/app").read_bytes() == b"a\n"
    assert stat.S_IMODE((tmp_path / "role/rebuild.sh").stat().st_mode) == 0o755
    assert packed(EMITTED) == packed(EMITTED)
    with tarfile.open(fileobj=io.BytesIO(packed(EMITTED))) as archive:
        assert [(one.name, one.mode, one.uid, one.mtime) for one in archive] == [
            ("files/etc/app", 0o644, 0, 0),
            ("rebuild.sh", 0o755, 0, 0),
        ]


# Ansible


def _playing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tasks: Any, **more: Any) -> Ansible:
    """Return a role of `tasks` that is applied to this machine, without a connection."""
    monkeypatch.setattr(
        ansible, "_inventory", lambda *_: {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    work = tmp_path / "work"
    work.mkdir()
    role = Emitted({"tasks/main.yml": Output(yaml.safe_dump(tasks).encode())})
    log = Log(tmp_path / "log", [])
    values = more.pop("values", {})
    return Ansible(Host("blank"), Privilege(), role, values, prompt=lambda _: "", directory=work, log=log, **more)


def test_a_playbook_is_run_and_its_changes_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "made"
    task = {"name": "Make {it}", "ansible.builtin.copy": {"dest": str(file), "content": "{{ token }}", "mode": "0600"}}
    told: list[str] = []
    playing = _playing(tmp_path, monkeypatch, [task], values={"token": NASTY.encode()})
    assert playing.apply(told.append) == Run(1, ("Make {it}",))
    assert file.read_text() == NASTY
    assert "Make {it}" in told
    assert not list(tmp_path.rglob("variables.yml"))


def test_a_playbook_that_fails_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = {"name": "Break", "ansible.builtin.fail": {"msg": "no such thing"}}
    with pytest.raises(ApplyError, match=r"did not come to its end: Break: .*no such thing.*; its log is"):
        _playing(tmp_path, monkeypatch, [task]).apply(lambda _: None)
    assert b"no such thing" in (tmp_path / "log").read_bytes()


def test_a_secret_that_is_no_text_is_not_for_ansible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="the secret token is no text, which Ansible needs; use --with shell"):
        _playing(tmp_path, monkeypatch, [], values={"token": b"\xff"})


def test_ansible_reaches_a_host_as_driftscan_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    host = Host("b", "10.0.0.9", 2222, "admin", sudo="password", jump=(Jump("bastion"),), identity="/k", timeout=9.0)
    Ansible(
        host,
        Privilege(sudo=True, password="pw"),
        EMITTED,
        {},
        prompt=lambda _: "",
        directory=tmp_path,
        log=Log(tmp_path / "l", []),
    )
    known = json.loads((tmp_path / "inventory.yml").read_text())["all"]["hosts"]["blank"]
    assert {name: known[name] for name in ("ansible_host", "ansible_port", "ansible_user", "ansible_become")} == {
        "ansible_host": "10.0.0.9",
        "ansible_port": 2222,
        "ansible_user": "admin",
        "ansible_become": True,
    }
    assert "-J bastion" in known["ansible_ssh_common_args"]
    assert "pw" not in (tmp_path / "inventory.yml").read_text()
    config = (tmp_path / "config").read_text()
    assert "StrictHostKeyChecking yes" in config
    assert 'IdentityFile "/k"' in config


def test_ansible_is_found_beside_driftscan_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program().endswith("/bin/ansible-playbook")
    monkeypatch.setattr(ansible.sys, "executable", str(tmp_path / "python"))
    with pytest.raises(UsageError, match="there is no ansible-playbook here; install ansible-core"):
        program()


# What may be written on


@pytest.mark.parametrize(
    ("blank", "words"),
    [
        (Host("localhost", transport="local"), "localhost is not reached by SSH"),
        (Host("image:/mnt", transport="image", path="/mnt"), "not reached by SSH"),
        (Host("web1", "10.0.0.9"), "is the host itself"),
        (Host("other", "10.0.0.1"), "is the host itself"),
        (Host("other", "10.0.0.1", port=22), "is the host itself"),
        (Host("other", "10.0.0.1", port=23), ""),
        (Host("other", "10.0.0.2"), ""),
    ],
)
def test_the_host_itself_is_refused(blank: Host, words: str) -> None:
    host = Host("web1", "10.0.0.1")
    if not words:
        refuse_itself(host, blank)
        return
    with pytest.raises(UsageError, match=words):
        refuse_itself(host, blank)


def test_the_host_under_another_name_is_refused() -> None:
    def machine(number: str, key: str) -> Any:
        return snapshot([
            Item("files", "/etc/machine-id", {"digest": number}),
            Item("files", "/etc/ssh/ssh_host_ed25519_key.pub", {"digest": key}),
        ])  # fmt: skip

    refuse_same(machine("sha256:1", "sha256:a"), machine("sha256:2", "sha256:b"))
    with pytest.raises(UsageError, match="has the /etc/machine-id of web1"):
        refuse_same(machine("sha256:1", "sha256:a"), machine("sha256:1", "sha256:b"))
    with pytest.raises(UsageError, match=r"ssh_host_ed25519_key\.pub of web1"):
        refuse_same(machine("sha256:1", "sha256:a"), machine("sha256:2", "sha256:a"))
    refuse_same(machine("", ""), machine("", ""))


def test_another_release_is_refused() -> None:
    role = Role("r", "web1", TAKEN, {"id": "debian", "version": "12"}, "dpkg")
    facts = [("release id", "debian"), ("release version", "13")]
    blank = snapshot([Item("system", name, {"fact": name, "value": value}) for name, value in facts], host="b")
    with pytest.raises(UsageError, match="b is debian 13, the role is for debian 12; --force"):
        refuse_other(role, blank)
    refuse_other(replace(role, release={"id": "debian", "version": "13"}), blank)


def test_a_host_that_is_used_already_is_refused() -> None:
    def seen(*items: Item, paths: tuple[bytes, ...] = (), host: str = "b") -> View:
        files = tree(leaf(b"run/stock", b"f644 0 0"), *(leaf(path, b"f644 0 0") for path in paths))
        return View(snapshot(items, files=files, host=host))

    nginx = Item("packages", "nginx", {"name": "nginx", "version": "1", "reason": "manual"})
    old = seen(nginx, paths=(b"opt/a",), host="web1")
    refuse_used(old, seen())
    refuse_used(old, seen(nginx, paths=(b"opt/a",)))
    vim = Item("packages", "vim", {"name": "vim", "version": "1", "reason": "manual"})
    with pytest.raises(UsageError, match=r"b is not blank: it has files /opt/b, packages vim; --force"):
        refuse_used(old, seen(vim, paths=(b"opt/a", b"opt/b")))
