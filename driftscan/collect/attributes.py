"""The second look at files: digests, capabilities, ACLs, flags and attributes of what the survey made interesting."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from driftscan.collect.selection import Selection
from driftscan.model.item import Item, Json
from driftscan.model.outcome import Outcome, ProbeResult
from driftscan.model.text import raw, text
from driftscan.scopes.base import Parsed, Probe

_TIMEOUT = 900.0
_SOME_VANISHED = frozenset({0, 123})

# A link has no flags, but lsattr looks where it leads: there may be a server that is dead.
_LSATTR = """sh -c 'for f; do [ -h "$f" ] || printf "%s\\000" "$f"; done' sh | xargs -0 -r lsattr -d"""

Values = dict[bytes, Json]  # path -> value


def probes(chosen: Selection) -> list[Probe]:
    """Return the probes that look at files again; each has its paths in its script."""
    hashing = [
        _probe(f"digest {algorithm}", f"{algorithm}sum", f"{algorithm}sum", paths)
        for algorithm, paths in sorted(chosen.digests.items())
        if algorithm in {"md5", "sha1", "sha224", "sha256", "sha384", "sha512"}
    ]
    return [
        *hashing,
        _probe("capabilities", "getcap", "getcap", chosen.executables),
        _probe("acl", "getfacl", "getfacl -P -s -p -n", chosen.others),
        _probe("xattrs", "getfattr", "getfattr -h -m - --absolute-names", chosen.others),
        _probe("flags", "lsattr", _LSATTR, chosen.others),
    ]


def _probe(name: str, tool: str, command: str, paths: Sequence[bytes]) -> Probe:
    # Two statuses matter, xargs' and the tool's; both end as xargs' 0 or 123. Paths that vanished meanwhile are no
    # failure, and what cannot be read is seen by its absence from the answer.
    script = "{\n" + "\n".join(_printf(paths)) + f'\n:\n}} | (cd "$R/" && xargs -0 {command} 2>/dev/null)'
    if not paths:
        script = ":"  # whether the tool is there is told all the same
    return Probe(name, script, tools=(tool, "xargs"), accepts=_SOME_VANISHED, timeout=_TIMEOUT, limit=512 << 20)


def _printf(paths: Sequence[bytes], at_once: int = 500) -> Iterable[str]:
    """Spell `paths`, NUL-terminated and relative to the root, as builtin printf commands: no argument limit holds."""
    for start in range(0, len(paths), at_once):
        words = b"".join([b".%s\0" % path for path in paths[start : start + at_once]])
        for special, spelled in (
            (b"\\", b"\\\\"),
            (b"%", b"%%"),
            (b"'", b"\\047"),
            (b"\n", b"\\012"),
            (b"\0", b"\\000"),
        ):
            words = words.replace(special, spelled)
        yield "printf '" + words.decode("utf-8", "surrogateescape") + "'"


def parse(results: Mapping[str, ProbeResult], chosen: Selection, skipped: Mapping[bytes, str]) -> Parsed:
    """Turn the second look into one item per path that has more to it than the tree says."""
    found: dict[bytes, dict[str, Json]] = defaultdict(dict)
    for path, held in chosen.kept.items():
        still = {name: value for name, value in held.items() if name != "not_walked"}
        if still:
            found[path] = still
    for path, why in skipped.items():
        found[b"/" + path]["not_walked"] = why
    unparsed: dict[str, str] = {}
    notes = []
    for name, result in results.items():
        column, read = _reader(name)
        if result.outcome is Outcome.ABSENT:
            notes.append(f"{column}: not looked at, {result.detail}")
            continue
        values, strange = read(result.stdout)
        for path, value in values.items():
            found[path][column] = value
        if strange and result.outcome is Outcome.OK:
            unparsed[name] = f"{strange} lines not understood"
    notes += chosen.limits()
    items = [Item("files", text(path), dict(sorted(values.items()))) for path, values in sorted(found.items())]
    return Parsed(items=items, unparsed=unparsed, notes=notes)


def unread(results: Mapping[str, ProbeResult], chosen: Selection, items: Iterable[Item]) -> set[bytes]:
    """Return the files that were to be hashed and were not."""
    digests = {raw(item.key) for item in items if "digest" in item.attributes}
    return {
        path
        for algorithm, paths in chosen.digests.items()
        if (result := results.get(f"digest {algorithm}")) is not None and result.outcome is not Outcome.ABSENT
        for path in paths
        if path not in digests
    }


def _reader(probe: str) -> tuple[str, Callable[[bytes], tuple[Values, int]]]:
    name, _, algorithm = probe.partition(" ")
    if name == "digest":
        return "digest", lambda data: _parse_sums(data, algorithm)
    return name, {
        "capabilities": _parse_getcap,
        "acl": _parse_getfacl,
        "xattrs": _parse_getfattr,
        "flags": _parse_lsattr,
    }[name]


_SUM = re.compile(rb"(\\?)([0-9a-f]{32,128}) [ *]\.(/.*)", re.DOTALL)
_UNESCAPE = {b"\\\\": b"\\", b"\\n": b"\n", b"\\r": b"\r"}


def _parse_sums(data: bytes, algorithm: str) -> tuple[Values, int]:
    values: Values = {}
    strange = 0
    for line in data.split(b"\n")[:-1]:
        match = _SUM.fullmatch(line)
        if match is None:
            strange += 1
            continue
        escaped, hexadecimal, path = match.groups()
        if escaped:
            path = re.sub(rb"\\[\\nr]", lambda found: _UNESCAPE[found[0]], path)
        values[path] = f"{algorithm}:{hexadecimal.decode()}"
    return values, strange


_CAP = re.compile(rb"\.(/.*?) (?:= )?((?:cap_|[0-9]|=|all)[\w,=+ ]*)", re.DOTALL)


def _parse_getcap(data: bytes) -> tuple[Values, int]:
    matches = [_CAP.fullmatch(line) for line in data.split(b"\n")[:-1]]
    return {match[1]: text(match[2]) for match in matches if match}, matches.count(None)


def _blocks(data: bytes) -> Iterable[tuple[bytes, list[bytes]]]:
    """Split the output of getfacl and getfattr: `# file: PATH` with octal escapes, lines, an empty line."""
    for block in data.split(b"\n\n"):
        first, _, rest = block.partition(b"\n")
        if first.startswith(b"# file: ./") and rest:
            path = re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8) & 0xFF]), first[len(b"# file: .") :])
            yield path, rest.split(b"\n")


def _parse_getfacl(data: bytes) -> tuple[Values, int]:
    return {
        path: [text(line.partition(b"\t")[0]) for line in lines if line and not line.startswith(b"#")]
        for path, lines in _blocks(data)
    }, 0


def _parse_getfattr(data: bytes) -> tuple[Values, int]:
    return {path: sorted(text(line) for line in lines if line) for path, lines in _blocks(data)}, 0


_FLAGS = re.compile(rb"([-a-zA-Z]{6,32}) \.(/.*)", re.DOTALL)
_TOLD = {ord("i"): "immutable", ord("a"): "append-only"}  # the others tune the filesystem and bar nobody


def _parse_lsattr(data: bytes) -> tuple[Values, int]:
    """Read lsattr, which does not escape: a line without flags goes on with the path of the line before."""
    values: Values = {}
    path, flags = list[bytes](), b""
    for line in [*data.split(b"\n")[:-1], b"------ ./"]:
        match = _FLAGS.fullmatch(line)
        if match is None:
            path.append(line)
            continue
        told = [word for letter, word in _TOLD.items() if letter in flags]
        if told and path:
            values[b"\n".join(path)] = told
        flags, path = match[1], [match[2]]
    return values, 0
