"""What Ansible's ssh arguments say about the way to a host: jumps, ports, users, keys, old algorithms."""

import re
import shlex
from pathlib import PurePath
from typing import Any

from driftscan.inventory.address import is_port, is_user, parse_address, parse_jumps
from driftscan.model.host import Jump

_TAKES_VALUE = frozenset("BbcDEeFIiJLlmOopQRSWw")  # options of OpenSSH's ssh(1)
_LONG = {"J": "proxyjump", "p": "port", "l": "user", "i": "identityfile", "F": "configfile", "W": "forward"}
_ALGORITHMS = frozenset(
    {"ciphers", "hostkeyalgorithms", "kexalgorithms", "pubkeyacceptedalgorithms", "pubkeyacceptedkeytypes"}
)
_LEGACY = re.compile(r"ssh-rsa\b|ssh-dss|group1-sha1|group14-sha1|group-exchange-sha1|-cbc")


def parse_ssh_arguments(text: str) -> dict[str, Any]:
    """Return the fields of Host that a command line of ssh(1) sets; ValueError says what is not understood.

    Nothing of the text is quoted in the error: a ProxyCommand may hold a password.
    """
    options, _ = _options(text)
    if "configfile" in options:
        raise ValueError("has -F, a configuration that driftscan does not read, expected its lines in ~/.ssh/config")
    said: dict[str, Any] = {}
    if is_port(options.get("port", "")):
        said["port"] = int(options["port"])
    if is_user(options.get("user", "")):
        said["user"] = options["user"]
    if options.get("identityfile"):
        said["identity"] = options["identityfile"]
    if jump := _jump(options):
        said["jump"] = jump
    if any(_LEGACY.search(value) and not value.startswith("-") for key, value in options.items() if key in _ALGORITHMS):
        said["legacy_algorithms"] = True
    # "no" would take any key for ever, which driftscan never does; the new key of a new host is what can be asked for.
    if options.get("stricthostkeychecking", "").lower() == "accept-new":
        said["accept_new_host_key"] = True
    return said


def _options(text: str) -> tuple[dict[str, str], list[str]]:
    """Return the options by their name in ssh_config(5), the first of each as OpenSSH has it, and the other words."""
    try:
        words = shlex.split(text)
    except ValueError:
        raise ValueError("has a quote without its pair, expected arguments of ssh") from None
    options: dict[str, str] = {}
    others: list[str] = []
    queue = iter(words)
    for word in queue:
        if not word.startswith("-") or word == "-":
            others.append(word)
            continue
        for position, letter in enumerate(word[1:], 2):
            if letter not in _TAKES_VALUE:
                continue
            value = word[position:] or next(queue, "")
            name = _LONG.get(letter, "")
            if letter == "o":
                name, value = _option(value)
            options.setdefault(name, value)
            break
    return options, others


def _option(text: str) -> tuple[str, str]:
    name, _, value = re.sub(r"[\s=]+", "=", text.strip(), count=1).partition("=")
    return name.lower(), value.strip()


def _jump(options: dict[str, str]) -> tuple[Jump, ...]:
    if jump := options.get("proxyjump", ""):
        return parse_jumps(jump)
    command = options.get("proxycommand", "none")
    return () if command.lower() == "none" else (_proxy_command(command),)


def _proxy_command(command: str) -> Jump:
    """Return the jump that `ssh -W %h:%p user@host` is; guessing at others could lead to another machine."""
    options, words = _options(command)
    if (
        len(words) != 2
        or PurePath(words[0]).name != "ssh"
        or options.get("forward", "").strip("[]") not in {"%h:%p", "%h]:%p"}
        or not {"proxycommand", "proxyjump", "configfile"}.isdisjoint(options)
    ):
        raise ValueError("has a ProxyCommand that is more than ssh -W %h:%p HOST, expected -J or ~/.ssh/config")
    jump = parse_address(words[1])
    port = options.get("port", "")
    return Jump(jump.address, jump.user or options.get("user", ""), jump.port or (int(port) if is_port(port) else 0))
