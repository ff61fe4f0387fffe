"""Expected errors: one line for a person, one exit code for a script."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the command line returns; INCOMPLETE outranks FINDINGS, for a blind spot may hide one more."""

    OK = 0
    ERROR = 1
    USAGE = 2
    INCOMPLETE = 3
    FINDINGS = 4
    INTERRUPTED = 130


class DriftscanError(Exception):
    """An expected error: `message` says what is wrong, `hint` what to do about it."""

    exit_code = ExitCode.ERROR

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class UsageError(DriftscanError):
    """What was asked cannot be asked that way."""

    exit_code = ExitCode.USAGE


class InventoryError(UsageError):
    """An inventory that cannot be read as one; `where` is `file:line` when the line is known."""

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(f"{where}: {message}" if where else message, hint=hint)


class TransportError(DriftscanError):
    """A host that cannot be reached or does not answer: it counts as not seen, the other hosts go on."""

    exit_code = ExitCode.INCOMPLETE


class StoreError(DriftscanError):
    """A database that cannot be opened, read or written."""
