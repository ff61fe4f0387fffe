"""Frames: the output of a bundle, split by the nonce's markers into one result per probe."""

import re
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO

from driftscan.collect.bundle import Consumer, Task
from driftscan.model.outcome import HostFile, Outcome, ProbeResult
from driftscan.model.text import shown, text

_FILE_LIMIT = 1 << 20  # bytes; bundle.sh shows one block more, so that a longer file is known as such
_STDERR_LIMIT = 1 << 16  # bytes kept of a probe's stderr; the rest is read and dropped
_LINE_LIMIT = 1 << 12  # bytes of a marker's line; a longer one was forged
_DENIED = re.compile(
    rb"permission denied|operation not permitted|access denied|must be (?:super)?(?:user|root)", re.IGNORECASE
)
_FILE_OUTCOMES = {"ok": Outcome.OK, "absent": Outcome.ABSENT, "denied": Outcome.DENIED, "other": Outcome.ABSENT}


class _Marks:
    """Splits one stream at the nonce's markers; what comes before the first marker is a banner and is dropped."""

    def __init__(self, nonce: str, data: Consumer, mark: Callable[[list[str]], None]) -> None:
        self._marker = f"\n{nonce} ".encode()
        self._buffer = b""
        self._data = data
        self._mark = mark

    def feed(self, chunk: bytes) -> None:
        buffer = self._buffer + chunk if self._buffer else chunk
        marker = self._marker
        while True:
            at = buffer.find(marker)
            if at < 0:
                keep = _partial(buffer, marker)
                self._data(buffer[:keep])
                buffer = buffer[keep:]
                break
            if at:
                self._data(buffer[:at])
            end = buffer.find(b"\n", at + len(marker))
            if end < 0 and len(buffer) - at < _LINE_LIMIT:
                buffer = buffer[at:]
                break
            line = buffer[at + len(marker) : end if end >= 0 else len(buffer)]
            self._mark(text(line).split(" "))
            buffer = buffer[end + 1 :] if end >= 0 else b""
        self._buffer = buffer


def _partial(buffer: bytes, marker: bytes) -> int:
    """Return where a marker that the buffer's end may have begun starts; the buffer's length if there is none."""
    for start in range(max(0, len(buffer) - len(marker) + 1), len(buffer)):
        if marker.startswith(buffer[start:]):
            return start
    return len(buffer)


def _unpacked(data: bytes) -> Iterator[HostFile]:
    """Yield the files that `ds_many` shows: outcome, path and place of each, NUL-terminated, and an archive of them."""
    told, _, archive = data.partition(b"\0\0")
    fields = told.split(b"\0") if told else []
    shown_files = _members(archive)
    for outcome, path, place in zip(fields[::3], fields[1::3], fields[2::3], strict=False):
        known = _FILE_OUTCOMES.get(text(outcome))
        if known is Outcome.OK:
            content = shown_files.get(place)
            yield HostFile(path, Outcome.FAILED if content is None else known, content or b"")
        elif known is not None:
            yield HostFile(path, known)


def _members(archive: bytes) -> dict[bytes, bytes]:
    """Return the plain files of a tar archive as far as it can be read; what says to be larger than allowed is not."""
    found: dict[bytes, bytes] = {}
    try:
        with tarfile.open(
            fileobj=BytesIO(archive), mode="r:", ignore_zeros=True, encoding="utf-8", errors="surrogateescape"
        ) as opened:
            for member in opened:
                name, link = (word.encode("utf-8", "surrogateescape") for word in (member.name, member.linkname))
                if member.islnk() and link in found:  # a second name of what is there already
                    found[name] = found[link]
                plain = member.type in {tarfile.REGTYPE, tarfile.AREGTYPE} and member.sparse is None
                if plain and member.size <= _FILE_LIMIT and (content := opened.extractfile(member)) is not None:
                    found[name] = content.read()
    except (tarfile.TarError, ValueError, OSError, EOFError, KeyError, IndexError, OverflowError):
        pass  # a hostile host, or one that was cut off: what came before holds
    return found


