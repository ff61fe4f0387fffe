"""One file of a baseline, read: what it says, each with its line, and what is wrong with it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from driftscan.baseline import values
from driftscan.baseline.complaint import Complaints, from_inventory, of_a_baseline, refuse
from driftscan.baseline.lists import acceptances, grades, ignores
from driftscan.baseline.model import Expected, Grade, Ignore, Policy, Tree
from driftscan.baseline.vocabulary import (
    ABSENT,
    DATA,
    DIGEST,
    POLICIES,
    PRESENT,
    TREES,
    WORD,
    Section,
    is_full,
    order,
    sections,
)
from driftscan.inventory.document import Document, Entry, Leaf, Row, parse_yaml, read_text
from driftscan.inventory.mistakes import quoted
from driftscan.model.drift import Acceptance
from driftscan.scopes.base import scopes

ENDINGS = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Named:
    """A word and the line that it stands in."""

    word: str
    where: str


@dataclass(slots=True)
class Layer:
    """What one file says; every `where` is `path:line`."""

    path: Path
    role: Named | None = None
    extends: list[Named] = field(default_factory=list)
    expected: dict[tuple[str, str], Expected] = field(default_factory=dict)
    trees: dict[str, Tree] = field(default_factory=dict)
    others: dict[str, Named] = field(default_factory=dict)
    ignore: list[Ignore] = field(default_factory=list)
    grades: list[Grade] = field(default_factory=list)
    acceptances: list[Acceptance] = field(default_factory=list)
    beside: Path | None = None
    complaints: Complaints = field(default_factory=Complaints)

    def policies(self) -> dict[str, Policy]:
        """Return `others` as the model has it."""
        return {scope: cast("Policy", named.word) for scope, named in self.others.items()}


def read_layer(path: Path) -> Layer:
    """Return what a file says, with the acceptances of the file beside it; mistakes are in its `complaints`."""
    layer = Layer(path)
    with layer.complaints.caught():
        with of_a_baseline():
            text = read_text(path)
        add_text(layer, text, accept_only=is_acceptances(path))
    layer.beside = beside(path)
    if layer.beside is not None:
        with layer.complaints.caught():
            with of_a_baseline():
                text = read_text(layer.beside)
            add_text(layer, text, accept_only=True)
    return layer


def beside(path: Path) -> Path | None:
    """Return the file of acceptances that belongs to a baseline, None where there is none."""
    if is_acceptances(path):
        return None
    candidates = (path.with_name(f"{path.stem}.accept{ending}") for ending in ENDINGS)
    return next((one for one in candidates if one.is_file()), None)


def is_acceptances(path: Path) -> bool:
    """Whether a file holds acceptances alone, by its name."""
    return path.stem.endswith(".accept")


def add_text(layer: Layer, text: str, *, accept_only: bool = False) -> None:
    """Add what a text says to a layer; `accept_only`: acceptances are all that it may hold."""
    source = layer.beside if accept_only and layer.beside else layer.path
    with of_a_baseline():
        document = parse_yaml(text, str(source))
    if document.complaint:
        layer.complaints.said.append(from_inventory(document.complaint).complaint)
    _add(layer, document, accept_only=accept_only)


def _add(layer: Layer, document: Document, *, accept_only: bool) -> None:
    root = document.root
    if accept_only and isinstance(root, Row):
        layer.acceptances += acceptances(Entry(root.where, root), layer.complaints)
        return
    for name, entry in values.table(root, root.where, "the file").items():
        with layer.complaints.caught():
            if accept_only and name != "accept":
                refuse(entry.where, f"{quoted(name)} stands in a file of acceptances, expected a list or 'accept'")
            _section(layer, name, entry)


def _section(layer: Layer, name: str, entry: Entry) -> None:
    if name == "role":
        layer.role = Named(_name(entry, "role", "a role's name"), entry.where)
    elif name == "extends":
        _extends(layer, entry)
    elif name == TREES:
        _trees(layer, entry)
    elif name == "others":
        _others(layer, entry)
    elif name == "ignore":
        layer.ignore += ignores(entry, layer.complaints)
    elif name == "severity":
        layer.grades += grades(entry, layer.complaints)
    elif name == "accept":
        layer.acceptances += acceptances(entry, layer.complaints)
    elif name in sections():
        _things(layer, sections()[name], entry)
    elif name in scopes():
        refuse(entry.where, f"{quoted(name)} is a scope that no baseline declares", "ignore: or severity: may name it")
    else:
        values.known(name, entry.where, "section", order())


def _name(entry: Entry, what: str, expected: str) -> str:
    expected = f"{expected} of letters, digits and . _ + -"
    name = values.word(entry, what, expected)
    if not is_full(WORD, name):
        refuse(entry.where, f"{what} is {quoted(name)}, expected {expected}")
    return name


def _extends(layer: Layer, entry: Entry) -> None:
    """Read the names of other layers; one alone need not be a list."""
    alone = isinstance(entry.node, Leaf) and not entry.node.null
    for node in (entry.node,) if alone else values.rows(entry.node, entry.where, "extends"):
        with layer.complaints.caught():
            item = Entry(node.where, node)
            name = _name(item, "extends", "the name of a file beside this one, without its ending,")
            layer.extends.append(Named(name, item.where))


def _others(layer: Layer, entry: Entry) -> None:
    for scope, said in values.table(entry.node, entry.where, "others").items():
        with layer.complaints.caught():
            values.known(scope, said.where, "scope", tuple(sections()))
            layer.others[scope] = Named(values.choice(said, f"others of {scope}", POLICIES), said.where)


def _things(layer: Layer, section: Section, entry: Entry) -> None:
    for key, said in values.table(entry.node, entry.where, section.scope).items():
        with layer.complaints.caught():
            if section.paths:
                _path(key, said.where, layer.complaints)
            layer.expected[section.scope, key] = _thing(layer, section, key, said)


def _thing(layer: Layer, section: Section, key: str, said: Entry) -> Expected:
    node = said.node
    if isinstance(node, Leaf) and not node.null:
        if node.text in {ABSENT, PRESENT}:
            return Expected(section.scope, key, {}, said.where, absent=node.text == ABSENT)
        if not section.short:
            hint = f"write {{{next(iter(section.attributes))}: {node.text[:40]}}}"
            refuse(said.where, f"{quoted(key)} is {quoted(node.text)}, expected a mapping, present or absent", hint)
        value = values.read(section.attributes[section.short], said)
        return Expected(section.scope, key, {section.short: value}, said.where)
    attributes = {}
    for name, entry in values.table(node, said.where, quoted(key)).items():
        with layer.complaints.caught():
            values.known(name, entry.where, f"attribute of {section.scope},", tuple(section.attributes))
            attributes[name] = values.read(section.attributes[name], entry)
            _careful_mode(layer, section, name, entry)
    return Expected(section.scope, key, attributes, said.where)


def _careful_mode(layer: Layer, section: Section, name: str, entry: Entry) -> None:
    spelled = entry.node.text if isinstance(entry.node, Leaf) and not entry.node.null else ""
    if section.attributes[name].form == "mode" and len(spelled) < 4 and spelled:
        hint = f'write "{spelled.zfill(4)}"'
        layer.complaints.warn(entry.where, f"mode {quoted(spelled)} has no leading zero, is read as octal", hint)


def _trees(layer: Layer, entry: Entry) -> None:
    for path, said in values.table(entry.node, entry.where, TREES).items():
        with layer.complaints.caught():
            _path(path, said.where, layer.complaints)
            layer.trees[path] = Tree(path, _tree(said), said.where)


def _tree(said: Entry) -> str:
    expected = "data or {digest: …}"
    if isinstance(said.node, Leaf):
        found = values.word(said, "a tree", expected)
        if found != DATA:
            refuse(said.where, f"a tree is {quoted(found)}, expected {expected}")
        return ""
    entries = values.table(said.node, said.where, "a tree")
    for name, entry in entries.items():
        values.known(name, entry.where, "attribute of trees,", ("digest",))
    if "digest" not in entries:
        refuse(said.where, f"a tree says nothing, expected {expected}")
    digest = values.word(entries["digest"], "digest", "a digest as driftscan makes it")
    if not is_full(DIGEST, digest):
        refuse(entries["digest"].where, f"digest is {quoted(digest)}, expected a digest as driftscan makes it")
    return digest


def _path(path: str, where: str, complaints: Complaints) -> None:
    if not path.startswith("/"):
        refuse(where, f"{quoted(path)} is no absolute path")
    if path.endswith("/") and path != "/":
        refuse(where, f"{quoted(path)} ends with a slash", f"write {quoted(path.rstrip('/') or '/')}")
    if path != "/" and not {"", ".", ".."}.isdisjoint(path[1:].split("/")):
        complaints.warn(where, f"{quoted(path)} is never found: no path on a host is spelled with //, . or ..")
