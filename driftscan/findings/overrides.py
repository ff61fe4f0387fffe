"""What somebody decided over the heads of packages: diverted files, alternatives, owners and modes."""

from collections.abc import Iterator

from driftscan.explain.view import View
from driftscan.findings.base import Family, Rule
from driftscan.model.finding import Finding, Severity
from driftscan.model.item import Item, Json
from driftscan.model.text import raw, text

DIVERSION = Rule(
    "diversion-local",
    Severity.MEDIUM,
    "diversions",
    "is diverted by hand: the package's file is elsewhere",
    "find out what stands in its place and why; undo it with dpkg-divert --local --rename --remove",
    needs=("diversions",),
    doc="Upgrades go to the diverted file, and what was put in its place never changes: fixes pass it by, and nobody "
    "who reads the package's list knows.\n\n"
    "dpkg notes who asked for a diversion; packages that do so give their name, people do not.",
)
ALTERNATIVE = Rule(
    "alternative-by-hand",
    Severity.LOW,
    "alternatives",
    "was chosen by hand",
    "write the choice down (update-alternatives --set); put what it leads to into a package, or go back with --auto",
    needs=("alternatives", "packages"),
    doc="Scripts and people that call the generic name get another program than on a stock host.\n\n"
    "It is a manual choice, or the link leads to what no package owns and nothing explains, or to what is not among "
    "the choices. What lies below /run is made anew at each start and is left out.",
)
STATOVERRIDE = Rule(
    "statoverride-local",
    Severity.LOW,
    "statoverrides",
    "has an owner and a mode that somebody gave it",
    "find out who needs it; a rebuilt host needs it too (dpkg-statoverride --add), or it is to be removed",
    needs=("statoverrides",),
    doc="dpkg gives the file these rights at every upgrade. Packages make such overrides in their own scripts: those "
    "are looked for in every package's script and left out. One that a removed package left behind is named.",
)


def find(view: View) -> Iterator[Finding]:
    """Judge diversions, alternatives and overrides of rights."""
    for item in view.of("diversions"):
        if item.attributes.get("by") == "":
            yield DIVERSION.finding(item.key, _diverted(view, item))
    for item in view.of("alternatives"):
        why = _by_hand(view, item)
        if why:
            value, best = item.attributes.get("value"), item.attributes.get("best")
            evidence: dict[str, Json] = {"value": value, "why": why}
            if best != value:
                evidence["best"] = best
            yield ALTERNATIVE.finding(item.key, evidence)
    for item in view.of("statoverrides"):
        if item.attributes.get("made_by") == "":
            rights = {name: item.attributes.get(name) for name in ("user", "group", "mode", "package")}
            yield STATOVERRIDE.finding(item.key, rights)


def _diverted(view: View, item: Item) -> dict[str, Json]:
    evidence: dict[str, Json] = {"diverted_to": item.attributes.get("diverted_to")}
    path = raw(item.key)
    if view.seen("packages"):
        evidence["package"] = view.ownership.owner(path)
    if view.seen("files"):
        entry = view.directories.entry(view.ownership.canonical(path))
        evidence["in its place"] = "nothing" if entry is None else view.names.attributes(entry)["type"]
        if entry is not None and entry.kind == "l":
            evidence["target"] = text(entry.link)
    return evidence


def _by_hand(view: View, item: Item) -> str:
    """Return why an alternative is not what its packages would choose, "" if it is."""
    value = item.attributes.get("value")
    choices = [choice[0] for choice in item.attributes.get("choices") or [] if choice]
    if not value:
        return ""
    if value not in choices:
        return "the link leads to what is not among the choices"
    if item.attributes.get("status") == "manual":
        return "manual"
    made_at_start = value.startswith(("/run/", "/var/run/"))
    if item.attributes.get("package") == "" and not made_at_start and view.explained.of(raw(value)) is None:
        return "the best choice belongs to no package"
    return ""


FAMILY = Family((DIVERSION, ALTERNATIVE, STATOVERRIDE), find)
