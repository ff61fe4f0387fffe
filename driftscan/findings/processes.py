"""Processes and listeners that the disk, the packages or the next reboot cannot account for."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from driftscan.explain._origins import origins
from driftscan.explain._programs import basename, process_of, script, strange_program
from driftscan.explain.view import View
from driftscan.findings._program_names import false_name
from driftscan.findings._suspects import Listener, families, listener, listeners, odd_place, pids, ports, told
from driftscan.findings.base import Family, Rule
from driftscan.model.finding import Finding, Severity
from driftscan.model.item import Item, Json
from driftscan.model.text import raw, text

DELETED = Rule(
    "process-deleted-executable",
    Severity.HIGH,
    "processes",
    "runs from an executable that is no longer on the disk",
    "find out what it is before it ends: its only copy is /proc/PID/exe",
    needs=("processes",),
    doc="Whoever removes a program while it runs hides it from all who look at the disk, and it is gone for good when "
    "the process ends.\n\n"
    "The kernel says of the executable of every process whether it has been unlinked. An executable that a package has "
    "put anew in the same place is told by process-deleted-library, for that is an upgrade. In a container it is low: "
    "that is looked at from within.\n\n"
    "It may be wrong where a program was built or deployed anew over the old one and was not restarted yet: then a "
    "restart is what it needs.",
)
FALSE_NAME = Rule(
    "process-false-name",
    Severity.HIGH,
    "processes",
    "is the name of a process that is another program",
    "look at its executable and at who started it; nothing honest needs such a name",
    needs=("processes",),
    doc="A process chooses the name under which ps shows it. Malware takes that of a thread of the kernel or of a "
    "well-known daemon.\n\n"
    "Named are processes with an executable that call themselves as the kernel calls its threads, and those that call "
    "themselves by a packaged program that is not theirs. Titles that daemons write (nginx: master process), login "
    "shells, interpreters, and links to the executable are left out. In a container it is low.\n\n"
    "It may be wrong of a wrapper that starts a program under another name on purpose.",
)
ODD_PLACE = Rule(
    "process-from-odd-place",
    Severity.MEDIUM,
    "processes",
    "runs from where people keep files, not programs",
    "install it where programs belong and give it a unit, or end it",
    needs=("processes",),
    doc="What runs from a home, /tmp or /dev/shm can be changed by its user, is in no package and in no backup of the "
    "system, and is gone with the person or with the next reboot.\n\n"
    "Judged are the executable, and the script of an interpreter. What somebody who is logged in runs from the own "
    "home is left out.",
)
BY_HAND = Rule(
    "process-not-after-reboot",
    Severity.MEDIUM,
    "processes",
    "was started by hand and would not come back after a reboot",
    "find out who needs it; give it a unit, or end it",
    needs=("processes", "services"),
    doc="A program that somebody has started with nohup, setsid or screen runs until the next reboot; then it is "
    "missing, and the one who knew is gone.\n\n"
    "A process is accounted for by the unit, the init script, the entry of inittab, the schedule or the line of "
    "rc.local that starts it, by its container, or by a person who is logged in. One that has lost its parent in a "
    "session, in the group of sshd or of a unit that has not started it, or in a passing unit of systemd-run, has "
    "nobody who would start it again. What it has started itself is told with it.\n\n"
    "It may be wrong where a program that was started at boot starts others and ends: systemd then still knows the "
    "unit, but older inits do not.",
)
REPLACED = Rule(
    "process-deleted-library",
    Severity.LOW,
    "processes",
    "still runs with files that have been replaced since it was started",
    "restart it, so that it runs with what is on the disk",
    needs=("processes",),
    doc="After an upgrade a process keeps the old program and the old libraries until it is restarted: a mended hole "
    "stays open, and the restart that must come one day may fail.\n\n"
    "The kernel says of the executable and of every mapped library whether it has been unlinked.",
)
LISTENER = Rule(
    "listener-unpackaged",
    Severity.MEDIUM,
    "sockets",
    "is open, and no package owns what listens there",
    "find out who put it there and who needs it; then write it down, or stop it",
    needs=("sockets", "packages"),
    doc="A port that a program of no package has opened is either what the host is for, and then it has to be written "
    "down, or it is a door that nobody guards.\n\n"
    "Judged are the executable and, of an interpreter, the script that it runs. On the loopback interface alone it "
    "weighs less. A process that another rule names is not named here: its ports are in the evidence there.",
)
_LONG = 60  # characters of a command that is a subject
_PROCESS = ("user", "command", "exe", "cwd", "unit")

Listens = Mapping[int, Sequence[Listener]]


def find(view: View) -> Iterator[Finding]:
    """Judge every process once, by the gravest that there is to say of it; then the listeners that are left."""
    listens = listeners(view)
    orphans = families(_orphans(view))
    said: set[str] = set()
    for judge in (_deleted, _false, _odd):
        for finding, head in judge(view):
            if head.key not in said:
                items = next((family for family in orphans if head in family), [head])
                said |= {item.key for item in items}
                yield _with_evidence(view, finding, head, items, listens)
    for finding, head, items in _by_hand(view, orphans):
        mine = {item.key for item in items}
        if not said & mine:
            said |= mine
            yield _with_evidence(view, finding, head, items, listens)
    yield from _replaced(view, said)
    yield from _listeners(view, said)


_Said = tuple[tuple[Rule, str], Item]  # rule and subject, and of whom it is said


def _with_evidence(view: View, said: tuple[Rule, str], head: Item, items: Sequence[Item], listens: Listens) -> Finding:
    rule, subject = said
    evidence = told(head, _PROCESS)
    if evidence.get("command") == subject or evidence.get("exe") == subject:
        evidence = {key: value for key, value in evidence.items() if value != subject}
    if found := ports(listens, items):
        evidence["listens"] = found
    if path := script(view, head.attributes):
        evidence["script"] = text(path)
    inside = _contained(view, head)
    if inside:
        evidence["container"] = getattr(origins(view).of(view, head), "by", None)
    evidence["started"] = _started(view, head)
    evidence["pids"] = pids(head)
    more = [str(item.attributes.get("command")) for item in items if item is not head]
    if more:
        evidence["with"] = more[:5]
    return rule.finding(subject, evidence, Severity.LOW if inside else None)


def _contained(view: View, item: Item) -> bool:
    """Whether a process is a container's, which has files and an init of its own."""
    origin = origins(view).of(view, item)
    return origin is not None and origin.kind == "container"


