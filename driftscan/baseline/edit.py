"""Edits a baseline file: what people wrote stays as it is, byte for byte, but for the lines that an edit is about."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp
from typing import Literal

from driftscan.baseline import pieces
from driftscan.baseline.complaint import BaselineError, of_a_baseline, refuse
from driftscan.baseline.layer import Layer, Named, add_text, is_acceptances
from driftscan.baseline.layout import Piece, lay_out
from driftscan.baseline.model import Expected, Grade, Policy, Tree
from driftscan.baseline.spelling import flow, scalar
from driftscan.baseline.vocabulary import ABSENT, DATA, PRESENT, TREES, VERSION, WORD, is_full, sections
from driftscan.inventory.document import read_text
from driftscan.inventory.mistakes import quoted
from driftscan.model.drift import Acceptance
from driftscan.model.item import Json

_HEAD = """\
# Golden baseline: what the hosts of the role {role} should be. People review it and keep it in git.
# `driftscan check` compares the hosts with it, `driftscan baseline lint` finds its mistakes.
# What stands nowhere here is judged by explanation: what a declared package explains is fine.

"""
_HEAD_OF_ACCEPTANCES = """\
# Accepted drifts of the hosts of the role {role}: what, why, who, and the last day on which it holds.

"""


class Document:
    """A baseline file while it is edited, or a file of acceptances beside one.

    Entries go into the order of their section where it has one; new sections have a fixed order. What is said already
    is left alone, spelling included.
    """

    def __init__(self, text: str, path: Path) -> None:
        """Take the text of a file; BaselineError when `load` would refuse it."""
        self._path = path
        self._accept_only = is_acceptances(path)
        self._said = self._read(text)
        self._layout = lay_out(text)
        self._newline = self._layout.newline
        self._index: dict[str, dict[str, Piece]] = {}
        self._ordered: dict[str, bool] = {}

    @classmethod
    def read(cls, path: Path) -> "Document":
        """Return the document in a file."""
        with of_a_baseline():
            return cls(read_text(path), path)

    @classmethod
    def new(cls, role: str, extends: Sequence[str] = ()) -> "Document":
        """Return the document of a role that declares nothing yet."""
        text = _HEAD.format(role=_named(role)) + f"role: {scalar(role)}\n"
        if extends:
            text += f"extends: {flow([_named(name) for name in extends])}\n"
        return cls(text, Path(f"{role}.yaml"))

    @classmethod
    def new_acceptances(cls, role: str) -> "Document":
        """Return a document for the file of acceptances beside a role's baseline."""
        return cls(_HEAD_OF_ACCEPTANCES.format(role=_named(role)), Path(f"{role}.accept.yaml"))

    def expect(self, scope: str, key: str, attributes: Mapping[str, Json] | Literal["absent"] | None) -> None:
        """Declare a thing: its attributes, "absent", or None where it only has to be there.

        A version that cannot be spelled as one, which a hostile host may have, is declared as any.
        """
        if scope not in sections():
            refuse(str(self._path), f"{quoted(scope)} is no scope that a baseline declares")
        golden = sections()[scope].attributes
        values = dict(attributes) if isinstance(attributes, Mapping) else {}
        for name in golden.keys() & values.keys():
            value = values[name]
            if golden[name].form == "version" and isinstance(value, str) and not is_full(VERSION, value):
                values[name] = "any"
        if unknown := values.keys() - golden.keys():
            refuse(str(self._path), f"{scope} has no attribute {quoted(min(unknown))} that is compared")
        ranked = {name: values[name] for name in golden if name in values}
        said = Expected(scope, key, ranked, "", absent=attributes == ABSENT)
        before = self._said.expected.get((scope, key))
        if before is not None and (before.attributes, before.absent) == (said.attributes, said.absent):
            return
        self._declare(said, before)
        self._said.expected[scope, key] = said

    def _declare(self, said: Expected, before: Expected | None) -> None:
        piece = self._entries(said.scope).get(said.key)
        short = sections()[said.scope].short
        if not said.attributes:
            value = ABSENT if said.absent else PRESENT
        elif piece is not None and piece.children and before is not None and not before.absent:
            self._update(piece, said.attributes, before.attributes)
            return
        elif set(said.attributes) == {short} and _is_short(said.attributes[short], piece):
            value = scalar(said.attributes[short])
        else:
            value = pieces.respelled(piece, said.attributes, before.attributes if before else {})
        self._put(said.scope, said.key, value)

    def _update(self, piece: Piece, values: Mapping[str, Json], before: Mapping[str, Json]) -> None:
        """Change the attributes of an entry that has a line for each."""
        for one in list(piece.children or ()):
            if one.key not in values:
                pieces.remove(piece, one)
            elif one.key not in before or before[one.key] != values[one.key]:
                pieces.set_value(one, flow(values[one.key]), self._newline)
        for name in values:
            if pieces.child(piece, name) is None:
                pieces.add(piece, name, flow(values[name]), self._newline, ordered=False)

    def forget(self, scope: str, key: str) -> None:
        """Declare a thing no more, if this file does; of `trees` a tree."""
        said = self._said.trees if scope == TREES else self._said.expected
        name = key if scope == TREES else (scope, key)
        if name not in said:
            return
        piece = self._entries(scope).pop(key, None)
        if piece is None:
            refuse(str(self._path), f"{quoted(key)} comes from an alias (*)", "write it out to have it edited")
        pieces.remove(self._section(scope), piece)
        del said[name]  # type: ignore[arg-type]

    def tree(self, path: str, digest: str) -> None:
        """Declare a directory as a whole, by its digest or as "data"."""
        said = self._said.trees.get(path)
        bare = "" if digest == DATA else digest
        if said is None or said.digest != bare:
            self._put(TREES, path, flow({"digest": bare}) if bare else DATA)
            self._said.trees[path] = Tree(path, bare, "")

    def others(self, scope: str, policy: Policy) -> None:
        """Say what holds for the things of a scope that are not declared."""
        if (said := self._said.others.get(scope)) is None or said.word != policy:
            self._put("others", scope, policy)
            self._said.others[scope] = Named(policy, "")

    def ignore(self, pattern: str, reason: str, scope: str = "") -> None:
        """Leave something out of the comparison; a path without a scope is meant in every scope."""
        words = {"path": pattern} if pattern.startswith("/") and not scope else {"scope": scope, "key": pattern}
        self._item("ignore", {**words, "reason": reason})

    def grade(self, grade: Grade) -> None:
        """Say how grave some drifts are."""
        words = {
            "scope": grade.scope,
            "key": "" if grade.pattern == "*" else grade.pattern,
            "kind": grade.kind.value if grade.kind else "",
            "attribute": grade.attribute,
            "severity": grade.severity.value,
        }
        self._item("severity", words)

    def accept(self, acceptance: Acceptance) -> None:
        """Accept a drift; `where` does not count."""
        is_path = acceptance.scope == "files" and acceptance.pattern.startswith("/")
        words = {"path": acceptance.pattern} if is_path else {"scope": acceptance.scope, "key": acceptance.pattern}
        kind = acceptance.kind.value if acceptance.kind else ""
        told = {"why": acceptance.why, "who": acceptance.who}
        self._item("accept", {**words, "kind": kind, **told, "until": acceptance.until})

    def comment(self, scope: str, text: str) -> None:
        """Add a line of comment at the end of a section."""
        pieces.add_comment(self._section(scope), text, self._newline)

    def text(self) -> str:
        """Return the text as it is to be written."""
        return self._layout.text()

    def save(self, path: Path) -> None:
        """Write the file whole or not at all; its mode stays, a link is followed.

        BaselineError, and nothing written, when the text is none that `load` would read.
        """
        text = self.text()
        self._read(text)
        try:
            _write(Path(os.path.realpath(path)), text.encode())
        except OSError as error:
            refuse(str(path), f"cannot be written: {error.strerror or error}")

    def _read(self, text: str) -> Layer:
        layer = Layer(self._path, beside=self._path if self._accept_only else None)
        add_text(layer, text, accept_only=self._accept_only)
        if error := layer.complaints.first_error():
            raise BaselineError(error)
        return layer

    def _section(self, name: str) -> Piece:
        return pieces.section(self._layout, name, str(self._path))

    def _entries(self, name: str) -> dict[str, Piece]:
        """Return the entries of a section by key; whether they are in order is found out once."""
        if name not in self._index:
            children = self._section(name).children or []
            keys = [one.key for one in children]
            self._index[name] = dict(zip(keys, children, strict=True))
            self._ordered[name] = keys == sorted(keys)
        return self._index[name]

    def _put(self, name: str, key: str, value: str) -> None:
        entries = self._entries(name)
        if key in entries:
            pieces.set_value(entries[key], value, self._newline)
        else:
            section = self._section(name)
            entries[key] = pieces.add(section, key, value, self._newline, ordered=self._ordered[name])

    def _item(self, name: str, words: Mapping[str, Json]) -> None:
        values = {word: value for word, value in words.items() if value}
        if self._accept_only and self._layout.kind == "list":
            whole = Piece("", [], -2, children=self._layout.pieces)
            pieces.add_item(whole, values, self._newline)
        else:
            pieces.add_item(self._section(name), values, self._newline)


def _is_short(value: Json, piece: Piece | None) -> bool:
    """Whether a version may stand alone: in braces it stays there, and two words would be taken for something else."""
    return isinstance(value, str) and value not in {ABSENT, PRESENT} and (piece is None or piece.kind == "leaf")


def _named(name: str) -> str:
    if not is_full(WORD, name):
        refuse("baseline", f"{quoted(name)} is no name for a role, expected letters, digits and . _ + -")
    return name


def _write(path: Path, data: bytes) -> None:
    """Replace a file: who reads it meanwhile sees the old one or the new one, whole."""
    handle, temporary = mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(_mode(path))
        Path(temporary).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise


def _mode(path: Path) -> int:
    """Return the permissions of a file, of a new one those that the umask leaves."""
    with suppress(FileNotFoundError):
        return path.stat().st_mode & 0o7777
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask
