"""Whether a word looks drawn by lot, and what tells that it is a public number all the same."""

import re
from itertools import pairwise

HEXADECIMAL = re.compile(r"[0-9a-f]{32,}|[0-9A-F]{32,}")
_MOST_DIGITS = 256  # hexadecimal ones of a secret: a longer number is a prime, a certificate
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# What stands beside a public number: a checksum, the name of a version, a fingerprint.
PUBLIC_NUMBER = re.compile(
    r"sha-?\d|md5|digest|signature|checksum|hash|integrity|fingerprint|uuid|serial|commit|revision|signed-by|key-?id|gpg|"
    r"(?:^|[\s,])(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2|sk-(?:ssh|ecdsa))",
    re.IGNORECASE,
)


def is_random(word: str) -> bool:
    """Whether a long word looks drawn by lot: hexadecimal, or capitals, small letters and digits in a muddle."""
    if _UUID.fullmatch(word):
        return False
    if HEXADECIMAL.fullmatch(word):
        return len(set(word)) >= 8 and not word.isdigit() and len(word) <= _MOST_DIGITS
    kinds = ["d" if char.isdigit() else "u" if char.isupper() else "l" if char.islower() else "" for char in word]
    if not {"d", "u", "l"} <= set(kinds) or word.count("/") > len(word) // 10:
        return False
    changes = sum(1 for one, other in pairwise(kinds) if one and other and one != other)
    digits = kinds.count("d")
    return changes * 10 >= len(word) * (4 if digits == 1 else 2.5) and len(set(word)) >= 12
