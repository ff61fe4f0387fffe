"""The case of a host: all that a verdict on it is made from."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from driftscan.explain.view import View
from driftscan.model.proof import Proof
from driftscan.model.snapshot import Snapshot
from driftscan.role.model import Role

FRESH = timedelta(days=7)  # how old the newest snapshot may be
LATELY = timedelta(days=14)  # how long ago a login still says that somebody uses the host


@dataclass(frozen=True)
class Case:
    """`view` shows the newest snapshot, number `number`; `role` was planned from it.

    `proof` is the newest proof, None: there is none; `proven` the snapshot that it was made from, None: it is not kept
    any more. `now` is the time (UTC) at which the verdict is given.
    """

    view: View
    number: int
    role: Role
    proof: Proof | None
    proven: Snapshot | None
    now: datetime

    @property
    def host(self) -> str:
        """The host's name."""
        return self.view.snapshot.host
