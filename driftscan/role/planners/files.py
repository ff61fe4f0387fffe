"""Plans paths: what nothing explains, what packages have otherwise, and the files in which other things stand."""

import re
from collections.abc import Iterator
from dataclasses import replace

from driftscan.drift.subject import Subject
from driftscan.model.drift import Change
from driftscan.model.text import raw, text
from driftscan.model.tree import Entry
from driftscan.role.archive import pack
from driftscan.role.desk import Desk, Planned, Planner, upwards
from driftscan.role.handlers import handlers_for
from driftscan.role.model import Data, LeftOut, Program
from driftscan.role.planners import _carried
from driftscan.role.planners._attributes import attributes
from driftscan.role.resources import Absent, Directory, File, HardLink, Link, Resource, Rights, Special, Why

_FEW = 12  # paths of a strange directory that are made one by one; of more an archive is made
_LARGE = 64 << 20  # bytes of one file from which on it is data
_SKELETON = 200  # directories of a tree of data that are made
_NOT_TEXT = re.compile("[\U0010ff00-\U0010ffff]")
_ELF = b"\x7fELF"
# Attributes of items that name the file which they stand in, or are.
_STANDS_IN = ("file", "path", "key_path", "fragment")
_ENABLED = re.compile(r"/etc/(?:[^/*?\[]+/)*[^/*?\[]+-enabled/[^/*?\[]+")
_CONTENT = frozenset({"digest", "target", "type"})


def _plan(desk: Desk) -> Iterator[Planned]:
    yield from _Paths(desk).all()


