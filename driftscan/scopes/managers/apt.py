"""What apt knows beside dpkg: which packages were asked for, which repository offers which version, which are pinned.

apt itself is never run: apt-cache writes its caches. The lists are filtered on the host, for they hold 50 MB and more.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from driftscan.model.outcome import Outcome
from driftscan.model.text import text
from driftscan.scopes._common import whole_lines
from driftscan.scopes.base import Probe, Results
from driftscan.scopes.managers.base import Patterns, stdout

STATES = Probe("apt-states", "ds_file /var/lib/apt/extended_states")
PREFERENCES = Probe("apt-preferences", "ds_file /etc/apt/preferences\nds_dir /etc/apt/preferences.d")

# "=FILE" and the head of each Release file; ">FILE", "PACKAGE VERSION" for the packages that dpkg knows, "<" when the
# list was read to its end. The lists of a file: repository are links to wherever it is.
OFFERS = Probe(
    "apt-offers",
    r"""
ds_real /var/lib/dpkg/status; status=$ds_p
ds_real /var/lib/apt/lists; lists=$ds_p
[ -f "$status" ] || ds_absent "no database of dpkg"
if [ ! -d "$lists" ]; then ds_gone "$lists" && ds_absent "no package lists of apt"; ds_denied "$lists"; fi
cd "$lists" && [ -r . ] || ds_denied "$lists"
for list in *Release; do
  [ -f "$list" ] || continue
  echo "=$list"
  sed -n -e '/^MD5Sum:/q' -e '/^SHA[0-9]*:/q' -e '/^Origin: /p' -e '/^Label: /p' "$list"
done
show() {
  case $1 in
    *.gz) gzip -dc ;; *.xz) xz -dc ;; *.bz2) bzip2 -dc ;; *.zst) zstd -dc ;;
    *.lz4) if command -v lz4 >/dev/null 2>&1; then lz4 -dc; else [ -z "$R" ] && /usr/lib/apt/apt-helper cat-file "$lists/$1"; fi ;;
    *) cat ;;
  esac
}
for list in *_Packages *_Packages.gz *_Packages.xz *_Packages.bz2 *_Packages.zst *_Packages.lz4; do
  [ -f "$list" ] || [ -L "$list" ] || continue
  ds_real "/var/lib/apt/lists/$list"
  echo ">$list"
  [ -r "$ds_p" ] && [ -f "$ds_p" ] || continue
  { show "$list" <"$ds_p" && echo "X-Whole: yes"; } | grep -E '^(Package|Version|X-Whole): ' | awk '
    NR == FNR { if (/^Package: /) want[substr($0, 10)] = 1; next }
    /^Package: / { name = substr($0, 10); wanted = name in want; next }
    wanted && /^Version: / { print name, substr($0, 10); next }
    /^X-Whole: yes/ { whole = 1 }
    END { if (whole) print "<" }' "$status" -
done
""",
    timeout=120,
)

PROBES = (STATES, PREFERENCES, OFFERS)


@dataclass(slots=True)
class Offers:
    """What the configured repositories offer: (package, version) -> repositories; `known` when all lists were read."""

    known: bool = False
    repositories: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    versions: dict[str, list[str]] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)  # repository -> who publishes it

    def add(self, package: str, version: str, repository: str) -> None:
        """Note that `repository` offers `version` of `package`."""
        self.repositories.setdefault((package, version), []).append(repository)
        self.versions.setdefault(package, []).append(f"{version} {repository}")

    def offered(self, package: str, version: str) -> bool | None:
        """Return whether this very version is offered; None when a list could not be read or there is none."""
        return True if (package, version) in self.repositories else (False if self.known else None)

    def origin(self, package: str, version: str) -> str | None:
        """Return who publishes this very version; None when no list says."""
        found = self.repositories.get((package, version))
        return self.origins[found[0]] if found else None


def automatic(results: Results, native: str) -> set[tuple[str, str]] | None:
    """Return the (package, architecture) pairs that apt holds for automatically installed; None if it can't be read."""
    result = results.get(STATES.name)
    if result is None or not result.files or not result.files[0].outcome.seen:
        return None
    found = set()
    for stanza in stanzas(result.files[0].data):
        if stanza.get("Auto-Installed") == "1":
            found.add((stanza.get("Package", ""), stanza.get("Architecture", native)))
    return found


