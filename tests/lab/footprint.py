"""What is left on a lab host: every file that is made, changed or removed while a test looks.

The kernel tells (fanotify, a mark on each of the host's filesystems): so a file that is gone again after a
millisecond is seen as well as one that stays, and so is a lock file that is only opened.
"""

import ctypes
import os
import re
import select
import signal
import struct
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

from tests.lab import hosts

_libc = ctypes.CDLL(None, use_errno=True)

_INIT = 0x01 | 0x02 | 0x10 | 0x200 | 0x400 | 0x800  # CLOEXEC NONBLOCK UNLIMITED_QUEUE REPORT_FID|DIR_FID|NAME
_ADD_FILESYSTEM = 0x01 | 0x100
_ONDIR, _OVERFLOW = 0x40000000, 0x4000
_ATTRIBUTES = 0x004
_KINDS = {
    0x002: "changed",
    _ATTRIBUTES: "attributes",
    0x008: "opened to write",
    0x040: "moved away",
    0x080: "moved here",
    0x100: "made",
    0x200: "removed",
}
_AT_FDCWD = -100
_HEAD = struct.Struct("=IBBHQii")  # of an event: length, version, reserved, its own length, mask, fd, process
_RECORD = struct.Struct("=BBH8sIi")  # of what follows: type, padding, length, filesystem, the handle's length and type
_NAMED = 2  # a record of a directory's handle and the name in it
_MEASURED = {"overlay", "tmpfs"}  # what can hold files of a lab host; the rest is the kernel's or empty

_SERVANTS = {"systemd", "dbus-daemon", "dbus-broker", "sshd", "sshd-session"}  # who does what others ask for
_CLOCKS = {"cron", "crond", "atd"}  # who begins things when their time has come: they wait until the look is over
# What a login writes, whoever logs in and whatever for: path and who writes it.
LOGINS = (
    (r"/dev/(null|zero|full|u?random|tty|ptmx|pts/[0-9]+)", "a device is no file"),
    (r"/run/motd\.dynamic(\.new)?", "pam_motd, before a command is run"),
    (r"/var/log/(lastlog|wtmp|btmp)|/var/lib/(lastlog|wtmpdb)/.*|/run/utmp", "pam_lastlog and sshd: who came when"),
    (
        r"/(var|run)/log/journal/.*|/var/log/(auth|messages|secure|syslog|user)(\.log)?",
        "what sshd and sudo tell the log",
    ),
    (r"/var/lib/sudo/lectured(/.*)?", "an old sudo: it has told this account once what a password is for"),
    (r"/run/systemd/(sessions|users|seats|inhibit|transient|propagate)/.*", "systemd-logind: the session"),
    (r"/run/user/[0-9]+(/.*)?|/run/systemd/units/.*user.*", "systemd: the user's manager, with his first session"),
)
_LOGINS = re.compile("|".join(f"(?:{path})" for path, _ in LOGINS))


def anyhow(path: str) -> bool:
    """Whether a login touches `path`, whatever it is for."""
    return _LOGINS.fullmatch(path) is not None


@dataclass(frozen=True, order=True)
class Write:
    """One thing that was done to a path, and the name of the process that did it, "" where it was gone by then."""

    path: str
    kind: str
    by: str


@dataclass
class Footprint:
    """What is written while it is watched, but by the programs that ran before and that nobody's command talks to."""

    bystanders: frozenset[int] = frozenset()
    writes: set[Write] = field(default_factory=set)
    lost: bool = False

    def beside(self, *own: str) -> list[Write]:
        """Return in order what no login writes anyway; `own` are more paths that do not count, as expressions."""
        assert not self.lost, "the kernel could not tell all"
        more = re.compile("|".join(f"(?:{path})" for path in own) or "(?!)")
        return sorted(one for one in self.writes if not (anyhow(one.path) or more.fullmatch(one.path)))


