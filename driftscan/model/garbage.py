"""Python's search for garbage, held back where there is none to find."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_RARELY = 10_000  # objects, in place of 700: what libraries make while they are loaded stays to the end


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Hold the collector of cycles back: half a million small tuples make none, and looking for them costs a third."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def collect_rarely() -> None:
    """Look for garbage rarely from now on, for a process that soon ends, or is to be forked."""
    gc.set_threshold(_RARELY)


def leave_to_exit() -> None:
    """Spare what is there the last search before the process ends."""
    gc.freeze()
