"""The bundle: the probes of many scopes as one POSIX sh program, whose output `frames` reads."""

import secrets
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from driftscan.model.outcome import ProbeResult
from driftscan.scopes.base import Probe

# Empty lines are nothing to a shell, and an answer for login files that read one: they would eat the program's head.
_ANSWERS = "\n" * 8

# What every probe may count on, without naming it.
TOOLS = (
    *("awk", "cat", "cut", "date", "dd", "find", "grep", "gzip", "head", "id", "ls", "od", "readlink", "sed", "sort"),
    *("stat", "tail", "tar", "tr", "uname", "xargs"),
)

Consumer = Callable[[bytes], None]  # raises TooMuchError when it wants no more


class TooMuchError(Exception):
    """What a host sends is more than can be true, or makes no sense: its probe is given up, and told so."""


@dataclass(frozen=True, slots=True)
class Task:
    """One probe of one scope, as the bundle runs it; a `consumer` gets its stdout as it arrives, which is not kept."""

    scope: str
    probe: Probe
    consumer: Consumer | None = None


def program(
    tasks: Sequence[Task],
    nonce: str,
    root: str = "",
    *,
    tty: bool = False,
    bare: bool = False,
    ask: bool = False,
    stuck: Sequence[str] = (),
) -> bytes:
    """Return the sh program that runs `tasks` one after the other below `root` and frames their output by `nonce`.

    A `bare` one calls no tool for itself: for a host where `find` or `renice` does not end. With `ask` each tool is
    called by name first, to see that it ends; one that is `stuck` is not called at all.
    """
    library = files("driftscan.collect").joinpath("bundle.sh").read_text()
    # One compound command: sh has read all of it before the first probe runs, so that stdin is free for the watch.
    lines = [
        _ANSWERS + "{",
        f"N={nonce} R={shlex.quote(root)} TTY={'yes' if tty else ''} BARE={'yes' if bare else ''}",
        f"ASK={'yes' if ask else ''} TOOLS='{' '.join(TOOLS)}' STUCK='{' '.join(stuck)}'",
        library,
    ]
    for number, task in enumerate(tasks, 1):
        lines += (f"# {task.scope}/{task.probe.name}\np{number}() {{", task.probe.script, "}")
        lines.append(f"ds_probe {number} p{number} {shlex.quote(' '.join(task.probe.tools))}")
    lines.append('ds_mark "done"\n{ kill -KILL "$WATCH"; wait "$WATCH"; } 2>/dev/null\nexit 0\n}\n')
    # One by one: a script may hold the paths of a whole host, and is not copied as a whole more than it must be.
    return b"\n".join([line.encode("utf-8", "surrogateescape") for line in lines])


def new_nonce() -> str:
    """Return 128 random bits in hexadecimal: what a host prints cannot contain them by accident or by guess."""
    return secrets.token_hex(16)


def by_scope(results: Mapping[tuple[str, str], ProbeResult], scope: str) -> dict[str, ProbeResult]:
    """Return the results of one scope by probe name."""
    return {probe: result for (name, probe), result in results.items() if name == scope}
