"""The frames of a bundle: whatever comes on either stream, the probes that did not end are not taken for ended."""

from collections.abc import Iterator

from driftscan.collect.bundle import Task
from driftscan.collect.frames import BundleSink
from driftscan.model.outcome import Outcome
from driftscan.scopes.base import Probe
from tests.fuzz.target import Target, pieces

NONCE = "0123456789abcdef"
TASKS = [Task("files", Probe("one", "true")), Task("files", Probe("two", "true", limit=100))]


def check(data: bytes) -> None:
    """Feed pieces to both streams in turn: the nonce is known to the worst of hosts."""
    sink = BundleSink(TASKS, NONCE, room=1 << 16)
    for number, piece in enumerate(pieces(data.replace(b"NONCE", NONCE.encode()))):
        (sink.stderr if number % 3 == 2 else sink.stdout)(piece)
        sink.deadline()
    sink.finish(Outcome.TIMEOUT, "it ended")
    for result in sink.results.values():
        assert len(result.stdout) + sum(len(file.data) for file in result.files) <= (1 << 16) + (2 << 20)


def seeds() -> Iterator[bytes]:
    """Yield what a bundle sends."""
    yield b"banner\nNONCE hello\n\nNONCE begin 1\nout\nNONCE end 1 0\n\nNONCE begin 2\nmore\nNONCE end 2 1\n\nNONCE done\n"  # noqa: E501
    yield (
        b"\nNONCE hello\n\nNONCE begin 1\n\nNONCE file ok\n/etc/passwd\0root:x\nNONCE close\n\nNONCE files\nok\0/a\0a\0\0"  # noqa: E501
        b"\nNONCE close x\n\nNONCE denied no\n\nNONCE end 1 0\n\xff\xfe\xff\xfe\nNONCE begin 1\nerr\nNONCE end 1\n"
    )


TARGETS = [Target("frames", check, seeds)]
