"""The comparison of packaged paths with the disk: content, type, rights, and what is missing."""

import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from driftscan.explain._rights import Rights
from driftscan.model.manifest import Manifest, PackagedFile
from driftscan.model.outcome import Outcome
from driftscan.model.text import raw, text
from driftscan.model.tree import Entry, walk

if TYPE_CHECKING:
    from driftscan.explain.view import View

_KINDS = {
    stat.S_IFREG: "f",
    stat.S_IFDIR: "d",
    stat.S_IFLNK: "l",
    stat.S_IFCHR: "c",
    stat.S_IFBLK: "b",
    stat.S_IFIFO: "p",
    stat.S_IFSOCK: "s",
}
WORDS = {"f": "file", "d": "directory", "l": "link", "c": "device", "b": "device", "p": "fifo", "s": "socket"}
_FLEETING = (b"/dev/", b"/proc/", b"/run/", b"/sys/", b"/tmp/", b"/var/run/", b"/var/tmp/")  # made anew at each start
_USUAL_FILE, _USUAL_DIRECTORY = (b"f644 0 0 ", b"f755 0 0 "), b"d755 0 0"
_NO_RIGHTS = {"vfat", "msdos", "exfat", "ntfs", "ntfs3", "fuseblk", "cifs", "smb3"}  # filesystems without modes


class Deviation(NamedTuple):
    """One respect in which a packaged path is not what its package says.

    `kind` is changed (content, or a link's target), missing, replaced (by another type), mode, owner or capabilities;
    `path` is as the disk spells it, `package` whose it is, "" where several
    share it. `expected` and `found` are digests, targets, types, modes, owners or capabilities;
    `by` says who expects it: package, dpkg-statoverride, other hosts, usual. `config`: it is configuration. `entry` is
    what lies there, None for what is missing. `sure` is False where the expectation is only what is usual.
    """

    kind: str
    path: bytes
    package: str
    expected: str
    found: str
    by: str = "package"
    config: bool = False
    entry: Entry | None = None
    sure: bool = True


