"""apt's sources in both formats, what it holds of each in its lists, and the keys that it trusts for all of them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from driftscan.model.outcome import Outcome
from driftscan.model.text import text
from driftscan.scopes._common import whole_lines
from driftscan.scopes.base import Probe, Results
from driftscan.scopes.managers.apt import stanzas
from driftscan.scopes.sources.base import Distribution, Repository, is_true, shown_files

SOURCES = Probe(
    "apt-sources",
    """
ds_file /etc/apt/sources.list
ds_dir /etc/apt/sources.list.d
""",
)

# "=NAME" and the head of each Release file, "+NAME" for every other file. The lists themselves are not read.
LISTS = Probe(
    "apt-lists",
    r"""
ds_real /var/lib/apt/lists; lists=$ds_p
if [ ! -d "$lists" ]; then ds_gone "$lists" && ds_absent "no package lists of apt"; ds_denied "$lists"; fi
cd "$lists" && [ -r . ] || ds_denied "$lists"
for list in *; do
  case $list in
    *_InRelease | *_Release)
      [ -f "$list" ] || continue
      echo "=$list"
      [ -r "$list" ] || continue
      sed -n -e '/^MD5Sum:/q' -e '/^SHA[0-9]*:/q' -e '/^Origin: /p' -e '/^Label: /p' -e '/^Suite: /p' "$list"
      ;;
    *) if [ -f "$list" ] || [ -L "$list" ]; then echo "+$list"; fi ;;
  esac
done
""",
    timeout=60,
)

# Names only: the keys that apt takes from any source, and settings that switch its checks off for all sources.
TRUST = Probe(
    "apt-trust",
    r"""
