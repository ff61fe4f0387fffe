"""What mode and owner a packaged path should have, by all that one knows of it; for dpkg keeps neither."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from driftscan.explain._debian_modes import Known, is_known, known_modes
from driftscan.model.directories import Directories
from driftscan.model.manifest import Manifest, PackagedFile
from driftscan.model.ownership import resolve
from driftscan.model.text import raw, text
from driftscan.model.tree import Entry
from driftscan.scopes.files import Names

if TYPE_CHECKING:
    from driftscan.explain.view import View
    from driftscan.model.item import Json

_SPECIAL = 0o6000
_ROOT = "root:root"
_PEOPLE = 1000  # numbers below are of the system's own accounts


class Wrong(NamedTuple):
    """A right that is not as it should be; `sure` is False where that is only what is usual elsewhere."""

    kind: str  # mode, owner
    expected: str
    found: str
    by: str
    sure: bool = True


class Rights:
    """Judges the rights of packaged paths.

    rpm, pacman and apk say what they should be. For dpkg it is asked in this order: an override (dpkg-statoverride),
    the table of what Debian's packages do, the time (what was not touched since it was unpacked is as it was shipped),
    the scripts of packages, other hosts with the same version.
    """

    def __init__(self, view: "View") -> None:
        self._view = view
        self._known: dict[str, Mapping[bytes, list[Known]] | None] = {}
        self._suite = str(view.facts.get("release codename") or "")
        self._sharers = _sharers(view)
        self._versions = {item.key: item.attributes.get("version") for item in view.of("packages")}

    def wrong(self, entry: Entry, manifest: Manifest, packaged: bytes) -> Iterator[Wrong]:
        """Yield what is wrong with the rights of `entry`, which is `packaged` (`PackagedFile.encode`) by `manifest`.

        Of a path that several packages share, what one of them says will do.
        """
        if entry.kind == "l":
            return
        exact = PackagedFile.decode(packaged) if b"\t" in packaged else PackagedFile()
        if exact.mode is not None or exact.user:
            others = (PackagedFile.decode(one) for _, one in self._sharers.get(entry.path, ()) if one)
            yield from min((list(self._by_package(entry, one)) for one in (exact, *others)), key=len)
            return
        override = self._overrides.get(entry.path)
        if override is not None:
            yield from self._by_override(entry, *override)
            return
        rows = self._rows(entry.path, manifest)
        mode, owner = entry.mode, self.owner(entry)
        if not _usual(entry, mode) or owner != _ROOT or rows:
            config = exact.kind == "config"
            for wrong in self._by_custom(entry, manifest, rows):
                # dpkg gives configuration its name last, so that its time says nothing; to close it is no harm.
                if not (config and wrong.kind == "mode" and not mode & ~0o755):
                    yield wrong

    def owner(self, entry: Entry) -> str:
        """Return `USER:GROUP` of an entry, numbers where there is no name."""
        return ":".join(self._named(entry))

    def _named(self, entry: Entry) -> tuple[str, str]:
        """Return the user and the group of an entry apart: a directory service may give either a colon."""
        uid, gid = entry.owner
        return self._view.names.users.get(uid, str(uid)), self._view.names.groups.get(gid, str(gid))

    def capabilities(self, path: bytes, manifest: Manifest, packaged: bytes) -> set[str]:
        """Return the capabilities that a packaged file may have, spelled as getcap does."""
        exact = PackagedFile.decode(packaged).capabilities
        return {one for one in (exact, *(row.capabilities for row in self._rows(path, manifest))) if one}

    def special(self, path: bytes, manifest: Manifest) -> bool:
        """Whether anything says that a path of dpkg has other rights than usual."""
        return path in self._overrides or bool(self._rows(path, manifest))

    def shared(self, path: bytes) -> bool:
        """Whether several packages have the path, as they have directories in common."""
        return path in self._sharers

    def declared(self, path: bytes) -> bool:
        """Whether a package's script or configuration names the path, or one above with all below."""
        if path in self._declared[0]:
            return True
        step = path
        while step:
            if step in self._declared[1]:
                return True
            step = step.rpartition(b"/")[0]
        return any(fnmatchcase(text(path), pattern) for pattern in self._declared[2])

    def _by_package(self, entry: Entry, exact: PackagedFile) -> Iterator[Wrong]:
        if exact.mode is not None and exact.mode & 0o7777 != entry.mode:
            yield Wrong("mode", f"{exact.mode & 0o7777:04o}", f"{entry.mode:04o}", "package")
        if exact.user:
            uid, gid = map(str, entry.owner)
            user, group = self._named(entry)
            if exact.user not in {user, uid} or (exact.group and exact.group not in {group, gid}):
                yield Wrong("owner", f"{exact.user}:{exact.group}", f"{user}:{group}", "package")

    def _by_override(self, entry: Entry, mode: int | None, owner: str) -> Iterator[Wrong]:
        if mode is not None and mode != entry.mode:
            yield Wrong("mode", f"{mode:04o}", f"{entry.mode:04o}", "dpkg-statoverride")
        if owner != self.owner(entry):
            yield Wrong("owner", owner, self.owner(entry), "dpkg-statoverride")

    def _by_custom(self, entry: Entry, manifest: Manifest, rows: Sequence[Known]) -> Iterator[Wrong]:
        mode, owner = entry.mode, self.owner(entry)
        modes = {row.mode for row in rows if row.mode is not None}
        owners = {(row.user, row.group) for row in rows if row.user or row.group}
        user, group = self._named(entry)
        shipped = {row.mode for row in rows if row.mode is not None and row.shipped}
        fits_mode = mode in modes or (_usual(entry, mode) and not _strict(shipped))
        fits_owner = (
            owner == _ROOT or _service(entry) or any(one in {user, ""} and two in {group, ""} for one, two in owners)
        )
        if fits_mode and fits_owner:
            return
        if entry.kind != "d" and entry.ctime <= manifest.unpacked:
            return
        looked_at = all(is_known(one.name, self._suite) for one in self._owners(entry.path, manifest))
        if not fits_mode:
            yield from self._mode(entry, manifest, modes, looked_at=looked_at)
        if not fits_owner and not self.declared(entry.path):
            elsewhere = self._elsewhere(entry, manifest)
            if elsewhere is None or elsewhere[1] != owner:
                expected = elsewhere[1] if elsewhere else _words(owners) or _ROOT
                sure = looked_at or elsewhere is not None or self._tells(manifest)
                yield Wrong("owner", expected, owner, _by(elsewhere, bool(owners)), sure)

    def _mode(self, entry: Entry, manifest: Manifest, modes: set[int], *, looked_at: bool) -> Iterator[Wrong]:
        mode = entry.mode
        grave = bool(mode & _SPECIAL and entry.kind == "f") or bool(mode & 0o002 and not mode & 0o1000)
        certain = looked_at and grave  # a script that names the path is no excuse where one has read the script
        if not certain and self.declared(entry.path):
            return
        elsewhere = None if certain else self._elsewhere(entry, manifest)
        if elsewhere is not None and elsewhere[0] == f"{mode:04o}":
            return
        usual = "0755" if entry.kind == "d" or mode & 0o111 else "0644"
        expected = elsewhere[0] if elsewhere else " or ".join(f"{one:04o}" for one in sorted(modes)) or usual
        sure = looked_at or elsewhere is not None or self._tells(manifest)
        yield Wrong("mode", expected, f"{mode:04o}", _by(elsewhere, bool(modes)), sure)

    def _tells(self, manifest: Manifest) -> bool:
        """Whether times tell what was touched: on a copied disk all files are younger than the unpacking."""
        files = (self._view.directories.entry(self._view.ownership.canonical(path)) for path in manifest.files)
        return any(entry.ctime <= manifest.unpacked for entry in files if entry is not None and entry.kind != "d")

    def _elsewhere(self, entry: Entry, manifest: Manifest) -> tuple[str, str] | None:
        """Return mode and owner that most other hosts with this version of the package have; None for lack of two."""
        seen: Counter[tuple[str, str]] = Counter()
        for directories, names, versions in self._peers:
            other = directories.entry(entry.path)
            if other is not None and versions.get(manifest.package) == self._versions.get(manifest.package):
                uid, gid = other.owner
                owner = f"{names.users.get(uid, str(uid))}:{names.groups.get(gid, str(gid))}"
                seen[f"{other.mode:04o}", owner] += 1
        best = seen.most_common(1)
        return best[0][0] if best and best[0][1] >= 2 and best[0][1] * 2 > seen.total() else None

    @cached_property
    def _peers(self) -> list[tuple[Directories, Names, Mapping[str, "Json"]]]:
        return [
            (
                Directories(peer.objects, peer.tree, peer.stats),
                Names(peer),
                {item.key: item.attributes.get("version") for item in peer.items if item.scope == "packages"},
            )
            for peer in self._view.peers
            if peer.host != self._view.snapshot.host
        ]

    @cached_property
    def _overrides(self) -> Mapping[bytes, tuple[int | None, str]]:
        found: dict[bytes, tuple[int | None, str]] = {}
        for item in self._view.of("statoverrides"):
            get = item.attributes.get
            mode = str(get("mode") or "")
            digits = int(mode, 8) if mode.isdigit() and not mode.strip("01234567") else None
            wanted = digits, f"{get('user')}:{get('group')}"
            path = self._view.ownership.canonical(raw(item.key))
            found[path] = wanted
            found.setdefault(resolve(path, self._view.snapshot.links) or path, wanted)  # chmod follows links
        return found

    @cached_property
    def _declared(self) -> tuple[frozenset[bytes], frozenset[bytes], Sequence[str]]:
        """Return the paths that are declared: as such, with all below them, by a pattern."""
        exact: set[bytes] = set()
        whole: set[bytes] = set()
        patterns = []
        for item in self._view.of("declarations"):
            path = str(item.attributes.get("path") or "")
            if any(character in path for character in "*?["):
                patterns.append(path)
            else:
                (whole if item.attributes.get("whole") else exact).add(self._view.ownership.canonical(raw(path)))
        return frozenset(exact), frozenset(whole), patterns

    def _owners(self, path: bytes, manifest: Manifest) -> Sequence[Manifest]:
        return [one for one, _ in self._sharers.get(path, ())] or [manifest]

    def _rows(self, path: bytes, manifest: Manifest) -> Sequence[Known]:
        if path not in self._sharers:
            return (self._table(manifest.name) or {}).get(path, ())
        tables = [self._table(one.name) for one in self._owners(path, manifest)]
        return [row for table in tables if table for row in table.get(path, ())]

    def _table(self, package: str) -> Mapping[bytes, list[Known]] | None:
        if package not in self._known:
            rows = known_modes(package, self._suite)
            by_path: dict[bytes, list[Known]] = defaultdict(list)
            for row in rows or ():
                by_path[self._view.ownership.canonical(row.path)].append(row)
            self._known[package] = None if rows is None else by_path
        return self._known[package]


