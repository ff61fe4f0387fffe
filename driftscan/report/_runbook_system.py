"""The runbook's words on the system: repositories, packages, accounts, units, kernel, mounts, network."""

from collections.abc import Iterator, Sequence

from driftscan.explain.base import item_explainers
from driftscan.explain.view import View
from driftscan.findings._history import history
from driftscan.findings._traces import era, seconds
from driftscan.findings.base import Judgement
from driftscan.model.finding import Finding, Severity
from driftscan.model.item import Item, Json
from driftscan.model.markdown import bullets, code, codes, paragraph, prose
from driftscan.model.text import raw
from driftscan.report._runbook_common import MOST, by_hand, items, judged, more, texts, unexplained


def repositories(view: View, judgement: Judgement) -> list[str]:
    def mine(item: Item) -> bool:
        return item.attributes.get("enabled") is not False and (
            bool(item.attributes.get("third_party")) or bool(item.attributes.get("trusted"))
        )

    points = []
    for item in items(view, "repositories", mine):
        has = item.attributes
        told = [codes(texts(has.get("uris")), 3), codes([*texts(has.get("suites")), *texts(has.get("components"))], 6)]
        told.append(f"in {code(has.get('file'))}")
        told.append(f"key {code(has['signed_by'])}" if has.get("signed_by") else "")
        told.append("taken without a signature" if has.get("trusted") else "")
        points.append(f"{code(has.get('name') or item.key)}: " + ", ".join(one for one in told if one))
    keys = [finding for finding in judgement.findings if finding.rule == "repository-key-for-all"]
    points += [f"key for all repositories: {code(finding.subject)}" for finding in keys]
    return bullets(points, MOST, more(view, "repositories"))


def packages(view: View, judgement: Judgement) -> list[str]:
    """Tell the packages that somebody asked for after the installation of the system; others come along with them."""
    end = era(view).end
    first: dict[str, float] = {}
    for trace in history(view):
        if trace.kind == "package" and trace.when is not None:
            first[trace.what] = min(trace.when, first.get(trace.what, trace.when))
    asked = []
    for item in items(view, "packages", lambda item: item.attributes.get("reason") == "manual"):
        name = str(item.attributes.get("name"))
        when = first.get(name) or seconds(item.attributes.get("installed_at", item.volatile.get("installed_at")))
        if item.attributes.get("state") in {"installed", None} and (when is None or when > end):
            asked.append(name)
    lines = []
    if asked:
        named = ", ".join(code(name) for name in sorted(set(asked)))
        lines = [*paragraph(f"Asked for by somebody, after the system was installed: {named}."), ""]
    return lines + judged(judgement, lambda finding: finding.scope == "packages")


def accounts(view: View, judgement: Judgement) -> list[str]:
    named = frozenset(finding.subject for finding in judgement.findings if finding.scope == "accounts")
    known = by_hand(view, "accounts")
    rights = unexplained(view, "accounts", lambda item: item.attributes.get("kind") in {"sudo", "key"})
    points = [*_users(known, named), *_groups(view, known), *_sudo(view, rights), *_keys(rights)]
    return bullets(points, 60, more(view, "accounts"))


def _users(known: Sequence[Item], named: frozenset[str]) -> Iterator[str]:
    for item in known:
        has = item.attributes
        if has.get("kind") == "user" and _anybody(item, named):
            told = [f"uid {code(has.get('uid'))}"]
            told += [
                f"{word} {code(has[name])}" for name, word in (("home", "home"), ("shell", "shell")) if has.get(name)
            ]
            groups = texts(has.get("groups"))
            told += [f"groups {codes(groups, 8)}"] if groups else []
            told += [f"password {has['password']}"] if has.get("password") in {"set", "empty", "locked"} else []
            yield f"user {code(has.get('name'))}: {', '.join(told)}"


def _groups(view: View, known: Sequence[Item]) -> Iterator[str]:
    primary = {item.attributes.get("gid") for item in items(view, "accounts") if item.attributes.get("kind") == "user"}
    for item in known:
        has = item.attributes
        if has.get("kind") == "group" and has.get("gid") not in primary and _of_people(has.get("gid")):
            members = codes(texts(has.get("members")), 8) or "none"
            yield f"group {code(has.get('name'))}: gid {code(has.get('gid'))}, members {members}"


def _sudo(view: View, known: Sequence[Item]) -> Iterator[str]:
    packaged = raw("/etc/sudoers") in view.ownership
    for item in known:
        has = item.attributes
        if has.get("kind") == "sudo" and not (packaged and has.get("file") == "/etc/sudoers"):
            yield f"sudo: {code(has.get('rule'))} in {code(has.get('file'))}"


