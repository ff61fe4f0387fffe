"""driftscan's own inventory: what it means, and the one line that each mistake gets."""

from dataclasses import fields
from pathlib import Path

import pytest

from driftscan.errors import InventoryError
from driftscan.inventory.hosts import Inventory
from driftscan.inventory.load import load_inventory
from driftscan.inventory.settings import SETTINGS
from driftscan.model.host import Host, Jump, SecretReference


def load(tmp_path: Path, text: str) -> Inventory:
    path = tmp_path / "inv.yaml"
    path.write_text(text)
    return load_inventory(path)


def hosts(tmp_path: Path, text: str) -> dict[str, Host]:
    return {host.name: host for host in load(tmp_path, text).hosts}


def refused(tmp_path: Path, text: str) -> str:
    with pytest.raises(InventoryError) as caught:
        load(tmp_path, text)
    line = str(caught.value)
    assert "\n" not in line
    return line.replace(f"{tmp_path}/", "")


def test_the_sample_is_read_and_shows_every_idea() -> None:
    inventory = load_inventory(Path(__file__).parents[2] / "sample_inventory.yaml")
    by_name = {host.name: host for host in inventory.hosts}
    assert list(inventory.groups) == ["web", "database", "production"]
    assert inventory.groups["production"] == (
        "web01.example.org", "web02.example.org", "web03.example.org", "db1", "db2",
    )  # fmt: skip
    assert by_name["web02.example.org"].role == "webserver"
    assert by_name["db2"].sudo_password == SecretReference("environment", "DRIFTSCAN_SUDO_PASSWORD")
    assert by_name["legacy1"].jump == (Jump("bastion.example.org", "audit", 2200),)
    assert by_name["legacy1"].legacy_algorithms
    assert (by_name["old-mail"].transport, by_name["old-mail"].path) == ("image", "/mnt/old-mail")


def test_every_field_of_a_host_can_be_set() -> None:
    assert set(SETTINGS) == {field.name for field in fields(Host)} - {"name", "groups"}


def test_all_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    text = """
hosts:
  web1:
    address: "2001:db8::1"
    port: 2222
    user: CORP\\ann
    role: web.server
    transport: openssh
    identity: ~/keys/id
    password: prompt
    sudo: password
    sudo_password: {file: secrets/sudo}
    sudo_tty: yes
    jump: [ann@gate:22, "ssh://[::1]:2200"]
    legacy_algorithms: True
    accept_new_host_key: on
    timeout: 2.5
"""
    assert hosts(tmp_path, text)["web1"] == Host(
        name="web1",
        address="2001:db8::1",
        port=2222,
        user="CORP\\ann",
        role="web.server",
        transport="openssh",
        identity="/home/ann/keys/id",
        password=SecretReference("prompt"),
        sudo="password",
        sudo_password=SecretReference("file", f"{tmp_path}/secrets/sudo"),
        sudo_tty=True,
        jump=(Jump("gate", "ann", 22), Jump("::1", "", 2200)),
        legacy_algorithms=True,
        accept_new_host_key=True,
        timeout=2.5,
    )


def test_hosts_may_be_a_list_of_names_and_are_called_as_they_are_spelled(tmp_path: Path) -> None:
    found = hosts(tmp_path, "hosts: [no, 12, web-1.example.org, '::1']\n")
    assert list(found) == ["no", "12", "web-1.example.org", "::1"]
    assert found["12"] == Host("12", address="12")


def test_a_local_host_and_a_replay_have_no_address(tmp_path: Path) -> None:
    found = hosts(tmp_path, "hosts: {me: {transport: local}, then: {transport: replay, path: rec}}\n")
    assert (found["me"].address, found["then"].address, found["then"].path) == ("", "", f"{tmp_path}/rec")


def test_nearest_setting_wins(tmp_path: Path) -> None:
    text = """
defaults: {user: everybody, port: 1}
groups:
  outer: {children: [inner], user: outer, port: 2, role: outer}
  inner: {hosts: [a, b], role: inner, port: 3}
hosts:
  a: {port: 4, user: null}
  c:
"""
    found = hosts(tmp_path, text)
    assert (found["a"].port, found["a"].user, found["a"].role) == (4, "", "inner")
    assert (found["b"].port, found["b"].user, found["b"].role) == (3, "outer", "inner")
    assert (found["c"].port, found["c"].user, found["c"].role) == (1, "everybody", "")
    assert found["a"].groups == ("outer", "inner")
    assert found["c"].groups == ()


