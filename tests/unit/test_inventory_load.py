"""Which format a file is in, bounds and unreadable files, and how hosts are chosen."""

import string
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driftscan.errors import InventoryError, UsageError
from driftscan.inventory.document import LARGEST
from driftscan.inventory.hosts import Inventory
from driftscan.inventory.load import load_inventory
from driftscan.model.text import shown

SAMPLE = (Path(__file__).parents[2] / "sample_inventory.yaml").read_bytes()


def refused(path: Path) -> str:
    with pytest.raises(InventoryError) as caught:
        load_inventory(path)
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(f"{path.parent}/", "")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("hosts: {a: {port: 1}}", ["a"]),
        ("# comment\n\n---\nhosts: [a]", ["a"]),
        ("\ufeffhosts: [a]", ["a"]),
        ("groups: {web: {hosts: [a]}}", ["a"]),
        ('{"hosts": {"a": {}}}', ["a"]),
        ("{hosts: {a: }}", ["a"]),
        ("a\n", ["a"]),
        ("a:22\n", ["a"]),
        ("a ansible_port=1 # x: y\n", ["a"]),
        ("; x\n[web]\na\n", ["a"]),
        ("[web:children]\nb\n[b]\na\n", ["a"]),
        ("all: {hosts: {a: }}", ["a"]),
        ("web:\n  hosts:\n    a:\nempty:\n", ["a"]),
        ('{"_meta": {"hostvars": {"a": {}}}}', ["a"]),
        ('{"web": ["a"]}', ["a"]),
        ('{"all": {"children": {"web": {"hosts": {"a": null}}}}}', ["a"]),
    ],
)
def test_the_content_tells_the_format(tmp_path: Path, text: str, names: list[str]) -> None:
    path = tmp_path / "any.name"
    path.write_text(text)
    assert load_inventory(path).names == names


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"", "inv: holds no host, expected driftscan's own inventory or an Ansible inventory"),
        (b"a\n\xff\n", "inv:2: byte 0xff is not UTF-8, expected text"),
        (b"x" * (LARGEST + 1), "inv: is larger than 16 MiB, expected an inventory"),
        (
            b"#!/bin/sh\necho\n",
            "inv: is a program; give driftscan what `ansible-inventory -i PROGRAM --list` prints, as a file",
        ),
        (
            b"# aws\nplugin: amazon.aws.aws_ec2\n",
            ("inv:2: configures an inventory plugin of Ansible's; give driftscan what `ansible-inventory -i inv "
            "--list` prints, as a file"),
        ),
        (
            b"- hosts: all\n",
            "inv:1: is a list; expected the sections defaults, groups, hosts, or an Ansible inventory",
        ),
        (
            b"name: x\nversion: 1\n",
            "inv:1: is no inventory; expected the sections defaults, groups, hosts, or an Ansible inventory",
        ),
        (b"root:x:0:0:root:/root:/bin/sh\n", ("inv:1: 'root:x:0:0:root:/root:/bin/sh' is no name for a host, expected "
         "an Ansible inventory")),
    ],
)  # fmt: skip
def test_what_is_no_inventory_is_one_line(tmp_path: Path, data: bytes, line: str) -> None:
    path = tmp_path / "inv"
    path.write_bytes(data)
    assert refused(path) == line


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert refused(tmp_path / "inv") == "inv: cannot be read: No such file or directory"


def test_a_name_that_would_move_the_cursor_is_escaped(tmp_path: Path) -> None:
    assert refused(tmp_path / "a\x1bb\n") == "a\\x1bb\\n: cannot be read: No such file or directory"


def test_a_name_that_no_file_can_have() -> None:
    assert refused(Path("a\0b")).endswith("b: cannot be read: embedded null byte")


def test_alias_bombs_end_at_once(tmp_path: Path) -> None:
    lists = ["x0: &x0 [a, a]", *(f"x{n}: &x{n} [*x{n - 1}, *x{n - 1}]" for n in range(1, 60)), "hosts: [a]"]
    (tmp_path / "lists").write_text("\n".join(lists))
    assert refused(tmp_path / "lists").startswith("lists:1: unknown section 'x0'")
    merges = ["x0: &x0 {a: b}", *(f"x{n}: &x{n} {{<<: [*x{n - 1}, *x{n - 1}]}}" for n in range(1, 60)), "hosts: [a]"]
    (tmp_path / "merges").write_text("\n".join(merges))
    assert refused(tmp_path / "merges").startswith("merges:1: unknown section 'x0'")
    groups = ["g0: &g0 {hosts: {h: }}"]
    groups += [f"g{n}: &g{n} {{children: {{a: *g{n - 1}, b: *g{n - 1}}}}}" for n in range(1, 50)]
    (tmp_path / "groups").write_text("\n".join(groups))
    assert refused(tmp_path / "groups").startswith("groups: group ")


