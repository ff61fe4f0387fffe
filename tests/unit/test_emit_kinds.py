"""Every kind of resource through every emitter: spelled or refused by name, never dropped, never interpreted."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driftscan.emit._readme import STAGES, kind, readme, subject
from driftscan.emit.base import Emitted, Emitter, Refused, emitters
from driftscan.model.markdown import code, line
from driftscan.role.model import Role, Secret
from driftscan.role.resources import Content, Package, Refresh, Resource, Stage, User, Variable, kinds
from tests.unit.roles_made import HOSTILE, every_kind, hostile, of_kind, one_of_each, role, roles

parser = pytest.importorskip("markdown_it").MarkdownIt("commonmark").enable(["table", "strikethrough"])
EMITTERS = list(emitters().values())
every_emitter = pytest.mark.parametrize("emitter", EMITTERS, ids=[one.name for one in EMITTERS])
every_resource = pytest.mark.parametrize(
    "resource", one_of_each(), ids=[f"{type(one).__name__}-{at}" for at, one in enumerate(one_of_each())]
)
BIN = Path(sys.executable).parent

# Fields that need not change what is emitted, of which kind, and why.
SILENT = {
    ("Package", "manager"): "it is the role's",
    ("PackageFile", "manager"): "it is the role's",
    ("PackageFile", "name"): "the file knows it",
    ("PackageFile", "version"): "the file knows it",
    ("Refresh", "manager"): "it is the role's",
    ("Archive", "members"): "the archive knows them",
    ("Alternative", "link"): "of one that a package brings, the system knows it",
    ("Alternative", "priority"): "of one that a package brings, the system knows it",
    ("Checkout", "branch"): "the commit says all; the branch is for people",
    ("LanguagePackages", "interpreter"): "only of a virtual environment",
    ("LanguagePackages", "system_packages"): "only of a virtual environment",
    ("Special", "major"): "a fifo has none",
    ("Special", "minor"): "a fifo has none",
}


def around(resource: Resource) -> Role:
    """Return a role with nothing in it but what `resource` names: secrets, handlers, functions."""
    functions = tuple(replace(one, packages=()) for one in every_kind().functions)
    return replace(every_kind(), resources=(), secrets=secrets(resource), functions=functions)


def implied(emitter: Emitter, resource: Resource, whole: Role) -> bool:
    """Whether something else in a role says the same: a function its packages, and a Containerfile reads the lists."""
    named = {name for function in whole.functions for name in function.packages}
    in_image = isinstance(resource, Refresh) or (isinstance(resource, Package) and resource.name in named)
    return emitter.name == "dockerfile" and in_image


def secrets(*resources: Resource) -> tuple[Secret, ...]:
    named = {name for resource in resources for name in variables(resource)}
    return tuple(Secret(name, (), "secret") for name in sorted(named))


def variables(resource: Resource) -> Iterator[str]:
    for field in fields(resource):
        value = getattr(resource, field.name)
        if isinstance(value, Content):
            yield from value.variables
        if isinstance(value, Variable):
            yield value.name


def spelled(emitted: Emitted) -> Mapping[str, bytes]:
    """Return what does something: every file but the README."""
    return {
        path: output.data for path, output in emitted.files.items() if not path.rpartition("/")[2].startswith("README")
    }


def refused(emitted: Emitted) -> list[Resource]:
    return [one.resource for one in emitted.refused]


def told(emitted: Emitted) -> str:
    return b"".join(output.data for path, output in sorted(emitted.files.items()) if "README" in path).decode()


def test_each_kind_is_made_by_hand_and_known_to_the_readme() -> None:
    assert {type(one) for one in one_of_each()} == set(kinds())
    assert set(STAGES) == set(Stage)
    assert {kind(one) for one in one_of_each()} >= {"hard link", "package from a file", "user", "service"}


def test_all_three_tools_are_there() -> None:
    assert [one.name for one in EMITTERS] == ["ansible", "dockerfile", "shell"]


@every_emitter
@every_resource
def test_a_resource_alone_is_spelled_or_refused(emitter: Emitter, resource: Resource) -> None:
    bare = around(resource)
    emitted = emitter.emit(replace(bare, resources=(resource,)))
    if resource in refused(emitted):
        assert line(code(subject(resource))) in told(emitted), "the README does not name what is refused"
    elif not implied(emitter, resource, bare):
        assert spelled(emitted) != spelled(emitter.emit(bare)), "it was dropped"


@every_emitter
def test_no_resource_is_dropped_among_the_others(emitter: Emitter) -> None:
    whole = every_kind()
    emitted = emitter.emit(whole)
    for one in whole.resources:
        without = emitter.emit(replace(whole, resources=tuple(other for other in whole.resources if other is not one)))
        if one not in refused(emitted) and not implied(emitter, one, whole):
            assert spelled(emitted) != spelled(without), f"{one} was dropped"


@every_emitter
@every_resource
def test_every_field_counts(emitter: Emitter, resource: Resource) -> None:
    whole = every_kind()
    before = emitter.emit(whole)
    if resource in refused(before):
        return
    for name, changed in _mutants(resource):
        others = tuple(changed if one == resource else one for one in whole.resources)
        after = emitter.emit(replace(whole, resources=others))
        if changed not in refused(after) and (type(resource).__name__, name) not in SILENT:
            assert spelled(after) != spelled(before), f"{name} says nothing"


def _mutants(resource: Resource) -> Iterator[tuple[str, Resource]]:
    for field in fields(resource):
        if field.name in {"why", "early", "notify"} or (field.name == "exact" and not getattr(resource, "version", "")):
            continue
        changed = _other(field.name, getattr(resource, field.name))
        if changed is not None:
            yield field.name, replace(resource, **{field.name: changed})


def _other(name: str, value: Any) -> Any:
    """Return another value of a field; None where there is none that is plausible."""
    known: dict[str, Any] = {"mode": "0705", "flags": ("immutable", "append-only"), "value": None, "kind": None}
    if name in known:
        return b"other" if isinstance(value, bytes) else known[name]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return "2031-02-03" if name == "expires" else {"": None}.get(value, f"{value}z")
    if isinstance(value, bytes):
        return value + b"z"
    if isinstance(value, Content):
        return Content((*value.parts, b"z\n"))
    if isinstance(value, Variable):
        return Variable("shop_key")
    if isinstance(value, tuple) and value:
        return (*value, (f"{value[-1][0]}z", "1") if isinstance(value[-1], tuple) else f"{value[-1]}z")
    return None


@every_emitter
@pytest.mark.parametrize("value", range(len(HOSTILE)))
def test_hostile_values_are_spelled_or_refused(emitter: Emitter, value: int) -> None:
    whole = hostile()
    each = len(whole.resources) // len(HOSTILE)
    mine = [one for one in whole.resources if one.why.words == HOSTILE[value]]
    assert len(mine) == each
    bare = spelled(emitter.emit(replace(whole, resources=())))
    for resource in mine:
        emitted = emitter.emit(replace(whole, resources=(resource,)))
        assert resource in refused(emitted) or spelled(emitted) != bare, resource
        _well_formed(emitted)


@every_emitter
@pytest.mark.parametrize("day", [*HOSTILE, "9999-99-99"])
def test_a_day_that_is_none_is_refused(emitter: Emitter, day: str) -> None:
    user = next(one for one in every_kind().resources if isinstance(one, User))
    given_ = replace(user, expires=day, password=None)
    assert refused(emitter.emit(role(given_))) == [given_]


@every_emitter
@pytest.mark.parametrize("made", [every_kind, hostile, role])
def test_the_same_role_gives_the_same_bytes(emitter: Emitter, made: Any) -> None:
    emitted = emitter.emit(made())
    _well_formed(emitted)
    assert emitted == emitter.emit(made())
    for one in emitted.refused:
        assert one.reason
        assert line(code(subject(one.resource))) in told(emitted)


@every_emitter
def test_a_stock_host_needs_nothing_and_is_told_so(emitter: Emitter) -> None:
    emitted = emitter.emit(role())
    assert "Nothing is to be done" in told(emitted)
    assert not emitted.refused


@every_emitter
def test_each_secret_is_asked_for_by_name(emitter: Emitter) -> None:
    """A variable that stands in what is spelled is one that the reader is told to supply."""
    whole = every_kind()
    emitted = emitter.emit(whole)
    used = {name for one in whole.resources if one not in refused(emitted) for name in variables(one)}
    everything = b"".join(spelled(emitted).values()).decode("utf-8", "replace")
    for name in used:
        assert name in everything
        assert name in told(emitted)


@every_emitter
@given(st.data())
@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
def test_no_role_of_any_host_breaks_an_emitter(emitter: Emitter, data: st.DataObject) -> None:
    made = data.draw(roles(kinds()))
    emitted = emitter.emit(made)
    _well_formed(emitted)
    assert emitted == emitter.emit(made)
    known = list(made.resources)
    assert all(one in known for one in refused(emitted))


@every_emitter
@given(st.data())
@settings(deadline=None, max_examples=100, suppress_health_check=list(HealthCheck))
def test_any_resource_is_spelled_or_refused(emitter: Emitter, data: st.DataObject) -> None:
    resource = replace(data.draw(st.sampled_from(kinds()).flatmap(of_kind)), notify=())
    bare = replace(role(), secrets=secrets(resource))
    emitted = emitter.emit(replace(bare, resources=(resource,)))
    told = resource in refused(emitted) or implied(emitter, resource, bare)
    assert told or spelled(emitted) != spelled(emitter.emit(bare))


def _well_formed(emitted: Emitted) -> None:
    """Hold the paths of what is emitted: below the directory, spelled in one way, safe for every tool."""
    for path, output in emitted.files.items():
        parts = path.split("/")
        assert not set(parts) & {"", ".", ".."}, path
        assert re.fullmatch(r"[A-Za-z0-9._/+%@,=-]+", path), path
        assert all(len(part) <= 255 for part in parts), path
        assert isinstance(output.data, bytes)
        assert not any("/".join(parts[:end]) in emitted.files for end in range(1, len(parts))), path


# --- the README


def test_the_readme_names_all_that_is_refused_and_all_that_people_must_do() -> None:
    whole = every_kind()
    refusal = tuple(Refused(one, f"the tool cannot do {type(one).__name__}") for one in whole.resources)
    made = readme(whole, refusal, ["sh rebuild.sh"], "Give each as a file.").decode()
    assert made == readme(whole, refusal, ["sh rebuild.sh"], "Give each as a file.").decode()
    for one in whole.resources:
        assert line(code(subject(one))) in made
        assert f"the tool cannot do {type(one).__name__}" in made
    for secret in whole.secrets:
        assert f"`{secret.variable}`" in made
    assert "`/var/lib/app`: 3.0 MB, state of app" in made
    assert "`[kworker/u8:9] 1000000` as `deploy`" in made
    assert "**it could not be had**" in made
    assert "Give each as a file." in made
    assert "```\nsh rebuild.sh\n```" in made


def test_no_value_of_a_host_is_markup_in_the_readme() -> None:
    whole = hostile()
    refusal = [Refused(one, one.why.words) for one in whole.resources]
    tokens = parser.parse(readme(whole, refusal, HOSTILE, "Give each as a file.").decode())
    inside = {child.type for token in tokens for child in token.children or ()}
    assert inside <= {"text", "code_inline", "softbreak", "strong_open", "strong_close"}
    assert {token.type.rpartition("_")[0] for token in tokens if token.nesting} == {
        "heading", "paragraph", "bullet_list", "list_item",
    }  # fmt: skip
    plain = " ".join(child.content for token in tokens for child in token.children or () if child.type == "text")
    assert not re.search(r"\$\(|7\*7|raw %|<%|`|\{\{", plain)


# --- the real tools


def written(emitted: Emitted, below: Path) -> list[Path]:
    """Write what was emitted; return the files."""
    for path, output in emitted.files.items():
        at = below / path
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_bytes(output.data)
        at.chmod(0o755 if output.executable else 0o644)
    return [below / path for path in sorted(emitted.files)]


def run(*command: str | Path, cwd: Path) -> str:
    """Run a tool of the test's own environment; its output where it is not content, else nothing."""
    ended = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env={
            **os.environ,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "HOME": str(cwd),
            "NO_COLOR": "1",
        },
        capture_output=True,
        check=False,
        timeout=300,
    )
    return "" if ended.returncode == 0 else (ended.stdout + ended.stderr).decode("utf-8", "replace")[-4000:]


@every_emitter
def test_the_real_tools_are_content(emitter: Emitter, tmp_path: Path) -> None:
    """Each file is checked with the tool that reads it, whoever emitted it; Ansible's by test_emit_ansible.py."""
    numbers = count()
    for made in (every_kind(), hostile(few=True), role()):
        below = tmp_path / f"role_{next(numbers)}"
        files = written(emitter.emit(made), below)
        scripts = [path for path in files if path.suffix == ".sh" and "files" not in path.relative_to(below).parts]
        images = [path for path in files if path.name.startswith(("Containerfile", "Dockerfile"))]
        assert not scripts or not run("shellcheck", "--shell=sh", *scripts, cwd=tmp_path)
        assert not scripts or not run("dash", "-n", *scripts, cwd=tmp_path)
        assert not images or not run("hadolint", "--no-color", *images, cwd=tmp_path)
