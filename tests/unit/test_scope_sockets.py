import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driftscan.model.outcome import Outcome, ProbeResult
from driftscan.scopes.proc.inet import address, parse_holders, parse_sockets
from driftscan.scopes.sockets import SCOPE
from tests.unit.scope_checks import Recorded, garbled, truncated, well_formed

FLAVORS = ["arch", "bookworm", "bookworm-nopy", "busybox", "rpm", "sauced", "sauced-plain", "sysv"]
TAIL = b"00000000:00000000 00:00000000 00000000 %d        0 %d 1 00000000cbb69bd8 100 0 0 10 0"


def line(protocol: str, local: str, peer: str, state: str, uid: int = 0, inode: int = 0) -> bytes:
    return f"/proc/net/{protocol}:   0: {local} {peer} {state} ".encode() + TAIL % (uid, inode)


def net(*lines: bytes) -> dict[str, ProbeResult]:
    head = b"order          1\nephemeral 32768 60999\n"
    return {"net": ProbeResult("net", Outcome.OK, stdout=head + b"".join(one + b"\n" for one in lines))}


@pytest.mark.parametrize("flavor", FLAVORS)
def test_every_flavor_is_understood(recorded: Recorded, flavor: str) -> None:
    parsed = SCOPE.parse(recorded(flavor, "sockets"))
    well_formed(SCOPE, parsed)
    assert not parsed.unparsed
    ssh = {item.key: item.attributes for item in parsed.items}["tcp 0.0.0.0:22"]
    assert ssh["state"] == "listen"
    assert ssh["user"] == "root"
    if flavor != "sauced-plain":
        assert not any(item.volatile["clients"] for item in parsed.items)  # the auditor is none
        assert ssh["exe"] == ("/usr/sbin/dropbear" if flavor == "busybox" else "/usr/sbin/sshd")
    assert not [key for key in (item.key for item in parsed.items) if " to " in key]  # the auditor's own connection


def test_what_was_planted_is_seen(recorded: Recorded) -> None:
    items = {item.key: item for item in SCOPE.parse(recorded("sauced", "sockets")).items}
    telemetry = items["tcp 0.0.0.0:9125"].attributes
    assert (telemetry["exe"], telemetry["port"], telemetry["user"]) == ("/usr/local/bin/telemetryd", 9125, "root")
    shop = items["tcp 127.0.0.1:8081"].attributes
    assert (shop["user"], shop["unit"]) == ("mthompson", "rc-local.service")
    nginx = items["tcp 0.0.0.0:443"]
    assert nginx.attributes["user"] == "root"  # the master, not the workers that share the socket
    assert len(nginx.volatile["pid"]) == 3
    assert "tcp6 [::1]:6379" in items


def test_a_plain_account_says_what_it_was_not_shown(recorded: Recorded) -> None:
    parsed = SCOPE.parse(recorded("sauced-plain", "sockets"))
    assert "is not shown to this account" in parsed.denied["holders"]
    telemetry = next(item for item in parsed.items if item.attributes["port"] == 9125)
    assert (telemetry.attributes["exe"], telemetry.attributes["user"]) == (None, "root")


def test_addresses() -> None:
    assert address(b"0100007F") == "127.0.0.1"
    assert address(b"7F000001", "big") == "127.0.0.1"
    assert address(b"00000000000000000000000001000000") == "[::1]"
    assert address(b"0000000000000000FFFF00000B004D0A") == "[::ffff:10.77.0.11]"


