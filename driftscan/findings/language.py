"""Language packages that somebody installed for the whole system, beside the distribution's own."""

import re
from collections.abc import Iterator

from driftscan.explain.view import View
from driftscan.findings.base import Family, Rule
from driftscan.model.finding import Finding, Severity
from driftscan.model.item import Item, Json
from driftscan.model.text import raw

BY_HAND = Rule(
    "language-package-by-hand",
    Severity.LOW,
    "language_packages",
    "was installed for the whole system by hand, beside the packages of the distribution",
    "write it down with its version, or move it into an environment of its own",
    needs=("files", "language_packages", "packages"),
    doc=(
        "What pip, npm, gem or cargo install for the whole system is not upgraded with it, gets no security updates, "
        "and a new host does not have it. It is often what an application silently depends on.\n\n"
        "Judged by the metadata that the tools leave (dist-info, package.json, gemspec) in the directories of the "
        "system's own interpreters, where no package of the distribution owns it. Packages that were only pulled in by "
        "others are not told one by one where the tool remembers which was asked for.\n\n"
        "It is graver (medium) where the interpreter says that it is managed by the distribution alone, so that "
        "somebody overrode that, and where the distribution has a package of the same name installed: which of the two "
        "a program gets depends on the order of directories."
    ),
)
_SPELLED = {"pip": "{}=={}", "npm": "{}@{}", "cargo": "{}@{}", "composer": "{}:{}"}
_SITE = re.compile(rb"(.*/python([\d.]+))/(?:site|dist)-packages")
_METADATA = re.compile(rb"([A-Za-z0-9][\w.]*?)(?:-[\w.+!]+?)?(?:-py[\d.]+)?\.(?:dist-info|egg-info)")
_TOOLS = frozenset({"pip", "setuptools", "wheel", "npm", "corepack"})  # what comes with an interpreter


def find(view: View) -> Iterator[Finding]:
    """Name what somebody asked for; what came along only where it is not known who asked."""
    managed = _managed(view)
    packaged: dict[str, str] | None = None
    for item in view.of("language_packages"):
        has = item.attributes
        if has["environment"] or has.get("package") or has["requested"] is False or has["name"] in _TOOLS:
            continue
        evidence: dict[str, Json] = {"root": has["root"]}
        grave = False
        if has["ecosystem"] == "pip":
            packaged = _distribution(view) if packaged is None else packaged
            if version := _version(item):
                marked = managed & {version, version.partition(".")[0]}
                evidence |= {"externally_managed": True} if marked else {}
                grave = bool(marked)
            if own := packaged.get(_canonical(str(has["name"]))):
                evidence["distribution"] = own
                grave = True
        yield BY_HAND.finding(_spelled(item), evidence, Severity.MEDIUM if grave else None)


def _spelled(item: Item) -> str:
    has = item.attributes
    return _SPELLED.get(str(has["ecosystem"]), "{}-{}").format(has["name"], has["version"] or "?")


def _version(item: Item) -> str | None:
    """Return the version of Python whose directory a package lies in."""
    match = _SITE.fullmatch(raw(str(item.attributes["root"])))
    return match[2].decode() if match else None


def _managed(view: View) -> set[str]:
    """Return the versions of Python that say that only the distribution may install for them."""
    found = set()
    for entry in view.named({b"EXTERNALLY-MANAGED"}):
        match = re.fullmatch(rb"/usr/lib(?:64)?/python([\d.]+)/EXTERNALLY-MANAGED", entry.path)
        if match is not None:
            found.add(match[1].decode())
    return found


def _distribution(view: View) -> dict[str, str]:
    """Return the distribution's own packages of Python: canonical name to package."""
    found = {}
    for entry in view.named((), (b".dist-info", b".egg-info")):
        match = _METADATA.fullmatch(entry.path.rpartition(b"/")[2])
        if match is not None and entry.path.startswith(b"/usr/lib"):
            owner = view.ownership.owner(entry.path) or view.ownership.owner(entry.path + b"/METADATA")
            owner = owner or view.ownership.owner(entry.path + b"/PKG-INFO")
            if owner:
                found[_canonical(match[1].decode("ascii", "replace"))] = owner
    return found


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


FAMILY = Family((BY_HAND,), find)
