"""The scope `applications`: directories with software that nobody packaged, known by the marks of their makers."""

from collections.abc import Container, Iterator, Mapping, Sequence
from posixpath import basename, dirname

from driftscan.model.directories import Directories
from driftscan.model.item import Column, Item, Json
from driftscan.model.outcome import Outcome
from driftscan.model.ownership import resolve
from driftscan.model.snapshot import Snapshot
from driftscan.model.text import raw, text
from driftscan.scopes import _application_files
from driftscan.scopes._application_marks import SOUGHT, Root, may_tell, roots
from driftscan.scopes._common import blind_spots, show_files
from driftscan.scopes.base import Change, Follow, ItemScope, Parsed, Probe, Results, Since, unless
from driftscan.scopes.files import Names

COLUMNS = (
    Column("path", "text", "Root: the outermost directory with a mark; of a deployed archive, the archive"),
    Column(
        "kinds", "json", "ruby, node, python, php, java, go, rust, elixir, perl, dotnet, docker, static", golden=True
    ),
    Column("name", "text", "Name that it gives itself; else that of the directory"),
    Column("version", "text", "Version that it gives itself; else the release that `current` leads to", golden=True),
    Column("markers", "json", "Files by which it was recognised, relative to the root; the topmost, the root's first"),
    Column("marks", "integer", "How many such files there are in all"),
    Column("procfile", "json", "Type and command of every process in its Procfile, secrets replaced"),
    Column("environment_files", "json", "Files with its environment (.env), relative to the root"),
    Column("user", "text", "Account that owns the root"),
    Column("checkout", "text", "Checkout that it lies in; empty: none"),
)
FILES = "files"
_APPLICATIONS = 400  # of which files are read
_MARKERS = 20
_READABLE = 1 << 18
_TOLD = frozenset({*_application_files.NAMES, b"index.html"})
_SAMPLES = (b".example", b".sample", b".dist", b".template", b".defaults")
_CHECKOUTS = (b".git", b".hg", b".svn", b".bzr")


def _probes(snapshot: Snapshot) -> Sequence[Probe]:
    directories = snapshot.directories
    found = roots(snapshot, directories)[:_APPLICATIONS]
    wanted = [path for root in found for path in _wanted(snapshot, directories, root)]
    return [show_files(FILES, wanted)] if wanted else []


def _wanted(snapshot: Snapshot, directories: Directories, root: Root) -> Iterator[bytes]:
    for top in _tops(snapshot, root):
        for name in _application_files.NAMES:
            entry = directories.list(top).get(name)
            if entry is not None and entry.kind == "f" and entry.size <= _READABLE and b"\n" not in entry.path:
                yield entry.path


def _tops(snapshot: Snapshot, root: Root) -> list[bytes]:
    """Return the root, and the release that is deployed in it."""
    release = _release(snapshot, root)
    return [root.path, release] if release else [root.path]


def _release(snapshot: Snapshot, root: Root) -> bytes | None:
    if b"current" not in root.marks:
        return None
    path = resolve(root.path + b"/current", snapshot.links)
    return path if path is not None and path.startswith(root.path + b"/releases/") else None


def _parse(snapshot: Snapshot, results: Results) -> Parsed:
    """Make an item of every application; files that were not shown cost what only they tell."""
    if not snapshot.tree:
        return Parsed(unparsed={FILES: "the files of the host were not seen, and applications are found among them"})
    directories = snapshot.directories
    files = results[FILES].files if FILES in results else ()
    shown = {file.path: file.data for file in files if file.outcome is Outcome.OK}
    names = Names(snapshot)
    found = roots(snapshot, directories)
    items = [_item(snapshot, directories, root, shown, names.users) for root in found]
    denied, unparsed = blind_spots(results)
    left = len(found) - _APPLICATIONS
    notes = [f"files of {left} applications were not read"] if left > 0 else []
    return Parsed(items=items, denied=denied, unparsed=unparsed, notes=notes)