def test_merges_that_multiply_are_refused(tmp_path: Path) -> None:
    table = ", ".join(f"k{n}: 1" for n in range(2000))
    text = f"x: &x {{{table}}}\n" + "".join(f"y{n}: {{<<: *x}}\n" for n in range(600))
    (tmp_path / "inv").write_text(text)
    assert refused(tmp_path / "inv") == "inv:502: '<<' merges more than 1000000 entries, expected an inventory"


def test_ranges_that_multiply_are_refused(tmp_path: Path) -> None:
    (tmp_path / "inv").write_text("h[1:60000]\n" * 20)
    assert refused(tmp_path / "inv") == "inv:17: host 'h[1:60000]' makes the inventory longer than 1000000 names"


def choosing() -> Inventory:
    text = "groups: {web: {hosts: ['w[1:3]']}, db: {hosts: [d1, w3]}, stage: }\nhosts: [lone]\n"
    path = Path("choosing.yaml")
    path.write_text(text)
    return load_inventory(path)


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (["all"], ["w1", "w2", "w3", "d1", "lone"]),
        (["lone", "web"], ["lone", "w1", "w2", "w3"]),
        (["db", "web"], ["w3", "d1", "w1", "w2"]),
        (["w*", "w1"], ["w1", "w2", "w3"]),
        (["w[12]"], ["w1", "w2"]),
        (["all", "!db"], ["w1", "w2", "lone"]),
        (["!w1", "we*"], ["w2", "w3"]),
        ([], []),
    ],
)
def test_select(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patterns: list[str], names: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert [host.name for host in choosing().select(patterns)] == names


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        ("wbe", "no host or group 'wbe' in choosing.yaml; did you mean 'web'?"),
        ("!lonely", "no host or group 'lonely' in choosing.yaml; did you mean 'lone'?"),
        ("xyzzy*", "no host or group 'xyzzy*' in choosing.yaml; expected a host, a group, a glob or 'all'"),
        ("stage", "group 'stage' in choosing.yaml has no host"),
        ("a\x1bb", "no host or group 'a\\x1bb' in choosing.yaml; expected a host, a group, a glob or 'all'"),
    ],
)
def test_what_means_nothing_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str, line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        choosing().select([pattern])
    assert str(caught.value) == line


def never_anything_else(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    errors: list[InventoryError] = []
    try:
        inventory = load_inventory(path)
        assert inventory.pick(host.name for host in inventory.hosts) == list(inventory.hosts)
        errors += inventory.unusable.values()
    except InventoryError as error:
        errors.append(error)
    for error in errors:
        assert shown(str(error)) == str(error)
        assert str(error).startswith(str(path))


WORDS = st.sampled_from(
    [
        "all",
        "hosts",
        "children",
        "vars",
        "groups",
        "defaults",
        "_meta",
        "hostvars",
        "web[1:3]",
        "a",
        "role",
        "port",
        "password",
        "sudo",
        "jump",
        "ansible_host",
        "ansible_port",
        "ansible_password",
        "driftscan_role",
        "{{ a }}",
        "!vault",
        "&a",
        "*a",
        "<<",
        "[a]",
        "[a:vars]",
        "[a:children]",
        "=",
        "'",
        '"',
        "\\",
        "@",
        "::1",
        "-J b",
        "ansible_ssh_common_args",
        "-o ProxyCommand='ssh -W %h:%p x'",
        ": ",
        ":\n  ",
        "\n",
        "\n    ",
        " ",
        ", ",
        "{",
        "}",
        "\t",
        "ansible_connection",
    ]
)
FUZZ = settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@FUZZ
@given(data=st.binary(max_size=300))
def test_any_bytes_give_an_inventory_or_one_line(tmp_path: Path, data: bytes) -> None:
    never_anything_else(tmp_path / "inv", data)


@FUZZ
@given(words=st.lists(WORDS, max_size=30))
def test_any_words_give_an_inventory_or_one_line(tmp_path: Path, words: list[str]) -> None:
    never_anything_else(tmp_path / "inv", "".join(words).encode())


@FUZZ
@given(at=st.integers(0, len(SAMPLE)), cut=st.integers(0, 20), put=st.text(string.printable, max_size=6))
def test_any_slip_in_the_sample_gives_an_inventory_or_one_line(tmp_path: Path, at: int, cut: int, put: str) -> None:
    never_anything_else(tmp_path / "inv", SAMPLE[:at] + put.encode() + SAMPLE[at + cut :])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=30,
)


@FUZZ
@given(document=st.dictionaries(WORDS, JSON, min_size=1, max_size=5))
def test_any_json_gives_an_inventory_or_one_line(tmp_path: Path, document: dict[str, object]) -> None:
    import json

    never_anything_else(tmp_path / "inv", json.dumps(document).encode())
