"""`driftscan baseline`: make, read, explain and edit the file that says what the hosts of a role should be."""

import re
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from driftscan.cli import baselines as files
from driftscan.cli.baselines import Baselines, Role
from driftscan.cli.options import Shared, offline, page
from driftscan.cli.saying import complain
from driftscan.errors import ExitCode, UsageError
from driftscan.model.text import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftscan.baseline.edit import Document
    from driftscan.drift.propose import Versions
    from driftscan.inventory.target import Target

Hosts = Annotated[
    list[str],
    typer.Argument(metavar="HOST...", help="Hosts of one role, each with a revision if not the newest: web1@~1."),
]
Words = Annotated[
    list[str],
    typer.Argument(metavar="[HOST] PATH|SCOPE KEY", help="A path, or a scope and the key of one of its items."),
]
VersionChoice = Annotated[
    str, typer.Option("--versions", metavar="HOW", help="Of packages: any, at-least (as found or newer) or exact.")
]
File = Annotated[
    Path | None, typer.Option("--baseline", metavar="FILE", help="The file; else that of the role.", show_default=False)
]

_VERSIONS = ("any", "at-least", "exact")
_DAYS = re.compile(r"([0-9]{1,4})([dw])")


@offline
def init(
    shared: Shared,
    targets: Hosts,
    role: Role = None,
    extends: Annotated[
        list[str] | None,
        typer.Option(
            "--extends", metavar="NAME", help="Leave out what this baseline says; can be given several times."
        ),
    ] = None,
    versions: VersionChoice = "any",
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to write it (- prints it); else the role's file."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it is there.")] = False,
    baselines: Baselines = None,
) -> int:
    """Propose a baseline from stored snapshots. For example: driftscan baseline init web1 web2 web3."""
    from driftscan.cli.proposing import layers, lowest, on_top, see, show
    from driftscan.drift.propose import propose
    from driftscan.drift.spell import spelled

    how, directory = _versions(versions), files.directory(shared, baselines)
    chosen = shared.targets(targets)
    with shared.store() as store:
        named = files.one_role(role, [target.host for target in chosen], store)
        path = Path(output) if output else directory / f"{named}.yaml"
        if output != "-" and path.exists() and not force:
            raise UsageError(f"{path} is there already", hint="overwrite it with --force, or see `baseline update`")
        known = layers(path.parent if output and output != "-" else directory, extends or [])
        seen = [see(store, target, known) for target in chosen]
        hosts = [show(store, one, known) for one in seen]
        proposal = propose(hosts, how, lowest(seen))
        if extends:
            proposal = on_top(proposal, known, seen, _today())
        text = spelled(proposal, named, extends or [], hosts, f"{named}.yaml" if output == "-" else str(path))
    if output == "-":
        typer.echo(text, nl=False)
    else:
        _write(path, text)
        count = len(proposal.declared) + len(proposal.trees)
        typer.echo(f"{path}: {count} declared, {sum(map(len, proposal.remarks.values()))} remarks; now read it")
    for line in proposal.blind:
        complain(f"driftscan: not declared, for it was not seen whole: {shown(line)}")
    return ExitCode.INCOMPLETE if proposal.blind else ExitCode.OK


@offline
def lint(
    shared: Shared,
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE", help="Every baseline if none is named.", show_default=False)
    ] = None,
    baselines: Baselines = None,
) -> int:
    """Say what is wrong with baselines: file, line, what, and what to do. Nothing is printed where nothing is."""
    from driftscan.baseline.lint import lint as complaints

    directory = files.directory(shared, baselines)
    wanted = paths or sorted(path for path in directory.glob("*") if path.suffix in {".yaml", ".yml"})
    if not wanted:
        raise UsageError(f"there is no baseline in {directory}", hint="name a file, or make one: baseline init HOST")
    found = [complaint for path in wanted for complaint in complaints(path)]
    for line in dict.fromkeys(str(complaint) for complaint in found):
        typer.echo(line)
    return ExitCode.USAGE if any(one.severity == "error" for one in found) else ExitCode.OK


