"""Where the baselines are: one answer for every command that needs one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from driftscan.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftscan.cli.options import Shared
    from driftscan.model.host import Host
    from driftscan.store import Store

Baselines = Annotated[
    Path | None,
    typer.Option(
        "--baselines",
        envvar="DRIFTSCAN_BASELINES",
        metavar="DIR",
        help="Where the baselines are; else baselines/ beside the inventory, or here.",
        show_default=False,
    ),
]
Role = Annotated[
    str | None, typer.Option("--role", metavar="ROLE", help="The role; else the hosts' own, by the inventory.")
]


def directory(shared: "Shared", given: Path | None) -> Path:
    """Return the directory of the baselines, which need not exist: `given`, else `baselines` beside the inventory."""
    if given is not None:
        return given
    return (shared.inventory.absolute().parent if shared.inventory else Path()) / "baselines"


def find(directory: Path, role: str) -> Path | None:
    """Return the baseline of `role`; None where it has none, and for a host without a role."""
    from driftscan.baseline.load import find as find_file

    return find_file(directory, role) if role else None


def role_of(host: "Host", store: "Store | None" = None) -> str:
    """Return the role of a host: the inventory's, else that under which it was last stored, "" if it has none."""
    if host.role or store is None:
        return host.role
    return next((stored.role for stored in store.hosts() if stored.name == host.name), "")


def one_role(given: str | None, hosts: "Iterable[Host]", store: "Store | None" = None) -> str:
    """Return the role that is meant: `given`, else the one that all `hosts` have; UsageError where there is none."""
    if given:
        return given
    roles = sorted({role_of(host, store) for host in hosts})
    if len(roles) != 1:
        raise UsageError(f"the hosts are of several roles ({', '.join(r or 'none' for r in roles)})", hint="use --role")
    if not roles[0]:
        raise UsageError("the host has no role", hint="name one with --role, or give it one in the inventory")
    return roles[0]


def needed(directory: Path, role: str) -> Path:
    """Return the baseline of `role`; UsageError where it has none."""
    found = find(directory, role)
    if found is None:
        raise UsageError(
            f"role {role} has no baseline in {directory}", hint=f"make one: driftscan baseline init HOST --role {role}"
        )
    return found
