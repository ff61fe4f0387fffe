"""Who may do what on the host: users, groups, sudo rules, keys that log in; one item each, told apart by `kind`."""

from collections.abc import Container, Iterator, Mapping

from driftscan.model.item import Column, Item, Json
from driftscan.model.redaction import redact
from driftscan.model.text import shown
from driftscan.scopes._common import blind_spots, not_understood, numbered
from driftscan.scopes.base import ItemScope, Parsed, Results
from driftscan.scopes.logins import authorized_keys, lastlog, login_files, makers, passwd, sudoers

_COLUMNS = (
    Column(
        "kind",
        "text",
        "user, group, key (in an authorized_keys file), sudo (one rule of sudoers), sudo-default (one setting of "
        "sudoers), sudoers-file",
    ),
    Column("name", "text", "Name of the user or group"),
    Column("uid", "integer", "User id", golden=True),
    Column("gid", "integer", "Group id, of a user that of the primary group", golden=True),
    Column("groups", "json", "Names of a user's groups, the primary one first"),
    Column(
        "members",
        "json",
        "Names of a group's members, without those whose primary group it is",
        golden=True,
        usual=(None, []),
    ),
    Column("home", "text", "Home directory", golden=True),
    Column("shell", "text", "Login shell", golden=True),
    Column("gecos", "text", "Full name and the like"),
    Column(
        "password",
        "text",
        "set, empty (anybody may log in), locked (! before it), or none (no password can match); nothing when the file "
        "of passwords could not be read. The hash itself never leaves the host",
        golden=True,
    ),
    Column("password_scheme", "text", "How the password is hashed: y (yescrypt), 6 (SHA-512), 1 (MD5), des …"),
    Column("password_changed", "text", "Day of the last change of the password", golden=True),
    Column(
        "must_change",
        "boolean",
        "Whether the password must be changed at the next login",
        golden=True,
        usual=(None, False),
    ),
    Column("expires", "text", "Day from which on the account is closed", golden=True, usual=(None,)),
    Column("last_login", "text", "Time of the last login, in UTC; nothing when never or not recorded", volatile=True),
    Column("file", "text", "File that the key, the sudo rule or the setting stands in"),
    Column(
        "who",
        "text",
        "Users and %groups of the sudo rule, aliases written out; of a setting, what it is limited to",
    ),
    Column("hosts", "text", "Hosts that the sudo rule is for, aliases written out"),
    Column("runas", "text", "USERS:GROUPS that the commands may be run as, aliases written out"),
    Column("tags", "json", "Tags and options of the sudo rule: NOPASSWD, SETENV, CWD=/x …"),
    Column(
        "commands",
        "json",
        "Commands of the sudo rule, aliases written out; ! before those that are forbidden",
    ),
    Column("rule", "text", "The sudo rule or setting as it is written, without needless spaces"),
    Column("owner", "text", "Name of the account that the key opens"),
    Column("account", "boolean", "Whether an account of that name exists"),
    Column("fingerprint", "text", "SHA256 fingerprint of the key; nothing when its base64 cannot be decoded"),
    Column("key_type", "text", "Type of the key, such as ssh-ed25519"),
    Column("bits", "integer", "Size of the key"),
    Column("comment", "text", "Comment behind the key"),
    Column(
        "options",
        "json",
        "Options before the key, such as no-pty or from=…; values of variables are left out",
        golden=True,
        usual=(None, []),
    ),
    Column("ignored", "boolean", "Whether sudo or sshd passes the file over", golden=True, usual=(None, False)),
    Column("why", "text", "Why it is ignored, or why a key is no real one"),
    Column(
        "declared",
        "text",
        "Script or list of an installed package that speaks of the user or group: it may have made it",
    ),
)
_NAMES = tuple(column.name for column in _COLUMNS)


def _parse(results: Results) -> Parsed:
    accounts = passwd.read(results)
    denied, unparsed = blind_spots(results)
    for probe, lines in accounts.strange.items():
        unparsed[probe] = not_understood(lines)
    logins = lastlog.read(results, ((user.name, user.uid) for user in accounts.users))
    speakers = makers.makers(results)
    items = [*_users(accounts, logins, speakers), *_groups(accounts, speakers)]
    items += _sudo(results, unparsed)
    items += _keys(results, {user.name for user in accounts.users}, unparsed)
    hidden = [shown(path) for kind, _, path in login_files.records(results) if kind == "hidden"]
    if hidden:
        denied[login_files.KEYS.name] = ", ".join(filter(None, [denied.get(login_files.KEYS.name), *hidden]))
    notes = login_files.notes(results)
    if accounts.included:
        notes.append("the account files include a directory service (lines with + or -), which is not asked")
    keys = numbered(key for key, _, _ in items)
    return Parsed(
        items=[_item(key, facts, login) for key, (_, facts, login) in zip(keys, items, strict=True)],
        unparsed=unparsed,
        denied=denied,
        notes=notes,
    )


