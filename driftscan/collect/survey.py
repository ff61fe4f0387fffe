"""The file survey: which filesystems are walked, the one streaming find over each, and the reading of its records."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from driftscan.collect.bundle import TooMuchError
from driftscan.collect.records import printed, read
from driftscan.model.outcome import HostFile, Outcome, ProbeResult
from driftscan.model.text import shown, text
from driftscan.model.treebuilder import TreeBuilder
from driftscan.scopes.base import Probe

_META, _STATS = r"%y%m %U %G %s %T@\0", r"%C@ %i %n\0"
_FULL, _SHORT = (  # most paths are of what is no directory, and lies in the one named last at that depth: a third less
    rf"\( -type d -printf '%p\0{_META}{_STATS}' -o -type l -printf '{path}\0{_META}>%l\0{_STATS}'"
    rf" -o -printf '{path}\0{_META}{_STATS}' \)"
    for path in ("%p", "/%d/%f")
)
_TIMEOUT = 1800.0  # seconds for one filesystem
_LIMIT = 8 << 30  # bytes of records of one filesystem
_ROOM = 1 << 30  # bytes of this machine's memory for all files of a host: some ten million
_LONGEST = 1 << 18  # bytes of one record
_STRANGE = 1000  # records that find never prints, after which nothing is believed any more
_MOUNTS = 10_000
_NUMBERS = re.compile(
    rb"\s*([0-9a-f]{1,8})" + rb" (\d{1,20})" * 3 + rb" (-?\d{1,20})" * 2 + rb" (\d{1,20})" * 2 + rb"\s*"
)
_ESCAPE = re.compile(rb"\\([0-7]{3})")
_COMPLAINT = re.compile(rb"(?:[^ :]*/)?find: (.*): ([A-Za-z][^:]*)")  # what find says of what it could not look into
_CLOSED = {b"Permission denied", b"Operation not permitted"}
_ESCAPED = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_LETTERS = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_HEARD = 1 << 16  # bytes of a probe's stderr that are kept
# Of the filesystem types without a block device (`nodev`), these hold files of this machine; the rest is made up by
# the kernel or comes over the network.
_OWN = {b"overlay", b"tmpfs", b"zfs", b"ubifs", b"rootfs", b"bcachefs"}
_VOLATILE = (b"run", b"proc", b"sys", b"dev")  # trees that the next boot makes anew
_TYPES = {0o01: b"p", 0o02: b"c", 0o04: b"d", 0o06: b"b", 0o10: b"f", 0o12: b"l", 0o14: b"s"}


@dataclass(frozen=True, slots=True)
class Walk:
    """One filesystem to walk: `path` without leading "/" (b"" is the root).

    `avoid` are the mounts below it that must not even be touched, `mounts` the harmless ones.
    """

    path: bytes
    avoid: tuple[bytes, ...] = ()
    mounts: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What is walked, innermost first, what is not and why, and what the host's find can do."""

    walks: tuple[Walk, ...]
    skipped: dict[bytes, str]
    gnu: bool


@dataclass(frozen=True, slots=True)
class _Mount:
    path: bytes
    device: bytes
    source_root: bytes
    kind: bytes


def plan(data: bytes, root: bytes = b"") -> Plan:
    """Make a plan from what the probe `mounts` shows; `root` is the mounted root of an image, else b""."""
    mountinfo, filesystems, gnu = (data.split(b"\0") + [b""] * 3)[:3]
    nodev = _nodev(filesystems) or set(_without_device(mountinfo))
    mounts = _below(_parse_mounts(mountinfo), root)
    skipped = {mount.path: why for mount in mounts.values() if (why := _why_not(mount, nodev, mounts))}
    inside = {path for path in skipped for other in skipped if path.startswith(other + b"/")}
    avoid = [path for path in skipped if path not in inside and _harmful(mounts[path], nodev, skipped[path])]
    walks = []
    for mount in sorted(mounts.values(), key=lambda mount: mount.path, reverse=True):
        if mount.path in skipped:
            continue
        around = [path for path in avoid if mount.path.startswith(path + b"/")]
        if around:
            skipped[mount.path] = f"lies inside {_name(around[0])}, which is not walked"
            continue
        below = sorted(path for path in mounts if path and (not mount.path or path.startswith(mount.path + b"/")))
        touched = tuple(path for path in below if path not in avoid)
        walks.append(Walk(mount.path, tuple(path for path in below if path in avoid), touched))
    topmost = {path: why for path, why in sorted(skipped.items()) if path not in inside}
    return Plan(tuple(walks), topmost, gnu == b"gnu")


