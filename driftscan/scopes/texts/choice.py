"""Which files of a host are worth reading: configuration and scripts that no package owns, or that were changed."""

import re
from collections import Counter, defaultdict
from collections.abc import Container, Iterator
from enum import Enum, auto
from functools import lru_cache
from typing import NamedTuple

from driftscan.model.manifest import Manifest, PackagedFile
from driftscan.model.ownership import Ownership
from driftscan.model.search import Sought
from driftscan.model.snapshot import Snapshot
from driftscan.model.tree import EXECUTABLE, REGULAR, Entry, Run, runs
from driftscan.scopes._follow import other_roots
from driftscan.scopes.base import Change
from driftscan.scopes.texts.secret_files import is_example, names_secret

SIZE_LIMIT = 256 << 10  # bytes of one file in /etc, where a packaged file full of comments may be long
_ELSEWHERE = 64 << 10
_FILES = 1200
_BYTES = 6 << 20
_RANKS = 3
_EACH = 100  # files of one application or home: none of them takes the room of all others
_HOME_DEPTH = 2  # directories below a home, its own among them, whose files are read
_CHECKOUT_DEPTH = 3  # the same of a checkout: what is tracked there is kept elsewhere
_DEPTH = 5  # names in the path of a file of an application, beyond which only what is configuration by its name is read
_STATE_DEPTH = 6  # of /var: what lies deeper is data
_GRACE = 2.0  # seconds by which files may be younger than a note of their unpacking in whole seconds

# Directories of the system itself; every other one at the top was made by a person, like /srv and /opt.
_SYSTEM = rb"bin|boot|dev|home|lib\w*|lost\+found|media|mnt|nix|proc|root|run|sbin|snap|sys|tmp|usr|var"
_MINE = re.compile(rb"/usr/local/|/var/(?:www|spool/cron)/|/(?!(?:%s)/)[^/]+/" % _SYSTEM)
_PLACE = re.compile(rb"/(?:root|home/[^/]+|var/lib/[^/]+|usr/[^/]+/[^/]+|(?!etc/|usr/|var/)[^/]+/[^/]+)/")
_HIDDEN = re.compile(rb"/\.[^/]+/")
_HOME = re.compile(rb"/root/|/home/[^/]+/")
_FIRST = re.compile(rb"/etc/|/usr/local/(?:etc|s?bin)/|/usr/local/lib/systemd/|/var/spool/cron/")
# What others keep for themselves, and what is not configuration however small it is.
_PASSED = re.compile(
    rb"/(?:node_modules|bower_components|site-packages|dist-packages|__pycache__|vendor|gems|\.git|\.hg|\.svn|\.bzr"
    rb"|\.?caches?|logs?|te?mp|sessions?|man|locale|zoneinfo|i18n|icons|fonts|include|modules|\.?gnupg"
    rb"|\.npm|\.nvm|\.cargo|\.rustup|\.rbenv|\.pyenv|\.m2|\.gradle|\.local|\.vscode-server)(?:/|$)"
    rb"|^/etc/(?:alternatives|rc[S0-6]\.d|ssl/certs|ca-certificates|pki/ca-trust|pki/nssdb|selinux/[^/]+/active)(?:/|$)"
    rb"|^/etc/(?:g?shadow|passwd|group|subuid|subgid|security/opasswd|machine-id|ld\.so\.cache|\.pwd\.lock|mtab)-?$"
    rb"|^/usr/share/(?:doc|perl|help|mime|info|X11|bash-completion|lintian)(?:/|$)"
    rb"|^/var/spool/cron/(?:at|lastrun)|^/var/(?:backups|mail|games|crash|spool/(?!cron))"
    rb"|^/var/lib/(?:apt|dpkg|ucf|rpm|dnf|yum|pacman|apk|docker|containers|containerd|snapd|flatpak|systemd|dhcpc?"
    rb"|NetworkManager|cloud|pam|lxc|lxd|incus|machines|kubelet|etcd)(?:/|$)"
)
_DATA = re.compile(
    rb"\.(?:log|gz|xz|bz\d|zst|lz\d|zip|tar|tgz|\dz|jar|war|class|pyc|pyo|so|o|a|ko|whl|egg|deb|rpm|jpe?g|png|gif|ico|svg"
    rb"|webp|woff\d?|ttf|eot|otf|pdf|html?|csv|tsv|mp\d|db|sqlite\d?|db-(?:wal|shm|journal)|mo|po|map|min\.js|css|swp|pid|lock|gpg|pem"
    rb"|crt|cer|der|csr|crl|pub)(?:\.\d+)?$"
)
_CONFIGURATION = re.compile(
    rb"\.(?:conf|config|cfg|cnf|ini|ya?ml|toml|properties|env|json|xml|service|timer|socket|rules|list|sources|cron|sh|rc)$"
    rb"|(?:^|/)\.?(?:env(?:\..+)?|Procfile|pyvenv\.cfg|(?:Gem|Docker|Make|Caddy|Rake|Jenkins|Vagrant)file|crontab|htpasswd|htaccess"
    rb"|pgpass|netrc|requirements.*\.txt)$"
)
_VENV = b"pyvenv.cfg"
_OF_EACH_VENV = (b"activate", b"pip", b"easy_install")
_VENVS = Sought(frozenset({_VENV}))
_CHECKOUT = (b".git", b".hg", b".svn", b".bzr")
_GIT_CONFIG = b"/.git/config"
_CACHE = b"CACHEDIR.TAG"  # by the Cache Directory Tagging Specification
_MARKS = Sought(frozenset({*_CHECKOUT, _CACHE}))
SOUGHT = (_MARKS, _VENVS)
_KEYS = re.compile(rb"\.(?:pem|key)$|^id_[a-z0-9]+$")


