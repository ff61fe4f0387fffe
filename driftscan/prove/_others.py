"""Blockers outside of the host: who is connected to it, which names lead to it, which hosts its jobs reach."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property

from driftscan.model.item import Item, Json
from driftscan.model.text import raw, text
from driftscan.model.verdict import Blocker
from driftscan.prove._case import LATELY, Case
from driftscan.prove._counterparts import hosts

_REMOTE = re.compile(
    r"nfs4?|cifs|smb3|smbfs|ncpfs|afs|9p|ceph|lustre|gpfs|davfs|glusterfs|fuse\.(?:sshfs|glusterfs|.*s3.*|rclone|davfs2?|curlftpfs)"
)
_LOOPBACK = ("127.", "[::1]", "[::ffff:127.")
_SCRIPT = re.compile(r"#! */[^\n]*\b(?:ba|da|k|z|a)?sh\b")
_PATHS = re.compile(r"(?<![\w.-])/[\w./+@-]{1,300}")
_LINES = 2000  # lines of one script that are read
_MOST = 4  # hosts, or peers, that are named


def others(case: Case) -> Iterator[Blocker]:
    """Yield what another host, or a person, must be told of before this host is gone."""
    yield from _clients(case)
    yield from _certificates(case)
    yield from _jobs(case)
    yield from _mounts(case)
    yield from _logins(case)


def _clients(case: Case) -> Iterator[Blocker]:
    """Yield the listeners that others are connected to; a snapshot that does not tell says nothing of that."""
    if not case.view.seen("sockets"):
        return  # told as unseen
    listeners = [one for one in case.view.of("sockets") if one.attributes.get("state") == "listen"]
    if listeners and not any("clients" in one.volatile for one in listeners):
        advice = f"driftscan scan {case.host}"
        yield Blocker("client", "all", "the snapshot does not tell who is connected", advice, blind=True)
    for one in listeners:
        peers = one.volatile.get("clients")
        if not isinstance(peers, list) or not peers or str(one.attributes.get("address")).startswith(_LOOPBACK):
            continue
        who = one.attributes.get("unit") or one.attributes.get("exe") or "a process"
        yield Blocker("client", one.key, f"{_few(peers)} connected to {who}", "lead them to the new host")


def _certificates(case: Case) -> Iterator[Blocker]:
    """Yield certificates that are served from here: names lead to this host, and clients come by them."""
    variables = {path: one.variable for one in case.role.secrets for path in one.paths}
    missing = set(case.proof.made_up) if case.proof else set()
    for one in case.view.of("certificates"):
        has = one.attributes
        if not has.get("key_path") or has.get("used_by") == []:
            continue
        names = [str(name) for name in _list(has.get("names"))] or [str(has.get("subject"))]
        told = [f"is for {_few(names)}", _end(has.get("not_after"), case.now)]
        if variables.get(str(has["key_path"])) in missing:
            told.append("its key was not supplied")
        advice = "lead the names to the new host, with a certificate that lasts"
        yield Blocker("certificate", str(has.get("path") or one.key), ", ".join(filter(None, told)), advice)


def _end(moment: Json, now: datetime) -> str:
    known = _moment(moment)
    if known is None:
        return ""
    return f"{'ended' if known < now else 'ends'} on {known:%Y-%m-%d}"


@dataclass(frozen=True)
class _Reading:
    """How command lines of the host are read: with its names, its file systems, the scripts that were kept."""

    case: Case

    @cached_property
    def own(self) -> frozenset[str]:
        """Names and addresses of the host itself."""
        view = self.case.view
        addresses = (str(one.attributes.get("value")) for one in self._network("address"))
        named = (one for one in self._network("host") if str(one.attributes.get("value")).startswith(("127.", "::1")))
        names = {str(view.facts.get("hostname") or ""), *(str(one.attributes.get("name")) for one in named)}
        return frozenset({*names, *(address.partition("/")[0] for address in addresses)} - {""})

    @cached_property
    def known(self) -> frozenset[str]:
        """Names of other hosts, as /etc/hosts has them."""
        names = (str(one.attributes.get("name")) for one in self._network("host"))
        return frozenset(names) - self.own

    @cached_property
    def remote(self) -> Mapping[str, str]:
        """Where file systems of other hosts are mounted, and their source."""
        return {
            str(one.attributes.get("target")): str(one.attributes.get("source") or one.attributes.get("fstab_source"))
            for one in remote(self.case)
        }

    @cached_property
    def scripts(self) -> Mapping[str, str]:
        """The shell scripts whose text was kept, by path."""
        kept = ((one.key, one.attributes.get("text")) for one in self.case.view.of("contents"))
        return {path: told for path, told in kept if isinstance(told, str) and _SCRIPT.match(told)}

    def _network(self, kind: str) -> Iterable[Item]:
        return (one for one in self.case.view.of("network") if one.attributes.get("kind") == kind)

    def reached(self, command: str) -> list[str]:
        """Return the hosts that a command reaches, itself or by the scripts that it runs, or through a file system."""
        found = list(hosts(command, self.own, self.known))
        paths = _PATHS.findall(command)
        for path in paths:
            canonical = text(self.case.view.ownership.canonical(raw(path)))
            script = self.scripts.get(path) or self.scripts.get(canonical)
            for line in script.splitlines()[:_LINES] if script else ():
                if not line.lstrip().startswith("#"):
                    found += hosts(line, self.own, self.known)
            found += (source for target, source in self.remote.items() if f"{path}/".startswith(f"{target}/"))
        return list(dict.fromkeys(found))


def _jobs(case: Case) -> Iterator[Blocker]:
    """Yield what is run by a schedule or a unit and reaches another host, or mails somebody."""
    reading = _Reading(case)
    for one in case.view.of("schedules"):
        has = one.attributes
        if has.get("ignored"):
            continue
        told = reading.reached("\n".join(str(has.get(name) or "") for name in ("command", "input")))
        mail = [
            line[7:].strip("'\" ") for line in str(has.get("environment") or "").split("\n") if line[:7] == "MAILTO="
        ]
        told += [f"mail to {address}" for address in mail if "@" in address]
        if told:
            yield Blocker("job", one.key, _reaches(told, one.key, has.get("file")), _TELL)
    for one in case.view.of("services"):
        has = one.attributes
        if has.get("package") and not has.get("dropins"):
            continue  # what a package starts, it starts on the new host as well
        told = reading.reached(str(has.get("command") or ""))
        if told:
            yield Blocker("job", one.key, _reaches(told, one.key, has.get("fragment")), _TELL)


_TELL = "tell those who run the other side; let the new host do it alone"


def _reaches(told: list[str], key: str, file: Json) -> str:
    where = f" (in {file})" if file and str(file) not in key else ""
    return f"reaches {_few(told)}{where}"


def remote(case: Case) -> Iterator[Item]:
    """Yield the mounts of file systems that another host has."""
    for one in case.view.of("mounts"):
        has = one.attributes
        if _REMOTE.fullmatch(str(has.get("fstype"))) and not has.get("automatic"):
            yield one


def _mounts(case: Case) -> Iterator[Blocker]:
    for one in remote(case):
        has = one.attributes
        source = has.get("source") or has.get("fstab_source")
        advice = "let the other side serve the new host, and this one no more"
        yield Blocker("mount", str(has.get("target")), f"{has.get('fstype')} from {source}", advice)


def _logins(case: Case) -> Iterator[Blocker]:
    """Yield the accounts that were logged in to lately, each once."""
    last: dict[str, tuple[datetime, str]] = {}
    for one in case.view.of("history"):
        has = {**one.attributes, **one.volatile}
        when = _moment(has.get("last")) or _moment(has.get("when"))
        if has.get("kind") == "login" and has.get("who") and when and case.now - when <= LATELY:
            who = str(has["who"])
            last[who] = max(last.get(who, (when, "")), (when, str(has.get("what") or "")))
    for who, (when, where) in sorted(last.items()):
        told = f"last on {when:%Y-%m-%d}{f' from {where}' if where else ''}"
        yield Blocker("login", who, told, "ask what the host is still used for")


def _moment(value: Json) -> datetime | None:
    """Return a time as scopes write it, in UTC; None for what is none."""
    try:
        known = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError:
        return None
    return known if known.tzinfo else known.replace(tzinfo=timezone.utc)


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _few(values: Iterable[Json]) -> str:
    known = [str(value) for value in values]
    more = f" and {len(known) - _MOST:,} more" if len(known) > _MOST else ""
    return ", ".join(known[:_MOST]) + more
