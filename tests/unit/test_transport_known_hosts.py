"""known_hosts as OpenSSH reads and writes it."""

import subprocess
from pathlib import Path

import pytest

from driftscan.errors import TransportError
from driftscan.transport.known_hosts import (
    Trust,
    fingerprint,
    has_authority,
    judge,
    known_types,
    lookup_name,
    parse,
    read,
    remember,
)

KEY = b"\x00\x00\x00\x0bssh-ed25519" + bytes(36)
OTHER = b"\x00\x00\x00\x0bssh-ed25519" + bytes(35) + b"\x01"
TEXT = "AAAAC3NzaC1lZDI1NTE5" + "A" * 48


def trust(lines: str, *names: str, key: bytes = KEY, key_type: str = "ssh-ed25519") -> Trust:
    return judge(parse(lines), names, key_type, key)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (f"web ssh-ed25519 {TEXT}", Trust.KNOWN),
        (f"web,10.0.0.1 ssh-ed25519 {TEXT} a comment", Trust.KNOWN),
        (f"\tWEB  ssh-ed25519\t{TEXT}", Trust.KNOWN),
        (f"*.example,w?b ssh-ed25519 {TEXT}", Trust.KNOWN),
        (f"*,!web ssh-ed25519 {TEXT}", Trust.UNKNOWN),
        (f"other ssh-ed25519 {TEXT}", Trust.UNKNOWN),
        (f"# web ssh-ed25519 {TEXT}", Trust.UNKNOWN),
        (f"web ssh-ed25519 {TEXT[:-4]}AAAB", Trust.CHANGED),
        (f"web ssh-ed25519 {TEXT[:-4]}AAAB\nweb ssh-ed25519 {TEXT}", Trust.KNOWN),
        ("web ssh-rsa AAAAB3NzaC1yc2E=", Trust.CHANGED),
        (f"@revoked * ssh-ed25519 {TEXT}\nweb ssh-ed25519 {TEXT}", Trust.REVOKED),
        (f"@cert-authority * ssh-ed25519 {TEXT}", Trust.UNKNOWN),
        (f"@unheard-of web ssh-ed25519 {TEXT}", Trust.UNKNOWN),
        ("web ssh-ed25519 not*base64\nweb\n\n", Trust.UNKNOWN),
        ("", Trust.UNKNOWN),
    ],
)
def test_what_a_line_says(lines: str, expected: Trust) -> None:
    assert trust(lines, "web") is expected


def test_a_port_of_its_own_is_a_host_of_its_own() -> None:
    assert lookup_name("WEB", 22) == "web"
    assert lookup_name("web", 2222) == "[web]:2222"
    lines = f"[web]:2222 ssh-ed25519 {TEXT}"
    assert trust(lines, "[web]:2222", "web") is Trust.KNOWN
    assert trust(lines, "[web]:2223", "web") is Trust.UNKNOWN


def test_the_name_without_port_confirms_a_key_and_never_denies_one() -> None:
    lines = f"web ssh-ed25519 {TEXT}"
    assert trust(lines, "[web]:2222", "web") is Trust.KNOWN
    assert trust(lines, "[web]:2222", "web", key=OTHER) is Trust.UNKNOWN


def test_types_and_authorities() -> None:
    entries = parse(f"web ssh-ed25519 {TEXT}\nweb ssh-rsa AAAA\n@cert-authority *.example ssh-rsa AAAA")
    assert known_types(entries, ["web"]) == ["ssh-ed25519", "ssh-rsa"]
    assert has_authority(entries, ["a.example"])
    assert not has_authority(entries, ["web"])


@pytest.mark.parametrize("hashed", [False, True])
def test_what_is_remembered_is_known_to_us_and_to_ssh_keygen(hashed: bool, tmp_path: Path) -> None:
    path = tmp_path / "new" / "known_hosts"
    remember(str(path), "[web]:2222", "ssh-ed25519", KEY, hashed=hashed)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o600
    assert ("web" in path.read_text()) is not hashed
    assert judge(read([str(path)]), ["[web]:2222"], "ssh-ed25519", KEY) is Trust.KNOWN
    found = subprocess.run(("ssh-keygen", "-F", "[web]:2222", "-f", path), capture_output=True, check=False)
    assert found.returncode == 0


def test_a_file_that_lacks_its_last_newline_is_not_spoilt(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(f"old ssh-ed25519 {TEXT}")
    remember(str(path), "new", "ssh-ed25519", KEY, hashed=False)
    assert path.read_text() == f"old ssh-ed25519 {TEXT}\nnew ssh-ed25519 {TEXT}\n"


def test_the_fingerprint_is_ssh_keygens(tmp_path: Path) -> None:
    subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"), check=True)
    public = (tmp_path / "key.pub").read_text()
    shown = subprocess.run(("ssh-keygen", "-l", "-f", tmp_path / "key"), capture_output=True, text=True, check=True)
    assert fingerprint(parse(f"x {public}")[0].key) == shown.stdout.split()[1]


def test_a_file_that_cannot_be_read_or_written_is_an_error(tmp_path: Path) -> None:
    assert read([str(tmp_path / "none")]) == []
    with pytest.raises(TransportError, match="cannot read"):
        read([str(tmp_path)])
    with pytest.raises(TransportError, match="cannot add"):
        remember(str(tmp_path), "web", "ssh-ed25519", KEY, hashed=False)
