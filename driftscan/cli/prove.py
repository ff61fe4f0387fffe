"""`driftscan prove`: a role applied to a blank host, and what came of it."""

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from driftscan.cli.building import Declared, Name, Offline, Steer
from driftscan.cli.options import Shared, page, shared
from driftscan.errors import ExitCode, StoreError, UsageError

if TYPE_CHECKING:
    from driftscan.model.proof import Proof

_FORMATS = ("text", "json")


class ToolChoice(str, Enum):
    """What a role can be applied with."""

    ANSIBLE = "ansible"
    SHELL = "shell"


@shared
def prove(
    shared: Shared,
    host: Annotated[str, typer.Argument(metavar="HOST", help="The host that is rebuilt, or HOST@REVISION.")],
    on: Annotated[
        str | None, typer.Option("--on", metavar="BLANK", help="A blank host of the same release; it is written on.")
    ] = None,
    sandbox: Annotated[
        Path | None,
        typer.Option("--sandbox", metavar="ROOTFS", help="A root of the same release, or a tarball; a copy is used."),
    ] = None,
    tool: Annotated[
        ToolChoice | None,
        typer.Option("--with", help="What applies the role: ansible, or in a sandbox shell.", show_default=False),
    ] = None,
    secrets: Annotated[
        Path | None,
        typer.Option("--secrets", metavar="FILE", help="Values of secrets, YAML or JSON; others are made up."),
    ] = None,
    secrets_from_host: Annotated[
        bool, typer.Option("--secrets-from-host", help="Take the values of secrets from HOST; they stay in memory.")
    ] = False,
    no_reboot: Annotated[
        bool, typer.Option("--no-reboot", help="Do not start BLANK anew before it is scanned.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Go on though BLANK is of another release, or not blank.")
    ] = False,
    show: Annotated[
        bool, typer.Option("--show", help="Show the newest proof of HOST that is kept; connect to no host.")
    ] = False,
    steer: Steer = None,
    baseline: Declared = None,
    name: Name = "",
    offline: Offline = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Also write the applied role there.")
    ] = None,
    format_name: Annotated[str, typer.Option("--format", "-f", help="text or json.")] = "text",
    everything: Annotated[bool, typer.Option("--all", help="Name each thing that is not there again.")] = False,
) -> int:
    """Rebuild a host on a blank one from its role, and say how much of it is there again.

    The role is applied twice; the blank host is started anew, scanned and compared. The proof is kept. Exit code 0 says
    that it holds, 4 that it does not. For example: driftscan prove web1 --on 10.0.0.9; driftscan prove web1 --show.
    """
    from driftscan.cli.proving import Asked, proven

    if format_name not in _FORMATS:
        raise UsageError(f"there is no format {format_name!r} here", hint=f"use {' or '.join(_FORMATS)}")
    if show:
        proof = _stored(shared, host)
    else:
        proof = proven(
            Asked(
                shared=shared,
                host=host,
                on=on,
                sandbox=sandbox,
                tool=tool.value if tool else "shell" if sandbox else "ansible",
                secrets=secrets,
                secrets_from_host=secrets_from_host,
                restart=not no_reboot,
                force=force,
                steer=steer,
                baseline=baseline,
                name=name,
                offline=offline,
                output=output,
            )
        )
    _say(proof, format_name, everything=everything)
    return _code(proof)


def _stored(shared: Shared, host: str) -> "Proof":
    name = shared.one_target(host).host.name
    with shared.store() as store:
        kept = store.proofs(name, 1)
    if not kept:
        raise StoreError(f"no proof of {name} is kept", hint="make one: driftscan prove HOST --on BLANK")
    return kept[0]


def _say(proof: "Proof", format_name: str, *, everything: bool) -> None:
    if format_name == "json":
        import json

        from driftscan.model.proof_json import to_json

        typer.echo(json.dumps(to_json(proof), indent=2))
        return
    from driftscan.report.proof import told

    for line in told(proof, page(), everything=everything):
        typer.echo(line)


def _code(proof: "Proof") -> ExitCode:
    """Return 1 where the role could not be applied, 3 where a host was not seen whole, 4 where the proof fails."""
    if proof.error:
        return ExitCode.ERROR
    if not proof.seen:
        return ExitCode.INCOMPLETE
    return ExitCode.OK if proof.holds else ExitCode.FINDINGS


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(prove)
