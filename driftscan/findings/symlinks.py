"""Symbolic links that lead nowhere, too far, or into a person's home."""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from driftscan.explain.view import View
from driftscan.findings.base import Family, Rule
from driftscan.model.finding import Finding, Severity
from driftscan.model.item import Json
from driftscan.model.text import raw, text
from driftscan.scopes.symlinks import chain, states

DANGLING = Rule(
    "link-dangling",
    Severity.LOW,
    "symlinks",
    "leads to nothing",
    "restore what it leads to, or remove it",
    needs=("files",),
    doc="Something that was there is gone: a release that was cleaned away, a disk that is not mounted, a package that "
    "was removed. Whoever needs it gets an error, or takes another way without a word.\n\n"
    "Links that packages ship or make are their own affair, and so are those in the root of another system; what lies "
    "on what was not walked is not known to be gone. Many in one directory are told once.",
)
LOOP = Rule(
    "link-loop",
    Severity.LOW,
    "symlinks",
    "leads back to itself",
    "remove it: whoever follows it gets an error",
    needs=("files",),
    doc="No path goes through such a link. Links that packages ship are their own affair.",
)
CHAIN = Rule(
    "link-chain",
    Severity.LOW,
    "symlinks",
    "leads on through other links",
    "let it lead straight to its end",
    needs=("files",),
    doc="Three links one after the other, and whoever changes one in the middle does not know who depends on it.\n\n"
    "Left out are links that packages and tools make, and the alternatives.",
)
HOME = Rule(
    "link-into-home",
    Severity.MEDIUM,
    "symlinks",
    "leads into the home of a person",
    "move what it leads to to where the application lives, owned by its account",
    needs=("files", "accounts"),
    doc="What the system uses lies where a person can change it, and goes when the person's account goes.\n\n"
    "Of all links that lead to one place the first of the longest way is named, the way in the evidence. Homes are "
    "those of accounts that people log in to, and root's.",
)
WEB = Rule(
    "link-from-web-root",
    Severity.LOW,
    "symlinks",
    "leads out of the directories that are served on the web",
    "serve the place itself, or write down why",
    needs=("files",),
    doc="What the web server gives away lies elsewhere than its configuration says: permissions, backups and "
    "deployments there do not know that they are public.",
)
_MANY = 5  # links of one kind in one directory beyond which they are told once
_LONG = 3
_WEB_ROOTS = (b"/var/www", b"/srv/www", b"/srv/http", b"/srv/web", b"/usr/share/nginx/html", b"/var/lib/www")
_FIRST_PERSON = 1000


class _Link(NamedTuple):
    path: bytes
    final: bytes | None
    way: Sequence[bytes]


def find(view: View) -> Iterator[Finding]:
    """Judge every link that nobody explains by where it leads in the end."""
    broken: dict[tuple[str, bytes], list[Finding]] = {}
    homes = _homes(view) if view.seen("accounts") else ()
    into: dict[bytes, list[_Link]] = {}
    links = view.snapshot.links
    for path, final, state in states(view.snapshot):
        rule = {"dangling": DANGLING, "loop": LOOP}.get(state)
        if rule is None and (state != "ok" or final is None):
            continue
        candidate = rule is not None or links[path] != final or _within(final, homes) or _within(path, _WEB_ROOTS)
        if not candidate or view.explained.of(path) is not None or _within_system(path, view.systems):
            continue
        if rule is not None:
            finding = rule.finding(text(path), _end(links[path], final))
            broken.setdefault((rule.id, path.rpartition(b"/")[0]), []).append(finding)
            continue
        link = _Link(path, final, chain(path, links))
        if final is not None and _within(final, homes) and not _within(path, homes):
            into.setdefault(final, []).append(link)
        else:
            yield from _far(view, link)
    yield from _into_homes(into)
    for (_, folder), found in sorted(broken.items()):
        yield from _gathered(folder, found)


def _within_system(path: bytes, systems: Collection[bytes]) -> bool:
    """Whether `path` lies in the root of another system, where its links are meant to be followed."""
    while path and systems:
        path = path.rpartition(b"/")[0]
        if path in systems:
            return True
    return False


def _far(view: View, link: _Link) -> Iterator[Finding]:
    """Name a link that leads out of the web, else one that leads through many others."""
    root = next((root for root in _WEB_ROOTS if _within(link.path, (root,))), None)
    if root is not None and link.final is not None and not _within(link.final, (root,)):
        yield WEB.finding(text(link.path), _way(link))
    elif len(link.way) + 1 >= _LONG and not any(step.startswith(b"/etc/alternatives/") for step in link.way):
        # what packages and tools have linked is one step for whoever links to it
        mine = [step for step in link.way if view.explained.of(step) is None]
        if len(mine) + 1 >= _LONG:
            yield CHAIN.finding(text(link.path), _way(link))


def _into_homes(into: dict[bytes, list[_Link]]) -> Iterator[Finding]:
    for final, links in sorted(into.items()):
        first = max(links, key=lambda link: (len(link.way), link.path))
        also = sorted(link.path for link in links if link is not first and link.path not in first.way)
        evidence = _way(first)
        if also:
            evidence["also"] = [text(path) for path in also[:5]]
        yield HOME.finding(text(first.path), {"final": text(final), **evidence})


def _gathered(folder: bytes, found: Sequence[Finding]) -> Iterator[Finding]:
    """Yield the findings of one rule in one directory; where they are many, one of them for all."""
    if len(found) <= _MANY:
        yield from found
        return
    evidence: dict[str, Json] = {"links": len(found), "first": [one.subject for one in found[:3]]}
    rule = DANGLING if found[0].rule == DANGLING.id else LOOP
    yield rule.finding(f"{text(folder)}/*", evidence)


def _end(target: bytes, final: bytes | None) -> dict[str, Json]:
    evidence: dict[str, Json] = {"target": text(target)}
    if final is not None and final != target:
        evidence["final"] = text(final)
    return evidence


def _way(link: _Link) -> dict[str, Json]:
    """Return the links that are followed, and the end."""
    steps = [text(step) for step in link.way]
    evidence: dict[str, Json] = {"through": steps} if steps else {}
    return {**evidence, "final": None if link.final is None else text(link.final)}


def _within(path: bytes | None, tops: Sequence[bytes]) -> bool:
    return path is not None and any(path == top or path.startswith(top + b"/") for top in tops)


def _homes(view: View) -> list[bytes]:
    """Return the homes of the people who log in, and root's."""
    homes = []
    for item in view.of("accounts"):
        user = item.attributes
        uid, home = user.get("uid"), user.get("home")
        if user.get("kind") != "user" or not isinstance(uid, int) or not isinstance(home, str):
            continue
        person = _FIRST_PERSON <= uid < 60000 and "/home/" in home
        if (person or uid == 0) and home.startswith("/") and home.strip("/"):
            homes.append(raw(home.rstrip("/")))
    return homes


FAMILY = Family((DANGLING, LOOP, CHAIN, HOME, WEB), find)
