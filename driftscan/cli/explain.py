"""`driftscan explain`, `findings`, `finds`: what a stored snapshot says of a host, all of it or about one path."""

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from driftscan.cli.options import Format, Shared, offline, page, print_rows
from driftscan.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftscan.explain.view import View
    from driftscan.model.item import Json
    from driftscan.store import StoredSnapshot

Host = Annotated[str, typer.Argument(metavar="HOST", help="Host, with a revision if not the newest: web1, web1@~1.")]


@contextmanager
def opened(shared: Shared, target: str) -> "Iterator[tuple[View, StoredSnapshot]]":
    """Give the view of the snapshot that `target` means, for as long as the database is open."""
    from driftscan.cli.judging import view
    from driftscan.model.revision import Revision

    chosen = shared.one_target(target)
    with shared.store() as store:
        stored = store.snapshot_at(chosen.host.name, chosen.revision or Revision("latest"))
        yield view(store, store.load(stored)), stored


@offline
def explain(
    shared: Shared,
    target: Host,
    path: Annotated[str | None, typer.Argument(metavar="PATH", help="Say why this path is there.")] = None,
    format_name: Annotated[str, typer.Option("--format", "-f", help="text or json.")] = "text",
) -> int:
    """Explain a stored snapshot anew, or say why a path is there. For example: driftscan explain web1 /etc/motd."""
    from driftscan.findings.base import judge
    from driftscan.report.base import Audit, audit_formats, choose, path_formats

    with opened(shared, target) as (seen, stored):
        if path is None:
            render = choose(audit_formats(), format_name)
            for line in render(Audit(seen.snapshot, judge(seen), stored.id), page()):
                typer.echo(line)
            return _code(seen)
        if not seen.seen("files"):
            raise UsageError("the files of this snapshot were not seen", hint="scan the host with the scope files")
        told = choose(path_formats(), format_name)
        for line in told(_answer(seen, path), page()):
            typer.echo(line)
        return _code(seen)


def _code(seen: "View") -> ExitCode:
    """Return how the command ends: what was not seen might have said more, of one path and of the whole host."""
    return ExitCode.OK if seen.snapshot.complete else ExitCode.INCOMPLETE


def _answer(seen: "View", path: str) -> "dict[str, Json]":
    """Return what is known of one path: whether it is there, why, and the findings that name it."""
    from driftscan.findings.base import judge
    from driftscan.model.text import raw, text

    canonical = seen.ownership.canonical(raw("/" + path.strip("/")))
    entry = seen.directories.entry(canonical)
    explanation = seen.explained.of(canonical) if seen.seen("packages") else None
    judgement = judge(seen)
    where = text(canonical)
    find = next((f for f in judgement.finds if where == f.path or where.startswith(f.path + "/")), None)
    return {
        "path": where,
        "there": entry is not None or canonical in {b"", b"/"},
        "packages_seen": seen.seen("packages"),
        "kind": explanation.kind if explanation else None,
        "by": explanation.by if explanation else None,
        "detail": explanation.detail if explanation else None,
        "find": find.path if find is not None and explanation is None else None,
        "findings": [
            f"{finding.rule}: {finding.title}"
            for finding in judgement.findings
            if where == finding.subject or where in finding.evidence.values()
        ],
    }


@offline
def findings(
    shared: Shared,
    target: Host,
    rule: Annotated[str | None, typer.Option("--rule", metavar="ID", help="Only those of this rule.")] = None,
    format_name: Annotated[str, typer.Option("--format", "-f", help="text, table, json or csv.")] = "text",
) -> int:
    """List the findings on a stored snapshot in full. For example: driftscan findings web1 --rule second-uid-0."""
    from driftscan.findings.base import judge, rules
    from driftscan.report.findings import HEADERS, listed, row

    if rule is not None and rule not in rules():
        raise UsageError(f"there is no rule {rule!r}", hint="see `driftscan rules`")
    with opened(shared, target) as (seen, _):
        found = [one for one in judge(seen).findings if rule in {None, one.rule}]
        if format_name != "text":
            print_rows(format_name, list(HEADERS), map(row, found))
        else:
            for line in listed(found, page()):
                typer.echo(line)
        return _code(seen)


@offline
def finds(shared: Shared, target: Host, format_name: Format = "table") -> int:
    """List what nothing explains on a stored snapshot. For example: driftscan finds web1 --format csv."""
    from driftscan.findings.base import judge
    from driftscan.report.finds import HEADERS, row

    with opened(shared, target) as (seen, _):
        print_rows(format_name, list(HEADERS), (row(find) for find in judge(seen).finds))
        return _code(seen)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(explain)
    app.command()(findings)
    app.command()(finds)
