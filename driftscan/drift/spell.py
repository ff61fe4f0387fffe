"""A proposed baseline as a file: sections in the order of reading, each with a line on what it is, and its remarks."""

import re
from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap

from driftscan.baseline.edit import Document
from driftscan.baseline.vocabulary import order
from driftscan.drift.propose import Proposal, Shown
from driftscan.model.text import shown
from driftscan.scopes.base import scopes

_WIDTH = 100
_SECTION = re.compile(r"([a-z_]+):")
_DOCS = {
    "files": "Paths that no package brings, or that are not as their package brought them",
    "trees": "Directories as a whole, by one digest; data: anything goes below it",
}


def spelled(proposal: Proposal, role: str, extends: Sequence[str], hosts: Sequence[Shown], name: str) -> str:
    """Return the file; `name` is what it will be called, for the words on how to go on."""
    document = Document.new(role, list(extends))
    names = {one.scope for one in proposal.declared} | ({"trees"} if proposal.trees else set())
    for scope in _ordered(names):
        for one in proposal.declared:
            if one.scope == scope:
                document.expect(scope, one.key, "absent" if one.absent else dict(one.attributes))
        for tree in proposal.trees if scope == "trees" else ():
            document.tree(tree.path, tree.digest or "data")
    lines = [*_comment(_head(proposal, role, hosts, name)), *_body(document.text(), _remarks(proposal))]
    return "\n".join(lines) + "\n"


def _ordered(names: set[str]) -> list[str]:
    return [name for name in order() if name in names]


def _head(proposal: Proposal, role: str, hosts: Sequence[Shown], name: str) -> Iterator[str]:
    shared = "What all of them have in common is declared; where they differ, a comment says how. "
    yield f"What hosts of the role {role} should be, as proposed from {', '.join(host.name for host in hosts)}."
    yield (shared if len(hosts) > 1 else "") + (
        "What is not declared is judged by its explanation: what a package brings is fine, what nothing explains is "
        "drift."
    )
    yield "Read it, take out what is there by chance, and keep it where changes are reviewed. Then go on with:"
    yield f"  driftscan baseline lint {name}"
    yield f"  driftscan check {hosts[0].host}"
    for line in proposal.blind:
        yield f"Not declared, for it was not seen whole: {line}."


def _remarks(proposal: Proposal) -> dict[str, list[str]]:
    found = {scope: list(lines) for scope, lines in proposal.remarks.items()}
    for tree in proposal.trees:
        if tree.reason:
            found.setdefault("trees", []).append(f"{shown(tree.path)}: {tree.reason}")
    return found


def _body(text: str, remarks: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield the lines of the document, each section with its heading above and its remarks below."""
    left, section = dict(remarks), ""
    said = [line for line in text.splitlines() if line and not line.startswith("#")]  # its own head is another
    for line in said:
        if (match := _SECTION.match(line)) is not None:
            yield from _below(left.pop(section, ()))
            section = match[1]
            if _doc(section):
                yield ""
                yield f"# {_doc(section)}"
        yield line
    yield from _below(left.pop(section, ()))
    for scope in _ordered(set(left)):
        yield ""
        yield f"# {scope}: {_doc(scope)}"
        yield from _below(left[scope])


def _doc(section: str) -> str:
    known = scopes().get(section)
    return _DOCS.get(section) or (known.doc if known is not None else "")


def _below(remarks: Sequence[str]) -> Iterator[str]:
    return (f"  # {line}" for line in remarks)


def _comment(paragraphs: Iterator[str]) -> Iterator[str]:
    for paragraph in paragraphs:
        indent = paragraph[: len(paragraph) - len(paragraph.lstrip())]
        for line in wrap(shown(paragraph.strip()), _WIDTH - 2, break_long_words=False, break_on_hyphens=False):
            yield f"# {indent}{line}"
