import hashlib
import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftscan.model.manifest import Manifest, PackagedFile
from driftscan.model.outcome import Outcome
from driftscan.scopes.contents import SCOPE
from driftscan.scopes.texts.secret_files import is_history, names_secret
from driftscan.scopes.texts.secrets import is_random, private_keys, read
from tests.unit.handmade import snapshot
from tests.unit.scope_checks import garbled
from tests.unit.second_look import held, image, look_again, parsed, seen

KEY = b"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n"
OPENSSH = b"-----BEGIN OPENSSH PRIVATE KEY-----\n%s\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"
PLAIN = OPENSSH % b"b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW"
SEALED = OPENSSH % b"b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABDIb2sS9F"
FILES: dict[str, bytes | str] = {
    "/etc/shop.conf": b"# the shop\nport = 80\npassword = tiger-7\n",
    "/etc/pristine.conf": b"as it came\n",
    "/etc/edited.conf": b"as a person made it\n",
    "/etc/shadow": b"root:$6$abc$0123456789abcdef0123456789:1:0:::::\n",
    "/etc/ssl/private/shop.key": KEY,
    "/etc/ssl/certs/ca.crt": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "/etc/blob": b"\0\1\2\3",
    "/opt/acme/license.key": b"LICENSE-1234-5678\n",
    "/opt/acme/LICENSE": b"Permission is hereby granted, free of charge, to any person " * 12,
    "/opt/acme/run.sh": b"#!/bin/sh\nexec /opt/acme/bin --token=abc-def-1\n",
    "/opt/acme/node_modules/x/index.js": b"x\n",
    "/opt/acme/venv/pyvenv.cfg": b"home = /usr/bin\n",
    "/opt/acme/venv/bin/activate": b"deactivate\n",
    "/opt/acme/.git/config": b'[remote "origin"]\n\turl = https://ci:s3cr3t-9@git.example/a.git\n',
    "/opt/acme/.git/HEAD": b"ref: refs/heads/main\n",
    "/opt/odd/with'quote and\nnewline": b"odd\n",
    "/home/deploy/.pgpass": b"db:5432:shop:shop:pg-Pa55\n",
    "/home/deploy/.ssh/id_ed25519": PLAIN,
    "/home/deploy/.ssh/id_rsa": SEALED,
    "/home/deploy/.ssh/authorized_keys": b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1 deploy\n",
    "/home/deploy/a/b/c/deep.conf": b"deep\n",
    "/root/.bash_history": b"ls\nmysql -u root -pOldRootPw1 shop\n",
    "/usr/bin/pristine": b"#!/bin/sh\n",
    "/usr/bin/stranger": b"#!/bin/sh\necho stranger\n",
    "/usr/share/stranger/data.conf": b"x\n",
    "/app/config.yml": b"secret_key_base: 0f0f0f0f0f0f0f0f\n",
    "/var/lib/app/settings.ini": b"a=b\n",
    "/opt/acme/main.py": b"tracked\n",
    "/opt/acme/tests/fixture.yml": b"password: abc\n",
    "/opt/acme/a/b/c/d/deep.yml": b"x: 1\n",
    "/opt/tool/CACHEDIR.TAG": b"Signature: 8a477f597d28d172789f06886806bc55\n",
    "/opt/tool/x.json": b"{}\n",
    "/srv/app/.state/blob": b"of a tool\n",
    "/srv/app/a/b/c/d/e.txt": b"deep\n",
    "/srv/app/index.html": b"<p>\n",
    "/srv/root/etc/passwd": b"root:x:0:0::/:/bin/sh\n",
    "/srv/root/usr/x": b"x\n",
    "/srv/root/opt/app.conf": b"password = x1y2z3\n",
    "/srv/layer/etc/x.conf": b"password = x1y2z3\n",
    "/srv/layer/root/x": b"x\n",
    "/srv/layer/var/x": b"x\n",
    "/var/lib/dpkg/info/x.conf": b"a=b\n",
    "/var/log/x.conf": b"a=b\n",
}
LEAKS = [
    "tiger-7",
    "MIIEvQ",
    "LICENSE-1234",
    "abc-def-1",
    "s3cr3t-9",
    "pg-Pa55",
    "b3Blbn",
    "OldRootPw1",
    "0f0f0f",
    "$6$",
]


def packaged(name: str, **files: bytes) -> Manifest:
    listed = {
        path.encode(): PackagedFile(f"md5:{hashlib.md5(body).hexdigest()}", kind="config").encode()
        for path, body in files.items()
    }
    return Manifest(name, name, 0.5, listed)