@offline
def explain(
    shared: Shared,
    words: Words,
    role: Role = None,
    baseline: File = None,
    format_name: Annotated[str, typer.Option("--format", "-f", help="text or json.")] = "text",
    baselines: Baselines = None,
) -> int:
    """Say which line, or which missing one, decides on a thing. For example: driftscan baseline explain web1 /etc/motd.

    For an item: driftscan baseline explain --role webserver packages nginx
    """
    from driftscan.cli.deciding import decided
    from driftscan.report.baseline import as_json, as_text

    if format_name not in {"text", "json"}:
        raise UsageError(f"there is no format {format_name!r} here", hint="use text or json")
    host, scope, key = _thing(words)
    path = baseline or _file(shared, [host] if host else [], role, baselines)
    told = decided(shared, path, shared.one_target(host) if host else None, scope, key, _today())
    for line in (as_json if format_name == "json" else as_text)(told, page()):
        typer.echo(line)
    return ExitCode.OK


@offline
def update(
    shared: Shared,
    target: Annotated[str, typer.Argument(metavar="HOST", help="Host, with a revision if not the newest.")],
    keys: Annotated[
        list[str] | None, typer.Argument(metavar="KEY", help="Take in the drift of these keys.", show_default=False)
    ] = None,
    scope: Annotated[list[str] | None, typer.Option("--scope", metavar="SCOPE", help="All drift of a scope.")] = None,
    below: Annotated[
        list[str] | None, typer.Option("--path", metavar="PATH", help="All drift at or below a path.")
    ] = None,
    accept_all: Annotated[bool, typer.Option("--accept-all", help="All drift.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Change the file; else it is only shown how.")] = False,
    versions: VersionChoice = "any",
    role: Role = None,
    baseline: File = None,
    baselines: Baselines = None,
) -> int:
    """Take reviewed drift of a host into its baseline. For example: driftscan baseline update web1 /etc/motd --write.

    Without --write the change of the file is printed, as a diff. What could not be seen is never taken in.
    """
    from driftscan.cli.taking import difference, taken
    from driftscan.drift.take import Wanted

    named = Wanted(accept_all, frozenset(keys or ()), frozenset(scope or ()), tuple(below or ()))
    if write and named == Wanted():
        raise UsageError("nothing was said to be taken in", hint="name keys, --scope, --path or --accept-all")
    path = baseline or _file(shared, [target], role, baselines)
    wanted = Wanted(everything=True) if named == Wanted() else named
    document, before, check = taken(shared, path, shared.one_target(target), wanted, _versions(versions), _today())
    if write:
        _save(document, path)
    for line in difference(before, document.text(), path):
        typer.echo(line)
    for drift in check.unknown:
        complain(f"driftscan: not seen, so not taken in: {shown(drift.scope)} {shown(drift.key)}".rstrip())
    if before == document.text():
        typer.echo("driftscan: there is nothing to take in", err=True)
    elif not write:
        typer.echo(f"driftscan: nothing was written; --write changes {path}", err=True)
    return ExitCode.INCOMPLETE if check.unknown else ExitCode.OK


