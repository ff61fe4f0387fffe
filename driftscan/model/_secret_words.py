"""What a secret looks like by its name and by its value, and what takes its place."""

import re

PLACEHOLDER = re.compile(r"<secret:[\w.-]+>")

IN_SECRET_NAMES = (
    "pass",
    "pw",
    "secret",
    "token",
    "key",
    "auth",
    "psk",
    "credential",
    "salt",
)  # one is in every secret's name

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SEPARATOR = re.compile(r"[_.\-]+")
_ENDINGS = ("password", "passwd", "passphrase", "passcode", "secret", "token", "apikey", "authtok", "passwort")
_LAST = {
    "pass",
    "pwd",
    "pw",
    "psk",
    "credential",
    "credentials",
    "authkey",
    "privatekey",
    "presharedkey",
    "secretkey",
    "accountkey",
}
_WHOLE = {
    "requirepass",
    "masterauth",
    "bindpw",
    "rootpw",
    "dbpw",
    "dbpass",
    "userpass",
    "smbpass",
    "ftppass",
    "auth_pass",
    "storepass",
    "keypass",
    "srcstorepass",
    "deststorepass",
    "smtppass",
    "mailpass",
}
_KEY_KINDS = {
    "access", "account", "api", "auth", "client", "encryption", "hmac", "jwt", "license", "logged", "master", "nonce",
    "preshared", "private", "secret", "shared", "signing", "storage", "symmetric",
}  # fmt: skip
_SALTED = {"auth", "hash", "logged", "nonce", "password", "secret", "secure"}
_PASS_SUFFIXES = {"hash", "key", "base", "value", "string", "encrypted", "crypt", "crypted"}
# `--no-password`, `AskPassword`, `minimum_token`: such names say what is done about a secret, not the secret.
_NO_VALUE = {
    "allow", "ask", "change", "check", "disable", "enable", "has", "import", "is", "load", "max", "min", "no",
    "prompt", "require", "set", "show", "use", "verify", "without",
}  # fmt: skip

_VARIABLE = re.compile(
    r"""\$\{[A-Za-z_]\w*\} | \$[A-Z_]+ | \$[a-z_]+ | \$\( .* | ` .* | \{\{ .* \}\} | \{\w*\} | %\(\w+\)s | %[a-zA-Z]
      | (?: \\?\$\{[^{}]*\} | \\[~$] )+ | \$\w+(?:::\w+)+
      | %\{\w+\} | @\w+@ | <[^<>]*> | \[[^\[\]]*\] | \*+ | [xX]+ | \.+ | [a-z_]{3,}(?:\.[a-z_]+)*\([\w.,'" $-]*\)""",
    re.VERBOSE,
)
_WORD = re.compile(
    r"(?:true|false|yes|no|on|off|all|any|none|null|nil|undefined|ask|prompt|auto|default|enabled?|disabled?|str|bytes|string"
    r"|required|optional|requisite|sufficient|include|\d{1,2}|\W)",
    re.IGNORECASE,
)
# Only below directories that every system has: a base64 secret may well begin with a slash.
_PATH = re.compile(
    r"\$\{?\w+\}?(?:/[\w.@%+{}$*-]*)+#?"
    r"|(?:file:/{0,2}|~|\.{1,2})?/(?:path|etc|usr|var|run|home|opt|srv|root|dev|proc|sys|tmp|mnt|media|lib|bin|sbin|data|boot)"
    r"(?:/[\w.@%+{}$*-]*)*"
)
# Words that speak of a secret: a prompt, a description.
_PROSE = re.compile(
    r"(?=.*\b(?:password|passphrase|secret|token|key)\b)[a-z]{1,20}(?: [a-z]{1,20}){1,12}[.:]?", re.IGNORECASE
)
_NSS = re.compile(
    r"(?:(?:files|compat|db|nis|nisplus|systemd|sss|ldap|winbind|hesiod|cache|extrausers|\[[^\]]*\])(?:\s+|$))+"
)


def is_secret_name(name: str) -> bool:
    """Return whether what is called `name` (a variable, an option, a key, a header) is by its name a secret."""
    if name in {"PWD", "OLDPWD"}:
        return False
    whole = _CAMEL.sub("_", name.strip("-._ ")).lower()
    parts = [part for part in _SEPARATOR.split(whole) if part and not part.isdigit()]
    if not parts or parts[0] in _NO_VALUE or parts[-1].startswith("nopass"):
        return False
    last = parts[-1].rstrip("0123456789")
    joined = "".join(parts)
    if last in _LAST or last.endswith(_ENDINGS) or whole in _WHOLE or joined.endswith(("apikey", "passphrase")):
        return True
    if last in {"data", "base64", "b64"} and "key" in parts[:-1]:  # client-key-data
        parts, last = parts[: parts.index("key") + 1], "key"
    if last == "salt":
        return not _SALTED.isdisjoint(parts)
    if last in {"key", "keys"}:
        return bool(_KEY_KINDS.intersection(parts[:-1]))
    return last in _PASS_SUFFIXES and any(part.endswith(_ENDINGS) for part in parts[:-1])


def is_secret_value(value: str) -> bool:
    """Return whether `value` may be a secret: it is not if it is a placeholder, a variable, a truth value or a path."""
    value = value.strip()
    if not value or PLACEHOLDER.match(value):  # what follows on one is a bracket of the line, or a comma
        return False
    known = (_VARIABLE, _WORD, _PATH, _PROSE)
    return not any(pattern.fullmatch(value) for pattern in known)


def is_name_service(value: str) -> bool:
    """Return whether `value` is what follows `passwd:` in nsswitch.conf."""
    return bool(_NSS.fullmatch(value.strip()))


def placeholder(name: str, names: set[str]) -> str:
    """Return what stands where the secret called `name` stood, and note the name."""
    clean = re.sub(r"[^A-Za-z0-9_.]+", "_", name.strip("-'\" "))[:64].strip("_.") or "secret"
    names.add(clean)
    return f"<secret:{clean}>"