@pytest.fixture(params=["sh", "bash", "busybox sh"], scope="module")
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict:
    if shutil.which(request.param.split()[0]) is None:
        pytest.skip(f"no {request.param} here")
    root = image(tmp_path_factory.mktemp("image"), FILES, {"/usr/bin/stranger": 0o755, "/opt/acme/run.sh": 0o755})
    mine = packaged("p", **{"/etc/pristine.conf": b"as it came\n", "/etc/edited.conf": b"as it came\n"})
    made = parsed(
        root, "contents", seen(root, [mine, packaged("q", **{"/usr/bin/pristine": b"#!/bin/sh\n"})]), request.param
    )
    assert not made.notes
    return held("contents", made)


def test_what_is_read(found: dict) -> None:
    assert sorted(found) == sorted(
        [
            "/app/config.yml", "/etc/blob", "/etc/edited.conf", "/etc/shop.conf", "/etc/ssl/private/shop.key",
            "/home/deploy/.pgpass", "/home/deploy/.ssh/authorized_keys", "/home/deploy/.ssh/id_ed25519",
            "/home/deploy/.ssh/id_rsa", "/opt/acme/.git/config", "/opt/acme/LICENSE", "/opt/acme/license.key",
            "/opt/acme/run.sh", "/opt/acme/venv/pyvenv.cfg", "/opt/odd/with'quote and\nnewline",
            "/root/.bash_history", "/usr/bin/stranger", "/var/lib/app/settings.ini",
        ]
    )  # fmt: skip


def test_no_application_takes_the_room_of_others(tmp_path: Path) -> None:
    many = {f"/opt/big/{number:03}.conf": b"a\n" for number in range(130)}
    root = image(tmp_path, {**many, "/opt/small/x.conf": b"a\n", "/etc/x": b"a\n"})
    made = parsed(root, "contents", seen(root))
    assert len(made.items) == 102
    assert {"/opt/small/x.conf", "/etc/x", "/opt/big/000.conf"} < {item.key for item in made.items}
    assert made.notes == ["30 more files left out, over the limit of one application or of the host: /opt/big 30"]


def test_no_secret_is_kept(found: dict) -> None:
    kept = json.dumps([[item.key, item.attributes, item.volatile] for item in found.values()])
    assert [word for word in LEAKS if word in kept] == []


def test_text_stays_readable_without_its_secrets(found: dict) -> None:
    shop = found["/etc/shop.conf"].attributes
    assert shop["text"] == "# the shop\nport = 80\npassword = <secret:password>\n"
    assert (shop["lines"], shop["secrets"]) == (3, [{"name": "password", "kind": "value", "line": 3}])
    run = found["/opt/acme/run.sh"].attributes
    assert (run["shebang"], run["text"].split("=")[-1]) == ("#!/bin/sh", "<secret:token>\n")
    assert found["/opt/acme/LICENSE"].attributes["secrets"] == []


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/opt/acme/license.key", "file"),
        ("/home/deploy/.pgpass", "value"),
        ("/root/.bash_history", "history"),
        ("/etc/ssl/private/shop.key", "private key"),
        ("/etc/blob", None),
        ("/home/deploy/.ssh/authorized_keys", None),
    ],
)
def test_text_that_is_not_kept(found: dict, path: str, kind: str | None) -> None:
    assert found[path].attributes["text"] is None
    assert {one["kind"] for one in found[path].attributes["secrets"]} == ({kind} if kind else set())


def test_keys_of_openssh_say_whether_they_are_encrypted(found: dict) -> None:
    told = {name: found[f"/home/deploy/.ssh/{name}"].attributes["secrets"] for name in ("id_ed25519", "id_rsa")}
    assert [told[name][0]["encrypted"] for name in ("id_ed25519", "id_rsa")] == [False, True]


def test_a_private_key_never_leaves_the_host(tmp_path: Path) -> None:
    root = image(tmp_path, FILES)
    for result in look_again(root, "contents", seen(root)).values():
        assert result.outcome is Outcome.OK
        assert b"MIIEvQ" not in result.stdout + b"".join(file.data for file in result.files)


def test_without_a_tree_nothing_was_seen() -> None:
    assert [probe.name for probe in SCOPE.follow.probes(snapshot())] == ["tree"]