@offline
def accept(
    shared: Shared,
    words: Words,
    why: Annotated[str, typer.Option("--why", help="Why it may be so for now.")],
    until: Annotated[
        str, typer.Option("--until", metavar="DAY", help="The last day: 2026-12-31, or 30d, 8w from now.")
    ],
    who: Annotated[str | None, typer.Option("--who", help="Who answers for it; else your login.")] = None,
    kind: Annotated[
        str | None, typer.Option("--kind", help="Only if it is missing, unexpected or changed.", show_default=False)
    ] = None,
    role: Role = None,
    baseline: File = None,
    baselines: Baselines = None,
) -> int:
    """Accept a drift for a time. For example: driftscan baseline accept web1 /etc/motd --why "new text" --until 30d.

    The key, or the path, may be a pattern of the shell: '/srv/shop/*'. It is added to the file of acceptances beside
    the baseline where there is one (web.accept.yaml), else to the baseline itself.
    """
    from getpass import getuser

    from driftscan.baseline.edit import Document
    from driftscan.baseline.layer import beside
    from driftscan.model.drift import Acceptance, Kind

    kinds = {one.value: one for one in Kind if one is not Kind.UNKNOWN}
    if kind is not None and kind not in kinds:
        raise UsageError(f"there is no kind {kind!r}", hint=f"use {', '.join(kinds)}")
    host, scope, key = _thing(words)
    path = baseline or _file(shared, [host] if host else [], role, baselines)
    end, path = _day(until), beside(path) or path
    document = Document.read(path)
    document.accept(Acceptance(scope, key, why, who or getuser(), end, "", kinds.get(kind or "")))
    _save(document, path)
    typer.echo(f"{path}: {scope} {key} is accepted until {end}")
    return ExitCode.OK


def schema() -> None:
    """Print the JSON Schema of a baseline, for editors and reviewers."""
    import json

    from driftscan.baseline.schema import schema as made

    typer.echo(json.dumps(made(), indent=2, ensure_ascii=False))


def _today() -> date:
    return date.today()  # noqa: DTZ011 - the day that the person at the keyboard means


def _day(spelled: str) -> date:
    """Return the day that `2026-12-31`, `30d` or `8w` means; UsageError if it is none, or over."""
    try:
        match = _DAYS.fullmatch(spelled)
        days = {"d": 1, "w": 7}
        end = _today() + timedelta(int(match[1]) * days[match[2]]) if match else date.fromisoformat(spelled)
    except ValueError:
        raise UsageError(f"{spelled!r} is no day", hint="expected one such as 2026-12-31, or 30d") from None
    if end < _today():
        raise UsageError(f"{end} is over")
    return end


def _versions(spelled: str) -> "Versions":
    if spelled not in _VERSIONS:
        raise UsageError(f"--versions is {spelled!r}", hint=f"use {', '.join(_VERSIONS)}")
    return cast("Versions", spelled)


def _thing(words: "Sequence[str]") -> tuple[str, str, str]:
    """Return host ("" where none is named), scope and key of `[HOST] PATH` or `[HOST] SCOPE KEY`."""
    from driftscan.scopes.base import scopes

    split = words[0].split(" ", 1) + list(words[1:]) if " " in words[0] else list(words)
    known = {*scopes(), "trees"}
    host = "" if split[0] in known or split[0].startswith("/") else split.pop(0)
    if split and " " in split[0] and split[0].split(" ", 1)[0] in known:
        split = [*split[0].split(" ", 1), *split[1:]]
    if len(split) == 1 and split[0].startswith("/"):
        return host, "files", split[0].rstrip("/") or "/"
    if len(split) > 1 and split[0] in known:
        return host, split[0], " ".join(split[1:])
    raise UsageError(f"{' '.join(words)!r} is no thing", hint="name a path, or a scope and a key (packages nginx)")


def _file(shared: Shared, hosts: "Sequence[str]", role: str | None, baselines: Path | None) -> Path:
    """Return the baseline of the role that is meant."""
    directory = files.directory(shared, baselines)
    if role:
        return files.needed(directory, role)
    if not hosts:
        raise UsageError("no baseline was named", hint="name a host, --role or --baseline")
    chosen: list[Target] = [shared.one_target(host) for host in hosts]
    roles = {target.host.role for target in chosen}
    if "" not in roles:
        return files.needed(directory, files.one_role(None, [target.host for target in chosen]))
    with shared.store() as store:
        return files.needed(directory, files.one_role(None, [target.host for target in chosen], store))


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None


def _save(document: "Document", path: Path) -> None:
    try:
        document.save(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    for command in (init, lint, explain, update, accept, schema):
        group.command()(command)
    app.add_typer(group, name="baseline", help="Baselines: init, lint, explain, update, accept, schema.")
