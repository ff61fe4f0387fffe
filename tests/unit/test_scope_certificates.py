from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from driftscan.explain.view import View
from driftscan.findings import certificates as family
from driftscan.model.item import Item
from driftscan.scopes._x509 import certificates
from driftscan.scopes.certificates import SCOPE
from tests.unit.handmade import TAKEN, manifest, snapshot
from tests.unit.scope_checks import garbled
from tests.unit.second_look import held, image, look_again, parsed, seen

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
END = datetime(2027, 1, 1, tzinfo=timezone.utc)
KEY = ec.generate_private_key(ec.SECP256R1())
SECRET = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
SECRET_DER = KEY.private_bytes(
    serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)


def made(subject: str, issuer: str = "", *, names: tuple[str, ...] = (), ca: bool = False) -> x509.Certificate:
    def name(common: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])

    builder = (
        x509.CertificateBuilder(name(issuer or subject), name(subject), KEY.public_key(), 17)
        .not_valid_before(START)
        .not_valid_after(END)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), critical=False
        )
    return builder.sign(KEY, hashes.SHA256())


def pem(found: x509.Certificate) -> bytes:
    return found.public_bytes(serialization.Encoding.PEM)


SHOP = made("shop.example", names=("shop.example", "www.shop.example"))
FILES: dict[str, bytes | str] = {
    "/etc/ssl/certs/shop.pem": pem(SHOP),
    "/etc/ssl/private/shop.key": SECRET,
    "/etc/ssl/certs/bundle.crt": pem(made("ca", ca=True)) * 20,
    "/etc/ssl/packaged.pem": pem(SHOP),
    "/etc/letsencrypt/archive/a/fullchain2.pem": pem(made("a", "r3")) + pem(made("r3", "root", ca=True)),
    "/etc/letsencrypt/archive/a/privkey2.pem": SECRET,
    "/etc/letsencrypt/live/a/fullchain.pem": "../../archive/a/fullchain2.pem",
    "/etc/haproxy/both.pem": pem(SHOP) + SECRET,
    "/etc/nginx/sites/a": b"ssl_certificate /etc/letsencrypt/live/a/fullchain.pem;\n",
    "/etc/nginx/sites/shop": b"ssl_certificate /etc/ssl/certs/shop.pem;\n",
    "/opt/app/server.der": SHOP.public_bytes(serialization.Encoding.DER),
    "/opt/app/server.crt": b"no certificate at all\n",
    "/opt/app/broken.crt": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "/opt/app/secret.der": SECRET_DER,
    "/opt/app/node_modules/x/test.pem": pem(SHOP),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return image(tmp_path_factory.mktemp("image"), FILES)


def test_certificates_of_an_image(root: Path) -> None:
    parsed_ = parsed(root, "certificates", seen(root, [manifest("p", b"/etc/ssl/packaged.pem")]))
    found = held("certificates", parsed_)
    assert sorted(found) == [
        "/etc/haproxy/both.pem",
        "/etc/letsencrypt/archive/a/fullchain2.pem",
        "/etc/letsencrypt/archive/a/fullchain2.pem#2",
        "/etc/ssl/certs/shop.pem",
        "/opt/app/server.der",
    ]
    shop = found["/etc/ssl/certs/shop.pem"].attributes
    assert shop["names"] == ["shop.example", "www.shop.example"]
    assert (shop["subject"], shop["serial"], shop["self_signed"], shop["ca"]) == ("CN=shop.example", "11", True, False)
    assert (shop["not_before"], shop["not_after"]) == ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z")
    assert shop["fingerprint"] == "sha256:" + SHOP.fingerprint(hashes.SHA256()).hex()
    assert (shop["key_path"], shop["used_by"]) == ("/etc/ssl/private/shop.key", ["/etc/nginx/sites/shop"])
    chain = found["/etc/letsencrypt/archive/a/fullchain2.pem"].attributes
    assert (chain["key_path"], chain["used_by"]) == ("/etc/letsencrypt/archive/a/privkey2.pem", ["/etc/nginx/sites/a"])
    assert chain["self_signed"] is False
    assert found["/etc/haproxy/both.pem"].attributes["key_path"] == "/etc/haproxy/both.pem"
    assert found["/opt/app/server.der"].attributes["fingerprint"] == shop["fingerprint"]
    assert parsed_.notes == ["bundles of authorities: 1, with 20 certificates; counted, not listed"]
    assert list(parsed_.unparsed) == ["certificates"]


def test_no_private_key_leaves_the_host(root: Path) -> None:
    for result in look_again(root, "certificates", seen(root)).values():
        shown = result.stdout + b"".join(file.data for file in result.files)
        assert SECRET.splitlines()[1] not in shown
        assert SECRET_DER[40:] not in shown


def test_without_a_tree_nothing_was_seen() -> None:
    assert [probe.name for probe in SCOPE.follow.probes(snapshot())] == ["tree"]


def test_a_name_is_one_line() -> None:
    (found,) = certificates(made("shop", names=("shop.ex\nBye", "b\x1b[2J")).public_bytes(serialization.Encoding.DER))
    assert found is not None
    assert found.names == ["shop.ex\\nBye", "b\\x1b[2J"]


@given(data=st.binary(max_size=200))
def test_whatever_is_in_a_file(data: bytes) -> None:
    list(certificates(data))
    list(certificates(b"\x30" + data))
    list(certificates(b"-----BEGIN CERTIFICATE-----\n" + data + b"\n-----END CERTIFICATE-----"))


@settings(deadline=None, max_examples=60)
@given(at=st.integers(0, 500), byte=st.integers(0, 255))
def test_a_certificate_with_a_wrong_byte(at: int, byte: int) -> None:
    der = bytearray(SHOP.public_bytes(serialization.Encoding.DER))
    der[at % len(der)] = byte
    list(certificates(bytes(der)))


@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_whatever_arrives(root: Path, data: st.DataObject) -> None:
    if not _CACHE:
        _CACHE.append((seen(root), look_again(root, "certificates", seen(root))))
    first, results = _CACHE[0]
    held("certificates", SCOPE.follow.parse(first, data.draw(garbled(results))))


_CACHE: list = []


def cert(path: str, days: float, **more: object) -> Item:
    end = (TAKEN + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    plain = {"path": path, "subject": "CN=a", "not_before": "2020-01-01T00:00:00Z", "not_after": end, "names": []}
    return Item(
        "certificates", path, {**plain, "self_signed": False, "ca": False, "used_by": [], "key_path": "", **more}
    )


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (cert("/a", 300), []),
        (cert("/a", -1, used_by=["/etc/x"]), ["high certificate-ended"]),
        (cert("/a", -1), ["low certificate-ended"]),
        (cert("/a", 12, key_path="/k"), ["medium certificate-ends"]),
        (cert("/a", 12, self_signed=True), ["low certificate-ends"]),
        (cert("/a", 29, key_path="/k", not_before="2026-10-31T00:00:00Z"), []),
        (cert("/a", 300, self_signed=True), ["low certificate-self-signed"]),
        (cert("/a", 300, self_signed=True, ca=True), []),
        (cert("/a", 300, self_signed=True, ca=True, names=["a"], used_by=["/etc/x"]), ["low certificate-self-signed"]),
        (cert("/a", 300, not_after="garbage"), []),
    ],
)
def test_findings(item: Item, said: list[str]) -> None:
    found = family.FAMILY.find(View(snapshot([item])))
    assert [f"{one.severity.value} {one.rule}" for one in found] == said


def test_one_that_was_renewed_says_nothing() -> None:
    items = [cert("/archive/cert1.pem", -100), cert("/archive/cert2.pem", 60)]
    assert list(family.FAMILY.find(View(snapshot(items)))) == []
