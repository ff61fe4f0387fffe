"""What yum, dnf and zypper know beside rpm: which packages were asked for, from where they came, which are held."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from driftscan.model.text import text
from driftscan.scopes._common import whole_lines
from driftscan.scopes._shell import SQLITE
from driftscan.scopes.base import Probe, Results
from driftscan.scopes.managers.base import Patterns, stdout

_QUERY = (
    "SELECT rpm.name, rpm.arch, rpm.epoch, rpm.version, rpm.release, trans_item.reason, repo.repoid FROM trans_item"
    " JOIN rpm ON rpm.item_id = trans_item.item_id LEFT JOIN repo ON repo.id = trans_item.repo_id"
    " ORDER BY trans_item.id"
)

# dnf 4 keeps a database in SQLite.
_HISTORY = Probe(
    "dnf-history",
    SQLITE
    + r"""
ds_real /var/lib/dnf/history.sqlite; db=$ds_p
if [ ! -e "$db" ]; then ds_gone "$db" && ds_absent "no history of dnf 4"; ds_denied "$db"; fi
"""
    + f'sqlite "$db" {_QUERY!r}',
)

# yum keeps one small file per package and fact: DIRECTORY/reason, DIRECTORY/from_repo.
_YUMDB = Probe(
    "yum-database",
    r"""
ds_real /var/lib/yum/yumdb; db=$ds_p
if [ ! -d "$db" ]; then ds_gone "$db" && ds_absent "no database of yum"; ds_denied "$db"; fi
ds_need grep
cd "$db" && find . \( -name reason -o -name from_repo \) -type f -exec grep '' /dev/null {} +
""",
)
_STATE = Probe(
    "dnf-state",
    "ds_file /usr/lib/sysimage/libdnf5/packages.toml /usr/lib/sysimage/libdnf5/nevras.toml /var/lib/zypp/AutoInstalled",
)
_LOCKS = Probe(
    "rpm-locks",
    "ds_file /etc/dnf/plugins/versionlock.list /etc/yum/pluginconf.d/versionlock.list /etc/dnf/versionlock.toml"
    " /etc/zypp/locks",
)
# Only the exclusions: a proxy's password may stand beside them.
_EXCLUDES = Probe(
    "dnf-excludes",
    r"""
for file in /etc/dnf/dnf.conf /etc/yum.conf; do
  ds_real "$file"
  if [ -e "$ds_p" ]; then
    awk '/^[ \t]+[^ \t]/ { if (on) print; next } { on = 0 } /^exclude(pkgs)?[ \t]*=/ { on = 1; sub(/^[^=]*=/, " "); print }' "$ds_p" || exit 1
  else
    ds_gone "$ds_p" || ds_denied "$file"
  fi
done
""",
)

PROBES = (_HISTORY, _YUMDB, _STATE, _LOCKS, _EXCLUDES)

_HISTORY_REASONS = {"1": "automatic", "2": "manual", "4": "automatic", "5": "manual"}  # 5: came with a group
_REASONS = {
    "dep": "automatic",
    "dependency": "automatic",
    "weak dependency": "automatic",
    "user": "manual",
    "group": "manual",
}


@dataclass(slots=True)
class Known:
    """What the tools above rpm know; names are rpm's own."""

    reasons: dict[tuple[str, str], str] = field(default_factory=dict)  # (name, architecture)
    origins: dict[str, str] = field(default_factory=dict)  # name-[epoch:]version-release.architecture
    automatic: set[str] | None = None  # zypper's list of names
    locks: Patterns = field(default_factory=Patterns)
    locks_seen: bool = True

    def reason(self, name: str, architecture: str) -> str | None:
        """Return manual or automatic; None when no tool has noted it."""
        if self.automatic is not None:
            return "automatic" if name in self.automatic else "manual"
        return self.reasons.get((name, architecture))

    def origin(self, name: str, version: str, architecture: str) -> str | None:
        """Return the id of the repository that this version was installed from; None when no tool has noted it."""
        return self.origins.get(f"{name}-{version}.{architecture}")

    def held(self, name: str, epoch: str, version: str, architecture: str) -> bool | None:
        """Return whether a lock or an exclusion names this package; None when those could not be read."""
        full = f"{version}.{architecture}"
        spelled = (name, f"{name}.{architecture}", f"{name}-{full}", f"{name}-{version}")
        with_epoch = (f"{name}-{epoch or 0}:{full}", f"{epoch or 0}:{name}-{full}")
        if self.locks.of(*spelled, *with_epoch):
            return True
        return False if self.locks_seen and self.locks.complete else None


