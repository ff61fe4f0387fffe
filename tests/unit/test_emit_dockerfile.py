import os
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftscan.emit._dockerfile_words import is_quotable, pieces, place, plain, quoted, shell
from driftscan.emit.base import Emitted
from driftscan.emit.dockerfile import EMITTER
from driftscan.model.text import raw
from driftscan.role.model import Function, Role, Secret
from driftscan.role.resources import (
    Capabilities,
    Content,
    Directory,
    File,
    Group,
    HardLink,
    LanguagePackages,
    Link,
    Package,
    PackageFile,
    Resource,
    Service,
    User,
    Variable,
)
from tests.unit.roles_made import HOSTILE, RELEASE, role, why

_SHOW = """import os, sys
open("words", "wb").write(os.fsencode(sys.argv[1]))
open("environment", "wb").write(b"\\0".join(name + b"=" + value for name, value in os.environb.items()))
"""
APP = Function(
    "app",
    ("/opt/app/run.sh",),
    user="app",
    directory="/opt/app",
    packages=("hello", "python3"),
    paths=("/opt/app",),
    ports=("80/tcp",),
    starts="app.service",
)
ROOTS = Function("web", ("/usr/sbin/nginx", "-g", "daemon off;"), packages=("nginx",), paths=("/etc/nginx",))


def emitted(*resources: Resource, functions: Sequence[Function] = (APP,), **facts: Any) -> Emitted:
    names = [name for one in resources if isinstance(one, File) for name in (one.content or Content()).variables]
    secrets = tuple(Secret(name, (), "secret") for name in dict.fromkeys(names))
    return EMITTER.emit(role(*resources, functions=tuple(functions), secrets=secrets, **facts))


def said(made: Emitted, path: str = "app/Containerfile") -> str:
    return made.files[path].data.decode()


def file(path: str, *parts: bytes | Variable, **more: Any) -> File:
    return File(why=why(path), path=path, content=Content(parts), **more)


def rest(made: Emitted, function: str = "app") -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=BytesIO(made.files[f"{function}/payload/rest.tar"].data)) as opened:
        return {one.name: one for one in opened}


def test_one_image_for_a_function() -> None:
    made = emitted(
        Group(why=why("app", "groups"), name="app", gid=990, system=True),
        User(why=why("app", "users"), name="app", uid=990, group="app", gecos="The App", home="/opt/app", system=True),
        Package(why=why("hello", "packages"), name="hello", manager="dpkg", hold=True),
        Directory(why=why("/opt/app"), path="/opt/app", user="app", group="app", mode="2775"),
        file("/opt/app/run.sh", b"#!/bin/sh\nexit 0\n", mode="0755"),
        Link(why=why("/opt/app/current"), path="/opt/app/current", target="releases/1"),
    )
    assert (
        said(made)
        == """\
# Written by driftscan: app of web1, which app.service starts there.
ARG BASE=debian:bookworm-slim
FROM ${BASE}
LABEL org.opencontainers.image.title="app" \\
      org.opencontainers.image.created="2026-11-01T03:00:00Z" \\
      driftscan.host="web1"

# Accounts, by their numbers on the host
RUN groupadd --system --gid 990 app && \\
    useradd --no-log-init --system --uid 990 --gid app --comment 'The App' --home-dir /opt/app --no-create-home app

# Packages
# Of a stock install: python3.
# Held on the host, where an image is built anew: hello.
# No versions: the distribution's fixes are wanted, and it keeps no older versions.
# hadolint ignore=DL3008
RUN apt-get update && \\
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \\
      hello \\
      python3 && \\
    rm -rf /var/lib/apt/lists/*

# Files
RUN --mount=type=bind,source=payload,target=/driftscan \\
    tar -xpf /driftscan/rest.tar -C /
COPY --chown=root:root --chmod=0755 files/opt/app/run.sh /opt/app/run.sh

# What runs
EXPOSE 80/tcp
WORKDIR /opt/app
# By its name, so that it is in its groups.
# hadolint ignore=DL3066
USER app
CMD ["/opt/app/run.sh"]
"""
    )
    assert {name: (one.mode, one.uname, one.linkname) for name, one in rest(made).items()} == {
        "opt/app": (0o2775, "app", ""),
        "opt/app/current": (0o777, "root", "releases/1"),
    }
    assert made.files["app/files/opt/app/run.sh"].data == b"#!/bin/sh\nexit 0\n"
    assert not made.refused