_Found = tuple[str, Mapping[str, Json], "str | None"]  # key, attributes that are not None, last login


def _item(key: str, facts: Mapping[str, Json], login: str | None) -> Item:
    attributes = {name: facts.get(name) for name in _NAMES if name != "last_login"}
    return Item("accounts", key, attributes, {"last_login": login})


def _users(accounts: passwd.Accounts, logins: Mapping[str, str], makers: Mapping[str, str]) -> Iterator[_Found]:
    for user in accounts.users:
        facts = {
            "kind": "user",
            "name": user.name,
            "uid": user.uid,
            "gid": user.gid,
            "groups": user.groups,
            "home": user.home,
            "shell": user.shell,
            "gecos": user.gecos,
            "declared": makers.get(user.name),
            **_password(user.password),
        }
        yield f"user {user.name}", facts, logins.get(user.name)


def _groups(accounts: passwd.Accounts, makers: Mapping[str, str]) -> Iterator[_Found]:
    for group in accounts.groups:
        facts = {
            "kind": "group",
            "name": group.name,
            "gid": group.gid,
            "members": group.members,
            "declared": makers.get(group.name),
            **_password(group.password),
        }
        yield f"group {group.name}", facts, None


def _password(password: passwd.Password) -> dict[str, Json]:
    return {
        "password": password.state,
        "password_scheme": password.scheme or None,
        "password_changed": password.changed,
        "must_change": password.must_change,
        "expires": password.expires,
    }


def _sudo(results: Results, unparsed: dict[str, str]) -> Iterator[_Found]:
    files = login_files.files(results, login_files.SUDOERS)
    hostname = login_files.files(results, login_files.NSSWITCH).get("/etc/hostname", "").strip()
    found = sudoers.parse(files, "/etc/sudoers", hostname)
    if found.strange:
        unparsed[login_files.SUDOERS.name] = f"not understood: {', '.join(map(shown, found.strange[:20]))}"
    for rule in found.rules:
        facts = {
            "kind": "sudo",
            "file": rule.file,
            "who": ", ".join(rule.who),
            "hosts": ", ".join(rule.hosts),
            "runas": rule.runas,
            "tags": list(rule.tags),
            "commands": [redact(command).text for command in rule.commands],
            "rule": rule.head + ", ".join(redact(command).text for command in rule.written),
            "ignored": False,
        }
        yield f"sudo {rule.file}: {facts['rule']}", facts, None
    for default in found.defaults:
        setting = redact(default.setting).text
        facts = {"kind": "sudo-default", "file": default.file, "who": default.scope, "rule": setting}
        yield f"sudo-default {default.file}: Defaults{default.scope} {setting}", facts, None
    for file in found.files:
        facts = {
            "kind": "sudoers-file",
            "file": file.file,
            "ignored": file.why if file.why is None else bool(file.why),
            "why": file.why,
        }
        yield f"sudoers-file {file.file}", facts, None


def _keys(results: Results, names: Container[str], unparsed: dict[str, str]) -> Iterator[_Found]:
    files = login_files.files(results, login_files.KEYS)
    strange: dict[str, None] = {}
    for (owner, path), why in login_files.key_files(results).items():
        keys, lines = authorized_keys.parse(files.get(path, ""))
        strange.update((f"{path}:{line}", None) for line in lines)
        for key in keys:
            facts = {
                "kind": "key",
                "file": path,
                "owner": owner,
                "account": owner in names,
                "fingerprint": key.fingerprint,
                "key_type": key.type,
                "bits": key.bits,
                "comment": key.comment,
                "options": key.options,
                "ignored": bool(why),
                "why": "; ".join(filter(None, [key.fault, why])),
            }
            yield f"key {owner} {key.fingerprint or key.comment} {path}", facts, None
    if strange:
        unparsed[login_files.KEYS.name] = f"not understood: {', '.join(map(shown, list(strange)[:20]))}"


SCOPE = ItemScope(
    name="accounts",
    doc="Users, groups, sudo rules and the keys that log in",
    columns=_COLUMNS,
    probes=(*passwd.PROBES, makers.MAKERS, *lastlog.PROBES, *login_files.PROBES),
    parse=_parse,
    golden=lambda item: item.attributes.get("kind") != "sudoers-file",  # its rules are told one by one
)
