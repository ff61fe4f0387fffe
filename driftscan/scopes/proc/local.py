"""The processes of this very machine through psutil, as the same records that the probes give."""

import os
import pwd
from dataclasses import replace
from multiprocessing import parent_process
from pathlib import Path

import psutil

from driftscan.scopes.proc.procfs import (
    Process,
    Table,
    command_line,
    deleted_library,
    denied,
    own_processes,
    parse_stat,
)


def local_table() -> Table:
    """Return all processes of this machine; this process and its session count as the auditor's own."""
    ticks, boot = os.sysconf("SC_CLK_TCK"), psutil.boot_time()
    found = {}
    for one in psutil.process_iter():
        process = _process(one, ticks, boot)
        if process is not None:
            found[process.pid] = process
    starter = parent_process()  # where this one looks at one host of many
    own = own_processes(found, os.getpid() if starter is None or starter.pid is None else starter.pid)
    return Table(found, own, denied=denied(found, own))


def _process(one: psutil.Process, ticks: int, boot: float) -> Process | None:
    """Return one process, None if it has ended; psutil's own name and command line are guesses, so files are read."""
    folder = Path(psutil.PROCFS_PATH, str(one.pid))
    try:
        with one.oneshot():
            uid = one.uids().effective
            process = parse_stat((folder / "stat").read_bytes(), ticks, boot)
            arguments = (folder / "cmdline").read_bytes()
    except (psutil.Error, OSError):
        return None
    if process is None:
        return None
    exe = _link(folder / "exe")
    if exe is None and not process.kernel:  # not shown, or it has ended by now
        try:
            again = parse_stat((folder / "stat").read_bytes(), ticks, boot)
        except OSError:
            return None
        process = replace(process, zombie=again is None or again.zombie)
    try:
        cgroup = (folder / "cgroup").read_bytes()  # after the program: as with `OWNERS`
    except OSError:
        return None
    return replace(
        process,
        cgroup=cgroup.rstrip(b"\n"),
        argv=command_line(arguments),
        exe=exe,
        cwd=_link(folder / "cwd"),
        user=_account(uid),
        libraries=_libraries(folder / "maps", exe),
    )


def _link(path: Path) -> bytes | None:
    try:
        return os.readlink(os.fsencode(path))  # noqa: PTH115 (a path of bytes)
    except OSError:
        return None


def _account(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _libraries(path: Path, exe: bytes | None) -> tuple[str, ...]:
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError:
        return ()
    mapped = (line.split(None, 5) for line in lines if line.endswith(b" (deleted)"))
    names = (deleted_library(f[5].removesuffix(b" (deleted)"), exe) for f in mapped if len(f) == 6 and b"x" in f[1])
    return tuple(sorted({name for name in names if name is not None}))