@pytest.mark.parametrize(
    ("lines", "encrypted"),
    [
        ([b"1:-----BEGIN RSA PRIVATE KEY-----", b"2:Proc-Type: 4,ENCRYPTED"], True),
        ([b"1:-----BEGIN ENCRYPTED PRIVATE KEY-----"], True),
        ([b"2:Encryption: none", b"9:Private-Lines: "], False),
        ([b"2:Encryption: aes256-cbc", b"9:Private-Lines: "], True),
    ],
)
def test_forms_of_private_keys(lines: list[bytes], encrypted: bool) -> None:
    [key] = private_keys(lines)
    assert key["encrypted"] is encrypted


@pytest.mark.parametrize("name", [b"api.token", b"license.key", b"db-password", b"credentials", b"prod.LICENSE"])
def test_names_of_secrets(name: bytes) -> None:
    assert names_secret(name)


@pytest.mark.parametrize(
    "name", [b"keyboard", b"id_rsa.pub", b"authorized_keys", b"keys.py", b"monkey", b"known_hosts"]
)
def test_names_of_no_secrets(name: bytes) -> None:
    assert not names_secret(name)


@pytest.mark.parametrize("path", [b"/root/.bash_history", b"/home/a/.mysql_history", b"/root/.psql_history"])
def test_histories(path: bytes) -> None:
    assert is_history(path)


@pytest.mark.parametrize(
    "word", ["9f86d081884c7d659a2feaa0c55ad015", "wJalrXUtnFEMIK7MDENGbPxRfiCY", "aB3dE6gH9jK2mN5pQ8sT"]
)
def test_random_words(word: str) -> None:
    assert is_random(word)
    assert read(b"/etc/x", f"use {word} now\n".encode(), keep=True).text == "use <secret:token> now\n"


@pytest.mark.parametrize(
    "line",
    [
        "UUID=0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f / ext4 defaults 0 1",
        "Include /usr/lib/x86_64-linux-gnu/perl5/5.36/auto/share/dist",
        "PasswordAuthenticationMethodWithVeryLongName no",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKEY0fS0meB0dyWh0Left0000 deploy@laptop",
        "sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "net.ipv4.conf.all.accept_source_route = 0",
        "Kernel-Package-Version-5-10-0-21-amd64",
    ],
)
def test_ordinary_lines_stay(line: str) -> None:
    content = read(b"/etc/x", line.encode(), keep=True)
    assert (content.text, content.secrets) == (line, [])


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("my $passwd = &which('passwd');", False),
        ("$db_password = 'tiger-77';", True),
        ("$db_password = 'password';", False),
        ("# password: tiger-77x", True),
        ("# password: secret", False),
    ],
)
def test_a_program_is_full_of_names(line: str, told: bool) -> None:
    assert bool(read(b"/opt/x.pl", line.encode(), keep=True).secrets) is told


@settings(deadline=None, max_examples=200)
@given(
    data=st.binary(max_size=300), path=st.sampled_from([b"/etc/x", b"/root/.bash_history", b"/opt/x.key", b"/a/x.py"])
)
def test_whatever_a_file_holds(data: bytes, path: bytes) -> None:
    json.dumps(read(path, data, keep=True), ensure_ascii=False).encode()


@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_whatever_arrives(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    if not _CACHE:
        root = image(tmp_path_factory.mktemp("image"), FILES)
        _CACHE.append((seen(root), look_again(root, "contents", seen(root))))
    first, results = _CACHE[0]
    held("contents", SCOPE.follow.parse(first, data.draw(garbled(results))))


_CACHE: list = []


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/opt/a/CACHE.TAG", b"Signature: 8a477f597d28d172789f06886806bc55\n"),
        ("/opt/a/last.json", b'{"prompt": "39918f965f1f1e5944989f110813dac8ef00a6e1f7aaa39a96e1628c0049540f"}\n'),
        ("/opt/a/DESIGN.md", b"never part of it: /etc/passwd and /etc/group. Copies /etc/passwd: it is gone\n"),
        ("/opt/a/README.md", b"'N passed' on a line; a word may stand before it: pass: always\n"),
        ("/etc/ssl/openssl.cnf", b"# output_password = mypass\n# input_password = secret\n"),
        ("/etc/shop.yaml", b"password: $SHOP_PASSWORD\npassword_file: /run/secrets/shop\ntoken: ${TOKEN}\n"),
    ],
)  # fmt: skip
def test_what_is_no_secret(path: str, line: bytes) -> None:
    assert read(path.encode(), line, keep=True).secrets == []
