"""Comparing paths of a rebuilt host with those of the old one: type, rights, links, contents, whole directories."""

import re
from collections.abc import Iterable, Mapping
from functools import cached_property

from driftscan.drift.noteworthy import attributes_of
from driftscan.drift.subject import Subject
from driftscan.drift.trees import differences
from driftscan.explain.view import View
from driftscan.model.item import Json
from driftscan.model.text import raw, text
from driftscan.prove._aside import Aside
from driftscan.prove._sides import Sides
from driftscan.role.resources import File, LanguagePackages, Lines

_NAMES = frozenset({"user", "group"})
# Programs that start a package, with the interpreter in their first line, and what says when it was installed, and how.
_INSTALLED = re.compile(r"/pyvenv\.cfg|/bin/[^/]+|.*\.dist-info/(?:RECORD|INSTALLER|REQUESTED|direct_url\.json)")
_TOLD = 80  # characters of a value that is told


class Paths:
    """Tells what of a path of the old host is otherwise on the new one."""

    def __init__(self, sides: Sides, aside: Aside) -> None:
        self.sides = sides
        self._aside = aside

    def differs(self, subject: Subject) -> list[str]:
        """Return in words what of a subject of scope `files` is otherwise; nothing where all is as it was."""
        path = self.sides.old.ownership.canonical(raw(subject.key))
        there = self.sides.new.ownership.canonical(raw(subject.key))
        after = attributes_of(self.sides.new, there)
        if subject.absent:
            return ["it is there, on the old host it is not"] if after else []
        if not after:
            return ["not there"]
        before = attributes_of(self.sides.old, path)
        if before.get("type") != after.get("type"):
            return [f"type {before.get('type')} -> {after.get('type')}"]
        known = self.sides.theirs.subjects.get(("files", text(there)))
        ignored = self._as_packaged(subject, known)
        told = [
            f"{name} {words(before.get(name))} -> {words(after.get(name))}"
            for name in sorted((before.keys() | after.keys()) - ignored - {"type", "digest", "text"})
            if not self._same(name, before.get(name), after.get(name))
        ]
        if before.get("type") == "file" and "digest" not in ignored and self._decides_content(subject):
            told += self._content(path, there, before, after)
        return told

    def tree(self, subject: Subject) -> list[str]:
        """Return the paths of a directory that are otherwise, each with what is; set aside are logs, data, secrets."""
        if self.sides.new.directories.entry(raw(subject.key)) is None:
            return ["not there"]
        told = []
        for line in differences(self.sides.old, self.sides.new, subject.key, self.sides.mine.volatile):
            mark, path = line[0], line[2:]
            if self._aside.path(path) or self._moves(path) or self._installed_anew(path):
                continue
            if mark != "~":
                told.append(line)
            elif otherwise := self.differs(Subject("files", path, attributes_of(self.sides.old, raw(path)))):
                told.append(f"{line}: {', '.join(otherwise)}")
        return told

    def _installed_anew(self, path: str) -> bool:
        """Whether the installer of language packages writes a file itself, each time a little otherwise."""
        return any(_INSTALLED.fullmatch(path[len(top) :]) for top in self._environments if path.startswith(f"{top}/"))

    def made_up(self, path: str) -> tuple[str, ...]:
        """Return the secrets in the file at `path` that were made up."""
        found = self.sides.secrets.get(path, ())
        return tuple(one.variable for one in found if one.variable in self.sides.made_up)

    def _moves(self, path: str) -> bool:
        entry = self.sides.new.directories.entry(raw(path))
        return entry is not None and bool(self.sides.theirs.volatile.entry(entry))

    @staticmethod
    def _as_packaged(before: Subject, after: Subject | None) -> frozenset[str]:
        """Return the attributes that a package's path has as its package says, on both hosts: whatever they are."""
        if not before.deviates or (before.evidence or {}).get("package") in (None, ""):
            return frozenset()
        other = {change.attribute for change in before.deviates}
        if after is not None:
            other |= {change.attribute for change in after.deviates}
        return frozenset(before.attributes) - other

    @staticmethod
    def _decides_content(subject: Subject) -> bool:
        """Whether what a file says is the host's own decision: that of some is told by their scope."""
        return "digest" in subject.attributes or "text" in subject.attributes

    def _same(self, name: str, before: Json, after: Json) -> bool:
        if name in _NAMES:
            before = self.sides.named(before)
        return self.sides.same("files", name, before, after, {})

    def _content(self, path: bytes, there: bytes, before: Mapping[str, Json], after: Mapping[str, Json]) -> list[str]:
        name = text(path)
        if name in self._without_content:
            return []
        old, new = before.get("digest"), after.get("digest")
        if old == new and old:
            return []
        if name in self._lines:
            return self._missing_lines(name)
        if not old or not new:
            return self._by_size(path, there)
        made_up = self.made_up(name)
        if made_up and (new == self.sides.written.get(name) or self._is_whole(name)):
            return []
        return self._by_text(name, made_up=bool(made_up))

    def _by_text(self, path: str, *, made_up: bool) -> list[str]:
        """Compare what is kept of two texts, without their secrets and the hosts' own names."""
        old, new = self._texts[0].get(path), self._texts[1].get(path)
        if old is None or new is None:
            return ["what it says is otherwise"]
        if old == new:
            return [] if made_up else ["the secrets in it are otherwise"]
        if self.sides.same("contents", "text", old, new, {}):
            return []
        return ["what it says is otherwise"]

    def _by_size(self, path: bytes, there: bytes) -> list[str]:
        sizes = [view.directories.entry(one) for view, one in ((self.sides.old, path), (self.sides.new, there))]
        told = [entry.size if entry is not None else None for entry in sizes]
        return [] if told[0] == told[1] else [f"size {told[0]} -> {told[1]}"]

    def _missing_lines(self, path: str) -> list[str]:
        said = (self._texts[1].get(path) or "").split("\n")
        return [f"without the line {words(line)}" for line in self._lines[path] if line not in said]

    def _is_whole(self, path: str) -> bool:
        return any(one.whole for one in self.sides.secrets.get(path, ()))

    @cached_property
    def _environments(self) -> frozenset[str]:
        found = (one for one in self.sides.role.resources if isinstance(one, LanguagePackages))
        return frozenset(one.environment for one in found if one.environment)

    @cached_property
    def _lines(self) -> Mapping[str, tuple[str, ...]]:
        return {one.path: one.lines for one in self.sides.role.resources if isinstance(one, Lines)}

    @cached_property
    def _without_content(self) -> frozenset[str]:
        files = (one for one in self.sides.role.resources if isinstance(one, File))
        return frozenset(one.path for one in files if one.content is None)

    @cached_property
    def _texts(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        return _texts(self.sides.old), _texts(self.sides.new)


def _texts(view: View) -> dict[str, str]:
    found = ((item.key, item.attributes.get("text")) for item in view.of("contents"))
    return {key: told for key, told in found if isinstance(told, str)}


def words(value: Json) -> str:
    """Return a value as it is told in a reason."""
    if value in (None, "", []):
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    told = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return told if len(told) <= _TOLD else told[: _TOLD - 1] + "…"


def topmost(paths: Iterable[str]) -> list[str]:
    """Return paths in their order, without those below another one of them."""
    kept: list[str] = []
    for path in sorted(paths, key=lambda one: one.split("/")):
        if not kept or not path.startswith(f"{kept[-1].rstrip('/')}/"):
            kept.append(path)
    return kept
