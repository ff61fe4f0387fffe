"""The scope `state`: databases and other data that no installation brings back, known by the files they consist of."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from driftscan.model.directories import Directories
from driftscan.model.item import Column, Item, Json
from driftscan.model.outcome import Outcome
from driftscan.model.search import Sought
from driftscan.model.snapshot import Snapshot
from driftscan.model.text import raw, text
from driftscan.model.tree import Entry
from driftscan.scopes._common import file_calls, shell_words, within
from driftscan.scopes._follow import no_tree, other_roots
from driftscan.scopes.base import Follow, ItemScope, Parsed, Probe, Results, Since, unless
from driftscan.scopes.files import Names

COLUMNS = (
    Column("path", "text", "Directory or file that holds it"),
    Column(
        "engine",
        "text",
        "postgresql, mysql, mariadb, redis, sqlite, mongodb, ldap, elasticsearch, maildir, image …",
        golden=True,
    ),
    Column("version", "text", "Version of the engine that wrote it, where it says so"),
    Column("user", "text", "Owner"),
    Column("package", "text", "Package that owns the path", owner_of="path"),
    Column("size", "integer", "Bytes of all regular files", volatile=True),
    Column("files", "integer", "Regular files", volatile=True),
)


class _Engine(NamedTuple):
    """How an engine's data is known: by a file or directory `marker`, with `beside` in the same directory."""

    name: str
    marker: bytes
    beside: tuple[bytes, ...] = ()
    versions: tuple[bytes, ...] = ()  # small text files beside it of which any begins with the version


_ENGINES = (
    _Engine("postgresql", b"PG_VERSION", (b"base", b"global"), (b"PG_VERSION",)),
    _Engine("mariadb", b"aria_log_control", (b"mysql",), (b"mariadb_upgrade_info", b"mysql_upgrade_info")),
    _Engine("mysql", b"ibdata1", (b"mysql",), (b"mysql_upgrade_info",)),
    _Engine("mysql", b"ibdata1", (b"mysql.ibd",)),
    _Engine("redis", b"dump.rdb"),
    _Engine("redis", b"appendonlydir"),
    _Engine("redis", b"appendonly.aof"),
    _Engine("mongodb", b"WiredTiger", (b"WiredTiger.wt",)),
    _Engine("ldap", b"data.mdb", (b"lock.mdb",)),
    _Engine("elasticsearch", b"node.lock", (b"_state",)),
    _Engine("mnesia", b"schema.DAT"),
    _Engine("prometheus", b"chunks_head", (b"wal",)),
    _Engine("influxdb", b"influxd.bolt"),
    _Engine("couchdb", b"_dbs.couch"),
    _Engine("zookeeper", b"version-2", (b"myid",)),
    _Engine("kafka", b"meta.properties", (b"recovery-point-offset-checkpoint",)),
    _Engine("neo4j", b"neostore"),
    _Engine("maildir", b"cur", (b"new", b"tmp")),
)
_MARKERS = frozenset(engine.marker for engine in _ENGINES)
_TELLING = _MARKERS.union(*(engine.beside + engine.versions for engine in _ENGINES))
_SQLITE = (b".sqlite", b".sqlite3", b".db", b".db3", b".sdb")
_IMAGES = (b".qcow2", b".vmdk", b".vdi", b".vhd", b".vhdx", b".img", b".raw")
_SOUGHT = Sought(_MARKERS, (*_SQLITE, *_IMAGES))
_IMAGE_SIZE = 32 << 20  # bytes from which on a file called .img or .raw is taken for a disk
_ITEMS = 2000
_LOOKED_INTO = 500  # files called as SQLite's are that are opened
_PASSED = re.compile(
    rb"^/(?:usr|lib\w*|boot|proc|sys|run|tmp)/(?!local/)|/(?:node_modules|site-packages|dist-packages|\.git|\.?cache)/"
    rb"|^/var/(?:tmp|cache)/|^/var/lib/(?:rpm|dnf|yum|pacman|apk|apt|dpkg|PackageKit|fwupd|docker|containers|snapd|flatpak)/"
    rb"|^/etc/pki/nssdb/"
)


class _Found(NamedTuple):
    entry: Entry
    engine: str
    version: bytes  # path of the file that begins with it, b"" if there is none


def probes(snapshot: Snapshot) -> list[Probe]:
    """Return the probes that open what may be a database of SQLite, and read the versions that engines note."""
    if not snapshot.tree:
        return [no_tree()]
    entries = _telling(snapshot)
    files = [entry.path for entry in _maybe_sqlite(entries)]
    notes = [found.version for found in _found(snapshot, entries) if found.version]
    made = []
    if files:
        script = "\n".join(f"try {word}" for word in shell_words(files))
        made.append(Probe("sqlite", _TRY + script + "\n:", tools=("dd",), limit=1 << 20))
    if notes:
        made.append(Probe("versions", file_calls(notes)))
    return made


