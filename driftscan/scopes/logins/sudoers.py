"""A parser of sudoers files: which rules and defaults are in force, which files sudo passes over, and why."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

_KINDS = {"User": "user", "Runas": "runas", "Host": "host", "Cmnd": "command", "Cmd": "command"}
_TAGS = "|".join(
    f"(?:NO)?{tag}" for tag in ("EXEC", "FOLLOW", "LOG_INPUT", "LOG_OUTPUT", "MAIL", "INTERCEPT", "PASSWD", "SETENV")
)
_OPTIONS = "ROLE|TYPE|PRIVS|LIMITPRIVS|APPARMOR_PROFILE|NOTBEFORE|NOTAFTER|TIMEOUT|CWD|CHROOT"

_WORD = r'(?:"[^"\n]*"|\\.|[^\s,:="\\()])+'
_LIST = rf"{_WORD}(?:\s*,\s*{_WORD})*"
_DIGEST = r"sha(?:224|256|384|512)\s*:\s*[^\s,]+"

# Each begins where the one before it ended; no two alternatives begin with the same character, so none backtracks far.
_USERS = re.compile(rf"\s*({_LIST})(?=\s)")
_HOSTS = re.compile(rf"\s*({_LIST})\s*=")
_RUNAS = re.compile(r"\s*\(([^()]*)\)")
_OPTION = re.compile(rf'\s*((?:{_OPTIONS})\s*=\s*(?:"[^"]*"|[^\s,"]+))')
_TAG = re.compile(rf"\s*({_TAGS})\s*:")
_TEXT = r'(?:"[^"]*"|\\.|[^,:="\\]|(?<=\S)=)*'
_COMMAND = re.compile(rf'\s*((?:{_DIGEST}(?:\s*,\s*{_DIGEST})*\s+)?!*\s*(?:{_DIGEST}\s+)?[A-Za-z/^"\\]{_TEXT})')
_VALUE = re.compile(rf"\s*((?:{_DIGEST}(?:\s*,\s*{_DIGEST})*\s+)?[^\s,:=]{_TEXT})")
_ALIAS_LINE = re.compile(r"(User|Runas|Host|Cmnd|Cmd)_Alias\s+")
_ALIAS = re.compile(r"\s*([A-Z][A-Z0-9_]*)\s*=\s*")
_DEFAULTS = re.compile(rf"Defaults(?:([@:!>])\s*({_LIST}))?(?:\s+|$)")
_SETTING = re.compile(r'\s*((?:"[^"]*"|\\.|[^,"\\])+)')
_INCLUDE = re.compile(r'\s*[#@]include(dir)?\s+(?:"([^"]+)"|((?:\\.|[^\s\\])+))\s*$')

_MOST = 1000  # what an alias may grow to when the aliases in it are written out


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may run which commands where, as whom; only `head`, the rule up to its commands, and `written` have aliases."""

    file: str
    head: str
    written: Sequence[str]
    who: Sequence[str]
    hosts: Sequence[str]
    runas: str
    tags: Sequence[str]
    commands: Sequence[str]


@dataclass(frozen=True, slots=True)
class Default:
    """One setting; `scope` is what it is limited to (`:alice`, `@host`, `!command`, `>runas`), "" for all."""

    file: str
    scope: str
    setting: str


@dataclass(frozen=True, slots=True)
class Passed:
    """A file of a sudoers directory; `why` says why sudo does not read it, "" when it does, None: not known."""

    file: str
    why: str | None


@dataclass(slots=True)
class Sudoers:
    """All that the files say; `strange` are `FILE:LINE` of what was not understood."""

    rules: list[Rule] = field(default_factory=list)
    defaults: list[Default] = field(default_factory=list)
    files: list[Passed] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Aliases:
    known: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def expand(self, kind: str, words: Sequence[str]) -> list[str]:
        """Return `words` with the aliases of `kind` written out; one that grows beyond bounds stays as it is."""
        out: list[str] = []
        for word in words:
            members = list(self._members(kind, word, frozenset()))
            out += members if 0 < len(members) < _MOST else [word]
        return out

    def _members(self, kind: str, word: str, above: frozenset[str]) -> Iterator[str]:
        bare = word.lstrip("!").strip()
        sign = "!" if (len(word) - len(word.lstrip("!"))) % 2 else ""
        values = self.known.get((kind, bare))
        if values is None or bare in above or len(above) > 8:
            yield word
            return
        count = 0
        for value in values:
            for member in self._members(kind, value, above | {bare}):
                count += 1
                if count > _MOST:
                    return
                yield sign + member if not (sign and member.startswith("!")) else member[1:]


