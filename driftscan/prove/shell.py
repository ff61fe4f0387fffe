"""Applying the shell role: sent to the blank host as a tar, run there, and removed again."""

import re
from collections.abc import Mapping

from driftscan.collect.runner import Link
from driftscan.emit.base import Emitted
from driftscan.prove.apply import LONGEST, ApplyError, Log, Run, Watch, brief, packed, shell_run, tar
from driftscan.prove.remote import Said, ask
from driftscan.transport.run import run

_SEND = 600.0  # seconds for a large role over a slow line
_PLACE = re.compile(rb"/[\w./-]+")
_IN_MEMORY = ("/run", "/dev/shm", "/tmp")  # noqa: S108 - the last where there is no other


class Shell:
    """A role on the blank host, in a directory that only root can look into; its secrets in memory."""

    def __init__(self, link: Link, emitted: Emitted, values: Mapping[str, bytes], log: Log) -> None:
        self._link = link
        self._log = log
        self._made: list[str] = []
        self._emitted = packed(emitted)
        self._secrets = tar({name: (value, 0o600) for name, value in values.items()})

    def apply(self, watch: Watch) -> Run:
        """Send what is not there yet, and run the script once."""
        if len(self._made) < 2:
            watch("sending the role")
            self._send()
        script, secrets = self._made
        watch("running rebuild.sh")
        said = _Watched(LONGEST, watch=watch)
        command = f"env DRIFTSCAN_SECRETS={secrets} sh {script}/rebuild.sh"
        self._run(command, said)
        return shell_run(bytes(said.out), bytes(said.err), said.code)

    def close(self) -> None:
        """Remove both directories."""
        for directory in reversed(self._made):
            ask(self._link, f"rm -rf {directory}")
        self._made.clear()

    def _send(self) -> None:
        for data, places in ((self._emitted, ("/tmp",)), (self._secrets, _IN_MEMORY)):  # noqa: S108
            directory = self._directory(places)
            self._made.append(directory)
            said = ask(self._link, f"tar -xf - -C {directory}", stdin=data, seconds=_SEND)
            if said.code:
                raise ApplyError(f"the role could not be unpacked on the blank host: {brief(bytes(said.err))}")

    def _directory(self, places: tuple[str, ...]) -> str:
        said = Said(0)
        for place in places:
            said = ask(self._link, f"mktemp -d {place}/driftscan.XXXXXXXXXX")
            made = bytes(said.out).strip()
            if said.code == 0 and _PLACE.fullmatch(made):
                return made.decode("ascii")
        raise ApplyError(f"the blank host lets nobody make a directory: {brief(bytes(said.err))}")

    def _run(self, command: str, said: "_Watched") -> None:
        try:
            said.code = run(self._link.transport, command, said, privilege=self._link.privilege)
        finally:
            self._log.write(bytes(said.out) + bytes(said.err))


class _Watched(Said):
    """What a script says, told as it comes."""

    def __init__(self, seconds: float, watch: Watch) -> None:
        super().__init__(seconds)
        self._watch = watch

    def stdout(self, data: bytes) -> None:
        """Take the next bytes, and tell the last whole line."""
        super().stdout(data)
        last = data.rstrip(b"\n").rpartition(b"\n")[2]
        if last:
            self._watch(brief(last, 60))
