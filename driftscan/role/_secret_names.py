"""What the secrets of a role are called: by what they are and where they stand, so that a person knows them."""
# ruff: noqa: SIM905 (words are read as words)

import re
from collections.abc import Iterator

MOST = 40  # characters of a variable's name
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_HOME = re.compile(r"/(?:var/)?home/([^/]+)/|/(root)/")
_ENDING = re.compile(
    r"\.(?:conf|cfg|cnf|config|ini|ya?ml|json|toml|xml|env|properties|plist|service|timer|socket|sh|bash|py|rb|php|pl|js"
    r"|list|local|txt|sql|key|pem|crt|bak|old|orig|dist|in|d)$"
)
# Words that many secrets have in their names: without the place nobody would know which one is meant.
_GENERIC = frozenset(
    """
    a access account admin api auth authorization authtoken bearer client community cookie credential credentials
    crypt db dsa ecdsa ed25519 encryption file full hash hmac id jwt key keys license live login master my name pass
    passphrase passwd password passwords pgpassword private pw pwd requirepass rsa secret secrets shared signing the
    token tokens user username value x
    """.split()
)
# Files and directories whose names say nothing of what they are for.
_ANYWHERE = frozenset(
    """
    active app application available bin conf config configs configuration current data default defaults dot env
    environment etc git home host include index lib local main mnt multi my opt override private profile profiles
    prod production release releases root run sbin secret secrets server settings shared site sites srv ssh ssl sys
    system systemd target auth credentials enabled bashrc zshrc cron crontabs spool tmp usr user users var wants www
    0 1
    """.split()
)
# What Ansible or Jinja mean by a name; names without an underscore are made longer in any case.
_RESERVED = re.compile(
    r"ansible_.*|inventory_.*|group_names|host_?vars|group_?vars|play_hosts|role_(?:names?|path)|playbook_dir"
    r"|remote_user|become_.*|no_log|any_errors_fatal|run_once|ignore_errors|ignore_unreachable|check_mode|module_defaults"
    r"|gather_.*|vars_.*|force_handlers|max_fail_percentage|local_action|loop_.*|delegate_.*|async_.*|changed_when|failed_when"
)


def candidates(what: str, path: str) -> Iterator[str]:
    """Yield names for the secret called `what` in the file at `path`, the best first, without end."""
    words = _words(what)
    home, near = _place(path, words)
    names = [((home or near) if _generic(words) else []) + words, home + near + words]
    for name in names:
        yield _spelled(name)
    number = 2
    while True:
        yield f"{_spelled(names[-1])[: MOST - 4].rstrip('_')}_{number}"
        number += 1


def is_generic(what: str) -> bool:
    """Whether many secrets are called `what`."""
    return _generic(_words(what))


def slug(name: str) -> str:
    """Return `name` as a variable can be called: small letters, digits and underscores, a letter first."""
    return _spelled(_words(name))


def _words(name: str) -> list[str]:
    found = re.findall("[a-z0-9]+", _CAMEL.sub("_", name).lower())
    return [word for word in found if word] or ["secret"]


def _generic(words: list[str]) -> bool:
    return all(word in _GENERIC or word.isdigit() for word in words)


def _place(path: str, what: list[str]) -> tuple[list[str], list[str]]:
    """Return words for where a file lies: whose home that is, and the nearest name that tells."""
    match = _HOME.match(path)
    home = _words(match[1] or match[2]) if match else []
    for step in reversed(path[match.end() if match else 0 :].split("/")):
        name = _ENDING.sub("", step.strip("."))
        telling = [word for word in _words(name) if word not in _ANYWHERE and not word.isdigit()]
        if name and telling and telling != what and not _generic(telling):
            return home, [word for word in telling if word not in home]
    return home, [] if home else _words(_ENDING.sub("", path.rpartition("/")[2].strip(".")))


def _spelled(words: list[str]) -> str:
    """Return words as one name, each once in a row, as many as there is room for."""
    name = ""
    for at, word in enumerate(words):
        if at and word == words[at - 1]:
            continue
        longer = f"{name}_{word}".strip("_")
        if len(longer) > MOST - 6 and name:
            break
        name = longer[: MOST - 6]
    name = name if re.match("[a-z]", name) else f"secret_{name}"
    return f"{name}_value" if "_" not in name or _RESERVED.fullmatch(name) else name
