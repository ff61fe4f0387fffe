"""Why an item is there without anybody having declared it: its explanation, or that it is no decision at all."""

from collections.abc import Callable, Mapping

from driftscan.explain._stock import changed
from driftscan.explain.base import item_explainers
from driftscan.explain.view import View
from driftscan.model.explanation import Explanation
from driftscan.model.item import Item
from driftscan.scopes.base import scopes

_AUTOMATIC = Explanation("automatic", "", "made by the kernel, systemd or a program")
_FACT = Explanation("fact", "", "what the host is")
_OWN = Explanation("installer", "", "each host has its own")
_NETWORK = frozenset({"interface", "address", "route", "resolver", "host"})


def ordinary(view: View, item: Item) -> Explanation | None:
    """Return why `item` may be there undeclared; None where nothing explains it.

    A package explains what comes with it; that a package itself is there, only another that needs it.
    """
    if item.scope == "packages":
        return _package(view, item)
    explainer = item_explainers().get(item.scope)
    if explainer is not None and explainer.asks(item):
        return explainer.explain(view, item)
    if item.attributes.get("automatic"):
        return _AUTOMATIC
    own = _OWN_WAYS.get(item.scope)
    found = own(view, item) if own is not None else None
    if found is None and not scopes()[item.scope].golden(item):
        return _AUTOMATIC
    return found or (None if item.scope == "statoverrides" else _by_package(view, item))


def _package(view: View, item: Item) -> Explanation | None:
    if item.attributes.get("reason") != "automatic":
        return None
    found = item_explainers()["packages"].explain(view, item)
    return found and Explanation("dependency", found.by, "another package needs it")


def _by_package(view: View, item: Item) -> Explanation | None:
    """Return the package that made an item, or whose file it stands in as it was shipped."""
    has = item.attributes
    maker = has.get("made_by") or has.get("by")
    if maker:
        return Explanation("package", str(maker))
    file = has.get("file")
    if has.get("package"):
        return None if isinstance(file, str) and changed(view, file) else Explanation("package", str(has["package"]))
    if isinstance(file, str):
        path = view.ownership.canonical(file.encode("utf-8", "surrogateescape"))
        if path in view.ownership and not changed(view, file):
            return Explanation("package", view.ownership.owner(path))
    return None


def _alternative(_view: View, item: Item) -> Explanation | None:
    has = item.attributes
    return Explanation("override", str(has.get("package") or "")) if has.get("status") == "auto" else None


def _network(_view: View, item: Item) -> Explanation | None:
    return _OWN if item.attributes.get("kind") in _NETWORK else None


def _repository(_view: View, item: Item) -> Explanation | None:
    has = item.attributes
    publisher = str(has.get("origin") or "")
    return Explanation("distribution", publisher) if has.get("third_party") is False else None


def _mount(_view: View, item: Item) -> Explanation | None:
    return _OWN if item.attributes.get("in_fstab") and item.attributes.get("mounted") is not False else None


def _kernel(_view: View, item: Item) -> Explanation | None:
    """Let be what nobody can set from inside the host."""
    has = item.attributes
    if has.get("kind") == "sysctl" and has.get("writable") is False:
        return _FACT
    return None


def _override(_view: View, item: Item) -> Explanation | None:
    """Let be what a package's own script makes; that a package owns the path explains nothing."""
    maker = item.attributes.get("made_by")
    return Explanation("package", str(maker)) if maker else None


def _fact(_view: View, _item: Item) -> Explanation:
    return _FACT


_OWN_WAYS: Mapping[str, Callable[[View, Item], Explanation | None]] = {
    "alternatives": _alternative,
    "kernel": _kernel,
    "mounts": _mount,
    "network": _network,
    "repositories": _repository,
    "statoverrides": _override,
    "system": _fact,
}
