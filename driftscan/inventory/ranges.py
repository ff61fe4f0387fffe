"""Host ranges as in Ansible: `web[01:12]`, `db[a:c]`, `node[0:20:5]`, several of them in one name."""

import re
import string
from itertools import product

_MOST = 1_000_000  # names that all patterns of an inventory may stand for
_RANGE = re.compile(r"\[([^\[\]]*)\]")
_TOO_MANY = f"makes the inventory longer than {_MOST} names"
_WRONG = "is not a host range, expected one such as web[1:12], web[01:12] or web[a:f]"


class Ranges:
    """Expands the patterns of one inventory, all of them together within bounds: no file asks for endless work."""

    def __init__(self) -> None:
        self._left = _MOST

    def expand(self, pattern: str) -> list[str]:
        """Return the names that `pattern` stands for, in order; ValueError says what is wrong with it."""
        names = _expand(pattern, self._left)
        self._left -= len(names)
        return names


def _expand(pattern: str, most: int) -> list[str]:
    parts = _RANGE.split(pattern)
    if any("[" in part or "]" in part for part in parts[0::2]):
        raise ValueError(_WRONG)
    choices: list[list[str]] = []
    count = 1
    for position, part in enumerate(parts):
        options = _range(part, most) if position % 2 else [part]
        count *= len(options)
        if count > most:
            raise ValueError(_TOO_MANY)
        choices.append(options)
    return ["".join(words) for words in product(*choices)]


def _range(text: str, most: int) -> list[str]:
    first, colon, rest = text.partition(":")
    last, _, step = rest.partition(":")
    first = first or "0"
    if not colon or not re.fullmatch(r"([1-9][0-9]{0,5})?", step):
        raise ValueError(_WRONG)
    if re.fullmatch(r"[0-9]{1,18}:[0-9]{1,18}", f"{first}:{last}", re.ASCII):
        return _numbers(first, last, int(step or 1), most)
    letters = string.ascii_letters
    if len(first) == 1 == len(last) and first in letters and last in letters:
        found = list(letters[letters.index(first) : letters.index(last) + 1 : int(step or 1)])
        if found:
            return found
    raise ValueError(_WRONG)


def _numbers(first: str, last: str, step: int, most: int) -> list[str]:
    padded = len(first) > 1 and first.startswith("0")
    if (padded and len(first) != len(last)) or int(first) > int(last):
        raise ValueError(_WRONG)
    numbers = range(int(first), int(last) + 1, step)
    if len(numbers) > most:
        raise ValueError(_TOO_MANY)
    return [str(number).zfill(len(first) if padded else 0) for number in numbers]
