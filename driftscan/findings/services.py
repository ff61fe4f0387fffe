"""Services that a person has written, overridden or masked, that fail, or that live only until the next reboot."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime

from driftscan.explain._programs import basename, owner, real
from driftscan.explain._stock import made
from driftscan.explain.services import explain, masked_by_package
from driftscan.explain.view import View
from driftscan.findings._units import PACKAGED_UNITS, programs, short, triggered
from driftscan.findings.base import Family, Rule
from driftscan.findings.commands import exists
from driftscan.model.finding import Finding, Severity
from driftscan.model.item import Item, Json
from driftscan.model.text import raw, text

_HAND = "A rebuild has to bring it along: no package does.\n\n"
UNIT = Rule(
    "unit-by-hand",
    Severity.LOW,
    "services",
    "is a unit that somebody has written",
    "keep it under version control, with what it starts",
    needs=("services", "packages"),
    doc=_HAND + "Judged are units of systemd whose file no package owns and no script of a package has made. Links of "
    "enablement, and what generators make at boot, are none; timers are told by schedule-by-hand, with their service.",
)
OVERRIDDEN = Rule(
    "unit-overridden",
    Severity.LOW,
    "services",
    "changes a packaged unit",
    "keep it under version control; compare it with the unit after each upgrade",
    needs=("services", "packages"),
    doc=_HAND + "Named are drop-ins that no package owns, and copies in /etc that hide the packaged unit of the same "
    "name: such a copy hides every mended line of later versions too.",
)
MASKED = Rule(
    "unit-masked",
    Severity.LOW,
    "services",
    "is masked, so that nothing can start it",
    "write down why; unmask it with systemctl unmask when the reason is gone",
    needs=("services", "packages"),
    doc="Somebody has decided that a packaged unit must never run: perhaps for a good reason that nobody wrote down, "
    "perhaps for an afternoon.\n\nMasks that packages ship or that their scripts make on removal are left out.",
)
DISABLED = Rule(
    "unit-disabled",
    Severity.INFO,
    "services",
    "was enabled by its package and has been disabled since",
    "write down why",
    needs=("services", "packages", "files"),
    doc="A rebuild has to repeat it.\n\nDebian's maintainer scripts record which units they have enabled; elsewhere "
    "nobody does, and the rule is silent.",
)
FAILED = Rule(
    "unit-failed",
    Severity.MEDIUM,
    "services",
    "has failed",
    "read its journal; mend it, or disable it",
    needs=("services",),
    doc="What has failed is not doing what the host is there for, or nobody needs it.\n\n"
    "A packaged unit that has failed inside a container weighs less: many need what a container does not give them.",
)
CHANGED = Rule(
    "unit-changed-since-start",
    Severity.MEDIUM,
    "services",
    "has been changed since it was started",
    "systemctl daemon-reload, and restart it while somebody watches: the change has never been tried",
    needs=("services", "files"),
    doc="What runs is not what the disk says: the next restart may fail, or may do something else.\n\n"
    "systemd tells which units it would have to read anew. Files that no package owns are also compared by their time "
    "with the start of the unit.",
)
NOT_ENABLED = Rule(
    "unit-not-enabled-but-running",
    Severity.LOW,
    "services",
    "runs, but nothing would start it after a reboot",
    "enable it, or stop it",
    needs=("services",),
    doc="Somebody has started it by hand; after the next reboot it will be missing.\n\n"
    "Named are services that are disabled while they run, and that no unit in memory wants, requires or triggers.",
)
NOTHING = Rule(
    "unit-points-to-nothing",
    Severity.MEDIUM,
    "services",
    "starts what does not exist",
    "restore what it starts, or disable it",
    needs=("services", "files", "packages"),
    doc="It fails at the next start, if it has not already.\n\n"
    "Judged are units that are enabled or run, by the absolute paths of their commands and by their working directory. "
    "Left out are commands that may fail, and units with conditions.",
)
INIT = Rule(
    "init-script-by-hand",
    Severity.LOW,
    "services",
    "is started by init, and no package owns it",
    "make a unit of it, and keep that under version control",
    needs=("services", "packages"),
    doc=_HAND
    + "Judged are init scripts, jobs of upstart and services of OpenRC by the owner of their file, entries of "
    "inittab by the owner of the program that they start.",
)
RC_LOCAL = Rule(
    "rc-local",
    Severity.LOW,
    "services",
    "runs commands at boot",
    "make units of them: what it starts is not restarted when it ends, and has no log",
    needs=("services",),
    doc=_HAND + "Distributions ship rc.local without a command, or do not ship it at all: each line is a person's.",
)
# What some distributions ship in it: it runs the scripts of a directory, if there is one.
_SCRIPTS = re.compile(r"\s*(?:if\s+(?:test|\[)\s+-d\s.*|then|fi|run-parts\s[^;&|]*)\s*")
_RECORDS = b"/var/lib/systemd/deb-systemd-helper-enabled"
_OLD = frozenset({"sysv", "openrc", "upstart", "busybox"})
_SLACK = 1.0  # seconds by which a file may be younger than the start of its unit: that is told in whole seconds
_RUNS = frozenset({"active", "activating", "reloading", "failed"})


def find(view: View) -> Iterator[Finding]:
    """Judge every service by its definition and its state."""
    dropins: dict[str, list[str]] = {}
    seen: set[str] = set()
    for item in view.of("services"):
        manager = item.attributes.get("manager")
        if manager == "systemd":
            yield from _unit(view, item)
            for path in item.attributes.get("dropins") or ():
                dropins.setdefault(path, []).append(str(item.attributes.get("name")))
        elif manager == "rc.local":
            yield from _rc_local(view, item, seen)
        elif manager in _OLD or manager == "inittab":
            yield from _old(view, item)
    yield from _dropins(view, dropins)


def _unit(view: View, item: Item) -> Iterator[Finding]:
    has = item.attributes
    if has.get("alias_of"):
        return
    if has.get("load") == "masked":
        yield from _masked(view, item)
        return
    if has.get("enabled") == "disabled" and _enabled_by_package(view, str(has["name"])):
        yield DISABLED.finding(str(has["name"]), _some(item, "package", "active"))
    broken = _points_to_nothing(view, item)
    if broken is not None:  # the gravest that there is to say of it; that of a timer is told with the timer
        yield from () if triggered(view, item) else (broken,)
    elif (told := _definition(view, item)) is not None:
        yield told
    if broken is None and has.get("active") == "failed":
        yield _failed(view, item)
    if (reason := _changed(view, item)) is not None:
        yield CHANGED.finding(str(has["name"]), reason)
    if _only_by_hand(view, item):
        yield NOT_ENABLED.finding(str(has["name"]), _some(item, "package", "command", "user"))


def _only_by_hand(view: View, item: Item) -> bool:
    """Return whether a service runs that nothing would start: disabled, or of a person's and not to be enabled."""
    has = item.attributes
    if has.get("active") != "active" or has.get("kind") != "service" or item.volatile.get("needed_by") != []:
        return False
    stays = {"disabled"} if explain(view, item) is not None else {"disabled", "static", "linked"}
    return has.get("enabled") in stays and not has.get("wanted_by") and "@" not in str(has["name"])


