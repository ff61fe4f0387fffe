"""Secrets of a role: each is a variable, the rest is literal, and together they are the file byte for byte."""

import gzip
import re
import zlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from driftscan.errors import UsageError
from driftscan.role.resources import Variable
from driftscan.role.secrets import Secrets

KEY = (
    b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAAB\n"
    b"-----END OPENSSH PRIVATE KEY-----\n"
)
ENV = b"""DATABASE_URL=postgres://shop:pg-Pa55w0rd@db.internal.example:5432/shop
SECRET_KEY=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE
AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
"""
# What the lab's sauced host has, by path: the file, and the variables that are to be in it.
SAUCE = {
    "/etc/redis/redis.conf": (b"port 6379\nrequirepass r3d1s-Pa55\nmaxmemory 64mb\n", ["redis_requirepass"]),
    "/etc/systemd/system/shop-worker.service": (
        b"[Service]\nEnvironment=QUEUE=orders TOKEN=tok_live_51HabcSECRET\nRestart=always\n",
        ["shop_worker_token"],
    ),
    "/home/deploy/.ssh/id_ed25519": (KEY, ["deploy_id_ed25519"]),
    "/home/deploy/.pgpass": (b"db.internal.example:5432:shop:shop:pg-Pa55w0rd\n", ["shop_password"]),
    "/etc/cron.d/shop-backup": (
        b'*/10 * * * * svc-backup pg_dump "postgres://shop:pg-Pa55w0rd@db.internal.example/shop" | gzip\n',
        ["shop_password"],
    ),
    "/home/deploy/secrets/env": (
        ENV,
        ["shop_password", "deploy_secret_key", "aws_access_key_id", "aws_secret_access_key"],
    ),
    "/root/.bashrc": (b'export PS1="prod# "\nexport PGPASSWORD=hunter2-prod\n', ["root_pgpassword"]),
    "/srv/apps/legacy-web/.git/config": (
        b"\turl = https://ci:ghp_0123456789abcdefghijklmnopqrstuvwxyz@git.example/acme/legacy-web.git\n",
        ["ci_password"],
    ),
    "/etc/nginx/sites-available/shop": (
        b'    location / { proxy_pass http://127.0.0.1:8081; proxy_set_header X-Api-Key "k-prod-77aa"; }\n',
        ["shop_x_api_key"],
    ),
    "/etc/dma/auth.conf": (b"user|smtp.acme.example:mailPa55\n", ["dma_user_password"]),
    "/opt/acme/license.key": (b"LICENSE-1234-5678\n", ["acme_license_key"]),
    "/etc/ssl/private/shop.key": (KEY.replace(b"OPENSSH ", b"").replace(b"b3Bl", b"MIIE"), ["shop_key"]),
}
PLAIN = {
    "/etc/nsswitch.conf": b"passwd:         files systemd\ngroup:          files systemd\nshadow: files\n",
    "/home/deploy/.ssh/id_ed25519.pub": b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH4Zk0m3dXq1 deploy@laptop\n",
    "/etc/ssl/certs/shop.pem": (
        b"-----BEGIN CERTIFICATE-----\nMIIDKzCCAhOgAwIBAgIUQ7x9aB3kLm5Zt0Vq8rWc2YpXe1swDQYJKoZIhvcNAQEL\n"
        b"-----END CERTIFICATE-----\n"
    ),
    "/srv/mirror/Packages": b"SHA256: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae\n",
    "/srv/app/.git/HEAD": b"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b\n",
    "/opt/app/settings.py": b"password = os.environ['PASSWORD']\n# the token = what you got\n",
    "/srv/weird/template-like.conf": b"{{ not_a_template }} ${NOR_THIS} <% x %> #{y}\n",
}


def sauced() -> Secrets:
    """Return the secrets of a role that carries all of SAUCE and PLAIN."""
    every = {path: data for path, (data, _) in SAUCE.items()} | PLAIN
    return Secrets({path.encode(): data for path, data in every.items()})