class _Paths:
    """The paths of one role; each is planned once."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.view = desk.view
        self.made: set[str] = set()
        self.first: dict[tuple[int, int, float], str] = {}  # of the names of one file, that which is made a file
        self.texts = {item.key for item in self.view.of("contents")}  # a script is its own source
        self.words = {find.path: _words(find.runs, find.refers) for find in desk.judgement.finds}

    def all(self) -> Iterator[Planned]:
        for stranger in self.view.explained.strangers:
            yield from self._strange(stranger.entry)
        for subject in self.desk.of("files"):
            if _carried.is_own(self.desk, subject.key):
                yield LeftOut("files", subject.key, _carried.OWN)
            elif subject.absent:
                yield from self._gone(subject)
            elif subject.deviates:
                yield from self._deviating(subject)
        yield from self._switched_off()
        for top, paths in sorted(self.desk.checkouts.items()):
            for path in paths:
                yield from self._below_checkout(top, path)
        yield from self._standing_in()
        yield from self._included()

    # Strangers

    def _strange(self, entry: Entry) -> Iterator[Planned]:
        path = text(entry.path)
        if self._skips(path):
            return
        if refusal := self.desk.refusal("files", path):
            yield LeftOut("files", path, refusal)
            return
        passing = _carried.passing(self.desk, entry)
        if entry.kind != "d":
            yield from self._alone(entry, passing)
            return
        yield from self._parents(path)
        if passing:
            yield from self._skeleton(entry, passing)
            return
        yield from self._tree(entry)

    def _tree(self, top: Entry) -> Iterator[Planned]:
        """Plan a directory with what is below it: path by path where they are few, else as an archive."""
        kept, without = _carried.parts(self.desk, top)
        for entry, reason in without:
            if reason:
                self.made.add(text(entry.path))
                yield _carried.set_aside(self.desk, entry, reason)
            elif text(entry.path) in self.desk.early:
                yield from self._tree(entry) if entry.kind == "d" else self._alone(entry, "")
        if len(kept) > _FEW or any(_NOT_TEXT.search(text(entry.path)) for entry in kept):
            yield from self._archive(top, kept, [text(entry.path) for entry, _ in without])
            return
        for entry in kept:
            yield from self._alone(entry, "")

    def _skips(self, path: str) -> bool:
        return path in self.made or self.desk.is_taken(path) or _carried.is_own(self.desk, path)

    def _skeleton(self, top: Entry, reason: str) -> Iterator[Planned]:
        """Plan the directories of a tree of data or logs, and name what lies in them."""
        directories = [entry for entry in _carried.below(self.desk, top.path) if entry.kind == "d"]
        for entry in directories[:_SKELETON]:
            yield from self._alone(entry, "")
        if len(directories) > _SKELETON:
            more = f"{len(directories) - _SKELETON} more directories in it come with what it holds"
            yield LeftOut("trees", text(top.path), more)
        yield from _carried.content(self.desk, top, reason)

    def _archive(self, top: Entry, kept: list[Entry], without: list[str]) -> Iterator[Planned]:
        path = text(top.path)
        outside = [text(one.path) for one in kept if one.kind == "f" and self.first.get(_same(one)) is not None]
        yield from self._alone(top, "")
        names = self._notify(path)
        yield from names[1]
        why = Why("files", path, self._word(path))
        early = self.desk.is_early(path)
        yield from pack(self.desk, why, path, without=[*without, *outside], early=early, notify=names[0])
        for one in kept:
            spelled = text(one.path)
            if spelled in outside:
                yield from self._alone(one, "")
            else:
                self.made.add(spelled)
                if one.links > 1 and one.kind == "f":
                    self.first.setdefault(_same(one), spelled)
                yield from attributes(self.desk, one, Why("files", spelled))

    # One path

    def _alone(self, entry: Entry, passing: str, why: Why | None = None) -> Iterator[Planned]:
        """Plan one path; of a directory, itself."""
        path = text(entry.path)
        if path in self.made:
            return
        self.made.add(path)
        why = why or Why("files", path, self._word(path))
        yield from self._parents(path)
        made = list(self._resource(entry, passing, why))
        notify, handlers = self._notify(path) if any(isinstance(one, Resource) for one in made) else ((), ())
        yield from handlers
        early = self.desk.is_early(path)
        beyond = list(attributes(self.desk, entry, why))  # asked for at once, whatever is known of the content
        for one in made:
            yield _with(one, notify, early=early) if isinstance(one, Resource) else one
        if any(isinstance(one, Resource) for one in made):
            yield from beyond

    def _resource(self, entry: Entry, passing: str, why: Why) -> Iterator[Planned]:
        path, (user, group), mode = text(entry.path), self.desk.owner(text(entry.path)), f"{entry.mode:04o}"
        if entry.kind == "d":
            yield Directory(why=why, path=path, user=user, group=group, mode=mode)
        elif entry.kind == "l":
            yield Link(why=why, path=path, target=text(entry.link), user=user, group=group)
        elif entry.kind == "s":
            yield LeftOut("files", path, "a socket: the program that listens on it makes it")
        elif entry.kind in "bc":
            numbers = self.desk.bytes(f"{path}\0device")
            if numbers is None:
                yield LeftOut("files", path, "the numbers of the device could not be read")
                return
            major, minor = (int(number) for number in numbers.split())
            yield Special(
                why=why, path=path, user=user, group=group, mode=mode, kind=entry.kind, major=major, minor=minor
            )
        elif entry.kind == "p":
            yield Special(why=why, path=path, user=user, group=group, mode=mode, kind="p")
        elif passing:
            yield from self._passing_file(entry, passing, File(why=why, path=path, user=user, group=group, mode=mode))
        else:
            yield from self._file(entry, File(why=why, path=path, user=user, group=group, mode=mode))

    def _passing_file(self, entry: Entry, passing: str, empty: File) -> Iterator[Planned]:
        """Plan a file whose content is data: a log is made empty, for what matters of it are its rights."""
        path = text(entry.path)
        if "a log" in passing:
            yield empty
            yield LeftOut("contents", path, "what a log says is the old host's own")
        else:
            yield _carried.set_aside(self.desk, entry, passing)

    def _file(self, entry: Entry, empty: File) -> Iterator[Planned]:
        path = text(entry.path)
        first = self.first.setdefault(_same(entry), path) if entry.links > 1 else path
        if first != path:
            yield HardLink(why=empty.why, path=path, to=first)
            return
        if entry.size > _LARGE:
            yield Data(path=path, engine="", size=entry.size, why="too large for a role")
            return
        if self.desk.secrets.is_history(path):
            yield LeftOut("files", path, "a history of commands")
            return
        content = self.desk.content(path)
        if content is None:
            yield LeftOut("files", path, "its content could not be read", limit=True)
            if entry.mode & 0o111 and entry.size and path not in self.texts:
                yield Program(path, self._word(path), copied=False)
            return
        yield File(why=empty.why, path=path, user=empty.user, group=empty.group, mode=empty.mode, content=content)
        if (content.literal or b"").startswith(_ELF):
            yield Program(path, self._word(path) or "no package has it")

    def _parents(self, path: str) -> Iterator[Planned]:
        """Plan the directories above a path that no package has."""
        for step in sorted(upwards(path.rpartition("/")[0])):
            if step in self.made or raw(step) in self.view.ownership or raw(step) in self.view.ownership.directories:
                continue
            entry = self.view.directories.entry(raw(step))
            if entry is not None and entry.kind == "d" and not self._is_standard(step):
                self.made.add(step)
                user, group = self.desk.owner(step)
                why = Why("files", step, f"{path.rpartition('/')[2]} lies below it")
                yield Directory(
                    why=why, path=step, user=user, group=group, mode=f"{entry.mode:04o}", early=self.desk.is_early(path)
                )

    def _is_standard(self, path: str) -> bool:
        """Whether each installation has a directory: those at the top, and what a package's script makes below /usr."""
        if path.count("/") == 1:
            return True
        claimed = self.view.explained.claims.at(raw(path))
        return path.startswith("/usr/") and claimed is not None and claimed.by != ""

    def _notify(self, path: str) -> tuple[tuple[str, ...], tuple[Planned, ...]]:
        handlers = handlers_for(path, self.view)
        return tuple(one.name for one in handlers), handlers

    def _word(self, path: str) -> str:
        return next((self.words[step] for step in upwards(path) if self.words.get(step)), "no package has it")

    # What packages have otherwise

    def _gone(self, subject: Subject) -> Iterator[Planned]:
        if self._skips(subject.key):
            return
        self.made.add(subject.key)
        package = (subject.evidence or {}).get("package")
        yield Absent(why=self.desk.why(subject, f"package {package} brings it, and it was deleted"), path=subject.key)

    def _switched_off(self) -> Iterator[Planned]:
        """Plan what a package's script enables by a link in a directory for such, and somebody has taken away."""
        for item in self.view.of("declarations"):
            path = str(item.attributes.get("path") or "")
            if item.attributes.get("kind") != "script" or not _ENABLED.fullmatch(path) or self._skips(path):
                continue
            there = self.view.directories.list(raw(path.rpartition("/")[0]))
            if raw(path.rpartition("/")[2]) in there or not self._listed(path) or self.desk.word(path):
                continue
            self.made.add(path)
            why = Why(
                "files", path, f"package {item.attributes.get('by')} enables it, and somebody has switched it off"
            )
            notify, handlers = self._notify(path)
            yield from handlers
            yield Absent(why=why, path=path, notify=notify)

    def _listed(self, path: str) -> bool:
        """Whether it is known what lies in the directory of a path."""
        parent = self.view.directories.entry(raw(path.rpartition("/")[0]))
        return parent is not None and parent.kind == "d" and self.view.whole("files")

    def _deviating(self, subject: Subject) -> Iterator[Planned]:
        path = subject.key
        entry = self.view.directories.entry(raw(path))
        if entry is None or self._skips(path):
            return
        package = subject.explanation.by if subject.explanation else ""
        changed = {change.attribute for change in subject.deviates}
        if changed & _CONTENT:
            yield from self._alone(entry, "", self.desk.why(subject, f"of package {package}, edited"))
        elif package:
            self.made.add(path)
            yield from self._rights(subject, entry, changed, package)
        else:  # open to everybody where it comes and goes by itself
            yield from self._alone(
                entry, _carried.passing(self.desk, entry), self.desk.why(subject, _rights_words(subject.deviates))
            )

    def _rights(self, subject: Subject, entry: Entry, changed: set[str], package: str) -> Iterator[Planned]:
        user, group = self.desk.owner(subject.key)
        why = self.desk.why(subject, f"of package {package}: {_rights_words(subject.deviates)}")
        owned = changed & {"user", "group"}
        if owned or "mode" in changed:
            yield Rights(
                why=why,
                path=subject.key,
                user=user if owned else "",
                group=group if owned else "",
                mode=f"{entry.mode:04o}",
            )
        yield from attributes(self.desk, entry, why)

    # Files that other things stand in

    def _standing_in(self) -> Iterator[Planned]:
        """Plan the files of items that are no stock, where the files themselves are: keys in a home, for one."""
        for (scope, _), subject in sorted(self.desk.subjects.items()):
            if subject.item is None or not self.desk.wants(subject) or self.desk.refusal(scope, subject.key):
                continue
            for name in _STANDS_IN:
                path = subject.item.attributes.get(name)
                if isinstance(path, str) and path.startswith("/"):
                    yield from self._held(path, subject)

    def _held(self, path: str, subject: Subject) -> Iterator[Planned]:
        entry = self.view.directories.entry(raw(path))
        if entry is None or entry.kind not in "fl" or self._skips(path):
            return
        if raw(path) in self.view.ownership and subject.scope != "diversions":
            return  # as its package has it, or told with what deviates
        if subject.scope in {"state", "applications", "checkouts", "language_packages", "processes", "sockets"}:
            return
        yield from self._alone(entry, "", Why("files", path, f"{subject.scope}: it holds {subject.key}"))

    def _below_checkout(self, top: str, path: str) -> Iterator[Planned]:
        entry = self.view.directories.entry(raw(path))
        if entry is None:
            if not self._skips(path):
                self.made.add(path)
                yield Absent(why=Why("files", path, f"deleted from the checkout {top}"), path=path)
            return
        for one in _carried.below(self.desk, entry.path):
            why = Why("files", text(one.path), f"changed in the checkout {top}")
            yield from self._alone(one, _carried.passing(self.desk, one), why)

    def _included(self) -> Iterator[Planned]:
        """Plan the paths that a person includes by name, though something explains them."""
        for wanted in self.desk.steering.include:
            entry = self.view.directories.entry(raw(wanted.pattern)) if wanted.scope in {"", "files"} else None
            if entry is None or self._skips(wanted.pattern):
                continue
            if entry.kind == "d":
                yield from self._tree(entry)
            else:
                yield from self._alone(entry, "", Why("files", wanted.pattern, "included by the one who steers"))


def _words(runs: tuple[str, ...], refers: tuple[str, ...]) -> str:
    if runs:
        return f"no package has it; {runs[0]}"
    return f"no package has it; named by {refers[0]}" if refers else ""


def _rights_words(changes: tuple[Change, ...]) -> str:
    return ", ".join(f"{one.attribute} {one.found}, not {one.expected or 'that'}" for one in changes)


def _same(entry: Entry) -> tuple[int, int, float]:
    """Return what two names of one file have in common; numbers of inodes are those of one filesystem."""
    return entry.inode, entry.size, entry.mtime


def _with(resource: Resource, notify: tuple[str, ...], *, early: bool) -> Resource:
    return replace(resource, notify=notify, early=early)


PLANNER = Planner("files", 90, _plan)
