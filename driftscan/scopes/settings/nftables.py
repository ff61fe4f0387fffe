"""Rulesets of nftables, as `nft list ruleset` prints them and as people write them, in one plain form."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

_TOKEN = re.compile(r'"[^"\n]*"|\\\n|#[^\n]*|[{};\n,]|[^\s{};,"#]+')
_OBJECTS = frozenset({"set", "map", "flowtable", "counter", "quota", "limit", "ct", "synproxy", "secmark", "meter"})
_FAMILIES = frozenset({"ip", "ip6", "inet", "arp", "bridge", "netdev"})
_HEADER = frozenset({"type", "policy", "comment", "devices", "device", "flags", "typeof", "elements"})
_DEPTH, _TOKENS, _FILES = 40, 400_000, 200
Block = list["str | Block"]  # tokens of a statement; a list is what stood in braces, statement ends as ";"


@dataclass(slots=True)
class Chain:
    """A chain of a ruleset; `header` is its type, hook and policy, empty of a chain that others jump to."""

    header: str = ""
    policy: str = ""
    rules: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Ruleset:
    """Chains by (family, table, chain); `tables` with none too; `doubt` says why it may not be whole."""

    chains: dict[tuple[str, str, str], Chain] = field(default_factory=dict)
    tables: set[tuple[str, str]] = field(default_factory=set)
    doubt: str = ""


def ruleset(source: str, files: Mapping[str, str], services: Mapping[str, str]) -> Ruleset:
    """Return what `source` says; `files` are those that it may include, `services` numbers of ports by name."""
    found = Ruleset()
    reader = _Reader(found, files, services)
    reader.read(source, 0)
    return found


class _Reader:
    """Reads rulesets into `found`; what it does not understand becomes doubt, never a rule."""

    def __init__(self, found: Ruleset, files: Mapping[str, str], services: Mapping[str, str]) -> None:
        self._found = found
        self._files = files
        self._services = services
        self._defines: dict[str, Block] = {}
        self._files_read = 0
        self._words = 0  # that came out of definitions

    def read(self, source: str, depth: int) -> None:
        """Take the statements of a file."""
        self._files_read += 1
        if depth > 16 or self._files_read > _FILES:
            self._doubt("files include one another")
            return
        for words in _statements(_blocks(source, self._doubt)):
            self._statement(words, depth)

    def _statement(self, words: Block, depth: int) -> None:
        head = _head(words)
        if head in {"add", "create", "insert", "replace"}:
            words = words[1:]
            head = _head(words)
        if head == "include" and len(words) > 1 and isinstance(words[1], str):
            self._include(words[1].strip('"'), depth)
        elif head in {"define", "redefine"} and len(words) > 3 and isinstance(words[1], str):
            self._defines[words[1]] = list(self._expanded(words[3:]))
        elif head == "flush" and len(words) > 1 and words[1] == "ruleset":
            self._found.chains.clear()
            self._found.tables.clear()
        elif head in {"table", "chain", "rule"}:
            self._thing(head, words[1:])
        elif head not in {*_OBJECTS, "element", "flush", "delete", "destroy", "reset", "undefine", "list"}:
            self._doubt(f"{head!r} is not understood")

    def _include(self, path: str, depth: int) -> None:
        names = [path, f"/etc/{path}"] if not path.startswith("/") else [path]
        matching = sorted(one for one in self._files if any(fnmatchcase(one, name) for name in names))
        if not matching and not any(char in path for char in "*?["):
            self._doubt(f"it includes {path}, which was not seen")
        if "*" in path and not path.startswith(("/etc/nftables", "/etc/sysconfig")):
            self._doubt(f"it includes {path}, which was not seen")
        for one in matching:
            self.read(self._files[one], depth + 1)

    def _thing(self, head: str, words: Block) -> None:
        """Take `table …`, `chain …` or `rule …`."""
        family = "ip"
        if words and words[0] in _FAMILIES:
            family, words = str(words[0]), words[1:]
        names = [str(word).strip('"') for word in words[:2] if isinstance(word, str)]
        if head == "table" and names:
            self._found.tables.add((family, names[0]))
            for block in words[1:]:
                if isinstance(block, list):
                    self._table(family, names[0], block)
        elif len(names) == 2:
            chain = self._chain(family, names[0], names[1])
            rest = words[2:]
            if head == "rule":
                rest = rest[2:] if rest[:1] in (["handle"], ["position"], ["index"]) else rest
                chain.rules.append(self._plain(rest))
            else:
                for block in rest:
                    self._body(chain, block if isinstance(block, list) else [])
        elif names:
            self._doubt(f"{head} {names[0]} is not understood")

    def _chain(self, family: str, table: str, name: str) -> Chain:
        self._found.tables.add((family, table))
        return self._found.chains.setdefault((family, table, name), Chain())

    def _table(self, family: str, table: str, block: Block) -> None:
        for words in _statements(block):
            if _head(words) == "chain" and len(words) > 1 and isinstance(words[1], str):
                chain = self._chain(family, table, words[1].strip('"'))
                for body in words[2:]:
                    self._body(chain, body if isinstance(body, list) else [])

    def _body(self, chain: Chain, body: Block) -> None:
        for words in _statements(body):
            if _head(words) == "type" and "hook" in words:
                chain.header = self._plain(words)
            elif _head(words) == "policy" and len(words) > 1:
                chain.policy = str(words[1])
            elif _head(words) not in _HEADER:
                chain.rules.append(self._plain(words))

    def _plain(self, words: Iterable["str | Block"]) -> str:
        """Return a rule in plain form: sets and lists sorted, names of ports as numbers, counts left out."""
        out: list[list[str]] = []  # a list of several is what commas joined
        joined = False
        for word in self._expanded(words):
            if word == ",":
                joined = True
                continue
            made = "{ " + ", ".join(self._elements(word)) + " }" if isinstance(word, list) else self._word(word)
            if joined and out:
                out[-1].append(made)
            else:
                out.append([made])
            joined = False
        return _COUNTS.sub("", " ".join(",".join(sorted(set(one))) for one in out))

    def _elements(self, block: Block) -> list[str]:
        parts: list[Block] = [[]]
        for word in block:
            if word == ",":
                parts.append([])
            elif word != ";":
                parts[-1].append(word)
        found: set[str] = set()
        for part in parts:
            told = self._plain(part)
            found |= set(told[2:-2].split(", ")) if told.startswith("{ ") and told.endswith(" }") else {told}
        return sorted(found - {""})

    def _expanded(self, words: Iterable["str | Block"]) -> Iterator["str | Block"]:
        """Yield words with those in place of which a definition stands; a definition's own are known by then."""
        for word in words:
            if not isinstance(word, str) or not word.startswith("$"):
                yield word
                continue
            known = self._defines.get(word[1:])
            self._words += len(known or ())
            if known is None or self._words > _TOKENS:
                self._doubt(f"{word} is not defined")
                continue
            yield from known

    def _word(self, word: str) -> str:
        word = word.strip('"')
        if word in self._services:
            return self._services[word]
        return word.removesuffix("/32") if "." in word else word.removesuffix("/128") if ":" in word else word

    def _doubt(self, why: str) -> None:
        self._found.doubt = self._found.doubt or why


