"""How often, and how fast, a server that turns connections away is tried again."""

import random
import time
from collections.abc import Iterator

_PAUSES = (0.3, 1.0, 2.0, 4.0)  # seconds: sshd's MaxStartups drops connections at random until a burst is over


def tries() -> Iterator[bool]:
    """Yield once for each try, with a pause between them; whether another one may follow."""
    for pause in _PAUSES:
        yield True
        time.sleep(pause * random.uniform(0.7, 1.3))  # noqa: S311 -- so that a burst of scans does not stay one
    yield False