@dataclass(slots=True)
class _Frame:
    """One probe that has begun; it is over when both streams have passed its end."""

    task: Task
    started: float
    size: int = 0
    stdout: list[bytes] = field(default_factory=list)
    stderr: bytearray = field(default_factory=bytearray)
    files: list[HostFile] = field(default_factory=list)
    said: tuple[Outcome, str] | None = None  # what the probe itself told by ds_absent or ds_denied
    open_file: tuple[Outcome, bytearray] | None = None
    packed: bytearray | None = None  # many files, of which one archive is made
    code: int | None = None
    stderr_ended: bool = False

    @property
    def over_limit(self) -> bool:
        return self.size > self.task.probe.limit

    def take(self, data: bytes) -> None:
        self.size += len(data)
        if self.over_limit:
            return
        if self.open_file is not None:
            self.open_file[1].extend(data)
        elif self.packed is not None:
            self.packed.extend(data)
        elif self.task.consumer is not None:
            self.task.consumer(data)
        else:
            self.stdout.append(data)

    def end_file(self) -> None:
        if self.packed is not None:
            packed, self.packed = bytes(self.packed), None
            self.files += _unpacked(packed)
        if self.open_file is None:
            return
        outcome, body = self.open_file
        self.open_file = None
        path, nul, data = bytes(body).partition(b"\0")
        if not nul:
            return
        if len(data) > _FILE_LIMIT:
            outcome = Outcome.FAILED
        self.files.append(HostFile(path, outcome, data if outcome is Outcome.OK else b""))

    def judge(self) -> tuple[Outcome, str]:
        """Return the outcome of a frame that has ended, and why it is not ok."""
        if self.said is not None:
            return self.said
        if self.code in self.task.probe.accepts:
            return Outcome.OK, ""
        words = text(bytes(self.stderr)).strip().splitlines()
        detail = shown(words[-1])[:200] if words else f"exit code {self.code}"
        return (Outcome.DENIED if _DENIED.search(self.stderr) else Outcome.FAILED), detail

    def result(self, outcome: Outcome, detail: str) -> ProbeResult:
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


