"""Certificates as a host keeps them, in PEM or DER, read into plain values."""

import binascii
import re
import warnings
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes

from driftscan.model.text import shown, text

_BLOCK = re.compile(rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----([A-Za-z0-9+/=\s]{1,65536}?)-----END ")
_STRANGE = (
    ValueError,
    TypeError,
    LookupError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
_NAMES = 100  # of one certificate


class Certificate(NamedTuple):
    """What a certificate says; times are ISO 8601 in UTC, `serial` is hexadecimal, `fingerprint` is `sha256:hex`."""

    subject: str
    issuer: str
    names: list[str]
    not_before: str
    not_after: str
    serial: str
    self_signed: bool
    ca: bool
    fingerprint: str


def certificates(data: bytes) -> Iterator[Certificate | None]:
    """Yield the certificates in `data` in their order, None for one that cannot be understood."""
    if data.startswith(b"\x30"):
        yield _certificate(data)
        return
    for block in _BLOCK.findall(data):
        yield _decoded(block)


def _decoded(block: bytes) -> Certificate | None:
    try:
        return _certificate(binascii.a2b_base64(block))
    except binascii.Error:
        return None


def _certificate(der: bytes) -> Certificate | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is odd about a host's certificate is no matter of ours
            return _read(x509.load_der_x509_certificate(der))
    except _STRANGE:
        return None


def _read(found: x509.Certificate) -> Certificate:
    return Certificate(
        subject=_clean(found.subject.rfc4514_string()),
        issuer=_clean(found.issuer.rfc4514_string()),
        names=_alternatives(found),
        not_before=_time(found.not_valid_before_utc),
        not_after=_time(found.not_valid_after_utc),
        serial=f"{found.serial_number:x}",
        self_signed=found.subject == found.issuer and _signed_itself(found),
        ca=_is_ca(found),
        fingerprint=f"sha256:{found.fingerprint(hashes.SHA256()).hex()}",
    )


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _clean(said: str) -> str:
    """Return a name in one line: a host's certificate may say anything, a name on it has no newline."""
    return shown(text(said.encode("utf-8", "surrogatepass")))[:1000]


def _signed_itself(found: x509.Certificate) -> bool:
    """Whether the signature is its own; where the algorithm is too old to tell, the equal names have to do."""
    try:
        found.verify_directly_issued_by(found)
    except InvalidSignature:
        return False
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return True
    return True


def _is_ca(found: x509.Certificate) -> bool:
    try:
        return found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def _alternatives(found: x509.Certificate) -> list[str]:
    """Return the host names, addresses and mail addresses that it is valid for."""
    try:
        told = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    kinds = (x509.DNSName, x509.IPAddress, x509.RFC822Name, x509.UniformResourceIdentifier)
    return [_clean(str(name.value)) for name in told if isinstance(name, kinds)][:_NAMES]
