"""Ansible's INI: sections of hosts, `:children` and `:vars`."""

import ast
import re
import shlex

from driftscan.inventory.address import is_name
from driftscan.inventory.ansible.tree import UNGROUPED, Tree
from driftscan.inventory.document import Entry, Leaf
from driftscan.inventory.mistakes import mistake, quoted

_SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?")
_CHILD = re.compile(r"([^:\]\s]+)\s*(?:#.*)?")
_KINDS = ("hosts", "children", "vars")


def parse_ini(text: str, source: str, tree: Tree) -> None:
    """Add what an INI inventory holds to `tree`; InventoryError names the line of the first mistake."""
    group, kind = UNGROUPED, "hosts"
    for number, raw_line in enumerate(text.split("\n"), 1):
        where = f"{source}:{number}"
        line = raw_line.strip()
        if not line or line[0] in "#;":
            continue
        if section := _SECTION.fullmatch(line):
            group, kind = section[1], section[2] or "hosts"
            if kind not in _KINDS:
                raise mistake(
                    where, f"section [{group}:{kind}] is none that Ansible has, expected hosts, children, vars"
                )
            tree.group(group)
        elif line.startswith("[") and line.endswith("]"):
            raise mistake(
                where, f"section {quoted(line)} cannot be read, expected [group], [group:children] or [group:vars]"
            )
        elif kind == "hosts":
            _host(line, where, group, tree)
        elif kind == "children":
            _child(line, where, group, tree)
        else:
            name, entry = _variable(line, where)
            tree.group(group).variables[name] = entry


def _host(line: str, where: str, group: str, tree: Tree) -> None:
    try:
        pattern, *words = shlex.split(line, comments=True)
    except ValueError as error:
        reason = str(error).lower()
        raise mistake(where, f"host cannot be read: {reason}, expected NAME KEY=VALUE with paired quotes") from None
    # shlex has taken the quotes off already: what is left of a value stands as it is.
    variables = dict(_assignment(word, where) for word in words)
    names = tree.add_pattern(pattern, group, {key: _entry(value, where) for key, value in variables.items()}, where)
    if not is_name(names[0]):
        raise mistake(where, f"{quoted(pattern)} is no name for a host, expected an Ansible inventory")


def _child(line: str, where: str, group: str, tree: Tree) -> None:
    match = _CHILD.fullmatch(line)
    if not match:
        raise mistake(where, f"{quoted(line)} is no name for a group, expected one name on a line")
    tree.add_child(group, match[1])


def _variable(line: str, where: str) -> tuple[str, Entry]:
    key, value = _assignment(line, where)
    return key.strip(), _entry(_unquoted(value.strip()), where)


def _assignment(text: str, where: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise mistake(where, "something stands where a variable was expected, expected KEY=VALUE")
    return key, value


def _entry(value: str, where: str) -> Entry:
    return Entry(where, Leaf(value, where, null=value == "None"))


def _unquoted(value: str) -> str:
    """Return the text of a Python string literal, as Ansible reads values under `:vars`; others as they stand."""
    if value[:1] not in {"'", '"'}:
        return value
    try:
        literal = ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return value
    return literal if isinstance(literal, str) else value
