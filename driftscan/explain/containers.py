"""What the runtimes of containers keep: their stores as a whole, disks where a machine has them."""

from collections import Counter
from collections.abc import Iterable, Iterator

from driftscan.explain.base import Claim, Explainer
from driftscan.explain.view import View
from driftscan.model.explanation import Explanation
from driftscan.model.item import Item
from driftscan.model.text import raw, text

_KIND = "container storage"
# Where runtimes keep things unless told otherwise; of each what shows that it is the runtime's own doing.
_STORES = (
    (b"/var/lib/docker", "docker", (b"image", b"containers", b"volumes")),
    (b"/var/lib/containers", "podman", (b"storage", b"cache", b"sigstore")),
    (b"/var/lib/containerd", "containerd", (b"io.containerd.metadata.v1.bolt",)),
    (b"/var/lib/incus", "incus", (b"database",)),
    (b"/var/lib/lxd", "lxd", (b"database",)),
)


def claims(view: View) -> Iterator[Claim]:
    """Claim the stores that are there, each with the count of what is in it."""
    items = list(view.of("containers"))
    for top, runtime, signs in _STORES:
        listed = view.directories.list(top)
        if any(sign in listed for sign in signs):
            yield _store(top, runtime, items)
    for top, runtime in sorted({found for item in items if (found := _root(item)) is not None}):
        yield _store(top, runtime, items)
    for item in items:
        has = item.attributes
        storage = str(has.get("storage") or "")
        if has.get("runtime") in {"lxc", "nspawn"} and storage.startswith(("/var/lib/lxc/", "/var/lib/machines/")):
            yield Claim(
                raw(storage),
                Explanation(_KIND, str(has["runtime"]), f"{has.get('kind')} {has.get('name')}"),
                whole=True,
            )
        if has.get("runtime") == "libvirt":
            explanation = Explanation(_KIND, "libvirt", f"machine {has.get('name')}")
            yield Claim(raw(storage), explanation)
            for disk in has.get("mounts") or ():
                if str(disk).startswith("/var/lib/libvirt/"):
                    yield Claim(raw(str(disk)), explanation)


def _root(item: Item) -> tuple[bytes, str] | None:
    """Return the store that a container of docker or podman lies in, for it may have been put elsewhere."""
    storage, runtime = str(item.attributes.get("storage") or ""), str(item.attributes.get("runtime") or "")
    mark = {"docker": "/containers/", "podman": "/storage/"}.get(runtime)
    if mark is None or item.attributes.get("kind") != "container" or mark not in storage or storage.startswith("/etc/"):
        return None
    top, _, rest = storage.rpartition(mark)
    return (raw(top + mark.rstrip("/")) if runtime == "podman" else raw(top), runtime) if top and rest else None


def _store(top: bytes, runtime: str, items: Iterable[Item]) -> Claim:
    below = text(top) + "/"
    counts = Counter(
        str(item.attributes.get("kind"))
        for item in items
        if str(item.attributes.get("storage") or "").startswith(below)
    )
    words = [f"{count} {kind}{'s' * (count != 1)}" for kind, count in sorted(counts.items())]
    return Claim(top, Explanation(_KIND, runtime, ", ".join(words)), whole=True)


EXPLAINER = Explainer(_KIND, "what runtimes of containers and virtual machines keep", 80, claims)
