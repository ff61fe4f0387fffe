import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftscan.model.redaction import Redacted, redact, redact_argv

SAUCE = Path(__file__).parent.parent / "lab" / "sauce.sh"

# (line, the secret in it, name of what takes its place); the first are those that tests/lab/sauce.sh plants
PLANTED = [
    ("Environment=QUEUE=orders TOKEN=tok_live_51HabcSECRET", "tok_live_51HabcSECRET", "TOKEN"),
    ("export PGPASSWORD=hunter2-prod", "hunter2-prod", "PGPASSWORD"),
    ("mysql -u root -pOldRootPw1 shop", "OldRootPw1", "password"),
    (
        'curl -H "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.c2VjcmV0" https://api.example/',
        "eyJhbGciOiJIUzI1NiJ9.e30.c2VjcmV0",
        "authorization",
    ),
    ("db.internal.example:5432:shop:shop:pg-Pa55w0rd", "pg-Pa55w0rd", "shop_password"),
    ("DATABASE_URL=postgres://shop:pg-Pa55w0rd@db.internal.example:5432/shop", "pg-Pa55w0rd", "shop_password"),
    (
        "SECRET_KEY=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "SECRET_KEY",
    ),
    ("AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE", "aws_access_key_id"),
    (
        "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "AWS_SECRET_ACCESS_KEY",
    ),
    (
        "\turl = https://ci:ghp_0123456789abcdefghijklmnopqrstuvwxyz@git.example/acme/legacy-web.git",
        "ghp_0123456789abcdefghijklmnopqrstuvwxyz",
        "ci_password",
    ),
    (
        '*/10 * * * * svc-backup pg_dump "postgres://shop:pg-Pa55w0rd@db.internal.example/shop" | gzip > $(date +\\%F)',
        "pg-Pa55w0rd",
        "shop_password",
    ),
    (
        '  location / { proxy_pass http://127.0.0.1:8081; proxy_set_header X-Api-Key "k-prod-77aa"; }',
        "k-prod-77aa",
        "X_Api_Key",
    ),
    ("requirepass r3d1s-Pa55", "r3d1s-Pa55", "requirepass"),
    ("user|smtp.acme.example:mailPa55", "mailPa55", "user_password"),
    ("redis-cli -a r3d1s-Pa55 --no-auth-warning set session:1 abc", "r3d1s-Pa55", "password"),
    ("echo 'deploy:S3cret-Deploy!' | chpasswd", "S3cret-Deploy!", "deploy_password"),
]
POSITIVE = [
    (
        "root:$y$j9T$abcdefghijkl$mnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ012345:19000:0:99999:7:::",
        "$y$j9T$abcdefghijkl",
        "password_hash",
    ),
    ("admin:$apr1$abcdefgh$0123456789abcdefghijk/", "$apr1$abcdefgh$0123456789abcdefghijk/", "password_hash"),
    ("old:ab1cdefghijkl:12000:0:99999:7:::", "ab1cdefghijkl", "password_hash"),
    ("password = my long pass phrase  # comment", "my long pass phrase", "password"),
    ("db_password: p4ss-w0rd", "p4ss-w0rd", "db_password"),
    ('{"user": "a", "dbPassword": "x \\"y\\" z", "n": 1}', 'x \\"y\\" z', "dbPassword"),
    ("$cfg['db']['password'] = 'p4ss-w0rd';", "p4ss-w0rd", "password"),
    ("  <password>p4ss-w0rd</password>", "p4ss-w0rd", "password"),
    ('<add key="ApiToken" value="p4ss-w0rd"/>', "p4ss-w0rd", "ApiToken"),
    ("spring.datasource.password=p4ss-w0rd", "p4ss-w0rd", "spring.datasource.password"),
    ("CREATE USER shop IDENTIFIED BY 'p4ss-w0rd';", "p4ss-w0rd", "password"),
    ("machine api.example login bob password p4ss-w0rd", "p4ss-w0rd", "password"),
    ('  secret "c2VjcmV0LXZhbHVl==";', "c2VjcmV0LXZhbHVl==", "secret"),
    (
        "PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=",
        "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=",
        "PrivateKey",
    ),
    ("/usr/bin/app --password p4ss-w0rd --verbose", "p4ss-w0rd", "password"),
    ("app --api-key=p4ss-w0rd", "p4ss-w0rd", "api_key"),
    ('su - x -c "mysql -u root -pp4ss-w0rd shop"', "p4ss-w0rd", "password"),
    ("sshpass -p p4ss-w0rd ssh host", "p4ss-w0rd", "password"),
    ("sudo curl -su bob:p4ss-w0rd https://x/", "p4ss-w0rd", "bob_password"),
    ("openssl enc -d -pass pass:p4ss-w0rd -in x", "p4ss-w0rd", "pass"),
    ("htpasswd -b /etc/htpasswd bob p4ss-w0rd", "p4ss-w0rd", "htpasswd_password"),
    ("amqp://u:p@ss-w0rd@host:5672/v", "p@ss-w0rd", "u_password"),
    ("redis://:p4ss-w0rd@host/0", "p4ss-w0rd", "password"),
    ("wget 'https://x/?a=1&access_token=p4ss-w0rd'", "p4ss-w0rd", "access_token"),
    ("Cookie: session=abcdef; theme=dark", "session=abcdef; theme=dark", "cookie"),
    ("text xoxb-123456789012-abcdefghij text", "xoxb-123456789012-abcdefghij", "slack_token"),
    ("rocommunity s3cr3t-1 10.0.0.0/8", "s3cr3t-1", "community"),
    ("SetCredential=db:p4ss-w0rd", "p4ss-w0rd", "db_password"),
    (
        "//registry.example/:_authToken=npm_0123456789abcdefghijklmnopqrstuvwxyz",
        "npm_0123456789abcdefghijklmnopqrstuvwxyz",
        "authToken",
    ),
]
NEGATIVE = [
    "passwd:         files systemd",
    "passwd: files sss [NOTFOUND=return] ldap",
    "shadow:         files",
    "Pin: version 5:7.0*",
    "password\trequisite\t\tpam_deny.so",
    "password requisite pam_pwquality.so retry=3",
    "password\t[success=1 default=ignore]\tpam_unix.so obscure yescrypt",
    "root:x:0:0:root:/root:/bin/bash",
    "shopdata:x:2500:deploy,www-data",
    "id:2:initdefault:",
    "1:2345:respawn:/sbin/getty 38400 tty1",
    "/etc/passwd",
    "app --password-file=/run/secrets/x --no-password --ask-pass",
    "commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08  file.tar.gz",
    "UUID=0b9b2e5c-6d6f-4d0c-8f3e-0a2b3c4d5e6f / ext4 defaults 0 1",
    "PASSWORD=${DB_PASSWORD}",
    "proxy_pass http://127.0.0.1:8081;",
    "server_tokens off;",
    "PasswordAuthentication no",
    "PermitEmptyPasswords no",
    "PWD=/work",
    "ssl_certificate_key /etc/ssl/private/shop.key;",
    "http://127.0.0.1:8081/icon@2x.png",
    "/sbin/agetty -o -p -- \\u --noclear --keep-baud - 115200,38400,9600 xterm",
    "ssh -p 2222 deploy@host",
    "mkdir -p /var/lib/shop",
    "2001:db8:85a3:0:8a2e:370:7334:1",
    "nameserver fe80::1",
    "auditor ALL=(ALL) NOPASSWD: ALL",
    "deploy ALL=(ALL) NOPASSWD: /usr/bin/systemctl restart shop-*, PASSWD: ALL",
    "LoadCredential=db:/etc/credstore/db",
    "PASS_MAX_DAYS\t99999",
    "#PASS_WARN_AGE 7",
    "password   substack     system-auth",
    "challengePassword\t\t= A challenge password",
    "secret = $insta::secret",
    "Listening on GnuPG cryptographic agent and passphrase cache\\.$",
    "    base-passwd or",
    "docker run -d -p 3306:3306 -p 127.0.0.1:80:80/tcp mysql:8",
    "git clone git@github.com:acme/shop.git",
    "example.com  smtp:[10.0.0.1]:25",
    "HostKey /etc/ssh/ssh_host_ed25519_key",
    "SSLCertificateKeyFile /etc/ssl/private/shop.key",
    "AuthorizedKeysFile .ssh/authorized_keys .ssh/authorized_keys2",
    "Image=docker.io/library/mysql@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "BuildID=a3f1c2d4e5b6978812345678",
]


