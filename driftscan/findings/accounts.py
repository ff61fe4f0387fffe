"""Accounts that give away more than they seem to, and those that a person has made."""

from collections.abc import Iterator, Mapping, Sequence

from driftscan.explain.accounts import explain, is_closed
from driftscan.explain.view import View
from driftscan.findings._homes import LEFT_OVER, Access
from driftscan.findings.base import Family, Rule
from driftscan.model.finding import Finding, Severity
from driftscan.model.item import Item, Json

SECOND_ROOT = Rule(
    "second-uid-0",
    Severity.CRITICAL,
    "accounts",
    "is root under another name",
    "find out who uses it; remove the account, or give it a number of its own",
    needs=("accounts",),
    doc="The number alone says who is root. A second name for it has a password and keys of its own, which nobody "
    "looks at when root's are changed.\n\nSome BSD-minded people and appliances make such an account on purpose.",
)
EMPTY_PASSWORD = Rule(
    "empty-password",
    Severity.CRITICAL,
    "accounts",
    "needs no password to log in",
    "lock it (passwd -l), or set a password",
    needs=("accounts",),
    doc="Whoever reaches a login prompt is in; sshd refuses empty passwords unless told otherwise, su and consoles do "
    "not.\n\nJudged is the field of the password: empty, which is not the same as locked. Where the file of passwords "
    "could not be read, passwords-not-seen says so.",
)
NOT_SEEN = Rule(
    "passwords-not-seen",
    Severity.INFO,
    "accounts",
    "could not be read: nothing is said of passwords",
    "scan as root, or with sudo",
    needs=("accounts",),
    doc="Whether an account has a password, an empty one or none stands in a file that only root can read. Without it "
    "the rules on passwords are silent, which is no praise.",
)
NOPASSWD = Rule(
    "sudo-nopasswd",
    Severity.HIGH,
    "accounts",
    "may run commands as another user without a password",
    "ask for the password (take NOPASSWD away), or name the few commands that are needed, with their arguments",
    needs=("accounts",),
    doc="Whoever gets at such an account, by a key or by a hole in what it runs, has the rights of the other user too; "
    "where all commands are allowed, the host.\n\n"
    "Judged are the rules of sudo with NOPASSWD and the setting !authenticate. Rules for some commands weigh less, "
    "though many commands (rsync, systemctl, editors) can be made to run others. Rules that packages ship, and what "
    "cloud-init writes for the first user of an image, weigh little.",
)
IGNORED = Rule(
    "sudo-ignored-file",
    Severity.MEDIUM,
    "accounts",
    "is passed over by sudo",
    "rename it if its rules are meant, else remove it",
    needs=("accounts",),
    doc="sudo reads no file in sudoers.d whose name has a dot or ends in a tilde. Whoever put it there believes that "
    "its rules hold; renamed by the next person, they will.\n\nWhat package managers leave behind is left out.",
)
LOGIN = Rule(
    "system-account-login",
    Severity.MEDIUM,
    "accounts",
    "is the account of a service, and somebody can log in as it",
    "lock its password and remove its keys, or give the person an account of their own",
    needs=("accounts",),
    doc="The accounts of services are made so that nobody can log in. A password or a key makes one a shared account "
    "without a name to it.\n\nJudged are accounts that a package has made.",
)
BY_HAND = Rule(
    "account-by-hand",
    Severity.LOW,
    "accounts",
    "is an account that somebody has made",
    "write down who or what it is for; close it if nobody knows",
    needs=("accounts", "packages"),
    doc="A rebuild has to repeat it, with its groups and keys.\n\n"
    "Left out are the accounts of the base system and those that packages make, told by their maintainer scripts, "
    "sysusers.d, the owners of packaged files and the names of packages and programs. A locked account may still be in "
    "use: the evidence tells its keys, its schedules and what runs as it.",
)
ROOT_KEYS = Rule(
    "root-keys",
    Severity.LOW,
    "accounts",
    "can be logged in to by key",
    "know whose key each is; remove the others",
    needs=("accounts",),
    doc="Whoever holds one of these keys is root, and leaves no name behind."
    " Every key for root is named, for a rebuild has to know which of them are still wanted.",
)
STRAY_KEY = Rule(
    "keys-without-account",
    Severity.LOW,
    "accounts",
    "holds keys for an account that does not exist",
    "remove it: the next account of that name would be open to them",
    needs=("accounts",),
    doc="The person has gone, the keys have stayed: whoever is given "
    "that name next is open to them. Judged by files of keys where no account has its home.",
)
GROUP = Rule(
    "group-by-hand",
    Severity.INFO,
    "accounts",
    "are groups that somebody has made",
    "write down what they are for",
    needs=("accounts", "packages"),
    doc="A rebuild has to repeat them, with their members. Left out are the groups that packages make, and the own "
    "group of each user.",
)


