"""Answering what the system's ssh asks, without a terminal: SSH_ASKPASS over two pipes in a private directory."""

import errno
import os
from pathlib import Path

# "none" is a notice (touch the security key) that wants no answer; the helper is killed when it is done with. What is
# read first says whether there is an answer at all: an empty one would be tried as a password.
_HELPER = """#!/bin/sh
[ "$SSH_ASKPASS_PROMPT" = none ] && exec sleep 60
cd "$(dirname "$0")" || exit 1
printf '%s\\0' "$1" >ask
{ IFS= read -r given && [ "$given" = yes ] && cat; } <answer
"""


class Askpass:
    """The helper for one connection; `directory` must be the user's alone, for answers pass through it."""

    def __init__(self, directory: Path) -> None:
        self._answer_path = directory / "answer"
        self._helper = directory / "askpass"
        for name in ("ask", "answer"):
            os.mkfifo(directory / name, 0o600)
        self._helper.write_text(_HELPER, encoding="utf-8")
        self._helper.chmod(0o700)
        self._ask = os.open(directory / "ask", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        self._heard = b""
        self._reply: bytes | None = None

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables by which ssh finds the helper; before OpenSSH 8.4 it had to believe in a display."""
        return {"SSH_ASKPASS": str(self._helper), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": "none"}

    def question(self) -> str | None:
        """Return what ssh asks, if it does; every question must be answered."""
        self._deliver()
        try:
            self._heard += os.read(self._ask, 4096)
        except BlockingIOError:
            return None
        question, end, rest = self._heard.partition(b"\0")
        if not end:
            return None
        self._heard = rest
        return question.decode("utf-8", "replace")

    def answer(self, secret: str | None) -> None:
        """Give the answer, or say that there is none."""
        self._reply = b"no\n" if secret is None else f"yes\n{secret}\n".encode()

    def close(self) -> None:
        """Stop listening."""
        os.close(self._ask)

    def _deliver(self) -> None:
        if self._reply is None:
            return
        try:
            pipe = os.open(self._answer_path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno == errno.ENXIO:  # the helper has not come to reading yet
                return
            raise
        with os.fdopen(pipe, "wb") as stream:
            stream.write(self._reply)
        self._reply = None