ds_real /etc/apt; apt=$ds_p
if [ ! -d "$apt" ]; then ds_gone "$apt" && ds_absent "no configuration of apt"; ds_denied "$apt"; fi
cd "$apt" && [ -r . ] || ds_denied "$apt"
for file in trusted.gpg trusted.gpg.d/*.gpg trusted.gpg.d/*.asc; do
  if [ -s "$file" ]; then echo "$file"; fi
done
for file in apt.conf apt.conf.d/*; do
  if [ -f "$file" ]; then set -- "$@" "$file"; fi
done
[ $# = 0 ] || grep -iE '^[^/#]*(AllowUnauthenticated|AllowInsecureRepositories|Verify-Peer)' /dev/null "$@" | sed 's/^/!/'
""",
)

PROBES = (SOURCES, LISTS, TRUST)

_LINE = re.compile(r"(deb(?:-src)?)\s+(?:\[([^\]]*)\]\s*)?(cdrom:\[[^\]]*\]\S*|\S+)\s+(\S+)([^#]*)")
_LOCAL_NAME = re.compile(r"[\w.-]+\.(?:list|sources)")
_SWITCH = re.compile(r'!([^:]+):.*?([\w-]+(?:::[\w.-]+)*)\s*[\s"{]\s*"?(\w+)"?\s*;')


@dataclass(frozen=True, slots=True)
class Lists:
    """What lies in apt's directory of lists; `known` when it could be read and holds anything at all."""

    known: bool = False
    names: frozenset[str] = frozenset()
    releases: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Source:
    """A line or a stanza, one suite of it."""

    file: str
    types: tuple[str, ...]
    uris: tuple[str, ...]
    suite: str
    components: tuple[str, ...]
    enabled: bool
    options: Mapping[str, str]


def repositories(results: Results, ours: Distribution) -> Iterator[Repository]:
    """Yield every source, every key that is good for all of them, every setting that takes the checks away."""
    lists = held(results)
    for path, data in sorted(shown_files(results, SOURCES.name).items()):
        if path == "/etc/apt/sources.list" or _LOCAL_NAME.fullmatch(path.rpartition("/")[2]):
            read = _stanzas if path.endswith(".sources") else _lines
            for source in read(path, data):
                yield _repository(source, lists, ours)
    yield from _trust(results)


def strange(results: Results) -> list[bytes]:
    """Return the lines of sources that apt would not understand either."""
    found = []
    for path, data in shown_files(results, SOURCES.name).items():
        if path == "/etc/apt/sources.list" or path.endswith(".list"):
            lines = (line.strip() for line in data.split(b"\n"))
            found += [line for line in lines if line[:1] not in {b"", b"#"} and not _LINE.match(text(line))]
    return found


def held(results: Results) -> Lists:
    """Return what apt has fetched, by the names of the files and the heads of the releases."""
    releases: dict[str, dict[str, str]] = {}
    names: set[str] = set()
    head: dict[str, str] = {}
    result = results.get(LISTS.name)
    for line in whole_lines(result.stdout if result else b""):
        value = text(line)
        if value.startswith("="):
            head = releases.setdefault(value[1:], {})
        elif value.startswith("+"):
            names.add(value[1:])
        else:
            name, _, words = value.partition(": ")
            head.setdefault(name, words)
    fetched = releases or any("_Packages" in name or "_Sources" in name for name in names)
    known = result is not None and result.outcome is Outcome.OK and bool(fetched)
    return Lists(known, frozenset(names) | frozenset(releases), releases)


def _lines(path: str, data: bytes) -> Iterator[_Source]:
    for line in text(data).split("\n"):
        match = _LINE.match(line.strip())
        if match:
            kind, options, uri, suite, components = match.groups()
            words = (word.partition("=") for word in (options or "").split())
            known = {name.rstrip("+-").casefold(): value for name, _, value in words}
            yield _Source(path, (kind,), (uri,), suite, tuple(components.split()), enabled=True, options=known)


def _stanzas(path: str, data: bytes) -> Iterator[_Source]:
    for stanza in stanzas(data):
        fields = {name.casefold(): value for name, value in stanza.items()}
        uris, suites = fields.pop("uris", "").split(), fields.pop("suites", "").split()
        types, components = fields.pop("types", "").split(), fields.pop("components", "").split()
        enabled = fields.pop("enabled", "yes").strip().casefold() not in {
            "no",
            "false",
            "0",
            "off",
            "without",
            "disable",
        }
        if not uris or not types:
            continue
        for suite in suites or ["/"]:
            yield _Source(path, tuple(types), tuple(uris), suite, tuple(components), enabled, fields)


_SAID_ELSEWHERE = {"signed-by", "trusted", "x-repolib-name"}


def _repository(source: _Source, lists: Lists, ours: Distribution) -> Repository:
    options = source.options
    signer = options.get("signed-by", "")
    releases, listed = _lists_of(source, lists)
    origins = [head.get("Origin") or head.get("Label") for head in releases.values()]
    origin = next((one for one in origins if one), None)
    if origin is not None:
        third = not ours.publishes(origin) if ours.names else None
    elif listed:  # a distribution says who it is
        third = True
    else:
        third = False if ours.serves(source.uris) else None
    rest = [f"{name}={value}" for name, value in options.items() if name not in _SAID_ELSEWHERE and "\n" not in value]
    return Repository(
        key=f"{source.file}: {' '.join(source.types)} {source.uris[0]} {source.suite}",
        manager="apt",
        file=source.file,
        name=source.suite,
        types=source.types,
        uris=source.uris,
        suites=(source.suite,),
        components=source.components,
        enabled=source.enabled,
        signed_by="a key in the file itself" if "BEGIN PGP" in signer else " ".join(signer.split()),
        trusted=any(is_true(options.get(name, "")) for name in ("trusted", "allow-insecure")),
        signed=_signed(releases, lists) if listed else None,
        listed=listed,
        origin=origin,
        third_party=third,
        options=" ".join(rest),
    )


def _lists_of(source: _Source, lists: Lists) -> tuple[dict[str, Mapping[str, str]], bool | None]:
    """Return the releases of a source, and whether anything of it was ever fetched; None when nobody can tell."""
    if not lists.known or any(uri.startswith("cdrom:") for uri in source.uris):
        return {}, None
    releases: dict[str, Mapping[str, str]] = {}
    listed = False
    for uri in source.uris:
        start = _list_name(uri, source.suite)
        files = [f"{start}_InRelease", f"{start}_Release"]
        releases |= {name: lists.releases[name] for name in files if name in lists.releases}
        parts = [f"{start}_{_quoted(component)}_" for component in source.components]
        if source.suite.endswith("/"):
            parts = [f"{start}_Packages", f"{start}_Sources"]
        listed |= any(name.startswith(tuple(parts)) for name in lists.names) if parts else False
    return releases, listed or bool(releases)


def _list_name(uri: str, suite: str) -> str:
    """Return what the names of a source's lists begin with, as apt makes them of its address."""
    site = re.sub(r"^[\w.+-]+:(?://)?", "", uri)
    site = re.sub(r"^[^/@]*@", "", site).rstrip("/")
    if suite.endswith("/"):
        return _quoted("/".join(part for part in (site, suite.rstrip("/")) if part))
    return _quoted(f"{site}/dists/{suite}")


def _quoted(value: str) -> str:
    """Return `value` as apt spells it in a file's name."""
    return re.sub(r'[\\|{}\[\]<>"^~_=!@#$%&*]', lambda match: f"%{ord(match[0]):02x}", value).replace("/", "_")


def _signed(releases: Mapping[str, object], lists: Lists) -> bool:
    """Tell whether there is a signature with what was fetched."""
    return any(name.endswith("_InRelease") or f"{name}.gpg" in lists.names for name in releases)


def _trust(results: Results) -> Iterable[Repository]:
    result = results.get(TRUST.name)
    for line in whole_lines(result.stdout if result else b""):
        value = text(line)
        switch = _SWITCH.match(value)
        if switch:
            file, name, setting = f"/etc/apt/{switch[1]}", switch[2], switch[3]
            verifies = name.casefold().endswith("verify-peer")
            if is_true(setting) != verifies:
                yield Repository(
                    key=f"{file}: {name}",
                    manager="apt",
                    file=file,
                    name=name,
                    types=("setting",),
                    trusted=True,
                    options=f"{name} {setting}",
                )
        elif value[:1] not in {"!", ""}:
            file = f"/etc/apt/{value}"
            yield Repository(key=file, manager="apt", file=file, name=value.rpartition("/")[2], types=("key",))
