"""The transport `replay`: a host that answers from a recording, for tests and for bug reports."""

import json
import lzma
import re
from collections.abc import Mapping
from pathlib import Path
from shutil import rmtree
from urllib.parse import quote

from driftscan.errors import TransportError
from driftscan.model.host import Host
from driftscan.model.outcome import HostFile, Outcome, ProbeResult
from driftscan.model.text import raw, text
from driftscan.transport.base import Channel, Stream, Transport
from driftscan.transport.secret import Prompt

TRANSPORT = "replay"
_NONCE = re.compile(rb"^N=([0-9a-f]{32}) ", re.MULTILINE)
_PROBE = re.compile(rb"^# ([a-z_-]+)/(.+)\np([0-9]+)\(\) \{$", re.MULTILINE)
_PACKED = 40_000  # bytes; a longer output is kept as .xz


def connect(host: Host, prompt: Prompt) -> Transport:  # noqa: ARG001 -- every transport is connected in the same way
    """Return the transport for the recording in the directory `host.path`."""
    directory = Path(host.path).expanduser()
    if not directory.is_dir():
        raise TransportError(
            f"there is no recording in {directory}", hint="name a directory that scan --record has made"
        )
    return Replay(directory)


def save(results: Mapping[tuple[str, str], ProbeResult], directory: Path) -> None:
    """Write `results` below `directory`, one folder per scope; what a host showed is kept as it is, secrets too."""
    for (scope, probe), result in sorted(results.items()):
        folder = directory / scope
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = quote(probe, safe=" ")
        rmtree(folder / f"{name}.files", ignore_errors=True)
        packed = len(result.stdout) > _PACKED
        data = lzma.compress(result.stdout, preset=1) if packed else result.stdout
        (folder / f"{name}.stdout{'.xz' if packed else ''}").write_bytes(data)
        (folder / f"{name}.stdout{'' if packed else '.xz'}").unlink(missing_ok=True)
        (folder / f"{name}.stderr").write_bytes(result.stderr)
        for number, file in enumerate(result.files):
            (folder / f"{name}.files").mkdir(exist_ok=True)
            (folder / f"{name}.files" / str(number)).write_bytes(file.data)
        index = {
            "outcome": result.outcome.value,
            "code": result.code,
            "detail": result.detail,
            "files": [[text(file.path), file.outcome.value] for file in result.files],
        }
        (folder / f"{name}.json").write_text(json.dumps(index, indent=1) + "\n")


def load(directory: Path, scope: str, probe: str) -> ProbeResult | None:
    """Return what was recorded of one probe, None if it was not."""
    folder, name = directory / scope, quote(probe, safe=" ")
    if not (folder / f"{name}.json").is_file():
        return None
    index = json.loads((folder / f"{name}.json").read_text())
    plain, packed = folder / f"{name}.stdout", folder / f"{name}.stdout.xz"
    return ProbeResult(
        probe=probe,
        outcome=Outcome(index["outcome"]),
        code=index["code"],
        stdout=lzma.decompress(packed.read_bytes()) if packed.is_file() else plain.read_bytes(),
        stderr=(folder / f"{name}.stderr").read_bytes(),
        files=tuple(
            HostFile(raw(path), Outcome(outcome), (folder / f"{name}.files" / str(number)).read_bytes())
            for number, (path, outcome) in enumerate(index["files"])
        ),
        detail=index["detail"],
    )


class Replay:
    """A recording as a host; a probe that was not recorded fails by name."""

    name = TRANSPORT
    root = ""
    live = True
    local = False

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def open(self, command: str, *, tty: bool = False) -> Channel:  # noqa: ARG002 -- a recording has no shell
        """Start a bundle, whatever the command."""
        return _Answer(self._directory)

    def close(self) -> None:
        """End nothing: nothing runs."""


class _Answer:
    """A bundle's run: reads the program that is sent, prints the frames that the host printed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._program = b""
        self._chunks: list[tuple[Stream, bytes]] | None = None

    def send(self, data: bytes) -> None:
        self._program += data

    def send_eof(self) -> None:
        pass

    def receive(self, timeout: float) -> tuple[Stream, bytes] | None:  # noqa: ARG002 -- a recording does not wait
        if self._chunks is None:
            self._chunks = list(reversed(self._answer()))
        return self._chunks.pop() if self._chunks else (Stream.END, b"")

    def exit_code(self) -> int:
        return 0

    def close(self) -> None:
        pass

    def _answer(self) -> list[tuple[Stream, bytes]]:
        found = _NONCE.search(self._program)
        if found is None:
            return []
        mark = b"\n" + found[1] + b" "
        chunks = [chunk for task in _PROBE.finditer(self._program) for chunk in self._frame(mark, *task.groups())]
        return [*chunks, (Stream.STDOUT, mark + b"done\n")]

    def _frame(self, mark: bytes, scope: bytes, probe: bytes, number: bytes) -> list[tuple[Stream, bytes]]:
        result = load(self._directory, scope.decode(), probe.decode())
        begin, end = mark + b"begin " + number + b"\n", mark + b"end " + number
        if result is None:
            result = ProbeResult(probe.decode(), Outcome.FAILED, 1, stderr=b"not in this recording\n")
        files = b"".join(
            mark + b"file " + file.outcome.value.encode() + b"\n" + file.path + b"\0" + file.data + mark + b"close\n"
            for file in result.files
        )
        said = result.outcome in {Outcome.ABSENT, Outcome.DENIED} and not result.code
        word = mark + result.outcome.value.encode() + b" " + result.detail.encode() + b"\n" if said else b""
        return [
            (Stream.STDERR, begin + result.stderr + end + b"\n"),
            (Stream.STDOUT, begin + files + result.stdout + word + end + b" " + str(result.code).encode() + b"\n"),
        ]
