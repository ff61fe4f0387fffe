"""Ansible inventories: the golden ones were compared with `ansible-inventory --list` of ansible-core 2.19."""

import json
from pathlib import Path

import pytest

from driftscan.errors import InventoryError
from driftscan.inventory.hosts import Inventory
from driftscan.inventory.load import load_inventory
from driftscan.model.host import Host, Jump, SecretReference


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def load(root: Path, text: str, files: dict[str, str] | None = None) -> Inventory:
    write(root, {"inv": text, **(files or {})})
    return load_inventory(root / "inv")


def one(root: Path, text: str, files: dict[str, str] | None = None) -> Host:
    (host,) = load(root, text, files).select(["all"])
    return host


def refused(root: Path, text: str, files: dict[str, str] | None = None) -> str:
    with pytest.raises(InventoryError) as caught:
        load(root, text, files).select(["all"])
    assert str(caught.value).isprintable()
    return str(caught.value).replace(f"{root}/", "")


INI = """\
# comment
; other comment
lone1 ansible_host=10.9.9.9
mail.example.com:2525   ansible_user="mailadmin" # no user of the mail
[web]
web[01:03] ansible_port=2201
web[a:c].x ansible_host=192.0.2.1 ansible_user='bob'
web01 driftscan_role=special
[db]
db1 ansible_ssh_common_args='-o ProxyJump=audit@bastion:2200 -o KexAlgorithms=+diffie-hellman-group14-sha1'
db[0:10:5]
[2001:db8::1]:2222
2001:db8::2
[east]
web02 ansible_become=yes
[west]
db1
web03
[prod:children]
web
db   # databases
[regions:children]
east
west
[top:children]
prod
regions
[all:vars]
ansible_user=fromall
driftscan_role=r_all
[web:vars]
ansible_user="fromweb"
driftscan_role = r_web
[east:vars]
driftscan_role=r_east
ansible_group_priority=10
ansible_ssh_private_key_file=keys/east
[west:vars]
driftscan_role=r_west
[prod:vars]
driftscan_role=r_prod
ansible_port=777
"""
VARIABLES = {
    "group_vars/all.yml": 'ansible_user: gv_all\nansible_become_password: "{{ vault_pw }}"\nlist: [{a: 1}]\n',
    "group_vars/web/10-a": "ansible_timeout: 5\nansible_port: 888\n",
    "group_vars/web/20.yml": "ansible_port: 999\n",
    "group_vars/web/30.txt": "not: read\nat: all: \n",
    "group_vars/web/.hidden": "ansible_port: 1\n",
    "group_vars/web/old~": "ansible_port: 1\n",
    "group_vars/web.yml": "ansible_port: 1\n",
    "group_vars/west": "$ANSIBLE_VAULT;1.1;AES256\n3131\n",
    "group_vars/db/vault.yml": "$ANSIBLE_VAULT;1.1;AES256\n3131\n",
    "host_vars/web01.yaml": "---\nansible_host: hv.example\ndriftscan_role: hv\n",
    "host_vars/lone1.json": '{"ansible_ssh_user": "json"}',
}
# name: address, port, user, role, groups; what ansible-inventory --list says of these files
INI_HOSTS = {
    "lone1": ("10.9.9.9", 0, "json", "r_all", ()),
    "mail.example.com": ("mail.example.com", 2525, "mailadmin", "r_all", ()),
    "web01": ("hv.example", 2201, "gv_all", "hv", ("web", "prod", "top")),
    "web02": ("web02", 2201, "gv_all", "r_east", ("web", "east", "prod", "regions", "top")),
    "web03": ("web03", 2201, "gv_all", "r_west", ("web", "west", "prod", "regions", "top")),
    "weba.x": ("192.0.2.1", 999, "bob", "r_web", ("web", "prod", "top")),
    "webb.x": ("192.0.2.1", 999, "bob", "r_web", ("web", "prod", "top")),
    "webc.x": ("192.0.2.1", 999, "bob", "r_web", ("web", "prod", "top")),
    "db1": ("db1", 777, "gv_all", "r_west", ("db", "west", "prod", "regions", "top")),
    "db0": ("db0", 777, "gv_all", "r_prod", ("db", "prod", "top")),
    "db5": ("db5", 777, "gv_all", "r_prod", ("db", "prod", "top")),
    "db10": ("db10", 777, "gv_all", "r_prod", ("db", "prod", "top")),
    "2001:db8::1": ("2001:db8::1", 2222, "gv_all", "r_prod", ("db", "prod", "top")),
    "2001:db8::2": ("2001:db8::2", 777, "gv_all", "r_prod", ("db", "prod", "top")),
}