_COUNTS = re.compile(r"(?<=counter) packets \d+ bytes \d+| # handle \d+| burst \d+ packets")


def _statements(block: Block) -> Iterator[Block]:
    """Part a block at the ends of its statements."""
    words: Block = []
    for word in block:
        if word == ";":
            if words:
                yield words
            words = []
        else:
            words.append(word)
    if words:
        yield words


def _head(words: Block) -> str:
    """Return the first word of a statement, "" if it begins with a brace."""
    return words[0] if words and isinstance(words[0], str) else ""


def _blocks(source: str, doubt: Callable[[str], None]) -> Block:
    """Nest the words of `source` by its braces; inside a set a newline ends nothing, but no harm is done by it."""
    top: Block = []
    stack: list[tuple[Block, int]] = [(top, 0)]  # a block, and where in it the statement in hand begins
    for number, match in enumerate(_TOKEN.finditer(source)):
        word = match[0]
        here, start = stack[-1]
        if number > _TOKENS or len(stack) > _DEPTH:
            doubt("it is too large")
            break
        if word[0] == "#" or word == "\\\n":
            continue
        if word == "{":
            inner: Block = []
            here.append(inner)
            stack.append((inner, 0))
        elif word == "}" and len(stack) == 1:
            doubt("a brace closes what was not open")
        elif word == "}":
            stack.pop()
            outer, start = stack[-1]
            if _is_body(outer[start : start + 2], here):
                outer.append(";")
                stack[-1] = outer, len(outer)
        elif word in ";\n":
            here.append(";")
            stack[-1] = here, len(here)
        else:
            here.append(word)
    if len(stack) > 1:
        doubt("a brace is not closed")
    return top


def _is_body(words: Block, block: Block) -> bool:
    """Return whether what a brace has just closed is the body of a table, a chain or an object, and no set in a rule."""
    head = _head(words[1:] if _head(words) in {"add", "create"} else words)
    return head in {"table", "chain", *_OBJECTS} and ";" in block
