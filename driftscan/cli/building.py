"""Building the role of a stored snapshot: planned, the files' content fetched, planned again with it."""

from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from driftscan.cli.options import Shared, ask

if TYPE_CHECKING:
    from driftscan.collect.fetch import Fetched
    from driftscan.collect.runner import Link
    from driftscan.explain.view import View
    from driftscan.findings.base import Judgement
    from driftscan.model.host import Host
    from driftscan.role.model import Role
    from driftscan.role.secrets import Secrets
    from driftscan.store import Store, StoredSnapshot

Steer = Annotated[
    Path | None,
    typer.Option("--steer", "-s", metavar="FILE", help="What to include, exclude, rename, take as data; in YAML."),
]
Declared = Annotated[
    Path | None,
    typer.Option("--baseline", metavar="FILE", help="Only what this baseline declares; else all that is no stock."),
]
Name = Annotated[str, typer.Option("--name", metavar="ROLE", help="What the role is called; else the host's name.")]
Offline = Annotated[
    bool,
    typer.Option("--offline", help="Connect to no host: files are what the database keeps, their secrets unknown."),
]

_FEW = 3  # files that are named of those that have changed
_ROUNDS = 4  # of planning: what is known first may show what else is wanted
_NO_CONTENTS = "replay"  # the transport that has none
_NOT_KEPT = "the database does not keep it"


@dataclass(frozen=True)
class Built:
    """A role, and what it was made from; `view` can be used as long as the store is open.

    `missing` are the paths whose content was wanted and could not be had, and why; `offline`: from the database.
    """

    role: "Role"
    secrets: "Secrets"
    view: "View"
    judgement: "Judgement"
    stored: "StoredSnapshot"
    missing: Mapping[bytes, str] = field(default_factory=dict)
    offline: bool = False

    @property
    def complete(self) -> bool:
        """Whether the host was seen whole, and all was had that was wanted."""
        return self.stored.complete and not self.missing


def build(
    shared: Shared,
    store: "Store",
    target: str,
    *,
    steer: Path | None = None,
    baseline: Path | None = None,
    name: str = "",
    offline: bool = False,
    hashes: bool = False,
) -> Built:
    """Return the role of the snapshot that `target` (HOST or HOST@REVISION) means.

    With `offline`, and for a recording, nothing is connected: the content of files is what the database keeps. With
    `hashes` those of passwords are among the values of the secrets, if the host shows them. Raises
    UsageError for a file that cannot be used, TransportError for a host that cannot be reached.
    """
    from dataclasses import replace

    from driftscan.baseline.load import load as load_baseline
    from driftscan.cli.judging import view as view_of
    from driftscan.collect.fetch import Fetched
    from driftscan.findings.base import judge
    from driftscan.model.revision import Revision
    from driftscan.role.plan import plan
    from driftscan.role.secrets import Secrets
    from driftscan.role.steering import Steering
    from driftscan.role.steering import load as load_steering

    chosen = shared.one_target(target)
    stored = store.snapshot_at(chosen.host.name, chosen.revision or Revision("latest"))
    steering = load_steering(steer) if steer else Steering()
    declared = load_baseline(baseline) if baseline else None
    view = view_of(store, store.load(stored))
    judgement = judge(view)
    offline = offline or chosen.host.transport == _NO_CONTENTS
    with closing(_Kept(view) if offline else _Host(shared, chosen.host)) as source:
        fetched, secrets = Fetched(), None
        for _ in range(_ROUNDS):
            role, wanted = plan(
                view, judgement, steering, fetched.read, name=name, declared=declared, secrets=secrets, hashes=hashes
            )
            more = {path for path in wanted if fetched.read(path) is None and path not in fetched.missing}
            if not more and secrets is not None:
                break
            fetched = fetched.with_more(source.fetch(more))
            secrets = Secrets(fetched.contents, kept=offline, rename=steering.named)
    missing = {path: fetched.missing.get(path, "asked for too late") for path in wanted if fetched.read(path) is None}
    role = replace(role, notes=(*role.notes, *(() if offline else _changed(view, fetched))))
    return Built(role, secrets or Secrets(), view, judgement, stored, missing, offline)


class _Host:
    """A host as a source of what its files say; it is connected when it is asked for the first time."""

    def __init__(self, shared: Shared, host: "Host") -> None:
        self._shared = shared
        self._host = host
        self._link: Link | None = None

    def fetch(self, wanted: "Collection[bytes]") -> "Fetched":
        """Return what the host says."""
        from driftscan.cli.progress import Progress
        from driftscan.collect.fetch import Fetched, fetch

        if not wanted:
            return Fetched()
        self._link = self._link or self._connect()
        with Progress([self._host.name], quiet=self._shared.quiet) as progress:
            return fetch(self._link, wanted, watch=lambda scope: progress.step(self._host.name, scope, 0))

    def _connect(self) -> "Link":
        from driftscan.collect.runner import Link
        from driftscan.transport.connect import connect, privilege

        rights = privilege(self._host, ask)
        return Link(connect(self._host, ask), rights)

    def close(self) -> None:
        """End the connection."""
        if self._link is not None:
            self._link.transport.close()


class _Kept:
    """The database as a source: texts with placeholders where secrets stood, and of a key nothing but one."""

    def __init__(self, view: "View") -> None:
        self._view = view

    def fetch(self, wanted: "Collection[bytes]") -> "Fetched":
        """Return what the database keeps."""
        from driftscan.collect.fetch import Fetched
        from driftscan.model.redaction import mark
        from driftscan.model.text import raw

        found: dict[bytes, bytes] = {}
        for item in self._view.of("contents"):
            path, kept, secrets = raw(item.key), item.attributes.get("text"), item.attributes.get("secrets") or []
            if isinstance(kept, str):
                found[path] = raw(kept)
            elif len(secrets) == 1 and secrets[0].get("kind") in {"file", "private key"}:
                found[path] = mark(item.key.rpartition("/")[2]).encode()
        found |= {path: b"" for path in wanted if _is_empty(self._view, path)}
        contents = {path: data for path, data in found.items() if path in wanted}
        return Fetched(contents, missing={path: _NOT_KEPT for path in wanted if path not in contents})

    def close(self) -> None:
        """Leave the database open: it is not this one's."""


def _is_empty(view: "View", path: bytes) -> bool:
    entry = view.directories.entry(path)
    return entry is not None and entry.kind == "f" and not entry.size


def _changed(view: "View", fetched: "Fetched") -> list[str]:
    """Say which files are no longer as the snapshot has them."""
    from driftscan.model.text import shown, text

    found = []
    for path, data in sorted(fetched.contents.items()):
        entry = view.directories.entry(path)
        modified = fetched.modified.get(path)
        if entry is not None and (len(data) != entry.size or (modified is not None and modified != int(entry.mtime))):
            found.append(shown(text(path)))
    if not found:
        return []
    more = f" and {len(found) - _FEW} more" if len(found) > _FEW else ""
    return [f"changed since the snapshot, and taken as it is now: {', '.join(found[:_FEW])}{more}"]
