"""Frames: the output of a bundle, split by the nonce's markers into one result per probe."""

import time
from collections.abc import Callable, Sequence

from driftscan.collect.bundle import TOOLS, Consumer, Task
from driftscan.collect.frame import FILE_OUTCOMES, Frame, keep
from driftscan.model.outcome import Outcome, ProbeResult
from driftscan.model.text import shown, text

_LINE_LIMIT = 1 << 12  # bytes of a marker's line; a longer one was forged
_CODE_DIGITS = 3
_PIECE = 256 << 10  # bytes handled at a time, so that what a parser makes of a piece is small however much has come
ROOM = 192 << 20  # bytes kept of all probes of a run together
_LACKS = 20  # tools that are named of those that a probe lacked
_LEAST = 1 << 20  # bytes that a probe may send even if the others have used the room up
_ANSWER = 10.0  # seconds in which a tool says what it is
_QUIET = 300.0  # seconds for which a consumer waits for more; a walk or an archive always has something to say


class _Marks:
    """Splits one stream at the nonce's markers; what comes before the first marker is a banner and is dropped."""

    def __init__(self, nonce: str, data: Consumer, mark: Callable[[list[str], int], None]) -> None:
        self._marker = f"\n{nonce} ".encode()
        self._rest = b""
        self._data = data
        self._mark = mark

    def feed(self, chunk: bytes) -> None:
        buffer = self._rest + chunk if self._rest else chunk
        marker, start = self._marker, 0
        while (at := buffer.find(marker, start)) >= 0:
            if at > start:
                self._data(buffer[start:at])
            word = at + len(marker)
            end = buffer.find(b"\n", word, at + _LINE_LIMIT)
            if end < 0 and len(buffer) - at < _LINE_LIMIT:
                self._rest = buffer[at:]
                return
            end = end if end >= 0 else at + _LINE_LIMIT
            self._mark(text(buffer[word:end]).split(" "), end + 1 - at)
            start = end + 1
        last = _partial(buffer, marker, start)
        if last > start:
            self._data(buffer[start:last])
        self._rest = buffer[last:]


def _partial(buffer: bytes, marker: bytes, start: int) -> int:
    """Return where a marker that the buffer's end may have begun starts; the buffer's length if there is none."""
    at = buffer.rfind(b"\n", max(start, len(buffer) - len(marker) + 1))  # the marker's only newline is its first byte
    return at if at >= 0 and marker.startswith(buffer[at:]) else len(buffer)


