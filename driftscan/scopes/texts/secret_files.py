"""What the name of a file tells of the secrets in it."""

import re

_WORDS = frozenset(
    (
        b"key keys keyfile apikey secret secrets secretkey credential credentials creds token tokens "
        b"password passwords passwort passphrase htpasswd license licence lic"
    ).split()
)
_OTHERS = frozenset(b"authorized known public trusted pub".split())  # keys of others are no secret
_HINT = re.compile(rb"key|secret|cred|token|pass|lic", re.IGNORECASE)  # one of these is in each of the words
_SPLIT = re.compile(rb"[^A-Za-z]+")
_PUBLIC = re.compile(
    rb"\.(?:pub|md|rst|html?|py|rb|js|ts|go|php|pl|sh|c|h|java|conf|cfg|ini|ya?ml|toml|json|xml|service|std(?:out|err)|out|lock|map|dist|example|sample|template|tmpl)$"
)
_EXAMPLE = re.compile(
    rb"(?:^|[/._-])(?:examples?|samples?|tests?|testdata|fixtures|template|tmpl|dist|skel)(?:[/._-]|$)"
)
_HISTORY = re.compile(rb"/\.(?:\w{1,16}_history|history|\w{0,16}hist(?:file)?|zhistory|lesshst|viminfo)$")

_KEYSTORE = re.compile(rb"\.(?:jks|jceks|bcfks|p12|pfx|keytab|kdbx?|ppk)$|/(?:secring\.gpg|\.keystore)$", re.IGNORECASE)
# Files of which every line is one, whatever it looks like.
_ALL_SECRET = re.compile(
    rb"/(?:(?:sasl|relay|smtp)_?passwd(?:\.\w{2,4})?|passwd\.client|\.mylogin\.cnf|\.cvspass|\.?smbpasswd"
    rb"|(?:user-?)?(?:pass|passwd|auth)\.txt|svn\.(?:simple|ssl\.client-passphrase)/[0-9a-f]{32})$"
)
_TRUSTED = re.compile(rb"cacerts|trust", re.IGNORECASE)


def names_secret(name: bytes) -> bool:
    """Whether a file called `name` (without its directory) is, by that, one secret as a whole.

    Formats in which values have names are not: there each value is judged by its own.
    """
    if not _HINT.search(name):
        return False
    lower = name.lower()
    words = _SPLIT.split(lower)
    return not _PUBLIC.search(lower) and not _WORDS.isdisjoint(words) and _OTHERS.isdisjoint(words)


def holds_secret(path: bytes) -> bool:
    """Whether `path` is, by its name or its place, that of a file that is one secret as a whole."""
    return names_secret(path.rpartition(b"/")[2]) or _ALL_SECRET.search(path) is not None


def is_history(path: bytes) -> bool:
    """Whether `path` is where a shell or a client writes down what was typed."""
    return _HISTORY.search(path) is not None


def is_keystore(path: bytes) -> bool:
    """Whether `path` holds keys in a form of its own; stores of certificates that are trusted do not."""
    return _KEYSTORE.search(path) is not None and not _TRUSTED.search(path.rpartition(b"/")[2])


def is_example(path: bytes) -> bool:
    """Whether `path` says that what is in it is made up."""
    return _EXAMPLE.search(path) is not None