def test_ini_with_variable_files(tmp_path: Path) -> None:
    inventory = load(tmp_path, INI, VARIABLES)
    assert not inventory.unusable
    hosts = {host.name: host for host in inventory.hosts}
    assert {
        name: (host.address, host.port, host.user, host.role, host.groups) for name, host in hosts.items()
    } == INI_HOSTS
    assert inventory.groups["regions"] == ("web02", "web03", "db1")
    assert inventory.groups["ungrouped"] == ("lone1", "mail.example.com")
    assert hosts["db1"].jump == (Jump("bastion", "audit", 2200),)
    assert hosts["db1"].legacy_algorithms
    assert (hosts["web02"].sudo, hosts["web02"].identity) == ("password", "keys/east")
    assert (hosts["web03"].sudo, hosts["web03"].sudo_password) == ("none", SecretReference("prompt"))


YAML = """\
all:
  hosts:
    lone:
    z[1:3]: {ansible_host: "10.0.0.1"}
  vars: {ansible_user: u, ansible_become: true}
  children:
    a:
      hosts: {h1: {driftscan_role: rr}, h2: , "h3:2222": }
      children:
        aa: {hosts: {h4: }, vars: {driftscan_role: aa}}
      vars: {driftscan_role: a}
    b:
      hosts: h1
      children: {aa: }
      vars: {driftscan_role: b}
ungrouped: {hosts: {uu: }}
"""


def test_yaml(tmp_path: Path) -> None:
    inventory = load(tmp_path, YAML)
    hosts = {host.name: host for host in inventory.hosts}
    assert list(hosts) == ["lone", "z1", "z2", "z3", "h1", "h2", "h3", "h4", "uu"]
    assert inventory.groups == {
        "a": ("h1", "h2", "h3", "h4"),
        "aa": ("h4",),
        "b": ("h1", "h4"),
        "ungrouped": ("lone", "z1", "z2", "z3", "uu"),
    }
    assert [hosts[name].role for name in ("h1", "h2", "h4", "lone")] == ["rr", "a", "aa", ""]
    assert (hosts["h3"].port, hosts["z2"].address, hosts["uu"].user) == (2222, "10.0.0.1", "u")
    assert {host.sudo for host in inventory.hosts} == {"passwordless"}


def test_json_of_ansible_inventory(tmp_path: Path) -> None:
    listing = {
        "_meta": {"hostvars": {"w1": {"ansible_port": 2222, "ansible_become": True}, "lone": {}}},
        "all": {"children": ["ungrouped", "web"]},
        "ungrouped": {"hosts": ["lone"]},
        "web": {"hosts": ["w1"], "children": ["shop"], "vars": {"ansible_user": "u", "ansible_host": None}},
        "shop": ["w2"],
        "old": {"ansible_user": "v"},
    }
    inventory = load(tmp_path, json.dumps(listing))
    assert inventory.hosts == (
        Host("lone", address="lone"),
        Host("w1", address="w1", port=2222, user="u", sudo="passwordless", groups=("web",)),
        Host("w2", address="w2", user="u", groups=("web", "shop")),
        Host("old", address="old", user="v", groups=("old",)),
    )