def find(view: View) -> Iterator[Finding]:
    """Judge users, their keys and sudo's rules."""
    access = Access(view)
    groups: dict[str, Json] = {}
    unseen = False
    for item in view.of("accounts"):
        kind = item.attributes.get("kind")
        if kind == "user":
            yield from _user(view, item, access)
            unseen = unseen or item.attributes.get("password") is None
        elif kind in {"sudo", "sudo-default"}:
            yield from _sudo(view, item)
        elif kind == "sudoers-file" and item.attributes.get("ignored"):
            if not LEFT_OVER.fullmatch(str(item.attributes.get("file"))):
                yield IGNORED.finding(str(item.attributes.get("file")), {"why": item.attributes.get("why")})
        elif kind == "group" and view.seen("packages") and explain(view, item) is None:
            groups[str(item.attributes.get("name"))] = item.attributes.get("members") or []
    if groups:
        names = sorted(groups)
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        yield GROUP.finding(shown, {"members": {name: groups[name] for name in names[:20]}})
    if unseen and not view.whole("accounts"):
        yield NOT_SEEN.finding("/etc/shadow", {"gaps": _gaps(view)})
    yield from _keys(access)


def _gaps(view: View) -> list[str]:
    """Return what of the accounts could not be seen, in the words of the scan."""
    coverage = view.snapshot.coverage.get("accounts")
    return [str(gap) for gap in coverage.gaps][:5] if coverage else []


def _user(view: View, item: Item, access: Access) -> Iterator[Finding]:
    user = item.attributes
    name = str(user.get("name"))
    evidence = {key: value for key in ("uid", "home", "shell", "password") if (value := user.get(key)) is not None}
    more = access.of(user)
    if user.get("uid") == 0 and name != "root":
        yield SECOND_ROOT.finding(name, {**evidence, **more})
    if user.get("password") == "empty":
        yield EMPTY_PASSWORD.finding(name, {**evidence, **more})
    if user.get("uid") == 0 or not view.seen("packages"):
        return
    explanation = explain(view, item)
    if explanation is None:
        yield BY_HAND.finding(name, {**evidence, **more})
    elif access.real_keys(name) or (user.get("password") == "set" and not is_closed({**user, "password": None})):
        yield LOGIN.finding(name, {**evidence, **more, "package": explanation.by})


def _sudo(view: View, item: Item) -> Iterator[Finding]:
    rule = item.attributes
    if item.attributes.get("ignored"):
        return
    everything = "ALL" in (rule.get("commands") or ())
    who = str(rule.get("who") or "").lstrip(":>!@")
    if rule.get("kind") == "sudo-default":
        if str(rule.get("rule")) != "!authenticate":
            return
        everything, who = True, who or "everybody who may use sudo"
    elif "NOPASSWD" not in (rule.get("tags") or ()) or who == "root":
        return
    file = str(rule.get("file"))
    severity = Severity.HIGH if everything else Severity.MEDIUM
    if (view.ownership.owner(file.encode()) and file != "/etc/sudoers") or file.rpartition("/")[
        2
    ] == "90-cloud-init-users":
        severity = Severity.LOW
    yield NOPASSWD.finding(who, {"file": file, "rule": rule.get("rule")}, severity)


def _keys(access: Access) -> Iterator[Finding]:
    stray: dict[str, list[Mapping[str, Json]]] = {}
    for key in access.keys:
        if key.get("account") is False and not key.get("ignored"):
            stray.setdefault(str(key.get("file")), []).append(key)
    for file, keys in sorted(stray.items()):
        yield STRAY_KEY.finding(file, {"account": keys[0].get("owner"), **_comments(keys)})
    root = access.real_keys("root")
    if root:
        yield ROOT_KEYS.finding("root", {**_comments(root), "files": sorted({str(key.get("file")) for key in root})})


def _comments(keys: Sequence[Mapping[str, Json]]) -> dict[str, Json]:
    return {"keys": len(keys), "comments": sorted({str(key.get("comment")) for key in keys if key.get("comment")})[:10]}


FAMILY = Family(
    (
        SECOND_ROOT,
        EMPTY_PASSWORD,
        NOT_SEEN,
        NOPASSWD,
        IGNORED,
        LOGIN,
        BY_HAND,
        ROOT_KEYS,
        STRAY_KEY,
        GROUP,
    ),
    find,
)
