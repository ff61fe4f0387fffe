"""The one loop that runs a command through any transport, with its deadline and as whom it is to run."""

import time

from driftscan.transport.base import Channel, CommandTimeout, Privilege, Sink, Stream, Transport
from driftscan.transport.sudo import SudoDialogue, UntilLastWord

_LOOK = 0.5  # seconds after which the deadline, which may have moved, is looked at again


def run(
    transport: Transport,
    command: str,
    sink: Sink,
    *,
    stdin: bytes = b"",
    privilege: Privilege | None = None,
    hold: bool = False,
) -> int:
    """Run `command` to its end, feed it `stdin`, give what it writes to `sink`, and return its exit code.

    The code is -1 when the host never told it. Without privilege `command` is a line for the login shell; with sudo
    it is one simple command without quotes, and on a terminal (`privilege.tty`) its stderr comes as stdout. With
    `hold` its stdin does not end before it does, so that its end tells the command that it was given up. Raises
    CommandTimeout at the sink's deadline, TransportError when the connection is lost or sudo refuses; then, and when
    the sink or a person interrupts, the command is given up and ended as far as the transport can.
    """
    if privilege is None or not privilege.sudo:
        dialogue, channel = None, transport.open(command)
    else:
        dialogue = SudoDialogue(command, privilege, len(stdin), hold=hold)
        channel = transport.open(dialogue.command, tty=privilege.tty)
    ending = UntilLastWord(sink, dialogue.last_word) if dialogue and privilege and privilege.tty else None
    try:
        if dialogue is not None:
            _become_root(channel, dialogue, ending or sink)
        channel.send(stdin)
        if not hold:
            channel.send_eof()
        return _drain(channel, sink) if ending is None else _drain_terminal(channel, ending)
    finally:
        channel.close()


def _become_root(channel: Channel, dialogue: SudoDialogue, sink: Sink) -> None:
    while not dialogue.through:
        stream, data = _next(channel, sink, "sudo let the command run")
        if stream is Stream.END:
            raise dialogue.failure(channel.exit_code())
        if answer := dialogue.take(stream, data):
            channel.send(answer)
    for stream, data in dialogue.first():
        _give(sink, stream, data)


def _drain(channel: Channel, sink: Sink) -> int:
    while (chunk := _next(channel, sink))[0] is not Stream.END:
        _give(sink, *chunk)
    return channel.exit_code()


def _drain_terminal(channel: Channel, ending: UntilLastWord) -> int:
    while ending.code is None:
        stream, data = _next(channel, ending)
        if stream is Stream.END:
            ending.flush()
            return channel.exit_code()
        _give(ending, stream, data)
    return ending.code


def _next(channel: Channel, sink: Sink, awaited: str = "the command was over") -> tuple[Stream, bytes]:
    while (left := sink.deadline() - time.monotonic()) > 0:
        chunk = channel.receive(min(left, _LOOK))
        if chunk is not None:
            return chunk
    raise CommandTimeout(f"the deadline passed before {awaited}")


def _give(sink: Sink, stream: Stream, data: bytes) -> None:
    if data:
        (sink.stdout if stream is Stream.STDOUT else sink.stderr)(data)
