"""The shell script: words that are nothing but the value, every function it calls there, run by every shell at hand."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftscan.emit._shell_library import MANAGERS, functions, start
from driftscan.emit._shell_words import CannotSayError, beside, comment, quoted
from driftscan.emit.shell import EMITTER
from driftscan.model.text import raw, text
from driftscan.role.model import Handler, Role
from driftscan.role.resources import (
    Absent,
    Archive,
    Content,
    Directory,
    File,
    HardLink,
    Lines,
    Link,
    Package,
    Rights,
    Service,
    Special,
    Variable,
    Why,
)
from tests.unit.roles_made import HOSTILE, every_kind, packed, role

SHELLS = [
    found
    for command in (("dash",), ("bash", "--posix"), ("busybox", "ash"))
    if shutil.which(command[0])
    for found in [list(command)]
]
every_shell = pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
WHY = Why("files", "/x", "a reason\n$(touch /x)")
NAMES = tuple(dict.fromkeys(value.replace("/", "|") for value in (*HOSTILE, "ends in newline\n", "--", "-e")))


def script(made: Role) -> str:
    return EMITTER.emit(made).files["rebuild.sh"].data.decode("utf-8", "surrogateescape")


# --- words


@every_shell
@given(st.lists(st.binary(max_size=12).map(lambda data: data.replace(b"\0", b"'")), min_size=1, max_size=20))
@settings(deadline=None, max_examples=60)
def test_a_quoted_word_is_the_value_and_nothing_else(shell: list[str], values: list[bytes]) -> None:
    program = b"".join(b"printf '%s\\0' " + raw(quoted(text(value))) + b"\n" for value in values)
    done = subprocess.run([*shell, "-c", program], capture_output=True, check=True)
    assert done.stdout.split(b"\0")[:-1] == values
    assert not done.stderr


@pytest.mark.parametrize("value", ["\0", text(b"a\0b")])
def test_a_nul_is_refused(value: str) -> None:
    with pytest.raises(CannotSayError):
        quoted(value)


@given(st.binary(max_size=20).map(text))
def test_a_comment_is_one_line(value: str) -> None:
    line = comment(value)
    assert line.startswith("#")
    assert line.splitlines() == [line]
    assert not line.endswith("\\")


@given(st.lists(st.binary(min_size=1, max_size=300), min_size=2, max_size=2, unique=True))
def test_names_beside_the_script_are_safe_and_never_the_same(paths: list[bytes]) -> None:
    one, other = (beside("/" + text(path)) for path in paths)
    assert one != other
    for part in one.split("/"):
        assert re.fullmatch(r"[A-Za-z0-9._+%-]{1,255}", part)
        assert part not in (".", "..")


# --- functions


def test_every_function_is_there_with_those_it_calls() -> None:
    """A name of the library that a script has, in no quotes and no comment, is one that it defines."""
    for manager in MANAGERS:
        known = {_name(one) for one in functions(_all_names(), manager)}
        for made in (every_kind(), *(role(one, manager=manager) for one in every_kind().resources)):
            code = re.sub(r"\\'|'[^']*'|^\s*#.*$", " ", script(made), flags=re.MULTILINE)
            defined = set(re.findall(r"^(\w+)\(\) \{", code, re.MULTILINE))
            assert known & set(re.findall(r"(?<![\w$/.@-])\w+(?![\w.@-])", code)) <= defined


def test_a_script_has_only_the_functions_that_it_uses() -> None:
    bare = script(role(Directory(why=WHY, path="/opt/x")))
    assert "directory() {" in bare
    assert "apt-get" not in bare
    assert "sealed()" not in bare
    assert "setfacl" not in bare


def _all_names() -> set[str]:
    below = Path(__file__).parents[2] / "driftscan/emit/_shell"
    return {
        name for path in below.glob("*.sh") for name in re.findall(r"^(\w+)\(\) \{", path.read_text(), re.MULTILINE)
    }


def _name(definition: str) -> str:
    found = re.search(r"^(\w+)\(\) \{", definition, re.MULTILINE)
    assert found
    return found[1]


@pytest.mark.parametrize("manager", MANAGERS)
def test_the_whole_library_is_clean(manager: str, tmp_path: Path) -> None:
    whole = tmp_path / "library.sh"
    head = "#!/bin/sh\nexport notified='' packages='' missing='' package_files='' versions=''\n"
    wanted = _all_names() if manager == "dpkg" else {"package", "package_file", "install", "ended"}
    known = tuple(functions(wanted, manager))
    calls = "".join(f'{name}) {name} "$@" ;;\n' for name in map(_name, known))
    whole.write_text(f"{head}{start()}{''.join(known)}case $1 in\n{calls}esac\n")
    checker = Path(sys.executable).parent / "shellcheck"
    done = subprocess.run([checker, "-s", "sh", whole], capture_output=True, text=True, check=False)
    assert not done.stdout
    for shell in SHELLS:
        subprocess.run([*shell, "-n", whole], check=True)


# --- what it says


def test_one_line_for_a_resource_and_its_reason_once() -> None:
    lines = script(
        role(
            Directory(why=Why("files", "/opt/x", "an application"), path="/opt/x", user="deploy"),
            File(why=Why("files", "/opt/x", "an application"), path="/opt/x/a", content=Content((b"1",))),
            File(why=Why("files", "/opt/x", "an application"), path="/opt/x/b", content=Content((b"1", Variable("v")))),
        )
    ).splitlines()
    at = lines.index("# files: an application")
    assert lines[at + 1] == "directory '/opt/x' '0644' 'deploy' 'root'"
    assert "# files /opt/x: an application" in lines
    assert lines[-4] == "file '/opt/x/b' '0644' 'root' 'root' 'files/host/opt/x/b/1' 'secrets/v'"
    assert "secret 'v'" in lines


def test_what_cannot_be_said_is_refused_and_told_in_the_script() -> None:
    made = role(
        Package(why=WHY, name="nginx-; touch /x", manager="dpkg"),
        Package(why=WHY, name="nginx", manager="rpm"),
        Service(why=WHY, name="x", manager="sysv", masked=True),
        Lines(why=WHY, path="/etc/x", lines=("a\nb",)),
        File(why=WHY, path="/etc/x", mode="u+s"),
        Directory(why=WHY, path="etc"),
        Absent(why=WHY, path="/"),
    )
    emitted = EMITTER.emit(made)
    assert [one.resource for one in emitted.refused] == list(made.resources)
    told = emitted.files["rebuild.sh"].data.decode()
    assert told.count("# NOT DONE, ") == len(made.resources)


def test_the_hold_of_another_manager_is_refused_and_the_package_installed() -> None:
    emitted = EMITTER.emit(role(Package(why=WHY, name="nginx", manager="rpm", hold=True), manager="rpm"))
    assert len(emitted.refused) == 1
    assert b"\npackage 'nginx'\n" in emitted.files["rebuild.sh"].data


def test_handlers_run_before_the_services() -> None:
    handlers = (Handler("restart x", ("systemctl", "restart", "x")), Handler("restart\tx", ("true",)))
    file = File(why=WHY, path="/etc/x", content=Content(()), notify=("restart\tx", "restart x"))
    service = Service(why=WHY, name="x.service", manager="systemd", enabled=True)
    told = script(role(file, service, handlers=handlers))
    assert "notify restart-tx,restart-x file '/etc/x'" in told.replace("restart-x-2", "restart-tx").replace("\\", "")
    assert told.index("\nhandler restart-x ") < told.index("\nservice 'x.service'")


# --- run


@pytest.mark.skipif(os.geteuid() != 0, reason="the script is for root")
@every_shell
def test_paths_arrive_byte_for_byte_in_every_shell(shell: list[str], tmp_path: Path) -> None:
    below = tmp_path / "host"
    at = str(below)
    archive = Archive(why=WHY, path=f"{at}/tree", name="tree.tar.gz", data=packed({name: raw(name) for name in NAMES}))
    made = role(
        Directory(why=WHY, path=at, mode="2755", group="daemon"),
        *(File(why=WHY, path=f"{at}/{name}", content=Content((raw(name),)), user="1042") for name in NAMES),
        *(Link(why=WHY, path=f"{at}/{name}@", target=name) for name in NAMES[::3]),
        *(HardLink(why=WHY, path=f"{at}/{name}=", to=f"{at}/{name}") for name in NAMES[1::3]),
        *(archive,) * (shell[0] != "busybox"),  # this one has a tar of its own, which cannot compare
        File(why=WHY, path=f"{at}/secret", mode="0600", content=Content((b"a", Variable("v"), b"b\0", Variable("v")))),
        Special(why=WHY, path=f"{at}/pipe", kind="p", mode="0600"),
        Lines(why=WHY, path=f"{at}/deep/er/lines", lines=("-e", "", "$(touch /x)", text(b"\xff"))),
        Absent(why=WHY, path=f"{at}/gone"),
        File(why=WHY, path=f"{at}/setuid", mode="4755", content=Content((b"x",))),
        Rights(why=WHY, path=f"{at}/setuid", user="daemon"),
    )
    for path, output in EMITTER.emit(made).files.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(output.data)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/v").write_bytes(b"'\n\xff\n")

    dry = _run(shell, tmp_path, "-n")
    assert not below.exists()
    below.mkdir()
    (below / "gone").mkdir()
    first = _run(shell, tmp_path)
    assert first[-1] == f"driftscan: {len(first) - 1} changed"
    assert {line.removeprefix("would change: ") for line in dry[:-1]} | {f"removed {at}/gone"} == {
        line.removeprefix("changed: ") for line in first[:-1]
    } | {f"directory {at}"}
    inside = os.fsencode(at)
    for name in map(raw, NAMES):
        assert _read(inside + b"/" + name) == name
        assert shell[0] == "busybox" or _read(inside + b"/tree/" + name) == name
        assert os.stat(inside + b"/" + name).st_uid == 1042
    assert all(os.readlink(inside + b"/" + raw(name) + b"@") == raw(name) for name in NAMES[::3])
    hard = [(inside + b"/" + raw(name) + b"=", inside + b"/" + raw(name)) for name in NAMES[1::3]]
    assert all(os.path.samefile(*both) for both in hard)
    assert (below / "secret").read_bytes() == b"a'\n\xff\nb\0'\n\xff\n"
    assert (below / "deep/er/lines").read_bytes() == b"-e\n\n$(touch /x)\n\xff\n"
    assert (below / "setuid").stat().st_mode & 0o7777 == 0o4755
    assert not (below / "gone").exists()
    assert not Path("/x").exists()
    second = _run(shell, tmp_path)
    assert second == [f"changed: file {at}/setuid", f"changed: rights of {at}/setuid", "driftscan: 2 changed"]


def _run(shell: list[str], directory: Path, *options: str) -> list[str]:
    done = subprocess.run(
        [*shell, directory / "rebuild.sh", *options], cwd="/var", capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def _read(path: bytes) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def test_the_script_says_how_it_is_run(tmp_path: Path) -> None:
    (tmp_path / "rebuild.sh").write_text(script(role()))
    ends = {}
    for option in ("-x", "-h", "--help"):
        done = subprocess.run(["sh", tmp_path / "rebuild.sh", option], capture_output=True, text=True, check=False)
        ends[option] = (done.returncode, done.stdout[:17], done.stderr[:17])
    told = (0, "usage: rebuild.sh", "")
    assert ends == {"-x": (2, "", "rebuild: usage: r"), "-h": told, "--help": told}


@pytest.mark.skipif(os.geteuid() != 0, reason="the script is for root")
def test_a_tool_that_is_missing_is_named_before_anything_is_done(tmp_path: Path) -> None:
    file = File(why=WHY, path=f"{tmp_path}/made", content=Content(()))
    told = script(role(file)).replace("\nneed chmod", "\nneed no-such-tool chmod")
    (tmp_path / "rebuild.sh").write_text(told)
    done = subprocess.run(["sh", tmp_path / "rebuild.sh"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "rebuild: tools are missing: no-such-tool\n")
    assert not (tmp_path / "made").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="the script is for root")
@every_shell
def test_what_fails_is_told_in_one_line(shell: list[str], tmp_path: Path) -> None:
    (tmp_path / "in the way\x1b/x").mkdir(parents=True)
    file = File(why=WHY, path=f"{tmp_path}/in the way\x1b", content=Content(()))
    (tmp_path / "rebuild.sh").write_text(script(role(file, replace(file, path=f"{tmp_path}/next"))))
    done = subprocess.run([*shell, tmp_path / "rebuild.sh"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == f"changed: file {tmp_path}/in the way\\x1b\n"
    assert done.stderr.startswith(f"rebuild: file {tmp_path}/in the way\\x1b: rmdir: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "next").exists()
