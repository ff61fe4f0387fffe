"""Ansible's YAML (`all: {hosts: …, children: …, vars: …}`) and the JSON of `ansible-inventory --list`."""

from collections.abc import Iterator, Mapping

from driftscan.inventory.ansible.tree import ALL, UNGROUPED, Tree
from driftscan.inventory.document import Entry, Leaf, Node, Row, Table
from driftscan.inventory.mistakes import mistake, quoted

_META = "_meta"
_KEYS = frozenset({"hosts", "children", "vars"})


def is_ansible(document: Table) -> bool:
    """Whether a document has the form of an Ansible inventory."""
    if _is_listing(document) or ALL in document.entries:
        return True
    tables = [entry.node for entry in document.entries.values() if isinstance(entry.node, Table)]
    rest = [entry.node for entry in document.entries.values() if not isinstance(entry.node, Table)]
    return (
        any(table.entries for table in tables)
        and all(_KEYS.issuperset(table.entries) for table in tables)
        and all(isinstance(node, Leaf) and node.null for node in rest)
    )


def parse_tables(document: Table, tree: Tree) -> None:
    """Add what either form holds to `tree`; InventoryError names the line of the first mistake."""
    if _is_listing(document):
        _listing(document, tree)
        return
    seen: set[tuple[str, int]] = set()
    for name, entry in document.entries.items():
        _group(name, entry, tree, seen)


def _is_listing(document: Table) -> bool:
    """Whether groups list their hosts and children by name, as programs print them."""
    if _META in document.entries:
        return True
    groups = [entry.node for entry in document.entries.values()]
    lists = [
        group.entries[key].node for group in groups if isinstance(group, Table) for key in _KEYS & {*group.entries}
    ]
    return any(isinstance(node, Row) for node in (*groups, *lists))


def _group(name: str, entry: Entry, tree: Tree, seen: set[tuple[str, int]]) -> None:
    """Read one group and those inside it; a table that aliases bring back under the same name is read once."""
    if (name, id(entry.node)) in seen:
        return
    seen.add((name, id(entry.node)))
    group = tree.group(name)
    sections = _table(entry, f"group {quoted(name)}")
    for pattern, host in _section(sections, "hosts", name).items():
        tree.add_pattern(pattern, name, _table(host, f"host {quoted(pattern)}"), host.where)
    group.variables.update(_section(sections, "vars", name))
    for child, child_entry in _section(sections, "children", name).items():
        tree.add_child(name, child)
        _group(child, child_entry, tree, seen)


def _section(sections: Mapping[str, Entry], key: str, group: str) -> Mapping[str, Entry]:
    entry = sections.get(key)
    if entry is None:
        return {}
    if key != "vars" and isinstance(entry.node, Leaf) and entry.node.text and not entry.node.null:
        return {entry.node.text: Entry(entry.where, Leaf("", entry.where, null=True))}
    return _table(entry, f"{key} of group {quoted(group)}")


def _table(entry: Entry, what: str) -> Mapping[str, Entry]:
    node = entry.node
    if isinstance(node, Table):
        return node.entries
    if isinstance(node, Leaf) and (node.null or not node.text):
        return {}
    kind = "a list" if isinstance(node, Row) else "a single value"
    raise mistake(entry.where, f"{what} is {kind}, expected a mapping, as in an Ansible inventory")


def _listing(document: Table, tree: Tree) -> None:
    meta = document.entries.get(_META)
    variables = _section(_table(meta, _META), "hostvars", _META) if meta else {}
    for name, entry in document.entries.items():
        if name == _META:
            continue
        tree.group(name)
        if isinstance(entry.node, Row):
            _add_hosts(entry.node, entry.where, name, tree)
            continue
        sections = _table(entry, f"group {quoted(name)}")
        if sections and _KEYS.isdisjoint(sections):  # what very old programs print for a single host
            tree.add_host(name, name, sections)
            continue
        if "hosts" in sections:
            _add_hosts(sections["hosts"].node, sections["hosts"].where, name, tree)
        tree.group(name).variables.update(_section(sections, "vars", name))
        if "children" in sections:
            for child in _words(sections["children"].node, sections["children"].where, f"children of {quoted(name)}"):
                tree.add_child(name, child)
    for host, entry in variables.items():
        tree.add_host(host, UNGROUPED, _table(entry, f"host {quoted(host)}"))


def _add_hosts(node: Node, where: str, group: str, tree: Tree) -> None:
    for name in _words(node, where, f"hosts of {quoted(group)}"):
        tree.add_host(name, group, {})


def _words(node: Node, where: str, what: str) -> Iterator[str]:
    if isinstance(node, Leaf) and node.null:
        return
    for item in node.items if isinstance(node, Row) else (node,):
        if not isinstance(item, Leaf) or not item.text:
            raise mistake(where, f"{what}: expected a list of names")
        yield item.text