@pytest.mark.parametrize(("line", "secret", "name"), PLANTED + POSITIVE)
def test_the_value_goes_and_the_line_stays(line: str, secret: str, name: str) -> None:
    done = redact(line)
    assert secret not in done.text
    assert f"<secret:{name}>" in done.text
    assert name in done.names
    before, after = line.split(secret, 1)
    assert done.text.startswith(before)
    assert done.text.endswith(after.split(":")[-1])
    assert redact(done.text) == Redacted(done.text)


@pytest.mark.parametrize("line", NEGATIVE)
def test_what_is_no_secret_stays(line: str) -> None:
    assert redact(line) == Redacted(line)


def test_all_that_the_lab_plants_is_in_the_table() -> None:
    literals = set(
        re.findall(r"\S*(?:Pa55|Pw1|hunter2|tok_live|ghp_|AKIA|S3cret|77aa|wJalr|9f86d|eyJh)\S*", SAUCE.read_text())
    )
    assert literals
    for literal in literals:
        assert any(secret in literal for _, secret, _ in PLANTED), literal


def test_a_name_and_its_value_on_two_lines() -> None:
    said = "env:\n  - name: DB_PASSWORD\n    value: p4ss-w0rd\n  - name: PORT\n    value: s0mething\n"
    assert redact(said).text == said.replace("p4ss-w0rd", "<secret:DB_PASSWORD>")


def test_what_is_quick_and_what_is_not_finds_the_same() -> None:
    """A text is redacted as its lines are, one by one, whatever stands around them."""
    lines = [line for line, _, _ in PLANTED + POSITIVE] + NEGATIVE
    assert redact("\n".join(lines)).text == "\n".join(redact(line).text for line in lines)
    assert redact("\u0130\n" * 40 + lines[1]).text.endswith("PGPASSWORD=<secret:PGPASSWORD>")