def test_a_directory_is_one_inventory(tmp_path: Path) -> None:
    files = {
        "01-hosts": "[web]\nw1\n",
        "02.yml": "db: {hosts: {d1: }}\n",
        "more/03": "[web]\nw2\n",
        "group_vars/web": "ansible_user: u\n",
        "host_vars/d1": "ansible_port: 23\n",
        "ansible.cfg": "[defaults]\nx = y z\n",
        "README.md": "An inventory: of ours\n",
        ".git/config": "[core]\n",
    }
    write(tmp_path, files)
    inventory = load_inventory(tmp_path)
    assert inventory.groups == {"web": ("w1", "w2"), "db": ("d1",)}
    assert [(host.user, host.port) for host in inventory.hosts] == [("u", 0), ("", 23), ("u", 0)]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ("ansible_ssh_host=x ansible_ssh_port=23 ansible_ssh_user=u", {"address": "x", "port": 23, "user": "u"}),
        ("ansible_connection=local", {"address": "", "transport": "local"}),
        ("ansible_connection=ansible.builtin.paramiko_ssh", {}),
        ("ansible_become=true ansible_become_method=ansible.builtin.sudo", {"sudo": "passwordless"}),
        ("ansible_become=no", {}),
        ("ansible_ssh_common_args='-J a,b@c:1'", {"jump": (Jump("a"), Jump("c", "b", 1))}),
        ("ansible_ssh_extra_args=-oProxyJump=a", {"jump": (Jump("a"),)}),
        ("""ansible_ssh_args='-C -o "ProxyJump a"'""", {"jump": (Jump("a"),)}),
        (
            """ansible_ssh_common_args='-o ProxyCommand="ssh -q -p 2200 -W %h:%p u@gate"'""",
            {"jump": (Jump("gate", "u", 2200),)},
        ),
        ("ansible_ssh_common_args='-o ProxyCommand=none -vAo Port=23 -l u -i k'",
         {"port": 23, "user": "u", "identity": "k"}),
        ("ansible_ssh_common_args='-p 23 -p 24' ansible_port=25", {"port": 25}),
        ("ansible_ssh_args='-J a' ansible_ssh_common_args='-J b'", {"jump": (Jump("a"),)}),
        ("ansible_ssh_common_args='-o HostKeyAlgorithms=+ssh-rsa'", {"legacy_algorithms": True}),
        ("ansible_ssh_common_args='-o Ciphers=-aes128-cbc'", {}),
        ("ansible_ssh_common_args='-o StrictHostKeyChecking=no'", {}),
        ("ansible_ssh_common_args='-o StrictHostKeyChecking=accept-new'", {"accept_new_host_key": True}),
        ("driftscan_transport=openssh ansible_connection=docker", {"transport": "openssh"}),
        ("driftscan_jump=a,b driftscan_timeout=3", {"jump": (Jump("a"), Jump("b")), "timeout": 3.0}),
        ("driftscan_sudo=password driftscan_sudo_password=prompt",
         {"sudo": "password", "sudo_password": SecretReference("prompt")}),
        ("driftscan_password=prompt ansible_password=literal", {"password": SecretReference("prompt")}),
        ("ansible_host='{{ ip }}' ip='10.0.0.{{ n }}' n=7", {"address": "10.0.0.7"}),
        ("ansible_host='{{ inventory_hostname_short }}.lan'", {"address": "h.lan"}),
        ("ansible_user='{{ lookup(\"env\", \"WHO\") }}'", {"user": "ann"}),
    ],
)  # fmt: skip
def test_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: str, expected: dict[str, object]
) -> None:
    monkeypatch.setenv("WHO", "ann")
    host = one(tmp_path, f"h.example {variables}\n")
    plain = Host("h.example", address="h.example")
    assert {name: getattr(host, name) for name in Host.__slots__} == {
        name: expected.get(name, getattr(plain, name)) for name in Host.__slots__
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("\"{{ lookup('env', 'SECRET') }}\"", SecretReference("environment", "SECRET")),
        ("\"{{lookup('ansible.builtin.env','SECRET')}}\"", SecretReference("environment", "SECRET")),
        ("\"{{ lookup('file', '/run/secret') }}\"", SecretReference("file", "/run/secret")),
        ('"{{ other }}"', SecretReference("environment", "OTHER")),
        ('"{{ vaulted }}"', SecretReference("prompt")),
        ('"{{ not_there }}"', SecretReference("prompt")),
        ('"{{ itself }}"', SecretReference("prompt")),
        ("\"{{ lookup('community.hashi_vault.hashi_vault', 'x') }}\"", SecretReference("prompt")),
        ("!vault |\n        $ANSIBLE_VAULT;1.1;AES256\n        3131", SecretReference("prompt")),
        ('{__ansible_vault: "3131"}', SecretReference("prompt")),
        ("", None),
        ("null", None),
    ],
)
def test_secrets_are_references(tmp_path: Path, value: str, expected: SecretReference | None) -> None:
    text = f"""
all:
  hosts:
    h:
      ansible_password: {value}
      other: "{{{{ lookup('env', 'OTHER') }}}}"
      vaulted: !vault x
      itself: "{{{{ itself }}}}"
"""
    assert one(tmp_path, text).password == expected


