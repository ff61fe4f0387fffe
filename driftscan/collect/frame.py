"""One probe's frame: what it has sent so far, bounded, and what becomes of it."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from driftscan.collect.archive import members
from driftscan.collect.bundle import Task, TooMuchError
from driftscan.model.outcome import HostFile, Outcome, ProbeResult
from driftscan.model.text import shown, text

_FILE_LIMIT = 1 << 20  # bytes; bundle.sh shows one block more, so that a longer file is known as such
_PATH_LIMIT = 1 << 16  # bytes of a path before a file's content
_AT_ONCE = 500  # files in one archive; bundle.sh packs fewer
_STDERR_LIMIT = 1 << 16  # bytes kept of a probe's stderr; the rest is read and dropped
_STDERR_MOST = 64 << 20  # bytes of it after which nobody waits for its end
_BULK = 32 << 20  # bytes; a probe that may send more lists what packages own, hashes, texts
_BULK_RECORD, _RECORD = 64, 128  # bytes of a probe's limit for each of its records
_ITEM = 256  # bytes of the room for each record
_LEAST = 4 << 20  # bytes of room that there always are
_DENIED = re.compile(
    rb"permission denied|operation not permitted|access denied|must be (?:super)?(?:user|root)", re.IGNORECASE
)
FILE_OUTCOMES = {"ok": Outcome.OK, "absent": Outcome.ABSENT, "denied": Outcome.DENIED, "other": Outcome.ABSENT}


def _unpacked(data: bytearray) -> Iterator[HostFile]:
    """Yield the files that `ds_many` shows: outcome, path and place of each, NUL-terminated, and an archive of them."""
    end = data.find(b"\0\0")
    end = len(data) if end < 0 else end
    fields = bytes(data[:end]).split(b"\0", 3 * _AT_ONCE)
    told = list(zip(fields[::3], fields[1::3], fields[2::3], strict=False))
    places = {place for _, _, place in told}
    content: dict[bytes, bytes] = {}
    for member in members(memoryview(data)[end + 2 :], _FILE_LIMIT):
        found = content.get(member.link) if member.data is None else member.data
        if found is not None and member.name in places:
            content[member.name] = found
    for outcome, path, place in told[:_AT_ONCE]:
        known = FILE_OUTCOMES.get(text(outcome))
        if known is Outcome.OK:
            yield HostFile(path, known if place in content else Outcome.FAILED, content.get(place, b""))
        elif known is not None:
            yield HostFile(path, known)


@dataclass(slots=True)
class Frame:
    """One probe that has begun; it is over when both streams have passed its end.

    It may send `limit` bytes, markers included, within `timeout` seconds; of a frame that was given up nothing is
    kept, so that it takes no room from the others.
    """

    task: Task
    limit: int
    timeout: float
    started: float = field(default_factory=time.monotonic)
    size: int = 0
    stderr_size: int = 0
    stdout: list[bytes] = field(default_factory=list)
    stderr: bytearray = field(default_factory=bytearray)
    files: list[HostFile] = field(default_factory=list)
    said: tuple[Outcome, str] | None = None  # what the probe itself told by ds_absent or ds_denied
    lacks: set[str] = field(default_factory=set)  # tools that it called and the host has not
    open_file: tuple[Outcome, bytearray] | None = None
    packed: bytearray | None = None  # many files, of which one archive is made
    refused: str = ""  # why the consumer wants no more
    code: int | None = None
    stderr_ended: bool = False

    @property
    def given_up(self) -> str:
        """Why nothing more is wanted of this probe; "" while it keeps within its bounds."""
        if self.refused:
            return self.refused
        if self.size > self.limit:
            short = self.limit < self.task.probe.limit
            left = ", all that is left for the probes of a scan" if short else ""
            return f"sent more than {self.limit >> 20} MiB{left}"
        return f"sent more than {_STDERR_MOST >> 20} MiB of errors" if self.stderr_size > _STDERR_MOST else ""

    def weigh(self, room: int) -> int:
        """Return how many bytes of `room` the whole takes: each record becomes an item, which is larger than it is.

        A bulk probe's records become no items. What is too much for the probe or the room is given up.
        """
        if self.given_up or self.task.consumer is not None:
            return 0
        parts = [*self.stdout, *(file.data for file in self.files)]
        records = len(self.files) + sum(part.count(b"\n") + part.count(b"\0") for part in parts)
        bulk = self.task.probe.limit > _BULK
        most = self.task.probe.limit // (_BULK_RECORD if bulk else _RECORD)
        weight = sum(map(len, parts)) + (0 if bulk else records * _ITEM)
        if records > most:
            self.refused = f"sent more than {most:,} lines"
        elif weight > max(room, _LEAST):
            self.refused = "sent more lines than are left for the probes of a scan"
        return 0 if self.refused else weight

    def take(self, data: bytes) -> None:
        """Take the next bytes of the probe's stdout."""
        self.size += len(data)
        if self.size > self.limit or self.refused:
            self._drop()
        elif self.task.consumer is not None:
            try:
                self.task.consumer(data)
            except TooMuchError as error:
                self.refused = str(error)
        elif self.open_file is not None:
            if len(self.open_file[1]) <= _FILE_LIMIT + _PATH_LIMIT:
                self.open_file[1].extend(data)
        elif self.packed is not None:
            self.packed.extend(data)
        else:
            self.stdout.append(data)

    def take_stderr(self, data: bytes) -> None:
        """Take the next bytes of the probe's stderr."""
        self.stderr_size += len(data)
        keep(self.stderr, data)

    def begin_file(self, outcome: Outcome) -> None:
        """Take what follows as a path and a file; a consumer gets no files."""
        self.end_file()
        if self.task.consumer is None:
            self.open_file = (outcome, bytearray())

    def begin_files(self) -> None:
        """Take what follows as many files."""
        self.end_file()
        if self.task.consumer is None:
            self.packed = bytearray()

    def end_file(self, *, broken: bool = False) -> None:
        """End the file in hand, if there is one."""
        if self.packed is not None:
            packed, self.packed = self.packed, None
            self.files += _unpacked(packed)
        if self.open_file is None:
            return
        outcome, body = self.open_file
        self.open_file = None
        path, nul, data = bytes(body).partition(b"\0")
        if not nul:
            return
        if broken or len(data) > _FILE_LIMIT:
            outcome = Outcome.FAILED
        self.files.append(HostFile(path, outcome, data if outcome is Outcome.OK else b""))

    def judge(self) -> tuple[Outcome, str]:
        """Return the outcome of a frame that has ended, and why it is not ok."""
        if why := self.given_up:
            return Outcome.FAILED, why
        if self.lacks and (self.said is None or self.said[0] is Outcome.ABSENT):
            return Outcome.FAILED, f"no {', '.join(sorted(self.lacks))} on the host"
        if self.said is not None:
            return self.said
        if self.code in self.task.probe.accepts:
            return Outcome.OK, ""
        words = text(bytes(self.stderr)).strip().splitlines()
        detail = shown(words[-1])[:200] if words else f"exit code {self.code}"
        return (Outcome.DENIED if _DENIED.search(self.stderr) else Outcome.FAILED), detail

    def result(self, outcome: Outcome, detail: str) -> ProbeResult:
        """Return what the probe brought."""
        if self.given_up:
            self._drop()
        return ProbeResult(
            probe=self.task.probe.name,
            outcome=outcome,
            code=self.code or 0,
            stdout=b"".join(self.stdout),
            stderr=bytes(self.stderr),
            files=tuple(self.files),
            seconds=time.monotonic() - self.started,
            detail=detail,
        )

    def _drop(self) -> None:
        self.stdout.clear()
        self.files.clear()
        self.open_file = self.packed = None


def keep(room: bytearray, data: bytes) -> None:
    """Add to `room` what still fits of a stream whose beginning is all that is kept."""
    if len(room) < _STDERR_LIMIT:
        room += data[: _STDERR_LIMIT - len(room)]
