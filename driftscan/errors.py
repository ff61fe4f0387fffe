"""Expected errors: one line for a person, one exit code for a script."""

from enum import IntEnum
from typing import Any


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

    def __reduce__(self) -> Any:
        """Let it come from another process as it is, whatever its kind is made from."""
        return _same, (type(self), self.args, self.__dict__)


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


def _same(kind: type[DriftscanError], arguments: tuple[Any, ...], state: dict[str, Any]) -> DriftscanError:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(state)
    return error