def _nodev(filesystems: bytes) -> set[bytes]:
    return {line.split()[-1] for line in filesystems.splitlines() if line.startswith(b"nodev")}


def _without_device(mountinfo: bytes) -> Iterable[bytes]:
    """Yield the types of what is mounted from no device: for a /proc that does not list the kernel's filesystems."""
    for line in mountinfo.splitlines():
        before, _, after = line.partition(b" - ")
        fields, words = before.split(b" "), after.split(b" ")
        if fields[2:3] and fields[2].startswith(b"0:") and words[1:] and not words[1].startswith(b"/dev/"):
            yield words[0]


def _parse_mounts(mountinfo: bytes) -> Iterable[_Mount]:
    for line in mountinfo.splitlines()[:_MOUNTS]:
        fields = line.split(b" ")
        if len(fields) < 9 or b"-" not in fields:
            continue
        kind = fields[fields.index(b"-") + 1 :][:1]
        unescaped = [_ESCAPE.sub(lambda found: bytes([int(found[1], 8) & 0xFF]), field) for field in fields[3:5]]
        yield _Mount(unescaped[1], fields[2], unescaped[0], kind[0] if kind else b"")


def _below(mounts: Iterable[_Mount], root: bytes) -> dict[bytes, _Mount]:
    """Return the topmost mount of each path at or below `root`, by its path relative to it; `root` is always there.

    A bind mount of a directory onto itself changes nothing for a walk, and is left out.
    """
    found: dict[bytes, _Mount] = {b"": _Mount(b"", b"", b"", b"")}
    for mount in mounts:
        if mount.path.rstrip(b"/") == root:
            relative = b""
        elif mount.path.startswith(root + b"/"):
            relative = mount.path[len(root) + 1 :]
        else:
            continue
        found[relative] = _Mount(relative, mount.device, mount.source_root, mount.kind)
    onto_itself = {
        path for path, mount in found.items() if any(_seen_at(mount, other) == path for other in found.values())
    }
    return {path: mount for path, mount in found.items() if path not in onto_itself}


def _why_not(mount: _Mount, nodev: set[bytes], mounts: dict[bytes, _Mount]) -> str:
    """Return why `mount` is not walked; "" if it is."""
    if not mount.path:
        return ""
    kind = shown(text(mount.kind))
    first = mount.path.split(b"/")[0]
    if mount.kind not in _OWN and (mount.kind in nodev or mount.kind.startswith(b"fuse.")):
        return f"{kind}: not a filesystem of this machine's disks"
    if first in _VOLATILE and mount.path != b"dev/shm":
        return f"{kind}: made anew at each boot"
    if mount.kind == b"overlay":
        return "overlay: the root of a container, whose layers are walked where they are kept"
    at = (_seen_at(mount, other) for other in mounts.values())
    seen_at = next((path for path in at if path is not None and path.split(b"/")[0] not in _VOLATILE), None)
    return "" if seen_at is None else f"the same files as {_name(seen_at)}"


def _seen_at(mount: _Mount, other: _Mount) -> bytes | None:
    """Return where the files of `mount` stand in `other`, None if they do not."""
    source, base = mount.source_root.rstrip(b"/"), other.source_root.rstrip(b"/")
    if (
        mount.device != other.device
        or not mount.device
        or len(base) >= len(source)
        or not source.startswith(base + b"/")
    ):
        return None
    return b"/".join(part for part in (other.path, source[len(base) + 1 :]) if part)


def _harmful(mount: _Mount, nodev: set[bytes], why: str) -> bool:
    """Whether find would hang at `mount` (a dead server), wake it (autofs), or walk into it (same device)."""
    pseudo = mount.path.split(b"/")[0] in _VOLATILE
    return not pseudo and (mount.kind in nodev - _OWN or mount.kind.startswith(b"fuse") or why.startswith("the same"))


def _name(path: bytes) -> str:
    return "/" + shown(text(path))


def quote(path: bytes) -> str:
    """Return `path` as one word of a sh program."""
    return "'" + path.decode("utf-8", "surrogateescape").replace("'", "'\\''") + "'"


