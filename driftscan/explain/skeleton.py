"""Homes of accounts: themselves, the dot files that each begins with, and what shells and programs keep there."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from driftscan.explain import _within
from driftscan.explain.base import Claim, Explainer
from driftscan.model.explanation import Explanation
from driftscan.model.text import raw
from driftscan.model.tree import Entry

if TYPE_CHECKING:
    from driftscan.explain.view import View

_SKELETONS = (b"/etc/skel", b"/usr/etc/skel", b"/usr/share/skel")
_ROOTS_OWN = {b"/usr/share/base-files": b"dot.", b"/usr/share/rootfiles": b"."}  # dot.bashrc is root's .bashrc
_APPLICATIONS = (b"/opt/", b"/srv/", b"/usr/local/")  # an account's home there is first of all somebody's application
# Nothing is any account's alone where these are given as its home.
_NO_HOME = re.compile(
    rb"/?|/(?:bin|sbin|boot|dev|etc|home|lib\w*|media|mnt|nonexistent|opt|proc|run|srv|sys|tmp|usr|var)"
    rb"|/(?:usr|var|etc|dev|run|proc|sys)/[^/]*|/usr/(?:s?bin|local)/.*"
)
_HISTORY = re.compile(
    rb"\.(?:\w{1,20}_history|history|lesshst|viminfo|wget-hsts|zcompdump\S{0,60}|sudo_as_admin_successful|selected_editor"
    rb"|rnd|Xauthority|ICEauthority|xsession-errors(?:\.old)?|motd_shown|hushlogin|python_history-\d+)"
)
_CACHES = (b".cache", b".local/state")
_KEPT = (b".ssh", b".gnupg", b".config", b".local", b".local/share", b".local/share/nano", b".rpmdb")


def _claims(view: "View") -> Iterator[Claim]:
    skeleton = _skeleton(view)
    tops: dict[bytes, Explanation] = {}
    for item in view.of("accounts"):
        name, home = item.attributes.get("name"), item.attributes.get("home")
        if item.attributes.get("kind") != "user" or not isinstance(home, str):
            continue
        yield from _spool(view, raw(str(name)), Explanation("skeleton", str(name), "its mail"))
        path = view.ownership.canonical(raw(home).rstrip(b"/"))
        if _NO_HOME.fullmatch(path) or view.directories.entry(path) is None:
            continue
        account = str(name)
        if not path.startswith(_APPLICATIONS):
            yield Claim(path, Explanation("skeleton", account, "its home"))
        yield from _home(view, path, account, skeleton)
        kept = Explanation("skeleton", account, "kept in its home")
        tops |= {b"%s/%s" % (path, one): kept for one in _CACHES if _is_directory(view, b"%s/%s" % (path, one))}
    yield from _within.claims(view, tops)


def _home(view: "View", home: bytes, account: str, skeleton: dict[bytes, Entry]) -> Iterator[Claim]:
    """Claim what is in `home` because every home has it."""
    fresh = Explanation("skeleton", account, "as every account begins with")
    kept = Explanation("skeleton", account, "kept in its home")
    for name, entry in view.directories.list(home).items():
        if entry.kind == "f" and _HISTORY.fullmatch(name) and not _within.is_program(entry):
            yield Claim(entry.path, kept)
    for name in _KEPT:
        if _is_directory(view, b"%s/%s" % (home, name)):
            yield Claim(b"%s/%s" % (home, name), kept)
    for name in (b".ssh/authorized_keys", b".ssh/authorized_keys2", b".ssh/known_hosts", b".ssh/known_hosts.old"):
        yield Claim(b"%s/%s" % (home, name), Explanation("skeleton", account, "keys and hosts that it knows"))
    for name, original in skeleton.items():
        mine = view.directories.entry(b"%s/%s" % (home, name))
        if mine is not None and _same(view, mine, original):
            yield Claim(mine.path, fresh)
    if home == b"/root":
        for folder, dot in _ROOTS_OWN.items():
            for name, original in view.directories.list(folder).items():
                mine = view.directories.entry(b"/root/." + name.removeprefix(dot))
                if name.startswith(dot) and mine is not None and _same(view, mine, original):
                    yield Claim(mine.path, fresh)


def _is_directory(view: "View", path: bytes) -> bool:
    entry = view.directories.entry(path)
    return entry is not None and entry.kind == "d"


def _skeleton(view: "View") -> dict[bytes, Entry]:
    """Return what a new home is filled with, by its path there; at most two directories deep."""
    found: dict[bytes, Entry] = {}
    for top in _SKELETONS:
        for entry in view.directories.list(top).values():
            found.setdefault(entry.path[len(top) + 1 :], entry)
            if entry.kind == "d":
                for below in view.directories.list(entry.path).values():
                    found.setdefault(below.path[len(top) + 1 :], below)
    return found


def _same(view: "View", mine: Entry, original: Entry) -> bool:
    """Whether a file is the copy of another: the same content where both were hashed, else the same size."""
    if mine.kind != original.kind:
        return False
    if mine.kind == "l":
        return mine.link == original.link
    if mine.kind == "d":
        return True
    if mine.kind != "f" or mine.size != original.size:
        return False
    digests = view.more.get(mine.path, {}).get("digest"), view.more.get(original.path, {}).get("digest")
    known = [str(digest).partition(":") for digest in digests if digest]
    return len(known) < 2 or known[0][0] != known[1][0] or known[0] == known[1]


def _spool(view: "View", account: bytes, explanation: Explanation) -> Iterator[Claim]:
    for folder in (b"/var/mail", b"/var/spool/mail"):
        path = view.ownership.canonical(b"%s/%s" % (folder, account))
        entry = view.directories.entry(path)
        if entry is not None and not _within.is_program(entry):
            yield Claim(path, explanation, whole=entry.kind == "d")


EXPLAINER = Explainer(
    name="skeleton",
    doc="Homes of accounts: the dot files that each begins with, histories, caches, keys, mail",
    rank=70,
    claims=_claims,
)
