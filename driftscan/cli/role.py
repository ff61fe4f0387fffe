"""`driftscan role`: the role that rebuilds a host."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated

import typer

from driftscan.cli.building import Declared, Name, Offline, Steer
from driftscan.cli.explain import Host
from driftscan.cli.options import Shared, page, shared
from driftscan.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from driftscan.cli.building import Built
    from driftscan.emit.base import Emitted
    from driftscan.role.model import Role

_SHOWN = 12  # names that are told of one list
_FEW = 3  # and of one of many
# What the kinds of resources are called: one, many.
_KINDS = {
    "Absent": "deletion",
    "Acl": "access control list",
    "Capabilities": "capability/capabilities",
    "Directory": "directory/directories",
    "Flags": "flag",
    "HardLink": "hard link",
    "LanguagePackages": "set/sets of language packages",
    "Lines": "file to add lines to/files to add lines to",
    "PackageFile": "package without a repository/packages without a repository",
    "Refresh": "refresh of the package lists/refreshes of the package lists",
    "Rights": "change of rights/changes of rights",
    "Special": "fifo or device/fifos and devices",
    "StatOverride": "stat override",
    "Xattr": "extended attribute",
    "Membership": "membership",
}


@shared
def build(
    shared: Shared,
    target: Host,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Where it is written.")],
    to: Annotated[str, typer.Option("--to", metavar="TOOL", help="ansible, shell or dockerfile.")],
    baseline: Declared = None,
    steer: Steer = None,
    name: Name = "",
    offline: Offline = False,
    force: Annotated[
        bool, typer.Option("--force", help="Write into a directory with files that are edited, or not driftscan's.")
    ] = False,
) -> int:
    """Write the role that makes a blank host of the same release what a stored snapshot shows.

    The host is asked for the content of the files that the role needs, and for nothing else. For example: driftscan
    role build web1 --to ansible -o roles/web1.
    """
    from driftscan.cli.building import build as build_role
    from driftscan.cli.writing import check, write
    from driftscan.emit.base import emitters

    if to not in emitters():
        raise UsageError(f"there is no emitter {to!r}", hint=f"use one of {', '.join(emitters())}")
    check(output, force=force)
    with shared.store() as store:
        built = build_role(shared, store, target, steer=steer, baseline=baseline, name=name, offline=offline)
        emitted = emitters()[to].emit(built.role)
    write(output, emitted.files, force=force)
    for line in summary(built, emitted, to, output):
        typer.echo(line)
    return ExitCode.OK if built.complete else ExitCode.INCOMPLETE


def summary(built: "Built", emitted: "Emitted", tool: str, output: Path) -> Iterator[str]:
    """Yield what a person wants to know of a role that was written to `output` for `tool`."""
    from driftscan.model.text import shown

    role = built.role
    release = role.release.get("name") or " ".join(role.release.get(key, "") for key in ("id", "version"))
    host, release = shown(role.host), shown(release.strip() or "system")
    yield f"Role of {host}, from its snapshot {built.stored.id} of {built.stored.taken:%Y-%m-%d %H:%M}"
    if role.empty:
        yield from _told(f"The role is empty: {host} is a stock {release}")
    else:
        yield from _told(_count(len(role.resources), "resource"), _kinds(role), most=len(_KINDS) * 2)
    secrets = [one.variable for one in role.secrets]
    yield from _told(_count(len(secrets), "secret") + " to supply", secrets, most=len(secrets))
    data = [shown(one.path) + (f" ({shown(one.engine)})" if one.engine else "") for one in role.data]
    yield from _told(_count(len(data), "place") + " with data to move", data)
    programs = [shown(one.path) for one in role.programs]
    yield from _told(_count(len(programs), "program") + " without a source", programs)
    strangers = [f"{shown(one.command)} ({shown(one.user)})" for one in role.processes]
    yield from _told(_count(len(strangers), "process/processes") + " nobody explains", strangers)
    yield from _left_out(role, output)
    yield from _refused(emitted, tool)
    yield from _lost(built, host)
    if not built.stored.complete:
        yield from _told(f"snapshot {built.stored.id} is incomplete: see `driftscan show {host}`")
    yield f"Written to {output}: {_count(len(emitted.files), 'file')}; {output / 'README.md'} says how to use it."


def _told(head: str, names: list[str] | None = None, *, most: int = _SHOWN) -> Iterator[str]:
    """Yield one list as lines of the page, nothing where it is empty; without `names` the head alone."""
    if names is not None and not names:
        return
    told = head if names is None else f"{head}: {', '.join(names[:most])}"
    if names is not None and len(names) > most:
        told += f" and {len(names) - most} more"
    yield from wrap(
        told, page(), initial_indent="  ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )


def _kinds(role: "Role") -> list[str]:
    counts = Counter(type(one).__name__ for one in role.resources)
    return [_count(count, _KINDS.get(kind, kind.lower())) for kind, count in counts.items()]  # as they are made


def _refused(emitted: "Emitted", tool: str) -> Iterator[str]:
    """Yield what the tool cannot express, by the reason."""
    from driftscan.model.text import shown

    names: dict[str, list[str]] = {}
    for one in emitted.refused:
        kind = _KINDS.get(type(one.resource).__name__, type(one.resource).__name__.lower()).partition("/")[0]
        names.setdefault(one.reason, []).append(f"{kind} {shown(one.resource.why.key)}")
    for reason, some in sorted(names.items()):
        few = len(some) if len(emitted.refused) <= _SHOWN else _FEW
        yield from _told(f"{tool} cannot express {_count(len(some), 'thing')} ({shown(reason)})", some, most=few)


def _lost(built: "Built", host: str) -> Iterator[str]:
    """Yield what was wanted and could not be had, by the reason."""
    from driftscan.model.text import shown, text

    where = "the database" if built.offline else host
    for reason in sorted(set(built.missing.values())):
        paths = [shown(text(path.split(b"\0")[0])) for path, why in sorted(built.missing.items()) if why == reason]
        yield from _told(f"not to be had from {where} ({shown(reason)})", paths)


def _left_out(role: "Role", output: Path) -> Iterator[str]:
    limits = sum(one.limit for one in role.left_out)
    if role.left_out:
        more = f", {limits} of them because driftscan cannot do it" if limits else ""
        yield from _told(f"{_count(len(role.left_out), 'thing')} left out{more}: see {output / 'README.md'}")


def _count(number: int, word: str) -> str:
    """Return a number with its word: `word` as it is for one, or one and many with a slash between them."""
    one, _, many = word.partition("/")
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    group.command()(build)
    group.callback()(_group)  # with one command only, typer would leave its name out
    app.add_typer(group, name="role", help="Roles that rebuild a host: build.")


def _group() -> None:
    pass
