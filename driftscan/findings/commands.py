"""Reading command lines of units and crontabs: which programs and files they need, as far as that is certain."""

import re
import shlex
from collections.abc import Iterator, Sequence

from driftscan.explain._programs import PATH, basename, is_interpreter, real, script_word
from driftscan.explain.view import View
from driftscan.model.text import raw

_GUARD = re.compile(
    r"(?:^|[\s;&|({!])(?:test|\[\[?|command\s+-v|which|type|hash)\s|\|\|\s*(?:true|:|exit\b)|2>\s*/dev/null"
)
_UNCERTAIN = re.compile(r"[$`*?\[\]{}~<>%\\]")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_ENDS = frozenset({";", "&", "|", "&&", "||", "(", ")", ";;", "|&", ";&"})
_KEYWORDS = frozenset({"if", "then", "else", "elif", "do", "while", "until", "!", "{", "time", "exec", "command"})
# Words before a command, and how many words of their own follow them beside options.
_WRAPPERS = {
    "nice": 0, "ionice": 0, "nohup": 0, "setsid": 0, "chronic": 0, "env": 0, "timeout": 1, "flock": 1, "sudo": 0,
    "cronic": 0, "stdbuf": 0, "chrt": 1, "taskset": 1, "softlimit": 0, "systemd-cat": 0,
}  # fmt: skip
_VALUED = {"nice": "n", "ionice": "cnp", "timeout": "ks", "flock": "wE", "sudo": "ugCpr", "env": "uS", "stdbuf": "ioe"}
_BUILTINS = frozenset(
    {
        ".", ":", "[", "alias", "break", "case", "cd", "continue", "declare", "done", "echo", "esac", "eval", "exit",
        "export", "false", "fi", "for", "function", "getopts", "in", "kill", "let", "local", "printf", "pwd", "read",
        "readonly", "return", "select", "set", "shift", "source", "test", "times", "trap", "true", "type", "typeset",
        "ulimit", "umask", "unalias", "unset", "wait", "}",
    }
)  # fmt: skip


def missing(view: View, command: str, path: Sequence[bytes] = PATH) -> list[str]:
    """Return the programs and scripts of a shell command that are not there; what is guarded or uncertain is none."""
    if _GUARD.search(command):
        return []
    found = []
    for words in simple_commands(command):
        program = _program(words)
        if not program:
            continue
        name = program[0]
        if not _there(view, name, path):
            found.append(name)
        elif (file := _script(program)) is not None and not exists(view, file):
            found.append(file)
    return found


def _script(program: Sequence[str]) -> str | None:
    """Return the file that an interpreter is given, if it is named plainly."""
    file = script_word(program[1:]) if is_interpreter(program[0]) else None
    return file if file is not None and file.startswith("/") and not _UNCERTAIN.search(file) else None


def simple_commands(command: str) -> Iterator[list[str]]:
    """Yield the words of each simple command of a line of shell; nothing where quotes are not closed."""
    plain = re.sub(r"\d*[<>]+&\s*[\d-]+", " ", _without_substitutions(command)).replace("&>", ">")
    lexer = shlex.shlex(plain, posix=True, punctuation_chars=";&|()")
    lexer.commenters = "#"
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:
        return
    now: list[str] = []
    for word in words:
        if word in _ENDS or (word and not word.strip(";&|()")):
            yield now
            now = []
        else:
            now.append(word)
    yield now


def _without_substitutions(command: str) -> str:
    """Return a line of shell with `$` for each `$(…)` and each pair of backticks: what they print is not known."""
    out: list[str] = []
    depth = at = 0
    ticked = False
    while at < len(command):
        if command.startswith("$(", at):
            depth, at = depth + 1, at + 2
            out += "$" if depth == 1 else ""
            continue
        char = command[at]
        if char == "`" and not depth:
            ticked = not ticked
            out += "$" if ticked else ""
        elif depth and char in "()":
            depth += 1 if char == "(" else -1
        elif not depth and not ticked:
            out += char
        at += 1
    return "".join(out)


def exists(view: View, path: str) -> bool:
    """Return whether a path is there, or may be: what lies on what was not walked is not known to be missing."""
    there = real(view, raw(path))
    if view.directories.entry(there) is not None or there in {b"", b"/"}:
        return True
    unknown = [b"/proc", b"/sys", b"/dev", b"/run", b"/tmp"]
    unknown += [place for place, more in view.more.items() if "not_walked" in more]
    return any(there == top or there.startswith(top + b"/") for top in unknown)


def _there(view: View, name: str, path: Sequence[bytes]) -> bool:
    if _UNCERTAIN.search(name) or name in _BUILTINS:
        return True
    if name.startswith("/"):
        return exists(view, name)
    if "/" in name or not name:
        return True  # relative to a directory that is not known
    return any(view.directories.entry(real(view, folder + b"/" + raw(name))) for folder in path)


def _program(words: list[str]) -> list[str]:
    """Return a simple command from its program on: without assignments, keywords and wrappers."""
    at = 0
    while at < len(words):
        word = words[at]
        if _ASSIGNMENT.fullmatch(word) or word in _KEYWORDS:
            at += 1
        elif re.match(r"\d*[<>]", word):
            at += 1 if re.fullmatch(r"\d*[<>]+\S+", word) else 2
        elif basename(word) in _WRAPPERS:
            at = _behind(words, at)
        else:
            return words[at:]
    return []


def _behind(words: list[str], at: int) -> int:
    """Return where the command behind a wrapper begins."""
    name = basename(words[at])
    at += 1
    while at < len(words) and words[at].startswith("-"):
        flag = words[at]
        at += 2 if len(flag) == 2 and flag[1] in _VALUED.get(name, "") else 1
    return at + _WRAPPERS[name]