def _sharers(view: "View") -> Mapping[bytes, list[tuple[Manifest, bytes]]]:
    """Return the paths that several packages have, with what each says of them."""
    times = Counter(path for manifest in view.ownership.manifests for path in manifest.files)
    often = {path for path, count in times.items() if count > 1}
    found: dict[bytes, list[tuple[Manifest, bytes]]] = defaultdict(list)
    for manifest in view.ownership.manifests:
        for path in often & manifest.files.keys():
            found[view.ownership.canonical(path)].append((manifest, manifest.files[path]))
    return found


def _usual(entry: Entry, mode: int) -> bool:
    return mode == 0o755 or (mode == 0o644 and entry.kind != "d")


def _service(entry: Entry) -> bool:
    """Whether this is a directory that a package has given to its service's account, as most do with their state."""
    return entry.kind == "d" and entry.path.startswith(b"/var/") and max(entry.owner) < _PEOPLE


def _strict(modes: set[int]) -> bool:
    """Whether none of the known modes is the usual one, or gives no more than it."""
    return bool(modes) and all(mode not in {0o644, 0o755} for mode in modes)


def _words(owners: set[tuple[str, str]]) -> str:
    return " or ".join(sorted(f"{user or 'root'}:{group or 'root'}" for user, group in owners))


def _by(elsewhere: tuple[str, str] | None, known: bool) -> str:
    return "other hosts" if elsewhere else "package" if known else "usual"