def _item(
    snapshot: Snapshot, directories: Directories, root: Root, shown: Mapping[bytes, bytes], users: Mapping[int, str]
) -> Item:
    path = text(root.path)
    tops = _tops(snapshot, root)
    name = version = None
    procfile: list[list[str]] = []
    for top in reversed(tops):
        files = {
            one: shown[b"%s/%s" % (top, one)] for one in _application_files.NAMES if b"%s/%s" % (top, one) in shown
        }
        told = _application_files.identity(files)
        name, version = name or told[0], version or told[1]
        procfile = procfile or _application_files.processes(files.get(b"Procfile", b""))
    entry = directories.entry(root.path)
    owner = entry.owner[0] if entry is not None else None
    marks = [*sorted(root.marks), *sorted(root.nested, key=lambda mark: (mark.count(b"/"), mark))]
    attributes: dict[str, Json] = {
        "path": path,
        "kinds": _kinds(directories, root, tops[-1]),
        "name": name or basename(path),
        "version": version or (text(tops[1].rpartition(b"/")[2]) if len(tops) > 1 else None),
        "markers": [text(mark) for mark in marks[:_MARKERS]],
        "marks": len(marks),
        "procfile": procfile,
        "environment_files": _environment_files(directories, root.path, tops),
        "user": None if owner is None else users.get(owner, str(owner)),
        "checkout": _checkout(directories, root.path),
    }
    return Item("applications", path, attributes)


def _kinds(directories: Directories, root: Root, release: bytes) -> list[str]:
    """Return the kinds that its own marks tell; where they tell none, those of the release, or of what is inside."""
    if root.kinds:
        return sorted(root.kinds)
    inside = release[len(root.path) + 1 :]
    below = root.nested_kinds.get(inside) or set().union(*root.nested_kinds.values())
    if below:
        return sorted(below)
    return ["static"] if b"index.html" in directories.list(release) else []


def _environment_files(directories: Directories, root: bytes, tops: Sequence[bytes]) -> list[str]:
    places = [b"%s%s" % (top, below) for top in tops for below in (b"", b"/config", b"/shared", b"/shared/config")]
    found = {
        entry.path[len(root) + 1 :]
        for place in places
        for name, entry in directories.list(place).items()
        if (name.startswith(b".env") or name.endswith(b".env")) and not name.endswith(_SAMPLES) and entry.kind in "fl"
    }
    return sorted(text(path) for path in found)


def _checkout(directories: Directories, path: bytes) -> str:
    step = path
    while step and step != b"/":
        if any(mark in directories.list(step) for mark in _CHECKOUTS):
            return text(step)
        step = dirname(step)
    return ""


def _concerns(snapshot: Snapshot, since: Since) -> bool:
    """Whether a change may be one of a mark, or of a file that says what the application is."""
    tops = {raw(item.key) for item in since.before.of("applications")}
    return any(_tells(change, tops) or _joins(change, snapshot.directories) for change in since.changes)


def _tells(change: Change, tops: Container[bytes]) -> bool:
    name = change.name
    named = may_tell(change.path) or name in _TOLD or name.startswith(b".env") or name.endswith(b".env")
    return change.leads or (change.is_other and (named or change.path in tops))


def _joins(change: Change, directories: Directories) -> bool:
    """Whether what came or went makes of an environment of Python, which was alone, one of many, or the reverse."""
    if change.before is not None and change.after is not None:
        return False
    beside = directories.list(change.path.rpartition(b"/")[0])
    return len(beside) < 3 and any(b"pyvenv.cfg" in directories.list(entry.path) for entry in beside.values())


SCOPE = ItemScope(
    name="applications",
    doc="Directories with software that nobody packaged: what it is, by what it was recognised, with what environment",
    columns=COLUMNS,
    follow=Follow(_probes, _parse, unless("applications", _concerns), (SOUGHT,)),
)