@pytest.mark.parametrize("path", SAUCE)
def test_a_secret_is_a_variable_that_says_what_it_is_and_where(path: str) -> None:
    data, names = SAUCE[path]
    secrets = sauced()
    content = secrets.split(path, data)
    assert list(content.variables) == names
    assert content.filled(secrets.values()) == data
    literal = b"".join(part for part in content.parts if isinstance(part, bytes))
    assert not any(value.strip() in literal for value in secrets.values().values())


@pytest.mark.parametrize("path", PLAIN)
def test_what_is_public_stays_as_it_is(path: str) -> None:
    assert sauced().split(path, PLAIN[path]).literal == PLAIN[path]


def test_one_value_has_one_name_wherever_it_stands() -> None:
    secrets = sauced()
    for path, (data, _) in SAUCE.items():
        secrets.split(path, data)
    by_name = {one.variable: one for one in secrets.all()}
    assert by_name["shop_password"].paths == (
        "/etc/cron.d/shop-backup",
        "/home/deploy/.pgpass",
        "/home/deploy/secrets/env",
    )
    assert [name for name, one in by_name.items() if one.whole] == ["acme_license_key", "deploy_id_ed25519", "shop_key"]
    assert by_name["deploy_id_ed25519"].what == "private key"
    assert set(secrets.values()) == set(by_name)


def test_a_known_value_is_no_text_in_another_file_either() -> None:
    secrets = sauced()
    content = secrets.split("/opt/notes.txt", b"call redis with r3d1s-Pa55, then (r3d1s-Pa55)\n")
    variable = Variable("redis_requirepass")
    assert content.parts == (b"call redis with ", variable, b", then (", variable, b")\n")


def test_a_binary_file_with_a_known_value_is_a_secret_as_a_whole() -> None:
    secrets = sauced()
    program = b"\x7fELF\0\0\1\2r3d1s-Pa55\0"
    content = secrets.split("/usr/local/bin/tool", program)
    assert content.parts == (Variable(content.variables[0]),)
    assert content.filled(secrets.values()) == program
    assert secrets.all()[0].whole
    assert secrets.split("/usr/local/bin/other", b"\x7fELF\0\0").literal == b"\x7fELF\0\0"


def test_what_is_packed_is_looked_into() -> None:
    secrets = sauced()
    assert secrets.leaks(gzip.compress(b"pg-Pa55w0rd"))
    assert secrets.leaks(zlib.compress(b"blob 11\0pg-Pa55w0rd"))
    assert not secrets.leaks(gzip.compress(b"pg-")[:12])
    assert not secrets.leaks(b"\x78\x9cnothing")
    assert not Secrets().leaks(b"pg-Pa55w0rd")


@pytest.mark.parametrize(
    "path", ["/etc/app/store.p12", "/opt/app/server.jks", "/etc/krb5.keytab", "/root/.bash_history"]
)
def test_a_keystore_and_a_history_are_secret_as_a_whole(path: str) -> None:
    secrets = Secrets()
    assert secrets.split(path, b"\xfe\xed\0\1 anything").variables
    assert secrets.split("/etc/ssl/certs/java/cacerts.jks", b"\xfe\xed\0\1").literal is not None


def test_names_tell_two_values_apart() -> None:
    secrets = Secrets(
        {
            b"/etc/one/app.conf": b"password = first-Pa55\n",
            b"/etc/two/app.conf": b"password = second-Pa55\npassword = third-Pa55\n",
        }
    )
    assert secrets.split("/etc/one/app.conf", b"password = first-Pa55\n").variables == ("one_password",)
    two = secrets.split("/etc/two/app.conf", b"password = second-Pa55\npassword = third-Pa55\n")
    assert two.variables == ("two_password", "two_password_2")


