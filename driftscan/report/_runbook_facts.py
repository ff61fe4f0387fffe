"""The runbook's words on what a host is and what it is for."""

import re
from collections.abc import Iterable, Iterator

from driftscan.explain.view import View
from driftscan.model.amount import amount
from driftscan.model.item import Item, Json
from driftscan.model.markdown import bullets, code, codes
from driftscan.report._runbook_common import MOST, by_hand, items, more, texts

# What a port is for, by the number that IANA has given it; no more than a guess, and told as one.
_ROLES = {
    22: "SSH", 25: "mail", 53: "name server", 80: "web", 88: "Kerberos", 110: "mailboxes", 143: "mailboxes",
    389: "directory", 443: "web", 445: "file shares", 587: "mail", 631: "printing", 636: "directory",
    873: "rsync", 993: "mailboxes", 1883: "MQTT", 2049: "NFS", 2375: "Docker", 3128: "proxy", 3306: "MySQL",
    5432: "PostgreSQL", 5672: "message queue", 6379: "Redis", 8080: "web", 8443: "web", 9090: "Prometheus",
    9100: "metrics", 9200: "Elasticsearch", 11211: "memcached", 27017: "MongoDB",
}  # fmt: skip
_VHOST = re.compile(r"^[ \t]*(?:server_name|ServerName|ServerAlias)[ \t]+([^;#\n]{1,400})", re.MULTILINE)


def host(view: View) -> list[str]:
    """Say what the host is."""
    facts = view.facts

    def told(*names: str) -> list[str]:
        return [code(facts[name]) for name in names if facts.get(name)]

    release = told("release name", "release file")[:1]
    lines = [
        ("Release", [*release, *told("architecture")]),
        ("Kernel", told("kernel release")),
        ("Machine", [*told("virtualization"), *_size(facts.get("cpus"), facts.get("memory"))]),
        ("Init", told("init", "default target")),
        ("Place", told("timezone", "locale")),
        ("Packages", _packages(view)),
        ("Looks like", _roles(view)),
    ]
    return bullets(f"{label}: {', '.join(words)}" for label, words in lines if words)


def _size(cpus: Json, memory: Json) -> list[str]:
    found = [f"{int(cpus)} CPU" + "s" * (int(cpus) != 1)] if str(cpus).isdecimal() else []
    return found + ([f"{int(memory) / (1 << 30):.1f} GiB of memory"] if str(memory).isdecimal() else [])


def _packages(view: View) -> list[str]:
    installed = items(view, "packages", lambda item: item.attributes.get("state") in {"installed", None})
    managers = sorted({str(item.attributes.get("manager")) for item in installed})
    return [f"{len(installed):,} of {codes(managers, 4)}"] if installed else []


def _roles(view: View) -> list[str]:
    ports = {item.attributes.get("port") for item in _listeners(view)}
    return sorted({role for port, role in _ROLES.items() if port in ports}, key=str.lower)


def _listeners(view: View) -> list[Item]:
    return items(view, "sockets", lambda item: item.attributes.get("state") == "listen")


def purpose(view: View) -> Iterator[tuple[str, list[str]]]:
    """Yield what the host is for: title and lines of each part of which something is known."""
    yield "What listens", _listening(view)
    yield "Applications", applications(view)
    yield "Sites", bullets(_sites(view), MOST)
    yield "What is run at a time", _schedules(view)
    yield "What it connects to", _outgoing(view)
    yield "Containers", bullets(map(_container, by_hand(view, "containers")), MOST, more(view, "containers"))


def _listening(view: View) -> list[str]:
    """Say by program what it listens on, who started it and as whom it runs."""
    programs: dict[tuple[str, ...], set[str]] = {}
    for item in _listeners(view):
        has = item.attributes
        if has.get("port"):
            package = has.get("package")
            told = (
                f"of package {code(package)}" if package else "of no package" if package == "" else "",
                f"started by {code(starter)}" if (starter := has.get("container") or has.get("unit")) else "",
                f"as {code(has['user'])}" if has.get("user") else "",
            )
            program = code(has["exe"]) if has.get("exe") else "a program that was not seen"
            address = f"{has.get('protocol')} {has.get('address')}:{has['port']}"
            programs.setdefault((program, *filter(None, told)), set()).add(address)
    points = (f"{codes(sorted(where), 8)}: {', '.join(words)}" for words, where in sorted(programs.items()))
    return bullets(points, MOST, more(view, "sockets"))