def walk_name(walk: Walk) -> str:
    """Return the name of the probe that walks one filesystem."""
    return f"walk {_name(walk.path)}"


def with_names(walk: Walk, result: ProbeResult) -> ProbeResult:
    """Return the result of a walk with each directory that find could not look into, and not only with the last."""
    if result.outcome not in {Outcome.DENIED, Outcome.FAILED}:
        return result
    files, strange = [], []
    for line in result.stderr.splitlines():
        if match := _COMPLAINT.fullmatch(line):
            path, why = _unquoted(match[1]), match[2]
            place = path if path.startswith(b"/") else b"/" + b"/".join(part for part in (walk.path, path[2:]) if part)
            files.append(HostFile(place, Outcome.DENIED if why in _CLOSED else Outcome.FAILED))
        else:
            strange.append(line)
    if not files or (strange and len(result.stderr) < _HEARD):
        return replace(result, files=tuple(files))
    cut = "more than can be named" if len(result.stderr) >= _HEARD else ""
    outcome = max((file.outcome for file in files), key=lambda one: one.badness)
    return replace(result, outcome=outcome, files=tuple(files), detail=cut)


def _unquoted(name: bytes) -> bytes:
    """Return a path as GNU's find quotes it in the C locale; busybox does not."""
    if len(name) < 2 or name[:1] != b"'" or name[-1:] != b"'":
        return name
    return _ESCAPED.sub(
        lambda found: bytes([int(found[1], 8) & 0xFF]) if found[1].isdigit() else _LETTERS.get(found[1], found[1]),
        name[1:-1],
    )


def walk_probe(walk: Walk, made: Plan, separator: str) -> Probe:
    """Return the probe that walks one filesystem; `separator` is a random word, for hosts whose stat has no NUL."""
    top = f'"$R"/{quote(walk.path)}'
    script = (
        f"[ ! -f {top} ] || exit 0  # a file can be a mount, and its directory's walk shows it\ncd {top} || exit 1\n"
    )
    script += _tools(made, separator, _FULL if walk.avoid else _SHORT)
    script += (_around(walk) if walk.avoid else "ds_tree .") + '\n[ -z "$ds_bad" ]'
    return Probe(walk_name(walk), script, tools=("find",), timeout=_TIMEOUT, limit=_LIMIT)


def _around(walk: Walk) -> str:
    """Walk everything but what is to be avoided: find looks at each start and each entry, so name only the others."""
    ancestors = {
        path[: at.start()] for path in walk.avoid for at in re.finditer(rb"/", path) if at.start() > len(walk.path)
    }
    ancestors -= {walk.path}
    avoid = {_from(walk, path) for path in walk.avoid} | {_from(walk, path) for path in ancestors}
    mounts = {_from(walk, path) for path in walk.mounts} - avoid
    script = ["ds_one .", _level(b".", avoid, mounts)]
    for ancestor in sorted(_from(walk, path) for path in ancestors):
        script += f"ds_one {quote(ancestor)}", _level(ancestor, avoid, mounts)
    return "\n".join(script)


def _from(walk: Walk, path: bytes) -> bytes:
    return b"./" + (path[len(walk.path) + 1 :] if walk.path else path)


def _level(directory: bytes, avoid: set[bytes], mounts: set[bytes]) -> str:
    here = quote(directory)
    skip = [f"{here}/'*'", f"{here}/'.[!.]*'", f"{here}/'..?*'", *map(quote, sorted(_directly(directory, avoid)))]
    alone = sorted(map(quote, _directly(directory, mounts)))
    return (
        f"set --\nfor e in {here}/* {here}/.[!.]* {here}/..?*; do\ncase $e in\n{'|'.join(skip)}) continue ;;\n"
        + (f'{"|".join(alone)}) ds_one "$e"; continue ;;\n' if alone else "")
        + 'esac\nset -- "$@" "$e"\ndone\n[ $# -eq 0 ] || ds_tree "$@"'
    )


def _directly(directory: bytes, paths: set[bytes]) -> set[bytes]:
    return {path for path in paths if path.rpartition(b"/")[0] == directory}


