"""The scope `checkouts`: working copies of git, Mercurial, Subversion and Bazaar, and bare repositories of git."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from driftscan.model.directories import Directories
from driftscan.model.item import Column, Item, Json
from driftscan.model.outcome import Outcome
from driftscan.model.search import Sought
from driftscan.model.snapshot import Snapshot
from driftscan.model.text import raw, text
from driftscan.scopes._common import blind_spots, show_files, within
from driftscan.scopes._places import elsewhere, packaged
from driftscan.scopes.base import Follow, ItemScope, Parsed, Probe, Results, Since, unless
from driftscan.scopes.checkout import git, mercurial
from driftscan.scopes.checkout.status import Status, compare

COLUMNS = (
    Column("path", "text", "Directory that was checked out; of a bare repository, the repository itself"),
    Column("kind", "text", "git, hg, svn, bzr"),
    Column("remote", "text", "Address that it comes from, without credentials; null: none, or not known", golden=True),
    Column("branch", "text", "Branch that is checked out; null when it is a commit, or not known", golden=True),
    Column("commit", "text", "Commit or revision that is checked out; null: none, or not known", golden=True),
    Column("bare", "boolean", "Whether it is a repository without files checked out"),
    Column("credentials", "boolean", "Whether its configuration holds a password or token; null: not read"),
    Column("tracked", "integer", "How many paths it tracks; null: its list could not be read"),
    Column(
        "changed",
        "integer",
        "How many tracked paths are missing, or have another type, size, time or executable bit than when it last looked: "
        "a file that was only touched counts, one of the same size and time does not. In a copy, where no file has its "
        "time, the time does not count",
    ),
    Column("dirty", "json", "The first of those", golden=True, usual=(None, [])),
    Column("strangers", "integer", "How many files below it are neither tracked nor ignored by its own patterns"),
    Column("untracked", "json", "The first of those; a directory with nothing tracked ends in /"),
    Column("package", "text", "Package that owns the directory", owner_of="path"),
)
FILES = "files"
_LARGE = tuple(f"index {number}" for number in range(1, 9))
_SHOWN = 4000  # files that are read: 6 s
_READABLE = 1 << 20
_OTHERS = {b".hg": ("hg", mercurial.HG_FILES), b".svn": ("svn", mercurial.SVN_FILES), b".bzr": ("bzr", ())}
_SOUGHT = Sought(git.NAMES.union(_OTHERS))


@dataclass(frozen=True, slots=True)
class _Look:
    directories: Directories
    git: git.Repositories
    others: Sequence[tuple[bytes, bytes]]  # directory, name of what marks it


def _look(snapshot: Snapshot) -> _Look:
    foreign = elsewhere(snapshot)
    found = snapshot.search.named(*_SOUGHT)
    entries = [entry for entry in found if not foreign(entry.path) and not packaged(snapshot, entry.path)]
    entries.sort(key=lambda entry: (entry.path.count(b"/"), entry.path))
    directories = snapshot.directories
    others = []
    for entry in entries:
        top, _, name = entry.path.rpartition(b"/")
        inner = name == b".svn" and b".svn" in directories.list(top.rpartition(b"/")[0])
        if name in _OTHERS and entry.kind == "d" and not inner:  # Subversion 1.6 marks every directory
            others.append((top, name))
    return _Look(directories, git.repositories(directories, entries), others)


def _wanted(seen: _Look) -> git.Plan:
    plan = git.plan(seen.directories, seen.git)
    for top, name in seen.others:
        for file in _OTHERS[name][1]:
            entry = seen.directories.entry(b"%s/%s/%s" % (top, name, file))
            if entry is not None and entry.kind == "f" and entry.size <= _READABLE:
                plan.files.append(entry.path)
    return git.Plan(
        [path for path in dict.fromkeys(plan.files) if b"\n" not in path],
        [path for path in plan.large if b"\n" not in path],
    )


def _probes(snapshot: Snapshot) -> Sequence[Probe]:
    plan = _wanted(_look(snapshot))
    made = [_whole(name, path) for name, path in zip(_LARGE, plan.large, strict=False)]
    return [show_files(FILES, plan.files[:_SHOWN]), *made] if plan.files else made


def _whole(name: str, path: bytes) -> Probe:
    """Return a probe that prints one file, larger than `ds_file` shows."""
    word = path.decode("utf-8", "surrogateescape").replace("'", "'\\''")
    script = f"ds_real '{word}'\n[ -r \"$ds_p\" ] || ds_denied 'an index of git cannot be read by this account'\ncat \"$ds_p\""
    return Probe(name, script, timeout=60.0, limit=20 << 20)


def _parse(snapshot: Snapshot, results: Results) -> Parsed:
    """Make an item of every checkout; what its files did not tell is None."""
    if not snapshot.tree:
        return Parsed(unparsed={FILES: "the files of the host were not seen, and checkouts are found among them"})
    seen = _look(snapshot)
    plan = _wanted(seen)
    shown = _shown(results, plan)
    items = sorted({item.key: item for item in _items(seen, shown)}.values(), key=lambda item: item.key)
    denied, unparsed = blind_spots(results)
    left = max(len(plan.files) - _SHOWN, 0) + max(len(plan.large) - len(_LARGE), 0)
    notes = [f"{left} files of checkouts were not read"] if left else []
    return Parsed(items=items, denied=denied, unparsed=unparsed, notes=notes)


def _shown(results: Results, plan: git.Plan) -> dict[bytes, bytes]:
    files = results[FILES].files if FILES in results else ()
    shown = {file.path: file.data for file in files if file.outcome is Outcome.OK}
    for name, path in zip(_LARGE, plan.large, strict=False):
        if name in results and results[name].outcome is Outcome.OK:
            shown[path] = results[name].stdout
    return shown


def _items(seen: _Look, shown: Mapping[bytes, bytes]) -> Iterator[Item]:
    for top, name in seen.others:
        yield _other(seen, top, name, shown)
    for top, dot in git.tops(seen.git):
        told = git.tell(seen.directories, seen.git, top, dot, shown)
        yield _item(
            top,
            told.status,
            kind="git",
            remote=told.remote,
            branch=told.branch,
            commit=told.commit,
            bare=dot is None,
            credentials=told.credentials,
        )


def _other(seen: _Look, top: bytes, name: bytes, shown: Mapping[bytes, bytes]) -> Item:
    store, kind = b"%s/%s" % (top, name), _OTHERS[name][0]
    if kind == "hg":
        hg = mercurial.hg(store, shown)
        status = compare(seen.directories, top, hg.tracked, ()) if hg.tracked is not None else None
        if status is not None:  # its patterns are expressions of Python: they are not judged by
            status.untracked, status.strangers = [], 0
        branch = text(hg.branch) if hg.branch else None
        return _item(
            top, status, kind=kind, remote=hg.remote, branch=branch, commit=hg.commit, credentials=hg.credentials
        )
    remote, secret, revision = mercurial.svn(store, shown) if kind == "svn" else (None, False, None)
    return _item(top, None, kind=kind, remote=remote, commit=revision, credentials=secret if remote else None)


def _item(top: bytes, status: Status | None, **known: Json) -> Item:
    path = text(top) or "/"
    attributes: dict[str, Json] = {column.name: None for column in COLUMNS if not column.owner_of}
    attributes |= {"path": path, "bare": False, **known}
    if status is not None:
        attributes |= {
            "tracked": status.tracked,
            "changed": status.changed,
            "dirty": [text(one) for one in status.dirty],
            "strangers": status.strangers,
            "untracked": [text(one) for one in status.untracked],
        }
    return Item("checkouts", path, attributes)


def _concerns(_snapshot: Snapshot, since: Since) -> bool:
    """Whether a change may be one in a checkout or of its repository: what is tracked is compared with the tree."""
    tops = {raw(item.key) for item in since.before.of("checkouts")}
    return any(
        change.name in git.NAMES or change.name in _OTHERS or b"/.git/" in change.path or within(change.path, tops)
        for change in since.changes
        if change.is_file or change.is_other
    )


SCOPE = ItemScope(
    name="checkouts",
    doc="Working copies of git, Mercurial, Subversion and Bazaar: where from, at which commit, what was changed",
    columns=COLUMNS,
    follow=Follow(_probes, _parse, unless("checkouts", _concerns), (_SOUGHT,)),
)