def offers(results: Results) -> Offers:
    """Return what the lists offer of the packages that dpkg knows."""
    found = Offers()
    publishers: dict[str, str] = {}
    release = repository = ""
    lists = whole = 0
    for line in whole_lines(stdout(results, OFFERS.name)):
        value = text(line)
        if value.startswith("="):
            release = re.sub(r"_?(?:In)?Release$", "", value[1:])
        elif value.startswith(("Origin: ", "Label: ")):
            publishers.setdefault(release, value.partition(": ")[2])
        elif value.startswith(">"):
            lists += 1
            repository, publisher = _repository(value[1:], publishers)
            found.origins.setdefault(repository, publisher)
        elif value == "<":
            whole += 1
        elif repository and value.count(" ") == 1:
            package, _, version = value.partition(" ")
            found.add(package, version, repository)
    result = results.get(OFFERS.name)
    found.known = result is not None and result.outcome is Outcome.OK and 0 < lists == whole
    return found


def _repository(name: str, publishers: Mapping[str, str]) -> tuple[str, str]:
    """Return the repository of a list as `SITE SUITE COMPONENT`, and who publishes it, by the list's file name."""
    base = re.sub(r"(?:_binary-[^_]*)?_Packages(?:\.\w+)?$", "", name)
    releases = [release for release in publishers if base == release or base.startswith(release + "_")]
    release = max(releases, key=len, default="")
    site, dists, suite = (release or base).partition("_dists_")
    component = base[len(release) + 1 :] if release else ""
    words = [_path(site), _path(suite) if dists else "./", _path(component)]
    if not dists:
        words[0] = words[0].removesuffix("/.")
    return " ".join(word for word in words if word), publishers.get(release) or words[0]


def _path(name: str) -> str:
    """Return what apt made a file name of: it writes / as _ and _ itself as %5f."""
    return unquote(name.replace("_", "/"))


@dataclass(slots=True)
class Pins:
    """The stanzas of apt's preferences that name packages, and notes on those that were not resolved."""

    names: Patterns = field(default_factory=Patterns)
    sources: Patterns = field(default_factory=Patterns)
    notes: list[str] = field(default_factory=list)

    def of(self, name: str, source: str) -> str:
        """Return the words of the pins that name this package, "" when none does."""
        return "; ".join(self.names.of(name) + self.sources.of(source))

    def add(self, pattern: str, words: str, path: str) -> None:
        """Keep the pin `words` for the packages that `pattern` names."""
        if pattern.startswith("/"):
            self.notes.append(f"{path} pins packages by a regular expression, which is not resolved")
        elif pattern.startswith("src:"):
            self.sources.add(pattern[4:], words)
        elif pattern != "*":
            self.names.add(pattern, words)


def pins(results: Results) -> Pins:
    """Return the pins that name packages."""
    found = Pins()
    result = results.get(PREFERENCES.name)
    for file in result.files if result else ():
        path = text(file.path)
        if file.outcome is not Outcome.OK or not _is_read(path):
            continue
        for stanza in stanzas(file.data):
            words = f"{stanza.get('Pin', '')} priority {stanza.get('Pin-Priority', '?')} ({path})"
            for pattern in stanza.get("Package", "").split():
                found.add(pattern, words, path)
    if not (found.names.complete and found.sources.complete):
        found.notes.append("apt's preferences hold more pins than are resolved")
    found.notes = sorted(set(found.notes))
    return found


def _is_read(path: str) -> bool:
    """Tell whether apt reads this file: in preferences.d only names without an extension, or with .pref."""
    name = path.rpartition("/")[2]
    return not path.startswith("/etc/apt/preferences.d/") or "." not in name or name.endswith(".pref")


def stanzas(data: bytes) -> Sequence[dict[str, str]]:
    """Return the stanzas of a Debian control file; comments are left out, a field's further lines joined by newlines."""
    found: list[dict[str, str]] = []
    for block in re.split(rb"\n[ \t]*\n", data):
        fields: dict[str, list[str]] = {}  # the lines of each
        last: list[str] | None = None
        for line in text(block).split("\n"):
            if line.startswith((" ", "\t")):
                if last is not None:
                    last.append(line.strip())
            elif not line.startswith("#"):
                name, colon, value = line.partition(":")
                last = [value.strip()] if colon else None
                if last is not None:
                    fields[name] = last
        if fields:
            found.append({name: "\n".join(lines) for name, lines in fields.items()})
    return found