def parse(files: Mapping[str, str], start: str, hostname: str) -> Sudoers:
    """Return what sudo makes of `files` (path -> content), beginning at `start`; `hostname` stands for %h."""
    reader = _Reader(files, hostname)
    reader.follow(start)
    found = Sudoers(files=reader.passed)
    aliases = _Aliases()
    statements = []
    for file, at, line in reader.lines:
        if match := _ALIAS_LINE.match(line):
            understood = _alias(_KINDS[match[1]], line[match.end() :], aliases)
            found.strange += [] if understood else [f"{file}:{at}"]
        else:
            statements.append((file, at, line))
    for file, at, line in statements:
        if not (_default(file, line, found) if line.startswith("Defaults") else _rule(file, line, aliases, found)):
            found.strange.append(f"{file}:{at}")
    found.files += [Passed(path, "") for path in reader.read]
    told = {passed.file for passed in found.files}
    unnamed = "no @include or @includedir names it" if start in files else None  # which it may, where it was not read
    found.files += [Passed(path, unnamed) for path in sorted(set(files) - told)]
    return found


@dataclass(slots=True)
class _Reader:
    """Gathers the lines of sudoers files in the order in which sudo reads them."""

    files: Mapping[str, str]
    hostname: str
    lines: list[tuple[str, int, str]] = field(default_factory=list)  # file, line number, line
    read: dict[str, None] = field(default_factory=dict)
    passed: list[Passed] = field(default_factory=list)

    def follow(self, path: str, depth: int = 0) -> None:
        """Read `path` and what it includes, unless it was read before; sudo too gives up when that goes deep."""
        if path not in self.files or path in self.read or depth > 100:
            return
        self.read[path] = None
        for at, line in _logical_lines(self.files[path]):
            match = _INCLUDE.match(line)
            if match is None:
                self.lines.append((path, at, line))
                continue
            target = (match[2] or re.sub(r"\\(.)", r"\1", match[3])).replace("%h", self.hostname.partition(".")[0])
            if not target.startswith("/"):
                target = f"{path.rpartition('/')[0]}/{target}"
            if match[1]:
                self._follow_folder(target.rstrip("/"), depth)
            else:
                self.follow(target, depth + 1)

    def _follow_folder(self, folder: str, depth: int) -> None:
        for path in sorted(path for path in self.files if path.rpartition("/")[0] == folder):
            if why := _passed_over(path.rpartition("/")[2]):
                self.passed.append(Passed(path, why))
            else:
                self.follow(path, depth + 1)


def _passed_over(name: str) -> str:
    if name.endswith("~"):
        return "sudo ignores names that end in ~"
    return "sudo ignores names with a dot" if "." in name else ""


def _logical_lines(content: str) -> Iterator[tuple[int, str]]:
    """Return (line number, line) with continued lines joined, and without comments and empty lines."""
    joined, start = "", 0
    for at, line in enumerate(content.split("\n"), 1):
        start = start or at
        if line.endswith("\\") and not line.endswith("\\\\"):
            joined += line[:-1]
            continue
        whole = (joined + line).strip()
        if not re.match(r"#include(dir)?\s", whole):
            whole = _uncommented(whole)
        if whole:
            yield start, whole
        joined, start = "", 0


def _uncommented(line: str) -> str:
    """Return `line` up to its comment; a # before digits is a uid, one in quotes or after a backslash is itself."""
    for match in re.finditer(r'"[^"]*"|\\.|#', line):
        if match[0] == "#":
            before, after = line[: match.start()], line[match.end() :]
            if not (after[:1].isdigit() and re.search(r"(?:^|[\s,(:%!=>@])$", before)):
                return before.rstrip()
    return line


def _split(words: str) -> list[str]:
    return [word.strip() for word in re.findall(_WORD, words)]


def _skip(line: str, at: int) -> int:
    while line[at : at + 1].isspace():
        at += 1
    return at