def test_queue_stays_beside_the_token() -> None:
    assert redact(PLANTED[0][0]).text == "Environment=QUEUE=orders TOKEN=<secret:TOKEN>"


KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\nBBBB\n-----END OPENSSH PRIVATE KEY-----"


def test_private_keys() -> None:
    assert redact(f"a\n{KEY}\nb").text == "a\n<secret:private_key>\nb"
    assert redact(f"a\n{KEY[:50]}").text == "a\n<secret:private_key>"
    assert redact('{"key": "' + KEY.replace("\n", "\\n") + '"}').text == '{"key": "<secret:private_key>"}'
    assert redact("-----BEGIN PUBLIC KEY-----\nAAAA").names == ()


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["mysql", "-uroot", "-pOldRootPw1", "shop"], ["mysql", "-uroot", "-p<secret:password>", "shop"]),
        (["/usr/bin/mysqldump", "-p", "shop"], ["/usr/bin/mysqldump", "-p", "shop"]),
        (["app", "--password=a b  c", "x"], ["app", "--password=<secret:password>", "x"]),
        (["app", "--token", "a b", "--v"], ["app", "--token", "<secret:token>", "--v"]),
        (["app", "--token", "--verbose"], ["app", "--token", "--verbose"]),
        (["app", "--password-file=/x", "-p", "80"], ["app", "--password-file=/x", "-p", "80"]),
        (["env", "A=1", "DB_PASS=x-y-z", "app"], ["env", "A=1", "DB_PASS=<secret:DB_PASS>", "app"]),
        (["sh", "-c", "mysql -ps3cr3t-1 | cat"], ["sh", "-c", "mysql -p<secret:password> | cat"]),
        (
            ["curl", "-u", "bob:s3cr3t", "-H", "X-Api-Key: s3cr3t-1"],
            ["curl", "-u", "bob:<secret:bob_password>", "-H", "X-Api-Key: <secret:X_Api_Key>"],
        ),
        (["app", "postgres://u:p-w@h/d"], ["app", "postgres://u:<secret:u_password>@h/d"]),
        (["[kworker/u8:9]", "1000000"], ["[kworker/u8:9]", "1000000"]),
    ],
)
def test_command_lines(argv: list[str], expected: object) -> None:
    assert redact_argv(argv) == expected


WORDS = st.sampled_from(
    ["password", "token=", "TOKEN=x1y2z3", "'", '"', ":", "=", " ", "\n", "-p", "mysql", "<secret:a>", "$y$",
     "://u:p@h", "eyJa.b.c", "Authorization:", "Bearer", "passwd", "\\", "|", ";", "#",
     "-----BEGIN PRIVATE KEY-----", "secret", "[", "]", "\x00", "\u202e"]
)  # fmt: skip
TEXTS = st.one_of(st.text(max_size=80), st.lists(WORDS, max_size=14).map("".join))


@given(text=TEXTS)
def test_twice_is_once_and_always_the_same(text: str) -> None:
    once = redact(text)
    assert redact(text) == once
    assert redact(once.text).text == once.text
    if "PRIVATE KEY" not in text:
        assert once.text.count("\n") == text.count("\n")


@given(argv=st.lists(TEXTS, max_size=6))
def test_as_many_words_as_before(argv: list[str]) -> None:
    done = redact_argv(argv)
    assert len(done) == len(argv)
    assert redact_argv(done) == done


SECRETS = st.text("abcdefghijkmnopqrstuvwyzABCDEFGHJKLMNPQRSTUVWXYZ23456789-_!", min_size=9, max_size=30).filter(
    lambda value: any(c.isdigit() for c in value) and any(c.isupper() for c in value) and value[0].isalpha()
)


@given(
    secret=SECRETS,
    frame=st.sampled_from([line.replace(s, "\0") for line, s, n in PLANTED if not re.match("aws|live", n)]),
)
def test_any_secret_in_these_places_goes(secret: str, frame: str) -> None:
    if "Bearer" in frame:
        secret += "abcdefgh"
    assert secret not in redact(frame.replace("\0", secret)).text


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("PGPASSWORD=s3cr3t-1 pg_dump shop", "PGPASSWORD=<secret:PGPASSWORD> pg_dump shop"),
        ("PGPASSWORD=s3cr3t-1 pg_dump -h db shop", "PGPASSWORD=<secret:PGPASSWORD> pg_dump -h db shop"),
        ("PGPASSWORD='three plain words' pg_dump shop", "PGPASSWORD='<secret:PGPASSWORD>' pg_dump shop"),
    ],
)
def test_a_command_stays_after_the_secret_that_it_is_given(command: str, expected: str) -> None:
    assert redact(command, command=True).text == expected
    assert redact(expected, command=True).text == expected


def test_a_setting_of_several_words_goes_whole_where_no_command_is_meant() -> None:
    assert redact("DB_PASSWORD=three plain words").text == "DB_PASSWORD=<secret:DB_PASSWORD>"