def test_a_person_may_call_it_otherwise() -> None:
    data = b"requirepass r3d1s-Pa55\n"
    contents = {b"/etc/redis/redis.conf": data}
    named = Secrets(contents, rename={"redis_requirepass": "cache_password"}.get)  # type: ignore[arg-type]
    assert named.split("/etc/redis/redis.conf", data).variables == ("cache_password",)
    with pytest.raises(UsageError, match="redis_requirepass cannot be called"):
        Secrets(contents, rename=lambda _: "not a name")


def test_what_the_database_kept_has_variables_for_its_placeholders() -> None:
    secrets = Secrets(kept=True)
    data = b"requirepass <secret:requirepass>\nmasterauth <secret:masterauth>\n"
    content = secrets.split("/etc/redis/redis.conf", data)
    assert content.parts[0::2] == (b"requirepass ", b"\nmasterauth ", b"\n")
    assert len(content.variables) == 2
    assert secrets.values() == {}
    whole = secrets.split("/home/deploy/.ssh/id_rsa", b"<secret:id_rsa>")
    assert whole.parts == (Variable("deploy_id_rsa"),)


def test_a_password_hash_is_named_once() -> None:
    secrets = Secrets()
    first = secrets.named("deploy_password_hash", "/etc/shadow", "password hash of deploy", b"$y$abc")
    assert first == secrets.named("deploy_password_hash", "/etc/shadow", "password hash of deploy")
    other = secrets.named("deploy_password_hash", "/etc/shadow", "password hash of Deploy")
    assert other != first
    assert secrets.values() == {first.name: b"$y$abc"}


def test_values_are_not_shown() -> None:
    secrets = sauced()
    secrets.split("/etc/redis/redis.conf", SAUCE["/etc/redis/redis.conf"][0])
    assert "Pa55" not in repr(secrets) + repr(secrets.all())


def test_the_same_files_give_the_same_names_in_any_order() -> None:
    orders = (list(SAUCE), list(reversed(SAUCE)))
    told = []
    for order in orders:
        secrets = Secrets({path.encode(): SAUCE[path][0] for path in order})
        for path in order:
            secrets.split(path, SAUCE[path][0])
        told.append(secrets.all())
    assert told[0] == told[1]


PIECES = st.sampled_from(
    [
        b"password = ", b"PGPASSWORD=hunter2-prod", b"<secret:password>", b"<secret:x>", b"\r\n", b"\n", b" ", b"\0",
        b"--token abc-DEF-123", b"postgres://shop:pg-Pa55w0rd@db/shop", b'"', b"'", b"; ", b"# ", b"\xff\xfe", b"\xe9",
        b"requirepass r3d1s-Pa55", KEY, b"-----BEGIN RSA PRIVATE KEY-----", b"-----END CERTIFICATE-----", b"r3d1s-Pa55",
        b"\xf4\x8f\xbc\x80", b"Private-Lines: 2\nAAAA\nBBBB\n", b"wJalrXUtnFEMIK7MDENGbPxRfiCY01",
        b"#!/usr/bin/python3\n",
        b"user|smtp.example:mailPa55", b"curl -u me:", b"key=", b"{{ x }}", b"mysql -pabc1 x", b"\\",
    ]
)  # fmt: skip
PATHS = st.sampled_from(
    ["/etc/a.conf", "/opt/x.py", "/etc/x/secret.key", "/home/u/.pgpass", "/root/.bash_history", "/y"]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES | st.binary(max_size=12), max_size=14).map(b"".join), PATHS)
@example(b"password = <secret:password>, password = <secret:password>", "/etc/a.conf")
@example(b"mysql -p<secret:x><secret:y> -psecret1 x", "/etc/a.conf")
def test_the_parts_with_the_values_filled_in_are_the_file(data: bytes, path: str) -> None:
    secrets = Secrets({path.encode(): data})
    content = secrets.split(path, data)
    assert content.filled(secrets.values()) == data
    assert all(re.fullmatch(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+", name) and len(name) <= 40 for name in content.variables)
    for known in (b"r3d1s-Pa55", b"pg-Pa55w0rd"):
        if any(known == value for value in secrets.values().values()):
            assert not any(isinstance(part, bytes) and known in part for part in content.parts)
