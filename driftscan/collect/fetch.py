"""Fetching what files of a host say, and what else only the host can tell of a path; nothing is written there."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from driftscan.collect.archive import members
from driftscan.collect.bundle import Task, new_nonce
from driftscan.collect.runner import Link, Results, run_more_tasks, run_tasks
from driftscan.model.text import text
from driftscan.scopes._common import number, shell_word
from driftscan.scopes.base import Probe

LIMIT = 64 << 20  # bytes of one file
MOST = 1 << 30  # bytes of all of them
_AT_ONCE = 200  # paths in one call: a command line has an end
_BLOCK = 512  # bytes, in which find counts
_LOOK = 200  # bytes of what stat says of one inode, at most
_SAID = 1 << 20  # bytes of what is said of one path's attributes, at most
_TIMEOUT = 900.0  # seconds for the paths of one call
_ATTRIBUTE, _DEVICE = b"xattr:", b"device"  # what may stand behind a path and a NUL, which is in no path
_NO_CONTENTS = "a recording holds no contents"
_WHY = {
    b"denied": "permission denied",
    b"absent": "not there any more",
    b"other": "no regular file any more",
    b"changed": "written to while it was read",
}

# state PATH: sets ds_o to what can be shown of PATH; a link does not count, and in an image none is followed
# pack PATH…: an archive of them between two looks at their inodes; tar itself refuses to write to a terminal
# each PATH…: the same one by one, for what tar could not take, and where there is none
_SCRIPT = r"""
state() {
  ds_how "$1"
  if [ -L "$R$1" ] || [ "$ds_p" != "$R$1" ]; then ds_o=other; fi
  [ $ds_o != ok ] || [ -z "$(find "$R$1" -maxdepth 0 -size +"$blocks" 2>/dev/null)" ] || ds_o=large
}
sep() { printf '\n%s\n' "$separator"; }
inodes() { find "$@" -maxdepth 0 -type f ! -size +"$blocks" -exec stat -c '%s %Y %Z %i' {} + 2>/dev/null; }
archive() { find "$@" -maxdepth 0 -type f ! -size +"$blocks" -exec tar -cf - {} + 2>/dev/null | cat; }
pack() {
  [ -n "$PACK" ] || return 0
  for f; do
    shift
    if [ -f "$R$f" ] && [ -r "$R$f" ] && [ ! -L "$R$f" ]; then
      ds_real "$f"
      [ "$ds_p" != "$R$f" ] || set -- "$@" ".$R$f"
    fi
  done
  [ $# -gt 0 ] || return 0
  cd / && inodes "$@" && sep && archive "$@" && sep && inodes "$@"
}
each() {
  for f; do
    state "$f"
    printf '%s\000%s\000' "$ds_o" "$f"
    if [ $ds_o = ok ]; then
      inodes "$R$f"
      printf '\000'
      dd if="$R$f" bs=65536 count=$((blocks / 128 + 2)) 2>/dev/null
      sep
      inodes "$R$f"
    fi
    sep
  done
}
numbers() { for f; do printf '%s\000' "$f"; stat -c '%t %T' "$R$f" 2>/dev/null; printf '\000'; done; }
attributes() {
  for f; do
    printf '%s\000' "$f"
    getfattr -h -d -m '^user[.]' -e hex --absolute-names -- "$R$f" 2>/dev/null
    printf '\000'
  done
}
"""


@dataclass(frozen=True)
class Fetched:
    """What the host said: contents of regular files, `user.` attributes by name, device numbers, all by path.

    `missing` says of each path that was asked for why there is nothing. `modified` is when a file was written, in
    whole seconds since 1970, where that is known.
    """

    contents: Mapping[bytes, bytes] = field(default_factory=dict, repr=False)
    xattrs: Mapping[bytes, Mapping[str, bytes]] = field(default_factory=dict, repr=False)
    devices: Mapping[bytes, tuple[int, int]] = field(default_factory=dict)
    missing: Mapping[bytes, str] = field(default_factory=dict)
    modified: Mapping[bytes, int] = field(default_factory=dict, repr=False)

    def read(self, path: bytes) -> bytes | None:
        r"""Return the content at `path`, of `PATH\0xattr:NAME` an attribute, of `PATH\0device` the numbers."""
        place, nul, what = path.partition(b"\0")
        if not nul:
            return self.contents.get(path)
        if what == _DEVICE:
            numbers = self.devices.get(place)
            return b"%d %d" % numbers if numbers is not None else None
        return self.xattrs.get(place, {}).get(text(what.removeprefix(_ATTRIBUTE)))

    def with_more(self, other: "Fetched") -> "Fetched":
        """Return this and what was fetched later together."""
        return Fetched(
            {**self.contents, **other.contents},
            {**self.xattrs, **other.xattrs},
            {**self.devices, **other.devices},
            {**self.missing, **other.missing},
            {**self.modified, **other.modified},
        )


def fetch(
    link: Link,
    paths: Collection[bytes],
    *,
    limit: int = LIMIT,
    most: int = MOST,
    watch: Callable[[str], None] = lambda _scope: None,
) -> Fetched:
    """Return what is at `paths`, which are as `Fetched.read` takes them; `limit` and `most` are in bytes.

    Raises TransportError where the host answers nothing at all; what else cannot be had is told by `missing`.
    """
    if link.transport.name == "replay":
        return Fetched(missing=dict.fromkeys(paths, _NO_CONTENTS))
    link = Link(link.transport, link.privilege)  # what is fetched is not recorded
    files = sorted(path for path in paths if b"\0" not in path)
    devices = sorted(path.partition(b"\0")[0] for path in paths if path.endswith(b"\0" + _DEVICE))
    named = sorted({path.partition(b"\0")[0] for path in paths if b"\0" + _ATTRIBUTE in path})
    said = _Said(link, limit, most, watch)
    said.ask(run_tasks, {"pack": files, "numbers": devices, "attributes": named})
    known = dict(_packed(said.of("pack"), said.separator, said.root, limit))
    left = [path for path in files if path not in known]
    said.ask(run_more_tasks, {"each": left})
    why = {path: reason for path in files if (reason := said.why("pack", path) or said.why("each", path))}
    for path, outcome, file in _each(said.of("each"), said.separator, limit):
        if file is not None:
            known[path] = file
        else:
            why[path] = _WHY.get(outcome) or f"larger than {_size(limit)}"
    found = Fetched(
        {path: data for path, (data, _) in known.items()},
        dict(_attributes(said.of("attributes"))),
        dict(_numbers(said.of("numbers"))),
        modified={path: modified for path, (_, modified) in known.items() if modified is not None},
    )
    rest = f"all files together are larger than {_size(most)}" if said.full else "it could not be read"
    missing = {path: why.get(path, rest) for path in sorted(paths) if found.read(path) is None}
    return Fetched(found.contents, found.xattrs, found.devices, missing, found.modified)


_File = tuple[bytes, int | None]  # what it says, and when it was written


class _Enough(Exception):  # noqa: N818 -- no error: it ends what nobody wants to have any more
    """More has come than is wanted of all files together."""


class _Said:
    """What a host has said so far, by the function that was called for some paths."""

    def __init__(self, link: Link, limit: int, most: int, watch: Callable[[str], None]) -> None:
        self.separator = new_nonce()
        self.root = link.transport.root.encode("utf-8", "surrogateescape")
        self.full = False
        self._link, self._limit, self._room, self._watch = link, limit, most, watch
        self._answers: dict[tuple[str, int], bytearray] = {}
        self._failed: dict[tuple[str, bytes], str] = {}

    def ask(self, run: Callable[..., Results], calls: Mapping[str, Sequence[bytes]]) -> None:
        """Call each function for its paths, in one round trip."""
        parts = {
            (call, at): paths[at : at + _AT_ONCE]
            for call, paths in calls.items()
            for at in range(0, len(paths), _AT_ONCE)
        }
        if not parts or self.full:
            return
        tasks = [
            Task("contents", self._probe(call, at, paths), self._take(call, at)) for (call, at), paths in parts.items()
        ]
        try:
            results = run(self._link, tasks, self._watch)
        except _Enough:
            self.full = True
            return
        for (call, at), paths in parts.items():
            result = results["contents", f"{call} {at}"]
            if not result.outcome.seen:
                self._failed |= {(call, path): result.detail for path in paths}

    def of(self, call: str) -> Iterator[bytearray]:
        """Yield what was said to each call of a function, once."""
        for key in [key for key in self._answers if key[0] == call]:
            yield self._answers.pop(key)

    def why(self, call: str, path: bytes) -> str:
        """Return what went wrong with the call for a path."""
        return self._failed.get((call, path), "")

    def _probe(self, call: str, at: int, paths: Sequence[bytes]) -> Probe:
        words = " ".join(shell_word(path.decode("utf-8", "surrogateescape")) for path in paths)
        blocks = -(-self._limit // _BLOCK)
        script = f"{_SCRIPT}separator={self.separator} blocks={blocks}\n{call} {words}\n:"
        return Probe(f"{call} {at}", script, timeout=_TIMEOUT, limit=self._room + _SAID)

    def _take(self, call: str, at: int) -> Callable[[bytes], None]:
        answer = self._answers.setdefault((call, at), bytearray())

        def take(data: bytes) -> None:
            self._room -= len(data)
            if self._room < 0:
                raise _Enough
            answer.extend(data)

        return take


def _packed(answers: Iterable[bytearray], separator: str, root: bytes, limit: int) -> Iterator[tuple[bytes, _File]]:
    """Yield the files of archives; not what was written to while it was packed, as far as that can be told."""
    mark = f"\n{separator}\n".encode()
    for answer in answers:
        start, end = answer.find(mark), answer.rfind(mark)
        if start < 0:
            continue
        whole = end > start
        most, rest = _AT_ONCE * _LOOK, end + len(mark)
        before, after = bytes(answer[: min(start, most)]), bytes(answer[rest : rest + most])
        looks = list(zip(before.splitlines(), after.splitlines(), strict=False)) if whole else []
        found = list(_files(memoryview(answer)[start + len(mark) : end if whole else None]))
        if len(found) != len(looks):
            looks = [(b"", b"")] * len(found)
        for (name, data, modified), (one, other) in zip(found, looks, strict=True):
            if data is not None and one == other and len(data) <= limit:
                yield name.removeprefix(b"." + root), (data, modified)


def _files(archive: memoryview) -> Iterator[tuple[bytes, bytes | None, int]]:
    """Yield name, content and mtime of what a tar archive holds, as far as it can be read."""
    found: dict[bytes, bytes | None] = {}
    for member in islice(members(archive), _AT_ONCE):
        found[member.name] = found.get(member.link) if member.link else member.data
        yield member.name, found[member.name], member.modified


def _each(answers: Iterable[bytearray], separator: str, limit: int) -> Iterator[tuple[bytes, bytes, _File | None]]:
    """Yield path, outcome and content of files that came one by one."""
    for answer in answers:
        parts = map(bytes, answer.split(f"\n{separator}\n".encode(), 2 * _AT_ONCE))
        for part in parts:
            outcome, _, rest = part.partition(b"\0")
            path, nul, rest = rest.partition(b"\0")
            if not nul:
                break
            if outcome != b"ok":
                yield path, outcome, None
                continue
            before, _, data = rest.partition(b"\0")
            after = next(parts, None)
            if after is None:
                break
            if before.strip() != after.strip():
                yield path, b"changed", None
            elif len(data) > limit:
                yield path, b"large", None
            else:
                modified = before.split()[1:2]
                yield path, outcome, (data, number(modified[0]) if modified else None)


def _numbers(answers: Iterable[bytearray]) -> Iterator[tuple[bytes, tuple[int, int]]]:
    for answer in answers:
        fields = [bytes(field[:_SAID]) for field in answer.split(b"\0", 2 * _AT_ONCE)]
        for path, said in zip(fields[::2], fields[1::2], strict=False):
            if match := re.fullmatch(rb"([0-9a-f]{1,8}) ([0-9a-f]{1,8})", said.strip()):
                yield path, (int(match[1], 16), int(match[2], 16))


_OCTAL = re.compile(rb"\\([0-7]{3})")


def _attributes(answers: Iterable[bytearray]) -> Iterator[tuple[bytes, Mapping[str, bytes]]]:
    for answer in answers:
        fields = [bytes(field[:_SAID]) for field in answer.split(b"\0", 2 * _AT_ONCE)]
        for path, said in zip(fields[::2], fields[1::2], strict=False):
            found = {}
            for line in said.splitlines():
                name, _, value = line.partition(b"=")
                if name.startswith(b"user.") and re.fullmatch(rb"(?:0x(?:[0-9a-f]{2})*)?", value):
                    name = _OCTAL.sub(lambda match: bytes([int(match[1], 8) & 0xFF]), name)
                    found[text(name)] = bytes.fromhex(value[2:].decode())
            yield path, found


def _size(size: int) -> str:
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size} bytes"
