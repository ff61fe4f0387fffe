"""One nightly run at a time on one database: a lock that the kernel lifts when its holder ends, however it ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from hashlib import blake2b
from pathlib import Path

from driftscan.errors import DriftscanError, StoreError
from driftscan.model.text import shown

_SAID = 200  # bytes of the holder's words


@contextmanager
def alone(database: str | None) -> Iterator[None]:
    """Hold the database's lock for as long as the block runs; DriftscanError when somebody else does, and who.

    The file stays: whoever removed it might remove the one that somebody else has just locked.
    """
    path = place(database)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise StoreError(f"the lock {shown(str(path))} cannot be made: {error.strerror}") from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = shown(os.read(lock, _SAID).decode("utf-8", "replace").strip()) or "who does not say a word"
            raise DriftscanError(
                f"another nightly run on this database goes on: {holder}", hint="wait until it has finished"
            ) from None
        os.ftruncate(lock, 0)
        now = datetime.now(timezone.utc)
        os.write(lock, f"pid {os.getpid()}, since {now:%Y-%m-%d %H:%M:%S} UTC\n".encode())
        yield
    finally:
        os.close(lock)


def place(database: str | None) -> Path:
    """Return where the lock is: beside an SQLite file; of a server in the user's state directory.

    Not in the runtime directory, which cron's jobs know nothing of: two runs must come to the same place.
    """
    from driftscan.store.engine import default_path

    spelled = database or str(default_path())
    if spelled.startswith("sqlite") and "://" in spelled:
        spelled = spelled.partition("://")[2].partition("?")[0].removeprefix("/") or "memory"
    if "://" not in spelled:
        path = Path(os.path.realpath(Path(spelled).expanduser()))
        return path.with_name(f"{path.name}.nightly")
    state = os.environ.get("XDG_STATE_HOME", "")
    base = Path(state) if state.startswith("/") else Path.home() / ".local/state"
    return base / "driftscan" / f"{blake2b(spelled.encode(), digest_size=8).hexdigest()}.nightly"
