"""The script that a container starts with: it puts secrets in place, sets what ENV cannot say, and runs the service."""

from collections.abc import Mapping, Sequence

from driftscan.emit._dockerfile_context import part_name, parts
from driftscan.emit._dockerfile_words import is_quotable, is_text, is_variable, pieces, secrets_in, shell
from driftscan.model.text import raw
from driftscan.role.model import Function
from driftscan.role.resources import Content, File, Resource, Variable

HOME = "/driftscan"
_HEAD = b"""#!/bin/sh
# Written by driftscan: puts the secrets in place, then runs the service in place of itself.
# What stands between single quotes is meant as it is.
# shellcheck disable=SC1003,SC2016,SC2089,SC2090
set -eu
umask 077
secrets=${DRIFTSCAN_SECRETS:-/run/secrets}
"""
_ASK = b"""missing=
need() { [ -r "$secrets/$1" ] || missing="$missing $1"; }
%s
if [ -n "$missing" ]; then
  printf 'driftscan: secrets that are not given in %%s:%%s\\n' "$secrets" "$missing" >&2
  exit 1
fi
"""


class Start:
    """What must happen before the service of one image runs; nothing where the engine can do it all."""

    def __init__(self, function: Function, resources: Sequence[Resource], known: frozenset[str]) -> None:
        self._known = known
        self._function = function
        self._files: Mapping[str, Content] = {
            one.path: one.content
            for one in resources
            if isinstance(one, File) and one.content is not None and one.content.variables
        }
        odd = {name: value for name, value in function.environment if not self._plain(name, value)}
        self._environment = odd
        self.environment = tuple((name, value) for name, value in function.environment if name not in odd)
        said = (*function.command, function.directory)
        self._runs = not all(is_text(word) for word in said) or bool(secrets_in(function.command, known))
        self._directory = function.directory if function.directory and not is_quotable(function.directory) else ""

    def _plain(self, name: str, value: str) -> bool:
        return is_variable(name) and is_quotable(value) and not secrets_in((value,), self._known)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets that the service cannot be started without."""
        named = [name for content in self._files.values() for name in content.variables]
        values = (*self._environment.values(), *self._function.command)
        return tuple(sorted({*named, *secrets_in(values, self._known)}))

    @property
    def needed(self) -> bool:
        """Whether there is anything to be done."""
        return bool(self._files or self._environment or self._runs or self._directory)

    @property
    def command(self) -> tuple[str, ...]:
        """What CMD says; () where only the script can say it."""
        return () if self._runs else self._function.command

    def files(self) -> dict[str, bytes]:
        """Return the script and the parts of files that it puts together, by name."""
        return {"start": self._script(), **parts(self._files)} if self.needed else {}

    def _script(self) -> bytes:
        out = [_HEAD if self.secrets else _HEAD[: _HEAD.rindex(b"umask")]]
        if self.secrets:
            out.append(_ASK % "\n".join(f"need {name}" for name in self.secrets).encode())
        for number, (path, content) in enumerate(self._files.items(), 1):
            out.append(b"cat %s >%s\n" % (b" ".join(_sources(number, content)), shell(raw(path))))
        if self.secrets:
            out.append(b"umask 022\n")
        wrapped = []
        for name, value in sorted(self._environment.items()):
            if is_variable(name):
                out.append(b"%s=%s\nexport %s\n" % (name.encode(), self._word(value, out), name.encode()))
            else:
                wrapped.append(shell(raw(name) + b"=") + self._word(value, out))
        if self._directory:
            out.append(b"cd %s\n" % shell(raw(self._directory)))
        if self._runs:
            words = [self._word(word, out) for word in self._function.command]
            out.append(b'[ "$#" -gt 0 ] || set -- %s\n' % b" ".join(words))
        if wrapped:
            out.append(b'set -- env %s "$@"\n' % b" ".join(wrapped))
        return b"".join(out) + b'exec "$@"\n'

    def _word(self, value: str, out: list[bytes]) -> bytes:
        """Return a value as one word; secrets in it are read before, by lines that are added to `out`."""
        found = b""
        for literal, name in pieces(value, self._known):
            found += shell(raw(literal)) if literal else b""
            if name:
                variable = b"secret_" + name.encode()
                line = b'%s=$(cat "$secrets/%s" && printf x)\n' % (variable, name.encode())
                out += [line] if line not in out else []
                found += b'"${%s%%x}"' % variable
        return found or b"''"


def _sources(number: int, content: Content) -> list[bytes]:
    """Return what a file is put together from, as words of a shell."""
    return [
        b'"$secrets/%s"' % part.name.encode()
        if isinstance(part, Variable)
        else f"{HOME}/{part_name(number, place)}".encode()
        for place, part in enumerate(content.parts, 1)
    ]
