"""Files of a host in formats of their own: certificates, checkouts, logins, packages."""

from collections.abc import Iterator
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from driftscan.model.text import text
from driftscan.role.repack import field_of, stanzas
from driftscan.scopes._x509 import certificates
from driftscan.scopes.checkout.git import _settings
from driftscan.scopes.checkout.git_ignore import ignored, patterns
from driftscan.scopes.checkout.git_index import parse as git_index
from driftscan.scopes.checkout.mercurial import _dirstate
from driftscan.scopes.checkout.urls import without_credentials
from driftscan.scopes.logins.authorized_keys import parse as authorized_keys
from driftscan.scopes.logins.sudoers import parse as sudoers
from driftscan.scopes.past import logs
from driftscan.scopes.past.logins import sudo, wtmp
from driftscan.scopes.proc.cgroup import unit_and_container
from driftscan.scopes.proc.procfs import command_line, parse_stat
from tests.fuzz.target import Target, pieces

if TYPE_CHECKING:
    from driftscan.model.item import Json

_NOW = datetime(2026, 11, 1, tzinfo=timezone.utc)
_RECORDINGS = Path(__file__).parent.parent / "recordings"


def x509(data: bytes) -> None:
    """Read certificates, PEM or DER."""
    for found in certificates(data):
        if found is not None:
            assert all("\n" not in word and "\0" not in word for word in (found.subject, found.issuer, *found.names))


@cache
def _certificate() -> bytes:
    from cryptography import x509 as made
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = made.Name([made.NameAttribute(made.NameOID.COMMON_NAME, "shop.example")])
    builder = made.CertificateBuilder(name, name, key.public_key(), 7, _NOW, _NOW.replace(year=2027))
    names = made.SubjectAlternativeName([made.DNSName("shop.example"), made.RFC822Name("a@b.example")])
    signed = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.DER)


def _certificates() -> Iterator[bytes]:
    import base64

    yield _certificate()
    body = base64.encodebytes(_certificate())
    yield b"-----BEGIN CERTIFICATE-----\n" + body + b"-----END CERTIFICATE-----\n"


def git(data: bytes) -> None:
    """Read an index of both kinds of names, a configuration, patterns and addresses."""
    for digest in (20, 32):
        assert len(git_index(data, digest) or ()) <= len(data)
    for values in _settings(data).values():
        for value in values:
            without_credentials(value)
    rules = patterns(data[:2000])
    for path in (b"a", b"a/b/c.py", data[:40]):
        ignored(rules, path, directory=False)
    _dirstate(data)


def _git() -> Iterator[bytes]:
    import struct

    entry = (
        struct.pack(">10I", *range(6), 0o100644, 0, 0, 5) + b"\x11" * 20 + struct.pack(">H", 5) + b"a.txt" + b"\0" * 5
    )
    for version in (2, 4):
        yield b"DIRC" + struct.pack(">II", version, 1) + entry + b"\x22" * 20
    yield b'[core]\n\tbare = false\n[remote "origin"]\n\turl = https://u:p@git.example/x.git\n[url "x"]\n insteadOf = y\n'  # noqa: E501
    yield b"*.pyc\n!keep\n/build/**/x\n[a-z]?\\ \n"
    yield b"n" + struct.pack(">lll", 33188, 5, 9) + struct.pack(">l", 1) + b"a"


def logins(data: bytes) -> None:
    """Read wtmp, sudo's log, sudoers and authorized keys."""
    for one in (*wtmp(data), *sudo(data, "/var/log/auth.log", timezone.utc, _NOW)):
        assert isinstance(one, object)
    words = text(data)
    sudoers({"/etc/sudoers": words, "/etc/sudoers.d/x": words[::-1]}, "/etc/sudoers", "web1")
    authorized_keys(words)


def _logins() -> Iterator[bytes]:
    yield b"\7\0\0\0" + b"\1\0\0\0" + b"pts/0".ljust(32, b"\0") + b"ts/0" + b"root".ljust(32, b"\0") + b"\0" * 308
    yield b"Nov  1 03:00:00 web1 sudo:  anna : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh\n"
    yield b"User_Alias A = anna, %wheel\nDefaults env_reset\nA ALL=(ALL:ALL) NOPASSWD: /bin/ls, !/bin/sh\n@includedir /etc/sudoers.d\n"  # noqa: E501
    yield b'from="10.0.0.1",no-pty ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHj anna@x\n'


def history(data: bytes) -> None:
    """Read the logs of every package manager."""
    found: list[Json] = [*logs.dpkg(data, timezone.utc), *logs.apt(data, timezone.utc), *logs.dnf(data, timezone.utc)]
    found += [*logs.yum(data, timezone.utc, _NOW), *logs.zypper(data, timezone.utc), *logs.pacman(data, timezone.utc)]
    assert len(found) <= 6 * len(data)


def _history() -> Iterator[bytes]:
    yield b"2026-11-01 03:00:00 install nginx:amd64 <none> 1.22\n"
    yield b"Start-Date: 2026-11-01  03:00:00\nCommandline: apt install nginx\nRequested-By: anna (1000)\nInstall: nginx:amd64 (1.22)\nEnd-Date: 2026-11-01  03:00:01\n\n"  # noqa: E501
    yield b"2026-11-01T03:00:00+0000 DDEBUG Command: dnf install nginx\n[2026-11-01T03:00:00+0000] [ALPM] installed nginx (1.22-1)\n"  # noqa: E501
    yield b"Nov 01 03:00:00 Installed: nginx-1.22.x86_64\n2026-11-01 03:00:00|install|nginx|1.22|x86_64|root@web1|oss|abc|\n"  # noqa: E501


def status(data: bytes) -> None:
    """Read dpkg's status."""
    for stanza in stanzas(data).values():
        assert field_of(stanza, "Package") or True


def _status() -> Iterator[bytes]:
    yield b"Package: x\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\nDescription: a\n b\n .\n\nPackage: y\nArchitecture: all\nVersion: 2\n"  # noqa: E501


def process(data: bytes) -> None:
    """Read what /proc says of one process."""
    for piece in pieces(data):
        parse_stat(piece, 100, 1e9)
        command_line(piece)
        unit_and_container(piece)


def _process() -> Iterator[bytes]:
    yield b"7 (a b) S 1 7 7 0 -1 4194560 1 1 1 1 1 1 1 1 20 0 1 0 99 1 1\xff\xfe/usr/bin/python3\0-m\0x\0\xff\xfe0::/system.slice/ssh.service\n"  # noqa: E501


TARGETS = [
    Target("x509", x509, _certificates),
    Target("git", git, _git),
    Target("logins", logins, _logins),
    Target("history", history, _history),
    Target("dpkg-status", status, _status),
    Target("process", process, _process),
]
