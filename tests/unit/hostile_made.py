"""Snapshots of a host whose every field was chosen to hurt: made by the columns that each scope declares."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random

from hypothesis import strategies as st

from driftscan.collect.collector import Wish, collect
from driftscan.collect.runner import Link
from driftscan.model.item import Column, Item, Json
from driftscan.model.outcome import Coverage, Outcome
from driftscan.model.snapshot import Snapshot
from driftscan.model.text import raw, text
from driftscan.scopes.base import Scope, scopes
from driftscan.transport.base import Privilege
from driftscan.transport.replay import Replay
from tests.unit.handmade import Record, leaf, manifest, snapshot, tree

RECORDED = Path(__file__).parent.parent / "recordings" / "bookworm-nopy"
# As bytes, for that is how a host says them.
BYTES = [
    b"\x1b[2J\x1b]0;owned\x07", b"\x1b]8;;http://evil.example\x1b\\x", b"\xc2\x9b31m", b"\x00", b"a\x00b", b"a\nb",
    b"\r\x07\x08", b"\r\n", b"\n", b"\t", b"\x7f", "\u202egnp.exe".encode(), "\u2066x\u2069".encode(),
    "\u2028\u2029".encode(), "\u200b\ufeff".encode(), "\ufffe\uffff".encode(), b"\xed\xa0\x80", b"\xf4\x8f\xbc\x9b",
    b"caf\xe9\xff", b"\xc3", "\u0301\u0301".encode(), "עברית \u202e".encode(), "日本".encode(), "\U0001f600".encode(),
    b"{{ lookup('pipe', 'id') }}", b"{% for x in y %}", b"{# x", b"{%raw%}", b"$(touch /x)", b"`touch /x`", b"${HOME}",
    b"'; id; '", b'"; id; "', b"a'b", b'a"b', b"\\", b"\\n", b"\\x1b[2J", b"end\\", b"<script>alert(1)</script>",
    b"</td><img src=x>", b"<!--", b"]]>", b"<![CDATA[", b"&amp;&lt;", b"&", b"=cmd|'/c calc'!A1", b"+1+1", b"-1+1",
    b"@SUM(1)", b"\t=1", b'","', b'"\n"', b";", b"a|b", b"||", b"```", b"`` x`", b"# x", b"- x", b"1. x", b"> x",
    b"[x](http://evil)", b"![x](y)", b"**x**", b"~~x~~", b"~~~", b"http://evil.example/", b"<http://evil>",
    b"- a: b", b"a: b #c", b"!!python/object:os.system", b"&a *a", b"*", b"? x", b"%YAML 1.2", b"---", b"...", b"null",
    b"~", b"yes", b"0x1f", b"1e9", b"-rf", b"--help", b"../..", b"/../../etc/passwd", b".", b"/", b"//", b"%s%n", b"%",
    b"{0}", b"{", b"}", b"{a}", b"#", b"a b#c?d%e", b"file:///x", b"@everyone", b"<!channel>", b" lead", b"trail ",
    b" ", b"FROM x", b"RUN x \\", b"EOF", b"#!/bin/sh", b"a,b", b"a\x0bb\x0cc", b"\x02x\x03", b"\x1c\x1d\x1e\x85",
    b"x" * 300, b"99999999999999999999", b"-1", b"nan", b"inf", b"1970-01-01T00:00:00Z", b"not-a-date", b"0",
]  # fmt: skip
NASTY = [text(data) for data in BYTES]
WORDS = st.lists(st.one_of(st.sampled_from(NASTY), st.binary(max_size=12).map(text)), min_size=2, max_size=8)
NUMBERS = (0, 1, -1, 22, 65536, 1 << 31, (1 << 63) - 1)
_PATHS = ("path", "file", "exe", "home", "target", "key_path", "cwd", "fragment", "metadata", "root")
_NAME = 255  # bytes of a file's name


@cache
def known() -> dict[tuple[str, str], tuple[Json, ...]]:
    """Return values that a real host has, by scope and column: so that rules take what is beside them seriously."""
    found: dict[tuple[str, str], dict[str, Json]] = {}
    wanted = tuple(name for name, scope in scopes().items() if not scope.follow and not scope.derive)
    for item in collect("x", Link(Replay(RECORDED), Privilege()), Wish(wanted)).items:
        for name, value in {**item.attributes, **item.volatile}.items():
            found.setdefault((item.scope, name), {}).setdefault(repr(value), value)
    return {place: tuple(values.values())[:12] for place, values in found.items()}


# What a list of a JSON column holds where it is not texts, and what a text must be for others to look at it at all.
SHAPES: dict[tuple[str, str], tuple[Json, ...]] = {
    ("alternatives", "choices"): (["", 50],),
    ("alternatives", "slaves"): (["", ""],),
    ("applications", "procfile"): (["", ""],),
    ("contents", "secrets"): ({"name": "", "kind": "value", "line": 1}, {"name": "", "kind": "key", "line": 2}),
    ("processes", "pid"): (1, 99999),
    ("sockets", "pid"): (1, 99999),
    ("sockets", "ports"): (22, 65535),
}
TELLING: dict[tuple[str, str], tuple[Json, ...]] = {
    ("accounts", "kind"): ("user", "group", "sudo", "key"),
    ("checkouts", "kind"): ("git", "hg", "svn"),
    ("containers", "kind"): ("container", "image", "volume"),
    ("containers", "runtime"): ("docker", "podman"),
    ("language_packages", "ecosystem"): ("pip", "npm", "gem", "cargo"),
    ("history", "kind"): ("install", "upgrade", "remove", "login", "sudo", "command"),
    ("network", "kind"): ("interface", "address", "route", "resolver", "hosts", "firewall"),
    ("schedules", "kind"): ("cron", "timer", "at", "anacron"),
}

# Texts of which the parser lets nothing else through.
CHECKED: dict[tuple[str, str], tuple[Json, ...]] = {("statoverrides", "mode"): ("4755", "0644")}


class Hostile:
    """Makes hostile things out of a few words and a die: drawing every field for itself would take minutes."""

    def __init__(self, words: Sequence[str], dice: Random, host: str = "fuzz1") -> None:
        self.words = words
        self.dice = dice
        self.host = host
        self.paths = ["/etc/passwd", *(f"/{where}/{name}" for name in self._names() for where in ("opt", "etc/cron.d"))]

    def _names(self) -> list[str]:
        """Return those of the words that can be the name of a file, as text."""
        names = (raw(word).replace(b"/", b"|").replace(b"\0", b"")[:_NAME] for word in self.words)
        return [text(name) for name in dict.fromkeys(names) if name not in {b"", b".", b".."}]

    def word(self) -> str:
        return self.dice.choice(self.words)

    def value(self, scope: Scope, column: Column) -> Json:
        """Return a value of the column's declared type: hostile, or one that a real host has."""
        if (scope.name, column.name) in CHECKED:
            return self.dice.choice(CHECKED[scope.name, column.name])
        real = TELLING.get((scope.name, column.name)) or known().get((scope.name, column.name), ())
        if real and self.dice.random() < 0.5:
            return self.dice.choice(real)
        if column.kind == "text":
            return self.dice.choice(self.paths) if column.name in _PATHS and self.dice.random() < 0.8 else self.word()
        if column.kind == "boolean":
            return self.dice.random() < 0.5
        if column.kind == "integer":
            return self.dice.choice(NUMBERS)
        if column.kind == "real":
            return self.dice.choice((0.0, -1.5, 1e18))
        shapes = SHAPES.get((scope.name, column.name), ("",))
        return [self.shaped(self.dice.choice(shapes)) for _ in range(self.dice.randrange(3))]

    def shaped(self, shape: Json) -> Json:
        """Return a value of a shape, its empty texts hostile ones."""
        if isinstance(shape, list):
            return [self.shaped(part) for part in shape]
        if isinstance(shape, dict):
            return {name: self.shaped(part) for name, part in shape.items()}
        return shape if shape != "" else self.word()

    def item(self, scope: Scope, key: str) -> Item:
        """Return an item of a scope with every column that it declares."""
        lasting = {column.name: self.value(scope, column) for column in scope.columns if not column.volatile}
        return Item(
            scope.name, key, lasting, {one.name: self.value(scope, one) for one in scope.columns if one.volatile}
        )

    def items(self, each: int) -> list[Item]:
        """Return `each` items of every scope, and what is known of files beyond the tree."""
        made = []
        for scope in scopes().values():
            if scope.derive is None:
                made += [self.item(scope, f"{self.word()}{number}") for number in range(each)]
        known_of = [column for column in scopes()["files"].columns if column.name in _BEYOND]
        for path in self.paths[:each]:
            made.append(
                Item("files", path, {column.name: self.value(scopes()["files"], column) for column in known_of})
            )
        return made

    def leaves(self) -> list[Record]:
        """Return files, links and directories of hostile names, some of them with rights that rules look at."""
        made = []
        for number, path in enumerate(self.paths):
            meta = self.dice.choice((b"f4755 0 0", b"f644 0 0", b"f666 1000 9", b"d777 0 0", b"l777 0 0", b"p600 0 0"))
            link = raw(self.word()).replace(b"\0", b"") if meta[:1] == b"l" else b""
            made.append(leaf(raw(path)[1:], meta, link, ctime=1e9 + number * 3600))
        return made

    def snapshot(self, each: int = 1) -> Snapshot:
        """Return a snapshot of it all: `each` items of every scope."""
        owner = self.word() or "x"
        packages = [manifest("stock", b"/bin/sh"), manifest(owner, *map(raw, self.paths[1:3]))]
        made = snapshot(self.items(each), files=tree(*self.leaves()), manifests=packages, host=self.host)
        blind = self.dice.choice(sorted(set(scopes()) - {"files", "packages"}))
        coverage = Coverage(blind, Outcome.DENIED, 0, (self.word(),), (self.word(),))
        return replace(made, coverage={**made.coverage, blind: coverage})


_BEYOND = ("digest", "capabilities", "acl", "xattrs", "flags", "not_walked")
HOSTS = st.builds(lambda words, seed: Hostile(words, Random(seed)), WORDS, st.integers(0, 1 << 30))
