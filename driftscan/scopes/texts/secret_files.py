"""What the name of a file tells of the secrets in it."""

import re

_WORDS = frozenset(
    (
        b"key keys keyfile apikey secret secrets secretkey credential credentials creds token tokens "
        b"password passwords passwort passphrase htpasswd license licence lic"
    ).split()
)
_OTHERS = frozenset(b"authorized known public trusted pub".split())  # keys of others are no secret
_SPLIT = re.compile(rb"[^A-Za-z]+")
_PUBLIC = re.compile(
    rb"\.(?:pub|md|rst|html?|py|rb|js|ts|go|php|pl|sh|c|h|java|conf|cfg|ini|ya?ml|toml|json|xml|service|std(?:out|err)|out|lock|map|dist|example|sample|template|tmpl)$"
)
_EXAMPLE = re.compile(
    rb"(?:^|[/._-])(?:examples?|samples?|tests?|testdata|fixtures|template|tmpl|dist|skel)(?:[/._-]|$)"
)
_HISTORY = re.compile(rb"/\.(?:\w{1,16}_history|history|\w{0,16}hist(?:file)?|zhistory|lesshst|viminfo)$")

_KEYSTORE = re.compile(rb"\.(?:jks|jceks|bcfks|p12|pfx|keytab|kdbx?|ppk)$|/(?:secring\.gpg|\.keystore)$", re.IGNORECASE)
_TRUSTED = re.compile(rb"cacerts|trust", re.IGNORECASE)


def names_secret(name: bytes) -> bool:
    """Whether a file called `name` (without its directory) is, by that, one secret as a whole.

    Formats in which values have names are not: there each value is judged by its own.
    """
    lower = name.lower()
    words = _SPLIT.split(lower)
    return not _PUBLIC.search(lower) and not _WORDS.isdisjoint(words) and _OTHERS.isdisjoint(words)


def is_history(path: bytes) -> bool:
    """Whether `path` is where a shell or a client writes down what was typed."""
    return _HISTORY.search(path) is not None


def is_keystore(path: bytes) -> bool:
    """Whether `path` holds keys in a form of its own; stores of certificates that are trusted do not."""
    return _KEYSTORE.search(path) is not None and not _TRUSTED.search(path.rpartition(b"/")[2])


def is_example(path: bytes) -> bool:
    """Whether `path` says that what is in it is made up."""
    return _EXAMPLE.search(path) is not None
