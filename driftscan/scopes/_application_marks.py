"""Marks by which the root of an application is known, and the places where such a mark means nothing."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from driftscan.model.directories import Directories
from driftscan.model.search import Sought
from driftscan.model.snapshot import Snapshot
from driftscan.model.tree import Entry
from driftscan.scopes._places import elsewhere

_KINDS: Mapping[str, tuple[bytes, ...]] = {
    "ruby": (b"Gemfile", b"config.ru", b"gems.rb"),
    "node": (b"package.json",),
    "python": (
        b"requirements.txt",
        b"pyproject.toml",
        b"setup.py",
        b"setup.cfg",
        b"Pipfile",
        b"manage.py",
        b"environment.yml",
    ),
    "php": (b"composer.json", b"wp-config.php", b"artisan", b"index.php"),
    "java": (b"pom.xml", b"build.gradle", b"build.gradle.kts", b"build.xml"),
    "go": (b"go.mod",),
    "rust": (b"Cargo.toml",),
    "elixir": (b"mix.exs",),
    "perl": (b"cpanfile", b"dist.ini"),
    "dotnet": (b"appsettings.json", b"web.config"),
    "docker": (b"Dockerfile", b"docker-compose.yml", b"docker-compose.yaml", b"compose.yml", b"compose.yaml"),
}
_CHECKOUTS = frozenset({b".git", b".hg", b".svn", b".bzr"})
_KIND_OF = {mark: kind for kind, marks in _KINDS.items() for mark in marks}
_NAMES = frozenset(_KIND_OF) | _CHECKOUTS | {b"Procfile", b"pyvenv.cfg", b"current"}
_ARCHIVES = (b".war", b".ear", b".jar")
SOUGHT = Sought(_NAMES, _ARCHIVES)

# Copies of others' work, caches, and what is hidden: marks in there are not this host's applications.
_INSIDE = re.compile(
    rb"/(?:node_modules|bower_components|(?:site|dist)-packages|vendor|gems|__pycache__|\.[^/]+"
    rb"|lib(?:64)?/(?:python|pypy|ruby|node|perl)[^/]*|skel)/"
)
_NOWHERE = re.compile(rb"/(?:usr/(?:local/)?src|usr/share/doc|tmp|var/tmp|var/backups|proc|sys|dev|run|boot)/")
# Directories for many things: none of them is an application itself.
_SHELVES = frozenset(
    b"/ /etc /opt /srv /mnt /media /root /home /var /var/www /var/lib /var/opt /var/local /var/spool /usr /usr/lib "
    b"/usr/share /usr/libexec /usr/local /usr/local/bin /usr/local/sbin /usr/local/lib /usr/local/share "
    b"/usr/local/etc /usr/bin /usr/sbin /usr/lib64 /data /export".split()
)
_HOME = re.compile(rb"/home/[^/]+")
_RUNTIME = frozenset({b"jrt-fs.jar", b"rt.jar", b"tools.jar", b"dt.jar"})  # of Java itself
_LIBRARY = frozenset({b"lib", b"libs", b"jars"})


@dataclass(slots=True)
class Root:
    """One application: `marks` are relative to it, those of what was gathered into it too."""

    path: bytes
    marks: list[bytes] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)
    nested: list[bytes] = field(default_factory=list)
    nested_kinds: dict[bytes, set[str]] = field(default_factory=dict)


def roots(snapshot: Snapshot, directories: Directories) -> list[Root]:
    """Return the applications, each gathered to its outermost root, in the order of paths."""
    found: dict[bytes, Root] = {}
    for path, mark, kind in _marked(snapshot, directories):
        root = found.setdefault(path, Root(path))
        root.marks.append(mark)
        if kind:
            root.kinds.add(kind)
    outermost: list[Root] = []
    for root in sorted(found.values(), key=lambda one: one.path.split(b"/")):
        top = outermost[-1] if outermost else None
        if top is not None and root.path.startswith(top.path + b"/"):
            place = root.path[len(top.path) + 1 :]
            top.nested += [b"%s/%s" % (place, mark) for mark in root.marks]
            top.nested_kinds.setdefault(place, set()).update(root.kinds)
        else:
            outermost.append(root)
    return outermost


def may_tell(path: bytes) -> bool:
    """Whether what is at `path` may be a mark, or decide on one."""
    name = path.rpartition(b"/")[2]
    return (name in _NAMES or name == b"releases" or name.endswith(_ARCHIVES)) and not _NOWHERE.match(path)


def _marked(snapshot: Snapshot, directories: Directories) -> Iterator[tuple[bytes, bytes, str]]:
    """Yield every directory with a mark, the mark, and the kind that it tells ("" if none)."""
    foreign = elsewhere(snapshot)
    entries = list(snapshot.search.named(*SOUGHT))
    venvs = {_parent(entry.path) for entry in entries if entry.path.endswith(b"/pyvenv.cfg")}
    for entry in entries:
        for path, mark, kind in _mark(directories, entry):
            if not foreign(entry.path) and _may_be(snapshot, path, venvs):
                yield path, mark, kind


def _mark(directories: Directories, entry: Entry) -> Iterable[tuple[bytes, bytes, str]]:
    """Return what an entry marks: nothing, or one directory (of a deployed archive, the archive itself)."""
    parent, _, name = entry.path.rpartition(b"/")
    beside = directories.list(parent)
    if name == b"current":
        releases = beside.get(b"releases")
        return [(parent, b"current", "")] if entry.kind == "l" and releases and releases.kind == "d" else []
    if name == b"pyvenv.cfg":
        above, _, own = parent.rpartition(b"/")
        return [(above, own, "python")] if len(directories.list(above)) > 1 else []
    if name in _CHECKOUTS:
        return [(parent, name, "")]
    if entry.kind != "f" or name in _RUNTIME:
        return []
    if name.endswith(_ARCHIVES):
        if parent.endswith(b"/webapps"):
            return [(entry.path, name, "java")]
        library = parent.rpartition(b"/")[2] in _LIBRARY
        return [(_parent(parent) if library else parent, name, "java")]
    return [(parent, name, _KIND_OF.get(name, ""))]


def _may_be(snapshot: Snapshot, path: bytes, venvs: set[bytes]) -> bool:
    """Whether `path` may be the root of an application that nobody packaged."""
    if not path or path in _SHELVES or _HOME.fullmatch(path):
        return False
    inside = path + b"/"
    if _INSIDE.search(inside) or _NOWHERE.match(inside):
        return False
    owned = snapshot.ownership
    if owned is not None and path in owned.directories:
        return False
    step = path
    while step:
        if step in venvs:
            return False
        step = _parent(step)
    return True


def _parent(path: bytes) -> bytes:
    return path.rpartition(b"/")[0]
