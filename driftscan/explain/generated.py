"""What the scripts and triggers of packages make: paths that they declare, links that enable, caches of tools."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from driftscan.explain import _within
from driftscan.explain._declared import declared
from driftscan.explain._places import is_state
from driftscan.explain.base import Claim, Explainer
from driftscan.model.explanation import Explanation
from driftscan.model.ownership import resolve
from driftscan.model.text import text
from driftscan.model.tree import Entry

if TYPE_CHECKING:
    from driftscan.explain.view import View

_PLACES = re.compile(rb"/(?:etc|usr|lib\w*|boot|var)(?:/|$)")
_ITS_OWN = re.compile(rb"/(?:etc|usr/\w+|lib\w*)/[^/]")
_COPIED_TO = re.compile(rb"/(?:etc/(?!cron|init\.d|rc|profile)[^/]+|usr/(?:lib\w*|share)/[^/]+)")
_PEOPLES = re.compile(rb"/usr/local(?:/|$)")  # there a package makes directories at most
_KEPT = re.compile(rb"/etc/(?!cron|init\.d|rc|profile|[^/]*\.d/)[^/]+/[^/]+")  # where nothing is run for lying there
_ENABLING = re.compile(rb"/(?:etc|usr/lib|run)/systemd/(?:system|user)(?:/[^/]+\.(?:wants|requires|upholds))?/[^/]+")
_RUNLEVEL = re.compile(rb"/etc/rc(?:[0-9S]|\.d/rc[0-9S])\.d/[SK]\d\d[^/]+|/etc/runlevels/[^/]+/[^/]+")
_BY_HAND = re.compile(rb"/etc/(?:cron|profile\.d|sudoers\.d|pam\.d|ssl|systemd|rc)")  # there a link is a decision
_HASHED = re.compile(rb"[0-9a-f]{8}\.r?\d{1,2}")
_TRUSTED = (b"/etc/ssl/certs",)
_SOURCES = (
    b"/usr/share/ca-certificates/",
    b"/usr/local/share/ca-certificates/",
    b"/etc/ca-certificates/",
    b"/etc/pki/",
)
_EXTRACTED = (b"/etc/pki/ca-trust/extracted", b"/etc/ca-certificates/extracted", b"/etc/pki/java", b"/usr/share/mime")
# What tools build from the files beside it, and the same in an object of the tree.
_BYPRODUCT = re.compile(
    rb".*(?:\.cache(?:-\d{1,2})?|\.compiled|/(?:fonts|encodings)\.(?:dir|scale)|/plugins\.dat|/\.uuid)", re.DOTALL
)
_LISTS_BYPRODUCT = re.compile(rb"\.(?:cache(?:-\d{1,2})?|compiled|dat|dir|elc|scale|uuid)\0")
# What a tool of the base system builds at one place: locales, the hardware database, indices, the linker's cache.
_BUILT = (
    b"/usr/lib/locale/locale-archive", b"/usr/lib/udev/hwdb.bin", b"/etc/udev/hwdb.bin", b"/usr/share/info/dir",
    b"/var/cache/ldconfig", b"/var/cache/ldconfig/aux-cache", b"/etc/ld.so.cache",
    b"/etc/init.d/.depend.boot", b"/etc/init.d/.depend.start", b"/etc/init.d/.depend.stop",
)  # fmt: skip
_KERNEL = re.compile(
    rb"(?:initrd\.img|initramfs|initrd|vmlinuz|vmlinux|System\.map|config|symvers)(?:[-.][\w.+~-]{1,100})?"
)
_LOADERS = (b"/boot/grub", b"/boot/grub2", b"/boot/loader", b"/boot/extlinux", b"/boot/efi/EFI", b"/boot/efi/loader")
_CACHED = re.compile(rb"\.[a-z]{1,12}-?\d{1,6}[a-z]?(?:\.opt-\d)?\.py[co]$")  # .cpython-311.opt-1.pyc
_PYTHON2 = re.compile(rb"/(?:python2\.\d|pymodules|pyshared|python-support)(?:/|$)|^/usr/share/python(?:/|$)")
_MODULES = re.compile(rb"modules\.[a-z.]{1,40}")


def _claims(view: "View") -> Iterator[Claim]:
    yield from _declared(view)
    yield from _copies(view)
    yield from _dpkg(view)
    yield from _links(view)
    yield from _bytecode(view)
    yield from _trust(view)
    yield from _caches(view)
    yield from _kernels(view)


def _declared(view: "View") -> Iterator[Claim]:
    """Claim what packages say they make; programs need more than being named, and homes are their owners'."""
    tops = {}
    for one in declared(view):
        if one.kind == "logrotate":
            continue
        explanation = Explanation("generated", one.package, f"in {one.file}")
        for path in (one.path, one.path + b".old", one.path.removesuffix(b".old")):
            entry = view.directories.entry(path)
            if entry is not None and path not in view.ownership and _may_be_made(view, path, entry):
                yield Claim(path, explanation)
                if not _PEOPLES.match(path):
                    yield from _within.way(view, path, explanation)
        entry = view.directories.entry(one.path)
        if (
            one.whole
            and one.kind == "script"
            and entry is not None
            and entry.kind == "d"
            and _is_its_own(view, one.path)
        ):
            tops[one.path] = explanation
    yield from _within.claims(view, tops)


