"""Which files of a host are worth reading: configuration and scripts that no package owns, or that were changed."""

import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from enum import Enum, auto
from functools import lru_cache
from typing import NamedTuple

from driftscan.model.manifest import PackagedFile
from driftscan.model.ownership import Ownership
from driftscan.model.search import Sought
from driftscan.model.snapshot import Snapshot
from driftscan.model.tree import EXECUTABLE, Entry, walk
from driftscan.scopes._follow import other_roots
from driftscan.scopes.base import Change
from driftscan.scopes.texts.secret_files import is_example, names_secret

SIZE_LIMIT = 256 << 10  # bytes of one file in /etc, where a packaged file full of comments may be long
_ELSEWHERE = 64 << 10
_FILES = 1200
_BYTES = 6 << 20
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
    rb"\.(?:log|gz|xz|bz2|zst|lz4|zip|tar|tgz|7z|jar|war|class|pyc|pyo|so|o|a|ko|whl|egg|deb|rpm|jpe?g|png|gif|ico|svg"
    rb"|webp|woff2?|ttf|eot|otf|pdf|html?|csv|tsv|mp[34]|db|sqlite3?|db-(?:wal|shm|journal)|mo|po|map|min\.js|css|swp|pid|lock|gpg|pem"
    rb"|crt|cer|der|csr|crl|pub)(?:\.\d+)?$"
)
_CONFIGURATION = re.compile(
    rb"\.(?:conf|config|cfg|cnf|ini|ya?ml|toml|properties|env|json|xml|service|timer|socket|rules|list|sources|cron|sh|rc)$"
    rb"|(?:^|/)\.?(?:env(?:\..+)?|Procfile|pyvenv\.cfg|(?:Gem|Docker|Make|Caddy|Rake|Jenkins|Vagrant)file|crontab|htpasswd|htaccess"
    rb"|pgpass|netrc|requirements.*\.txt)$"
)
_REGULAR = ord("f")
_VENV = b"pyvenv.cfg"
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


_Candidate = tuple[tuple[int, int], Wanted]  # how much it matters, least is most; the file


class Choice(NamedTuple):
    """What is read, the topmost first, and by place how many more files would have been worth it."""

    wanted: list[Wanted]
    left_out: Counter[bytes]


def choose(snapshot: Snapshot) -> Choice:
    """Choose the files of `snapshot` whose content is read."""
    ownership = snapshot.ownership or Ownership((), snapshot.links)
    venvs = {entry.path.rpartition(b"/")[0] for entry in snapshot.search.named(*_VENVS)}
    wanted, size = list[Wanted](), 0
    taken, left = Counter[bytes](), Counter[bytes]()
    for _, one in _foremost(_candidates(snapshot, ownership), left):
        if _made_by_venv(one.entry.path, venvs):
            continue
        place = _place(one.entry.path)
        if len(wanted) < _FILES and size + one.entry.size <= _BYTES and (taken[place] < _EACH or place == b"/etc"):
            wanted.append(one)
            size += one.entry.size
            taken[place] += 1
        else:
            left[place] += 1
    return Choice(wanted, left)


def _foremost(candidates: Iterable[_Candidate], left: Counter[bytes]) -> list[_Candidate]:
    """Return the candidates in order; of a place with far more than are read only the first, the others are `left`."""
    by_place: dict[bytes, list[_Candidate]] = {}
    for one in candidates:
        place = _place(one[1].entry.path)
        here = by_place.setdefault(place, [])
        here.append(one)
        if len(here) > 8 * _EACH and place != b"/etc":
            here.sort(key=_order)
            left[place] += len(here) - 4 * _EACH
            del here[4 * _EACH :]
    return sorted((one for here in by_place.values() for one in here), key=_order)


def _order(one: _Candidate) -> tuple[tuple[int, int], bytes]:
    return one[0], one[1].entry.path


def _place(path: bytes) -> bytes:
    """Return the home, the application or the top directory that `path` belongs to."""
    match = _PLACE.match(path)
    return match[0][:-1] if match else path[: path.find(b"/", 1)]


def in_home(path: bytes) -> bool:
    """Whether `path` is somebody's own, whose text is not kept."""
    return _HOME.match(path) is not None