def test_a_host_may_name_its_groups_itself(tmp_path: Path) -> None:
    inventory = load(tmp_path, "groups: {a: {role: r}, b: }\nhosts: {x: {groups: [b, a]}, y: {groups: b}}\n")
    assert inventory.groups == {"a": ("x",), "b": ("x", "y")}
    assert inventory.hosts[0].role == "r"


def test_groups_may_agree_and_the_host_decides_when_they_do_not(tmp_path: Path) -> None:
    text = "groups: {a: {role: r, port: 1, hosts: [x]}, b: {role: r, port: 2, hosts: [x]}}\nhosts: {x: {port: 3}}\n"
    host = hosts(tmp_path, text)["x"]
    assert (host.role, host.port) == ("r", 3)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("web[1:3]", ["web1", "web2", "web3"]),
        ("web[09:11].x", ["web09.x", "web10.x", "web11.x"]),
        ("w[a:c]", ["wa", "wb", "wc"]),
        ("w[:2]", ["w0", "w1", "w2"]),
        ("w[0:10:5]", ["w0", "w5", "w10"]),
        ("r[1:2]-w[a:b]", ["r1-wa", "r1-wb", "r2-wa", "r2-wb"]),
    ],
)
def test_ranges(tmp_path: Path, pattern: str, names: list[str]) -> None:
    assert list(hosts(tmp_path, f"hosts: {{'{pattern}': {{port: 22}}}}\n")) == names


def test_a_range_and_one_of_its_hosts_add_up(tmp_path: Path) -> None:
    found = hosts(tmp_path, "hosts:\n  w[1:2]: {role: web}\n  w2: {port: 23, role: web}\n")
    assert [(host.role, host.port) for host in found.values()] == [("web", 0), ("web", 23)]


def test_anchors_and_merges_serve(tmp_path: Path) -> None:
    found = hosts(tmp_path, "hosts:\n  a: &a {port: 23, user: ann}\n  b: {<<: *a, port: 24}\n")
    assert (found["b"].port, found["b"].user) == (24, "ann")


def test_own_format_in_json(tmp_path: Path) -> None:
    assert hosts(tmp_path, '{\n\t"hosts": {"a": {"port": 23, "sudo_tty": true, "user": null}}\n}\n') == {
        "a": Host("a", address="a", port=23, sudo_tty=True)
    }


ONE_SETTING = [
    ("port: 0", "port is '0', expected a number from 1 to 65535"),
    ("port: 22 22", "port is '22 22', expected a number from 1 to 65535"),
    ("port: [22]", "port is a list, expected a number from 1 to 65535"),
    ("port:", "port has no value, expected a number from 1 to 65535"),
    ("prot: 22", "unknown setting 'prot' of host 'h'; did you mean 'port'?"),
    (
        "xyzzy: 1",
        (
            "unknown setting 'xyzzy' of host 'h'; expected one of groups, role, address, port, user, transport, "
            "identity, password, sudo, sudo_password, sudo_tty, jump, legacy_algorithms, accept_new_host_key, "
            "path, timeout"
        ),
    ),
    ("role: a/b", "role is 'a/b', expected a role's name of letters, digits and . _ + -"),
    (
        "address: a@b",
        (
            "address is 'a@b', expected a host name, an IP address or an alias of ~/.ssh/config (port and user are "
            "settings of their own)"
        ),
    ),
    (
        "address: -oProxyCommand=x",
        (
            "address is '-oProxyCommand=x', expected a host name, an IP address or an alias of ~/.ssh/config (port and "
            "user are settings of their own)"
        ),
    ),
    ("user: -x", "user is '-x', expected a login name"),
    ("transport: telnet", "transport is 'telnet', expected one of ssh, openssh, local, image, replay"),
    ("sudo: yes", "sudo is 'yes', expected one of none, passwordless, password"),
    ("sudo_tty: maybe", "sudo_tty is 'maybe', expected true or false"),
    ("timeout: inf", "timeout is 'inf', expected a number of seconds up to 3600"),
    ("timeout: soon", "timeout is 'soon', expected a number of seconds up to 3600"),
    ('identity: "a\\eb"', "identity is 'a\\x1bb', expected a path"),
    ("jump: a b", "jump has no valid host name, expected user@host:port"),
    ("jump: a:b", "jump has no valid port after the colon, expected a number from 1 to 65535"),
    ("jump: {host: a}", "jump is a mapping, expected user@host:port, several with commas or as a list, or none"),
    ("jump: [[a]]", "jump is a list, expected user@host:port, several with commas or as a list, or none"),
    ("groups: [x]", "unknown group 'x' of host 'h'; expected a group that stands under 'groups'"),
    ("groups: {x: }", "host 'h': groups is a mapping, expected a list of names"),
    ("password:", "password has no value, expected {environment: NAME}, {file: PATH} or prompt"),
]


