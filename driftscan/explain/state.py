"""State, caches, logs and spools: what packages and services keep, what lives until the next boot."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from driftscan.explain import _within
from driftscan.explain._declared import declared
from driftscan.explain._places import STATE_ROOTS, is_state
from driftscan.explain.base import Claim, Explainer
from driftscan.model.explanation import Explanation
from driftscan.model.text import raw, text

if TYPE_CHECKING:
    from driftscan.explain.view import View

_ROTATED = re.compile(rb"(?:[.-](?:\d{1,4}|\d{8}(?:-?\d{2,10})?|old))?(?:\.(?:gz|xz|bz2|zst|lz4|Z))?")
_BOOT = Explanation("state", "", "made anew at each boot")
_LOGINS = Explanation("state", "", "record of logins")

# What package managers keep where no package of theirs has a directory.
_MANAGERS = {
    "dpkg": (b"/var/lib/dpkg", b"/var/lib/apt", b"/var/cache/apt", b"/var/log/apt", b"/var/log/unattended-upgrades"),
    "rpm": (
        b"/var/lib/rpm", b"/usr/lib/sysimage", b"/var/lib/rpm-state", b"/var/lib/dnf", b"/var/cache/dnf",
        b"/var/cache/libdnf5", b"/var/lib/yum", b"/var/cache/yum", b"/var/lib/zypp", b"/var/cache/zypp",
        b"/var/log/zypp",
    ),
    "pacman": (b"/var/lib/pacman", b"/var/cache/pacman", b"/etc/pacman.d/gnupg"),
    "apk": (b"/lib/apk/db", b"/usr/lib/apk/db", b"/var/lib/apk", b"/var/cache/apk"),
}  # fmt: skip
# What a tool keeps in directories of its own elsewhere.
_ELSEWHERE = (b"/etc/lvm/archive", b"/etc/lvm/backup", b"/etc/lvm/cache", b"/etc/lvm/devices")
_MANAGER_FILES = {
    "dpkg": re.compile(
        rb"/var/(?:backups/(?:dpkg\.(?:status|diversions|statoverride|arch)|alternatives\.tar|apt\.extended_states"
        rb"|aptitude\.pkgstates|(?:passwd|group|shadow|gshadow)\.bak)|log/(?:dpkg|alternatives|aptitude)\.?(?:log)?)"
    ),
    "rpm": re.compile(rb"/var/log/(?:dnf(?:\.librepo|\.rpm|5)?\.log|hawkey\.log|yum\.log|zypper\.log)"),
    "pacman": re.compile(rb"/var/log/pacman\.log"),
    "apk": re.compile(rb"/etc/apk/world|/var/log/apk\.log"),
}
# What C libraries, mktemp, Python, Java and X call what they make for a while where everybody may.
_SCRATCH = re.compile(
    rb"tmp\.[A-Za-z0-9]{10}|tmp[a-z0-9_]{8}|tmpf?[A-Za-z0-9]{6}|hsperfdata_[\w.-]{1,64}|\.X\d{1,3}-lock"
    rb"|\.(?:X11|ICE|font|XIM|Test)-unix|systemd-private-[0-9a-f]{32}-[^/]{1,200}"
)
_SHARED = (b"/tmp", b"/var/tmp")
_PASSING = Explanation("state", "", "temporary, by its name")
_FEW = 20  # empty directories below one of a home, at most
_NOTHING = Explanation("state", "", "an empty hidden directory")
_EMPTY = Explanation("state", "", "empty, where what is temporary lies")
_RECORDS = re.compile(rb"/var/log/(?:[bw]tmp(?:\.db)?|lastlog|faillog|tallylog)")


def _claims(view: "View") -> Iterator[Claim]:
    tops = {path: Explanation("state", view.ownership.owner(path)) for path in _directories(view)}
    tops |= {path: Explanation("state", view.ownership.owner(path)) for path in _ELSEWHERE if path in view.ownership}
    names = {str(item.attributes.get("name")) for item in view.of("packages")}
    for root in STATE_ROOTS:
        for name, directory in view.directories.list(root).items():
            if directory.kind == "d" and is_state(directory.path) and text(name) in names:
                tops.setdefault(directory.path, Explanation("state", text(name), "named for it"))
    logs: dict[bytes, Explanation] = {}
    for one in declared(view):
        entry = view.directories.entry(one.path)
        if one.kind == "logrotate":
            logs[one.path] = Explanation("state", one.package, f"rotated by {one.file}")
        if entry is None or one.path in view.ownership:
            continue
        explanation = Explanation("state", one.package, f"in {one.file}")
        if entry.kind == "d" and is_state(one.path):
            tops.setdefault(one.path, explanation)
            yield from _within.way(view, one.path, explanation)
        elif _is_scratch(one.path) and one.kind == "tmpfiles":
            yield Claim(one.path, explanation, whole=True)
    managers = {str(item.attributes.get("manager")) for item in view.of("packages")}
    tops |= {
        path: Explanation("state", name, "database of the package manager")
        for name in sorted(managers & _MANAGERS.keys())
        for path in _MANAGERS[name]
        if view.directories.entry(path) is not None
    }
    tops |= {path: _BOOT for path in (b"/run", b"/dev") if view.directories.entry(path) is not None}
    yield from _within.claims(view, tops)
    yield from _scratch(view)
    yield from _empty(view)
    yield from _logs(view, logs, sorted(managers & _MANAGERS.keys()))


def _empty(view: "View") -> Iterator[Claim]:
    """Claim the hidden directories of homes in which there is no file, nor a link: tools have made them for later."""
    homes = {raw(str(item.attributes["home"])) for item in view.of("accounts") if item.attributes.get("home")}
    for home in sorted(home.rstrip(b"/") for home in homes if home.startswith(b"/")):
        for name, entry in view.directories.list(home).items() if home else ():
            if name.startswith(b".") and entry.kind == "d" and _is_empty(view, entry.path):
                yield Claim(entry.path, _NOTHING, whole=True)


def _is_empty(view: "View", top: bytes) -> bool:
    """Whether there is nothing below a directory but some more directories."""
    measured = view.directories.measure(top)
    if measured.files or measured.entries > _FEW:
        return False
    listed = view.directories.list(top).values()
    return all(entry.kind == "d" and _is_empty(view, entry.path) for entry in listed)


def _directories(view: "View") -> Iterator[bytes]:
    """Yield the directories for state that packages own, the topmost of them."""
    roots = tuple(root + b"/" for root in STATE_ROOTS)
    found = {
        path
        for manifest in view.ownership.manifests
        for path in manifest.files
        if path.startswith(roots) and is_state(path)
    }
    for path in sorted(view.ownership.canonical(one) for one in found):
        entry = view.directories.entry(path)
        if entry is not None and entry.kind == "d" and is_state(path):
            yield path


def _is_scratch(path: bytes) -> bool:
    """Whether a path lies directly where everybody may write for a while."""
    return path.rpartition(b"/")[0] in _SHARED


def _scratch(view: "View") -> Iterator[Claim]:
    """Claim what lies directly there with a name that no person gives, programs excepted, and what holds nothing."""
    tops: dict[bytes, Explanation] = {}
    for place in _SHARED:
        for name, entry in view.directories.list(place).items():
            if _SCRATCH.fullmatch(name) and entry.kind == "d":
                tops[entry.path] = _PASSING
            elif _SCRATCH.fullmatch(name) and not _within.is_program(entry):
                yield Claim(entry.path, _PASSING)
            elif entry.kind == "d" and not view.directories.list(entry.path):
                yield Claim(entry.path, _EMPTY)
    yield from _within.claims(view, tops)


def _logs(view: "View", logs: dict[bytes, Explanation], managers: list[str]) -> Iterator[Claim]:
    """Claim the logs that are rotated, their older ones too, and what login and the package managers note."""
    folders = {path.rpartition(b"/")[0] for path in logs} | {b"/var/log", b"/var/backups"}
    for folder in folders:
        for entry in view.directories.list(folder).values():
            if entry.kind != "f" or _within.is_program(entry):
                continue
            explanation = _log(entry.path, logs, managers)
            if explanation is not None:
                yield Claim(entry.path, explanation)


def _log(path: bytes, logs: dict[bytes, Explanation], managers: list[str]) -> Explanation | None:
    for base in _unrotated(path):
        if base in logs:
            return logs[base]
        if _RECORDS.fullmatch(base):
            return _LOGINS
        for name in managers:
            if _MANAGER_FILES[name].fullmatch(base):
                return Explanation("state", name, "kept by the package manager")
    return None


def _unrotated(path: bytes) -> Iterator[bytes]:
    """Yield the names under which a log may be known: `a.log` of `a.log.2.gz`, of `a.log-20240131`, of itself."""
    for end in range(len(path), max(len(path) - 30, 0), -1):
        if _ROTATED.fullmatch(path, end):
            yield path[:end]


EXPLAINER = Explainer(
    name="state",
    doc="State, caches, logs and spools of packages and services; what is made anew at each boot",
    rank=80,
    claims=_claims,
)
