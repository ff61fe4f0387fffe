"""The variable files beside an Ansible inventory: `group_vars/` and `host_vars/`."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from driftscan.inventory.ansible.tree import is_plain_name
from driftscan.inventory.document import Entry, Leaf, Table, parse_yaml, read_text
from driftscan.inventory.mistakes import mistake

_SUFFIXES = ("", ".yml", ".yaml", ".json")
_VAULT = "$ANSIBLE_VAULT;"
_DEEPEST = 8  # directories inside each other


def variables_of(base: Path, kind: str, name: str) -> Mapping[str, Entry]:
    """Return what `base/kind/name`, a file or a directory of files, says; files that are encrypted say nothing.

    `kind` is `group_vars` or `host_vars`. InventoryError when a file cannot be read.
    """
    found: dict[str, Entry] = {}
    # A name is a path's part here: one that is no plain name (`..`, `a/b`) names no file.
    if is_plain_name(name):
        for path in _files(base / kind / name):
            found.update(_read(path))
    return found


def _files(path: Path) -> Iterator[Path]:
    """Yield the files of the first spelling of `path` that is there, as Ansible does."""
    for suffix in _SUFFIXES:
        candidate = path.with_name(path.name + suffix)
        if candidate.is_dir() and not suffix:
            yield from _inside(candidate, _DEEPEST)
            return
        if candidate.is_file():
            yield candidate
            return


def _inside(directory: Path, deepest: int) -> Iterator[Path]:
    for path in list_directory(directory):
        if path.is_dir() and not path.suffix and deepest:
            yield from _inside(path, deepest - 1)
        elif path.is_file() and path.suffix in _SUFFIXES:
            yield path


def list_directory(directory: Path) -> list[Path]:
    """Return what is in a directory by name, without hidden and backup files; InventoryError when it is closed."""
    try:
        names = sorted(path.name for path in directory.iterdir())
    except OSError as error:
        raise mistake(str(directory), f"cannot be read: {error.strerror}") from None
    return [directory / name for name in names if not name.startswith(".") and not name.endswith("~")]


def _read(path: Path) -> Mapping[str, Entry]:
    text = read_text(path)
    if text.startswith(_VAULT):
        return {}
    document = parse_yaml(text, str(path)).root
    if isinstance(document, Leaf) and document.null:
        return {}
    if not isinstance(document, Table):
        raise mistake(document.where, "holds no variables, expected a mapping")
    return document.entries
