"""Processes as /proc shows them: the records made of what `_proc_probes` brought, and which of them are the auditor's."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from driftscan.model.outcome import Outcome, ProbeResult
from driftscan.model.text import text
from driftscan.scopes._common import whole_lines

KERNEL_THREAD = 0x00200000  # PF_KTHREAD of the kernel's sched.h, set since 2.6.27
_EXITING = 0x00000004  # PF_EXITING: such a process has given up its memory
_DELETED = b" (deleted)"
_NOT_ON_DISK = (b"/memfd:", b"/SYSV", b"/dev/", b"/[aio]", b"/anon_hugepage", b"/drm ", b"/i915")
_TEMPORARY = (b"/tmp/", b"/var/tmp/", b"/run/")
_COMMAND_LIMIT = 16384  # bytes kept of a command line
_STARTING = 60.0  # seconds for which a child of systemd may be about to become a program: longer, and it is stuck


@dataclass(frozen=True, slots=True)
class Process:
    """One process; None is what was not shown to the account that looks.

    `started` is in seconds since 1970, `exe` and `cwd` are paths as the kernel tells them, `libraries` the mapped
    executable files that are deleted.
    """

    pid: int
    ppid: int
    name: str
    kernel: bool
    zombie: bool
    started: float
    cgroup: bytes = b""
    argv: tuple[bytes, ...] = ()
    exe: bytes | None = None
    cwd: bytes | None = None
    user: str | None = None
    libraries: tuple[str, ...] = ()

    @property
    def deleted(self) -> bool:
        """Whether the executable has been removed from its place since."""
        return self.exe is not None and self.exe.endswith(_DELETED)

    @property
    def executable(self) -> str | None:
        """The path of the executable, also when it is deleted."""
        if self.exe is None:
            return None
        return text(self.exe.removesuffix(_DELETED))


@dataclass(frozen=True, slots=True)
class Table:
    """All processes by id, and whose ids are the auditor's own: its shell, what that started, what started it."""

    processes: Mapping[int, Process]
    own: frozenset[int]
    unparsed: Mapping[str, str] = field(default_factory=dict)
    denied: Mapping[str, str] = field(default_factory=dict)

    def visible(self) -> list[Process]:
        """Return the processes that are the host's, not the auditor's, and still run, in the order of their ids."""
        newest = max((process.started for process in self.processes.values()), default=0.0)
        return [
            process
            for pid, process in sorted(self.processes.items())
            if pid not in self.own and not process.zombie
            if process.started < newest - _STARTING or not self._starts(process)
        ]

    def _starts(self, process: Process) -> bool:
        """Return whether systemd has forked it for a unit, "(NAME)" until it becomes that unit's program."""
        parent = self.processes.get(process.ppid)
        if parent is None or parent.name != "systemd" or not re.fullmatch(r"\((?!sd-pam\)).*\)", process.name):
            return False
        return process.exe in {parent.exe, None if parent.exe is None else parent.exe + b"-executor"}


def table(results: Mapping[str, ProbeResult]) -> Table:
    """Read what `PROBES` (and `LIBRARIES`, where it ran) brought."""
    unparsed: dict[str, str] = {}
    own_pid, ticks, boot = _self(results, unparsed)
    processes = _stats(results, ticks, boot, unparsed)
    _add_arguments(processes, results, unparsed)
    _add_links(processes, results, unparsed)
    _add_libraries(processes, results)
    seen = _add_owners(processes, results)
    if "owners" in results and results["owners"].outcome is Outcome.OK:
        processes = {pid: process for pid, process in processes.items() if pid in seen}
    own = own_processes(processes, own_pid)
    refused = denied(processes, own)
    return Table(processes, own, unparsed, refused)


def parse_stat(data: bytes, ticks: int, boot: float) -> Process | None:
    """Read one /proc/PID/stat: the name in it may hold anything, also blanks, parentheses and newlines."""
    match = re.fullmatch(rb"(\d{1,10}) \((.*)\) ([A-Za-z]) (-?\d{1,20}(?: -?\d{1,20}){20,})\n?", data, re.DOTALL)
    if match is None:
        return None
    fields = [int(value) for value in match[4].split()]
    pid, state, ppid, flags = int(match[1]), match[3], fields[0], fields[5]
    zombie = state in b"ZXx" or bool(flags & _EXITING)
    without_memory = fields[19] == 0
    return Process(
        pid=pid,
        ppid=ppid,
        name=text(match[2]),
        kernel=without_memory and not zombie and (bool(flags & KERNEL_THREAD) or 2 in {pid, ppid}),
        zombie=zombie,
        started=boot + fields[18] / ticks,
    )


