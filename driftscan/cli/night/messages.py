"""Notifications: to each address a message when something has changed since its last one, and a sign of life."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from driftscan.cli.night.summary import Manner, told
from driftscan.errors import DriftscanError
from driftscan.model.drift import Check

if TYPE_CHECKING:
    from driftscan.store import Store

_NOTE = "nightly messages"
_SLACK = timedelta(hours=1)  # a night that began a little earlier than the one a week ago is a week later all the same
_WIDTH = 100  # columns of a message


class _Last(NamedTuple):
    """The last message that an address took: when, and what it told of (`notify.digest`)."""

    sent: str
    state: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Messages:
    """Where messages go, and after how many seconds one goes out although nothing has changed (None: never)."""

    urls: tuple[str, ...] = ()
    heartbeat: float | None = None

    def send(self, store: "Store", checks: Sequence[Check]) -> None:
        """Send what is to be sent; DriftscanError, in the end, when an address did not take it: it will be sent again.

        What an address was told is remembered under the digest of it, for it holds passwords.
        """
        if not self.urls:
            return
        from driftscan.notify import send

        now = datetime.now(timezone.utc)
        known = _recalled(store)
        errors: list[str] = []
        for url in dict.fromkeys(self.urls):
            name = blake2b(url.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
            last = known.get(name, _Last("", {}))
            message = self._message(checks, last, now)
            if message is None:
                continue
            title, body, state = message
            failed = send([url], title, body)
            errors += failed
            if not failed:
                known[name] = _Last(now.isoformat(), state)
                store.remember(_NOTE, json.dumps(known))
        if errors:
            raise DriftscanError("; ".join(errors), hint="it is tried again in the next night")

    def _message(
        self, checks: Sequence[Check], last: _Last, now: datetime
    ) -> tuple[str, str, Mapping[str, Sequence[str]]] | None:
        """Return title, text and what to remember; None where there is nothing to say."""
        from driftscan.notify.digest import digest

        changed = digest(checks, last.state)
        if changed is not None:
            return changed.title, changed.body, changed.state
        if self.heartbeat is None:
            return None
        if last.sent and now - datetime.fromisoformat(last.sent) < timedelta(seconds=self.heartbeat) - _SLACK:
            return None
        *_, totals = told(checks, Manner(_WIDTH, everything=True))
        return "driftscan: nothing new", f"{totals}\n", last.state


def _recalled(store: "Store") -> dict[str, _Last]:
    try:
        return {name: _Last(*last) for name, last in json.loads(store.recall(_NOTE) or "{}").items()}
    except (ValueError, TypeError, AttributeError):  # what another version has left
        return {}