REFERENCES = "expected \"{{ lookup('env', 'NAME') }}\" or \"{{ lookup('file', 'PATH') }}\""


def test_own_references_in_yaml(tmp_path: Path) -> None:
    host = one(tmp_path, "all: {hosts: {h: {driftscan_sudo_password: {file: s}, ansible_become: yes}}}\n")
    assert (host.sudo, host.sudo_password) == ("password", SecretReference("file", f"{tmp_path}/s"))


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        (
            "ansible_password=hunter2",
            f"inv:1: ansible_password of host 'h' is written out; {REFERENCES}",
        ),
        (
            "ansible_become_pass='{{ x }}' x=hunter2",
            f"inv:1: x of host 'h' is written out; {REFERENCES}",
        ),
        (
            "ansible_sudo_pass=hunter2",
            f"inv:1: ansible_sudo_pass of host 'h' is written out; {REFERENCES}",
        ),
        (
            "driftscan_password=hunter2",
            "inv:1: driftscan_password is written out, expected {environment: NAME}, {file: PATH} or prompt",
        ),
        (
            "ansible_ssh_common_args='-o ProxyCommand=\"sshpass -p hunter2 ssh -W %h:%p g\"'",
            (
                "inv:1: ansible_ssh_common_args of host 'h' has a ProxyCommand that is more than ssh -W %h:%p HOST, "
                "expected -J or ~/.ssh/config"
            ),
        ),
        (
            "ansible_ssh_common_args='-F ssh.cfg'",
            (
                "inv:1: ansible_ssh_common_args of host 'h' has -F, a configuration that driftscan does not read, "
                "expected its lines in ~/.ssh/config"
            ),
        ),
        (
            'ansible_ssh_extra_args="-o \'x"',
            "inv:1: ansible_ssh_extra_args of host 'h' has a quote without its pair, expected arguments of ssh",
        ),
        (
            "ansible_connection=winrm",
            "inv:1: ansible_connection of host 'h' is 'winrm', expected ssh or local; leave the host out with '!h'",
        ),
        (
            "ansible_become=1 ansible_become_method=su",
            "inv:1: ansible_become_method of host 'h' is 'su', expected sudo",
        ),
        ("ansible_port=ssh", "inv:1: ansible_port is 'ssh', expected a number from 1 to 65535"),
        (
            "ansible_host='{{ x | upper }}'",
            "inv:1: ansible_host of host 'h' is a template that only Ansible can fill, expected a plain value",
        ),
        (
            "ansible_host='{{ x }}' x='{{ ansible_host }}{{ ansible_host }}'",
            "inv:1: ansible_host of host 'h' is a template that only Ansible can fill, expected a plain value",
        ),
        ("driftscan_rol=x", "inv:1: unknown variable 'driftscan_rol'; did you mean 'driftscan_role'?"),
    ],
)
def test_a_host_that_cannot_be_used_is_one_line_and_stops_no_other(tmp_path: Path, variables: str, line: str) -> None:
    text = f"h {variables}\ngood\n"
    assert refused(tmp_path, text) == line
    inventory = load_inventory(tmp_path / "inv")
    assert [host.name for host in inventory.select(["all", "!h"])] == ["good"]
    assert inventory.names == ["good", "h"]
    assert "hunter2" not in repr(inventory)


