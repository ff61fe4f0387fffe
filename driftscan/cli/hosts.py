"""`driftscan hosts`: the hosts of the inventory, and whether each can be reached and read."""

from typing import TYPE_CHECKING, Any

import typer

from driftscan.cli.options import Format, Shared, ask, offline, print_rows, shared
from driftscan.cli.scan import Jobs, Targets
from driftscan.errors import DriftscanError, ExitCode

if TYPE_CHECKING:
    from driftscan.model.host import Host

_FACES = ["host", "transport", "user", "root", "kernel", "probes", "missing", "answer"]


@offline
def list_(shared: Shared, targets: Targets = None, format_name: Format = "table") -> int:
    """List hosts as the inventory and the command line describe them."""
    headers = ["host", "role", "groups", "transport", "address", "port", "user", "sudo"]
    hosts = [target.host for target in shared.targets(targets or [])]
    rows = [
        (h.name, h.role, list(h.groups), h.transport, h.address or h.path, h.port or None, h.user, h.sudo)
        for h in hosts
    ]
    print_rows(format_name, headers, rows)
    return 0


@shared
def ping(shared: Shared, targets: Targets = None, jobs: Jobs = 8, format_name: Format = "table") -> int:
    """Say whether each host can be reached, and with what rights. And for how many probes it has the tools."""
    from concurrent.futures import ThreadPoolExecutor

    hosts = [target.host for target in shared.targets(targets or [])]
    with ThreadPoolExecutor(jobs) as pool:
        rows = list(pool.map(_ping, hosts))
    print_rows(format_name, _FACES, rows)
    return ExitCode.OK if all(row[-1] == "ok" for row in rows) else ExitCode.INCOMPLETE


def _ping(host: "Host") -> tuple[Any, ...]:
    from driftscan.collect.ping import ping
    from driftscan.collect.runner import Link
    from driftscan.transport.connect import connect, privilege

    try:
        rights = privilege(host, ask)
        transport = connect(host, ask)
        try:
            answer = ping(Link(transport, rights))
        finally:
            transport.close()
    except DriftscanError as error:
        return (host.name, host.transport, None, None, None, None, None, str(error))
    probes = f"{answer.working} of {answer.probes}"
    return (host.name, host.transport, answer.user, answer.root, answer.kernel, probes, list(answer.missing), "ok")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    group.command("list")(list_)
    group.command()(ping)
    app.add_typer(group, name="hosts", help="The hosts: list, ping.")
