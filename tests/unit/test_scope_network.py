"""The scope network: addresses and who configured them, names, and the firewall against its files."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftscan.model.outcome import HostFile, Outcome, ProbeResult
from driftscan.scopes.network import SCOPE
from driftscan.scopes.settings import firewall
from driftscan.scopes.settings.nftables import ruleset
from tests.unit.conftest import look
from tests.unit.scope_checks import Results, garbled, truncated, well_formed

LIVE = rb"""1: lo: <LOOPBACK,UP> mtu 65536 state UNKNOWN\    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
2: eth0@if9: <BROADCAST,UP> mtu 1500 state UP\    link/ether 4a:a4:55:f3:94:7d brd ff:ff:ff:ff:ff:ff
addresses
1: lo    inet 127.0.0.1/8 scope host lo\       valid_lft forever preferred_lft forever
2: eth0    inet 10.0.0.5/24 brd 10.0.0.255 scope global eth0\       valid_lft forever preferred_lft forever
2: eth0    inet 10.0.0.6/24 scope global secondary eth0\       valid_lft forever preferred_lft forever
2: eth0    inet6 2001:db8::5/64 scope global dynamic mngtmpaddr \       valid_lft 86391sec preferred_lft 14391sec
2: eth0    inet6 fe80::1/64 scope link \       valid_lft forever preferred_lft forever
routes
default via 10.0.0.1 dev eth0 onlink
10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.5
10.99.0.0/16 via 10.0.0.9 dev eth0
routes6
default via fe80::2 dev eth0 proto ra metric 1024 expires 1790sec hoplimit 64 pref medium
"""
FILES = b"""\0/etc/network/interfaces
auto lo eth0
iface eth0 inet static
  address 10.0.0.5/24
  gateway 10.0.0.1
"""
NFT = """table inet filter {
	chain input {
		type filter hook input priority filter; policy drop;
		iif "lo" accept
		ct state established,related accept
		tcp dport { 22, 80, 443 } accept
		ip saddr 10.0.0.0/8 counter accept
		tcp dport 5555 accept
	}
}
table ip nat {
	chain DOCKER {
		iifname "docker0" return
	}
}
"""
DISK = b"""#!/usr/sbin/nft -f
flush ruleset
define NETS = { 10.0.0.0/8 }
table inet filter {
  chain input { type filter hook input priority 0; policy drop;
    iif lo accept; ct state { related, established } accept
    tcp dport { https,
      ssh, 80 } accept # the web
    ip saddr $NETS counter packets 3 bytes 9 accept
    udp dport 53 accept
  }
}
"""
HOSTS = b"127.0.0.1 localhost\n::1 localhost ip6-localhost\n127.0.1.1 web1.x web1\n10.2.3.4\tdb.x db # old\n"


def host(live: str = NFT, disk: bytes = DISK) -> Results:
    shown = {
        "network-names": ((b"/etc/hosts", HOSTS), (b"/etc/resolv.conf", b"nameserver 10.0.0.1\nsearch x\n")),
        "firewall-files": ((b"/etc/nftables.conf", disk), (b"/etc/services", b"ssh 22/tcp\nhttps\t443/tcp\n")),
    }
    printed = {
        "network-live": LIVE,
        "network-files": FILES,
        "nftables-live": f"list\n{live}".encode(),
        "iptables-live": b"",
    }
    return {
        name: ProbeResult(name, Outcome.OK, files=tuple(HostFile(path, Outcome.OK, data) for path, data in files))
        for name, files in shown.items()
    } | {name: ProbeResult(name, Outcome.OK, stdout=body) for name, body in printed.items()}


def rules(results: Results) -> dict[str, tuple[bool | None, bool | None]]:
    parsed = SCOPE.parse(results)
    well_formed(SCOPE, parsed)
    return {
        item.key.removeprefix("firewall "): (item.attributes["live"], item.attributes["configured"])
        for item in parsed.items
        if item.attributes["kind"] in {"rule", "chain"}
    }


def test_what_configures_the_network() -> None:
    parsed = SCOPE.parse(host())
    well_formed(SCOPE, parsed)
    found = {item.key: item.attributes for item in parsed.items}
    assert found["interface eth0"]["file"] == "/etc/network/interfaces"
    assert found["address eth0 10.0.0.5/24"]["configured"] is True
    assert found["address eth0 10.0.0.6/24"]["configured"] is False
    assert found["address eth0 2001:db8::5/64"]["automatic"] is True
    assert not any("fe80::1" in key for key in found)
    assert found["route default via 10.0.0.1 dev eth0 onlink"]["configured"] is True
    assert found["route 10.99.0.0/16 via 10.0.0.9 dev eth0"]["configured"] is False
    assert found["route default via fe80::2 dev eth0 proto ra metric 1024"]["automatic"] is True
    assert [key for key, one in found.items() if one["kind"] == "host" and not one["automatic"]] == [
        "host /etc/hosts db.x",
        "host /etc/hosts db",
    ]
    assert found["resolver nameserver 10.0.0.1"]["automatic"] is False


def test_rules_on_either_side() -> None:
    found = rules(host())
    assert {key: sides for key, sides in found.items() if sides != (True, True)} == {
        "nft inet filter input tcp dport 5555 accept": (True, False),
        "nft inet filter input udp dport 53 accept": (False, True),
        "nft ip nat DOCKER iifname docker0 return": (True, False),
    }
    assert "nft inet filter input policy drop" in found


@pytest.mark.parametrize(
    "disk",
    [
        b'include "/opt/rules.nft"\n',
        b"table inet filter {\n",
        b"table inet filter { chain input { tcp dport $X accept } }",
        b"do what I mean\n",
    ],
)
def test_a_file_in_doubt_is_no_finding(disk: bytes) -> None:
    parsed = SCOPE.parse(host(disk=disk))
    assert set(rules(host(disk=disk)).values()) == {(True, None)}
    assert any("was not understood" in note for note in parsed.notes)


def test_what_nobody_could_list_is_unknown() -> None:
    results = host()
    results["nftables-live"] = ProbeResult("nftables-live", Outcome.DENIED, stdout=b"list\n")
    assert set(rules(results).values()) == {(None, True)}
    results["nftables-live"] = ProbeResult("nftables-live", Outcome.OK, stdout=b"none\n")
    assert set(rules(results).values()) == {(False, True)}


def test_commands_instead_of_blocks() -> None:
    source = """add table inet fw