def test_an_encrypted_address_is_needed(tmp_path: Path) -> None:
    line = refused(tmp_path, "all: {hosts: {h: {ansible_host: !vault x, anything: !vault y}}}\n")
    assert line == "inv:1: ansible_host of host 'h' is encrypted, expected a plain value"


def test_names_that_are_no_names(tmp_path: Path) -> None:
    inventory = load(tmp_path, '{"a": ["../x", "My VM (1)", "y\\u001b"], "..": {"hosts": ["z"]}}')
    assert [str(error).replace(f"{tmp_path}/", "") for error in inventory.unusable.values()] == [
        "inv: '../x' is no name for a host, expected letters, digits and . _ : + -",
        "inv: host 'My VM (1)' has no ansible_host, and its name is no address",
        "inv: 'y\\x1b' is no name for a host, expected letters, digits and . _ : + -",
    ]
    assert inventory.hosts == (Host("z", address="z", groups=("..",)),)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("h 'x\n", "inv:1: host cannot be read: no closing quotation, expected NAME KEY=VALUE with paired quotes"),
        ("h hunter2\n", "inv:1: something stands where a variable was expected, expected KEY=VALUE"),
        ("[a:vars]\nhunter2\n", "inv:2: something stands where a variable was expected, expected KEY=VALUE"),
        ("[a:b]\n", "inv:1: section [a:b] is none that Ansible has, expected hosts, children, vars"),
        ("[a b]\n", "inv:1: section '[a b]' cannot be read, expected [group], [group:children] or [group:vars]"),
        ("[a:children]\nb c\n", "inv:2: 'b c' is no name for a group, expected one name on a line"),
        ("[a:children]\nb\n[b:children]\na\n[b]\nh\n", "inv: group 'a' is inside itself"),
        ("h:x\n", "inv:1: host 'h:x' has no valid port after the colon, expected a number from 1 to 65535"),
        ("h[1]\n", "inv:1: host 'h[1]' is not a host range, expected one such as web[1:12], web[01:12] or web[a:f]"),
        ("all: x\n", "inv:1: group 'all' is a single value, expected a mapping, as in an Ansible inventory"),
        (
            "all:\n  hosts: {a: x}\n",
            "inv:2: host 'a' is a single value, expected a mapping, as in an Ansible inventory",
        ),
        (
            "all:\n  children: {a: {vars: [x]}}\n",
            "inv:2: vars of group 'a' is a list, expected a mapping, as in an Ansible inventory",
        ),
        ('{"_meta": {}, "a": {"hosts": {"b": 1}}}', "inv: hosts of 'a': expected a list of names"),
    ],
)
def test_a_broken_inventory_is_one_line(tmp_path: Path, text: str, line: str) -> None:
    assert refused(tmp_path, text) == line


@pytest.mark.parametrize(
    ("files", "line"),
    [
        ({"group_vars/all": "- a\n"}, "group_vars/all:1: holds no variables, expected a mapping"),
        ({"host_vars/h.yml": "a: {b: 1, b: [}\n"}, "host_vars/h.yml:1: is not YAML: "),
    ],
)
def test_a_broken_variable_file_is_one_line(tmp_path: Path, files: dict[str, str], line: str) -> None:
    assert refused(tmp_path, "h\n", files).startswith(line)  # of YAML each parser speaks in its own words
