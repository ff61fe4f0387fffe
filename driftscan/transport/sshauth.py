"""Logging in to an SSH server: what the inventory names comes first, then the agent, then the usual keys."""

import base64
import binascii
import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm

from driftscan.errors import DriftscanError, TransportError
from driftscan.model.text import shown, text
from driftscan.transport.algorithms import WAY_OUT
from driftscan.transport.secret import Prompt
from driftscan.transport.sshconfig import USER_DIRECTORY, Target

_USUAL_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")
_SHA1 = "RSA signatures over SHA-1 only"
_BAD_KEY = (ValueError, TypeError, OSError, UnsupportedAlgorithm, paramiko.SSHException, paramiko.pkey.UnknownKeyType)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What may be used to log in beside keys; `password` is called only when the server may accept one."""

    password: Callable[[], str] | None
    prompt: Prompt


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One thing to try by the first of `methods` that the server accepts.

    `make` is given that method and returns what the server wants besides: nothing when we are in.
    """

    label: str
    methods: tuple[str, ...]
    make: Callable[[str], Sequence[str]]


class _Unusable(Exception):  # noqa: N818 -- a reason for the final error, not an error of its own
    """Why something was not even tried."""


def authenticate(connection: paramiko.Transport, target: Target, credentials: Credentials) -> None:
    """Log in; raises TransportError that says what was tried and what the server accepts."""
    accepted = _ask_methods(connection, target.user)
    greeting = _banner(connection)
    _choose_signatures(connection)
    tried: list[str] = []
    with _agent_keys() as agent_keys:
        attempts = _attempts(connection, target, credentials, agent_keys)
        while accepted and (attempt := next(attempts, None)):
            method = next((method for method in attempt.methods if method in accepted), None)
            if method is None:
                continue
            try:
                accepted = list(attempt.make(method))
            except _Unusable as reason:
                tried.append(f"{attempt.label} ({reason})")
            except (paramiko.SSHException, EOFError):
                tried.append(attempt.label)
            if not connection.is_active():
                raise _thrown_out(target, ", ".join(tried), _said(connection, greeting))
    if accepted:
        raise _refused(target, tried, accepted, _said(connection, greeting))


def _banner(connection: paramiko.Transport) -> bytes:
    # Not `get_banner`, which knows nothing any more once the server has closed the connection.
    return getattr(connection.auth_handler, "banner", None) or b""


def _said(connection: paramiko.Transport, greeting: bytes) -> str:
    """Return what the server has told since its greeting: why it closes an account's door, mostly."""
    banner = _banner(connection)
    lines = text(banner).strip().splitlines() if banner != greeting else []
    return f", saying {shown(lines[-1].strip())[:200]!r}" if lines else ""


def _ask_methods(connection: paramiko.Transport, user: str) -> list[str]:
    """Return the methods that the server accepts, none if it lets `user` in without any."""
    try:
        return list(connection.auth_none(user))
    except paramiko.BadAuthenticationType as answer:
        return list(answer.allowed_types)


def _choose_signatures(connection: paramiko.Transport) -> None:
    """Sign with SHA-1 where that is allowed and the server is too old to say what it takes: it takes nothing else."""
    mine = connection.preferred_pubkeys
    if "ssh-rsa" in mine and not _server_signatures(connection):
        newer = [name for name in mine if name.startswith("rsa-sha2-")]
        connection.disabled_algorithms = {**(connection.disabled_algorithms or {}), "pubkeys": newer}


def _server_signatures(connection: paramiko.Transport) -> set[str]:
    extensions: dict[str, bytes] = connection.server_extensions  # type: ignore[attr-defined]  # the stubs lack it
    names = extensions.get("server-sig-algs", b"").decode("ascii", "replace")
    return {name for name in names.split(",") if name}


@contextlib.contextmanager
def _agent_keys() -> Iterator[list[paramiko.AgentKey]]:
    """Give the keys of the agent, if there is one; it signs for us only as long as the block runs."""
    try:
        agent = paramiko.Agent()
    except paramiko.SSHException:  # what answers there is no agent
        yield []
        return
    try:
        yield list(agent.get_keys())
    finally:
        agent.close()