def _started(view: View, item: Item) -> Json:
    """Say who started a process."""
    origin = origins(view).of(view, item)
    if origin is None:
        return "by hand" if origins(view).known(item) else None
    return " ".join(word for word in (origin.kind, origin.by) if word)


def _userland(view: View) -> Iterable[Item]:
    return (item for item in view.of("processes") if not item.attributes.get("kernel"))


def _deleted(view: View) -> Iterator[_Said]:
    for item in _userland(view):
        if item.attributes.get("deleted") and not _upgraded(view, item):
            subject = str(item.attributes.get("exe") or item.attributes.get("command") or item.key)
            yield (DELETED, subject), item


def _upgraded(view: View, item: Item) -> bool:
    """Return whether a package has put another executable in the place of a deleted one."""
    exe = item.attributes.get("exe")
    return (
        isinstance(exe, str) and bool(item.attributes.get("package")) and view.directories.entry(raw(exe)) is not None
    )


def _false(view: View) -> Iterator[_Said]:
    for item in _userland(view):
        if name := false_name(view, item):
            yield (FALSE_NAME, name), item


def _odd(view: View) -> Iterator[_Said]:
    for item in _userland(view):
        if path := odd_place(view, item):
            yield (ODD_PLACE, path), item


def _orphans(view: View) -> list[Item]:
    known = origins(view)
    return [item for item in _userland(view) if known.known(item) and known.of(view, item) is None]


_WRAPPERS = frozenset({"su", "sudo", "runuser", "setsid", "nohup", "sh", "bash", "dash", "env", "doas", "script"})


def _by_hand(view: View, orphans: Iterable[list[Item]]) -> Iterator[tuple[tuple[Rule, str], Item, list[Item]]]:
    """Name what nobody would start again; of what started each other, the first that is more than a wrapper."""
    for family in orphans:
        head = next((item for item in family if not _wraps(view, item)), family[0])
        yield (BY_HAND, _subject(view, head)), head, family


def _wraps(view: View, item: Item) -> bool:
    return basename(str(item.attributes.get("exe"))) in _WRAPPERS and script(view, item.attributes) is None


def _subject(view: View, item: Item) -> str:
    """Return the program of a process if nobody has packaged it; else its command, which tells more."""
    strange = strange_program(view, item.attributes)
    command = str(item.attributes.get("command"))
    return strange or (command if len(command) <= _LONG else command[:_LONG] + "…")


def _replaced(view: View, said: set[str]) -> Iterator[Finding]:
    """Name what runs with files that were replaced; one finding for a unit, however many processes it has."""
    units: dict[str, list[Item]] = {}
    for item in _userland(view):
        deleted = item.attributes.get("deleted_libraries") or (item.attributes.get("deleted") and _upgraded(view, item))
        if deleted and item.key not in said and not _contained(view, item):
            units.setdefault(str(item.attributes.get("unit") or item.attributes.get("exe")), []).append(item)
    for subject, items in sorted(units.items()):
        files = {str(path) for item in items for path in item.attributes.get("deleted_libraries") or ()}
        files |= {str(item.attributes.get("exe")) for item in items if item.attributes.get("deleted")}
        evidence: dict[str, Json] = {"files": sorted(files)[:5], "count": len(files)}
        evidence["pids"] = sorted(pid for item in items for pid in pids(item))
        yield REPLACED.finding(subject, evidence)


def _listeners(view: View, said: set[str]) -> Iterator[Finding]:
    """Name what listens and is nobody's, each program once, by the most open of its sockets."""
    programs: dict[tuple[str, str, str], list[Item]] = {}
    for item in view.of("sockets"):
        if item.attributes.get("state") != "listen":
            continue
        process = process_of(view, item)
        if process is not None and (process.key in said or _contained(view, process)):
            continue
        strange = strange_program(view, process.attributes) if process else _of_nobody(item)
        if strange is not None:
            has = item.attributes
            programs.setdefault((strange, str(has.get("user")), str(has.get("unit"))), []).append(item)
    for (strange, _, _), items in sorted(programs.items()):
        items.sort(key=lambda item: (listener(item).loopback, item.key))
        where = [listener(item) for item in items]
        evidence = {"program": strange, **told(items[0], ("user", "command", "unit"))}
        if len(items) > 1:
            evidence["also"] = [one.where for one in where[1:]][:10]
        yield LISTENER.finding(where[0].where, evidence, Severity.LOW if where[0].loopback else None)


def _of_nobody(item: Item) -> str | None:
    exe = item.attributes.get("exe")
    return exe if isinstance(exe, str) and item.attributes.get("package") == "" else None


FAMILY = Family((DELETED, FALSE_NAME, ODD_PLACE, BY_HAND, REPLACED, LISTENER), find)
