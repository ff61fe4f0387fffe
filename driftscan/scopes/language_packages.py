"""The scope `language_packages`: what pip, npm, gem, composer and cargo installed, system-wide and in projects."""

from collections.abc import Sequence

from driftscan.model.item import Column, Item
from driftscan.model.outcome import Outcome
from driftscan.model.snapshot import Snapshot
from driftscan.model.text import raw
from driftscan.scopes._common import blind_spots, numbered, show_files, within
from driftscan.scopes.base import Follow, ItemScope, Parsed, Probe, Results, Since, unless
from driftscan.scopes.languages.base import PATHS, Look, Package, ecosystems, look, sought

COLUMNS = (
    Column("ecosystem", "text", "pip, npm, gem, composer, cargo"),
    Column("name", "text", "Name, as the ecosystem spells it"),
    Column("version", "text", "Version; null where only its files could tell and they do not", golden=True),
    Column("root", "text", "Directory that it is installed in: site-packages, node_modules, a directory of gems"),
    Column("environment", "text", "Virtual environment, project or prefix that it belongs to; empty: system-wide"),
    Column("files", "integer", "How many files are its own; of npm, with those of the packages nested in it"),
    Column("requested", "boolean", "Whether somebody asked for it by name, rather than another package; null: unknown"),
    Column("installer", "text", "What installed it, by its own word"),
    Column("origin", "text", "index, or the address that it came from, without credentials"),
    Column("metadata", "text", "File or directory that says so"),
    Column(
        "paths",
        "json",
        "What it has on the disk, relative to the root or absolute: topmost directories that are its alone, and files",
    ),
    Column("package", "text", "The distribution's package that owns the metadata", owner_of="metadata"),
)
METADATA = "metadata"  # the only probe
_NAMES = frozenset({b"package.json", b"package-lock.json"})  # of projects: what they ask for
_FILES = 6000  # metadata files that are read: 9 s
_UNSEEN = "the files of the host were not seen, and these packages are found among them"


def _probes(snapshot: Snapshot) -> Sequence[Probe]:
    wanted = _wanted(look(snapshot))
    return [show_files(METADATA, wanted[:_FILES])] if wanted else []


def _wanted(seen: Look) -> list[bytes]:
    paths = (path for one in ecosystems() for path in one.plan(seen))
    return list(dict.fromkeys(path for path in paths if b"\n" not in path))


def _parse(snapshot: Snapshot, results: Results) -> Parsed:
    """Make an item of every package; files that were not shown cost what only they tell."""
    if not snapshot.tree:
        return Parsed(unparsed={METADATA: _UNSEEN})
    seen = look(snapshot)
    result = results.get(METADATA)
    shown = {file.path: file.data for file in result.files if file.outcome is Outcome.OK} if result else {}
    found = [(one.name, package) for one in ecosystems() for package in one.packages(seen, shown)]
    found.sort(key=lambda pair: (pair[0], pair[1].root, pair[1].name, pair[1].metadata))
    keys = numbered(_key(ecosystem, package) for ecosystem, package in found)
    items = [
        Item("language_packages", key, package.attributes(ecosystem))
        for key, (ecosystem, package) in zip(keys, found, strict=True)
    ]
    denied, unparsed = blind_spots(results)
    left = len(_wanted(seen)) - _FILES
    notes = [f"{left} files with metadata of language packages were not read"] if left > 0 else []
    return Parsed(items=items, denied=denied, unparsed=unparsed, notes=notes)


def _key(ecosystem: str, package: Package) -> str:
    return f"{ecosystem} {package.attributes(ecosystem)['root']} {package.name}"


def _concerns(_snapshot: Snapshot, since: Since) -> bool:
    """Whether a change may be one of a package, of what lists it, or where packages lie."""
    names, endings = sought()
    names |= _NAMES
    tops, many = set[bytes](), False
    for item in since.before.of("language_packages"):
        tops |= {raw(str(item.attributes[name])) for name in ("root", "metadata")}
        tops |= {raw(path) for path in item.attributes["paths"] if path.startswith("/")}
        many = many or len(item.attributes["paths"]) >= PATHS
    return any(
        change.leads or many or change.name in names or change.name.endswith(endings) or within(change.path, tops)
        for change in since.changes
        if change.is_file or change.is_other
    )


SCOPE = ItemScope(
    name="language_packages",
    doc="What pip, npm, gem, composer and cargo installed, system-wide, in virtual environments and in projects",
    columns=COLUMNS,
    follow=Follow(_probes, _parse, unless("language_packages", _concerns), (sought(),)),
)
