"""Which files of a host are worth reading: configuration and scripts that no package owns, or that were changed."""

import re
from collections import Counter
from collections.abc import Container, Iterator
from typing import NamedTuple

from driftscan.model.manifest import PackagedFile
from driftscan.model.ownership import Ownership
from driftscan.model.snapshot import Snapshot
from driftscan.model.tree import Entry, walk
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
_CHECKOUT = (b".git", b".hg", b".svn", b".bzr")
_GIT_CONFIG = b"/.git/config"
_CACHE = b"CACHEDIR.TAG"  # by the Cache Directory Tagging Specification
_KEYS = re.compile(rb"\.(?:pem|key)$|/id_[a-z0-9]+$")


class Wanted(NamedTuple):
    """A file to read; `digest` is `algorithm:hex` of what its package brought, "" where that is not known."""

    entry: Entry
    digest: str


class Choice(NamedTuple):
    """What is read, the topmost first, and by place how many more files would have been worth it."""

    wanted: list[Wanted]
    left_out: Counter[bytes]


def choose(snapshot: Snapshot) -> Choice:
    """Choose the files of `snapshot` whose content is read."""
    ownership = snapshot.ownership or Ownership((), snapshot.links)
    found = list(_candidates(snapshot, ownership))
    venvs = {directory for _, one in found for directory, _, name in [one.entry.path.rpartition(b"/")] if name == _VENV}
    wanted, size = list[Wanted](), 0
    taken, left = Counter[bytes](), Counter[bytes]()
    for _, one in sorted(found, key=lambda pair: (pair[0], pair[1].entry.path)):
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


def _place(path: bytes) -> bytes:
    """Return the home, the application or the top directory that `path` belongs to."""
    match = _PLACE.match(path)
    return match[0][:-1] if match else path[: path.find(b"/", 1)]


def in_home(path: bytes) -> bool:
    """Whether `path` is somebody's own, whose text is not kept."""
    return _HOME.match(path) is not None


def _candidates(snapshot: Snapshot, ownership: Ownership) -> Iterator[tuple[tuple[int, int], Wanted]]:
    if not snapshot.tree:
        return

    others = other_roots(snapshot)
    checkouts, caches = _marked(snapshot)

    def enter(path: bytes, _child: bytes) -> bool:
        if path in caches or (path + b"/").startswith(others):
            return False
        return path.endswith(b"/.git") or not _PASSED.search(path)

    for entry in walk(snapshot.objects, snapshot.tree, snapshot.stats, enter):
        if entry.meta[0] != _REGULAR:
            continue
        path, digest = entry.path, ""
        owned = ownership.get(path)
        if owned is None:
            rank = _rank(entry, checkouts)
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
    return named or path in ownership or any(entry is not None and _rank(entry, ()) is not None for entry in change[1:])


def _made_by_venv(path: bytes, venvs: set[bytes]) -> bool:
    """Whether `path` is a script that is in every environment of Python."""
    directory, _, name = path.rpartition(b"/")
    above, _, last = directory.rpartition(b"/")
    return above in venvs and last == b"bin" and name.lower().startswith((b"activate", b"pip", b"easy_install"))


def _marked(snapshot: Snapshot) -> tuple[set[bytes], set[bytes]]:
    """Return the directories that are checkouts, and those that say that they are caches."""
    checkouts, caches = set[bytes](), set[bytes]()
    for entry in snapshot.search.named((*_CHECKOUT, _CACHE)):
        directory, _, name = entry.path.rpartition(b"/")
        (caches if name == _CACHE else checkouts).add(directory)
    return checkouts, caches


def _rank(entry: Entry, checkouts: Container[bytes]) -> int | None:
    """Return how much a file that no package owns matters, 0 most; None if it is not read at all."""
    path = entry.path
    if path.startswith((b"/usr/", b"/bin/", b"/sbin/", b"/lib")) and not path.startswith(b"/usr/local/"):
        return 0 if entry.mode & 0o111 else None
    name = path.rpartition(b"/")[2]
    if _KEYS.search(path):
        return 0 if path.startswith(b"/etc/") else 1
    if _DATA.search(name):
        return None
    by_name = _CONFIGURATION.search(name) is not None or names_secret(name)
    depth, home = path.count(b"/"), in_home(path)
    if path.endswith(_GIT_CONFIG):
        return 1  # where the addresses are
    if home and depth - (1 if path.startswith(b"/root/") else 2) > _HOME_DEPTH:
        return None
    if not path.startswith(b"/etc/") and not by_name and _HIDDEN.search(path) and not home:
        return None  # what a tool keeps for itself
    above = _marked_above(path, checkouts)
    if above is not None:
        small = depth - above.count(b"/") <= _CHECKOUT_DEPTH and not is_example(path[len(above) :])
        return 1 if by_name and small else None
    return 1 if home else _rank_of_application(entry, depth, by_name=by_name)


def _rank_of_application(entry: Entry, depth: int, *, by_name: bool) -> int | None:
    path, program = entry.path, entry.mode & 0o111 != 0
    if path.startswith(b"/etc/") or _MINE.match(path):
        first = _FIRST.match(path) is not None
        deep = depth > (_DEPTH + 3 if by_name else _DEPTH)
        return 0 if first else None if deep else 1 if by_name or program else 2
    if path.startswith(b"/var/lib/"):
        return 1 if by_name and not program and depth <= _STATE_DEPTH else None
    return None


def _marked_above(path: bytes, marked: Container[bytes]) -> bytes | None:
    """Return which of the directories `marked` the path lies in, but for /etc, which may be a checkout as a whole."""
    step = path.rpartition(b"/")[0]
    while step and step != b"/etc":
        if step in marked:
            return step
        step = step.rpartition(b"/")[0]
    return None