class _Comparison:
    """One pass over all manifests of a snapshot."""

    def __init__(self, view: "View") -> None:
        self.view = view
        self.rights = Rights(view)
        self.diverted = _diverted(view)
        self.installed = {
            item.key
            for item in view.of("packages")
            if str(item.attributes.get("state") or "installed").startswith(("installed", "triggers"))
        }
        self.outcome = view.snapshot.outcome("files")
        self.unwalked = tuple(path + b"/" for path, more in view.more.items() if "not_walked" in more)
        self.bare = tuple(
            raw(str(item.attributes.get("target"))) + b"/"
            for item in view.of("mounts")
            if item.attributes.get("fstype") in _NO_RIGHTS
        )
        self.usual_files: set[bytes] = set()  # paths with the rights that most have: few of them have more to tell
        self.usual_directories: set[bytes] = set()
        self.others: dict[bytes, Entry] = {}
        self._look()

    def _look(self) -> None:
        """Take note of the packaged paths that are on the disk; directories without any are not opened."""
        snapshot, ownership = self.view.snapshot, self.view.ownership
        known = ownership.directories
        wanted = {to for to, _ in self.diverted.values()}
        for entry in walk(snapshot.objects, snapshot.tree, snapshot.stats, lambda path, _child: path in known):
            path = entry.path
            if path in ownership or path in wanted:
                if entry.meta.startswith(_USUAL_FILE):
                    self.usual_files.add(path)
                elif entry.meta == _USUAL_DIRECTORY:
                    self.usual_directories.add(path)
                else:
                    self.others[path] = entry

    def _entry(self, path: bytes) -> Entry | None:
        if path in self.usual_files or path in self.usual_directories:
            return self.view.directories.entry(path)
        return self.others.get(path)

    def run(self) -> Iterator[Deviation]:
        seen: set[bytes] = set()
        for manifest in sorted(self.view.ownership.manifests, key=lambda one: one.package):
            if self.installed and manifest.package not in self.installed:
                continue
            folders = {path.rpartition(b"/")[0] for path in manifest.files}
            for listed, packaged in manifest.files.items():
                path = self._place(listed, manifest)
                if path is None or path in seen or path in {b"/", b""}:
                    continue
                owned = self.view.ownership.get(path)
                if owned is not None and owned[0] is not manifest and owned[1] and not packaged:
                    continue  # another package says more about it
                seen.add(path)
                if not self._plain(path, manifest, packaged, directory=listed in folders):
                    name = "" if self.rights.shared(path) else manifest.name
                    yield from self._compared(path, manifest, name, packaged, "d" if listed in folders else "")

    def _compared(self, path: bytes, manifest: Manifest, name: str, packaged: bytes, kind: str) -> Iterator[Deviation]:
        entry = self._entry(path)
        if entry is None:
            yield from self._absent(path, name, packaged, kind)
        else:
            yield from (one._replace(package=name) for one in self._present(entry, manifest, packaged, kind))

    def _plain(self, path: bytes, manifest: Manifest, packaged: bytes, *, directory: bool) -> bool:
        """Whether there is nothing to compare, as with most: usual rights, and not looked at a second time."""
        usual = path in (self.usual_directories if directory else self.usual_files)
        bare = not packaged if directory else b"\t" not in packaged
        return usual and bare and path not in self.view.more and not self.rights.special(path, manifest)

    def _absent(self, path: bytes, package: str, packaged: bytes, kind: str) -> Iterator[Deviation]:
        file = PackagedFile.decode(packaged)
        config = file.kind == "config"
        # A conffile without a digest was never installed; a ghost need not be there.
        if file.kind != "ghost" and not (config and not file.digest) and self._missing(path):
            yield Deviation("missing", path, package, WORDS.get(kind or _shipped(packaged), ""), "", config=config)

    def _place(self, listed: bytes, manifest: Manifest) -> bytes | None:
        """Return where the package's own file lies; another's may stand in its place."""
        path = self.view.ownership.canonical(listed)
        diverted = self.diverted.get(path)
        return path if diverted is None or diverted[1] == manifest.name else diverted[0]

    def _missing(self, path: bytes) -> bool:
        """Whether it is proven that nothing lies at `path`."""
        if path.startswith(_FLEETING) or path.startswith(self.unwalked):
            return False
        if self.outcome is Outcome.DENIED:  # a directory that could not be read looks empty
            above = path.rpartition(b"/")[0]
            while above and self.view.directories.entry(above) is None:
                above = above.rpartition(b"/")[0]
            return bool(self.view.directories.list(above))
        return self.outcome is not None and self.outcome.seen

    def _present(self, entry: Entry, manifest: Manifest, packaged: bytes, kind: str) -> Iterator[Deviation]:
        file = PackagedFile.decode(packaged)
        if file.kind == "ghost":
            return
        config = file.kind == "config"
        kind = kind or _shipped(packaged)
        if kind and kind != entry.kind:
            if not _merged(entry) and not entry.path.startswith(_FLEETING):
                found = WORDS[entry.kind] + (f" to {text(entry.link)}" if entry.kind == "l" else "")
                yield Deviation("replaced", entry.path, manifest.name, WORDS[kind], found, "package", config, entry)
            return
        if entry.kind == "l":
            target = text(entry.link)
            if file.link and target != file.link and not config:
                yield Deviation("changed", entry.path, manifest.name, file.link, target, "package", config, entry)
            return
        digest = str(self.view.more.get(entry.path, {}).get("digest") or "")
        if digest and file.digest and digest != file.digest and _comparable(digest, file.digest):
            yield Deviation("changed", entry.path, manifest.name, file.digest, digest, "package", config, entry)
        yield from self._rights(entry, manifest, packaged, config=config)

    def _rights(self, entry: Entry, manifest: Manifest, packaged: bytes, *, config: bool) -> Iterator[Deviation]:
        path = entry.path
        if (path + b"/").startswith(_FLEETING) or (path + b"/").startswith(self.bare):
            return
        for wrong in self.rights.wrong(entry, manifest, packaged):
            kind, expected, found, by, sure = wrong
            yield Deviation(kind, path, manifest.name, expected, found, by, config, entry, sure)
        capabilities = self.view.more.get(path, {}).get("capabilities")
        if capabilities:
            allowed = self.rights.capabilities(path, manifest, packaged)
            spelled = _spelled(str(capabilities))
            if spelled not in {_spelled(one) for one in allowed} and (allowed or not self.rights.declared(path)):
                expected = ", ".join(sorted(allowed)) or "none"
                by = "package" if allowed else "usual"
                yield Deviation("capabilities", path, manifest.name, expected, str(capabilities), by, config, entry)


def deviations(view: "View") -> Iterator[Deviation]:
    """Yield every respect in which packaged paths deviate from the package database, package by package.

    What a diversion has moved is compared where it lies. Only regular files that the scan has hashed can have changed;
    a path is missing only where its directory was looked into. Nothing is yielded without the files or the packages.
    """
    if view.seen("files") and view.seen("packages"):
        yield from _Comparison(view).run()


def _diverted(view: "View") -> dict[bytes, tuple[bytes, str]]:
    """Return where diverted paths lie instead, and for which package they are not diverted ("" for none)."""
    found = {}
    for item in view.of("diversions"):
        to, by = raw(str(item.attributes.get("diverted_to"))), str(item.attributes.get("by") or "")
        found[view.ownership.canonical(raw(item.key))] = view.ownership.canonical(to), by
    return found


def _shipped(packaged: bytes) -> str:
    """Return the letter of the type that a package ships, "" when it does not say."""
    file = PackagedFile.decode(packaged)
    if file.mode is not None:
        return _KINDS.get(stat.S_IFMT(file.mode), "")
    return "f" if file.digest or file.kind == "config" else ""


def _merged(entry: Entry) -> bool:
    """Whether this is a link of merged-/usr: /lib to usr/lib, /usr/sbin to bin."""
    name = entry.path.rpartition(b"/")[2]
    target = entry.link.strip(b"/").removeprefix(b"usr/")
    return entry.kind == "l" and entry.path in {b"/" + name, b"/usr/" + name} and target in {name, b"bin", b"lib"}


def _comparable(one: str, other: str) -> bool:
    return one.partition(":")[0] == other.partition(":")[0]


def _spelled(capabilities: str) -> str:
    """Return capabilities in the spelling of today's getcap: `cap_a,cap_b=ep`; old ones write `= cap_a+ep`."""
    names, _, flags = capabilities.removeprefix("= ").replace("+", "=").rpartition("=")
    return f"{','.join(sorted(names.split(',')))}={''.join(sorted(flags))}"
