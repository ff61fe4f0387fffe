"""Kernel settings: what files set, by the rules of systemd-sysctl and sysctl --system, and what the kernel has now."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from driftscan.model.outcome import HostFile, Outcome, ProbeResult
from driftscan.model.text import text
from driftscan.scopes._common import PROC_WHOLE, whole_lines
from driftscan.scopes.base import Probe

FOLDERS = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d")
_LAST = "/etc/sysctl.conf"  # read by `sysctl --system`, after all others, but not by systemd
_UFW = "/etc/ufw/sysctl.conf"
FILES = Probe(
    "sysctl-files",
    f"""ds_dir {" ".join(FOLDERS)}
ds_file {_LAST} /etc/default/ufw
ds_real /etc/ufw/ufw.conf
grep -q '^ENABLED=yes' "$ds_p" 2>/dev/null && ds_file {_UFW}
:""",
)
# The profile that tuned applies, with those that it includes; what each of them sets is in lines FILE:LINE.
TUNED = Probe(
    "sysctl-tuned",
    """ds_real /etc/tuned/active_profile
[ -s "$ds_p" ] || ds_absent 'tuned applies no profile'
printf 'active:%s\\n' "$(cat "$ds_p")"
for d in /etc/tuned /etc/tuned/profiles /usr/lib/tuned /usr/lib/tuned/profiles; do
  ds_real "$d"
  for f in "$ds_p"/*/tuned.conf; do [ -f "$f" ] && grep -saE '^ *(\\[|include *=|[a-z0-9_]+[./][^ =]* *=)' "$f" | sed "s|^|${f#"$R"}:|"; done
done
:""",
)
# All of /proc/sys but binfmt_misc, which would be mounted by being looked at, and what holds keys and random numbers.
LIVE = Probe(
    "sysctl-live",
    PROC_WHOLE
    + r"""
cd /proc/sys 2>/dev/null || ds_absent 'no /proc/sys'
sed -n 's|^[^ ]* [^ ]* [^ ]* [^ ]* \(/proc/sys[^ ]*\) \(r[ow]\)[, ].*|\2:\1|p' /proc/self/mountinfo
set --
for f in * fs/*; do case $f in fs | fs/binfmt_misc | sunrpc) ;; *) set -- "$@" "$f" ;; esac; done
find "$@" -type f ! -perm -200 2>/dev/null | sed 's/^/fixed:/'
{ grep -rsa '' "$@"; sleep 0.1 2>/dev/null; printf 'again:\n'; grep -rsa '' "$@"; } | grep -av -e '^[^:]*_secret:' -e '^[^:]*_key:' -e '^kernel/random/' -e '^dev/cdrom/'
:""",
    live=True,
)


@dataclass(frozen=True, slots=True)
class Setting:
    """What a file sets: `path` is the key below /proc/sys, perhaps with wildcards; a tool's own setting has `tool`."""

    path: str
    value: str
    file: str


@dataclass(frozen=True, slots=True)
class Live:
    """What the kernel has: values by path, which parts of /proc/sys are mounted read-only, what nobody can set."""

    values: Mapping[str, str]
    mounts: Mapping[str, bool]  # mount point -> whether it can be written
    fixed: frozenset[str] = frozenset()

    def writable(self, path: str) -> bool | None:
        """Return whether the host could set a key at all; None where that is not known."""
        if path in self.fixed:
            return False
        above = f"/proc/sys/{path}"
        while above != "/proc":
            if above in self.mounts:
                return self.mounts[above]
            above = above.rpartition("/")[0]
        return True if self.values else None


def path_of(key: str) -> str:
    """Return the path below /proc/sys of a key in either spelling: the first separator says which one it is."""
    first = next((char for char in key if char in "./"), "/")
    return key if first == "/" else key.translate(_SWAP)


def key_of(path: str) -> str:
    """Return a path below /proc/sys as people spell it, with dots."""
    return path.translate(_SWAP)


_PATTERNS = 300  # wildcards; each is compared with every key
_SWAP = str.maketrans("./", "/.")


def plain(value: str) -> str:
    """Return a value with single blanks: the kernel shows tabs where files have blanks."""
    return " ".join(value.split())


def settings(results: Mapping[str, ProbeResult], *, systemd: bool) -> tuple[list[Setting], list[bytes], list[str]]:
    """Return what files set, in the order in which they are applied, lines not understood, and files never read."""
    files = list(results[FILES.name].files) if FILES.name in results else []
    strange: list[bytes] = []
    found: list[Setting] = list(_tuned(results))
    for file in _ordered(files):
        found += _settings(file, strange)
    by_path = {file.path: file for file in files if file.outcome is Outcome.OK}
    last, linked = by_path.get(_LAST.encode()), [file for file in _ordered(files) if file.data]
    unread = []
    if last is not None and all(file.data != last.data for file in linked):
        if not systemd:
            found += _settings(last, strange)
        elif list(_settings(last, [])):
            unread.append(_LAST)
    if _UFW.encode() in by_path:
        found += _settings(by_path[_UFW.encode()], strange)
    return found, strange, unread


def _ordered(files: Iterable[HostFile]) -> list[HostFile]:
    """Return the files that count, in the order of their names: of files with one name, that of the first folder."""
    chosen: dict[bytes, HostFile] = {}
    for file in files:  # in the order of FOLDERS
        folder, _, name = file.path.rpartition(b"/")
        if name.endswith(b".conf") and text(folder) in FOLDERS and file.outcome is not Outcome.DENIED:
            chosen.setdefault(name, file)
    return [chosen[name] for name in sorted(chosen) if chosen[name].outcome is Outcome.OK]


def _settings(file: HostFile, strange: list[bytes]) -> Iterator[Setting]:
    for line in map(bytes.strip, file.data.split(b"\n")):
        if not line or line[:1] in b"#;":
            continue
        name, equals, value = text(line).partition("=")
        name = name.strip()
        if name.startswith("-"):
            name = name[1:].strip()
            if name and not equals:
                yield Setting(path_of(name), "", text(file.path))  # left alone, whatever a wildcard says
                continue
        if not equals or not name or " " in name:
            strange.append(line)
            continue
        yield Setting(path_of(name), plain(value), text(file.path))


def effective(found: Iterable[Setting], live: Live) -> dict[str, Setting]:
    """Return the setting that counts for each key; a wildcard stands for itself, without those that are set by name.

    The keys of one interface that a wildcard covers come and go with the interface: they are no keys of the host.
    """
    counts: dict[str, Setting] = {}
    for setting in found:
        counts.pop(setting.path, None)
        counts[setting.path] = setting
    patterns = [path for path in counts if is_pattern(path)]
    for path in patterns[_PATTERNS:]:
        del counts[path]
    return {path: setting for path, setting in counts.items() if setting.value or path in live.values}


def is_pattern(path: str) -> bool:
    """Return whether a path holds wildcards."""
    return any(char in path for char in "*?[")


def value_now(path: str, known: Mapping[str, Setting], live: Live) -> str | None:
    """Return the value of a key now; of a wildcard the one that all have which only it sets, None if they differ."""
    if not is_pattern(path):
        return live.values.get(path)
    found = {value for one, value in live.values.items() if one not in known and fnmatchcase(one, path)}
    return found.pop() if len(found) == 1 else None


def parse_live(result: ProbeResult | None) -> Live:
    """Read what `LIVE` brought: values that were not the same in both readings change by themselves, and are left out."""
    mounts: dict[str, bool] = {}
    fixed: set[str] = set()
    readings: list[dict[str, list[str]]] = [{}]
    for line in whole_lines(result.stdout if result else b""):
        path, colon, value = text(line).partition(":")
        if not colon:
            continue
        if path in {"ro", "rw"}:
            mounts[value] = path == "rw"
        elif path == "fixed":
            fixed.add(value)
        elif path == "again":
            readings.append({})
        else:
            readings[-1].setdefault(path, []).append(value)
    first, last = readings[0], readings[-1]
    values = {path: plain("\n".join(lines)) for path, lines in first.items() if last.get(path, lines) == lines}
    return Live(values, mounts, frozenset(fixed))


def _tuned(results: Mapping[str, ProbeResult]) -> Iterator[Setting]:
    """Yield what the active profile of tuned sets, what it includes first."""
    profiles: dict[str, tuple[str, list[str]]] = {}
    active = ""
    for line in whole_lines(results[TUNED.name].stdout if TUNED.name in results else b""):
        file, _, body = text(line).partition(":")
        if file == "active":
            active = body
        elif file.count("/") > 2:
            name = file.split("/")[-2]
            if profiles.setdefault(name, (file, []))[0] == file:
                profiles[name][1].append(body.strip())
    yield from _profiles(active.split(), profiles)


def _profiles(names: Iterable[str], profiles: Mapping[str, tuple[str, list[str]]]) -> Iterator[Setting]:
    waiting = list(names)
    order: list[str] = []
    while waiting and len(order) < 50:
        name = waiting.pop()
        if name in profiles and name not in order:
            order.append(name)
            include = [line.partition("=")[2] for line in profiles[name][1] if line.startswith("include")]
            waiting += " ".join(include).replace(",", " ").split()
    for name in reversed(order):
        file, lines = profiles[name]
        section = ""
        for line in lines:
            if line.startswith("["):
                section = line
            elif section == "[sysctl]" and "=" in line:
                key, _, value = line.partition("=")
                yield Setting(path_of(key.strip()), plain(value), file)