def command_line(data: bytes) -> tuple[bytes, ...]:
    """Return the arguments in what /proc/PID/cmdline holds, at most 16 KiB of them."""
    if len(data) > _COMMAND_LIMIT:
        data = data[:_COMMAND_LIMIT].rpartition(b"\0")[0] or data[:_COMMAND_LIMIT]
    # A title that was written over the arguments is padded by NULs.
    return tuple(data.rstrip(b"\0").split(b"\0")) if data.strip(b"\0") else ()


def deleted_library(path: bytes, exe: bytes | None) -> str | None:
    """Return the name of a mapped file that was deleted, None for what never was a file to keep."""
    if not path.startswith(b"/") or path.startswith(_NOT_ON_DISK) or path + _DELETED == exe:
        return None
    # rpm and dpkg rename a file before they remove it; libffi and JITs map a nameless file of their own.
    path = re.sub(rb";[0-9a-f]{8}$", b"", path).removesuffix(b".dpkg-tmp").removesuffix(b".dpkg-new")
    if path.startswith(_TEMPORARY) and b".so" not in path.rpartition(b"/")[2]:
        return None
    return text(path)


def own_processes(processes: Mapping[int, Process], self_pid: int) -> frozenset[int]:
    """Return the ids of the auditor: `self_pid`, all below it, all above it up to the session's listener.

    What the listener has forked of itself serves one connection: all below that is the auditor's, its other channels.
    The listener (sshd, cron: what init has started) is the host's own, unless it is there for this connection alone.
    With the session came the account's own systemd manager; it is the auditor's too.
    """
    if self_pid not in processes:
        return frozenset({self_pid})
    own, below = {self_pid}, [self_pid]
    at = processes[self_pid]
    session = at.cgroup
    while at.ppid in processes and at.ppid not in {0, 1} | own:
        came_from, at = at, processes[at.ppid]
        if at.ppid in {0, 1} and came_from.name.startswith(at.name):
            below.append(came_from.pid)
        if at.ppid not in {0, 1} or re.search(rb"@\d+-[^/]*\.service", at.cgroup):
            own.add(at.pid)
    children: dict[int, list[int]] = {}
    for process in processes.values():
        children.setdefault(process.ppid, []).append(process.pid)
    seen: set[int] = set()
    while below:
        pid = below.pop()
        if pid not in seen:
            seen.add(pid)
            below += children.get(pid, [])
    own |= seen
    if user := re.search(rb"/user-(\d+)\.slice/session-", session):
        manager = b"/user@" + user[1] + b".service/init.scope"
        own.update(p.pid for p in processes.values() if manager in p.cgroup)
    return frozenset(own)


def _is_unreadable(process: Process) -> bool:
    """Return whether a process has an executable that was not shown."""
    return process.exe is None and not process.kernel and not process.zombie


def _self(results: Mapping[str, ProbeResult], unparsed: dict[str, str]) -> tuple[int, int, float]:
    if "self" not in results:
        return 0, 100, 0.0
    said = dict(line.split(b" ", 1) for line in results["self"].stdout.splitlines() if line.count(b" ") == 1)
    numbers = {key: int(value) for key, value in said.items() if value.isdigit() and len(value) < 20}
    if missing := {b"self", b"ticks", b"btime"} - numbers.keys():
        unparsed["self"] = f"no {', '.join(sorted(text(word) for word in missing))}"
    return numbers.get(b"self", 0), numbers.get(b"ticks") or 100, float(numbers.get(b"btime", 0))


def _by_file(data: bytes, end: bytes) -> Iterable[tuple[int, bytes, bytes]]:
    """Give (pid, name of the file, record) of grep's output whose records end in `end`; a cut-off last one is none."""
    for record in data.split(end)[:-1]:
        match = re.match(rb"/proc/(\d{1,10})/(\w+):", record)
        if match:
            yield int(match[1]), match[2], record[match.end() :]


def _stats(results: Mapping[str, ProbeResult], ticks: int, boot: float, unparsed: dict[str, str]) -> dict[int, Process]:
    if "stat" not in results:
        return {}
    stats: dict[int, list[bytes]] = {}
    for pid, _, record in _by_file(results["stat"].stdout, b"\n"):
        stats.setdefault(pid, []).append(record)
    found, broken = {}, 0
    for pid, lines in stats.items():
        process = parse_stat(b"\n".join(lines), ticks, boot)
        if process is None or process.pid != pid:
            broken += 1
        else:
            found[pid] = process
    if broken and results["stat"].outcome is Outcome.OK:
        unparsed["stat"] = f"{broken} of {len(stats)} /proc/PID/stat were not understood"
    return found