class BundleSink:
    """Takes a bundle's output; `results` grows as probes end, `left` is what has not begun.

    It is a `transport.base.Sink`; its deadline is that of the probe in hand. After the run, `finish` ends the probe
    that a timeout, a lost connection or a dying shell has left open. On a terminal (`tty`) there is one stream only:
    the bundle itself then sends each probe's stderr after its stdout.
    """

    def __init__(self, tasks: Sequence[Task], nonce: str, *, tty: bool = False, grace: float = 20.0) -> None:
        self.left = list(tasks)
        self.results: dict[tuple[str, str], ProbeResult] = {}
        self.received = 0
        self.done = False
        self._tasks = list(tasks)
        self._tty = tty
        self._frames: dict[str, _Frame] = {}
        self._frame: _Frame | None = None  # the probe that runs
        self._error_frame: _Frame | None = None  # the probe whose stderr is being read
        self._in_stderr = False
        self._grace = grace  # seconds for login, sudo, the first fork of a loaded host
        self._quiet_until = time.monotonic() + grace
        self._noise = bytearray()
        self._out = _Marks(nonce, self._on_stdout, self._on_mark)
        self._err = _Marks(nonce, self._on_stderr, self._on_stderr_mark)

    def stdout(self, data: bytes) -> None:
        """Take the next bytes of the program's stdout."""
        self.received += len(data)
        self._out.feed(data)

    def stderr(self, data: bytes) -> None:
        """Take the next bytes of the program's stderr."""
        self._err.feed(data)

    def deadline(self) -> float:
        """Return when the probe in hand is given up; at once when it has sent more than it may."""
        if self._frame is None:
            return self._quiet_until
        if self._frame.over_limit:
            return 0.0
        return self._frame.started + self._frame.task.probe.timeout

    @property
    def current(self) -> Task | None:
        """The probe in hand."""
        return self._frame.task if self._frame else None

    @property
    def noise(self) -> str:
        """What the login or the shell said on stderr before any probe ran, safe to show."""
        return shown(text(bytes(self._noise)).strip())

    def finish(self, outcome: Outcome, detail: str) -> None:
        """End the probe in hand, if there is one, with `outcome`; those that only lack stderr's end, as they are."""
        for number, frame in list(self._frames.items()):
            if frame is not self._frame:
                self._close(number, *frame.judge())
            elif frame.over_limit:
                self._close(number, Outcome.FAILED, f"sent more than {frame.task.probe.limit >> 20} MiB")
            else:
                self._close(number, outcome, detail)
        self._frame = None

    def _on_stdout(self, data: bytes) -> None:
        if self._frame is None or not data:
            return
        if self._in_stderr:
            self._on_stderr(data)
        else:
            self._frame.take(data)

    def _on_mark(self, words: list[str]) -> None:
        frame = self._frame
        match words:
            case ["begin", number] if frame is None:
                self._begin(number)
            case ["end", number, code] if frame is not None and self._frames.get(number) is frame:
                frame.end_file()
                frame.code = int(code) if code.isdecimal() else -1
                self._frame, self._in_stderr = None, False
                self._quiet_until = time.monotonic() + self._grace
                if frame.stderr_ended or self._tty:
                    self._close(number, *frame.judge())
            case ["file", outcome] if frame is not None and outcome in _FILE_OUTCOMES:
                frame.end_file()
                frame.open_file = (_FILE_OUTCOMES[outcome], bytearray())
            case ["files"] if frame is not None:
                frame.end_file()
                frame.packed = bytearray()
            case ["close", *how] if frame is not None:
                if how and frame.open_file is not None:
                    frame.open_file = (Outcome.FAILED, frame.open_file[1])
                frame.end_file()
            case ["absent" | "denied" as said, *why] if frame is not None:
                frame.said = (Outcome(said), shown(" ".join(why)))
            case ["stderr"] if frame is not None and self._tty:
                frame.end_file()
                self._in_stderr, self._error_frame = True, frame
            case ["done"]:
                self.done = True
            case _:
                pass

    def _begin(self, number: str) -> None:
        index = int(number) - 1 if number.isdecimal() else -1
        if not 0 <= index < len(self._tasks) or self._tasks[index] not in self.left:
            return
        task = self._tasks[index]
        self.left.remove(task)
        known = self._frames.setdefault(number, _Frame(task, time.monotonic()))
        self._frame = known

    def _on_stderr(self, data: bytes) -> None:
        room = self._error_frame.stderr if self._error_frame is not None else self._noise
        if len(room) < _STDERR_LIMIT:
            room += data[: _STDERR_LIMIT - len(room)]

    def _on_stderr_mark(self, words: list[str]) -> None:
        match words:
            case ["begin", number] if number.isdecimal() and 0 < int(number) <= len(self._tasks):
                # stderr may run ahead of stdout: its frame waits here for its begin
                task = self._tasks[int(number) - 1]
                if (task.scope, task.probe.name) not in self.results:
                    self._error_frame = self._frames.setdefault(number, _Frame(task, time.monotonic()))
            case ["end", number, *_] if number in self._frames and self._error_frame is self._frames[number]:
                frame = self._frames[number]
                self._error_frame, frame.stderr_ended = None, True
                if frame.code is not None:
                    self._close(number, *frame.judge())
            case _:
                pass

    def _close(self, number: str, outcome: Outcome, detail: str) -> None:
        frame = self._frames.pop(number)
        self.results[frame.task.scope, frame.task.probe.name] = frame.result(outcome, detail)
