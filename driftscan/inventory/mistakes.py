"""How an inventory's mistakes are worded: one line, safe to show, without the values that may be secrets."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

from driftscan.errors import InventoryError
from driftscan.model.text import shown

_LONGEST = 60  # characters of a foreign value that an error line quotes
_LOGIN = re.compile(r":.*@", re.DOTALL)


def mistake(where: str, message: str, hint: str = "") -> InventoryError:
    """Return the error for `where` (`file:line`), with everything a terminal would act on escaped."""
    return InventoryError(shown(message), where=shown(where), hint=shown(hint))


def quoted(value: str) -> str:
    """Return `value` between quotes, shortened where it would make the line long, without the `:password@` of a URL."""
    value = _LOGIN.sub(":…@", value)
    return f"'{value}'" if len(value) <= _LONGEST else f"'{value[:_LONGEST]}…'"


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return `did you mean 'x'?` for the nearest of the `known` words, "" when none is near."""
    near = get_close_matches(word[:_LONGEST], list(known), n=1)
    return f"did you mean {quoted(near[0])}?" if near else ""
