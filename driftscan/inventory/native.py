"""driftscan's own inventory: YAML with `defaults`, `groups` and `hosts`.

    defaults:                 # settings of every host
      user: audit
    groups:
      web:                    # settings of the group's hosts, beside `hosts` and `children`
        role: webserver
        hosts: ["web[1:12]"]
      production:
        children: [web]
    hosts:                    # settings of single hosts; a host that is only in a group needs no line here
      web1: {port: 2222}

A host's own setting goes before a group's, a child group's before its parent's, any of these before `defaults`.
Two groups of which neither is inside the other must not disagree: which one wins would be a matter of luck.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from driftscan.inventory.address import is_name
from driftscan.inventory.document import Entry, Leaf, Node, Row, Table
from driftscan.inventory.hosts import ALL, Inventory, by_group
from driftscan.inventory.lineage import Lineage
from driftscan.inventory.mistakes import mistake, quoted, suggestion
from driftscan.inventory.ranges import Ranges
from driftscan.inventory.settings import Said, is_word, make_host, parse_settings
from driftscan.model.host import Host

SECTIONS = ("defaults", "groups", "hosts")


@dataclass(frozen=True, slots=True)
class _Group:
    where: str
    said: Said
    hosts: Mapping[str, str]  # name -> where
    children: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _File:
    """What reading one file needs everywhere: where relative paths start, how much may still be expanded."""

    base: Path
    ranges: Ranges = field(default_factory=Ranges)


@dataclass(slots=True)
class _Member:
    """A host while the file is read: where it first stands, what is said of itself, the groups that list it."""

    where: str
    said: Said = field(default_factory=dict)
    groups: dict[str, None] = field(default_factory=dict)


def parse_native(document: Table, source: Path) -> Inventory:
    """Return the inventory that a document holds; InventoryError names the line of the first mistake."""
    for name, entry in document.entries.items():
        if name not in SECTIONS:
            hint = suggestion(name, SECTIONS) or f"expected {', '.join(SECTIONS)}"
            raise mistake(entry.where, f"unknown section {quoted(name)}", hint)
    file = _File(source.parent)
    defaults = parse_settings(_section(document, "defaults"), "'defaults'", file.base)
    groups = {name: _group(name, entry, file) for name, entry in _section(document, "groups").items()}
    lineage = _lineage(groups)
    members = _members(_section(document, "hosts"), groups, file)
    hosts = tuple(_host(name, member, groups, lineage, defaults) for name, member in members.items())
    return Inventory(hosts, by_group(groups, {host.name: host.groups for host in hosts}), source=str(source))


def _section(document: Table, name: str) -> Mapping[str, Entry]:
    """Return the entries of a section; hosts without settings may be a list of names."""
    entry = document.entries.get(name)
    if entry is None:
        return {}
    if name == "hosts" and isinstance(entry.node, Row):
        names = _words(document.entries, name, name)
        return {host: Entry(where, Leaf("", where, null=True)) for host, where in names}
    return _table(entry.node, entry.where, name)


def _table(node: Node, where: str, what: str) -> Mapping[str, Entry]:
    """Return the entries of a mapping; a name with nothing behind it is an empty one."""
    if isinstance(node, Leaf) and node.null:
        return {}
    if not isinstance(node, Table):
        raise mistake(where, f"{what} is {'a list' if isinstance(node, Row) else 'a single value'}, expected a mapping")
    return node.entries


def _group(name: str, entry: Entry, file: _File) -> _Group:
    if name == ALL:
        raise mistake(entry.where, "group 'all' is every host already; settings of every host stand under 'defaults'")
    if not is_word(name):
        raise mistake(entry.where, f"{quoted(name)} is no name for a group, expected letters, digits and . _ + -")
    what = f"group {quoted(name)}"
    entries = _table(entry.node, entry.where, what)
    hosts = {
        host: where
        for pattern, where in _words(entries, "hosts", f"{what}: hosts")
        for host in _expanded(pattern, where, file)
    }
    children = dict(_words(entries, "children", f"{what}: children"))
    return _Group(entry.where, parse_settings(entries, what, file.base, ("hosts", "children")), hosts, children)


def _words(entries: Mapping[str, Entry], key: str, what: str) -> Iterator[tuple[str, str]]:
    """Yield the words of a list with their lines; one word alone is a list as well."""
    entry = entries.get(key)
    if entry is None or (isinstance(entry.node, Leaf) and entry.node.null):
        return
    if isinstance(entry.node, Table):
        raise mistake(entry.where, f"{what} is a mapping, expected a list of names")
    for item in entry.node.items if isinstance(entry.node, Row) else (entry.node,):
        if not isinstance(item, Leaf) or not item.text:
            raise mistake(item.where, f"{what} holds something that is not a name, expected a list of names")
        yield item.text, item.where


def _expanded(pattern: str, where: str, file: _File) -> list[str]:
    try:
        names = file.ranges.expand(pattern)
    except ValueError as error:
        raise mistake(where, f"{quoted(pattern)} {error}") from None
    if not is_name(names[0]) or names[0] == ALL:
        raise mistake(where, f"{quoted(pattern)} is no name for a host, expected letters, digits and . _ : % + -")
    return names


def _lineage(groups: Mapping[str, _Group]) -> Lineage:
    for name, group in groups.items():
        for child, where in group.children.items():
            if child not in groups:
                hint = suggestion(child, groups) or "expected a group that stands under 'groups'"
                raise mistake(where, f"unknown group {quoted(child)} among the children of {quoted(name)}", hint)
    lineage = Lineage({name: group.children for name, group in groups.items()})
    if lineage.loop:
        raise mistake(groups[lineage.loop].where, f"group {quoted(lineage.loop)} is inside itself")
    return lineage


def _members(entries: Mapping[str, Entry], groups: Mapping[str, _Group], file: _File) -> dict[str, _Member]:
    members: dict[str, _Member] = {}
    for group_name, group in groups.items():
        for name, where in group.hosts.items():
            members.setdefault(name, _Member(where)).groups[group_name] = None
    for pattern, entry in entries.items():
        what = f"host {quoted(pattern)}"
        settings = _table(entry.node, entry.where, what)
        said = parse_settings(settings, what, file.base, ("groups",))
        listed = dict(_words(settings, "groups", f"{what}: groups"))
        for group_name, where in listed.items():
            if group_name not in groups:
                hint = suggestion(group_name, groups) or "expected a group that stands under 'groups'"
                raise mistake(where, f"unknown group {quoted(group_name)} of {what}", hint)
        for name in _expanded(pattern, entry.where, file):
            member = members.setdefault(name, _Member(entry.where))
            member.groups.update(dict.fromkeys(listed))
            _add(name, member, said)
    return members


def _add(name: str, member: _Member, said: Said) -> None:
    """Add what a line of `hosts` says; a range and a single name may both speak of a host, if they agree."""
    for setting, (value, where) in said.items():
        first = member.said.setdefault(setting, (value, where))
        if first[0] != value:
            line = first[1].rpartition(":")[2]
            raise mistake(where, f"host {quoted(name)} has another {setting} in line {line}, expected one")


def _host(name: str, member: _Member, groups: Mapping[str, _Group], lineage: Lineage, defaults: Said) -> Host:
    inside = lineage.with_ancestors(member.groups)
    from_groups = _from_groups(name, inside, groups, lineage, member.said)
    said = {setting: value for setting, (value, _) in (defaults | from_groups | member.said).items()}
    return make_host(name, member.where, inside, said)


def _from_groups(name: str, inside: tuple[str, ...], groups: Mapping[str, _Group], lineage: Lineage, own: Said) -> Said:
    """Return what the groups of a host say and the host itself does not."""
    chosen: Said = {}
    for setting in dict.fromkeys(setting for group in inside for setting in groups[group].said if setting not in own):
        speakers = lineage.innermost(group for group in inside if setting in groups[group].said)
        chosen[setting] = groups[speakers[0]].said[setting]
        for other in speakers[1:]:
            if groups[other].said[setting][0] != chosen[setting][0]:
                raise mistake(
                    groups[other].said[setting][1],
                    f"groups {quoted(speakers[0])} and {quoted(other)} give host {quoted(name)} a different {setting}",
                    f"say {setting} of the host itself",
                )
    return chosen
