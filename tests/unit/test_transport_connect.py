"""From the inventory's words to a transport and a privilege; images; secrets; what is imported when."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from driftscan.errors import TransportError
from driftscan.model.host import Host, SecretReference
from driftscan.transport.base import Privilege
from driftscan.transport.connect import connect, privilege
from driftscan.transport.names import check_names
from driftscan.transport.secret import reveal

ENVIRONMENT = SecretReference("environment", "TEST_SECRET")


def nobody(question: str) -> str:
    raise TransportError(f"there is nobody to ask: {question}")


@pytest.mark.parametrize("name", ["carrier-pigeon", "base", "", "os", "..", "process"])
def test_what_is_no_transport_is_refused(name: Any) -> None:
    with pytest.raises(TransportError, match="there is no transport"):
        connect(Host("x", transport=name), nobody)


def test_paramiko_is_loaded_for_its_own_transport_only() -> None:
    code = (
        "import sys; from driftscan.model.host import Host; from driftscan.transport.connect import connect\n"
        "connect(Host('x', transport='local'), input).close(); import driftscan.transport.openssh\n"
        "sys.exit('paramiko' in sys.modules)"
    )
    assert subprocess.run((sys.executable, "-c", code), check=False).returncode == 0


def test_no_sudo_is_no_privilege() -> None:
    assert privilege(Host("x"), nobody) == Privilege()


def test_sudo_without_a_password() -> None:
    assert privilege(Host("x", sudo="passwordless", sudo_tty=True), nobody) == Privilege(sudo=True, tty=True)


def test_sudo_with_its_own_password_or_the_login_password_or_a_persons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_SECRET", "one")
    monkeypatch.setenv("TEST_OTHER", "two")
    other = SecretReference("environment", "TEST_OTHER")
    both = Host("x", sudo="password", password=other, sudo_password=ENVIRONMENT)
    assert privilege(both, nobody).password == "one"
    assert privilege(Host("x", sudo="password", password=other), nobody).password == "two"
    asked = privilege(Host("x", sudo="password"), lambda question: f"answer to {question}")
    assert asked.password == "answer to sudo password of x: "


def test_a_privilege_does_not_show_its_password() -> None:
    assert "hunter2" not in repr(Privilege(sudo=True, password="hunter2"))


def test_secrets_come_as_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TEST_SECRET", " spaces stay ")
    (tmp_path / "secret").write_text("from a file \r\n")
    assert reveal(ENVIRONMENT, "password", nobody) == " spaces stay "
    assert reveal(SecretReference("file", str(tmp_path / "secret")), "password", nobody) == "from a file "


@pytest.mark.parametrize(
    ("reference", "content", "says"),
    [
        (ENVIRONMENT, None, "TEST_SECRET"),
        (SecretReference("file", "{}/none"), None, "cannot read"),
        (SecretReference("file", "{}"), None, "cannot read"),
        (SecretReference("file", "{}/secret"), b"", "is empty"),
        (SecretReference("file", "{}/secret"), b"two\nhunter2", "more than one line"),
        (SecretReference("file", "{}/secret"), b"\xff\xfe", "not UTF-8"),
        (SecretReference("prompt"), None, "nobody to ask"),
    ],
)
def test_a_secret_that_is_not_there_is_one_line(
    reference: SecretReference, content: bytes | None, says: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    found = SecretReference(reference.kind, reference.name.format(tmp_path))
    with pytest.raises(TransportError, match=says) as caught:
        reveal(found, "password of x", nobody)
    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("names", [("etc", "usr"), ("etc", "bin", "root")])
def test_an_image_is_a_root_file_system(names: tuple[str, ...], tmp_path: Path) -> None:
    for name in names:
        (tmp_path / name).mkdir()
    image = connect(Host("x", transport="image", path=f"{tmp_path}/"), nobody)
    assert (image.name, image.root, image.live, image.local) == ("image", str(tmp_path), False, False)
    image.close()


def test_this_machines_own_root_as_an_image() -> None:
    image = connect(Host("x", transport="image", path="/"), nobody)
    assert (image.root, image.live) == ("", False)
    image.close()


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("", "needs the path"),
        ("{}/none", "cannot look"),
        ("{}/file", "not a directory"),
        ("{}", "not a root file system"),
    ],
)
def test_what_is_no_image_is_refused(path: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "etc").mkdir()
    with pytest.raises(TransportError, match=says):
        connect(Host("x", transport="image", path=path.format(tmp_path)), nobody)


@pytest.mark.parametrize("name", ["-oProxyCommand=x", "a b", "a;b", "$(id)", "a\nb", "`id`", "a|b"])
def test_names_that_are_none_are_refused(name: str) -> None:
    for host in (Host("x", address=name), Host("x", user=name), Host(name)):
        with pytest.raises(TransportError, match="cannot be the name"):
            check_names(host)


@pytest.mark.parametrize(
    "name", ["web1", "web-1.example.org", "2001:db8::1", "fe80::1%eth0", "ALIAS_1", "münchen.example"]
)
def test_names_that_are_some_are_taken(name: str) -> None:
    check_names(Host("x", address=name, user="DOMAIN.x_y-1"))