# A database of SQLite begins with these 15 letters; nothing but them is read, and no lock is taken.
_TRY = r"""
try() {
  if [ ! -r "$R$1" ]; then [ ! -f "$R$1" ] || printf 'denied\000%s\000' "$1"; return; fi
  case $(dd if="$R$1" bs=15 count=1 2>/dev/null) in 'SQLite format 3') printf 'sqlite\000%s\000' "$1" ;; esac
}
"""


def parse(snapshot: Snapshot, results: Results) -> Parsed:
    """Turn the file tree, and what was found in files, into one item per database or data directory."""
    if not snapshot.tree:
        return Parsed()
    versions = {
        file.path: text(file.data[:40].split(b"\n")[0].strip())
        for result in results.values()
        for file in result.files
        if file.outcome is Outcome.OK
    }
    shown = results["sqlite"].stdout.split(b"\0") if "sqlite" in results else []
    answers = dict(zip(shown[1::2], shown[0:-1:2], strict=False))
    known: dict[bytes, _Found] = {}
    entries = _telling(snapshot)
    for found in _found(snapshot, entries):
        known.setdefault(found.entry.path, found)
    for entry in _maybe_sqlite(entries):
        if answers.get(entry.path, b"").strip() == b"sqlite":
            known[entry.path] = _Found(entry, "sqlite", b"")
    closed = [text(path) for path, answer in answers.items() if answer.strip() == b"denied"]
    directories = snapshot.directories
    names = Names(snapshot)
    paths = sorted(known)
    items = [_item(known[path], directories, names, versions) for path in paths[:_ITEMS]]
    notes = [f"{len(paths) - _ITEMS} more left out"] if len(paths) > _ITEMS else []
    return Parsed(items, denied={"sqlite": ", ".join(closed[:5])} if closed else {}, notes=notes)


def _item(found: _Found, directories: Directories, names: Names, versions: Mapping[bytes, str]) -> Item:
    entry = found.entry
    uid = entry.owner[0]
    attributes: dict[str, Json] = {
        "path": text(entry.path),
        "engine": found.engine,
        "version": versions.get(found.version, ""),
        "user": names.users.get(uid, str(uid)),
    }
    size, files = entry.size, 1
    if entry.kind == "d":
        measured = directories.measure(entry.path)
        size, files = measured.size, measured.files
    return Item("state", text(entry.path), attributes, {"size": size, "files": files})


def _found(snapshot: Snapshot, entries: Iterable[Entry]) -> Iterator[_Found]:
    """Yield what is known by its files; of several engines at one path the first counts."""
    directories = snapshot.directories
    for entry in entries:
        top, _, name = entry.path.rpartition(b"/")
        if name not in _MARKERS:
            large = entry.size >= _IMAGE_SIZE or not name.endswith((b".img", b".raw"))
            if entry.kind == "f" and name.endswith(_IMAGES) and large:
                yield _Found(entry, "image", b"")
            continue
        listed, here = directories.list(top), directories.entry(top)
        engine = next(
            (one for one in _ENGINES if one.marker == name and all(two in listed for two in one.beside)), None
        )
        if engine is not None and here is not None:
            noted = next((version for version in engine.versions if version in listed), b"")
            yield _Found(here, engine.name, b"%s/%s" % (top, noted) if noted else b"")


def _maybe_sqlite(entries: Iterable[Entry]) -> list[Entry]:
    """Return the files that are called as databases of SQLite are, and large enough to be one."""
    found = [entry for entry in entries if entry.kind == "f" and entry.path.endswith(_SQLITE) and entry.size >= 512]
    return sorted(found)[:_LOOKED_INTO]


def _telling(snapshot: Snapshot) -> list[Entry]:
    """Return the entries whose names may tell of data, and that no package owns."""
    ownership, others = snapshot.ownership, other_roots(snapshot)
    return [
        entry
        for entry in snapshot.search.named(*_SOUGHT)
        if not _PASSED.search(entry.path)
        and not entry.path.startswith(others)
        and (ownership is None or entry.path not in ownership)
    ]


def _concerns(_snapshot: Snapshot, since: Since) -> bool:
    """Whether a change may be one of data: by its name, or where it lies, for data is measured."""
    tops = {raw(item.key) for item in since.before.of("state")}
    return any(
        change.name in _TELLING or change.name.endswith((*_SQLITE, *_IMAGES)) or within(change.path, tops)
        for change in since.changes
        if (change.is_file or change.is_other) and not _PASSED.search(change.path)
    )


SCOPE = ItemScope(
    name="state",
    doc="Databases and other data that no installation brings back",
    columns=COLUMNS,
    follow=Follow(probes, parse, unless("state", _concerns), (_SOUGHT,)),
)
