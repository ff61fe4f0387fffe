"""Reads an inventory of whatever format: driftscan's own, or Ansible's INI, YAML, JSON or directory."""

import re
from collections.abc import Iterator
from pathlib import Path

from driftscan.errors import InventoryError
from driftscan.inventory.ansible.files import list_directory
from driftscan.inventory.ansible.hosts import to_inventory
from driftscan.inventory.ansible.ini import parse_ini
from driftscan.inventory.ansible.tables import is_ansible, parse_tables
from driftscan.inventory.ansible.tree import Tree
from driftscan.inventory.document import Document, Leaf, Node, Row, Table, parse_json, parse_yaml, read_text
from driftscan.inventory.hosts import Inventory
from driftscan.inventory.mistakes import mistake, quoted, suggestion
from driftscan.inventory.native import SECTIONS, parse_native

# What begins a YAML document and no line of INI: a marker, a list, a brace, or a key with a colon and then a space or
# nothing (behind a host's colon stands a port, before a variable's stands =).
_YAML_START = re.compile(r"---|%YAML|-\s|\{|[^\[=#]*:(\s|$)")
# Of an inventory directory Ansible reads everything else.
_NOT_READ = frozenset({"group_vars", "host_vars", "vars_plugins"})
_SUFFIXES_NOT_READ = frozenset(
    {".pyc", ".pyo", ".swp", ".bak", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry"}
)
_DEEPEST = 4  # directories inside each other


def load_inventory(path: Path) -> Inventory:
    """Return the inventory in a file, or in an Ansible inventory directory; its content tells the format.

    InventoryError with `file:line` for anything that cannot be read, or that holds no host.
    """
    inventory = _load_directory(path) if path.is_dir() else _load_file(path)
    if not inventory.hosts and not inventory.unusable:
        raise mistake(str(path), "holds no host, expected driftscan's own inventory or an Ansible inventory")
    return inventory


def _load_file(path: Path) -> Inventory:
    text = _text(path)
    document = _document(text, path)
    root = document.root if document else None
    if document and isinstance(root, Table) and _is_native(root):
        if document.complaint:
            raise document.complaint
        return parse_native(root, path)
    tree = Tree()
    _add(text, root, path, tree)
    return to_inventory(tree, path.parent, str(path))


def _is_native(root: Table) -> bool:
    return not set(SECTIONS).isdisjoint(root.entries) and {"all", "_meta"}.isdisjoint(root.entries)


def _load_directory(path: Path) -> Inventory:
    tree = Tree()
    for file in _files(path, _DEEPEST):
        text = _text(file)
        document = _document(text, file)
        _add(text, document.root if document else None, file, tree)
    return to_inventory(tree, path, str(path))


def _files(directory: Path, deepest: int) -> Iterator[Path]:
    for path in list_directory(directory):
        if path.name in _NOT_READ or path.suffix in _SUFFIXES_NOT_READ:
            continue
        if not path.is_dir():
            yield path
        elif deepest:
            yield from _files(path, deepest - 1)
        else:
            raise mistake(str(path), "is nested too deep, expected an Ansible inventory directory")


def _text(path: Path) -> str:
    text = read_text(path)
    if text.startswith("#!"):
        raise mistake(
            str(path), "is a program", "give driftscan what `ansible-inventory -i PROGRAM --list` prints, as a file"
        )
    return text


def _document(text: str, path: Path) -> Document | None:
    """Return the nodes of YAML or JSON, None for INI."""
    lines = (line.strip() for line in text.split("\n"))
    first = next((line for line in lines if line and line[0] not in "#;"), "")
    if not _YAML_START.match(first):
        return None
    if first.startswith("{") and text.rstrip().endswith("}"):
        try:
            return parse_json(text, str(path))
        except InventoryError:
            return parse_yaml(text, str(path))  # YAML in braces; if it is neither, YAML's words say why
    return parse_yaml(text, str(path))


def _add(text: str, root: Node | None, path: Path, tree: Tree) -> None:
    if root is None:
        parse_ini(text, str(path), tree)
    elif isinstance(root, Table) and is_ansible(root):
        parse_tables(root, tree)
    elif not (isinstance(root, Leaf) and root.null):
        raise _unknown(root, path)


def _unknown(root: Node, path: Path) -> Exception:
    expected = f"expected the sections {', '.join(SECTIONS)}, or an Ansible inventory"
    if not isinstance(root, Table):
        kind = "a list" if isinstance(root, Row) else "a single value"
        return mistake(root.where, f"is {kind}", expected)
    if "plugin" in root.entries:
        return mistake(
            root.entries["plugin"].where,
            "configures an inventory plugin of Ansible's",
            f"give driftscan what `ansible-inventory -i {path.name} --list` prints, as a file",
        )
    for name, entry in root.entries.items():
        if near := suggestion(name, SECTIONS):
            return mistake(entry.where, f"unknown section {quoted(name)}", near)
    return mistake(root.where, "is no inventory", expected)
