"""From Ansible's variables to hosts: the variables that say how to reach a host, and `driftscan_…` for the rest."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from driftscan.errors import InventoryError
from driftscan.inventory.address import is_name
from driftscan.inventory.ansible.files import variables_of
from driftscan.inventory.ansible.sshargs import parse_ssh_arguments
from driftscan.inventory.ansible.tree import ALL, UNGROUPED, Group, Tree, is_plain_name
from driftscan.inventory.ansible.variables import Variables, is_encrypted
from driftscan.inventory.document import Entry, Leaf
from driftscan.inventory.hosts import Inventory, by_group
from driftscan.inventory.lineage import Lineage
from driftscan.inventory.mistakes import mistake, quoted, suggestion
from driftscan.inventory.settings import SETTINGS, Setting, make_host, parse_setting
from driftscan.model.host import Host

# Of several spellings Ansible takes the last one that is set.
_PLAIN = {
    "address": ("ansible_host", "ansible_ssh_host"),
    "port": ("ansible_port", "ansible_ssh_port"),
    "user": ("ansible_user", "ansible_ssh_user"),
    "identity": ("ansible_private_key_file", "ansible_ssh_private_key_file"),
}
_SECRET = {
    "password": ("ansible_password", "ansible_ssh_pass", "ansible_ssh_password"),
    "sudo_password": ("ansible_become_password", "ansible_become_pass", "ansible_sudo_pass"),
}
_ARGUMENTS = ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args")
_TRANSPORTS = {"ssh": "ssh", "smart": "ssh", "paramiko": "ssh", "paramiko_ssh": "ssh", "local": "local"}
_OWN = "driftscan_"


def to_inventory(tree: Tree, base: Path, source: str) -> Inventory:
    """Return the inventory; `base` is the directory whose group_vars and host_vars count.

    A host that cannot be reached, or whose variables are not understood, is among the unusable ones; InventoryError
    for a group inside itself or a variable file that cannot be read.
    """
    groups = {name: group for name, group in tree.groups.items() if name not in {ALL, UNGROUPED}}
    lineage = Lineage({name: group.children for name, group in groups.items()})
    if lineage.loop:
        raise mistake(source, f"group {quoted(lineage.loop)} is inside itself")
    direct: dict[str, list[str]] = {name: [] for name in tree.hosts}
    for name, group in groups.items():
        for host in group.hosts:
            direct[host].append(name)
    inside = {name: lineage.with_ancestors(names) for name, names in direct.items()}
    layers = _Layers(tree, lineage, base)
    hosts: list[Host] = []
    unusable: dict[str, InventoryError] = {}
    for name in tree.hosts:
        variables = Variables(name, layers.merged(name, inside[name]), base)
        try:
            hosts.append(_host(variables, inside[name], source))
        except InventoryError as error:
            unusable[name] = error
    members = by_group(groups, inside)
    if alone := tuple(name for name, around in inside.items() if not around):
        members[UNGROUPED] = alone
    return Inventory(tuple(hosts), members, unusable, source)


class _Layers:
    """Puts the variables of a host together in Ansible's order of precedence."""

    def __init__(self, tree: Tree, lineage: Lineage, base: Path) -> None:
        self._tree = tree
        self._lineage = lineage
        self._base = base
        self._of_group = cache(lambda name: variables_of(base, "group_vars", name))

    def merged(self, host: str, inside: tuple[str, ...]) -> dict[str, Entry]:
        groups = sorted(inside or (UNGROUPED,), key=self._rank)
        merged: dict[str, Entry] = {}
        for name in (ALL, *groups):
            merged.update(self._tree.groups.get(name, Group()).variables)
        for name in (ALL, *groups):
            merged.update(self._of_group(name))
        merged.update(self._tree.hosts[host])
        merged.update(variables_of(self._base, "host_vars", host))
        return merged

    def _rank(self, name: str) -> tuple[int, int, str]:
        if name == UNGROUPED:
            return (1, 1, name)
        said = self._tree.groups[name].variables.get("ansible_group_priority")
        text = said.node.text if said and isinstance(said.node, Leaf) else ""
        priority = int(text) if text.isdecimal() and len(text) < 10 else 1
        return (self._lineage.depth(name), priority, name)