def test_secrets_are_put_in_place_when_a_container_starts() -> None:
    made = emitted(
        file("/opt/app/app.conf", b"user=x\npassword=", Variable("password"), b"\n", group="app", mode="0640"),
        file("/opt/app/key", Variable("key"), mode="0400"),
        functions=[
            Function("app", ("/opt/app/run.sh", "--token=<secret:key>"), user="app", paths=("/opt/app",), environment=(
                ("A", "plain"), ("B", "a <secret:password>"), ("C", "it's"), ("D", "<secret:nobody>"))),
        ],
    )  # fmt: skip
    told = said(made)
    assert 'ENV A="plain"' in told
    assert "ENTRYPOINT" in told
    assert "CMD" not in told, "the command holds a secret"
    assert "COPY --chown=app --chmod=0500 start /driftscan" in told
    assert "# /opt/app/app.conf, root's on the host, is app's: it is written when a container starts." in told
    script = said(made, "app/start/start")
    assert "need key\nneed password\n" in script
    assert """cat /driftscan/part-1-1 "$secrets/password" /driftscan/part-1-3 >'/opt/app/app.conf'""" in script
    assert """cat "$secrets/key" >'/opt/app/key'""" in script
    assert """B='a '"${secret_password%x}"\nexport B""" in script
    assert "C='it'\\''s'" in script
    assert "D='<secret:nobody>'" in script
    assert """|| set -- '/opt/app/run.sh' '--token='"${secret_key%x}"\n""" in script
    assert made.files["app/start/part-1-1"].data == b"user=x\npassword="
    empty = rest(made)["opt/app/app.conf"]
    assert (empty.size, empty.mode, empty.uname, empty.gname) == (0, 0o640, "app", "app")


def test_the_script_does_what_it_says(tmp_path: Path) -> None:
    """The script itself, run here: files to byte, environment, words, and nothing at all without the secrets."""
    target = tmp_path / "a 'b' $(c)\n"
    values = {"word": b"two\nlines\n\n", "odd": b"\xff'$(touch x)\\"}
    made = emitted(
        file(str(target), b"1\\n\xff", Variable("odd"), Variable("word"), b"\n"),
        functions=[
            Function("app", (sys.executable, "-c", _SHOW, "<secret:odd>"), paths=(str(tmp_path),),
                     environment=(("ONE", "<secret:word>"), ("odd.name", "it's\n"))),
        ],
    )  # fmt: skip
    for path, output in made.files.items():
        if path.startswith("app/start/"):
            (tmp_path / path.removeprefix("app/start/")).write_bytes(output.data)
    script = tmp_path / "start"
    script.write_bytes(script.read_bytes().replace(b"/driftscan/part", b"./part"))
    environment = {**os.environ, "DRIFTSCAN_SECRETS": str(tmp_path / "secrets")}

    def start() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "start"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    ended = start()
    assert ended.returncode == 1
    assert ended.stderr == f"driftscan: secrets that are not given in {tmp_path}/secrets: odd word\n"
    assert not target.exists()
    (tmp_path / "secrets").mkdir()
    for name, value in values.items():
        (tmp_path / "secrets" / name).write_bytes(value)
    ended = start()
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert target.read_bytes() == b"1\\n\xff" + values["odd"] + values["word"] + b"\n"
    assert (tmp_path / "words").read_bytes() == values["odd"]
    found = (tmp_path / "environment").read_bytes().split(b"\0")
    assert b"ONE=two\nlines\n\n" in found
    assert b"odd.name=it's\n" in found
    assert not (tmp_path / "x").exists()


def test_what_is_not_plain_is_read_from_files_and_nothing_is_said_of_it() -> None:
    for value in HOSTILE:
        path = f"/opt/app/{value.replace('/', '|')}"
        made = emitted(
            file(path, raw(value)),
            Capabilities(why=why(path), path=path, value="cap_net_raw=ep"),
            HardLink(why=why("/opt/app/x"), path="/opt/app/x", to=path),
        )
        assert not made.refused
        told = said(made)
        instructions = [line for line in told.splitlines() if not line.startswith("#")]
        assert not any(is_odd in line for line in instructions for is_odd in ("touch", "HOME", "`", "$("))
        if not is_quotable(value):
            assert b"cap_net_raw=ep\0" + raw(path) + b"\0" == made.files["app/payload/arguments-1"].data


def test_a_link_and_what_it_is_another_name_of_are_packed_together() -> None:
    made = emitted(
        file("/srv/worker.py", b"1\n", mode="0755"),
        HardLink(why=why("/opt/app/worker.py"), path="/opt/app/worker.py", to="/srv/worker.py"),
    )
    assert list(rest(made)) == ["srv/worker.py", "opt/app/worker.py"]
    assert not made.refused


def test_packages_by_version_from_files_and_of_languages() -> None:
    made = emitted(
        Package(why=why("hello", "packages"), name="hello", manager="dpkg", version="2.10", exact=True),
        Package(why=why("jq", "packages"), name="jq", manager="dpkg", version="1.6"),
        PackageFile(why=why("vpn", "packages"), name="vpn", manager="dpkg", version="1", file="vpn_1.deb", data=b"deb"),
        LanguagePackages(why=why("venv"), ecosystem="pip", environment="/opt/app/venv", packages=(("six", "1.16.0"),),
                         interpreter="/usr/bin/python3", user="app"),
        LanguagePackages(why=why("system"), ecosystem="pip", environment="", packages=(("six", "1.0"),)),
        functions=[Function("app", ("/opt/app/run.sh",), packages=("hello", "jq", "vpn"), paths=("/opt/app",))],
    )  # fmt: skip
    told = said(made)
    assert "      hello=2.10 \\\n      jq \\\n      python3-venv \\\n      /driftscan/vpn_1.deb &&" in told
    assert "apt-get satisfy -y --no-install-recommends 'jq (>= 1.6)'" in told
    assert "/usr/bin/python3 -m venv /opt/app/venv && \\\n" in told
    assert "/opt/app/venv/bin/pip install --no-cache-dir six==1.16.0 && \\\n" in told
    assert "chown -R app /opt/app/venv" in told
    assert [one.resource.why.key for one in made.refused] == ["system"], "the environment does not see it"
    assert made.files["app/payload/vpn_1.deb"].data == b"deb"