def _enabled_by_package(view: View, name: str) -> bool:
    """Return whether the records of maintainer scripts hold a link by which they have enabled a unit."""
    folders = view.directories.list(_RECORDS).values()
    return any(raw(name) in view.directories.list(folder.path) for folder in folders if folder.kind == "d")


def _definition(view: View, item: Item) -> Finding | None:
    """Return what is to be said of who wrote a unit."""
    has = item.attributes
    fragment, name = has.get("fragment"), str(has["name"])
    if not isinstance(fragment, str) or explain(view, item) is not None:
        return None
    for folder in PACKAGED_UNITS:
        hidden = b"%s/%s" % (folder, raw(name))
        if raw(fragment) != hidden and (package := owner(view, hidden)):
            return OVERRIDDEN.finding(name, {"file": fragment, "package": package, "hides": text(hidden)})
    if has.get("kind") == "timer" or triggered(view, item):
        return None
    evidence = _some(item, "fragment", "command", "user", "enabled", "active")
    mine = [path for path in has.get("dropins") or () if raw(path).startswith(b"/etc/")]
    return UNIT.finding(name, {**evidence, **({"dropins": mine} if mine else {})})


def _masked(view: View, item: Item) -> Iterator[Finding]:
    has = item.attributes
    fragment, name = str(has.get("fragment")), str(has["name"])
    if not fragment.startswith("/etc/") or has.get("package") or masked_by_package(view, name):
        return
    package = next((own for folder in PACKAGED_UNITS if (own := owner(view, b"%s/%s" % (folder, raw(name))))), "")
    if package and made(view, raw(fragment)) is None:
        yield MASKED.finding(name, {"package": package, "file": fragment})


