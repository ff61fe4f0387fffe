"""Explains what pip, npm, gem, composer and cargo put on the disk, and what they make around it by themselves."""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from driftscan.explain.base import Claim, Explainer
from driftscan.model.explanation import Explanation
from driftscan.model.manifest import PackagedFile
from driftscan.model.text import raw

if TYPE_CHECKING:
    from driftscan.explain.view import View
    from driftscan.model.item import Item

NAME = "language package"
_LOCKS = (b"package-lock.json", b"npm-shrinkwrap.json", b"yarn.lock", b"pnpm-lock.yaml", b"bun.lockb", b"bun.lock")
_CACHE = b"__pycache__"
_MODULE = re.compile(rb".*/lib(?:64)?/node_modules/(?:@[^/]+/)?[^/]+", re.DOTALL)
# What making a virtual environment puts into it beside packages.
_VENV_BIN = re.compile(
    rb"(?:python|pypy|pydoc|pip|easy_install|wheel)[\d.t-]*|activate(?:\.(?:csh|fish|nu|bat|xsh|ps1))?|Activate\.ps1"
    rb"|activate_this\.py|activate\.xsh|deactivate(?:\.\w+)?"
)
_VENV_TOP = (b"pyvenv.cfg", b".gitignore", b".lock", b"CACHEDIR.TAG", b"bin", b"lib", b"lib64", b"include", b"share")
_SITE = (b"_virtualenv.py", b"_virtualenv.pth", b"distutils-precedence.pth", b"easy-install.pth")
# What an ecosystem keeps beside its packages, by ecosystem; of directories all that is in them.
_BESIDE = {
    "npm": (b".package-lock.json", b".bin", b".yarn-integrity", b".modules.yaml", b".pnpm"),
    "composer": (b"autoload.php", b"composer", b"bin"),
    "cargo": (b".crates.toml", b".crates2.json"),
}


def claims(view: "View") -> Iterator[Claim]:
    """Claim what the packages have on the disk, the directories that lead there, caches and virtual environments."""
    projects: dict[bytes, bytes] = {}
    roots: dict[bytes, tuple[str, bytes]] = {}
    modules: dict[bytes, set[bytes]] = {}
    for item in view.of("language_packages"):
        root, where = raw(str(item.attributes["root"])), raw(str(item.attributes["environment"]))
        roots[root] = str(item.attributes["ecosystem"]), where
        why = _why(item)
        for name in item.attributes.get("paths") or ():
            path = raw(name) if name.startswith("/") else b"%s/%s" % (root, raw(name))
            yield Claim(path, why, whole=True)
            yield from (Claim(step, why) for step in _above(view, path, where))
            directory, _, base = path.rpartition(b"/")
            if base.endswith(b".py"):
                modules.setdefault(directory, set()).add(base[:-3])
        if item.attributes["ecosystem"] == "npm" and where:
            projects[root] = where
    for root, (ecosystem, where) in roots.items():
        yield from _around(view, root, ecosystem, where)
    for directory, names in modules.items():
        yield from _compiled(view, directory, names)
    for root, project in projects.items():
        lock = next((name for name in _LOCKS if name in view.directories.list(project)), None)
        if lock is not None:
            yield Claim(root, Explanation(NAME, "npm", f"{lock.decode()} beside it"), whole=True)
    yield from _environments(view)
    yield from _replaced(view)
    yield from _caches(view)


def _replaced(view: "View") -> Iterator[Claim]:
    """Claim the directories in which npm has put another version of a module over the distribution's."""
    for path, known in view.more.items():
        directory, _, name = path.rpartition(b"/")
        owned = view.ownership.get(path) if name == b"package.json" and known.get("digest") else None
        if owned is None or not _MODULE.fullmatch(directory):
            continue
        was, found = PackagedFile.decode(owned[1]).digest, str(known["digest"])
        if was.partition(":")[0] == found.partition(":")[0] and was != found:
            yield Claim(directory, Explanation(NAME, "npm", f"put over what {owned[0].name} brought"), whole=True)