class Wanted(NamedTuple):
    """A file to read; `digest` is `algorithm:hex` of what its package brought, "" where that is not known."""

    entry: Entry
    digest: str


class _Candidate(NamedTuple):
    """A file that may be read; they sort by how much they matter, least is most."""

    order: tuple[int, int]
    path: bytes
    meta: bytes
    stats: bytes
    digest: str
    place: bytes


class Choice(NamedTuple):
    """What is read, the topmost first, and by place how many more files would have been worth it."""

    wanted: list[Wanted]
    left_out: Counter[bytes]


def choose(snapshot: Snapshot) -> Choice:
    """Choose the files of `snapshot` whose content is read."""
    if not snapshot.tree:
        return Choice([], Counter())
    wanted, size = list[Wanted](), 0
    taken, found = Counter[bytes](), _Foremost()
    _texts(snapshot, found)
    for one in sorted(found):
        entry, place = Entry(one.path, one.meta, one.stats, b""), one.place
        if len(wanted) < _FILES and size + entry.size <= _BYTES and (taken[place] < _EACH or place == b"/etc"):
            wanted.append(Wanted(entry, one.digest))
            size += entry.size
            taken[place] += 1
        else:
            found.left[place] += 1
    return Choice(wanted, found.left)


class _Foremost:
    """The candidates; of a place with far more than are read only the first are kept, the others are `left`."""

    def __init__(self) -> None:
        self.left = Counter[bytes]()
        self._by_place: dict[bytes, list[_Candidate]] = defaultdict(list)
        self._last: dict[bytes, tuple[tuple[int, int], bytes]] = {}

    def __iter__(self) -> Iterator[_Candidate]:
        return (one for here in self._by_place.values() for one in here)

    def is_late(self, place: bytes, order: tuple[int, int], directory: bytes) -> bool:
        """Whether all files of that order in `directory` come after the first of the place."""
        if place not in self._last:
            return False
        last, path = self._last[place]
        inside = directory + b"/"
        return (order, inside) > (last, path[: len(inside)])

    def add(self, one: _Candidate) -> None:
        """Take a candidate, if it can be one of the first."""
        place = one.place
        if place in self._last and one[:2] > self._last[place]:
            self.left[place] += 1
            return
        here = self._by_place[place]
        here.append(one)
        if len(here) > 8 * _EACH and place != b"/etc":
            here.sort()
            self.left[place] += len(here) - 4 * _EACH
            del here[4 * _EACH :]
            self._last[place] = here[-1].order, here[-1].path


def _place(directory: bytes) -> bytes:
    """Return the home, the application or the top directory that what is in `directory` belongs to."""
    inside = directory + b"/"
    match = _PLACE.match(inside)
    return match[0][:-1] if match else inside[: inside.find(b"/", 1)]


def in_home(path: bytes) -> bool:
    """Whether `path` is somebody's own, whose text is not kept."""
    return _HOME.match(path) is not None


def _texts(snapshot: Snapshot, found: _Foremost) -> None:
    """Give `found` every file of `snapshot` that may be read."""
    rooms = _Rooms(snapshot)
    for entry, owned in snapshot.unpackaged.entries:
        directory, _, name = entry.path.rpartition(b"/")
        room = rooms[directory] if entry.meta[0] == REGULAR else None
        if room is not None:
            rank, digest = (room.rank(name, entry.meta), "") if owned is None else _changed(entry, *owned)
            if rank is not None and room.takes(name, entry.meta):
                order = rank, entry.path.count(b"/")
                found.add(_Candidate(order, entry.path, entry.meta, entry.stats, digest, room.place))
    waiting = snapshot.unpackaged.foreign[::-1]
    while waiting:
        top, child = waiting.pop()
        below = []
        for run in () if rooms.closed(top) else runs(snapshot.objects[bytes.fromhex(child.decode())], top):
            if run.child is not None and run.child[1]:
                below.append(run.child)
            if run.names and (room := rooms[run.path]) is not None:
                room.choose(run, found)
        waiting += reversed(below)  # the first of them next: what comes late in a full place is soon done with