class BundleSink:
    """Takes a bundle's output; `results` grows as probes end, `left` is what has not begun.

    It is a `transport.base.Sink`; its deadline is that of the probe in hand. After the run, `finish` ends the probe
    that a timeout, a lost connection or a dying shell has left open. On a terminal (`tty`) there is one stream only:
    the bundle itself then sends each probe's stderr after its stdout. `room` is how many bytes of results are kept,
    `patience` how many seconds a probe may take at most.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        nonce: str,
        *,
        tty: bool = False,
        grace: float = 20.0,
        room: int = ROOM,
        patience: float = float("inf"),
    ) -> None:
        self.left = list(tasks)
        self.results: dict[tuple[str, str], ProbeResult] = {}
        self.received = 0
        self.greeted = False  # whether the bundle itself has begun
        self.done = False
        self.asked = ""  # the tool that has been asked what it is, and has not ended yet
        self.room = room
        self._unasked = set(TOOLS)
        self._patience = patience
        self._tasks = list(tasks)
        self._tty = tty
        self._frames: dict[str, Frame] = {}
        self._frame: Frame | None = None  # the probe that runs
        self._error_frame: Frame | None = None  # the probe whose stderr is being read
        self._in_stderr = False
        self._grace = grace  # seconds for login, sudo, the first fork of a loaded host
        self._quiet_until: float | None = None  # nobody waits for the host yet
        self._heard = (0, 0.0)  # bytes received when it was last looked, and when they had come
        self._noise = bytearray()
        self._out = _Marks(nonce, self._on_stdout, self._on_mark)
        self._err = _Marks(nonce, self._on_stderr, self._on_stderr_mark)

    def stdout(self, data: bytes) -> None:
        """Take the next bytes of the program's stdout."""
        self.received += len(data)
        for start in range(0, len(data), _PIECE):
            self._out.feed(data[start : start + _PIECE])

    def stderr(self, data: bytes) -> None:
        """Take the next bytes of the program's stderr."""
        for start in range(0, len(data), _PIECE):
            self._err.feed(data[start : start + _PIECE])

    def deadline(self) -> float:
        """Return when the probe in hand is given up; at once when it has sent more than it may."""
        frame = self._frame
        if frame is None:
            if self._quiet_until is None:
                self._quiet_until = time.monotonic() + self._grace
            return self._quiet_until
        if frame.given_up:
            return 0.0
        end = frame.started + frame.timeout
        if frame.task.consumer is None:
            return end
        if self._heard[0] != self.received:
            self._heard = self.received, time.monotonic()
        return min(end, max(self._heard[1], frame.started) + _QUIET)

    @property
    def current(self) -> Task | None:
        """The probe in hand."""
        return self._frame.task if self._frame else None

    @property
    def last_words(self) -> str:
        """The last line that the login or the shell said before any probe ran, safe to show."""
        lines = [line.strip() for line in text(bytes(self._noise)).splitlines() if line.strip()]
        return shown(lines[-1])[:200] if lines else ""

    def finish(self, outcome: Outcome, detail: str = "") -> None:
        """End the probe in hand, if there is one, with `outcome`; those that only lack stderr's end, as they are."""
        if self._frame is not None:
            self.room -= self._frame.weigh(self.room)
        for number, frame in list(self._frames.items()):
            if frame is not self._frame or frame.given_up:
                self._close(number, *frame.judge())
            elif outcome is Outcome.TIMEOUT:
                late = time.monotonic() >= frame.started + frame.timeout
                self._close(
                    number, outcome, f"no end after {frame.timeout:g} s" if late else f"silent for {_QUIET:g} s"
                )
            else:
                self._close(number, outcome, detail)
        self._frame = None

    def _on_stdout(self, data: bytes) -> None:
        if self._frame is None:
            if not self.greeted:
                keep(self._noise, data)
            return
        if self._in_stderr:
            self._on_stderr(data)
        else:
            self._frame.take(data)

    def _on_mark(self, words: list[str], size: int) -> None:
        if self._frame is not None:
            self._frame.size += size
            self._on_mark_within(words, self._frame)
            return
        match words:
            case ["hello"]:
                self.greeted = True
            case ["asks", tool] if tool in self._unasked:
                self._unasked.remove(tool)
                self.asked, self._quiet_until = tool, time.monotonic() + _ANSWER
            case ["begin", number]:
                self.asked = ""
                self._begin(number)
            case ["done"]:
                self.done = True
            case _:
                pass

    def _on_mark_within(self, words: list[str], frame: Frame) -> None:
        match words:
            case ["end", number, code] if self._frames.get(number) is frame:
                self._end(number, frame, code)
            case _ if frame.given_up:
                pass
            case ["file", outcome] if outcome in FILE_OUTCOMES:
                frame.begin_file(FILE_OUTCOMES[outcome])
            case ["files"]:
                frame.begin_files()
            case ["close", *how]:
                frame.end_file(broken=bool(how))
            case ["absent" | "denied" as said, *why]:
                frame.said = (Outcome(said), shown(" ".join(why)))
            case ["lacks", *tool] if len(frame.lacks) < _LACKS:
                frame.lacks.add(shown(" ".join(tool)))
            case ["stderr"] if self._tty:
                frame.end_file()
                self._in_stderr, self._error_frame = True, frame
            case _:
                pass

    def _end(self, number: str, frame: Frame, code: str) -> None:
        frame.end_file()
        frame.code = int(code) if code.isdecimal() and len(code) <= _CODE_DIGITS else -1
        self._frame, self._in_stderr = None, False
        self.room -= frame.weigh(self.room)
        self._quiet_until = time.monotonic() + self._grace
        if frame.stderr_ended or self._tty:
            self._close(number, *frame.judge())

    def _begin(self, number: str) -> None:
        task = self._task(number)
        if task is None or task not in self.left:
            return
        self.left.remove(task)
        frame = self._frame = self._opened(number, task)
        frame.started = time.monotonic()
        frame.timeout = min(task.probe.timeout, self._patience)
        if task.consumer is None:
            frame.limit = min(task.probe.limit, max(self.room, _LEAST))

    def _task(self, number: str) -> Task | None:
        index = int(number) - 1 if number.isdecimal() else -1
        return self._tasks[index] if 0 <= index < len(self._tasks) else None

    def _opened(self, number: str, task: Task) -> Frame:
        return self._frames.setdefault(number, Frame(task, task.probe.limit, task.probe.timeout))

    def _on_stderr(self, data: bytes) -> None:
        if self._error_frame is not None:
            self._error_frame.take_stderr(data)
        else:
            keep(self._noise, data)

    def _on_stderr_mark(self, words: list[str], size: int) -> None:
        if self._error_frame is not None:
            self._error_frame.stderr_size += size
        match words:
            case ["begin", number] if (task := self._task(number)) is not None:
                # stderr may run ahead of stdout: its frame waits here for its begin
                if (task.scope, task.probe.name) not in self.results:
                    self._error_frame = self._opened(number, task)
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
