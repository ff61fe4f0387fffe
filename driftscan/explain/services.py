"""Explains services by the package of their definition, or by what makes definitions: enablement, generators."""

from typing import TYPE_CHECKING

from driftscan.explain._programs import owner, real
from driftscan.explain._stock import made
from driftscan.explain.base import ItemExplainer
from driftscan.model.explanation import Explanation
from driftscan.model.item import Item
from driftscan.model.text import raw

if TYPE_CHECKING:
    from driftscan.explain.view import View

_MASKED_BY_PACKAGES = b"/var/lib/systemd/deb-systemd-helper-masked/"


def explain(view: "View", item: Item) -> Explanation | None:
    """Return who wrote the definition of a service; None for one that a person wrote."""
    has = item.attributes
    if has.get("package"):
        return Explanation("package", str(has["package"]))
    if has.get("enabled") in {"generated", "transient"}:
        return Explanation("generated", "systemd", str(has["enabled"]))
    fragment = has.get("fragment")
    path = raw(fragment) if isinstance(fragment, str) else None
    if path is not None and path.startswith(b"/run/"):
        return Explanation("generated", "", "made at boot")
    if has.get("load") == "masked" and masked_by_package(view, str(has.get("name"))):
        return Explanation("maintainer script", "", "masked with its package's removal")
    if has.get("alias_of"):
        return _alias(view, str(has["alias_of"]))
    if has.get("manager") == "inittab":
        return _entry(view, str(has.get("command") or ""))
    if path is None:
        return Explanation("enablement", "", "only a link to it is left")
    return made(view, path)


def masked_by_package(view: "View", name: str) -> bool:
    """Return whether a maintainer script has masked a unit, as it does where the package is removed but not purged."""
    return view.directories.entry(_MASKED_BY_PACKAGES + raw(name)) is not None


def _alias(view: "View", name: str) -> Explanation | None:
    """Return the explanation of the unit that an alias stands for, the link of its enablement being part of it."""
    for item in view.of("services"):
        if item.attributes.get("name") == name and not item.attributes.get("alias_of"):
            package = item.attributes.get("package")
            return Explanation("enablement", str(package), f"alias of {name}") if package else None
    return None


def _entry(view: "View", command: str) -> Explanation | None:
    """Return the package of the program that an entry of inittab starts; a package has written the others too."""
    program = next(iter(command.split()), "")
    if not program.startswith("/"):
        return Explanation("init", "", "/etc/inittab")
    package = owner(view, raw(program))
    if package:
        return Explanation("package", package, "/etc/inittab")
    there = view.directories.entry(real(view, raw(program)))
    return None if there else Explanation("init", "", "/etc/inittab")


ITEMS = ItemExplainer("services", "the package of the unit file or script", explain)
