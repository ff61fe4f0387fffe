"""One host's variables: which spelling counts, simple templates, and where a secret is to be had."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from driftscan.inventory.document import Entry, Leaf, Table
from driftscan.inventory.mistakes import mistake
from driftscan.inventory.settings import resolved_path
from driftscan.model.host import SecretReference

_TEMPLATE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_]\w*")
_LOOKUP = re.compile(r"""lookup\(\s*(['"])(?:ansible\.builtin\.)?(env|file)\1\s*,\s*(['"])([^'"]+)\3\s*\)""")
_TRUE = frozenset({"1", "1.0", "on", "t", "true", "y", "yes"})
_DEEPEST = 10  # templates that name each other
_LONGEST = 10_000  # characters that templates may grow to


@dataclass(frozen=True, slots=True)
class Variables:
    """The variables of `host` after all precedence; `base` is the inventory's directory."""

    host: str
    entries: Mapping[str, Entry]
    base: Path

    def find(self, *names: str) -> tuple[str, Entry] | None:
        """Return the variable that counts among several spellings, which is the last one, as with Ansible."""
        for name in reversed(names):
            entry = self.entries.get(name)
            if entry and not (isinstance(entry.node, Leaf) and (entry.node.null or not entry.node.text)):
                return name, entry
        return None

    def plain(self, *names: str) -> tuple[str, Entry] | None:
        """Return the variable with its templates replaced; InventoryError for those that take an Ansible to replace."""
        found = self.find(*names)
        if not found:
            return None
        name, entry = found
        if is_encrypted(entry):
            raise mistake(entry.where, f"{name} of host '{self.host}' is encrypted, expected a plain value")
        if not isinstance(entry.node, Leaf):
            return found
        text = self._filled(entry.node.text, _DEEPEST)
        if text is None:
            raise mistake(
                entry.where,
                f"{name} of host '{self.host}' is a template that only Ansible can fill, expected a plain value",
            )
        return (name, Entry(entry.where, Leaf(text, entry.node.where))) if text else None

    def text(self, *names: str) -> str:
        """Return the text of such a variable, "" when it is not set."""
        found = self.plain(*names)
        return found[1].node.text if found and isinstance(found[1].node, Leaf) else ""

    def true(self, name: str) -> bool:
        """Whether a variable is set to what Ansible takes for true."""
        return self.text(name).lower() in _TRUE

    def secret(self, *names: str) -> SecretReference | None:
        """Return where a secret is to be had: of a person, when it is encrypted or only Ansible can look it up.

        InventoryError when it is written out.
        """
        found = self.find(*names)
        return self._secret(*found, _DEEPEST) if found else None

    def _secret(self, name: str, entry: Entry, depth: int) -> SecretReference:
        if is_encrypted(entry) or not isinstance(entry.node, Leaf) or not depth:
            return SecretReference("prompt")
        text = entry.node.text.strip()
        if "{{" not in text:
            raise mistake(
                entry.where,
                f"{name} of host '{self.host}' is written out",
                "expected \"{{ lookup('env', 'NAME') }}\" or \"{{ lookup('file', 'PATH') }}\"",
            )
        template = _TEMPLATE.fullmatch(text)
        words = template[1].strip() if template else ""
        if lookup := _LOOKUP.fullmatch(words):
            if lookup[2] == "env":
                return SecretReference("environment", lookup[4])
            return SecretReference("file", resolved_path(lookup[4], self.base))
        if _NAME.fullmatch(words) and words in self.entries:
            return self._secret(words, self.entries[words], depth - 1)
        return SecretReference("prompt")

    def _filled(self, text: str, depth: int) -> str | None:
        """Return `text` with its templates replaced, None when one of them is more than a name or `lookup('env')`."""
        if "{{" not in text and "{%" not in text:
            return text
        if not depth or "{%" in text:
            return None
        parts = _TEMPLATE.split(text)
        for position in range(1, len(parts), 2):
            value = self._value(parts[position].strip(), depth - 1)
            if value is None:
                return None
            parts[position] = value
        filled = "".join(parts)
        return None if "{{" in filled or len(filled) > _LONGEST else filled

    def _value(self, words: str, depth: int) -> str | None:
        if words == "inventory_hostname":
            return self.host
        if words == "inventory_hostname_short":
            return self.host.split(".")[0]
        if words == "inventory_dir":
            return str(self.base.absolute())
        lookup = _LOOKUP.fullmatch(words)
        if lookup and lookup[2] == "env":
            return os.environ.get(lookup[4], "")
        entry = self.entries.get(words)
        if entry is None or is_encrypted(entry) or not isinstance(entry.node, Leaf):
            return None
        return self._filled(entry.node.text, depth)


def is_encrypted(entry: Entry) -> bool:
    """Whether a value is ansible-vault's: `!vault` in YAML, `{"__ansible_vault": …}` in JSON."""
    node = entry.node
    return node.tag.startswith("!vault") or (isinstance(node, Table) and "__ansible_vault" in node.entries)