@contextmanager
def watching(host: hosts.LabHost) -> Iterator[Footprint]:
    """Watch all of the host's filesystems for as long as the block runs."""
    leader, over = host.leader(), os.eventfd(0)
    running = _processes(leader)
    seen = Footprint(frozenset(pid for pid, name in running.items() if name not in _SERVANTS))
    clocks = [pid for pid, name in running.items() if name in _CLOCKS]
    with ExitStack() as stack:
        stack.callback(os.close, over)
        group = _checked(_libc.fanotify_init(_INIT, os.O_RDONLY), "fanotify_init")
        stack.callback(os.close, group)
        roots = {}
        for path in _filesystems(leader):
            root = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(os.close, root)
            mask = ctypes.c_uint64(sum(_KINDS) | _ONDIR)
            marked = _libc.fanotify_mark(group, _ADD_FILESYSTEM, mask, _AT_FDCWD, os.fsencode(path))
            _checked(marked, f"fanotify_mark {path}")
            roots[_filesystem_id(root)] = root
        _signal(clocks, signal.SIGSTOP)
        stack.callback(_signal, clocks, signal.SIGCONT)
        reader = threading.Thread(target=_read, args=(group, over, roots, seen))
        reader.start()
        try:
            yield seen
        finally:
            os.eventfd_write(over, 1)
            reader.join()


def _checked(result: int, what: str) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")
    return result


def _filesystems(leader: int) -> list[str]:
    """Return a directory of each filesystem that the host's init sees, by a path that leads there from outside."""
    found: dict[str, str] = {}
    with open(f"/proc/{leader}/mountinfo") as lines:
        for line in lines:
            fields = line.split()
            place = f"/proc/{leader}/root{fields[4]}"
            if fields[fields.index("-") + 1] in _MEASURED and os.path.isdir(place):
                device = os.stat(place).st_dev
                if fields[2] == f"{os.major(device)}:{os.minor(device)}":  # nothing else is mounted over it
                    found.setdefault(fields[2], place)
    return list(found.values())


def _processes(leader: int) -> dict[int, str]:
    """Return the name of every process of the host by its id as it is seen from here."""
    there = os.readlink(f"/proc/{leader}/ns/pid")
    found = {}
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        with suppress(OSError):
            if os.readlink(f"/proc/{pid}/ns/pid") == there:
                found[pid] = _name(pid)
    return found


def _signal(processes: Iterable[int], number: int) -> None:
    for pid in processes:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _filesystem_id(root: int) -> bytes:
    buffer = ctypes.create_string_buffer(256)
    _checked(_libc.fstatfs(root, buffer), "fstatfs")
    return buffer.raw[56:64]  # f_fsid, after seven words


def _read(group: int, over: int, roots: dict[bytes, int], seen: Footprint) -> None:
    while True:
        ready, _, _ = select.select([group, over], [], [])
        with suppress(BlockingIOError):
            while data := os.read(group, 1 << 16):
                _take(data, roots, seen)
        if over in ready:
            return


def _take(data: bytes, roots: dict[bytes, int], seen: Footprint) -> None:
    while data:
        length, _, _, head, mask, _, pid = _HEAD.unpack_from(data)
        seen.lost |= bool(mask & _OVERFLOW)
        if pid in seen.bystanders:
            mask = 0
        by, path = _name(pid), _path(data[head:length], roots)
        if not path:  # a file that has no name any more has one link less
            mask &= ~_ATTRIBUTES
        for kind, word in _KINDS.items():
            if mask & kind:
                seen.writes.add(Write(path, word, by))
        data = data[length:]


def _name(pid: int) -> str:
    with suppress(OSError), open(f"/proc/{pid}/comm") as name:
        return name.read().strip()
    return ""


def _path(records: bytes, roots: dict[bytes, int]) -> str:
    """Return the path that an event tells by the handle of its directory and the name in it."""
    while records:
        kind, _, length, filesystem, size, _ = _RECORD.unpack_from(records)
        if kind == _NAMED and filesystem in roots:
            handle = records[_RECORD.size - 8 : _RECORD.size + size]
            name = os.fsdecode(records[_RECORD.size + size : length].split(b"\0")[0])
            directory = _libc.open_by_handle_at(roots[filesystem], handle, os.O_PATH)
            if directory < 0:
                return f"(a directory that is gone)/{name}"
            try:
                return os.path.normpath(f"{os.readlink(f'/proc/self/fd/{directory}')}/{name}")
            finally:
                os.close(directory)
        records = records[length:]
    return ""
