"""Which algorithms of SSH are too weak to be used unless a host's inventory entry asks for them."""

from collections.abc import Iterable

WAY_OUT = "allow its old algorithms with `legacy_algorithms: true` in the inventory or --legacy-algorithms"
_WEAK_PARTS = ("sha1", "md5", "cbc", "arcfour", "ssh-rsa", "ssh-dss")  # ssh-rsa: RSA signatures over SHA-1


def weak(names: Iterable[str]) -> list[str]:
    """Return those of `names` that rest on SHA-1, MD5, CBC, RC4 or DSA; the name of an algorithm tells."""
    return [name for name in names if any(part in name for part in _WEAK_PARTS)]
