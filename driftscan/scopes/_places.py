"""Where things stand that are none of this host's own: other systems' roots, storage of containers, caches of tools."""

import re
from collections.abc import Callable, Iterator

from driftscan.model.directories import Directories
from driftscan.model.search import Sought
from driftscan.model.snapshot import Snapshot

# What an application of its own has too (bin, etc, lib, var below /opt/app); and what the root of a system alone has.
_SHARED = frozenset((b"bin", b"etc", b"lib", b"lib32", b"lib64", b"libx32", b"opt", b"run", b"sbin", b"tmp", b"var"))
_OWN = frozenset((b"boot", b"dev", b"home", b"media", b"mnt", b"proc", b"root", b"srv", b"sys", b"usr"))
_STORAGE = re.compile(
    rb"/(?:var/lib/(?:docker|containers|containerd|lxc|lxd|incus|machines|kubelet)|snap|var/lib/snapd"
    rb"|(?:[^/]+/)*\.local/share/(?:docker|containers))/"
)
# What tools fetch for themselves: nobody has installed it as such.
_CACHE = re.compile(
    rb"/(?:\.cache|\.npm|\.yarn|\.pnpm-store|\.bun/install|\.cargo/(?:git|registry)|\.rustup|go/pkg/mod|\.m2|\.gradle"
    rb"|\.composer/cache|\.ivy2|\.nuget|\.terraform\.d|\.vscode-server|\.cursor-server|var/cache)/"
)
ROOTS = Sought(frozenset({b"etc"}))
Elsewhere = Callable[[bytes], bool]


def elsewhere(snapshot: Snapshot) -> Elsewhere:
    """Return a function that tells whether an absolute path is another system's, a container's or a tool's cache."""
    roots = systems(snapshot)

    def told(path: bytes) -> bool:
        if _STORAGE.match(path) or _CACHE.search(path):
            return True
        while path and roots:
            if path in roots:
                return True
            path = path.rpartition(b"/")[0]
        return False

    return told


_ROOTS: dict[bytes, frozenset[bytes]] = {}  # by the tree's digest: several scopes ask, of the same few trees


def systems(snapshot: Snapshot) -> frozenset[bytes]:
    """Return the roots of other systems that lie in the tree of this one: chroots, images, layers of them, disks."""
    if snapshot.tree not in _ROOTS:
        if len(_ROOTS) > 16:
            _ROOTS.clear()
        _ROOTS[snapshot.tree] = frozenset(_roots(snapshot))
    return _ROOTS[snapshot.tree]


def system_around(snapshot: Snapshot, path: bytes) -> bytes:
    """Return the innermost of these roots that `path` lies in, b"" for none.

    Of few paths that is sooner told by what is above them than by where all roots are.
    """
    known, directories = _ROOTS.get(snapshot.tree), snapshot.directories
    found, end = b"", path.find(b"/", 1)
    while end > 0:
        top = path[:end]
        if known is not None:
            found = top if top in known else found
        elif not directories.has(top):
            break
        elif directories.lists(top, b"etc") and directories.list(top)[b"etc"].kind == "d":
            found = top if _is_root(directories, top) else found
        end = path.find(b"/", end + 1)
    return found


def _roots(snapshot: Snapshot) -> Iterator[bytes]:
    directories = snapshot.directories
    for entry in snapshot.search.named(*ROOTS):
        top = entry.path.rpartition(b"/")[0]
        if entry.kind == "d" and top and _is_root(directories, top):
            yield top


def _is_root(directories: Directories, top: bytes) -> bool:
    """Whether `top`, which has an etc, is a root: all of it, accounts of its own, or a layer with nothing else in it."""
    below = {name for name, entry in directories.list(top).items() if entry.kind == "d"}
    if {b"usr", b"var"} <= below:
        return True
    accounts = directories.entry(top + b"/etc/passwd")
    if accounts is not None and accounts.kind == "f":
        return b"usr" in below or b"var" in below
    return below <= _SHARED | _OWN and bool(below & _OWN) and len(below) > 2  # etc, and two more


def packaged(snapshot: Snapshot, path: bytes) -> bool:
    """Whether a package owns `path`, or something below it; False where the packages were not seen."""
    owned = snapshot.ownership
    return owned is not None and (path in owned or path in owned.directories)
