"""What the system's ssh says when it cannot connect (with LogLevel DEBUG1), as one line each."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from driftscan.errors import TransportError
from driftscan.model.text import shown
from driftscan.transport.algorithms import WAY_OUT, weak
from driftscan.transport.known_hosts import changed, unknown

# Who hangs up at once does so before or after ssh has sent its own first line.
_HUNG_UP = (
    r"^(kex_exchange_identification|ssh_exchange_identification): .*(closed|reset)"
    r"|banner exchange: .*(Broken pipe|closed|reset)"
)
_PLACE = re.compile(r"^debug1: (?:Connecting to (.+) \[.*\] port (\d+)|Authenticating to (.+):(\d+) as)", re.MULTILINE)
_KEY = re.compile(r"^debug1: Server host key: (.+)$", re.MULTILINE)
_SOFTWARE = re.compile(r"^debug1: Remote protocol version .*, remote software version (.+)$", re.MULTILINE)
_TRIED = re.compile(
    r"^debug1: (?:Offering public key: (.+?) \S+ SHA256:|Next authentication method: (password|keyboard-interactive))",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class _Case:
    """What a diagnosis rests on: the place, the log up to its fatal line, and that line."""

    place: str
    before: str
    found: "re.Match[str]"
    legacy: bool

    def __getitem__(self, group: str) -> str:
        return shown(self.found[group][:300])  # part of it is the server's words

    @property
    def key(self) -> str:
        """The server's key, as far as ssh shows it."""
        keys = _KEY.findall(self.before)
        return shown(keys[-1]) if keys else "of which ssh shows no fingerprint"


_Diagnosis = Callable[[_Case], TransportError]


def diagnose(log: str, where: str, *, legacy: bool = False) -> TransportError:
    """Return the error that `log` tells of; `where` was to be reached, with weak algorithms if `legacy`."""
    log = log.replace("\r", "")
    for pattern, diagnosis in _DIAGNOSES:
        if found := re.search(pattern, log, re.MULTILINE):
            before = log[: found.start()]
            return diagnosis(_Case(_place(before, where), before, found, legacy))
    said = [line for line in log.splitlines() if line.strip() and not line.startswith("debug")]
    return TransportError(f"{where}: {shown(said[-1][:200]) if said else 'ssh ended and said nothing'}")


def software(log: str) -> str:
    """Return what the host's server calls itself, "" when ssh did not tell; on the way there others may have, too."""
    return next(reversed(_SOFTWARE.findall(log.replace("\r", ""))), "")


def hung_up_at_once(log: str) -> bool:
    """Return whether the server closed the connection before its first word, as sshd does under load."""
    log = log.replace("\r", "")
    first = next((pattern for pattern, _ in _DIAGNOSES if re.search(pattern, log, re.MULTILINE)), None)
    return first == _HUNG_UP


def accepted_keys(log: str) -> list[str]:
    """Return what ssh says of host keys that it has added to known_hosts."""
    return [line.strip() for line in log.splitlines() if "Permanently added" in line]


def _place(before: str, where: str) -> str:
    """Return the last place that ssh spoke to: with jump hosts it is not always the one that was asked for."""
    places = _PLACE.findall(before)
    if not places:
        return where
    host, port, host_at_login, port_at_login = places[-1]
    return f"{shown(host or host_at_login)} port {port or port_at_login}"


def _changed(case: _Case) -> TransportError:
    host, _, port = case.place.rpartition(" port ")
    return changed(case.place, case.key, host if port == "22" else f"[{host}]:{port}")


def _revoked(case: _Case) -> TransportError:
    return TransportError(f"{case.place}: its host key {case.key} is marked as revoked; it is not the host")


def _unknown(case: _Case) -> TransportError:
    return unknown(case.place, case.key)


def _no_algorithm(case: _Case) -> TransportError:
    offer = [name for name in case["offer"].strip().split(",") if not name.startswith(("kex-strict-", "ext-info-"))]
    hint = "another version of OpenSSH, or `transport: ssh`, may have one of these"
    if weak(offer) and not case.legacy:
        hint = WAY_OUT
    return TransportError(f"{case.place}: no {case['what']} in common; the server has {','.join(offer)}", hint=hint)


def _denied(case: _Case) -> TransportError:
    tried = dict.fromkeys(shown(key) or "the password" for key, _ in _TRIED.findall(case.before))
    what = ", ".join(tried) or "nothing, for want of a key or a password"
    return TransportError(
        f"{case.place}: {case['user']} is not let in; tried {what}; the server accepts {case['methods']}",
        hint="name the right `user`, and `identity` or `password`",
    )


def _too_many(case: _Case) -> TransportError:
    return TransportError(
        f"{case.place}: the server closed the connection after too many tries to log in",
        hint="name the one right key with `identity`: servers allow few tries",
    )


def _unresolved(case: _Case) -> TransportError:
    return TransportError(
        f"{case['host']}: the name cannot be resolved",
        hint="check `address`, or give the host an entry in DNS, /etc/hosts or ~/.ssh/config",
    )


def _unreachable(case: _Case) -> TransportError:
    where = f"{case['host']} port {case['port']}"
    return TransportError(f"{where}: {case['why'].lower()}", hint="is the host up, and sshd on this port?")


def _closed_early(case: _Case) -> TransportError:
    what = "the server closes every connection before it says a word"
    return TransportError(f"{case.place}: {what}", hint="is it sshd, and does it let this machine in?")


def _silent(case: _Case) -> TransportError:
    return TransportError(f"{case.place}: the server accepts connections and then says nothing", hint="is it sshd?")


def _no_ssh(case: _Case) -> TransportError:
    return TransportError(f"{case.place}: what answers does not speak SSH 2", hint="is the port right?")


# The first that is found counts: what a jump host or a refusal says comes before what follows from it.
_DIAGNOSES: tuple[tuple[str, _Diagnosis], ...] = (
    (r"^@\s+WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED|^Host key for .* has changed", _changed),
    (r"REVOKED HOST KEY DETECTED|is marked as revoked", _revoked),
    (r"^No \S+ host key is known for", _unknown),
    (r"^Unable to negotiate with .*: no matching (?P<what>.+) found\. Their offer: (?P<offer>.*)$", _no_algorithm),
    (r"Too many authentication failures", _too_many),
    (r"^(?P<user>\S+)@.*: Permission denied \((?P<methods>[^)]*)\)", _denied),
    (r"Could not resolve hostname (?P<host>\S+):", _unresolved),
    (r"^ssh: connect to host (?P<host>\S+) port (?P<port>\d+): (?P<why>.+)$", _unreachable),
    (r"timed out during banner exchange|banner exchange: .*timed out", _silent),
    (_HUNG_UP, _closed_early),
    (r"banner exchange: |Bad remote protocol version|Protocol major versions differ|banner line contains", _no_ssh),
)