def _why(item: "Item") -> Explanation:
    has = item.attributes
    where = f"in {has['environment']}" if has["environment"] else "system-wide"
    return Explanation(NAME, f"{has['ecosystem']} {has['name']} {has['version'] or ''}".rstrip(), where)


def _above(view: "View", path: bytes, environment: bytes) -> Iterator[bytes]:
    """Yield the directories above `path` that are there for its sake, inside the environment or up to a package's."""
    step = path.rpartition(b"/")[0]
    while step and step != environment and step not in view.ownership and step not in view.ownership.directories:
        if environment and not step.startswith(environment + b"/"):
            return
        yield step
        step = step.rpartition(b"/")[0]


def _around(view: "View", root: bytes, ecosystem: str, environment: bytes) -> Iterator[Claim]:
    """Claim the directory that packages are installed in, and what their tool keeps beside them."""
    why = Explanation(NAME, ecosystem, "holds packages")
    if root != environment:
        yield Claim(root, why)
        yield from (Claim(step, why) for step in _above(view, root, environment))
    if environment.endswith(b"/.local"):
        yield Claim(environment, why)
    for name in _BESIDE.get(ecosystem, ()):
        yield Claim(b"%s/%s" % (root, name), why, whole=True)


def _compiled(view: "View", directory: bytes, modules: Iterable[bytes]) -> Iterator[Claim]:
    """Claim what Python compiled of single modules."""
    cache = b"%s/%s" % (directory, _CACHE)
    known, why = frozenset(modules), Explanation(NAME, "pip", "compiled by Python")
    listed = view.directories.list(cache)
    found = [entry.path for name, entry in listed.items() if name.endswith(b".pyc") and name.split(b".")[0] in known]
    if found:
        yield Claim(cache, why)
    yield from (Claim(path, why) for path in found)


def _environments(view: "View") -> Iterator[Claim]:
    """Claim what virtual environments consist of."""
    for mark in view.named({b"pyvenv.cfg"}):
        top = mark.path.rpartition(b"/")[0]
        if mark.kind != "f" or not top or mark.path in view.ownership:
            continue
        why = Explanation(NAME, "venv", "pyvenv.cfg")
        listed = view.directories.list(top)
        yield Claim(top, why)
        yield from (Claim(listed[name].path, why) for name in _VENV_TOP if name in listed)
        programs = view.directories.list(top + b"/bin")
        yield from (Claim(entry.path, why) for name, entry in programs.items() if _VENV_BIN.fullmatch(name))
        for name, entry in view.directories.list(top + b"/include").items():
            if name.startswith((b"python", b"pypy", b"site")):
                yield Claim(entry.path, why, whole=True)
        yield Claim(top + b"/share/python-wheels", why, whole=True)
        for entry in view.directories.list(top + b"/lib").values():
            site = entry.path + b"/site-packages"
            if entry.kind == "d" and b"site-packages" in view.directories.list(entry.path):
                yield from (Claim(path, why) for path in (entry.path, site, *(b"%s/%s" % (site, n) for n in _SITE)))
                yield from _compiled(view, site, [b"_virtualenv"])


def _caches(view: "View") -> Iterator[Claim]:
    """Claim what npm and pip keep in a home directory of what they fetched; they do without it."""
    for entry in view.named({b"_cacache", b"pip"}):
        parent = entry.path.rpartition(b"/")[0]
        if entry.kind == "d" and parent.endswith(b"/.npm" if entry.path.endswith(b"/_cacache") else b"/.cache"):
            top = parent if parent.endswith(b"/.npm") else entry.path
            yield Claim(top, Explanation(NAME, "npm" if top == parent else "pip", "its cache"), whole=True)


EXPLAINER = Explainer(
    name=NAME,
    doc="Put there by pip, npm, gem, composer or cargo, by the lists that they keep; or part of a virtual environment",
    rank=50,
    claims=claims,
)