def _add_arguments(found: dict[int, Process], results: Mapping[str, ProbeResult], unparsed: dict[str, str]) -> None:
    if "arguments" not in results:
        return
    words: dict[int, list[bytes]] = {}
    for pid, _, word in _by_file(results["arguments"].stdout, b"\0"):
        words.setdefault(pid, []).append(word)
    for pid, argv in words.items():
        if pid in found:
            found[pid] = replace(found[pid], argv=command_line(b"\0".join(argv)))
    if results["arguments"].stdout and not words:
        unparsed["arguments"] = "no command line was understood"


_LS = re.compile(rb"l[rwxst-]{9}[^ ]* +\d+ .*? /proc/(\d{1,10})/(exe|cwd)(?: -> (.*))?")


def _add_links(found: dict[int, Process], results: Mapping[str, ProbeResult], unparsed: dict[str, str]) -> None:
    if "links" not in results:
        return
    links, strange = _parse_links(results["links"].stdout)
    if strange:
        unparsed["links"] = f"{strange} links were not understood"
    for pid, process in found.items():
        exe, cwd = links.get((pid, b"exe")), links.get((pid, b"cwd"))
        found[pid] = replace(process, exe=exe or None, cwd=cwd or None)


def _parse_links(data: bytes) -> tuple[dict[tuple[int, bytes], bytes], int]:
    """Return the targets by process and name of the link, b"" where it was not shown, and how many were strange."""
    links: dict[tuple[int, bytes], bytes] = {}
    strange = 0
    if data.startswith(b"ls\0"):
        for line in whole_lines(data[3:]):
            if match := _LS.fullmatch(line):
                key = (int(match[1]), match[2])
                # Told twice, one of them is forged by a name; busybox shows a link that cannot be read without target.
                links[key] = b"" if key in links else match[3] or b""
            else:
                strange += 1
        return links, strange
    fields = data.split(b"\0")[:-1]
    for path, target in zip(fields[0::2], fields[1::2], strict=False):
        if match := re.fullmatch(rb"/proc/(\d{1,10})/(exe|cwd)", path):
            links[int(match[1]), match[2]] = target
        else:
            strange += 1
    return links, strange


def _add_libraries(found: dict[int, Process], results: Mapping[str, ProbeResult]) -> None:
    if "libraries" not in results:
        return
    names: dict[int, set[str]] = {}
    for pid, _, line in _by_file(results["libraries"].stdout, b"\n"):
        fields = line.split(None, 5)
        if pid in found and len(fields) == 6:
            name = deleted_library(fields[5].removesuffix(_DELETED), found[pid].exe)
            if name is not None:
                names.setdefault(pid, set()).add(name)
    for pid, paths in names.items():
        found[pid] = replace(found[pid], libraries=tuple(sorted(paths)))


def _add_owners(found: dict[int, Process], results: Mapping[str, ProbeResult]) -> set[int]:
    """Fill in who runs each process (the effective user, as in ps), and where; return those that were still there.

    One that has no memory any more has ended since.
    """
    if "owners" not in results:
        return set()
    accounts = users(results)
    told: dict[int, dict[bytes, list[bytes]]] = {}
    groups: dict[int, list[bytes]] = {}
    for pid, file, line in _by_file(results["owners"].stdout, b"\n"):
        if file == b"cgroup":
            groups.setdefault(pid, []).append(line)
            continue
        name, *words = line.split()[:4] or [b""]
        told.setdefault(pid, {})[name] = words
    seen = set()
    for pid, fields in told.items():
        uids = fields.get(b"Uid:", [])
        if pid in found and len(uids) > 1 and uids[1].isdigit():
            ended = not found[pid].kernel and b"State:" in fields and b"VmSize:" not in fields
            user = accounts.get(uids[1], text(uids[1]))
            cgroup = b"\n".join(groups.get(pid, []))
            found[pid] = replace(found[pid], user=user, cgroup=cgroup, zombie=found[pid].zombie or ended)
            seen.add(pid)
    return seen


def users(results: Mapping[str, ProbeResult]) -> dict[bytes, str]:
    """Return the names of accounts by user id; of several with one id the first, as the system does."""
    found: dict[bytes, str] = {}
    if "users" in results:
        result = results["users"]
        for line in b"\n".join([*(file.data for file in result.files), result.stdout]).splitlines():
            fields = line.split(b":")
            if len(fields) == 7 and fields[0] and fields[2].isdigit():
                found.setdefault(fields[2], text(fields[0]))
    return found


def denied(processes: Mapping[int, Process], own: frozenset[int]) -> dict[str, str]:
    """Return what the account that looks was not shown, by the probe that would have shown it."""
    if not processes:
        return {}
    if 1 not in processes:
        return {"stat": "only the account's own processes are shown (/proc is mounted with hidepid)"}
    others = [process for pid, process in processes.items() if pid not in own]
    hidden = sum(_is_unreadable(process) for process in others)
    if hidden:
        return {
            "links": f"executable and directory of {hidden} of {len(others)} processes are not shown to this account"
        }
    return {}
