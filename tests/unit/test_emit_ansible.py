"""Roles for Ansible: what its own YAML and Jinja read of what is written, ansible-lint, and the order of things."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from driftscan.emit._ansible_groups import gathered
from driftscan.emit._ansible_names import handlers, source
from driftscan.emit._ansible_templates import encoding, template
from driftscan.emit._ansible_yaml import Noted, Template, document, is_live
from driftscan.emit.ansible import EMITTER, role_name, variable
from driftscan.role.model import Handler, Role, Secret
from driftscan.role.resources import (
    Archive,
    Checkout,
    Content,
    Directory,
    File,
    Flags,
    Link,
    Package,
    Refresh,
    Resource,
    Service,
    Variable,
)
from tests.unit import roles_made as made

_BIN = Path(sys.executable).parent
_CHARS = st.characters(exclude_categories=["Cs"])
_TEXTS = st.one_of(st.text(_CHARS), st.text("{}%#[]$ab \n\r\t\\\"'-:!&*~"), st.sampled_from(made.HOSTILE))


class _Loader(yaml.SafeLoader):
    """Reads YAML as Ansible does: what is marked !unsafe is text."""


def _unsafe(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


_Loader.add_constructor("!unsafe", _unsafe)


def _read(data: bytes) -> Any:
    return yaml.load(data, _Loader)


def _emitted(*resources: Resource, **facts: Any) -> dict[str, bytes]:
    return {path: output.data for path, output in EMITTER.emit(made.role(*resources, **facts)).files.items()}


def _tasks(name: str, *resources: Resource, **facts: Any) -> list[dict[str, Any]]:
    tasks = _read(_emitted(*resources, **facts)[f"tasks/{name}.yml"])
    assert isinstance(tasks, list)
    return tasks


def _laid(directory: Path, role: Role) -> Path:
    for path, output in EMITTER.emit(role).files.items():
        where = directory / "roles" / role_name(role) / path
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_bytes(output.data)
    return directory


def _run(directory: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{_BIN}:{os.environ['PATH']}", "HOME": str(directory), "LC_ALL": "C.UTF-8"}
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)


# --- YAML


@given(st.lists(_TEXTS), _TEXTS)
def test_every_text_comes_back_from_yaml_as_it_was(values: list[str], note: str) -> None:
    told = document([Noted((note,), {"name": one, "more": [one, {"a": one, "b": True}]}) for one in values])
    assert (_read(told) or []) == [{"name": one, "more": [one, {"a": one, "b": True}]} for one in values]
    assert all(len(line) <= 140 for line in told.decode().split("\n"))


@given(_TEXTS)
def test_what_jinja_would_read_is_marked_and_what_is_meant_as_a_template_is_not(value: str) -> None:
    if any(mark in value for mark in ("{{", "{%", "{#")):
        assert is_live(value)
        assert b"!unsafe" in document([value])
    assert not document([Template("{{ x }}")]).count(b"!unsafe")


# --- names


@given(st.lists(st.one_of(made.paths, st.sampled_from(["/archives/x", "/packages", f"/{'x' * 255}", f"/{'é' * 120}"]))))
def test_two_paths_never_have_one_source(paths: list[str]) -> None:
    names = {path: source(path) for path in paths}
    assert len(set(names.values())) == len(names)
    for name in names.values():
        assert all(part not in ("", ".", "..") and len(part) <= 255 and part.isascii() for part in name.split("/"))
        assert not name.startswith(("archives/", "packages/"))


def test_names_of_handlers_are_plain_and_each_is_another() -> None:
    names = ("restart x", "Restart x", "restart {{ x }}.service", "", "1")
    called = handlers(made.role(handlers=tuple(Handler(name, ("true",)) for name in names)))
    assert called["restart x"] == "Restart x"
    assert called["Restart x"] == "Restart x again"
    assert called["restart {{ x }}.service"] == "Restart %7b%7b x %7d%7d.service"
    assert len(set(called.values())) == len(names)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("web1", "web1"), ("Shop-01.acme.example", "shop_01_acme_example"), ("10.0.0.1", "host_10_0_0_1"), ("é", "host")],
)
def test_roles_and_variables_are_named_as_ansible_wants_them(name: str, expected: str) -> None:
    role = made.role(name=name)
    assert role_name(role) == expected
    assert variable(role, "token") == f"{expected}_token"


# --- templates

_CONTENTS = st.lists(
    st.one_of(
        _TEXTS.map(str.encode),
        st.binary(max_size=6),
        st.sampled_from([b"{", b"}", b"\r\n", b"#jinja2:x\n", b"[[ << (( {{", b"x\r\ny\r\n"]),
        st.sampled_from([Variable("a"), Variable("b")]),
    ),
    min_size=1,
    max_size=12,
).map(lambda parts: Content((*parts, Variable("a"))))
_VALUES = {"a": "{{ 7*7 }}\r\n'\"$(x)", "b": "\n{# x"}


def test_files_with_secrets_come_out_of_ansible_byte_for_byte(tmp_path: Path) -> None:
    """One run of the real thing for as many contents as hypothesis makes."""
    found: list[Content] = []

    @settings(max_examples=12, database=None)  # a second each
    @given(_CONTENTS)
    def gather(content: Content) -> None:
        found.append(content)

    gather()
    unsafe = {name: {"__ansible_unsafe": value} for name, value in _VALUES.items()}
    tasks = []
    for which in ("", "iso-8859-1"):
        numbers = [at for at, content in enumerate(found) if encoding(content) == which]
        options = {"output_encoding": which} if which else {}
        arguments = {"src": "{{ item }}.j2", "dest": f"{tmp_path}/{{{{ item }}}}.out", "mode": "0600", **options}
        tasks.append({"ansible.builtin.template": arguments, "loop": numbers})
    for at, content in enumerate(found):
        (tmp_path / f"{at}.j2").write_bytes(template(content, lambda name: name))
    play = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "vars": unsafe, "tasks": tasks}]
    (tmp_path / "site.yml").write_text(yaml.safe_dump(play))
    (tmp_path / "vars.json").write_text(json.dumps(unsafe))
    python = f"ansible_python_interpreter={sys.executable}"
    done = _run(tmp_path, "ansible-playbook", "-i", "localhost,", "site.yml", "-e", "@vars.json", "-e", python)
    assert done.returncode == 0, done.stdout[-3000:]
    for at, content in enumerate(found):
        # What is not UTF-8 is written character by character: so are the values put into it, which are ASCII here.
        expected = content.filled({name: value.encode() for name, value in _VALUES.items()})
        assert (tmp_path / f"{at}.out").read_bytes() == expected, (content, (tmp_path / f"{at}.j2").read_bytes())


def test_a_template_looks_like_the_file_where_it_can() -> None:
    plain = Content((b"password=", Variable("a"), b"\n"))
    assert template(plain, str.upper) == b"password={{ A }}\n"
    braces = Content((b"{{ x }}=", Variable("a"), b"\n"))
    assert template(braces, str.upper).splitlines()[1] == b"{{ x }}=[[ A ]]"


# --- grouping


def _paths(groups: list[Any]) -> list[list[str]]:
    return [[one.path for one in group.members] for group in groups]


def test_resources_of_a_kind_share_a_task_unless_something_between_touches_them() -> None:
    why = made.why("x")
    given_: list[Resource] = [
        Directory(why=why, path="/a"),
        File(why=why, path="/a/f", content=made.content(b"")),
        Directory(why=why, path="/b"),
        File(why=why, path="/b/f", content=made.content(b"")),
        Checkout(why=why, path="/b/site", kind="git", remote="x", commit="a" * 40),
        Directory(why=why, path="/b/site/uploads"),
        Archive(why=why, path="/c", name="c.tar.gz", data=b""),
        File(why=why, path="/c/f", content=made.content(b"")),
    ]
    assert _paths(gathered(given_, ())) == [
        ["/a", "/b"], ["/a/f", "/b/f"], ["/b/site"], ["/b/site/uploads"], ["/c"], ["/c/f"],
    ]  # fmt: skip


# --- tasks


def test_what_rows_have_in_common_is_said_once_and_why_is_kept() -> None:
    files_ = [
        File(why=made.why("x", words=f"why {name}\nx"), path=f"/etc/{name}", content=made.content(b""), mode="0600")
        for name in ("a", "b")
    ]
    told = _emitted(*files_)["tasks/files.yml"].decode()
    assert told == (
        "---\n- name: Copy files\n  ansible.builtin.copy:\n"
        '    src: "{{ item.src }}"\n    dest: "{{ item.path }}"\n    owner: root\n    group: root\n    mode: "0600"\n'
        "  loop:\n    # why a\\nx\n    - path: /etc/a\n      src: etc/a\n"
        "    # why b\\nx\n    - path: /etc/b\n      src: etc/b\n"
        '  loop_control:\n    label: "{{ item.path }}"\n'
    )


def test_a_variable_in_a_path_is_kept_from_being_one() -> None:
    (task,) = _tasks("files", Directory(why=made.why("x"), path="/srv/$HOME"))
    assert task["ansible.builtin.file"]["path"] == "/srv/$HOME"
    assert task["environment"] == {"HOME": "$HOME"}
    for path in ("/srv/$HOME/${HOME}", "/srv/$PYTHONPATH"):
        resource = Directory(why=made.why("x"), path=path)
        assert [one.resource for one in EMITTER.emit(made.role(resource)).refused] == [resource]


def test_a_hold_that_cannot_be_told_is_named_and_the_package_still_installed() -> None:
    package = Package(why=made.why("x"), name="nginx", manager="rpm", hold=True)
    emitted = EMITTER.emit(made.role(package, manager="rpm"))
    assert [(one.resource, "not held" in one.reason) for one in emitted.refused] == [(package, True)]
    assert b"nginx" in emitted.files["tasks/packages.yml"].data


def test_handlers_run_before_the_services_are_started() -> None:
    role = made.every_kind()
    names = [task["name"] for task in _read(EMITTER.emit(role).files["tasks/main.yml"].data)]
    assert names.index("Reload and restart what has changed") == names.index("Services") - 1
    assert names[0] == "Accounts"
    assert names[-1] == "Seals"


def test_what_is_sealed_is_asked_before_it_is_written() -> None:
    why = made.why("x")
    file = File(why=why, path="/etc/x/f", content=made.content(b""))
    for sealed in ("/etc/x/f", "/etc/x"):
        asked, unsealed, written = _tasks("files", file, Flags(why=why, path=sealed, flags=("immutable",)))
        assert asked["check_mode"] is True
        assert unsealed["loop"] == [sealed]
        assert written["ansible.builtin.copy"] == asked["ansible.builtin.copy"]


def test_pacman_and_apk_are_asked_by_command() -> None:
    for manager, first in (("pacman", "pacman"), ("apk", "apk")):
        package = Package(why=made.why("x"), name="nginx", manager=manager, version="1.2")
        refresh, read, act = (
            *_tasks("repositories", Refresh(why=made.why("x"), manager=manager)),
            *_tasks("packages", package),
        )
        assert all(task["ansible.builtin.command"]["argv"][0] == first for task in (refresh, read, act))
        assert read["loop"] == [{"spec": "nginx>=1.2"}]


def test_services_that_are_treated_alike_share_a_task() -> None:
    def service(name: str, **how: Any) -> Service:
        return Service(why=made.why(name), name=name, manager="systemd", **how)

    on = {"enabled": True, "active": True}
    first, second = _tasks("services", service("a.service", **on), service("b.timer", **on), service("c", masked=True))
    assert first["loop"] == ["a.service", "b.timer"]
    assert second["ansible.builtin.systemd_service"] == {"name": "c", "masked": True}


def test_a_link_whose_target_ansible_would_read_is_made_by_ln() -> None:
    tasks = _tasks("files", Link(why=made.why("x"), path="/srv/l", target="~root/x"))
    assert tasks[1]["ansible.builtin.command"]["argv"][0] == "ln"


def test_a_stock_host_needs_nothing_done() -> None:
    files = _emitted()
    assert _read(files["tasks/main.yml"]) == []
    assert b"A stock install needs nothing done" in files["tasks/main.yml"]


# --- the real tools


def _roles() -> Iterator[Role]:
    yield made.every_kind()
    hostile = made.hostile()
    yield replace(hostile, resources=(*hostile.resources[::9], *made.hostile(few=True).resources))
    yield made.role(name="stock")
    yield replace(made.every_kind(), name="10.0.0.1", release={"id": "rocky", "version": "9.4"})


def test_ansible_lint_has_nothing_to_say_and_the_second_writing_is_the_same(tmp_path: Path) -> None:
    roles = list(_roles())
    names = [role_name(role) for role in roles]
    for role in roles:
        _laid(tmp_path, role)
        assert EMITTER.emit(role) == EMITTER.emit(role)
    play = "---\n- name: Site\n  hosts: all\n  roles:\n" + "".join(f"    - role: {name}\n" for name in names)
    (tmp_path / "site.yml").write_text(play)
    # What the role itself says of its files holds where its directory is the project: here it is one of several.
    (tmp_path / ".ansible-lint").write_text("exclude_paths: [roles/*/files/, roles/*/templates/]\n")
    lint = ("ansible-lint", "--nocolor", "--profile", "production", "--offline")
    done = _run(tmp_path, *lint, *(f"roles/{name}" for name in names))
    assert done.returncode == 0, done.stdout[-4000:]
    done = _run(tmp_path, "ansible-playbook", "--syntax-check", "-i", "x,", "site.yml")
    assert done.returncode == 0, done.stderr


def test_a_secret_that_is_not_given_ends_the_run_first(tmp_path: Path) -> None:
    secrets = (Secret("one", (), "x"), Secret("two", (), "y"))
    path = f"{tmp_path}/made"
    resource = File(why=made.why("x"), path=path, content=made.content(Variable("one")))
    _laid(tmp_path, made.role(resource, secrets=secrets))
    play = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "roles": ["web1"]}]
    (tmp_path / "site.yml").write_text(yaml.safe_dump(play))
    python = f"ansible_python_interpreter={sys.executable}"
    done = _run(tmp_path, "ansible-playbook", "-i", "localhost,", "site.yml", "-e", python)
    assert done.returncode != 0
    assert "web1_one, web1_two" in done.stdout + done.stderr
    assert not os.path.exists(path)