class _Rooms:
    """What a snapshot says of a directory as a whole; paths of one directory come together."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._others = other_roots(snapshot)
        self._checkouts, self._caches, self._venvs = _marked(snapshot)
        self._last: tuple[bytes, _Room | None] = b"", None

    def closed(self, directory: bytes) -> bool:
        """Whether nothing at or below `directory` is read."""
        inside = directory + b"/"
        if directory.endswith(b"/.git"):
            inside = directory[: -len(b".git")]
        passed = _PASSED.search(inside) is not None
        return passed or inside.startswith(self._others) or _marked_above(inside, self._caches) is not None

    def __getitem__(self, directory: bytes) -> "_Room | None":
        """Return how much the files in `directory` matter; None where none of them is read."""
        if directory != self._last[0]:
            room = None if self.closed(directory) else _room_of(directory, self._checkouts)
            if room is not None:
                above, _, last = directory.rpartition(b"/")
                environment = last == b"bin" and above in self._venvs
                room = room._replace(environment=environment, place=_place(directory))
            self._last = directory, room
        return self._last[1]


def _changed(entry: Entry, manifest: Manifest, packaged: bytes) -> tuple[int | None, str]:
    """Return the rank of a packaged file, None where it is as it was brought, and its digest then."""
    brought = PackagedFile.decode(packaged)
    config = brought.kind == "config"
    changed = _is_younger(entry.ctime, manifest.unpacked, config=config)
    return (0 if changed and (brought.digest or config) else None), brought.digest


def _is_younger(ctime: float, unpacked: float, *, config: bool) -> bool:
    """Whether a packaged file may have been changed after it was unpacked; a note in whole seconds needs some grace."""
    return ctime > unpacked and (unpacked % 1 != 0 or config or ctime > unpacked + _GRACE)


def concerns(change: Change, ownership: Ownership) -> bool:
    """Whether a change may be one of a file that is read, or decide on which ones are."""
    if change.name in {_VENV, _CACHE, *_CHECKOUT}:
        return True
    path = change.path
    if not change.is_file or (_PASSED.search(path) and not path.endswith(_GIT_CONFIG)):
        return False
    named = _CONFIGURATION.search(change.name) is not None or names_secret(change.name)
    place = _room_of(path.rpartition(b"/")[0], ())
    ranked = any(entry is not None and place.rank(change.name, entry.meta) is not None for entry in change[1:])
    return named or path in ownership or ranked


def _marked(snapshot: Snapshot) -> tuple[set[bytes], set[bytes], set[bytes]]:
    """Return the directories that are checkouts, those that say that they are caches, and environments of Python."""
    checkouts, caches = set[bytes](), set[bytes]()
    for entry in snapshot.search.named(*_MARKS):
        directory, _, name = entry.path.rpartition(b"/")
        (caches if name == _CACHE else checkouts).add(directory)
    return checkouts, caches, {entry.path.rpartition(b"/")[0] for entry in snapshot.search.named(*_VENVS)}


class _Kind(Enum):
    """What a file's name says of it."""

    KEY = auto()
    DATA = auto()
    NAMED = auto()  # as configuration is
    SECRET = auto()  # as a whole
    OTHER = auto()


_KEY, _MERE_DATA, _NAMED, _SECRET, _OTHER = _Kind  # asked for each file of a host, where an attribute takes its time


def _whole_name(name: bytes) -> _Kind:
    """Return what `name` says, all of it."""
    if _KEYS.search(name):
        return _KEY
    if _DATA.search(name) or _PASSED.search(b"/" + name):
        return _MERE_DATA
    if _CONFIGURATION.search(name):
        return _NAMED
    return _SECRET if names_secret(name) else _OTHER


@lru_cache(4096)
def _by_ending(ending: bytes) -> _Kind:
    return _whole_name(b"_" + ending)


_by_shape = lru_cache(1 << 15)(_whole_name)
_SHAPE = bytes.maketrans(b"123456789", b"0" * 9)


def _kind(name: bytes) -> _Kind:
    """Return what `name` says; most say it by their ending, or are like another but for the digits in them."""
    at = name.rfind(b".")
    if at > 0:
        kind = _by_ending(name[at:])
        if kind is not _OTHER and kind is not _SECRET:
            return kind
    return _by_shape(name.translate(_SHAPE))


