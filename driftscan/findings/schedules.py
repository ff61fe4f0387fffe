"""Schedules that a person has made, that cron passes over, or that start what does not exist."""

import re
from collections.abc import Iterator, Mapping, Sequence

from driftscan.explain._programs import PATH
from driftscan.explain.schedules import explain
from driftscan.explain.view import View
from driftscan.findings._units import programs
from driftscan.findings.base import Family, Rule
from driftscan.findings.commands import exists, missing
from driftscan.model.finding import Finding, Severity
from driftscan.model.item import Item, Json
from driftscan.model.text import raw

HAND = Rule(
    "schedule-by-hand",
    Severity.LOW,
    "schedules",
    "holds schedules that somebody has made",
    "keep it under version control, with what it starts",
    needs=("schedules", "packages"),
    doc="A rebuild has to bring it along: no package does. Backups, clean-ups and reports live here, and are missed "
    "only when it is too late.\n\n"
    "Named are crontabs of users, files and scripts in cron's directories and timers that no package owns, and lines "
    "that were added to /etc/crontab. One finding stands for all lines of a file; a timer is told with its service.",
)
NOTHING = Rule(
    "schedule-points-to-nothing",
    Severity.MEDIUM,
    "schedules",
    "starts what does not exist, at each of its times",
    "restore what it starts, or remove the schedule",
    needs=("schedules", "files", "packages"),
    doc="What it was to do has not been done for as long as that is so, and nobody has noticed, for the mail of cron "
    "goes unread.\n\n"
    "Judged are the programs of a line, and the script that an interpreter is given, where they are named plainly; "
    "names without a path are looked for in the usual directories and in the PATH of the crontab. A line that asks "
    "first whether something is there is left out. A user that has no account is missing too.",
)
IGNORED = Rule(
    "schedule-ignored",
    Severity.MEDIUM,
    "schedules",
    "is never run, though it is there",
    "mend it if it is needed, else remove it",
    needs=("schedules", "packages"),
    doc="Cron passes over files without a word: for a dot in the name, a missing newline at the end, a mode. Whoever "
    "put it there believes that it runs.\n\n"
    "What package managers leave behind (.dpkg-old, .rpmsave) and what packages ship is left out; timers that are "
    "switched off are no mistake.",
)
_LEFT_OVER = re.compile(
    r".*(?:~|\.(?:dpkg|ucf)-\w+|\.rpm(?:save|new|orig)|\.pac(?:save|new|orig)|\.apk-new|\.placeholder)"
)


def find(view: View) -> Iterator[Finding]:
    """Judge every schedule; one that is broken is not named once more as made by hand."""
    by_hand: dict[str, list[Item]] = {}
    broken: dict[str, list[tuple[Item, list[str]]]] = {}
    for item in view.of("schedules"):
        has, file = item.attributes, str(item.attributes.get("file"))
        timer = has.get("kind") == "timer"
        mine = explain(view, item) is None
        if has.get("ignored"):
            if not timer and mine and not has.get("package") and not _LEFT_OVER.fullmatch(file):
                evidence = {**_some(item, "why", "user", "when"), **_command(item)}
                yield IGNORED.finding(file, evidence)
            elif timer and mine and _is_file(view, file):
                by_hand.setdefault(item.key, []).append(item)
            continue
        gone = _missing(view, item) if view.seen("files") else []
        if gone:
            broken.setdefault(item.key if timer else file, []).append((item, gone))
        elif mine:
            by_hand.setdefault(item.key if timer else file, []).append(item)
    for subject, found in sorted(broken.items()):
        gone = sorted({path for _, paths in found for path in paths})
        yield NOTHING.finding(subject, {"missing": gone, **_of_hand([item for item, _ in found])})
    for subject, items in sorted(by_hand.items()):
        if subject not in broken:
            yield HAND.finding(subject, _of_hand(items))


def _is_file(view: View, path: str) -> bool:
    """Return whether a unit file is one: a mask is a link to /dev/null, and told as such."""
    entry = view.directories.entry(raw(path))
    return entry is not None and entry.kind == "f"


def _of_hand(items: Sequence[Item]) -> dict[str, Json]:
    """Return when and what the schedules of one file run."""
    first = items[0]
    if first.attributes.get("kind") == "timer":
        more = {"ignored": first.attributes["why"]} if first.attributes.get("ignored") else {}
        return {**_some(first, "file", "when", "unit", "command", "user"), **more}
    if first.attributes.get("kind") == "script":
        return _some(first, "when", "user")
    lines = [f"{item.attributes.get('when')} {item.attributes.get('command')}" for item in items]
    evidence: dict[str, Json] = {"user": ", ".join(sorted({str(item.attributes.get("user")) for item in items}))}
    evidence["lines" if len(lines) > 1 else "line"] = lines[:10] if len(lines) > 1 else lines[0]
    if len(lines) > 10:
        evidence["count"] = len(lines)
    return evidence


def _command(item: Item) -> dict[str, Json]:
    command, file = item.attributes.get("command"), item.attributes.get("file")
    return {"command": command} if command and command != file else {}


def _missing(view: View, item: Item) -> list[str]:
    """Return what a schedule needs and what is not there: programs, scripts, its user."""
    has = item.attributes
    command = str(has.get("command") or "")
    if has.get("package") and explain(view, item) is not None:
        return []
    if has.get("kind") == "timer":
        return [path for path, may_fail in programs(command) if not may_fail and not exists(view, path)]
    if has.get("kind") not in {"cron", "anacron"}:
        return []
    gone = missing(view, command, _path(has))
    user = has.get("user")
    if user and view.whole("accounts") and user not in _users(view):
        gone.append(f"user {user}")
    return gone


def _path(schedule: Mapping[str, Json]) -> list[bytes]:
    """Return the directories in which cron looks, and the usual ones beside: cron's own are fewer."""
    lines = str(schedule.get("environment") or "").splitlines()
    given = next((line.partition("=")[2] for line in reversed(lines) if line.startswith("PATH=")), "")
    return [*(raw(folder.rstrip("/")) for folder in given.strip("\"'").split(":") if folder.startswith("/")), *PATH]


def _users(view: View) -> set[str]:
    return {str(one.attributes.get("name")) for one in view.of("accounts") if one.attributes.get("kind") == "user"}


def _some(item: Item, *names: str) -> dict[str, Json]:
    return {name: value for name in names if (value := item.attributes.get(name)) not in (None, "", [])}


FAMILY = Family((HAND, NOTHING, IGNORED), find)
