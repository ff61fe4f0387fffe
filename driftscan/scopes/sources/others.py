"""The sources of pacman and apk."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from driftscan.model.text import text
from driftscan.scopes._common import whole_lines
from driftscan.scopes.base import Probe, Results
from driftscan.scopes.sources.base import Distribution, Repository, sections, shown_files

PACMAN = Probe(
    "pacman-sources",
    r"""
ds_file /etc/pacman.conf
ds_real /etc/pacman.conf
[ -r "$ds_p" ] || exit 0
sed -n 's/^[[:space:]]*Include[[:space:]]*=[[:space:]]*\(\/.*[^[:space:]]\)[[:space:]]*$/\1/p' "$ds_p" | sort -u | head -n 50 |
  while IFS= read -r include; do
    IFS=
    for file in $R$include; do ds_file "${file#"$R"}"; done
  done
""",
)
APK = Probe(
    "apk-sources",
    r"""
ds_file /etc/apk/repositories
ds_real /etc/apk; apk=$ds_p
[ -d "$apk" ] || exit 0
ds_dir /etc/apk/repositories.d
for key in "$apk"/keys/*.pub; do
  if [ -f "$key" ]; then echo "${key##*/}"; fi
done
""",
)

PROBES = (PACMAN, APK)
_NESTED = 5  # files that include one another


def repositories(results: Results, ours: Distribution) -> Iterator[Repository]:
    """Yield the sources of pacman, then those of apk with the keys that they may be signed with."""
    yield from _pacman(results, ours)
    yield from _apk(results, ours)


@dataclass(slots=True)
class _Section:
    """One repository of pacman.conf as it is read."""

    servers: list[str] = field(default_factory=list)
    includes: list[str] = field(default_factory=list)
    level: list[str] = field(default_factory=list)


def _pacman(results: Results, ours: Distribution) -> Iterator[Repository]:
    files = shown_files(results, PACMAN.name)
    main = "/etc/pacman.conf"
    if main not in files:
        return
    found: dict[str, _Section] = {}
    _read(files, main, found, "", 0)
    preset = found.pop("options", _Section()).level
    found.pop("", None)
    for name, section in found.items():
        uris = [server.replace("$repo", name) for server in section.servers]
        yield Repository(
            key=f"{main}: {name}",
            manager="pacman",
            file=main,
            name=name,
            types=("server",),
            uris=uris,
            trusted=_level([*preset, *section.level]) != "Required",
            third_party=False if ours.serves(uris) else None,
            options=" ".join(
                [f"Include={path}" for path in section.includes]
                + ([f"SigLevel={' '.join(section.level)}"] if section.level else [])
            ),
        )


def _read(files: Mapping[str, bytes], path: str, found: dict[str, _Section], section: str, depth: int) -> None:
    """Read a file of pacman's; what it includes is read as if it stood there."""
    for name, settings in sections(files.get(path, b"")):
        section = name or section
        here = found.setdefault(section, _Section())
        for key, value in settings:
            if key == "Server":
                here.servers.append(value)
            elif key == "SigLevel":
                here.level += value.split()
            elif key == "Include" and depth < _NESTED and value != path:
                here.includes.append(value)
                for other in sorted(files):
                    if fnmatchcase(other, value):
                        _read(files, other, found, section, depth + 1)


def _level(words: list[str]) -> str:
    """Return what pacman asks of a package's signature: the last word counts, and without any it is optional."""
    found = "Optional"
    for word in words:
        plain = word.removeprefix("Package")
        if plain in {"Never", "Optional", "Required"}:
            found = plain
    return found


def _apk(results: Results, ours: Distribution) -> Iterator[Repository]:
    for path, data in sorted(shown_files(results, APK.name).items()):
        for line in text(data).split("\n"):
            match = re.match(r"(?:@(\S+)\s+)?([^#\s]\S*)", line.strip())
            if match:
                tag, uri = match[1] or "", match[2]
                yield Repository(
                    key=f"{path}: {uri}",
                    manager="apk",
                    file=path,
                    name=tag or uri.rstrip("/").rpartition("/")[2],
                    types=("apk",),
                    uris=(uri,),
                    third_party=False if ours.serves((uri,)) else None,
                    options=f"only for what is asked for as NAME@{tag}" if tag else "",
                )
    result = results.get(APK.name)
    for name in map(text, whole_lines(result.stdout if result else b"")):
        file = f"/etc/apk/keys/{name}"
        yield Repository(key=file, manager="apk", file=file, name=name, types=("key",))