def applications(view: View) -> list[str]:
    """Say what each application is, whose, how it is started, where its environment comes from."""
    return bullets((_application(view, item) for item in items(view, "applications")), MOST, more(view, "applications"))


def _application(view: View, item: Item) -> str:
    has = item.attributes
    path = str(has.get("path") or item.key)
    told = [
        codes(texts(has.get("kinds")), 5),
        " ".join(code(has[name]) for name in ("name", "version") if has.get(name)),
    ]
    if has.get("user"):
        told.append(f"of {code(has['user'])}")
    if has.get("checkout"):
        told.append(f"checkout {code(has['checkout'])}")
    runs = _running(view, path)
    told.append(f"run as {runs}" if runs else "nothing runs it")
    ports = sorted({str(s.attributes.get("port")) for s in _listeners(view) if _names(s, path)})
    if ports:
        told.append(f"listens on {codes(ports, 4)}")
    procfile = [f"{one[0]}: {one[1]}" for one in has.get("procfile") or () if isinstance(one, list) and len(one) == 2]
    if procfile:
        told.append(f"Procfile {codes(procfile, 4)}")
    if has.get("environment_files"):
        told.append(f"environment from {codes(texts(has['environment_files']), 4)}")
    return f"{code(path)}: " + "; ".join(word for word in told if word)


def _names(item: Item, path: str) -> bool:
    """Whether an executable, a working directory or a command line names `path` or what is below it."""
    has = item.attributes
    words = [str(has.get("exe") or ""), str(has.get("cwd") or ""), *str(has.get("command") or "").split()]
    return any(word == path or word.startswith(f"{path.rstrip('/')}/") for word in words)


def _running(view: View, path: str) -> str:
    users = {
        str(item.attributes.get("user")): item.attributes.get("unit") or item.attributes.get("parent")
        for item in items(view, "processes", lambda item: _names(item, path))
    }
    return ", ".join(code(user) + f" by {code(starter)}" * bool(starter) for user, starter in sorted(users.items()))


def _sites(view: View) -> Iterator[str]:
    for item in items(view, "contents"):
        text = item.attributes.get("text")
        if isinstance(text, str) and re.search(r"nginx|apache|httpd", item.key):
            names = dict.fromkeys(name for found in _VHOST.findall(text) for name in found.split() if name != "_")
            if names:
                yield f"{codes(names, 8)} in {code(item.key)}"


def _schedules(view: View) -> list[str]:
    points = [
        f"{code(has.get('when'))} as {code(has.get('user') or 'root')}: {code(has.get('command') or has.get('unit'))}"
        + f" ({code(has['file'])})" * bool(has.get("file") and has["file"] != has.get("command"))
        for item in by_hand(view, "schedules", lambda item: item.attributes.get("package") == "")
        if not (has := item.attributes).get("ignored")
    ]
    return bullets(points, MOST, more(view, "schedules"))


def _outgoing(view: View) -> list[str]:
    peers: dict[str, set[str]] = {}
    for item in items(view, "sockets", lambda item: item.attributes.get("state") == "established"):
        has = item.attributes
        peers.setdefault(str(has.get("peer")), set()).add(str(has.get("exe") or "(unknown)"))
    return bullets((f"{code(peer)} from {codes(sorted(exes), 4)}" for peer, exes in sorted(peers.items())), MOST)


def _container(item: Item) -> str:
    has = item.attributes
    told = [f"image {code(has['image'])}" if has.get("image") else "", code(has["state"]) if has.get("state") else ""]
    return f"{code(has.get('runtime'))} {code(has.get('kind'))} {code(has.get('name'))}" + "".join(
        f", {one}" for one in told if one
    )


def states(view: View) -> Iterable[str]:
    """Yield the data that must be moved: path, engine, size."""
    for item in items(view, "state"):
        has = {**item.volatile, **item.attributes}
        told = [code(f"{has['engine']} {has.get('version') or ''}".strip())] if has.get("engine") else []
        if isinstance(has.get("size"), int):
            told.append(amount(has["size"]))
        if has.get("user"):
            told.append(f"of {code(has['user'])}")
        yield f"{code(has.get('path') or item.key)}: {', '.join(told)}"