def _attempts(
    connection: paramiko.Transport, target: Target, credentials: Credentials, agent_keys: Sequence[paramiko.AgentKey]
) -> Iterator[_Attempt]:
    def by_key(label: str, key: paramiko.PKey | str) -> _Attempt:
        def make(_method: str) -> Sequence[str]:
            return _sign_in(connection, target.user, _load(key, credentials.prompt) if isinstance(key, str) else key)

        return _Attempt(label, ("publickey",), make)

    held = {key.asbytes(): key for key in agent_keys}
    for path in target.identities:
        yield by_key(path, held.pop(_public_part(path), path))
    if credentials.password is not None:
        yield _by_password(connection, target.user, credentials)
    if not target.identities_only:
        for key in held.values():
            yield by_key(f"the agent's key {shown(key.comment) or key.get_name()}", key)
    if not target.identities:
        for path in _usual_keys():
            yield by_key(path, path)


def _usual_keys() -> list[str]:
    directory = Path(USER_DIRECTORY).expanduser()
    return [str(directory / name) for name in _USUAL_KEYS if (directory / name).exists()]


def _public_part(path: str) -> bytes:
    """Return the public key beside a private one, by which the agent knows it; b"" without one."""
    try:
        return base64.b64decode(Path(f"{path}.pub").read_text(encoding="utf-8").split()[1])
    except (OSError, UnicodeDecodeError, IndexError, binascii.Error):
        return b""


def _load(path: str, prompt: Prompt) -> paramiko.PKey:
    try:
        return paramiko.PKey.from_path(path)
    except TypeError:  # what cryptography says when a passphrase is needed
        passphrase = _ask(prompt, f"passphrase of {path}: ")
    except _BAD_KEY as error:
        raise _Unusable(_why(error)) from None
    try:
        return paramiko.PKey.from_path(path, passphrase.encode())  # type: ignore[arg-type]  # the stubs are paramiko 5's
    except _BAD_KEY:
        raise _Unusable("the passphrase does not open it") from None


def _why(error: Exception) -> str:
    if isinstance(error, OSError):
        return str(error.strerror).lower()
    return "not a private key of a kind that can be used"


def _ask(prompt: Prompt, question: str) -> str:
    try:
        return prompt(question)
    except DriftscanError as error:
        raise _Unusable(f"it needs a passphrase: {error.message}") from None


def _sign_in(connection: paramiko.Transport, user: str, key: paramiko.PKey) -> Sequence[str]:
    theirs = _server_signatures(connection)
    old = "rsa" in key.get_name() and "ssh-rsa" not in connection.preferred_pubkeys
    if old and theirs and not theirs & set(connection.preferred_pubkeys):
        raise _Unusable(f"the server takes {_SHA1}")  # paramiko would end the connection
    try:
        return connection.auth_publickey(user, key)
    except (paramiko.SSHException, EOFError):
        if old and not theirs:
            raise _Unusable(f"not accepted; a server as old as this may take {_SHA1}") from None
        raise


def _by_password(connection: paramiko.Transport, user: str, credentials: Credentials) -> _Attempt:
    def make(method: str) -> Sequence[str]:
        password = credentials.password() if credentials.password else ""
        if method == "password":
            return connection.auth_password(user, password, fallback=False)

        def answer(_title: str, _instructions: str, questions: list[tuple[str, bool]]) -> list[str]:
            return [
                password if "assword" in question and not echo else credentials.prompt(shown(question))
                for question, echo in questions
            ]

        return connection.auth_interactive(user, answer)

    return _Attempt("the password", ("password", "keyboard-interactive"), make)


def _thrown_out(target: Target, tried: str, said: str) -> TransportError:
    many = "name the one right key with `identity`: servers allow few tries"
    return TransportError(
        f"{target}: the server closed the connection while {target.user} logged in, after {tried}{said}",
        hint=WAY_OUT if _SHA1 in tried else "ask who runs the host" if said else many,
    )


def _refused(target: Target, tried: Sequence[str], accepted: Sequence[str], said: str) -> TransportError:
    what = ", ".join(tried) if tried else "nothing, for want of a key or a password"
    methods = shown(", ".join(accepted))
    return TransportError(
        f"{target}: {target.user} is not let in{said}; tried {what}; the server accepts {methods}",
        hint=WAY_OUT if _SHA1 in what else "name the right `user`, and `identity` or `password`",
    )
