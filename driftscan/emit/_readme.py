"""The README of an emitted role: its runbook, for the person who applies it; the same for every tool."""

import re
from collections.abc import Iterable, Iterator, Sequence

from driftscan.emit.base import Refused
from driftscan.model.amount import amount, count
from driftscan.model.markdown import bullets, code, codes, fenced, line, paragraph, prose
from driftscan.role.model import Data, LeftOut, Program, Role, Secret, Stranger
from driftscan.role.resources import LanguagePackages, Refresh, Resource, Stage, Xattr

_NAMES = 6  # of what is made; the tasks name all
_LEFT = 12  # things that were left out for one reason
_REASONS = 60
_PATHS = 6  # where one secret stands
STAGES = {
    Stage.ACCOUNTS: "accounts",
    Stage.REPOSITORIES: "where packages come from",
    Stage.PACKAGES: "packages",
    Stage.MEMBERS: "members of groups",
    Stage.OVERRIDES: "paths that dpkg has otherwise",
    Stage.FILES: "files",
    Stage.LANGUAGES: "packages of languages",
    Stage.ALTERNATIVES: "alternatives",
    Stage.RIGHTS: "rights on what packages bring",
    Stage.SERVICES: "services",
    Stage.SEALS: "seals, when all is written",
}
_WORDS = {  # where a kind's own name is no English
    "PackageFile": "package from a file",
    "Membership": "membership",
    "StatOverride": "stat override",
    "Lines": "file with added line",
    "HardLink": "hard link",
    "Special": "special file",
    "LanguagePackages": "set of packages",
    "Rights": "path with its own right",
    "Acl": "access control list",
    "Capabilities": "file with capabilities",
    "Xattr": "extended attribute",
    "Absent": "path that is taken away",
    "Flags": "path with flags",
    "Refresh": "refresh of the lists",
    "Directory": "directory",
}
_PLURALS = {
    "Capabilities": "files with capabilities",
    "Absent": "paths that are taken away",
    "Lines": "files with added lines",
    "Rights": "paths with their own rights",
    "Flags": "paths with flags",
    "LanguagePackages": "sets of packages",
    "PackageFile": "packages from files",
    "Directory": "directories",
    "Refresh": "refreshes of the lists",
}
_PLAIN = re.compile(r"(?:(?!www\.|://)[A-Za-z0-9 .,;:()'/_%+-]){0,300}", re.IGNORECASE)


def subject(resource: Resource) -> str:
    """Return what a resource is about, for people: a path, or a name."""
    if isinstance(resource, Xattr):
        return f"{resource.path} {resource.name}"
    if isinstance(resource, LanguagePackages):
        return f"{resource.ecosystem} {resource.environment}".rstrip()
    if isinstance(resource, Refresh):
        return resource.manager
    for name in ("path", "name", "user"):
        value = getattr(resource, name, None)
        if isinstance(value, str):
            return value
    return resource.why.key


def kind(resource: Resource) -> str:
    """Return what kind of thing a resource is, in words of English: `hard link`."""
    name = type(resource).__name__
    return _WORDS.get(name, name.lower())


def readme(role: Role, refused: Sequence[Refused], how: Sequence[str], supply: str) -> bytes:
    """Return the runbook of a role in Markdown.

    `how` are the lines that apply it (commands, a playbook), shown as they are; `supply` says in one sentence how the
    tool takes secrets; `refused` is what it cannot express. Values of the host stand in code spans.
    """
    chapters: list[tuple[str, list[str]]] = [
        ("How to apply it", _apply(role, how)),
        ("Secrets to supply", _secrets(role.secrets, supply)),
        ("Data to move", bullets(map(_data, role.data))),
        ("Programs without a source", _programs(role.programs)),
        ("Processes that nobody explains", _strangers(role.processes)),
        ("What this tool cannot express", _refused(refused)),
        ("What is left out", _left_out(role.left_out)),
        ("What it makes, in order", bullets(_made(role.resources))),
        ("Notes", bullets(map(_told, role.notes))),
    ]
    lines = [line(f"# The role {code(role.name)}" if role.name else f"# The role of {code(role.host)}"), ""]
    lines += _made_from(role)
    for title, told in chapters:
        if told:
            lines += ["", f"## {title}", "", *told]
    return ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace")


def _told(words: str) -> str:
    """Return words that may hold values of the host: plain English as it is, everything else as a code span."""
    return prose(words) if _PLAIN.fullmatch(words) else code(words)


