"""Packages that no repository knows or that a third party publishes; held, pinned, half there, half gone."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

from driftscan.explain._publishers import FOREIGN, SUPERSEDED, THIRD_PARTY, Source, publishers
from driftscan.explain.view import View
from driftscan.findings.base import Family, Rule
from driftscan.model.finding import Finding, Severity
from driftscan.model.item import Item, Json
from driftscan.model.manifest import PackagedFile
from driftscan.model.text import text

FOREIGN_PACKAGE = Rule(
    "package-foreign",
    Severity.MEDIUM,
    "packages",
    "is installed, and no configured repository knows it",
    "find out where it came from; keep the package file, or replace it by one that a repository offers",
    needs=("packages",),
    doc="A package without a repository gets no updates, and a rebuilt host cannot install it: somebody had the file "
    "and gave it to dpkg -i, rpm -i, pacman -U or dnf.\n\n"
    "It is judged by name against the lists that the host has fetched from all of its repositories. rpm's are not "
    "read; there, it is a package that came from no repository and that the distribution's vendor does not sell.\n\n"
    "It is wrong where a repository was taken out of the configuration after it had served. Without lists, nothing "
    "is said. More than five packages of one maintainer are told as one, by the shortest name.",
)
OBSOLETE_PACKAGE = Rule(
    "package-superseded",
    Severity.LOW,
    "packages",
    "is offered by no repository any more",
    "remove it if nothing needs it: it gets no updates",
    needs=("packages",),
    doc="Repositories drop packages: old kernels, libraries of the release before an upgrade. What stays on the host "
    "gets no more updates.\n\n"
    "No list names it, but the distribution offers other packages of the same source or maintainer. A package that "
    "somebody rebuilt under another name looks the same.",
)
THIRD_PARTY_PACKAGE = Rule(
    "package-third-party",
    Severity.LOW,
    "packages",
    "comes from somebody other than the distribution",
    "write down its repository and key: a rebuilt host needs both",
    needs=("packages",),
    doc="A third party's packages run their scripts as root and are outside of the distribution's care.\n\n"
    "It is judged by who publishes the repository that offers the installed version (else any version), by its release "
    "file; of rpm, by the vendor in the package. Who publishes most of the packages is the distribution.",
)
HOLD = Rule(
    "package-hold",
    Severity.LOW,
    "packages",
    "is held back from upgrades",
    "find out why, and write it down; or release it (apt-mark unhold, versionlock delete, IgnorePkg)",
    needs=("packages",),
    doc="A held package gets no security updates, and nobody notices. Somebody had a reason: a rebuild must know it.",
)
PIN = Rule(
    "package-pin",
    Severity.LOW,
    "packages",
    "is pinned to a version or a repository",
    "find out why, and write it down; a rebuilt host needs the pin too, or the reason is gone",
    needs=("packages",),
    doc="A pin overrules which version is newest. It is read from apt's preferences and apk's world; pins by regular "
    "expression, or for all packages at once, are not resolved.",
)
RESIDUAL = Rule(
    "package-residual",
    Severity.LOW,
    "packages",
    "was removed, and its configuration is still there",
    "purge it (dpkg --purge), or say why its configuration is needed",
    needs=("packages",),
    doc="dpkg keeps the configuration of a removed package until it is purged. It tells what once ran here; cron files "
    "and init scripts among it may still be acted upon.",
)
BROKEN = Rule(
    "package-broken",
    Severity.MEDIUM,
    "packages",
    "is installed only half",
    "finish it: dpkg --configure -a, then apt-get -f install",
    needs=("packages",),
    doc="An installation that broke off leaves files without configuration, or half of the files, and blocks every "
    "later upgrade. A scan during an upgrade sees this too.",
)

_BROKEN = ("half-installed", "unpacked", "half-configured")
_APART = 5  # packages of one maker of which one thing is to be said, that are told one by one
_NAMED = 3  # files of a removed package that are named


def find(view: View) -> Iterator[Finding]:
    """Judge every package: what it is, where it is from, what somebody decided about it."""
    known = publishers(view)
    strange: dict[tuple[str, str], list[Finding]] = {}
    for item in view.of("packages"):
        state = str(item.attributes.get("state"))
        if state == "config-files":
            yield RESIDUAL.finding(item.key, _left(view, item))
            continue
        if state.startswith(_BROKEN) or "reinstallation" in state:
            yield BROKEN.finding(item.key, {"state": state, "version": item.attributes.get("version")})
        if (finding := _strange(item, known.of(item))) is not None:
            by = str(finding.evidence.get("publisher") or item.attributes.get("maintainer") or item.key)
            strange.setdefault((finding.rule, by), []).append(finding)
        yield from _decided(item)
    for group in strange.values():
        yield from group if len(group) <= _APART else [_as_one(group)]


def _strange(item: Item, source: Source) -> Finding | None:
    """Return what is to be said of whose a package is, None for the distribution's."""
    if source.kind == FOREIGN:
        return FOREIGN_PACKAGE.finding(item.key, _facts(item))
    if source.kind == SUPERSEDED:
        return OBSOLETE_PACKAGE.finding(item.key, _facts(item))
    if source.kind == THIRD_PARTY:
        evidence: dict[str, Json] = {"version": item.attributes.get("version"), "publisher": source.by}
        if source.repository and source.repository.rstrip("/. ") != source.by.rstrip("/. "):
            evidence["repository"] = source.repository
        return THIRD_PARTY_PACKAGE.finding(item.key, evidence)
    return None


def _as_one(group: Sequence[Finding]) -> Finding:
    """Tell as one the many packages of one maker, by the shortest of their names."""
    first = min(group, key=lambda finding: (len(finding.subject), finding.subject))
    with_it = [finding.subject for finding in group if finding is not first]
    return replace(first, evidence={"packages": len(group), **first.evidence, "with": list(with_it)})


def _decided(item: Item) -> Iterator[Finding]:
    version = item.attributes.get("version")
    if item.attributes.get("hold"):
        offers = item.volatile.get("offers") or []
        others = sorted({offer.partition(" ")[0] for offer in offers} - {version})
        yield HOLD.finding(item.key, {"version": version, **({"offered": others} if others else {})})
    if item.attributes.get("pin"):
        yield PIN.finding(item.key, {"pin": item.attributes["pin"], "version": version})


def _facts(item: Item) -> dict[str, Json]:
    found = {name: item.attributes.get(name) for name in ("version", "maintainer")}
    return {**found, "installed": item.volatile.get("installed_at")}


def _left(view: View, item: Item) -> dict[str, Json]:
    """Return what is left of a removed package, as far as the files were seen."""
    evidence: dict[str, Json] = {"version": item.attributes.get("version")}
    manifest = next((one for one in view.ownership.manifests if one.package == item.key), None)
    if manifest is not None and view.seen("files"):
        configuration = sorted(
            path for path, data in manifest.files.items() if PackagedFile.decode(data).kind == "config"
        )
        there = [path for path in configuration if view.directories.entry(view.ownership.canonical(path))]
        evidence["files"] = [text(path) for path in islice(there, _NAMED)]
        if len(there) > _NAMED:
            evidence["more"] = len(there) - _NAMED
    return evidence


FAMILY = Family((FOREIGN_PACKAGE, OBSOLETE_PACKAGE, THIRD_PARTY_PACKAGE, HOLD, PIN, RESIDUAL, BROKEN), find)