class _Room(NamedTuple):
    """How much a directory's files matter that no package owns, 0 most, None where they are not read at all.

    `named` is the rank of configuration by its name, `program` that of what may be executed, `other` that of the rest,
    `key` that of what is called as keys are. `checkout` is the checkout around it, whose examples are passed over.
    Without `programs` what may be executed is none of it; in an `environment` of Python are scripts that each one has;
    of `git`'s own directory only the configuration is read. `place` is what the directory belongs to, `largest` the most
    bytes of a file; where it is `anchored`, some names are passed over in there alone.
    """

    named: int | None = None
    program: int | None = None
    other: int | None = None
    key: int | None = None
    checkout: bytes | None = None
    path: bytes = b""
    programs: bool = True
    environment: bool = False
    git: bool = False
    largest: int = _ELSEWHERE
    anchored: bool = True
    place: bytes = b""

    def choose(self, run: Run, found: _Foremost) -> None:
        """Give `found` what may be read of a run of this directory's files, none of which a package owns."""
        depth = run.path.count(b"/") + 1
        late = {rank: found.is_late(self.place, (rank, depth), run.path) for rank in range(_RANKS)}
        for name, meta in zip(run.names, run.metas, strict=True):
            rank = self.rank(name, meta) if meta[0] == REGULAR else None
            if rank is None or not self.takes(name, meta):
                continue
            if late[rank]:
                found.left[self.place] += 1
            else:
                found.add(_Candidate((rank, depth), b"%s/%s" % (run.path, name), meta, b"", "", self.place))

    def takes(self, name: bytes, meta: bytes) -> bool:
        """Whether a file is small enough to be configuration, and none that others keep for themselves by its path."""
        if not 0 < int(meta.split(b" ", 4)[3]) <= self.largest:
            return False
        return not self.anchored or self.git or not _PASSED.search(b"%s/%s" % (self.path, name))

    def rank(self, name: bytes, meta: bytes) -> int | None:
        """Return the rank of the file `name`, whose entry has `meta`."""
        if self.key is None:  # the system's own
            return self.program if self.program is not None and EXECUTABLE.match(meta) else None
        if self.git:
            return 1 if name == b"config" else None  # where the addresses are
        kind = _kind(name)
        if kind is _MERE_DATA:
            return None
        if kind is _KEY:
            return self.key
        if self.environment and name.lower().startswith(_OF_EACH_VENV):
            return None
        if kind is _OTHER:
            return self.program if self.program != self.other and EXECUTABLE.match(meta) else self.other
        if self.checkout is not None and is_example(b"%s/%s" % (self.path[len(self.checkout) :], name)):
            return None
        return self.named if self.programs or not EXECUTABLE.match(meta) else None


def _room_of(directory: bytes, checkouts: Container[bytes]) -> _Room:
    """Return how much the files in `directory` matter."""
    inside, depth = directory + b"/", directory.count(b"/") + 1
    if inside.startswith((b"/usr/", b"/bin/", b"/sbin/", b"/lib")) and not inside.startswith(b"/usr/local/"):
        return _Room(program=0, path=directory)
    etc, home = inside.startswith(b"/etc/"), in_home(inside)
    closed = _Room(
        key=0 if etc else 1,
        path=directory,
        git=directory.endswith(b"/.git"),
        largest=SIZE_LIMIT if etc else _ELSEWHERE,
        anchored=inside.startswith((b"/etc/", b"/usr/", b"/var/")),
    )
    if home and depth - (1 if inside.startswith(b"/root/") else 2) > _HOME_DEPTH:
        return closed
    above = _marked_above(inside, checkouts)
    if above is not None:
        small = depth - above.count(b"/") <= _CHECKOUT_DEPTH
        return closed._replace(named=1, checkout=above) if small else closed
    if home:
        return closed._replace(named=1, program=1, other=1)
    if etc or _MINE.match(inside):
        if _FIRST.match(inside):
            ranks = closed._replace(named=0, program=0, other=0)
        else:
            ranks = closed._replace(
                named=1 if depth <= _DEPTH + 3 else None,
                program=1 if depth <= _DEPTH else None,
                other=2 if depth <= _DEPTH else None,
            )
        hidden = not etc and _HIDDEN.search(inside)  # what a tool keeps for itself
        return ranks._replace(program=None, other=None) if hidden else ranks
    if inside.startswith(b"/var/lib/") and depth <= _STATE_DEPTH:
        return closed._replace(named=1, programs=False)
    return closed


def _marked_above(path: bytes, marked: Container[bytes]) -> bytes | None:
    """Return which of the directories `marked` the path lies in, but for /etc, which may be a checkout as a whole."""
    step = path.rpartition(b"/")[0]
    while step and step != b"/etc":
        if step in marked:
            return step
        step = step.rpartition(b"/")[0]
    return None