def known(results: Results) -> Known:
    """Return what yum, dnf and zypper know."""
    found = Known()
    _read_yumdb(stdout(results, _YUMDB.name), found)
    _read_history(stdout(results, _HISTORY.name), found)
    state = results.get(_STATE.name)
    for file in state.files if state else ():
        if file.path.endswith(b".toml"):
            _read_state(text(file.data), found)
        elif file.data:
            found.automatic = {line.strip() for line in text(file.data).split("\n") if line[:1] not in {"", "#"}}
    locks = results.get(_LOCKS.name)
    for file in locks.files if locks else ():
        for lock in _locks(text(file.path), text(file.data)):
            found.locks.add(lock, lock)
        found.locks_seen &= file.outcome.seen
    for line in whole_lines(stdout(results, _EXCLUDES.name)):
        for lock in re.split(r"[\s,]+", text(line).strip()):
            found.locks.add(lock, lock)
    excludes = results.get(_EXCLUDES.name)
    found.locks_seen &= excludes is not None and excludes.outcome.seen
    return found


def _read_yumdb(data: bytes, found: Known) -> None:
    for line in whole_lines(data):
        match = re.fullmatch(r"\./.*/[0-9a-f]{40}-(.+)-([^-]+-[^-]+)-([^-]+)/(reason|from_repo):(.*)", text(line))
        if not match:
            continue
        name, version, architecture, fact, value = match.groups()
        if fact == "reason" and value in _REASONS:
            found.reasons[name, architecture] = _REASONS[value]
        elif fact == "from_repo":
            found.origins[f"{name}-{version}.{architecture}"] = value


def _read_history(data: bytes, found: Known) -> None:
    for line in whole_lines(data):
        fields = text(line).split("\t")
        if len(fields) != 7:
            continue
        name, architecture, epoch, version, release, reason, repository = fields
        if reason in _HISTORY_REASONS:
            found.reasons[name, architecture] = _HISTORY_REASONS[reason]
        if repository not in {"", "None"} and not repository.startswith("@"):
            prefix = "" if epoch in {"", "0"} else f"{epoch}:"
            found.origins[f"{name}-{prefix}{version}-{release}.{architecture}"] = repository


def _read_state(data: str, found: Known) -> None:
    """Read dnf 5's lines `"NAME.ARCH" = {reason="User"}` and `"NEVRA" = {from_repo="ID"}`."""
    for name, fact, value in re.findall(
        r'^"?([^"\s=]+)"?\s*=\s*\{\s*(reason|from_repo)\s*=\s*"([^"\n]*)"', data, re.MULTILINE
    ):
        if fact == "from_repo" and value:
            found.origins[name.replace("-0:", "-")] = value
        elif fact == "reason" and value.lower() in _REASONS:
            package, _, architecture = name.rpartition(".")
            found.reasons[package, architecture] = _REASONS[value.lower()]


def _locks(path: str, data: str) -> Iterable[str]:
    """Return the shell patterns that a lock file holds the packages by."""
    if path.endswith(".toml"):
        return re.findall(r'^[^\S\n]*name\s*=\s*"([^"\n]+)"', data, re.MULTILINE)
    if path.endswith("/locks"):
        return re.findall(r"^solvable_name:\s*(\S+)", data, re.MULTILINE)
    lines = (line.strip() for line in data.split("\n"))
    return [line for line in lines if line and line[0] not in "#!"]  # "!" shuts one version out, and holds nothing
