"""Becoming root by sudo: the command line, the dialogue before the command runs, and what its refusals mean."""

import re
import secrets

from driftscan.model.text import shown, text
from driftscan.transport.base import Privilege, RefusedError, Sink, Stream
from driftscan.transport.shell import USUAL_PATH

_NOT_FOUND = 127  # exit code of `env` and of every shell
_NUMBER = 8  # bytes of an exit code and more; what is longer was forged
_KEPT = 64 << 10  # bytes of chatter (login files, lectures) that are remembered while sudo is not through yet
_FORBIDDEN = set("'!\\\n\r\0")  # what sh, csh and fish do not all read alike inside single quotes

# (what sudo says, what it means, the way out), first match wins. Wordings of sudo 1.7 to 1.9 under LC_ALL=C.
_REFUSALS = (
    (
        r"must have a tty",
        "sudo refuses to run without a terminal (sudoers has requiretty)",
        "set `sudo_tty: true` for this host",
    ),
    (
        r"not in the sudoers file|may not run sudo|is not allowed to (execute|run)",
        "sudo does not let the login user become root",
        "allow it in sudoers or log in as another user",
    ),
    (
        r"incorrect password|try again|no password was provided",
        "sudo does not accept the password",
        "check `sudo_password`; it is the login user's own unless sudoers say otherwise",
    ),
    (
        r"password is required|terminal is required|no tty present|askpass",
        "sudo asks for a password",
        "set `sudo: password` for this host, or NOPASSWD in its sudoers",
    ),
    (
        r"must be owned by uid 0|must be setuid root|no new privileges|nosuid",
        "sudo cannot make anyone root here: its setuid bit has no effect",
        "log in as root",
    ),
)


class SudoDialogue:
    """One command that is to run as root: what to start, and what to say until it runs.

    The password goes out only after sudo has printed a random prompt, the command's stdin only after a random word
    that comes first in each of the command's own outputs: so neither can ever be read by the wrong program. A terminal
    has one output, and no end of input: there the command gets exactly `size` bytes of stdin.
    """

    def __init__(self, command: str, privilege: Privilege, size: int, *, hold: bool) -> None:
        if _FORBIDDEN & set(command):
            raise ValueError(f"a command for sudo must survive single quotes in every login shell: {command!r}")
        self._password = privilege.password
        self._prompt = f"[{secrets.token_hex(16)}]"
        self._word = secrets.token_hex(16)
        self.last_word = secrets.token_hex(16)
        self._asked = False
        streams = (Stream.STDOUT,) if privilege.tty else (Stream.STDOUT, Stream.STDERR)
        self._heard = {stream: bytearray() for stream in streams}
        self._prompting = streams[-1]
        self.command = self._on_terminal(command, size, hold=hold) if privilege.tty else self._on_pipes(command)

    @property
    def through(self) -> bool:
        """Whether the command itself runs."""
        word = f"{self._word}\n".encode()
        return all(word in heard for heard in self._heard.values())

    def take(self, stream: Stream, data: bytes) -> bytes:
        """Take what came while the command did not run yet; return what to answer, most often nothing.

        Raises RefusedError when sudo asks again: the first answer was wrong, and more of them would lock accounts.
        """
        heard = self._heard[stream]
        heard += data
        if stream is self._prompting and self._prompt.encode() in heard:
            if self._asked:
                raise _refusal("incorrect password")
            self._asked = True
            heard.clear()
            return f"{self._password}\n".encode()
        if len(heard) > _KEPT and not self.through:
            del heard[:-_KEPT]
        return b""

    def first(self) -> list[tuple[Stream, bytes]]:
        """Return what the command itself has written so far; valid once it is `through`."""
        word = f"{self._word}\n".encode()
        return [(stream, bytes(heard.partition(word)[2])) for stream, heard in self._heard.items()]

    def failure(self, code: int) -> RefusedError:
        """Say why it ended with exit code `code` before the command ran."""
        if code == _NOT_FOUND:
            return RefusedError("sudo is not installed on the host", hint="install it or log in as root")
        said = b"\n".join(self._heard[stream] for stream in reversed(self._heard))
        return _refusal(text(bytes(said)))

    def _on_pipes(self, command: str) -> str:
        return f"{self._sudo()} -- /bin/sh -c 'echo {self._word}; echo {self._word} >&2; exec {command}'"

    def _on_terminal(self, command: str, size: int, *, hold: bool) -> str:
        feed = f"{{ head -c {size}; cat; }}" if hold else f"head -c {size}"
        # Spelled otherwise than it is printed: lists of processes and the journal, which are read, show this line.
        bye = f'echo {self.last_word[:16]}""{self.last_word[16:]} $?'
        sudo = f"{self._sudo()} -- /bin/sh -c 'echo {self._word}; {feed} | {{ {command}; {bye}; }}'"
        return f"stty raw -echo; {sudo}"

    # `env` sets the language in every login shell alike, and its exit code tells when there is no sudo.
    def _sudo(self) -> str:
        how = "-n" if self._password is None else f"-S -p '{self._prompt}' -k"
        return f'/usr/bin/env LC_ALL=C "PATH={USUAL_PATH}:$PATH" sudo {how}'


class UntilLastWord:
    """A sink before another one, which takes the command's last word out and has its exit code then."""

    def __init__(self, sink: Sink, word: str) -> None:
        self._sink = sink
        self._word = word.encode()
        self._held = b""
        self.code: int | None = None

    def stdout(self, data: bytes) -> None:
        """Pass on what cannot be part of the last word."""
        data = self._held + data
        before, word, after = data.partition(self._word)
        if not word:
            before, self._held = _cut(data, self._word)
        elif b"\n" in after or len(after) > _NUMBER:
            number = after.partition(b"\n")[0].strip()
            self.code, self._held = (int(number) if number.isdigit() and len(number) <= _NUMBER else -1), b""
        else:
            self._held = word + after
        if before:
            self._sink.stdout(before)

    def stderr(self, data: bytes) -> None:
        """Pass it on."""
        self._sink.stderr(data)

    def deadline(self) -> float:
        """Return the other sink's."""
        return self._sink.deadline()

    def flush(self) -> None:
        """Pass on what was held back: the command ended without its last word."""
        if self._held:
            self._sink.stdout(self._held)


def _cut(data: bytes, word: bytes) -> tuple[bytes, bytes]:
    """Split `data` before what may be the beginning of `word` at its end."""
    for size in range(min(len(word) - 1, len(data)), 0, -1):
        if word.startswith(data[-size:]):
            return data[:-size], data[-size:]
    return data, b""


def _refusal(said: str) -> RefusedError:
    for pattern, message, hint in _REFUSALS:
        if re.search(pattern, said, re.IGNORECASE):
            return RefusedError(message, hint=hint)
    lines = [line for line in said.splitlines() if line.strip()]
    last = shown(lines[-1].strip()[:200]) if lines else "it said nothing"
    return RefusedError(f"sudo did not run the command: {last}", hint="try it by hand on the host")
