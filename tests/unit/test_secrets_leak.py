"""A host full of secrets, scanned and told in every way there is: none of them is in anything that driftscan writes."""
# ruff: noqa: E501 (a line of a host is read on one line)

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from driftscan.model.objects import unpack
from tests.conftest import Cli
from tests.unit.secrets_made import ANYWHERE, FILES, SETTINGS, SHAPES, drawn

STATUS = "Package: base-files\nStatus: install ok installed\nArchitecture: all\nVersion: 12\nMaintainer: x\nDescription: x\n\n"
CRON = ("cron", "cron-mysql", "cron-curl", "cron-rsync")
COMMANDS = (
    "mysql-long",
    "psql-uri",
    "curl-header",
    "curl-bearer",
    "openssl",
    "docker-run",
    "java",
    "sshpass",
    "redis-cli",
)
PLACES = {
    "etc/cron.d/jobs": "".join(SETTINGS[kind] + "\n" for kind in ("cron-env", *CRON)),
    "var/spool/cron/crontabs/root": "".join(f"5 4 * * * {SETTINGS[kind]}\n" for kind in COMMANDS),
    "etc/systemd/system/shop.service": "[Unit]\nDescription=Shop\n[Service]\n"
    + "".join(SETTINGS[kind] + "\n" for kind in ("systemd", "systemd-quoted", "systemd-exec", "systemd-exec-equals", "systemd-credential"))
    + "ExecStartPre=/usr/bin/curl -u me:§ https://x.internal.example/\n[Install]\nWantedBy=multi-user.target\n",
    "etc/apt/sources.list": SETTINGS["apt-url"] + "\n",
    "etc/apt/sources.list.d/x.sources": "Types: deb\nURIs: https://ci:§@apt.internal.example/debian\nSuites: bookworm\nComponents: main\n",
    "etc/apt/auth.conf.d/x.conf": SETTINGS["apt-auth"] + "\n",
    "etc/apt/apt.conf.d/90proxy": SETTINGS["proxy"] + "\n",
    "etc/yum.repos.d/x.repo": "[x]\nname=x\n" + SETTINGS["yum-url"] + "\nusername=ci\npassword=§\n",
    "root/.ssh/authorized_keys": SETTINGS["authorized"] + "\n" + SETTINGS["authorized-command"] + "\n",
    "opt/shop/.git/config": '[remote "origin"]\n' + SETTINGS["git-remote"] + '\n[http "https://git.internal.example/"]\n' + SETTINGS["git-header"] + "\n",
    "opt/shop/.git/HEAD": "ref: refs/heads/main\n",
    "opt/shop/config/all.conf": "".join(line + "\n" for line in SETTINGS.values()),
    "opt/shop/docker-compose.yml": "services:\n  db:\n    image: mysql:8\n    command: mysqld --password=§\n    environment:\n" + SETTINGS["compose"] + "\n",
    "etc/sudoers.d/x": "deploy ALL=(root) NOPASSWD: /usr/bin/mysql -u root -p§ shop, /usr/bin/app --token=§\n",
    "etc/fstab": SETTINGS["fstab"] + "\n" + SETTINGS["fstab-pass"] + "\n",
    "etc/environment": "PATH=/bin\nDB_PASSWORD=§\n", "etc/rc.local": "#!/bin/sh\n" + SETTINGS["docker-login"] + "\n",
    "root/.bash_history": "".join(SETTINGS[kind] + "\n" for kind in COMMANDS), "root/.docker/config.json": '{"auths": {"r": {"auth": "§", "identitytoken": "§"}}}\n',
    "etc/NetworkManager/system-connections/home.nmconnection": "[wifi-security]\nkey-mgmt=wpa-psk\npsk=§\n",
    "etc/shadow": "root:$6$abcdefgh$§§§§:19000:0:99999:7:::\n", "etc/passwd": "root:x:0:0:root:/root:/bin/sh\ndeploy:x:1000:1000::/home/deploy:/bin/sh\n",
    "etc/os-release": 'ID=debian\nVERSION_ID="12"\n', "etc/hostname": "shop\n", "usr/bin/sh": "#!\n", "var/lib/dpkg/status": STATUS, "var/lib/dpkg/info/base-files.list": "/.\n",
    "etc/nginx/sites-enabled/shop": "server {\n" + "".join(f"    {SETTINGS[kind].strip()}\n" for kind in ("nginx-header", "nginx-param", "nginx-token")) + "}\n",
    "opt/shop/tokens.txt": "".join(ANYWHERE["sentence"] + "\n" for _ in SHAPES),
    "srv/key.pem": "-----BEGIN PRIVATE KEY-----\n§\n§\n-----END PRIVATE KEY-----\n",
    "opt/shop/app.py": "".join(SETTINGS[kind] + "\n" for kind in ("python", "django")),
}  # fmt: skip


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[bytes]]:
    """Return the host's root, and its secrets: each place has one of its own."""
    root = tmp_path_factory.mktemp("host")
    secrets, shapes = list[bytes](), iter(SHAPES.values())
    for path, content in [*PLACES.items(), *((path.decode().lstrip("/"), text) for path, text in FILES.items())]:
        first, *rest = content.split("§")
        for after in rest:
            shape = next(shapes, "") if path.endswith("tokens.txt") else "{w*24}"
            secrets.append(drawn(shape, len(secrets)).encode())
            first += secrets[-1].decode() + after
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(first)
    return root, secrets


def leaks(secrets: list[bytes], *where: bytes) -> list[bytes]:
    return [secret for secret in secrets if any(secret in data for data in where)]


def written(folder: Path) -> Iterator[bytes]:
    """Yield every file below a folder as it lies, and a database also by what its rows hold and its objects unpacked."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        yield path.read_bytes()
        if path.suffix == ".db":
            with closing(sqlite3.connect(path)) as connection:
                yield "\n".join(connection.iterdump()).encode("utf-8", "surrogatepass")
                for (data,) in connection.execute("select data from object"):
                    yield unpack(data)


def test_nothing_that_is_written_holds_a_secret(planted: tuple[Path, list[bytes]], cli: Cli, tmp_path: Path) -> None:
    root, secrets = planted
    host, out = f"image:{root}", tmp_path / "out"
    assert len(secrets) > 300

    def told(*arguments: str) -> None:
        done = cli(*arguments)
        assert done.returncode in {0, 3, 4}, done
        assert leaks(secrets, (done.stdout + done.stderr).encode()) == [], arguments

    told("scan", "-vv", host)
    # What the database does not hold, no report of it can tell; a role is built from the host's own files.
    told("findings", host, "--format", "json")
    told("runbook", host)
    told("role", "build", host, "--to", "ansible", "-o", str(out), "--name", "shop")
    kept = list(written(tmp_path))
    assert leaks(secrets, *kept) == []
    assert len(kept) > 50
    assert sum(data.count(b"<secret:") for data in kept) > 100


def test_a_traceback_quotes_no_secret() -> None:
    """What a parser could not read it may quote; the bug is told with its place, and without the value."""
    program = """
import driftscan.cli.app as app
from driftscan.cli import main
def run():
    line = "root password=Tr0ub4dor-x9"
    return int(line)
app.run = run
main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert "Traceback" in done.stderr
    assert "password=<secret:password>" in done.stderr
    assert "Tr0ub4dor" not in done.stderr
    assert done.returncode == 1
