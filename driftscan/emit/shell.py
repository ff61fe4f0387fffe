"""The shell script: a role as one program of POSIX sh, with the files that it installs beside it."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from driftscan.emit import _shell_library as library
from driftscan.emit._readme import STAGES, readme, subject
from driftscan.emit._shell_spell import Spelled
from driftscan.emit._shell_spell_software import spelled
from driftscan.emit._shell_words import CannotSayError, comment, quoted
from driftscan.emit.base import Emitted, Emitter, Output, Refused
from driftscan.model.text import raw, shown
from driftscan.role.model import Handler, Role
from driftscan.role.resources import Archive, Flags, Package, PackageFile, Resource, Stage

_TOOLS = ("chmod", "chown", "find", "mktemp", "sed", "sha256sum", "tail", "tr")  # of the library itself
_MANAGER_TOOLS = {"dpkg": ("apt-get", "dpkg-query"), "rpm": ("rpm",), "pacman": ("pacman",), "apk": ("apk",)}
_SECRETS = (
    "The script reads them from the directory that `DRIFTSCAN_SECRETS` names, else `secrets` beside it: one file for "
    "each, of that name, its bytes the value."
)
_QUOTES = "# shellcheck disable=SC1003,SC1112,SC2016 # values of the host stand in single quotes, as they are"


@dataclass(frozen=True, slots=True)
class _Step:
    """A resource and its commands; none if it was refused."""

    resource: Resource
    spelled: Spelled = field(default_factory=lambda: Spelled(()))
    refused: str = ""


def emit(role: Role) -> Emitted:
    """Return the script, its files and its README."""
    steps = [_step(one, role.manager) for one in role.resources]
    refused = tuple(Refused(step.resource, reason) for step in steps if (reason := step.refused or step.spelled.lacks))
    outputs = {name: output for step in steps for name, output in step.spelled.outputs.items()}
    how = ("sh rebuild.sh -n   # only says what it would change", "sh rebuild.sh")
    files = {
        **outputs,
        "README.md": Output(readme(role, refused, how, _SECRETS)),
        "rebuild.sh": Output(raw(_script(role, steps)), executable=True),
    }
    return Emitted(dict(sorted(files.items())), refused)


EMITTER = Emitter("shell", "one POSIX shell script and the files that it installs", emit)


def _step(resource: Resource, manager: str) -> _Step:
    try:
        return _Step(resource, spelled(resource, manager))
    except CannotSayError as error:
        return _Step(resource, refused=str(error))


def _script(role: Role, steps: Sequence[_Step]) -> str:
    """Return the script: its head, the functions that its body uses, its body."""
    body = "\n".join(_body(role, steps))
    used = {"ended", "complain", *_calls(body)}
    head = "\n".join((*_head(role), library.start()))
    return "\n".join((head, *library.functions(used, role.manager), body, ""))


def _calls(body: str) -> list[str]:
    """Return the words of the body that stand in no quotes: among them are all functions that it calls."""
    bare = re.sub(r"\\'|'[^']*'|^#.*$", " ", body, flags=re.MULTILINE)
    return re.findall(r"(?<![\w.@-])\w+(?![\w.@-])", bare)


def _head(role: Role) -> Iterator[str]:
    yield "#!/bin/sh"
    system = role.release.get("name") or " ".join(filter(None, map(role.release.get, ("id", "version"))))
    yield comment(f"Makes of a stock install of {system or 'its release'} the host {role.host} again,")
    yield comment(f"as it was on {role.taken:%Y-%m-%d %H:%M} UTC. Written by driftscan; README.md tells more.")
    yield "#"
    yield "#   sh rebuild.sh       as root, again at any time: what is right already is left alone"
    yield "#   sh rebuild.sh -n    only says what it would change"
    yield _QUOTES


def _body(role: Role, steps: Sequence[_Step]) -> Iterator[str]:
    """Yield the lines after the functions: what is needed, then section by section."""
    ids = _ids(role.handlers)
    seals = tuple(one.path for one in role.resources if isinstance(one, Flags))
    yield from _needs(role, steps)
    handled = not role.handlers
    for stage, group in groupby(steps, key=lambda step: step.resource.when):
        if stage >= Stage.SERVICES and not handled:
            yield from _handlers(role.handlers, ids)
            handled = True
        members = list(group)
        yield from _title(STAGES[stage])
        told = ""
        for step in members:
            told, before = _why(step), told
            yield from () if told == before else (told,)
            yield from _commands(step, ids, seals)
        if any(isinstance(step.resource, Package | PackageFile) and not step.refused for step in members):
            yield "install"
        yield from (line for step in members for line in step.spelled.late)
        if stage == Stage.PACKAGES:
            yield from _need(step for step in steps if step.resource.when > stage)
    if not handled or any(step.resource.notify and step.resource.when >= Stage.SERVICES for step in steps):
        yield from _handlers(role.handlers, ids)
    yield from ("", 'printf \'driftscan: %s %s\\n\' "$changes" "${dry:+would be }changed"', '[ -z "$troubles" ]')


def _needs(role: Role, steps: Sequence[_Step]) -> Iterator[str]:
    """Yield what must be there before anything is changed: tools, secrets."""
    if role.handlers:
        yield "notified=','"
    managed = [step for step in steps if isinstance(step.resource, Package | PackageFile) and not step.refused]
    if managed:
        yield "packages='' missing='' package_files='' versions=''"
    at_once = any(step.resource.when == Stage.PACKAGES for step in steps)
    first = [step for step in steps if not at_once or step.resource.when <= Stage.PACKAGES]
    yield from _need(first, (*_TOOLS, *(_MANAGER_TOOLS[role.manager] if managed else ())))
    secrets = sorted({name for step in steps for name in step.spelled.secrets})
    if secrets:
        yield " ".join(("secret", *map(quoted, secrets)))


def _need(steps: Iterable[_Step], more: Iterable[str] = ()) -> Iterator[str]:
    steps = list(steps)
    tools = {tool for step in steps for tool in step.spelled.tools}.union(more)
    if tools:
        yield " ".join(("need", *sorted(tools)))
    if any(isinstance(step.resource, Archive) and not step.refused for step in steps):
        yield "gnu_tar"


def _title(words: str) -> Iterator[str]:
    yield from ("", f"# ---- {words} {'-' * (90 - len(words))}")


def _why(step: _Step) -> str:
    """Return the reason of a resource as a comment."""
    why = step.resource.why
    about = why.scope if why.key == subject(step.resource) else f"{why.scope} {why.key}"
    return comment(f"{about}: {why.words}" if why.words else about)


def _commands(step: _Step, ids: Mapping[str, str], seals: Sequence[str]) -> Iterator[str]:
    """Yield what makes a resource, or says that nothing does."""
    if step.refused:
        yield comment(f"NOT DONE, {type(step.resource).__name__} {subject(step.resource)}: {step.refused}")
    before = "".join(_before(step, ids, seals))
    yield from (f"{before}{command}" for command in step.spelled.commands)


def _before(step: _Step, ids: Mapping[str, str], seals: Sequence[str]) -> Iterator[str]:
    """Yield the words that stand before a resource's commands: what to notify, what to unseal, how to call it."""
    told = [ids[name] for name in step.resource.notify if name in ids]
    if told:
        yield f"notify {','.join(told)} "
    broken = [path for path in seals if _touches(step.spelled, path)]
    if broken:
        yield f"sealed {' '.join(map(quoted, broken))} -- "
    name = subject(step.resource)
    if shown(name) != name:
        yield f"as {quoted(shown(name))} "


def _touches(one: Spelled, path: str) -> bool:
    """Whether flags of `path` are in the way of a resource."""
    if one.below and f"{path}/".startswith(f"{one.below.rstrip('/')}/"):
        return True
    return any(path in (written, written.rpartition("/")[0] or "/") for written in one.writes)


def _ids(handlers: Iterable[Handler]) -> dict[str, str]:
    """Return a plain word for each handler's name, another one for each."""
    found: dict[str, str] = {}
    for handler in handlers:
        word = re.sub(r"[^A-Za-z0-9_.@]+", "-", shown(handler.name)).strip("-") or "handler"
        taken = set(found.values())
        found.setdefault(handler.name, next(one for one in _numbered(word) if one not in taken))
    return found


def _numbered(word: str) -> Iterator[str]:
    yield word
    number = 2
    while True:
        yield f"{word}-{number}"
        number += 1


def _handlers(handlers: Sequence[Handler], ids: Mapping[str, str]) -> Iterator[str]:
    yield from _title("what has changed is taken up")
    for handler in handlers:
        words = " ".join(map(quoted, handler.command))
        yield f"handler {ids[handler.name]} {quoted(shown(handler.name))} {words}"