def _copies(view: "View") -> Iterator[Claim]:
    """Claim copies of what a package ships elsewhere under the same name, in directories that its scripts name.

    A program must be as large as its original too: settings are filled in on the way, programs are not.
    """
    named = [
        one
        for one in declared(view)
        if one.kind == "script" and _COPIED_TO.match(one.path) and _is_packaged(view, one.path)
    ]
    makers = {one.package for one in named}
    shipped: dict[str, dict[bytes, bytes]] = {}
    for manifest in view.ownership.manifests:
        if manifest.name in makers:
            shipped.setdefault(manifest.name, {}).update((path.rpartition(b"/")[2], path) for path in manifest.files)
    for one in named:
        names = shipped.get(one.package)
        if not names:
            continue
        explanation = Explanation("generated", one.package, f"in {one.file}")
        linked: set[int] = set()
        for name, entry in sorted(view.directories.list(one.path).items(), key=lambda pair: pair[0] not in names):
            original = names.get(name)
            if entry.kind != "f" or entry.path in view.ownership:
                continue
            found = view.directories.entry(view.ownership.canonical(original)) if original else None
            same = (found is not None and found.size == entry.size) or entry.inode in linked
            if same or (original and not _within.is_program(entry)):
                yield Claim(entry.path, explanation)
                linked |= {entry.inode} if same and entry.links > 1 else set()


def _is_packaged(view: "View", directory: bytes) -> bool:
    return directory in view.ownership or directory in view.ownership.directories


def _may_be_made(view: "View", path: bytes, entry: Entry) -> bool:
    if not _PLACES.match(path) or (is_state(path) and entry.kind == "d"):
        return False
    if _within.is_program(entry) and not (_KEPT.fullmatch(path) and _is_packaged(view, path.rpartition(b"/")[0])):
        return False
    return entry.kind == "d" if _PEOPLES.match(path) else True


def _is_its_own(view: "View", path: bytes) -> bool:
    """Whether a directory is nothing but what its package makes: no package has anything in it, nor people theirs."""
    return _ITS_OWN.match(path) is not None and not _PEOPLES.match(path) and path not in view.ownership.directories


def _dpkg(view: "View") -> Iterator[Claim]:
    """Claim what dpkg keeps of each package that it knows; its scripts are programs that no package lists."""
    names = {str(item.attributes.get("name")) for item in view.of("packages")}
    for name, entry in view.directories.list(b"/var/lib/dpkg/info").items():
        package = text(name.rpartition(b".")[0].partition(b":")[0])
        if package in names:
            yield Claim(entry.path, Explanation("generated", package, "kept by dpkg"))


def _links(view: "View") -> Iterator[Claim]:
    """Claim the links by which packaged services and settings are enabled, and the directories that hold them."""
    links = view.snapshot.links
    for path, target in links.items():
        if target.endswith(b"busybox") and path not in view.ownership and (owner := view.ownership.owner(target)):
            yield Claim(path, Explanation("generated", owner, "a name of a program that it ships"))
        if not path.startswith((b"/etc/", b"/usr/share/", b"/usr/lib")) or path in view.ownership:
            continue
        folder, _, name = path.rpartition(b"/")
        reached = resolve(target if target.startswith(b"/") else b"%s/%s" % (folder, target), links)
        if _ENABLING.fullmatch(path) or _RUNLEVEL.fullmatch(path):
            owner = _masked(view, name) if reached == b"/dev/null" else view.ownership.owner(reached or b"")
        elif reached is None or _BY_HAND.match(path) or reached.rpartition(b"/")[2] not in name:
            continue
        else:
            owner = view.ownership.owner(reached) if _is_packaged(view, folder) else ""
        if owner:
            explanation = Explanation("generated", owner, "a link to what it ships")
            yield Claim(path, explanation)
            yield from _within.way(view, path, explanation)


def _masked(view: "View", unit: bytes) -> str:
    """Return the package whose init script must not be run as a unit: a host without systemd has such links."""
    if view.facts.get("init") == "systemd" or not unit.endswith(b".service"):
        return ""
    if any(
        b"%s/%s" % (folder, unit) in view.ownership for folder in (b"/usr/lib/systemd/system", b"/lib/systemd/system")
    ):
        return ""
    name = unit.removesuffix(b".service")
    return view.ownership.owner(b"/etc/init.d/" + name) or view.ownership.owner(b"/etc/init.d/%s.sh" % name)


