"""Secrets at the moment of use: from the environment, a file, or a person's answer, and from nowhere else."""

import os
from collections.abc import Callable
from pathlib import Path

from driftscan.errors import TransportError
from driftscan.model.host import SecretReference

Prompt = Callable[[str], str]  # asks a person without echo; raises DriftscanError where there is nobody to ask


def reveal(reference: SecretReference, what: str, prompt: Prompt) -> str:
    """Return the secret that `reference` stands for; `what` says in words which one it is.

    Raises TransportError, without a word of the secret, when it is not there, empty or of more than one line.
    """
    secret = _SOURCES[reference.kind](reference.name, what, prompt)
    if not secret:
        raise TransportError(f"the {what} is empty", hint="a secret is one line of text")
    if "\n" in secret or "\0" in secret:
        raise TransportError(f"the {what} has more than one line", hint="a secret is one line of text")
    return secret


def _environment(name: str, what: str, _prompt: Prompt) -> str:
    if name not in os.environ:
        raise TransportError(f"the environment has no {name}, which is to hold the {what}", hint=f"set {name}")
    return os.environ[name]


def _file(name: str, what: str, _prompt: Prompt) -> str:
    try:
        return Path(name).expanduser().read_text(encoding="utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise TransportError(f"{name}, which is to hold the {what}, is not UTF-8 text") from None
    except OSError as error:
        raise TransportError(f"cannot read {name}, which is to hold the {what}: {error.strerror}") from None


def _person(name: str, what: str, prompt: Prompt) -> str:
    return prompt(f"{name or what}: ")


_SOURCES: dict[str, Callable[[str, str, Prompt], str]] = {
    "environment": _environment,
    "file": _file,
    "prompt": _person,
}
