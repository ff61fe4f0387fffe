"""How the mistakes of a baseline are told: one line each, with the file and the line that it is about."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, NoReturn

from driftscan.errors import InventoryError, UsageError
from driftscan.model.text import shown


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing to be said about a baseline; `where` is `path:line`. What is an error is refused by `load`."""

    where: str
    severity: Literal["error", "warning"]
    message: str
    hint: str = ""

    def __str__(self) -> str:
        """Return the line for a person."""
        return f"{self.where}: {self.severity}: {self.message}" + (f"; {self.hint}" if self.hint else "")


class BaselineError(UsageError):
    """A baseline that cannot be read as one."""

    def __init__(self, complaint: Complaint) -> None:
        super().__init__(f"{complaint.where}: {complaint.message}", hint=complaint.hint)
        self.complaint = complaint


def refuse(where: str, message: str, hint: str = "") -> NoReturn:
    """Raise the error for `where`, with everything a terminal would act on escaped."""
    raise BaselineError(Complaint(shown(where), "error", shown(message), shown(hint)))


@dataclass(slots=True)
class Complaints:
    """Gathers what is to be said, so that one mistake does not hide the next."""

    said: list[Complaint] = field(default_factory=list)

    def warn(self, where: str, message: str, hint: str = "") -> None:
        """Add a warning."""
        self.said.append(Complaint(shown(where), "warning", shown(message), shown(hint)))

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Add the error that ends the block, if one does."""
        try:
            yield
        except BaselineError as error:
            self.said.append(error.complaint)

    def first_error(self) -> Complaint | None:
        """Return what `load` refuses the baseline for."""
        return next((one for one in self.said if one.severity == "error"), None)


@contextmanager
def of_a_baseline() -> Iterator[None]:
    """Turn the errors of the YAML reader, which was made for inventories, into those of a baseline."""
    try:
        yield
    except InventoryError as error:
        raise from_inventory(error) from None


def from_inventory(error: InventoryError) -> BaselineError:
    """Return the same error as one of a baseline."""
    where, _, message = error.message.partition(": ")
    return BaselineError(Complaint(where, "error", message.replace("an inventory", "a baseline"), error.hint))