def _bytecode(view: "View") -> Iterator[Claim]:
    """Claim what Python compiled of packaged modules."""
    sources = {
        view.ownership.canonical(path): manifest.name
        for manifest in view.ownership.manifests
        for path in manifest.files
        if path.endswith(b".py")
    }
    for folder in {path.rpartition(b"/")[0] for path in sources}:
        compiled = view.directories.list(folder + b"/__pycache__")
        of = [sources.get(b"%s/%s.py" % (folder, _CACHED.sub(b"", name))) for name in compiled]
        known = [package for package in of if package]
        if known:
            whole = len(known) == len(of)
            yield Claim(folder + b"/__pycache__", _python(known[0]), whole=whole)
            for entry, package in zip(compiled.values(), of, strict=True):
                if package and not whole:
                    yield Claim(entry.path, _python(package))
        if _PYTHON2.search(folder):
            for name, entry in view.directories.list(folder).items():
                source = sources.get(entry.path[:-1]) if name.endswith((b".pyc", b".pyo")) else None
                if source:
                    yield Claim(entry.path, _python(source))


def _python(package: str) -> Explanation:
    return Explanation("generated", package, "compiled by Python")


def _trust(view: "View") -> Iterator[Claim]:
    """Claim what the tools that gather certificates make of those that packages or people have put in their place."""
    made = Explanation("generated", "ca-certificates", "gathered certificates")
    for folder in _TRUSTED:
        for name, entry in view.directories.list(folder).items():
            target = entry.link if entry.link.startswith(b"/") else b"%s/%s" % (folder, entry.link)
            reached = resolve(target, view.snapshot.links) if entry.kind == "l" else None
            if name in {b"ca-certificates.crt", b"ca-bundle.crt", b"ca-bundle.trust.crt"}:
                yield Claim(entry.path, made)
            elif reached is None:
                continue
            elif _HASHED.fullmatch(name) or reached in view.ownership or reached.startswith(_SOURCES):
                yield Claim(entry.path, made)
    tops = {
        path: Explanation("generated", view.ownership.owner(path), "built by its tool")
        for path in _EXTRACTED
        if path in view.ownership
    }
    yield from _within.claims(view, tops)


def _caches(view: "View") -> Iterator[Claim]:
    """Claim the caches that lie among the files of packages, of which their tools build them."""
    for entry in _within.below(view, (b"/usr/lib", b"/usr/lib64", b"/usr/share", b"/etc"), _LISTS_BYPRODUCT):
        folder = entry.path.rpartition(b"/")[0]
        if not _is_packaged(view, folder) or not _is_rootly(entry):
            continue
        if _BYPRODUCT.fullmatch(entry.path):
            made = Explanation("generated", view.ownership.owner(folder), "built of what is beside it")
            yield Claim(entry.path, made)
        elif entry.path.endswith(b".elc") and (owner := _origin(view, entry.path[:-1])):
            yield Claim(entry.path, Explanation("generated", owner, "compiled by Emacs"))
    for path in _BUILT:
        folder = path.rpartition(b"/")[0]
        yield Claim(path, Explanation("generated", view.ownership.owner(folder), "built of what is beside it"))


def _origin(view: "View", path: bytes) -> str:
    """Return the package that owns `path`, or what it is a link to; "" if none."""
    return view.ownership.owner(path) or view.ownership.owner(resolve(path, view.snapshot.links) or b"")


def _is_rootly(entry: Entry) -> bool:
    return entry.kind == "f" and entry.owner[0] == 0 and not _within.is_program(entry)


def _kernels(view: "View") -> Iterator[Claim]:
    """Claim what is built for packaged kernels, and what the boot loader keeps."""
    modules = [path for parent in (b"/usr/lib/modules", b"/lib/modules") for path in _packaged_below(view, parent)]
    for folder in modules:
        made = Explanation("generated", view.ownership.owner(folder), "built for a packaged kernel")
        for name, entry in view.directories.list(folder).items():
            if _MODULES.fullmatch(name) or entry.link.startswith(b"/usr/src/"):
                yield Claim(entry.path, made)
    if modules:
        yield from _booting(view)


def _booting(view: "View") -> Iterator[Claim]:
    made = Explanation("generated", "", "built for a packaged kernel")
    for entry in view.directories.list(b"/boot").values():
        if entry.kind in "fl" and _KERNEL.fullmatch(entry.path[len(b"/boot/") :]):
            yield Claim(entry.path, made)
    for entry in view.directories.list(b"").values():
        if entry.kind == "l" and _KERNEL.fullmatch(entry.path[1:]):
            yield Claim(entry.path, made)
    for entry in view.directories.list(b"/etc/mkinitcpio.d").values():
        if entry.path.endswith(b".preset"):
            yield Claim(entry.path, made)
    for path in _LOADERS:
        if view.directories.entry(path) is not None:
            yield Claim(path, Explanation("generated", "", "kept by the boot loader"), whole=True)


def _packaged_below(view: "View", parent: bytes) -> list[bytes]:
    listed = view.directories.list(view.ownership.canonical(parent))
    return [entry.path for entry in listed.values() if entry.path in view.ownership.directories]


EXPLAINER = Explainer(
    name="generated",
    doc="What maintainer scripts, triggers and tools make of packages: what they declare, links, caches, bytecode",
    rank=40,
    claims=_claims,
)