def _made_from(role: Role) -> list[str]:
    """Tell where the role comes from, and that it is empty if it is."""
    named = role.release.get("name") or " ".join(filter(None, map(role.release.get, ("id", "version"))))
    machine = role.release.get("architecture", "")
    system = code(named) if named else "its release"
    machine = f" on {code(machine)}" if machine else ""
    told = paragraph(
        f"Written by driftscan from the snapshot of {code(role.host)} of {role.taken:%Y-%m-%d %H:%M} UTC. It makes of "
        f"a stock install of {system}{machine} (packages by {code(role.manager)}) that "
        "host again: what nobody changed is not in it, nor what makes a host that one host (keys, names, addresses). "
        "Values of the host stand in code spans."
    )
    if role.empty:
        told += ["", *paragraph("**Nothing is to be done**: the host is a stock install.")]
    return told


def _apply(role: Role, how: Sequence[str]) -> list[str]:
    return fenced(how) if how and not role.empty else []


def _secrets(secrets: Sequence[Secret], supply: str) -> list[str]:
    if not secrets:
        return []
    return [*paragraph(supply), "", *bullets(map(_secret, secrets))]


def _secret(secret: Secret) -> str:
    whole = ", all of it" if secret.whole else ""
    where = f" ({codes(secret.paths, _PATHS)}{whole})" if secret.paths else ""
    return f"{code(secret.variable)}: {_told(secret.what)}{where}"


def _data(data: Data) -> str:
    told = [_told(data.engine) if data.engine else "", "" if data.size is None else amount(data.size), _told(data.why)]
    return f"{code(data.path)}: {', '.join(filter(None, told))}"


def _programs(programs: Sequence[Program]) -> list[str]:
    """Tell programs that came from nowhere that is known: nobody can update them, or vouch for them."""
    return bullets(
        f"{code(one.path)}: {_told(one.why)}; {'copied as it is' if one.copied else '**it could not be had**'}"
        for one in programs
    )


def _strangers(processes: Sequence[Stranger]) -> list[str]:
    if not processes:
        return []
    return [
        *paragraph("They ran when the host was seen, and nothing here starts them again."),
        "",
        *bullets(f"{code(one.command)} as {code(one.user)}: {_told(one.why)}" for one in processes),
    ]


def _refused(refused: Sequence[Refused]) -> list[str]:
    """Name all that the tool cannot say, by reason: it is to be done by hand."""
    told = [(one.reason, f"{kind(one.resource)} {code(subject(one.resource))}") for one in refused]
    if not told:
        return []
    return [*paragraph("It is to be done by hand."), "", *bullets(_by_reason(told, len(told)))]


def _left_out(left: Sequence[LeftOut]) -> list[str]:
    """Tell what was left out: first what driftscan cannot do."""
    limits = [(one.reason, f"{code(one.scope)} {code(one.key)}") for one in left if one.limit]
    rest = [(one.reason, f"{code(one.scope)} {code(one.key)}") for one in left if not one.limit]
    parts = [("What driftscan cannot make again:", limits), ("On purpose:", rest)]
    lines: list[str] = []
    for title, told in parts:
        if told:
            lines += [""] * bool(lines) + [title, "", *bullets(_by_reason(told, _LEFT), _REASONS)]
    return lines


def _by_reason(told: Iterable[tuple[str, str]], most: int) -> Iterator[str]:
    """Yield each reason with what it holds for, in the order given; things over `most` are counted."""
    reasons: dict[str, list[str]] = {}
    for reason, thing in told:
        reasons.setdefault(reason, []).append(thing)
    for reason, things in reasons.items():
        more = f" and {len(things) - most:,} more" if len(things) > most else ""
        yield f"{_told(reason)}: {', '.join(things[:most])}{more}"


def _made(resources: Sequence[Resource]) -> Iterator[str]:
    """Yield a point for each stage: how many things of which kind, and a few names."""
    stages: dict[Stage, dict[str, list[Resource]]] = {}
    for resource in resources:
        stages.setdefault(resource.when, {}).setdefault(type(resource).__name__, []).append(resource)
    for stage, found in sorted(stages.items()):
        told = [f"{_counted(name, many)}: {codes(_names(many), _NAMES)}" for name, many in found.items()]
        yield f"**{prose(STAGES[stage])}**: {'; '.join(told)}"


def _names(resources: Iterable[Resource]) -> list[str]:
    return list(dict.fromkeys(map(subject, resources)))


def _counted(name: str, many: Sequence[Resource]) -> str:
    if len(many) == 1 or name not in _PLURALS:
        return count(len(many), kind(many[0]))
    return f"{len(many):,} {_PLURALS[name]}"
