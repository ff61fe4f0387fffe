"""What explainers make of the scope `declarations`: those of packages that are installed, by the paths on the disk."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from driftscan.explain._within import matching
from driftscan.model.text import raw

if TYPE_CHECKING:
    from driftscan.explain.view import View

_SCRIPTS = ("/var/lib/dpkg/info/", "/var/lib/pacman/local/")  # listed by no package, but a package's all the same


class Declared(NamedTuple):
    """One path of the tree that a package says it makes; `whole`: and all below it."""

    path: bytes
    whole: bool
    kind: str
    package: str
    file: str


def declared(view: "View") -> Iterator[Declared]:
    """Yield what is declared by packages and is in the tree; what is declared by hand explains nothing."""
    names = {item.attributes.get("name") for item in view.of("packages")}
    for item in view.of("declarations"):
        attributes = item.attributes
        file = attributes["file"]
        package = attributes.get("package") or ""
        if file.startswith(_SCRIPTS) and attributes["by"] in names:
            package = attributes["by"]
        if not package:
            continue
        for path in matching(view, raw(attributes["path"])):
            yield Declared(view.ownership.canonical(path), attributes["whole"], attributes["kind"], package, file)