def _failed(view: View, item: Item) -> Finding:
    has = item.attributes
    evidence = {**_some(item, "command", "user", "package", "enabled"), "state": item.volatile.get("state")}
    boxed = bool(has.get("package")) and view.facts.get("virtualization") not in {None, "", "none"}
    hand = any(made(view, raw(path)) is None for path in has.get("dropins") or ())
    return FAILED.finding(str(has["name"]), evidence, Severity.LOW if boxed and not hand else None)


def _changed(view: View, item: Item) -> dict[str, Json] | None:
    """Return in what way a unit that runs differs from its files; None when it does not, or nobody can tell."""
    has = item.attributes
    if has.get("active") not in {"active", "reloading"}:
        return None
    if has.get("needs_reload"):
        return {"needs": "daemon-reload", "since": item.volatile.get("since")}
    since = _seconds(item.volatile.get("since"))
    if since is None or not item.volatile.get("main_pid"):
        return None
    for path in (has.get("fragment"), *(has.get("dropins") or ())):
        entry = view.directories.entry(real(view, raw(path))) if isinstance(path, str) else None
        if entry is not None and entry.mtime > since + _SLACK and not owner(view, entry.path):
            return {"needs": "restart", "file": text(entry.path), "since": item.volatile.get("since")}
    return None


def _seconds(moment: Json) -> float | None:
    if not isinstance(moment, str):
        return None
    try:
        return datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None


def _points_to_nothing(view: View, item: Item) -> Finding | None:
    has = item.attributes
    packaged = bool(has.get("package")) and not has.get("dropins")
    enabled = has.get("enabled") == "enabled" or (not packaged and bool(has.get("wanted_by")))
    if has.get("conditions") or not (enabled or has.get("active") in _RUNS) or "@." in str(has["name"]):
        return None
    needed = [path for path, may_fail in programs(str(has.get("command") or "")) if not may_fail]
    directory = has.get("directory")
    if isinstance(directory, str) and directory.startswith("/") and "%" not in directory:
        needed.append(directory)
    gone = [path for path in needed if not exists(view, path)]
    if not gone:
        return None
    return NOTHING.finding(
        str(has["name"]), {"missing": gone, **_some(item, "package", "fragment", "enabled", "active")}
    )


def _dropins(view: View, dropins: Mapping[str, list[str]]) -> Iterator[Finding]:
    """Name the drop-ins of packaged units that no package brings; those of a unit by hand are part of it."""
    units = {str(item.attributes.get("name")): item for item in view.of("services")}
    for path, names in sorted(dropins.items()):
        packaged = sorted({package for name in names if (package := units[name].attributes.get("package"))})
        if path.startswith("/run/") or not packaged or made(view, raw(path)) is not None:
            continue
        evidence: dict[str, Json] = {"file": path, "packages": packaged[:5]}
        if len(names) > 1:
            evidence["units"] = len(names)
        yield OVERRIDDEN.finding(short(path), evidence)


def _old(view: View, item: Item) -> Iterator[Finding]:
    has = item.attributes
    if explain(view, item) is None and has.get("enabled") != "initdefault":
        subject = f"/etc/inittab: {has['name']}" if has["manager"] == "inittab" else str(has.get("fragment"))
        yield INIT.finding(subject, _some(item, "command", "enabled", "runlevels", "description"))


def _rc_local(view: View, item: Item, seen: set[str]) -> Iterator[Finding]:
    """Name rc.local once, though it has two names on some systems, if it does anything."""
    has = item.attributes
    path = str(has.get("fragment"))
    there = text(real(view, raw(path)))
    lines = str(has.get("command") or "").splitlines()
    if not all(_SCRIPTS.fullmatch(line) for line in lines) and there not in seen:
        seen.add(there)
        evidence: dict[str, Json] = {"commands": lines[:10]}
        if has.get("enabled") != "enabled":
            evidence["enabled"] = has.get("enabled")
        title = path if basename(path).startswith(("rc", "boot")) else there
        yield RC_LOCAL.finding(title, evidence)


def _some(item: Item, *names: str) -> dict[str, Json]:
    return {name: value for name in names if (value := item.attributes.get(name)) not in (None, "", [])}


FAMILY = Family((UNIT, OVERRIDDEN, MASKED, DISABLED, FAILED, CHANGED, NOT_ENABLED, NOTHING, INIT, RC_LOCAL), find)