def test_directions_and_chosen_ports() -> None:
    results = net(
        line("tcp", "00000000:0050", "00000000:0000", "0A"),
        line("tcp", "0B004D0A:0050", "01004D0A:E9FE", "01"),  # a visitor of our port 80
        line("tcp", "0B004D0A:C350", "281E140A:1538", "01", 1002, 5),  # we went to 10.20.30.40:5432
        line("tcp", "0B004D0A:C351", "281E140A:1538", "01", 1002, 6),
        line("tcp", "0B004D0A:C352", "281E140A:EA60", "01", 1002, 7),  # to a port chosen at random
        line("udp", "00000000:D431", "00000000:0000", "07", 105, 8),
        line("udp", "0100007F:0143", "00000000:0000", "07"),
        line("tcp", "0B004D0A:0051", "00000000:0000", "07"),  # a state that tcp does not have here
    )
    items = {item.key: item for item in SCOPE.parse(results).items}
    assert set(items) == {
        "tcp 0.0.0.0:80",
        "tcp 10.77.0.11 to 10.20.30.40:5432 by 1002 ?",
        "tcp 10.77.0.11 to 10.20.30.40:* by 1002 ?",
        "udp 0.0.0.0:* by 105 ?",
        "udp 127.0.0.1:323",
    }
    assert items["tcp 10.77.0.11 to 10.20.30.40:5432 by 1002 ?"].volatile["ports"] == [50000, 50001]
    assert items["udp 0.0.0.0:* by 105 ?"].attributes["port"] is None
    assert items["udp 0.0.0.0:* by 105 ?"].volatile["ports"] == [54321]


def test_who_is_connected_to_a_listener() -> None:
    results = net(
        line("tcp", "00000000:0016", "00000000:0000", "0A"),
        line("tcp", "0B004D0A:0016", "01004D0A:C350", "01"),
        line("tcp", "0100007F:0016", "0100007F:C351", "01"),
        line("tcp", "0B004D0A:0016", "0B004D0A:C352", "01"),
        line("tcp", "0B004D0A:0050", "02004D0A:C353", "01"),
        line("tcp6", "0000000000000000FFFF00000B004D0A:0016", "0000000000000000FFFF000003004D0A:C350", "01"),
    )
    (item,) = [item for item in SCOPE.parse(results).items if item.attributes["state"] == "listen"]
    assert item.volatile["clients"] == ["10.77.0.1"]


def test_lines_that_are_none_are_told() -> None:
    results = net(b"/proc/net/tcp:   0: nonsense 0A", line("tcp", "00000000:0050", "00000000:0000", "0A"))
    parsed = SCOPE.parse(results)
    assert len(parsed.items) == 1
    assert "1 lines not understood" in parsed.unparsed["net"]


def test_without_the_kernels_tables_there_is_nothing() -> None:
    assert SCOPE.parse({}).items == ()


def test_holders_of_find_and_of_ls() -> None:
    found = ProbeResult(
        "holders", Outcome.OK, stdout=b"/proc/7/fd/3 socket:[12]\n/proc/8/fd/4 socket:[12]\n/proc/8/fd/5 so"
    )
    assert parse_holders(found) == {12: {7, 8}}
    link = b"lrwx------    1 root     root            64 Nov 22 04:05 3 -> socket:[12]\n"
    listed = b"/proc/7/fd:\n" + link + b"/proc/8/fd:\n" + link[:-3]
    assert parse_holders(ProbeResult("holders", Outcome.OK, stdout=listed)) == {12: {7}}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(data=st.data())
def test_whatever_arrives(recorded: Recorded, data: st.DataObject) -> None:
    results = recorded("sauced", "sockets")
    well_formed(SCOPE, SCOPE.parse(data.draw(garbled(results))))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(data=st.data())
def test_a_cut_invents_nothing(recorded: Recorded, data: st.DataObject) -> None:
    results = recorded("sauced", "sockets")
    probe = data.draw(st.sampled_from(["net", "holders", "stat", "owners"]))
    whole = {(s.protocol, s.state, s.address, s.port) for s in parse_sockets(results["net"]).sockets}
    cut = truncated(results, probe, data.draw(st.integers(0, len(results[probe].stdout))))
    well_formed(SCOPE, SCOPE.parse(cut))
    assert {(s.protocol, s.state, s.address, s.port) for s in parse_sockets(cut["net"]).sockets} <= whole
