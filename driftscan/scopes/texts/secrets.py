"""The secrets in a file: which there are, and its text without them."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from driftscan.model.item import Json
from driftscan.model.redaction import HEXADECIMAL, PUBLIC_NUMBER, is_random, mark, private_blocks, redacted_lines
from driftscan.model.text import text
from driftscan.scopes.texts.read import PLAIN_OPENSSH
from driftscan.scopes.texts.secret_files import holds_secret, is_example, is_history, is_keystore

_MOST = 50  # secrets of one file that are told

_PLACEHOLDER = re.compile(r"(<secret:[\w.-]+>)")
_KEPT = re.compile(r"(?:<secret:[\w.-]+>)+")
_LONG = re.compile(r"(?<![\w+/=.@%-])[A-Za-z0-9+/_-]{20,1024}={0,2}(?![\w+/=.@%-])")
# Every word that looks drawn by lot has a digit: at one that has ten more characters behind or before it one may be.
_MAYBE_LONG = re.compile(r"[0-9](?:[\w+/-]{9}|(?<=[\w+/-]{10}))")
_PUBLIC = re.compile(
    r"^[^\S\n]*-----(?:(?P<begin>BEGIN) (?!.*PRIVATE)|END )[A-Z0-9 ]{1,40}-----[^\S\n]*$", re.MULTILINE
)
_COMMENT = re.compile(r"\s*(?:[#;]|//(?![\w.-]+/)|--\s)")  # //nas/share is none
_BEGIN = re.compile(rb"(\d{1,9}):.*(?:PRIVATE KEY|Private-Lines)")
_CRYPT = re.compile(rb"ENCRYPTED|:Encryption: (?!none)")
# In a program, a text and a comment, most of what stands behind such a name is a variable, a word or an example.
_CODE = re.compile(rb"\.(?:md|rst|adoc|org|py|pl|pm|rb|js|mjs|ts|php|go|lua|tcl|awk|java|c|h|rs|vim|el)$")
_CODE_SHEBANG = re.compile(r"perl|python|ruby|node|php|lua|awk|tclsh|wish")
_HASH = re.compile(r"\$[a-z0-9-]{1,12}\$[./A-Za-z0-9$=,+-]{16,}")
_LITERAL = re.compile(r"[^\s(){}<>\[\]&;,`$\\\"']{6,}")
_EXAMPLE = re.compile(r"[a-z_-]*(?:pass\w*|secret|token|example|changeme|key|foobared)[a-z_-]*", re.IGNORECASE)
_HOST_KEY = re.compile(rb"host_?key|private")
_ONLY_WORDS = re.compile(r"[A-Za-z(\"'][A-Za-z'(),.;:\"-]*")


class Part(NamedTuple):
    """A part of a file: a secret, which is called `name`, or (name "") plain text; as `model.text.text` makes it."""

    text: str
    name: str = ""


class _Suspect(NamedTuple):
    """A line of a text that holds secrets, or a word that looks drawn by lot (`random`), which is one."""

    start: int
    end: int
    text: str
    safe: str
    names: Sequence[str]
    random: bool
    comment: bool


class Content(NamedTuple):
    """What is kept of a file: `text` without its secrets, None where it is not kept; and where each secret stands."""

    text: str | None
    secrets: list[Json]
    lines: int | None
    shebang: str | None


def read(path: bytes, data: bytes, *, keep: bool) -> Content:
    """Return what is kept of the file at `path`; its text only if `keep`, and never that of what is one secret."""
    if not is_text(data):
        return Content(None, _whole(path, data), None, None)
    said = text(data)
    count = said.count("\n") + (not said.endswith("\n") and said != "")
    shebang = _secrets(said.partition("\n")[0][:200], "value")[0] if said.startswith("#!") else None
    whole = [] if shebang else _whole(path, data)
    if whole:
        return Content(None, whole, count, None)
    if is_history(path):
        return Content(None, _secrets(said, "history")[1], None, None)
    code = _is_code(path, shebang or "")
    safe, secrets = _secrets(said, "value", code=code)
    return Content(safe if keep else None, secrets, count, shebang)


def is_text(data: bytes) -> bool:
    """Whether `data` is text: no NUL, and few control characters that no text has."""
    strange = len(data) - len(data.translate(None, b"\0\1\2\3\4\5\6\7\x08\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18"))
    return b"\0" not in data and strange * 50 <= len(data)


def parts(path: bytes, data: bytes) -> list[Part]:
    """Return the file at `path` in parts, the secrets that `read` tells apart from the rest; joined they are `data`."""
    said = text(data)
    whole = _whole(path, data)
    if whole or is_history(path) or is_keystore(path):
        name = str(whole[0]["name"]) if whole else text(path.rpartition(b"/")[2])
        return [Part(said, name)] if data else []
    if not is_text(data):
        return [Part(said)]
    code = _is_code(path, said.partition("\n")[0])
    found = list[Part]()
    for piece, is_key in _pieces(said):
        found += [Part(piece, "private_key")] if is_key else _line_parts(piece, code=code)
    return _joined(found)


def private_keys(lines: Sequence[bytes]) -> list[Json]:
    """Return the private keys that the telling lines of a file (`number:text`) speak of."""
    found: list[Json] = []
    for line in lines:
        match = _BEGIN.match(line)
        if match is not None and len(found) < _MOST:
            sealed = b"ENCRYPTED" in line or any(_CRYPT.search(other) or _is_sealed(other) for other in lines)
            found.append({"name": "private_key", "kind": "private key", "line": int(match[1]), "encrypted": sealed})
    return found


def _is_code(path: bytes, first: str) -> bool:
    """Whether a file is a program, a text or an example, by its name or its first line."""
    shebang = first.startswith("#!") and _CODE_SHEBANG.search(first) is not None
    return shebang or is_example(path) or _CODE.search(path) is not None


def _is_sealed(line: bytes) -> bool:
    """Whether a line is the first of an OpenSSH key, and names a cipher."""
    body = line.partition(b":")[2]
    return body.startswith(PLAIN_OPENSSH[:22]) and not PLAIN_OPENSSH.startswith(body[: len(PLAIN_OPENSSH)])


def _whole(path: bytes, data: bytes) -> list[Json]:
    """Return the one secret that a file is by its name, unless it shows that it is none: public, or prose."""
    name = path.rpartition(b"/")[2]
    public = b"-----BEGIN " in data and b"PRIVATE" not in data
    program = data.startswith((b"\x7fELF", b"#!"))
    if not holds_secret(path) or public or program or _is_prose(data) or not data.strip():
        return []
    if not is_text(data) and _HOST_KEY.search(name):  # in a form of its own, as dropbear's
        return [{"name": "private_key", "kind": "private key", "line": 1, "encrypted": False}]
    return [{"name": text(name), "kind": "file", "line": 1}]


def _is_prose(data: bytes) -> bool:
    """Whether a file called a licence is one to read: many words of letters."""
    words = data[:4096].decode("ascii", "ignore").split()
    return len(words) >= 60 and sum(1 for word in words if _ONLY_WORDS.fullmatch(word)) >= 0.7 * len(words)


def _pieces(said: str) -> Iterator[tuple[str, bool]]:
    """Yield a text in pieces: the private keys that take more than a line (True), and what stands between them."""
    at = 0
    for block in private_blocks(said):
        yield said[at : block.start()], False
        yield block[0], True
        at = block.end()
    yield said[at:], False


def _suspects(said: str) -> Iterator[_Suspect]:
    """Yield the lines of text without private keys in which there is something to do, in their order."""
    redacted = {line.start: line for line in redacted_lines(said)}
    random, public, at = set[int](), list(_public(said)), 0
    while match := _MAYBE_LONG.search(said, at):
        at = said.find("\n", match.end()) % (len(said) + 1)  # at the end where there is no other line
        random.add(said.rfind("\n", 0, match.start()) + 1)
    random = {start for start in random if not any(begin <= start < end for begin, end in public)}
    for start in sorted(random | redacted.keys()):
        end = said.find("\n", start) % (len(said) + 1)
        line, known = said[start:end], redacted.get(start)
        drawn = start in random and any(map(is_random, _LONG.findall(line))) and not PUBLIC_NUMBER.search(line)
        if known or drawn:
            safe, names = (known.text, known.names) if known else (line, ())
            yield _Suspect(start, end, line, safe, names, drawn, _COMMENT.match(line) is not None)


def _public(said: str) -> Iterator[tuple[int, int]]:
    """Yield where certificates and public keys stand: their beginnings and ends."""
    begin = None
    for match in _PUBLIC.finditer(said) if "-----BEGIN " in said else ():
        if match["begin"] and begin is None:
            begin = match.start()
        elif not match["begin"] and begin is not None:
            yield begin, match.start()
            begin = None
    if begin is not None:
        yield begin, len(said)


def _secrets(said: str, kind: str, *, code: bool = False) -> tuple[str, list[Json]]:
    """Return a text without its secrets, and the secrets; what only may be one is replaced, but not told."""
    safe, found, number = list[str](), list[Json](), 1
    for piece, is_key in _pieces(said):
        if is_key:
            safe.append(mark("private_key"))
            found.append({"name": "private_key", "kind": kind, "line": number})
            number += piece.count("\n")
            continue
        at = 0
        for line in _suspects(piece):
            number += piece.count("\n", at, line.start)
            done, names = _masked(line)
            if not (code or line.comment) or done == line.text or _is_telling(line.text, done):
                found += [{"name": name, "kind": kind, "line": number} for name in names]
            safe += (piece[at : line.start], done)
            at = line.end
        number += piece.count("\n", at)
        safe.append(piece[at:])
    return "".join(safe), found[:_MOST]


def _line_parts(said: str, *, code: bool) -> Iterator[Part]:
    """Yield the parts of text in which no private key stands."""
    at = 0
    for line in _suspects(said):
        yield Part(said[at : line.start])
        told = line.names and (not (code or line.comment) or _is_telling(line.text, line.safe))
        for part in _aligned(line.text, line.safe) if told else [Part(line.text)]:
            yield from _random(part.text) if line.random and not line.comment and not part.name else (part,)
        at = line.end
    yield Part(said[at:])


def _aligned(line: str, safe: str) -> list[Part]:
    """Return `line` in parts, where `safe` is the same line with a placeholder for each secret.

    What stands between two placeholders is looked for from the left: like a pattern with asterisks, that needs no
    second try. Placeholders that stood in the line before are text.
    """
    first, *rest = _PLACEHOLDER.split(safe)
    names, plain = [rest[0]], list[str]()
    for between, name in zip(rest[1::2], rest[2::2], strict=False):
        if between:  # else two secrets with nothing between them: they are one
            plain.append(between)
            names.append(name)
    plain.append(rest[-1])
    found, at = [Part(first)], len(first)
    for number, (name, following) in enumerate(zip(names, plain, strict=True), 1):
        end = line.find(following, at + 1) if number < len(names) else len(line) - len(following)
        if end <= at or not line.endswith(following, end, end + len(following)) or not line.startswith(first):
            return [Part(line, _bare(names[0]))]
        value = line[at:end]
        found += [Part(value, "" if _KEPT.fullmatch(value) else _bare(name)), Part(following)]
        at = end + len(following)
    return found


def _bare(placeholder: str) -> str:
    return placeholder.removeprefix("<secret:").removesuffix(">")


def _random(said: str) -> Iterator[Part]:
    """Yield the parts of text in which only the shape of a word tells that it is a secret."""
    at = 0
    for match in _LONG.finditer(said):
        if is_random(match[0]) and not HEXADECIMAL.fullmatch(match[0]):
            yield Part(said[at : match.start()])
            yield Part(match[0], "token")
            at = match.end()
    yield Part(said[at:])


def _joined(found: Iterable[Part]) -> list[Part]:
    """Return parts with plain text that follows on plain text as one, and without what is empty."""
    joined, plain = list[Part](), list[str]()
    for part in [*found, Part("", "end")]:
        if not part.name:
            plain.append(part.text)
            continue
        joined += (Part("".join(plain)), part)
        plain = []
    return [part for part in joined if part.text]


def _is_telling(line: str, safe: str) -> bool:
    """Whether what was replaced in a line of a program or a comment is a value, and neither code nor an example."""
    parts = _PLACEHOLDER.split(safe)[::2]
    if len(parts) > 6 or len(line) > 4096:
        return True
    match = re.fullmatch("(.*?)".join(map(re.escape, parts)), line, re.DOTALL)
    if match is None:
        return True
    for number, value in enumerate(match.groups(), 1):
        quoted = line[max(match.start(number) - 1, 0) : match.start(number)] in {'"', "'"}
        mixed = any(char.isdigit() for char in value) and any(char.isalpha() for char in value)
        if _HASH.fullmatch(value) or (
            _LITERAL.fullmatch(value.partition(",")[0]) and (mixed or quoted) and not _EXAMPLE.fullmatch(value)
        ):
            return True
    return False


def _masked(line: _Suspect) -> tuple[str, list[str]]:
    """Return a line without its secrets, and the names of those that are told."""
    names = list(line.names)
    if not line.random:
        return line.safe, names
    parts = _PLACEHOLDER.split(line.safe)
    for at in range(0, len(parts), 2):
        found = [word for word in _LONG.findall(parts[at]) if is_random(word)]
        # A word of hexadecimal digits is a digest more often than not: without a name it is left out, but not told.
        if not line.comment and any(not HEXADECIMAL.fullmatch(word) for word in found):
            names.append("token")
        if found:
            parts[at] = _LONG.sub(lambda match: mark("token") if is_random(match[0]) else match[0], parts[at])
    return "".join(parts), names
