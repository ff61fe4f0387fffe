"""Where a role is proven: a blank host that is reached by SSH, or a sandbox on this machine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from driftscan.collect.collector import Wish, collect
from driftscan.collect.runner import Link
from driftscan.emit.ansible import variable
from driftscan.emit.base import Emitted
from driftscan.errors import UsageError
from driftscan.model.host import Host
from driftscan.model.snapshot import Snapshot
from driftscan.prove.ansible import Ansible
from driftscan.prove.apply import Applier, Log, Watch
from driftscan.prove.reboot import reboot, settle
from driftscan.prove.sandbox import InSandbox, Sandbox
from driftscan.prove.shell import Shell
from driftscan.prove.values import Values
from driftscan.role.model import Role
from driftscan.transport.connect import connect, privilege
from driftscan.transport.secret import Prompt

TOOLS = ("ansible", "shell")


@dataclass(frozen=True, slots=True)
class Work:
    """A role, as files too, its secrets, a directory for it on this machine, and where what is said goes."""

    role: Role
    tool: str
    emitted: Emitted
    values: Values
    directory: Path
    log: Log


class Ground(Protocol):
    """A host to which a role is applied; `name` is what proofs call it."""

    name: str

    def scan(self, watch: Watch) -> Snapshot:
        """Return what is on it now."""

    def applier(self, work: Work) -> Applier:
        """Return the way in which a role is applied here."""

    def reboot(self, watch: Watch) -> bool:
        """Start it anew; False where that cannot be."""

    def settle(self) -> None:
        """Wait until what was started is up."""

    def close(self) -> None:
        """Let it go."""


class BlankHost:
    """A host that is reached by SSH."""

    def __init__(self, host: Host, wish: Wish, prompt: Prompt) -> None:
        self.name = host.name
        self._host = host
        self._wish = wish
        self._prompt = prompt
        self._privilege = privilege(host, prompt)
        self._link = self._connect()

    def scan(self, watch: Watch) -> Snapshot:
        """Return what is on it now."""
        return collect(self.name, self._link, self._wish, lambda scope, _: watch(scope))

    def applier(self, work: Work) -> Applier:
        """Return ansible-playbook, or the script over this connection."""
        if work.tool == "ansible":
            values = {variable(work.role, name): value for name, value in work.values.all.items()}
            return Ansible(
                self._host, self._privilege, work.emitted, values,
                prompt=self._prompt, directory=work.directory, log=work.log,
            )  # fmt: skip
        return Shell(self._link, work.emitted, work.values.all, work.log)

    def reboot(self, watch: Watch) -> bool:
        """Start it anew and log in again."""
        self._link = reboot(self._link, self._connect, watch)
        return True

    def settle(self) -> None:
        """Wait until its services are up."""
        settle(self._link)

    def close(self) -> None:
        """End the connection."""
        self._link.transport.close()

    def _connect(self) -> Link:
        return Link(connect(self._host, self._prompt), self._privilege)


class SandboxRoot:
    """A throw-away root; nothing runs in it, so services and listeners are not known."""

    def __init__(self, source: Path, wish: Wish) -> None:
        self.name = f"sandbox:{source.absolute()}"
        self._wish = wish
        self._sandbox = Sandbox(source)

    def scan(self, watch: Watch) -> Snapshot:
        """Return what is on it now."""
        host = Host(self.name, transport="image", path=str(self._sandbox.root))
        transport = connect(host, lambda _: "")
        try:
            return collect(self.name, Link(transport, privilege(host, lambda _: "")), self._wish, lambda s, _: watch(s))
        finally:
            transport.close()

    def applier(self, work: Work) -> Applier:
        """Return the script, run inside; UsageError for another tool."""
        if work.tool != "shell":
            raise UsageError(f"{work.tool} cannot reach into a sandbox", hint="use --with shell")
        return InSandbox(self._sandbox, work.emitted, work.values.all, work.log)

    def reboot(self, watch: Watch) -> bool:  # noqa: ARG002 - nothing runs in it
        """Return that it cannot be."""
        return False

    def settle(self) -> None:
        """Nothing runs in it."""

    def close(self) -> None:
        """Remove it."""
        self._sandbox.close()