def _candidates(snapshot: Snapshot, ownership: Ownership) -> Iterator[_Candidate]:
    if not snapshot.tree:
        return

    others = other_roots(snapshot)
    checkouts, caches = _marked(snapshot)
    get = ownership.get
    here, place = b"", _CLOSED

    def enter(path: bytes, _child: bytes) -> bool:
        if path in caches or (path + b"/").startswith(others):
            return False
        return path.endswith(b"/.git") or not _PASSED.search(path)

    def wanted(_name: bytes, meta: bytes, _stats: bytes) -> bool:
        return meta[0] == _REGULAR

    for entry in walk(snapshot.objects, snapshot.tree, snapshot.stats, enter, wanted):
        path, digest = entry.path, ""
        directory, _, name = path.rpartition(b"/")
        if directory != here:
            here, place = directory, _place_of(directory, checkouts)
        owned = get(path)
        if owned is None:
            rank = place.rank(name, entry.meta)
        elif entry.ctime > owned[0].unpacked:  # few are left
            packaged = PackagedFile.decode(owned[1])
            config, digest = packaged.kind == "config", packaged.digest
            changed = _is_younger(entry.ctime, owned[0].unpacked, config=config)
            rank = 0 if changed and (digest or config) else None
        else:
            rank = None
        if rank is None or not 0 < entry.size <= (SIZE_LIMIT if path.startswith(b"/etc/") else _ELSEWHERE):
            continue
        if path.startswith(others) or _marked_above(path, caches):
            continue
        if not _PASSED.search(path) or path.endswith(_GIT_CONFIG):
            yield (rank, path.count(b"/")), Wanted(entry, digest)


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
    place = _place_of(path.rpartition(b"/")[0], ())
    ranked = any(entry is not None and place.rank(change.name, entry.meta) is not None for entry in change[1:])
    return named or path in ownership or ranked


def _made_by_venv(path: bytes, venvs: set[bytes]) -> bool:
    """Whether `path` is a script that is in every environment of Python."""
    directory, _, name = path.rpartition(b"/")
    above, _, last = directory.rpartition(b"/")
    return above in venvs and last == b"bin" and name.lower().startswith((b"activate", b"pip", b"easy_install"))


def _marked(snapshot: Snapshot) -> tuple[set[bytes], set[bytes]]:
    """Return the directories that are checkouts, and those that say that they are caches."""
    checkouts, caches = set[bytes](), set[bytes]()
    for entry in snapshot.search.named(*_MARKS):
        directory, _, name = entry.path.rpartition(b"/")
        (caches if name == _CACHE else checkouts).add(directory)
    return checkouts, caches


class _Kind(Enum):
    """What a file's name says of it."""

    KEY = auto()
    DATA = auto()
    CONFIGURATION = auto()
    OTHER = auto()


def _whole_name(name: bytes) -> _Kind:
    """Return what `name` says, all of it."""
    if _KEYS.search(name):
        return _Kind.KEY
    if _DATA.search(name):
        return _Kind.DATA
    return _Kind.CONFIGURATION if _CONFIGURATION.search(name) else _Kind.OTHER


_by_ending = lru_cache(4096)(_whole_name)


def _kind(name: bytes) -> _Kind:
    """Return what `name` says; most say it by their ending, and there are few endings."""
    kind = _by_ending(b"_" + name[at:]) if (at := name.rfind(b".")) > 0 else _Kind.OTHER
    return _whole_name(name) if kind is _Kind.OTHER else kind


class _Place(NamedTuple):
    """How much a directory's files matter that no package owns, 0 most, None where they are not read at all.

    `named` is the rank of configuration by its name, `program` that of what may be executed, `other` that of the rest,
    `key` that of what is called as keys are. `checkout` is the checkout around it, whose examples are passed over.
    Without `programs` what may be executed is none of it.
    """

    named: int | None = None
    program: int | None = None
    other: int | None = None
    key: int | None = None
    checkout: bytes | None = None
    path: bytes = b""
    programs: bool = True

    def rank(self, name: bytes, meta: bytes) -> int | None:
        """Return the rank of the file `name`, whose entry has `meta`."""
        if self.key is None:  # the system's own
            return self.program if self.program is not None and EXECUTABLE.match(meta) else None
        kind = _kind(name)
        if kind is _Kind.KEY:
            return self.key
        if self.path.endswith(b"/.git"):
            return 1 if name == b"config" else None  # where the addresses are
        if kind is _Kind.DATA or (self.named is None and self.program is None and self.other is None):
            return None
        if kind is _Kind.OTHER and not names_secret(name):
            return self.program if self.program != self.other and EXECUTABLE.match(meta) else self.other
        if self.checkout is not None and is_example(b"%s/%s" % (self.path[len(self.checkout) :], name)):
            return None
        return self.named if self.programs or not EXECUTABLE.match(meta) else None


_CLOSED = _Place()


def _place_of(directory: bytes, checkouts: Container[bytes]) -> _Place:
    """Return how much the files in `directory` matter."""
    inside, depth = directory + b"/", directory.count(b"/") + 1
    if inside.startswith((b"/usr/", b"/bin/", b"/sbin/", b"/lib")) and not inside.startswith(b"/usr/local/"):
        return _Place(program=0)
    etc, home = inside.startswith(b"/etc/"), in_home(inside)
    closed = _Place(key=0 if etc else 1, path=directory)
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