@pytest.mark.parametrize(("setting", "message"), ONE_SETTING)
def test_a_wrong_setting_is_one_line(tmp_path: Path, setting: str, message: str) -> None:
    assert refused(tmp_path, f"hosts:\n  h:\n    {setting}\n") == f"inv.yaml:3: {message}"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("path: /mnt", "host 'h' has a path, expected transport image or replay with it"),
        ("transport: image", "host 'h' has transport image but no path, expected its mounted root"),
        ("transport: replay", "host 'h' has transport replay but no path, expected its directory of recordings"),
    ],
)
def test_settings_that_do_not_go_together_are_one_line(tmp_path: Path, setting: str, message: str) -> None:
    assert refused(tmp_path, f"hosts:\n  h:\n    {setting}\n") == f"inv.yaml:2: {message}"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("password: hunter2", "password is written out, expected {environment: NAME}, {file: PATH} or prompt"),
        (
            "sudo_password: [hunter2]",
            "sudo_password is written out, expected {environment: NAME}, {file: PATH} or prompt",
        ),
        (
            "password: {literal: hunter2}",
            "password does not say where the secret is, expected {environment: NAME}, {file: PATH} or prompt",
        ),
        (
            "password: {environment: hunter2!}",
            (
                "password is given no name of an environment variable, "
                "expected {environment: NAME}, {file: PATH} or prompt"
            ),
        ),
        (
            "password: {file: [hunter2]}",
            "password does not say which file, expected {environment: NAME}, {file: PATH} or prompt",
        ),
        ("user: ann:hunter2", "user holds a colon, expected a login name"),
        ("jump: ann:hunter2@gate", "jump holds a password, expected user@host:port"),
        (
            "address: ann:hunter2@web1",
            (
                "address is 'ann:…@web1', expected a host name, an IP address or an alias of ~/.ssh/config (port and "
                "user are settings of their own)"
            ),
        ),
        (
            "password: *hunter2",
            "an alias (*) refers to nothing above it; a value that begins with * needs quotes",
        ),
        (
            "password: !hunter2 x",
            "a !tag is not understood here; a value that begins with ! needs quotes",
        ),
    ],
)
def test_a_password_never_shows(tmp_path: Path, setting: str, message: str) -> None:
    line = refused(tmp_path, f"hosts:\n  h:\n    {setting}\n")
    assert "ter2" not in line
    assert line == f"inv.yaml:3: {message}"


@pytest.mark.parametrize(
    "setting", ["password: !hun!ter2", "password: 'hunter2", "password: @hunter2", 'password: "\\hunter2"']
)
def test_a_password_never_shows_in_what_the_parser_says(tmp_path: Path, setting: str) -> None:
    line = refused(tmp_path, f"hosts:\n  h:\n    {setting}\n")
    assert "is not YAML: " in line
    assert "ter2" not in line


def test_a_key_that_swallowed_its_value_is_not_quoted(tmp_path: Path) -> None:
    line = refused(tmp_path, "hosts:\n  h: {password:hunter2}\n")
    assert line == "inv.yaml:2: something that is no setting of host 'h'; did you mean 'password'?"