@pytest.mark.parametrize(
    ("release", "base"),
    [
        ({}, "debian:bookworm-slim"),
        ({"id": "debian", "codename": "bullseye"}, "debian:bullseye-slim"),
        ({"id": "ubuntu", "version": "22.04"}, "ubuntu:22.04"),
        ({"id": "rocky", "version": "9.3"}, "rockylinux:9"),
        ({"id": "centos", "version": "9"}, "quay.io/centos/centos:stream9"),
        ({"id": "alpine", "version": "3.20.1"}, "alpine:3.20"),
        ({"id": "arch", "version": ""}, "archlinux:base"),
        ({"id": "debian", "codename": ""}, ""),
        ({"id": "debian", "codename": "$(touch /x)"}, ""),
        ({"id": "mine", "version": "1"}, ""),
    ],
)
def test_the_base_is_that_of_the_release(release: dict[str, str], base: str) -> None:
    told = said(emitted(release={**RELEASE, **release}))
    assert f"\nARG BASE{'=' * bool(base)}{base}\nFROM ${{BASE}}\n" in told
    assert ("# No image is known for the release" in told) is not bool(base)


@pytest.mark.parametrize(
    ("manager", "words"),
    [
        ("dpkg", "apt-get install -y --no-install-recommends"),
        ("rpm", "dnf install -y"),
        ("apk", "apk add --no-cache"),
        ("pacman", "pacman -S --noconfirm"),
    ],
)
def test_each_package_manager(manager: str, words: str, tmp_path: Path) -> None:
    user = User(why=why("app", "users"), name="app", uid=990, group="app", home="/opt/app", system=True)
    made = emitted(user, Group(why=why("app", "groups"), name="app", gid=990), manager=manager)
    assert words in said(made)
    assert ("adduser -D -S -u 990" in said(made)) is (manager == "apk")
    path = tmp_path / "Containerfile"
    path.write_bytes(made.files["app/Containerfile"].data)
    ended = subprocess.run([Path(sys.executable).with_name("hadolint"), path], capture_output=True, check=False)
    assert ended.returncode == 0, ended.stdout


def test_what_no_image_holds_is_refused_with_the_reason() -> None:
    made = emitted(
        file("/etc/cron.d/x", b""),
        file("/etc/sysctl.d/x.conf", b""),
        file("/usr/local/bin/tool", b""),
        Service(why=why("app.service", "services"), name="app.service", manager="systemd", enabled=True),
        User(why=why("other", "users"), name="other", uid=1, group="other"),
        User(why=why("app", "users"), name="app", uid=2, group="app", password=Variable("hash")),
        Package(why=why("vim", "packages"), name="vim", manager="dpkg"),
    )
    reasons = {one.resource.why.key: one.reason for one in made.refused}
    assert reasons["/etc/cron.d/x"] == "an image has no scheduler"
    assert "kernel" in reasons["/etc/sysctl.d/x.conf"]
    assert "no function" in reasons["/usr/local/bin/tool"]
    assert "no init" in reasons["app.service"]
    assert "nobody logs in" in reasons["other"]
    assert "its password is not" in reasons["app"]
    assert "no function" in reasons["vim"]


def test_a_role_without_functions_has_no_image() -> None:
    made = emitted(file("/opt/app/x", b""), functions=())
    assert list(made.files) == ["README.md"]
    assert "No function of the host could be told apart" in said(made, "README.md")
    assert [one.reason for one in made.refused] == ["it belongs to no function, as far as can be told"]


def test_root_needs_no_user_and_the_readme_says_how_to_run() -> None:
    made = emitted(file("/opt/app/x", b""), functions=[ROOTS, APP])
    assert "USER" not in said(made, "web/Containerfile")
    assert 'CMD ["/usr/sbin/nginx", "-g", "daemon off;"]' in said(made, "web/Containerfile")
    told = said(made, "README.md")
    assert "podman build -t web:20261101 web\n" in told
    assert "podman pod create --name web1 -p 80:80/tcp\n" in told
    assert "latest" not in told


@given(st.text(max_size=30).map(lambda value: value.replace("\0", "")))
def test_words(value: str) -> None:
    assert all(is_quotable(char) for char in plain(value))
    assert set(place(f"/{value}")) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+/%-")
    assert shell(raw(value)).startswith(b"'")
    assert "".join(literal for literal, _ in pieces(value, frozenset())) == value
    if is_quotable(value):
        assert quoted(value).strip("'") == value


def test_a_role_is_emitted_the_same_each_time() -> None:
    def make() -> Role:
        return role(file("/opt/app/x", b"1"), functions=(APP,))

    assert EMITTER.emit(make()) == EMITTER.emit(make())
