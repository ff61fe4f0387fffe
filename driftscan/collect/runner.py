"""Running probes: one bundle after the other until each probe has run or has had its chance."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from driftscan.collect.bundle import Consumer, Task, new_nonce, program
from driftscan.collect.frames import ROOM, BundleSink
from driftscan.errors import TransportError
from driftscan.model.outcome import Outcome, ProbeResult
from driftscan.transport.base import CommandTimeout, Privilege, Transport
from driftscan.transport.replay import save
from driftscan.transport.run import run
from driftscan.transport.shell import CLEAN_SHELL

Results = dict[tuple[str, str], ProbeResult]
_PATIENCE = 300.0  # seconds that probes which do not end may cost together, besides the longest
_LEAST_PATIENCE = 10.0  # seconds that each gets when they are used up
NOT_RUN = "not run"  # how the detail of a probe begins that never had its chance
Watch = Callable[[str], None]  # told the scope that is being looked at, whenever something arrives


@dataclass(frozen=True, slots=True)
class Link:
    """A host that is connected: the way to it and as whom commands run there."""

    transport: Transport
    privilege: Privilege
    record: Path | None = None  # where what the host shows is written down, for `replay`
    stuck: list[str] = field(default_factory=list, compare=False)  # the host's tools that were seen not to end


class _Watched(BundleSink):
    """A sink that says how it gets on."""

    def __init__(
        self, tasks: Sequence[Task], nonce: str, watch: Watch, *, tty: bool, room: int, patience: float
    ) -> None:
        super().__init__(tasks, nonce, tty=tty, room=room, patience=patience)
        self._watch = watch

    def stdout(self, data: bytes) -> None:
        super().stdout(data)
        if self.current is not None:
            self._watch(self.current.scope)


def run_tasks(link: Link, tasks: Sequence[Task], watch: Watch) -> Results:
    """Run every task and return a result for each; a probe that is stuck costs itself alone.

    Raises TransportError when not even the first probe could be begun: nothing is known of the host then.
    """
    taken = {_name(task): _Tee(task.consumer) for task in tasks if task.consumer and link.record}
    left = [replace(task, consumer=taken.get(_name(task), task.consumer)) for task in tasks]
    results: Results = {}
    room, longest = ROOM, max((task.probe.timeout for task in tasks), default=0.0)
    bare = bool(link.stuck)
    while left:
        nonce, stuck = new_nonce(), tuple(link.stuck)  # another lane may add to it meanwhile
        patience = max(_PATIENCE + longest - _waited(results), _LEAST_PATIENCE)
        sink = _Watched(left, nonce, watch, tty=link.privilege.tty, room=room, patience=patience)
        ask = bare or any(result.outcome is Outcome.TIMEOUT for result in results.values())
        script = program(left, nonce, link.transport.root, tty=link.privilege.tty, bare=bare, ask=ask, stuck=stuck)
        lost = _run_bundle(link, script, sink)
        results |= sink.results
        room = sink.room
        if sink.left == left:
            if isinstance(lost, CommandTimeout) and sink.asked and sink.asked not in stuck:
                link.stuck.append(sink.asked)
                continue
            if sink.greeted and not bare:
                bare = True
                continue
            if not results:
                raise _why_silent(link, sink, lost)
            results |= {_name(task): _unrun(task, str(_why_silent(link, sink, lost))) for task in left}
            break
        left = sink.left
    if link.record is not None:
        whole = {name: replace(results[name], stdout=b"".join(tee.chunks)) for name, tee in taken.items()}
        save(results | whole, link.record)
    return results


def run_more_tasks(link: Link, tasks: Sequence[Task], watch: Watch) -> Results:
    """Run every task, on a host that has shown something already: a lost connection costs these tasks alone."""
    try:
        return run_tasks(link, tasks, watch) if tasks else {}
    except TransportError as error:
        return {_name(task): _unrun(task, str(error)) for task in tasks}


class _Tee:
    """A consumer before another one, which keeps what goes through."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self.chunks: list[bytes] = []

    def __call__(self, chunk: bytes) -> None:
        self.chunks.append(chunk)
        self._consumer(chunk)


def _waited(results: Results) -> float:
    """Return the seconds that went by with probes that did not end."""
    return sum(result.seconds for result in results.values() if result.outcome is Outcome.TIMEOUT)


def _run_bundle(link: Link, script: bytes, sink: BundleSink) -> TransportError | None:
    """Run one bundle as far as it comes; return what ended it early."""
    try:
        code = run(link.transport, CLEAN_SHELL, sink, stdin=script, privilege=link.privilege, hold=True)
    except CommandTimeout as error:
        sink.finish(Outcome.TIMEOUT)
        return error
    except TransportError as error:
        sink.finish(Outcome.FAILED, str(error))
        return error
    sink.finish(Outcome.FAILED, f"the shell on the host ended with exit code {code}")
    return None


def _why_silent(link: Link, sink: BundleSink, lost: TransportError | None) -> TransportError:
    """Say why not even the first probe began: what ended it, or else what the login said instead."""
    said = f": {sink.last_words}" if sink.last_words else ""
    if isinstance(lost, CommandTimeout) and not sink.greeted and not link.privilege.sudo:
        return CommandTimeout(
            f"the host's login did not come to the first probe{said}",
            hint="does a login file of the account wait, or read what is meant for the shell?",
        )
    if lost is not None:
        return lost
    return TransportError(f"the host ran no probe{said}", hint="is the account restricted to a command or to no shell?")


def _name(task: Task) -> tuple[str, str]:
    return task.scope, task.probe.name


def _unrun(task: Task, why: str) -> ProbeResult:
    return ProbeResult(task.probe.name, Outcome.FAILED, detail=f"{NOT_RUN}: {why}")
