"""The scope `containers`: containers, images, volumes and machines, as the files of their runtimes tell of them."""

from collections.abc import Iterator

from driftscan.model.item import Column, Item, Json
from driftscan.model.outcome import Outcome
from driftscan.model.snapshot import Snapshot
from driftscan.model.text import text
from driftscan.scopes._common import file_calls, numbered
from driftscan.scopes._container_files import FILES, SOUGHT, Machine, files_to_read, machines_in_tree, read, tells
from driftscan.scopes._follow import no_tree
from driftscan.scopes.base import Follow, ItemScope, Parsed, Probe, Results, Since, unless

COLUMNS = (
    Column("runtime", "text", "docker, podman, lxc, incus, lxd, nspawn, libvirt"),
    Column("kind", "text", "container, image, machine, volume"),
    Column("name", "text", "Name, or of an image its tag"),
    Column("image", "text", "Image that it was made from; of an image, its id", golden=True),
    Column("state", "text", "running, exited, created …; null where no file tells", golden=True),
    Column("command", "text", "What it runs, secrets replaced", golden=True),
    Column("ports", "text", "Ports of the host that lead into it", golden=True),
    Column("mounts", "json", "Paths of the host that it uses", golden=True),
    Column("created", "text", "When it was made, UTC"),
    Column("storage", "text", "Where it lies"),
)


def probes(snapshot: Snapshot) -> list[Probe]:
    """Return the probe that shows the files in which runtimes keep what they have."""
    if not snapshot.tree:
        return [no_tree()]
    paths = files_to_read(snapshot)
    if not paths:
        return []
    return [Probe(FILES, file_calls(paths), timeout=60, limit=64 << 20)]


def parse(snapshot: Snapshot, results: Results) -> Parsed:
    """Turn these files, and the directories of machines, into items."""
    found, strange = list[Machine](), list[str]()
    for file in results[FILES].files if FILES in results else ():
        if file.outcome is Outcome.OK:
            made = read(file.path, file.data)
            if made is None:
                strange.append(text(file.path))
            found += made or ()
    if snapshot.tree:
        known = {(one.runtime, one.name) for one in found}
        found += [one for one in machines_in_tree(snapshot) if (one.runtime, one.name) not in known]
    unparsed = {FILES: f"not understood: {', '.join(strange[:5])}"} if strange else {}
    return Parsed(list(_items(found)), unparsed)


def _items(found: list[Machine]) -> Iterator[Item]:
    found = sorted(found, key=lambda one: (one.runtime, one.kind, one.name, one.storage))
    keys = numbered(f"{one.runtime} {one.kind} {one.name}" for one in found)
    for key, one in zip(keys, found, strict=True):
        attributes: dict[str, Json] = one._asdict()
        yield Item("containers", key, {**attributes, "mounts": list(one.mounts)})


def _concerns(_snapshot: Snapshot, since: Since) -> bool:
    """Whether a change may be one of a container or machine."""
    return any(change.is_other and tells(change.path) for change in since.changes)


SCOPE = ItemScope(
    name="containers",
    doc="Containers, images, volumes and virtual machines, running or not",
    columns=COLUMNS,
    follow=Follow(probes, parse, unless("containers", _concerns), (SOUGHT,)),
)
