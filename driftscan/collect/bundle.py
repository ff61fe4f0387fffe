"""The bundle: the probes of many scopes as one POSIX sh program, whose output `frames` reads."""

import secrets
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from driftscan.model.outcome import ProbeResult
from driftscan.scopes.base import Probe

Consumer = Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Task:
    """One probe of one scope, as the bundle runs it; a `consumer` gets its stdout as it arrives, which is not kept."""

    scope: str
    probe: Probe
    consumer: Consumer | None = None


def program(tasks: Sequence[Task], nonce: str, root: str = "", *, tty: bool = False) -> bytes:
    """Return the sh program that runs `tasks` one after the other below `root` and frames their output by `nonce`."""
    library = files("driftscan.collect").joinpath("bundle.sh").read_text()
    # One compound command: sh has read all of it before the first probe runs, so that stdin is free for the watch.
    lines = ["{", f"N={nonce} R={shlex.quote(root)} TTY={'yes' if tty else ''}", library]
    for number, task in enumerate(tasks, 1):
        lines.append(f"# {task.scope}/{task.probe.name}\np{number}() {{\n{task.probe.script}\n}}")
        lines.append(f"ds_probe {number} p{number} {shlex.quote(' '.join(task.probe.tools))}")
    lines.append('ds_mark "done"\n{ kill -KILL "$WATCH"; wait "$WATCH"; } 2>/dev/null\nexit 0\n}\n')
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def new_nonce() -> str:
    """Return 128 random bits in hexadecimal: what a host prints cannot contain them by accident or by guess."""
    return secrets.token_hex(16)


def by_scope(results: Mapping[tuple[str, str], ProbeResult], scope: str) -> dict[str, ProbeResult]:
    """Return the results of one scope by probe name."""
    return {probe: result for (name, probe), result in results.items() if name == scope}
