"""What stays the same about a process from one scan to the next: its identity, by which scopes tell processes apart."""

import re
from collections.abc import Mapping

from driftscan.model.item import Json
from driftscan.model.redaction import redact_argv
from driftscan.model.text import text
from driftscan.scopes.proc.cgroup import unit_and_container
from driftscan.scopes.proc.procfs import Process

_CHAIN_LIMIT = 8  # steps from a process towards init that its parent tells


def describe(process: Process, processes: Mapping[int, Process]) -> dict[str, Json]:
    """Return what stays the same about a process from one scan to the next."""
    if process.kernel:
        kind = thread_kind(process.name)
        return _attributes(process, kind, [], None, None, parent=None, name=kind)
    argv = redact_argv(text(word) for word in process.argv)
    if title(process) is not None:
        argv = [_stable_title(argv[0], process, processes)]
    command = " ".join(argv) or process.executable or process.name
    unit, container = unit_and_container(process.cgroup)
    chain = _chain(process, processes)
    return _attributes(process, command, argv, unit, container, parent=chain, name=_stable_name(process))


def _stable_name(process: Process) -> str:
    """Return the kernel's name for a process; the numbers in one that it has given itself are 0.

    A name that comes from the program or from the command stays as it is: `python3`.
    """
    words = [process.executable or "", *(text(word) for word in process.argv[:2])]
    if any(word.rpartition("/")[2].startswith(process.name) for word in words if word):
        return process.name
    return re.sub(r"\d+", "0", process.name)


def thread_kind(name: str) -> str:
    """Return the kind of a kernel thread: the number of its processor, disk or pool comes and goes (kworker/0:1-mm)."""
    kind, slash, _ = name.partition("/")
    return (kind if slash else kind.rstrip("0123456789_-:.")) or name


def _attributes(
    process: Process,
    command: str,
    argv: list[str],
    unit: str | None,
    container: str | None,
    *,
    parent: str | None,
    name: str,
) -> dict[str, Json]:
    return {
        "user": process.user,
        "command": command,
        "name": name,
        "exe": process.executable,
        "deleted": process.deleted,
        "argv": argv,
        "cwd": None if process.cwd is None else text(process.cwd),
        "unit": unit,
        "container": container,
        "kernel": process.kernel,
        "parent": parent,
        "deleted_libraries": list(process.libraries),
    }


def title(process: Process) -> bytes | None:
    """Return the title that a program has written over its command line: one word with blanks in it."""
    if len(process.argv) == 1 and b" " in process.argv[0] and process.argv[0] != process.exe:
        return process.argv[0]
    return None


def _stable_title(title: str, process: Process, processes: Mapping[int, Process]) -> str:
    """Return what of a title stays: of a daemon's worker its first word, of others all but the numbers.

    `postgres: shop shop 10.0.0.7(50312) idle` says what a worker does at the moment; `sshd: … 0 of 10-100 startups`
    counts.
    """
    parent = processes.get(process.ppid)
    if parent is not None and parent.exe == process.exe and process.name == parent.name:
        return title.split(" ", 1)[0] + " …"
    return re.sub(r"\d+", "#", title)


def _chain(process: Process, processes: Mapping[int, Process]) -> str | None:
    names: list[str] = []
    seen = {process.pid}
    at = processes.get(process.ppid)
    while at is not None and at.pid not in seen and len(names) < _CHAIN_LIMIT:
        seen.add(at.pid)
        name = at.executable or at.name
        if not names or names[-1] != name:
            names.append(name)
        at = processes.get(at.ppid)
    return " < ".join(names) or None