def _keys(known: Sequence[Item]) -> Iterator[str]:
    for item in known:
        has = item.attributes
        if has.get("kind") == "key":
            comment = f" {code(has['comment'])}" if has.get("comment") else ""
            what = (code(has["fingerprint"]) if has.get("fingerprint") else "no real key") + comment
            yield f"login key of {code(has.get('owner'))}: {what} in {code(has.get('file'))}"


def _anybody(item: Item, named: frozenset[str]) -> bool:
    """Whether a user is somebody's decision: a person's number, a second root, one that findings name."""
    has = item.attributes
    second = has.get("uid") == 0 and has.get("name") != "root"
    explained = "accounts" in item_explainers()  # then what packages made is left out before
    return explained or second or _of_people(has.get("uid")) or has.get("name") in named


def _of_people(number: Json) -> bool:
    """Whether a uid or gid is one that people are given; those below belong to packages."""
    return isinstance(number, int) and 1000 <= number < 60_000


def units(view: View, judgement: Judgement) -> list[str]:
    """Tell units that were written, overridden or masked by hand, and those that are not enabled as they came."""
    points = {}
    for item in items(view, "services", lambda item: not item.attributes.get("alias_of")):
        has = item.attributes
        dropins = [path for path in texts(has.get("dropins")) if not view.ownership.owner(raw(path))]
        if dropins or has.get("package") == "" or has.get("load") == "masked":
            points[str(has.get("name"))] = (item, dropins)
    strange = {item.key for item in by_hand(view, "services")}
    told = {name: _unit(item, dropins) for name, (item, dropins) in points.items() if dropins or item.key in strange}

    known = {*told, *(str(points[name][0].attributes.get("fragment")) for name in told)}

    def untold(finding: Finding) -> bool:
        return finding.scope == "services" and _low(finding) and finding.subject.partition(".d/")[0] not in known

    return bullets(told.values(), MOST, more(view, "services")) + judged(judgement, untold)


def _low(finding: Finding) -> bool:
    """Whether a finding is no open question."""
    return finding.severity.rank < Severity.MEDIUM.rank


def _unit(item: Item, dropins: Sequence[str]) -> str:
    has = item.attributes
    own = has.get("package") == ""
    told = [str(has.get("enabled"))] if has.get("enabled") in {"enabled", "disabled", "masked"} else []
    told += [f"file {code(has['fragment'])}"] if own and has.get("fragment") else []
    told += [f"runs {code(has['command'])}"] if own and has.get("command") else []
    told += [f"as {code(has['user'])}"] if own and has.get("user") else []
    told += [f"overridden by {codes(dropins, 3)}"] if dropins else []
    return f"{code(has.get('name'))}: {', '.join(told)}"


def schedules(view: View, _judgement: Judgement) -> list[str]:
    found = by_hand(view, "schedules", lambda item: item.attributes.get("package") == "")
    files = dict.fromkeys(str(item.attributes.get("file")) for item in found)
    return paragraph(f"In {codes(files, MOST)}; what they run stands above.") if files else []


def kernel(view: View, judgement: Judgement) -> list[str]:
    points = []
    for item in by_hand(view, "kernel", lambda item: item.attributes.get("package") == ""):
        has = item.attributes
        value = f" = {code(has['configured'])}" if has.get("configured") not in (None, "") else ""
        points.append(f"{prose(str(has.get('kind')))} {code(has.get('name'))}{value} in {code(has.get('file'))}")
    lost = judged(
        judgement, lambda finding: finding.scope == "kernel" and _low(finding) and not finding.subject.startswith("/")
    )
    return bullets(points, MOST, more(view, "kernel")) + lost


def mounts(view: View, _judgement: Judgement) -> list[str]:
    points = []
    for item in by_hand(view, "mounts", lambda item: item.attributes.get("automatic") is False):
        has = item.attributes
        options = has.get("fstab_options") or has.get("options")
        told = [code(has.get("source")), code(has.get("fstype")), code(options) if options else ""]
        where = "" if has.get("in_fstab") else " (not in fstab)"
        points.append(f"{code(has.get('target') or item.key)}: {', '.join(one for one in told if one)}{where}")
    return bullets(points, MOST, more(view, "mounts"))


def network(view: View, _judgement: Judgement) -> list[str]:
    def mine(item: Item) -> bool:
        return item.attributes.get("automatic") is False and item.attributes.get("kind") in {
            "host",
            "route",
            "rule",
            "chain",
        }

    kinds: dict[tuple[str, str], list[Item]] = {}
    for item in by_hand(view, "network", mine):
        place = item.attributes.get("file") or "memory only"
        kinds.setdefault((str(item.attributes.get("kind")), str(place)), []).append(item)
    return bullets(
        f"{prose(kind)}: {codes((_network_words(item) for item in found), 12)} ({code(place)})"
        for (kind, place), found in sorted(kinds.items())
    )


def _network_words(item: Item) -> str:
    has = item.attributes
    return " ".join(str(has[name]) for name in ("name", "value") if has.get(name))