def _host(variables: Variables, groups: tuple[str, ...], source: str) -> Host:
    if not is_plain_name(variables.host):
        raise mistake(source, f"{quoted(variables.host)} is no name for a host, expected letters, digits and . _ : + -")
    said = {**_connection(variables), **_from_arguments(variables), **_plain(variables), **_secrets(variables)}
    said = {**said, **_sudo(variables, said), **_own(variables)}
    if not is_name(variables.host) and not said.get("address"):
        raise mistake(source, f"host {quoted(variables.host)} has no ansible_host, and its name is no address")
    return make_host(variables.host, source, groups, said)


def _connection(variables: Variables) -> dict[str, Any]:
    found = variables.plain("ansible_connection")
    if not found or f"{_OWN}transport" in variables.entries:
        return {}
    word = variables.text("ansible_connection").removeprefix("ansible.builtin.")
    if word not in _TRANSPORTS:
        raise mistake(
            found[1].where,
            f"ansible_connection of host {quoted(variables.host)} is {quoted(word)}, expected ssh or local",
            f"leave the host out with '!{variables.host}'",
        )
    return {"transport": _TRANSPORTS[word]}


def _plain(variables: Variables) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for field, names in _PLAIN.items():
        if f"{_OWN}{field}" not in variables.entries and (found := variables.plain(*names)):
            name, entry = found
            # Ansible takes a relative key from where it is started, not from where the inventory is.
            said[field] = parse_setting(field, Setting(name, entry.where, entry.node, Path()))
    return said


def _secrets(variables: Variables) -> dict[str, Any]:
    unsaid = {field: names for field, names in _SECRET.items() if f"{_OWN}{field}" not in variables.entries}
    return {field: secret for field, names in unsaid.items() if (secret := variables.secret(*names))}


def _sudo(variables: Variables, said: Mapping[str, Any]) -> dict[str, Any]:
    if f"{_OWN}sudo" in variables.entries or not variables.true("ansible_become"):
        return {}
    method = variables.text("ansible_become_method").removeprefix("ansible.builtin.") or "sudo"
    if method != "sudo":
        where = variables.entries["ansible_become_method"].where
        raise mistake(
            where, f"ansible_become_method of host {quoted(variables.host)} is {quoted(method)}, expected sudo"
        )
    asked = said.get("sudo_password") or f"{_OWN}sudo_password" in variables.entries
    return {"sudo": "password" if asked else "passwordless"}


def _from_arguments(variables: Variables) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for variable in _ARGUMENTS:
        found = variables.plain(variable)
        if not found:
            continue
        try:
            # Of the same option twice OpenSSH takes the first.
            said = {**parse_ssh_arguments(variables.text(variable)), **said}
        except ValueError as error:
            raise mistake(found[1].where, f"{variable} of host {quoted(variables.host)} {error}") from None
    return said


def _own(variables: Variables) -> dict[str, Any]:
    """Return what variables such as `driftscan_role` say: any setting of driftscan's own inventory."""
    said: dict[str, Any] = {}
    for name, entry in variables.entries.items():
        if not name.startswith(_OWN):
            continue
        field = name.removeprefix(_OWN)
        if field not in SETTINGS:
            known = [f"{_OWN}{setting}" for setting in SETTINGS]
            hint = suggestion(name, known) or f"expected one of {', '.join(known)}"
            raise mistake(entry.where, f"unknown variable {quoted(name)}", hint)
        if found := _own_value(variables, name, entry, secret=field in _SECRET):
            said[field] = parse_setting(field, Setting(name, entry.where, found.node, variables.base))
    return said


def _own_value(variables: Variables, name: str, entry: Entry, *, secret: bool) -> Entry | None:
    if secret and not is_encrypted(entry):
        return entry  # not filled in: a template could bring a secret that is written out
    found = variables.plain(name)
    return found[1] if found else None