add chain inet fw in { type filter hook input priority 0 ; policy drop ; }
add rule inet fw in tcp dport {22,80} accept
include "/etc/nftables.d/*.nft"
"""
    more = {"/etc/nftables.d/a.nft": "add rule inet fw in ip6 saddr ::1/128 accept"}
    found = ruleset(source, more, {})
    assert not found.doubt
    chain = found.chains["inet", "fw", "in"]
    assert (chain.policy, chain.rules) == ("drop", ["tcp dport { 22, 80 } accept", "ip6 saddr ::1 accept"])


def test_iptables_in_its_own_words() -> None:
    saved = "# x\n*filter\n:INPUT DROP [9:99]\n:f2b-sshd - [0:0]\n"
    live = saved + "[1:2] -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n-A INPUT -p tcp -m tcp --dport 81 -j ACCEPT\n"
    live += "-A INPUT -p tcp -m multiport --dports 22 -j f2b-sshd\nCOMMIT\n"
    results = host()
    results["iptables-live"] = ProbeResult("iptables-live", Outcome.OK, stdout=f"family nft iptables\n{live}".encode())
    disk = saved.replace("[9:99]", "[0:0]") + "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\nCOMMIT\n"
    files = results["firewall-files"].files
    results["firewall-files"] = ProbeResult(
        "firewall-files", Outcome.OK, files=(*files, HostFile(b"/etc/iptables/rules.v4", Outcome.OK, disk.encode()))
    )
    found = {key: sides for key, sides in rules(results).items() if key.startswith("iptables")}
    assert found == {
        "iptables filter INPUT policy DROP": (True, True),
        "iptables filter INPUT -p tcp --dport 22 -j ACCEPT": (True, True),
        "iptables filter INPUT -p tcp --dport 81 -j ACCEPT": (True, False),
        "iptables filter INPUT -p tcp -m multiport --dports 22 -j f2b-sshd": (True, False),
    }
    made = {item.attributes["value"] for item in SCOPE.parse(results).items if item.attributes["automatic"]}
    assert "-p tcp -m multiport --dports 22 -j f2b-sshd" in made
    assert "-p tcp --dport 81 -j ACCEPT" not in made


def test_no_key_of_a_network_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "etc/NetworkManager/system-connections"
    folder.mkdir(parents=True)
    (folder / "wifi.nmconnection").write_text(
        "[connection]\ninterface-name=wlan0\n[wifi-security]\npsk=hunter2\n[wireguard]\nprivate-key=hunter2\n"
        "[ipv4]\naddress1=10.0.0.5/24\n"
    )
    results = look(tmp_path, "network")
    body = results["network-files"].stdout
    assert b"hunter2" not in body
    assert b"interface-name=wlan0" in body


def test_matching() -> None:
    live = ["a 1 accept", "log prefix x 7 drop", "a 1 accept"]
    disk = ["a 1 accept", "drop log prefix x 7", "b 2 drop"]
    assert sorted(firewall.matched(live, disk)) == [
        ("a 1 accept", True, False),
        ("a 1 accept", True, True),
        ("b 2 drop", False, True),
        ("log prefix x 7 drop", True, True),
    ]


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_whatever_arrives(data: st.DataObject) -> None:
    well_formed(SCOPE, SCOPE.parse(data.draw(garbled(host()))))
    probe = data.draw(st.sampled_from(["network-live", "network-files", "nftables-live"]))
    results = host()
    well_formed(SCOPE, SCOPE.parse(truncated(results, probe, data.draw(st.integers(0, len(results[probe].stdout))))))


@given(source=st.text(st.sampled_from('{};,"# \n$abtable chain rule include define x = 1'), max_size=200))
def test_any_ruleset(source: str) -> None:
    ruleset(source, {"/etc/nftables.d/x": source}, {})