def _tools(made: Plan, separator: str, form: str) -> str:
    """Define ds_tree and ds_one, which print the records of whole trees and of one path and set ds_bad if they fail."""
    able = ""
    if made.gnu:
        tree = f'find "$@" -xdev -ignore_readdir_race {form} || ds_bad=1'
        one = f'find "$@" -maxdepth 0 {_FULL} || ds_bad=1'
    else:
        # Both statuses count: find's stands before the pipe and goes round it, and so does that of xargs, for whom a
        # path that has vanished meanwhile is no failure.
        stat = f'QUOTING_STYLE=literal xargs -0 stat -c "%f %u %g %s %Y %Z %i %h {separator}%n{separator}%N{separator}"'
        tree, one = (
            f'{{ ds_code=$({{ {{ find "$@" {limit} -print0; echo $? >&5; }} | {{\n{stat} >&4\n'
            "case $? in 0 | 123) ;; *) echo stopped >&5 ;; esac; }; } 5>&1); } 4>&1\n"
            '[ "$ds_code" = 0 ] || ds_bad=1'
            for limit in ("-xdev", "-maxdepth 0")
        )
        able = (
            "[ -n \"$(printf '/\\000' | xargs -0 stat -c %f 2>/dev/null)\" ] ||"
            " { ds_lack 'xargs -0 or stat -c'; exit 1; }\n"
        )
    return f"{able}ds_bad=\nds_tree() {{\n{tree}\n}}\nds_one() {{\n{one}\n}}\n"


class Survey:
    """Reads the records of one walk as they arrive and hands them to the tree's builder."""

    def __init__(self, builder: TreeBuilder, walk: Walk, separator: str = "") -> None:
        self._builder = builder
        self._top = walk.path
        self._separator = separator.encode()
        self._tail = b""
        self._begun = False
        self._garbled = False
        self._strange = 0

    def __call__(self, chunk: bytes) -> None:
        """Take the next bytes of the walk's output; raises TooMuchError when it cannot be a list of files."""
        if not self._begun:
            self._begun = True
            self._builder.begin(self._top)
        if self._separator:
            self._take_stat(chunk)
        else:
            self._tail = self._take(self._tail + chunk)
        if len(self._tail) > _LONGEST:
            raise TooMuchError("printed a record that does not end")
        if self._builder.held > _ROOM:
            raise TooMuchError(f"lists more files than {_ROOM >> 20} MiB hold")

    @property
    def cut(self) -> bool:
        """Whether the output ended in the middle of a record, or one of them was none."""
        return self._garbled or bool(self._tail.strip())

    def _take(self, data: bytes) -> bytes:
        """Hand records to the builder, but not what find never prints; return what has only begun."""
        lines, strange, rest = read(data)
        if strange:
            self._garbled = True
            self._strange += strange
            if self._strange > _STRANGE:
                raise TooMuchError("does not print what find prints")
        self._builder.add(lines)
        return rest

    def _take_stat(self, chunk: bytes) -> None:
        parts = (self._tail + chunk).split(self._separator)
        whole = (len(parts) - 1) // 3 * 3
        self._tail = self._separator.join(parts[whole:])
        fields = iter(parts[:whole])
        records = []
        for numbers, path, told in zip(fields, fields, fields, strict=True):
            facts = _stat_facts(numbers)
            if facts is None or b"\0" in path + told:
                self._garbled = True
            else:
                records.append(printed(path, *facts, _target(path, told)))
        if self._take(b"".join(records)):
            self._garbled = True


def _target(path: bytes, told: bytes) -> bytes:
    """Return where a link leads from stat's %N, which busybox quotes and GNU, told to be literal, does not."""
    for before, after in ((b"'%s' -> '" % path, b"'"), (b"%s -> " % path, b"")):
        if told.startswith(before):
            return told[len(before) :].removesuffix(after)
    return b""


def _stat_facts(numbers: bytes) -> tuple[bytes, bytes] | None:
    """Turn `stat -c "%f %u %g %s %Y %Z %i %h"` into the two fields that find prints; None if it is not that."""
    match = _NUMBERS.fullmatch(numbers)
    if match is None:
        return None
    raw, uid, gid, size, mtime, ctime, inode, links = match.groups()  # a time before 1970 is below 0
    mode = int(raw, 16)
    kind = _TYPES.get(mode >> 12, b"U")
    return b"%s%o %s %s %s %s" % (kind, mode & 0o7777, uid, gid, size, mtime), b"%s %s %s" % (ctime, inode, links)
