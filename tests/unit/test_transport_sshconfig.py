"""Where a connection goes: the inventory first, ~/.ssh/config second."""

import getpass
import subprocess
import sys
from pathlib import Path

import pytest

from driftscan.errors import TransportError
from driftscan.model.host import Host, Jump
from driftscan.transport.sshconfig import Target, parse_jumps, route


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("driftscan.transport.sshconfig._SYSTEM_DIRECTORY", str(tmp_path / "etc"))
    (tmp_path / ".ssh").mkdir()
    (tmp_path / "etc").mkdir()
    return tmp_path / ".ssh" / "config"


def target(host: Host) -> Target:
    return route(host)[-1]


def test_without_any_configuration(config: Path) -> None:
    found = target(Host("web", address="Web.Example"))
    assert (found.address, found.port, found.user) == ("Web.Example", 22, getpass.getuser())
    assert found.key_names == ("web.example",)
    assert found.identities == ()
    assert found.timeout == 15.0
    assert found.user_known_hosts[0] == str(config.with_name("known_hosts"))
    assert str(found) == "Web.Example port 22"


def test_the_name_is_the_address_when_there_is_none(config: Path) -> None:
    config.write_text("Host web\n HostName 10.0.0.1\n")
    assert target(Host("web")).address == "10.0.0.1"


def test_the_configuration_fills_in_what_the_inventory_does_not_say(config: Path) -> None:
    config.write_text(
        "Host web\n HostName 10.0.0.1\n User admin\n Port 2222\n IdentityFile ~/a\n IdentityFile ~/b\n"
        " ConnectTimeout 3\n IdentitiesOnly yes\n UserKnownHostsFile ~/k1 ~/k2\n HashKnownHosts yes\n"
    )
    found = target(Host("web"))
    home = str(config.parent.parent)
    assert (found.port, found.user, found.timeout) == (2222, "admin", 3.0)
    assert found.key_names == ("[10.0.0.1]:2222", "10.0.0.1")
    assert found.identities == (f"{home}/a", f"{home}/b")
    assert (found.identities_only, found.hash_known_hosts) == (True, True)
    assert found.user_known_hosts == (f"{home}/k1", f"{home}/k2")


def test_the_inventory_wins(config: Path) -> None:
    config.write_text("Host web\n User admin\n Port 2222\n IdentityFile ~/a\n ConnectTimeout 3\n ProxyJump hop\n")
    found = route(Host("web", user="me", port=23, identity="/key", timeout=7.0, jump=(Jump("other"),)))
    assert (found[-1].user, found[-1].port, found[-1].identities, found[-1].timeout) == ("me", 23, ("/key",), 7.0)
    assert found[-2].address == "other"


def test_a_key_alias_stands_for_every_port(config: Path) -> None:
    config.write_text("Host web\n HostKeyAlias Cluster\n Port 2222\n")
    assert target(Host("web")).key_names == ("Cluster",)


def test_the_system_comes_after_the_user(config: Path) -> None:
    config.write_text("Host web\n User mine\n")
    (config.parent.parent / "etc" / "ssh_config").write_text("Host *\n User theirs\n Port 2222\n")
    found = target(Host("web"))
    assert (found.user, found.port) == ("mine", 2222)


@pytest.mark.parametrize(
    ("section", "user"),
    [
        ("Match exec true", "mine"),
        ("Match host web !exec false", "mine"),
        ("match exec false", "other"),
        ('Match "exec" true', "mine"),
        ("Host web", "mine"),
    ],
)
def test_a_section_may_depend_on_a_command(config: Path, section: str, user: str) -> None:
    config.write_text(f"{section}\n User mine\nHost *\n User other\n")
    look = (
        "import sys; from concurrent.futures import ThreadPoolExecutor as Threads;"
        "from driftscan.model.host import Host; from driftscan.transport.sshconfig import route;"
        "users = {way[-1].user for way in Threads(3).map(route, [Host('web')] * 3)};"
        "print(*users, sys.modules['invoke'] is not None)"
    )
    told = subprocess.run(  # in a process that has loaded nothing yet
        (sys.executable, "-c", look), capture_output=True, check=True, env={"HOME": str(config.parent.parent)}
    )
    assert told.stdout.decode().split() == [user, str("exec" in section.lower())]


def test_includes_are_followed_and_do_not_leak_into_what_follows(config: Path) -> None:
    (config.parent / "conf.d").mkdir()
    (config.parent / "conf.d" / "1").write_text("Host web\n User included\n")
    config.write_text("Include conf.d/*\nPort 2222\nHost web\n Include=none\n User late\n")
    found = target(Host("web"))
    assert (found.user, found.port) == ("included", 2222)
    assert target(Host("other")).port == 2222


def test_an_include_of_itself_ends(config: Path) -> None:
    config.write_text("Include config\n")
    with pytest.raises(TransportError, match="too deeply"):
        route(Host("web"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Host\n", "cannot understand"),
        ("Host web\n Port x\n", "not a number"),
        ("Host web\n ProxyJump a:b:c\n", "jump"),
    ],
)
def test_what_makes_no_sense_is_one_line(config: Path, text: str, says: str) -> None:
    config.write_text(text)
    with pytest.raises(TransportError, match=says) as caught:
        route(Host("web"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "jumps"),
    [
        ("none", ()),
        ("hop", (Jump("hop"),)),
        ("me@hop:2222", (Jump("hop", "me", 2222),)),
        ("a, b@c", (Jump("a"), Jump("c", "b"))),
        ("ssh://me@hop:23/", (Jump("hop", "me", 23),)),
        ("me@[2001:db8::1]:23", (Jump("2001:db8::1", "me", 23),)),
        ("me@corp@hop", (Jump("hop", "me@corp"),)),
    ],
)
def test_jumps(value: str, jumps: tuple[Jump, ...]) -> None:
    assert parse_jumps(value) == jumps


def test_a_chain_of_jumps_in_the_order_of_the_way(config: Path) -> None:
    config.write_text(
        "Host web\n ProxyJump b,c\nHost b\n ProxyJump a\n HostName b.example\nHost c\n ProxyJump ignored\n"
    )
    assert [hop.address for hop in route(Host("web"))] == ["a", "b.example", "c", "web"]


def test_jumps_in_a_circle(config: Path) -> None:
    config.write_text("Host a\n ProxyJump b\nHost b\n ProxyJump a\n")
    with pytest.raises(TransportError, match="loop"):
        route(Host("a"))


def test_a_proxy_command_goes_before_a_jump_of_the_configuration(config: Path) -> None:
    config.write_text("Host web\n HostName w\n Port 23\n ProxyCommand nc %h %p\n ProxyJump hop\n")
    hops = route(Host("web"))
    assert [hop.address for hop in hops] == ["w"]
    assert hops[0].proxy_command == "nc w 23"
