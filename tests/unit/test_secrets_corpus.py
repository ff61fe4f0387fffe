"""The redaction against a corpus: tokens of every shape, passwords in every kind of file, what a detector knows."""

import importlib
import pkgutil
import re
import string

import pytest
from detect_secrets import plugins
from detect_secrets.plugins.base import RegexBasedDetector
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driftscan.model.redaction import redact, redact_argv
from driftscan.scopes.texts.secrets import parts, read
from tests.unit.secrets_made import ANYWHERE, ENCODED, FILES, PASSWORDS, SETTINGS, SHAPES, drawn, planted

# Detectors whose pattern is no secret by itself: an address; a word beside a vendor's name, however it is spelled; the
# first line of a key without the key; a beginning so short that words have it, too.
UNTOLD = {
    "IPPublicDetector", "BasicAuthDetector", "CloudantDetector", "IbmCloudIamDetector", "IbmCosHmacDetector",
    "SoftlayerDetector", "PrivateKeyDetector", "ArtifactoryDetector", "JwtTokenDetector", "SlackDetector",
    "TwilioKeyDetector",
}  # fmt: skip
for _module in pkgutil.iter_modules(plugins.__path__):
    importlib.import_module(f"{plugins.__name__}.{_module.name}")
PATTERNS = {
    f"{detector.__name__} {number}": pattern
    for detector in RegexBasedDetector.__subclasses__()
    if detector.__name__ not in UNTOLD
    for number, pattern in enumerate(detector.denylist)
    if not pattern.pattern.startswith("aws.")  # a word beside a name, without a sign between them
}


def lost(secret: str, line: str) -> bool:
    """Whether a line is without its secret, as text, as a file that is kept, and in what a role carries of it."""
    kept = read(b"/etc/x.conf", line.encode(), keep=True).text or ""
    carried = "".join(part.text for part in parts(b"/etc/x.conf", line.encode()) if not part.name)
    return secret not in redact(line).text and secret not in kept and secret not in carried


@pytest.mark.parametrize("shape", SHAPES)
def test_a_token_is_known_by_its_shape_wherever_it_stands(shape: str) -> None:
    for seed in range(3):
        token = drawn(SHAPES[shape], seed)
        assert [kind for kind, line in planted(token, ANYWHERE) if not lost(token, line)] == []
        assert not any(token in word for word in redact_argv(["app", "--with", token, f"x={token}"]))


@pytest.mark.parametrize("kind", SETTINGS)
def test_a_password_is_known_by_its_place(kind: str) -> None:
    for password in PASSWORDS:
        line = SETTINGS[kind].replace("§", password)
        assert lost(password, line), redact(line).text
        before, _, after = SETTINGS[kind].partition("§")
        assert redact(line).text.startswith(before.partition("§")[0][:12])
        assert redact(redact(line).text).text == redact(line).text
        assert after == after.strip() or redact(line).text != before


@pytest.mark.parametrize("kind", ENCODED)
def test_what_is_drawn_by_lot_is_known_by_its_look(kind: str) -> None:
    secret = drawn("{b*43}=")
    assert secret not in (read(b"/etc/x.conf", ENCODED[kind].replace("§", secret).encode(), keep=True).text or "")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.decode())
def test_a_file_is_known_by_its_name(path: bytes) -> None:
    for password in PASSWORDS:
        data = FILES[path].replace("§", password).encode()
        assert password not in (read(path, data, keep=True).text or "")
        assert password not in "".join(part.text for part in parts(path, data) if not part.name)


@pytest.mark.parametrize("detector", PATTERNS)
def test_what_another_detector_knows(detector: str) -> None:
    pattern = PATTERNS[detector]

    @settings(max_examples=12, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.from_regex(pattern, fullmatch=True, alphabet=string.ascii_letters + string.digits + "-_=+/.:$"))
    def check(secret: str) -> None:
        assert redact(f"x {secret} y").text != f"x {secret} y"
        assert not re.search(pattern, redact(f"x {secret} y").text.replace("<secret", ""))

    check()
