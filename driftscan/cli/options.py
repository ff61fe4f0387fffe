"""Options that are spelled and mean the same in every command."""

import inspect
import logging
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from enum import Enum
from functools import cache, partial, wraps
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from driftscan.cli.saying import ShownFormatter
from driftscan.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from driftscan.inventory.hosts import Inventory
    from driftscan.inventory.target import Target
    from driftscan.store import Store


class TransportChoice(str, Enum):
    """Ways to reach a host that can be chosen on the command line; images and recordings are targets of their own."""

    SSH = "ssh"
    OPENSSH = "openssh"


_UNCUT = 1000  # columns, where output goes to a file or another program
_PAGE = (
    40,
    120,
    120,
)  # columns of a report: the fewest, those where there is no screen, the most that are read with ease
_asking = Lock()  # two hosts must not ask for a password at the same time
_HERE = ("db", "inventory", "quiet", "verbose")  # options of commands that connect to no host


@dataclass(frozen=True, slots=True)
class Shared:
    """What was said by the shared options."""

    db: Annotated[
        str | None, typer.Option("--db", envvar="DRIFTSCAN_DB", metavar="URL", help="Database; a bare path is SQLite.")
    ] = None
    inventory: Annotated[
        Path | None,
        typer.Option(
            "--inventory", "-i", envvar="DRIFTSCAN_INVENTORY", help="Inventory: driftscan's YAML, or any of Ansible's."
        ),
    ] = None
    identity: Annotated[
        str | None, typer.Option("--identity", metavar="KEYFILE", help="Private key to log in with.")
    ] = None
    accept_new_host_key: Annotated[
        bool, typer.Option("--accept-new-host-key", help="Trust a host that is not in known_hosts yet.")
    ] = False
    sudo: Annotated[bool, typer.Option("--sudo", help="Become root by sudo, without a password.")] = False
    ask_sudo_password: Annotated[
        bool, typer.Option("--ask-sudo-password", "-K", help="Become root by sudo, with a password.")
    ] = False
    ask_password: Annotated[bool, typer.Option("--ask-password", "-k", help="Ask for the login password.")] = False
    transport: Annotated[TransportChoice | None, typer.Option("--transport", help="How to speak SSH.")] = None
    legacy_algorithms: Annotated[
        bool,
        typer.Option("--legacy-algorithms", help="Allow SHA-1 key exchange, ssh-rsa and CBC, for very old servers."),
    ] = False
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            metavar="SECONDS",
            min=1,
            help="Give up connecting, and each small probe, after so long; walking the files may take longer.",
        ),
    ] = None
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no notes.")] = False
    verbose: Annotated[
        int,
        typer.Option(
            "--verbose", "-v", count=True, show_default=False, help="Say more; twice: the transport's own log."
        ),
    ] = 0

    def prepare(self) -> None:
        """Set up the log, which goes to stderr."""
        level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(self.verbose, 2)]
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(ShownFormatter("driftscan: %(message)s"))
        logging.basicConfig(level=logging.ERROR if self.quiet else level, handlers=[handler])
        if self.verbose < 2:
            logging.getLogger("paramiko").setLevel(logging.CRITICAL)

    def load_inventory(self) -> "Inventory | None":
        """Return the inventory, None where none was named."""
        if self.inventory is None:
            return None
        from driftscan.inventory.load import load_inventory

        return load_inventory(self.inventory)

    def targets(self, names: list[str]) -> "list[Target]":
        """Return the hosts that `names` mean (all of the inventory when empty), as the shared options want them."""
        from dataclasses import replace

        from driftscan.inventory.target import override, resolve_all

        inventory = self.load_inventory()
        if not names and inventory is None:
            raise UsageError("no host was named", hint="name one (user@host, localhost) or an inventory (-i FILE)")
        found = resolve_all(names or ["all"], inventory)
        return [
            replace(
                target,
                host=override(
                    target.host,
                    identity=self.identity,
                    accept_new_host_key=self.accept_new_host_key or None,
                    sudo="passwordless" if self.sudo else None,
                    ask_sudo_password=self.ask_sudo_password,
                    ask_password=self.ask_password,
                    transport=self.transport.value if self.transport else None,
                    legacy_algorithms=self.legacy_algorithms or None,
                    timeout=self.timeout,
                ),
            )
            for target in found
        ]

    def one_target(self, name: str) -> "Target":
        """Return the one host that `name` means."""
        found = self.targets([name])
        if len(found) != 1:
            raise UsageError(f"{name} is {len(found)} hosts", hint="name one of them")
        return found[0]

    def store(self) -> "Store":
        """Open the database, which must be there."""
        from driftscan.store import Store

        return Store.open(self.db, create=False)

    def new_store(self) -> "Store":
        """Open the database, and make it where there is none."""
        from driftscan.store import Store

        return Store.open(self.db, create=True)


def shared(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the shared options: its first parameter, `shared`, then holds what was said by them."""
    return _give(function, [field.name for field in fields(Shared)])


def offline(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command that connects to no host those of the shared options that mean something to it."""
    return _give(function, _HERE)


@cache
def _hints() -> dict[str, Any]:
    return get_type_hints(Shared, include_extras=True)


def _give(function: Callable[..., Any], names: Sequence[str]) -> Callable[..., Any]:
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    hints = _hints()
    more = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in fields(Shared)
        if field.name in names
    ]

    @wraps(function)
    def command(*args: Any, **given: Any) -> Any:
        said = Shared(**{name: given.pop(name) for name in names})
        said.prepare()
        try:
            return function(said, *args, **given)
        except BrokenPipeError:
            # The reader has seen enough (`driftscan show … | head`); what is still to be flushed has nowhere to go.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return ExitCode.OK
        except KeyboardInterrupt:
            raise typer.Abort from None  # versions of typer differ in what they make of it

    command.__signature__ = inspect.Signature([p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own] + more)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in [*own, *more]}
    return command


Format = Annotated[str, typer.Option("--format", "-f", help="table, json or csv.")]


def screen() -> int:
    """Return the width of the screen in columns; where there is none, lines are not cut to one."""
    return shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() or "COLUMNS" in os.environ else _UNCUT


def page() -> int:
    """Return the width of a report in columns: the screen's within bounds, 120 where there is none."""
    fewest, usual, most = _PAGE
    width = screen()
    return usual if width == _UNCUT else min(max(width, fewest), most)


def print_rows(format_name: str, headers: "list[str]", rows: Any) -> None:
    """Print rows in the format that was asked for."""
    from driftscan.report.base import choose, row_formats

    printed = False
    for line in choose(row_formats(), format_name)(headers, rows, screen()):
        typer.echo(line)
        printed = True
    if not printed:
        typer.echo("driftscan: nothing to show", err=True)


def ask(question: str) -> str:
    """Ask a person for a secret, one question at a time; raises UsageError where nobody can be asked."""
    import atexit
    import termios
    from getpass import getpass

    if not sys.stdin.isatty():
        raise UsageError(
            f"{question} is needed, and there is no terminal to ask on",
            hint="name a file or an environment variable for it in the inventory",
        )
    with _asking:
        terminal = sys.stdin.fileno()
        restored = partial(termios.tcsetattr, terminal, termios.TCSADRAIN, termios.tcgetattr(terminal))
        atexit.register(restored)  # for a run that ends while this thread still waits for an answer
        try:
            return getpass(f"{question.rstrip(': ')}: ")
        finally:
            atexit.unregister(restored)