WHOLE_FILES = [
    ("hosts: {a: }\nhots: {}\n", "inv.yaml:2: unknown section 'hots'; did you mean 'hosts'?"),
    ("hosts: {a: }\nxyzzy: {}\n", "inv.yaml:2: unknown section 'xyzzy'; expected defaults, groups, hosts"),
    ("host: {a: {port: 1}}\n", "inv.yaml:1: unknown section 'host'; did you mean 'hosts'?"),
    ("hosts: a\n", "inv.yaml:1: hosts is a single value, expected a mapping"),
    ("hosts:\n- [a]\n", "inv.yaml:2: hosts holds something that is not a name, expected a list of names"),
    ("hosts:\n  a: x\n", "inv.yaml:2: host 'a' is a single value, expected a mapping"),
    ("groups: [a]\nhosts: {a: }\n", "inv.yaml:1: groups is a list, expected a mapping"),
    (
        "groups: {all: {hosts: [a]}}\n",
        "inv.yaml:1: group 'all' is every host already; settings of every host stand under 'defaults'",
    ),
    (
        "groups: {'a b': {hosts: [a]}}\n",
        "inv.yaml:1: 'a b' is no name for a group, expected letters, digits and . _ + -",
    ),
    (
        "groups:\n  a:\n    hosts: {x: {port: 1}}\n",
        "inv.yaml:3: group 'a': hosts is a mapping, expected a list of names",
    ),
    ("groups:\n  a:\n    prot: 1\n", "inv.yaml:3: unknown setting 'prot' of group 'a'; did you mean 'port'?"),
    ("defaults:\n  prot: 1\n", "inv.yaml:2: unknown setting 'prot' of 'defaults'; did you mean 'port'?"),
    (
        "groups:\n  web: {hosts: [a]}\n  p:\n    children:\n    - wbe\n",
        "inv.yaml:5: unknown group 'wbe' among the children of 'p'; did you mean 'web'?",
    ),
    (
        "groups:\n  a: {children: [b]}\n  b: {children: [c]}\n  c: {children: [b], hosts: [h]}\n",
        "inv.yaml:3: group 'b' is inside itself",
    ),
    (
        "groups:\n  a: {hosts: [h], role: x}\n  b:\n    hosts: [h]\n    role: y\n",
        "inv.yaml:5: groups 'a' and 'b' give host 'h' a different role; say role of the host itself",
    ),
    (
        "hosts:\n  h[1:2]: {port: 1}\n  h2: {port: 2}\n",
        "inv.yaml:3: host 'h2' has another port in line 2, expected one",
    ),
    ("hosts:\n  a: {}\n  b: {}\n  a: {}\n", "inv.yaml:4: 'a' stands here twice, the first time in line 2"),
    (
        "hosts:\n  a b: {}\n",
        "inv.yaml:2: 'a b' is no name for a host, expected letters, digits and . _ : % + -",
    ),
    (
        'hosts:\n  "a\\e[2J": {}\n',
        "inv.yaml:2: 'a\\x1b[2J' is not a host range, expected one such as web[1:12], web[01:12] or web[a:f]",
    ),
    (
        "hosts:\n  web[3:1]: {}\n",
        "inv.yaml:2: 'web[3:1]' is not a host range, expected one such as web[1:12], web[01:12] or web[a:f]",
    ),
    (
        "hosts:\n  web[1:999999999999]: {}\n",
        "inv.yaml:2: 'web[1:999999999999]' makes the inventory longer than 1000000 names",
    ),
    ("hosts:\n  a: {<<: 1}\n", "inv.yaml:2: '<<' merges mappings, expected an alias (*) of one"),
    ("hosts:\n  a: {[1]: 1}\n", "inv.yaml:2: a key is a list or a mapping, expected a word"),
    ("hosts: {a: }\n---\nhosts: {b: }\n", "inv.yaml:2: a second YAML document begins, expected one"),
    ("hosts:\n  a: \x07\n", "inv.yaml:2: character U+0007 is not allowed in YAML"),
    ('{"hosts": {"a": {}, "a": {}}}', "inv.yaml: 'a' stands twice in one mapping"),
    (
        "hosts: {}\n",
        "inv.yaml: holds no host, expected driftscan's own inventory or an Ansible inventory",
    ),
]


@pytest.mark.parametrize(("text", "line"), WHOLE_FILES)
def test_a_wrong_file_is_one_line(tmp_path: Path, text: str, line: str) -> None:
    assert refused(tmp_path, text) == line


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("hosts:\n  a: {port: 1\n  b: {}\n", "inv.yaml:3: is not YAML: "),
        ("hosts:\n  a:\n\tport: 1\n", "inv.yaml:3: is not YAML: "),
        ("hosts:\n  a: @x\n", "inv.yaml:2: is not YAML: "),
        ("hosts: " + "[" * 5000, "inv.yaml:1: is nested deeper than 64 levels"),
        ("hosts:\n a: &a {x: *a}\n", "inv.yaml:2: an alias (*) refers to nothing above it"),
    ],
)
def test_broken_yaml_names_its_line(tmp_path: Path, text: str, where: str) -> None:
    assert refused(tmp_path, text).startswith(where)