def _alias(kind: str, line: str, aliases: _Aliases) -> bool:
    """Take `NAME = VALUE, … : NAME = VALUE, …`; False when it is not that."""
    at = 0
    while match := _ALIAS.match(line, at):
        values = []
        at = match.end()
        while value := _VALUE.match(line, at):
            values.append(" ".join(value[1].split()))
            at = _skip(line, value.end())
            if line[at : at + 1] != ",":
                break
            at += 1
        aliases.known.setdefault((kind, match[1]), values)
        if line[at : at + 1] != ":":
            break
        at += 1
    return at == len(line) and at > 0


def _default(file: str, line: str, found: Sudoers) -> bool:
    """Take `Defaults[SCOPE] SETTING, …`; False when it is not that."""
    match = _DEFAULTS.match(line)
    if not match:
        return False
    scope = f"{match[1]}{','.join(_split(match[2]))}" if match[1] else ""
    settings = [" ".join(setting[1].split()) for setting in _SETTING.finditer(line, match.end())]
    found.defaults += [Default(file, scope, setting) for setting in settings if setting]
    return bool(settings)


@dataclass(slots=True)
class _Group:
    """Commands in a row that are run as the same user under the same tags."""

    hosts: list[str]
    runas: str = ""
    tags: tuple[str, ...] = ()
    commands: list[str] = field(default_factory=list)


def _rule(file: str, line: str, aliases: _Aliases, found: Sudoers) -> bool:
    """Take `USERS HOSTS = [(RUNAS)] [OPTIONS] [TAGS:] COMMAND, …[: HOSTS = …]`; False when it is not that."""
    users = _USERS.match(line)
    if not users:
        return False
    who = _split(users[1])
    groups, at = _groups(line, users.end())
    for group in groups:
        written = f"({group.runas}) " if group.runas else ""
        tags = "".join(f"{tag} " if "=" in tag else f"{tag}: " for tag in group.tags)
        found.rules.append(
            Rule(
                file=file,
                head=f"{', '.join(who)} {', '.join(group.hosts)}={written}{tags}",
                written=group.commands,
                who=aliases.expand("user", who),
                hosts=aliases.expand("host", group.hosts),
                runas=_runas(group.runas, aliases),
                tags=list(group.tags),
                commands=aliases.expand("command", group.commands),
            )
        )
    return bool(groups) and at == len(line)


def _groups(line: str, at: int) -> tuple[list[_Group], int]:
    """Return the groups of commands from `at` on, and where the first thing stands that was not understood."""
    groups: list[_Group] = []
    while hosts := _HOSTS.match(line, at):
        at = hosts.end() - 1
        group = _Group(_split(hosts[1]))
        while line[at : at + 1] in {"=", ","}:
            runas, tags, begin = _prefix(line, at + 1, group)
            command = _COMMAND.match(line, begin)
            if not command:
                return groups, at
            if not groups or groups[-1] is not group or (runas, tags) != (group.runas, group.tags):
                group = _Group(group.hosts, runas, tags)
                groups.append(group)
            group.commands.append(" ".join(command[1].split()))
            at = _skip(line, command.end())
        if line[at : at + 1] != ":":
            break
        at += 1
    return groups, at


def _prefix(line: str, at: int, before: _Group) -> tuple[str, tuple[str, ...], int]:
    """Return runas and tags of the command at `at`, which it takes over from the one before it, and where it starts."""
    runas, tags = before.runas, before.tags
    if match := _RUNAS.match(line, at):
        runas, at = ":".join(", ".join(_split(part)) for part in match[1].split(":")), match.end()
    while match := _OPTION.match(line, at) or _TAG.match(line, at):
        name = match[1].partition("=")[0].strip()
        contrary = name[2:] if name.startswith("NO") and name not in {"NOTBEFORE", "NOTAFTER"} else f"NO{name}"
        tags = (*(tag for tag in tags if tag.partition("=")[0] not in {name, contrary}), match[1].replace(" ", ""))
        at = match.end()
    return runas, tags, at


def _runas(written: str, aliases: _Aliases) -> str:
    """Return `USERS:GROUPS` with aliases written out; root when nothing is written."""
    if not written:
        return "root"
    parts = (", ".join(aliases.expand("runas", _split(part))) for part in written.split(":"))
    return ":".join(parts)
