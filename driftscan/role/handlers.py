"""What has to run once after a path of a role was written: reload units, build a cache, restart what reads it."""

import re
from collections.abc import Callable, Iterable, Iterator
from weakref import WeakKeyDictionary

from driftscan.explain.view import View
from driftscan.model.text import raw
from driftscan.role._restarts import Restarts, restarts
from driftscan.role.model import Handler

RELOAD = Handler("reload units", ("systemctl", "daemon-reload"))
_UNITS = re.compile(r"/(?:etc|usr/lib|lib|usr/local/lib)/systemd/system/.*")
_SYSCTL = re.compile(r"/etc/sysctl\.conf|/(?:etc|usr/local/lib)/sysctl\.d/.*\.conf")
_UDEV = re.compile(r"/(?:etc|usr/local/lib)/udev/(?:rules\.d|hwdb\.d)/.*")
_LINKER = re.compile(r"/etc/ld\.so\.conf(?:\.d/.*\.conf)?")
_LIBRARY = re.compile(r"/(?:usr/)?(?:local/)?lib(?:32|64|x32)?(?:/[^/]*-linux-gnu[^/]*)?/[^/]*\.so(?:\.[^/]*)?")
_PLACES = (b"/usr/local/sbin/", b"/usr/local/bin/", b"/usr/sbin/", b"/usr/bin/", b"/sbin/", b"/bin/")
# A path, the command that reads it, and the name that people know that by; only where the host has the program.
_CACHES = (
    (re.compile(r"/etc/locale\.gen"), "generate locales", ("locale-gen",)),
    (re.compile(r"/etc/aliases"), "rebuild mail aliases", ("newaliases",)),
    (
        re.compile(r"/usr/local/share/ca-certificates(?:/.*)?|/etc/ca-certificates(?:\.conf|/update\.d/.*)"),
        "gather certificates",
        ("update-ca-certificates",),
    ),
    (
        re.compile(r"/etc/(?:pki/ca-trust|ca-certificates/trust-source)(?:/.*)?"),
        "gather trusted certificates",
        ("update-ca-trust",),
    ),
)
_LINK = "rebuild the cache of libraries"
_programs: "WeakKeyDictionary[View, dict[str, bool]]" = WeakKeyDictionary()
_libraries: "WeakKeyDictionary[View, list[str]]" = WeakKeyDictionary()


def handlers_for(path: str, view: View) -> tuple[Handler, ...]:
    """Return what has to run where `path` has changed, in running order; () for most paths."""
    return in_order([*_reloads(path, view), *_caches(path, view), *restarts(view).of(path)])


def in_order(handlers: Iterable[Handler]) -> tuple[Handler, ...]:
    """Return each of `handlers` once: units are read anew first, caches are built, then services restarted by name."""
    return tuple(sorted(set(handlers), key=lambda one: (_rank(one), one.name, one.command)))


def is_systemd(view: View) -> bool:
    """Whether systemd runs the host, as far as its facts tell."""
    return view.facts.get("init") == "systemd"


def _rank(handler: Handler) -> int:
    if handler.name == RELOAD.name:
        return 0
    return 2 if handler.name.startswith(Restarts.VERB) else 1


def _reloads(path: str, view: View) -> Iterator[Handler]:
    systemd = is_systemd(view)
    if systemd and (_UNITS.fullmatch(path) or path == "/etc/fstab"):
        yield RELOAD
    if systemd and re.fullmatch(r"/etc/systemd/system\.conf(?:\.d/.*)?", path):
        yield Handler("reload the manager of units", ("systemctl", "daemon-reexec"))
    if _SYSCTL.fullmatch(path):
        # systemd's own service passes over keys that a container may not set; sysctl would fail for each of them.
        command = ("systemctl", "restart", "systemd-sysctl.service") if systemd else ("sysctl", "--system")
        yield Handler("apply kernel settings", command)
    if _UDEV.fullmatch(path) and restarts(view).runs("systemd-udevd.service"):
        yield Handler("reload device rules", ("udevadm", "control", "--reload"))


def _caches(path: str, view: View) -> Iterator[Handler]:
    for pattern, name, command in _CACHES:
        if pattern.fullmatch(path) and _has(view, command[0]):
            yield Handler(name, command)
    if _LINKER.fullmatch(path) or _LIBRARY.fullmatch(path) or any(_within(path, one) for one in _linked(view)):
        yield Handler(_LINK, ("ldconfig",))


def _within(path: str, folder: str) -> bool:
    """Whether a path is a library's directory, lies in it, or is a directory above it that is made as a whole."""
    return path == folder or path.startswith(f"{folder}/") or folder.startswith(f"{path}/")


def _linked(view: View) -> list[str]:
    """Return the directories of libraries that somebody's settings of the linker name."""
    if view not in _libraries:
        texts = [item.attributes.get("text") for item in view.of("contents") if _LINKER.fullmatch(item.key)]
        lines = [line.strip().rstrip("/") for told in texts if isinstance(told, str) for line in told.splitlines()]
        _libraries[view] = [line for line in lines if line.startswith("/") and line.count("/") > 1]
    return _libraries[view]


def _has(view: View, program: str) -> bool:
    known = _programs.setdefault(view, {})
    if program not in known:
        entry: Callable[[bytes], object] = view.directories.entry
        known[program] = any(entry(view.ownership.canonical(place + raw(program))) is not None for place in _PLACES)
    return known[program]
