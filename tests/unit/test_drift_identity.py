"""What a host has of its own: found in the snapshot, replaced as whole words, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftscan.drift.identity import Identity, identity
from driftscan.model.item import Item, Json
from driftscan.model.snapshot import Snapshot
from tests.unit.handmade import leaf, snapshot, tree

MACHINE_ID = "0123456789abcdef0123456789abcdef"
BOOT_ID = "11111111-2222-3333-4444-555555555555"


def network(key: str, **attributes: Json) -> Item:
    return Item("network", key, attributes)


def host(name: str = "web7", *more: Item) -> Snapshot:
    items = [
        Item("system", "hostname", {"fact": "hostname", "value": name}),
        network("address eth0 10.0.0.7/24", kind="address", value="10.0.0.7/24", live=True),
        network("address eth0 2001:db8::7/64", kind="address", value="2001:db8::7/64", live=True),
        network("address lo 127.0.0.1/8", kind="address", value="127.0.0.1/8", live=True),
        network("interface eth0", kind="interface", value="ether", mac="72:d2:cf:ea:74:ab"),
        network("interface lo", kind="interface", value="loopback", mac="00:00:00:00:00:00"),
        Item("kernel", "sysctl kernel.random.boot_id", {"kind": "sysctl", "live": BOOT_ID}),
        Item("mounts", "/", {"target": "/", "source": "/dev/vda1", "fstab_source": f"UUID={BOOT_ID[::-1]}"}),
        *more,
    ]
    files = tree(leaf(b"var/log/journal/" + MACHINE_ID.encode(), b"d755 0 0"))
    return snapshot(items, files=files, host=name)


@pytest.mark.parametrize(
    ("said", "neutral"),
    [
        ("web7", "<hostname>"),
        ("root@web7:/srv", "root@<hostname>:/srv"),
        ("web7.example.org", "<hostname>.example.org"),
        ("WEB7", "<hostname>"),
        ("/var/lib/web7.conf", "/var/lib/<hostname>.conf"),
        ("vg-web7-root", "vg-<hostname>-root"),
        ("web70 xweb7 web7_x", "web70 xweb7 web7_x"),
        ("10.0.0.7", "<address>"),
        ("listen 10.0.0.7:80", "listen <address>:80"),
        ("10.0.0.7/24, 10.0.0.70, 110.0.0.7, 10.0.0.7.1", "<address>/24, 10.0.0.70, 110.0.0.7, 10.0.0.7.1"),
        ("It is 10.0.0.7.", "It is <address>."),
        ("[2001:db8::7]:80", "[<address>]:80"),
        ("2001:db8::70 2001:db8::7:1", "2001:db8::70 2001:db8::7:1"),
        ("127.0.0.1 0.0.0.0 ::1", "127.0.0.1 0.0.0.0 ::1"),
        ("72:D2:cf:ea:74:ab", "<mac>"),
        ("enx72d2cfea74ab", "<mac>"),
        ("00:00:00:00:00:00", "00:00:00:00:00:00"),
        (f"/var/log/journal/{MACHINE_ID}/system", "/var/log/journal/<machine-id>/system"),
        (BOOT_ID, "<boot-id>"),
        (f"root=UUID={BOOT_ID[::-1]}", "root=UUID=<disk of />"),
    ],
)
def test_whole_words_alone_are_replaced(said: str, neutral: str) -> None:
    assert identity(host()).neutral(said) == neutral


@pytest.mark.parametrize("name", ["localhost", "", "7", "x"])
def test_some_names_are_nobodys(name: str) -> None:
    assert identity(host(name)).neutral(f"localhost {name} 7 x") == f"localhost {name} 7 x"


def test_a_name_that_is_a_plain_word_is_not_sought_in_compounds() -> None:
    assert (
        identity(host("mail")).neutral("mail mail-server xmail mail.example")
        == "<hostname> mail-server xmail <hostname>.example"
    )


def test_a_name_with_its_domain_leaves_the_domain() -> None:
    assert identity(host("web7.example.org")).neutral("web7.example.org") == "<hostname>.example.org"


@pytest.mark.parametrize(
    ("scope", "key", "own"),
    [
        ("files", "/etc/machine-id", True),
        ("contents", "/etc/hostname", True),
        ("files", "/etc/ssh/ssh_host_ed25519_key.pub", True),
        ("files", "/etc/shadow", True),
        ("files", "/etc/ssh/sshd_config", False),
        ("files", "/etc/profile", False),
        ("files", "/etc/nginx/web7.pem", True),
        ("certificates", "/etc/nginx/web7.pem", True),
        ("certificates", "/etc/nginx/shop.pem", False),
        ("system", "hostname", True),
        ("system", "timezone", False),
        ("kernel", "sysctl kernel.hostname", True),
        ("services", "hostname", False),
    ],
)
def test_what_every_host_has_its_own_of(scope: str, key: str, own: bool) -> None:
    certificates = [
        Item("certificates", path, {"path": path, "subject": "CN=x", "names": names, "key_path": ""})
        for path, names in (
            ("/etc/nginx/web7.pem", ["web7.example.org", "web7"]),
            ("/etc/nginx/shop.pem", ["web7.example.org", "shop.example.org"]),
        )
    ]
    assert identity(host("web7", *certificates)).is_own(scope, key) is own


@given(st.text(max_size=80))
def test_what_is_nobodys_stays(said: str) -> None:
    assert Identity({}).neutral(said) == said
    found = identity(host())
    assert found.neutral(found.neutral(said)) == found.neutral(said)


def test_values_of_all_kinds() -> None:
    told = {"web7": ["web7", 7, None, {"a": "10.0.0.7"}]}
    assert identity(host()).neutral_json(told) == {"<hostname>": ["<hostname>", 7, None, {"a": "<address>"}]}
