"""What a person may write on the command line for a host, a snapshot and how to get there."""

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftscan.errors import DriftscanError, InventoryError, UsageError
from driftscan.inventory.hosts import Inventory
from driftscan.inventory.load import load_inventory
from driftscan.inventory.target import Target, override, resolve, resolve_all
from driftscan.model.host import Host, Jump, SecretReference
from driftscan.model.revision import Revision, parse_revision
from driftscan.model.text import shown


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    path = tmp_path / "inv"
    path.write_text("[web]\nweb1 ansible_port=2222\nweb2\n[windows]\nwin1 ansible_connection=winrm\n[none]\n")
    return load_inventory(path)


@pytest.fixture
def _berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("latest", Revision("latest", spelling="latest")),
        ("~0", Revision("back", number=0, spelling="~0")),
        ("~12", Revision("back", number=12, spelling="~12")),
        ("17", Revision("number", number=17, spelling="17")),
        *(
            (text, None)
            for text in ("", "~", "~x", "-1", "web1", "Latest", "10.0.0.1", "1:2", "2026-11", "2026-11-01T03")
        ),
        *((text, None) for text in ("2026-11-01 03:00", "٣", "~٣", "17\n", "latest ")),
    ],
)
def test_revisions(text: str, expected: Revision | None) -> None:
    assert parse_revision(text) == expected


@pytest.mark.usefixtures("_berlin")
@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("2026-11-01", "2026-11-02T00:00:00+01:00"),
        ("2026-07-01", "2026-07-02T00:00:00+02:00"),
        ("2026-10-25", "2026-10-26T00:00:00+01:00"),  # 25 hours long
        ("2026-12-31", "2027-01-01T00:00:00+01:00"),
        ("2026-11-01T03:00", "2026-11-01T03:01:00+01:00"),
        ("2026-11-01T23:59", "2026-11-02T00:00:00+01:00"),
        ("2026-11-01T03:00:59", "2026-11-01T03:01:00+01:00"),
    ],
)
def test_a_date_is_a_local_one_and_means_all_of_it(text: str, before: str) -> None:
    revision = parse_revision(text)
    assert revision
    assert revision.kind == "date"
    assert revision.before == datetime.fromisoformat(before)
    assert str(revision) == text
    zone = revision.before.utcoffset()
    assert zone == datetime.fromisoformat(before).utcoffset()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "2026-02-30",
            "revision '@2026-02-30' is not a date; expected one such as @2026-11-01 or @2026-11-01T03:00",
        ),
        (
            "2026-02-01T24:00",
            "revision '@2026-02-01T24:00' is not a date; expected one such as @2026-11-01 or @2026-11-01T03:00",
        ),
        (
            "9999-12-31",
            "revision '@9999-12-31' is not a date; expected one such as @2026-11-01 or @2026-11-01T03:00",
        ),
        ("9" * 5000, "revision '@999999999999999999…' is out of range, expected a snapshot's number"),
    ],
)
def test_an_impossible_revision_is_one_line(text: str, line: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_revision(text)
    assert str(caught.value) == line


LATEST = Revision("latest", spelling="latest")
BACK = Revision("back", number=1, spelling="~1")


@pytest.mark.parametrize(
    ("text", "host", "revision"),
    [
        ("web9", Host("web9", address="web9"), None),
        ("root@web9", Host("web9", address="web9", user="root"), None),
        ("root@web9:2222", Host("web9:2222", address="web9", user="root", port=2222), None),
        ("root@web9:22", Host("web9", address="web9", user="root", port=22), None),
        ("ssh://ann@web9:2222/", Host("web9:2222", address="web9", user="ann", port=2222), None),
        ("[::1]:22", Host("::1", address="::1", port=22), None),
        ("root@[2001:db8::1]:2222", Host("[2001:db8::1]:2222", address="2001:db8::1", user="root", port=2222), None),
        ("[fe80::1%eth0]", Host("fe80::1%eth0", address="fe80::1%eth0"), None),
        ("::1", Host("::1", address="::1"), None),
        ("10.0.0.7", Host("10.0.0.7", address="10.0.0.7"), None),
        ("ann@example.org@web9", Host("web9", address="web9", user="ann@example.org"), None),
        ("CORP\\ann@web9", Host("web9", address="web9", user="CORP\\ann"), None),
        ("localhost", Host("localhost", transport="local"), None),
        ("root@localhost", Host("localhost", address="localhost", user="root"), None),
        ("image:/mnt/disk", Host("image:/mnt/disk", transport="image", path="/mnt/disk"), None),
        ("replay:/r/a@b", Host("replay:/r/a@b", transport="replay", path="/r/a@b"), None),
        ("web9@latest", Host("web9", address="web9"), LATEST),
        ("web9@~1", Host("web9", address="web9"), BACK),
        ("root@web9:2222@~1", Host("web9:2222", address="web9", user="root", port=2222), BACK),
        ("web9:2222@~1", Host("web9:2222", address="web9", port=2222), BACK),
        ("localhost@~1", Host("localhost", transport="local"), BACK),
        ("image:/mnt/disk@~1", Host("image:/mnt/disk", transport="image", path="/mnt/disk"), BACK),
        ("image:/mnt/disk@17/", Host("image:/mnt/disk@17", transport="image", path="/mnt/disk@17"), None),
        ("root@17", Host("root", address="root"), Revision("number", number=17, spelling="17")),
        ("ssh://root@17", Host("17", address="17", user="root"), None),
        ("root@17@latest", Host("17", address="17", user="root"), LATEST),
        ("root@10.0.0.1", Host("10.0.0.1", address="10.0.0.1", user="root"), None),
    ],
)
def test_a_host_that_no_inventory_knows(text: str, host: Host, revision: Revision | None) -> None:
    assert resolve(text) == [Target(host, revision)]


def test_relative_paths_are_kept_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve("replay:rec") == [Target(Host(f"replay:{tmp_path}/rec", transport="replay", path=f"{tmp_path}/rec"))]


@pytest.mark.parametrize(
    ("text", "names", "revision"),
    [
        ("web1", ["web1"], None),
        ("web", ["web1", "web2"], None),
        ("web@~1", ["web1", "web2"], BACK),
        ("web?@latest", ["web1", "web2"], LATEST),
        ("web9", ["web9"], None),
        ("root@web1", ["web1"], None),
    ],
)
def test_the_inventory_goes_first(inventory: Inventory, text: str, names: list[str], revision: Revision | None) -> None:
    targets = resolve(text, inventory)
    assert [target.host.name for target in targets] == names
    assert {target.revision for target in targets} == {revision}


def test_a_login_is_not_the_inventory_s_host(inventory: Inventory) -> None:
    assert resolve("web1", inventory)[0].host.port == 2222
    assert resolve("root@web1", inventory)[0].host == Host("web1", address="web1", user="root")


@pytest.mark.parametrize(
    ("texts", "names"),
    [
        (["web2", "web"], ["web2", "web1"]),
        (["web", "web1@~1"], ["web1", "web2", "web1"]),
        (["all", "!windows"], ["web1", "web2"]),
        (["!web1", "web", "other", "other", "!elsewhere"], ["web2", "other"]),
        (["a", "b", "!root@b"], ["a"]),
        (["web", "!web"], []),
    ],
)
def test_several_targets(inventory: Inventory, texts: list[str], names: list[str]) -> None:
    assert [target.host.name for target in resolve_all(texts, inventory)] == names


EXPECTED = "expected a host of the inventory, user@host:port, localhost, image:PATH or replay:DIR"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", f"target '' has no valid host name, expected user@host:port; {EXPECTED}"),
        ("a b", f"target 'a b' has no valid host name, expected user@host:port; {EXPECTED}"),
        ("a\x1b[2J@~1", "no host or group matches 'a\\x1b[2J', no inventory was given"),
        ("web1@~x", f"target 'web1@~x' has no valid host name, expected user@host:port; {EXPECTED}"),
        ("web1:0", f"target 'web1:0' has no valid port after the colon, expected a number from 1 to 65535; {EXPECTED}"),
        ("-oProxyCommand=x", f"target '-oProxyCommand=x' has no valid host name, expected user@host:port; {EXPECTED}"),
        ("-l@web1", f"target '-l@web1' has no valid user before the @, expected user@host:port; {EXPECTED}"),
        ("@web1", f"target '@web1' has no valid user before the @, expected user@host:port; {EXPECTED}"),
        ("ann:hunter2@web1", f"target 'ann:…@web1' holds a password, expected user@host:port; {EXPECTED}"),
        ("ssh://ann:hunter2@web1", f"target 'ssh:…@web1' holds a password, expected user@host:port; {EXPECTED}"),
        ("[::1", "no host or group matches '[::1', no inventory was given"),
        ("image:", f"target 'image:' has no path; {EXPECTED}"),
        ("web*", "no host or group matches 'web*', no inventory was given"),
        (
            "web1@2026-13-01",
            "revision '@2026-13-01' is not a date; expected one such as @2026-11-01 or @2026-11-01T03:00",
        ),
    ],
)
def test_what_is_no_target_is_one_line(text: str, line: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(text)
    assert str(caught.value) == line


def test_a_glob_that_matches_nothing_names_the_inventory(inventory: Inventory) -> None:
    with pytest.raises(UsageError, match=r"^no host or group matches 'wbe\*', in .*/inv$"):
        resolve("wbe*", inventory)


def test_an_empty_group_is_not_taken_for_a_host(inventory: Inventory) -> None:
    with pytest.raises(UsageError, match=r"^group 'none' in .*/inv has no host$"):
        resolve("none", inventory)


def test_an_unusable_host_says_why(inventory: Inventory) -> None:
    with pytest.raises(InventoryError, match=r"inv:5: ansible_connection of host 'win1' is 'winrm', expected ssh"):
        resolve("all", inventory)


def test_override_changes_what_is_said_and_nothing_else() -> None:
    host = Host("h", address="h", user="ann", sudo="passwordless", timeout=9.0)
    assert override(host) == host
    assert override(host, user="bob", transport="openssh", identity="/k", accept_new_host_key=True, port=23) == Host(
        "h", address="h", user="bob", transport="openssh", identity="/k", accept_new_host_key=True, port=23,
        sudo="passwordless", timeout=9.0,
    )  # fmt: skip
    asked = override(host, ask_password=True, ask_sudo_password=True, jump=(Jump("g"),), timeout=1.0, sudo_tty=True)
    assert asked == Host(
        "h", address="h", user="ann", password=SecretReference("prompt"), sudo="password", sudo_tty=True,
        sudo_password=SecretReference("prompt"), jump=(Jump("g"),), timeout=1.0,
    )  # fmt: skip
    assert override(host, sudo="none", legacy_algorithms=True).sudo == "none"


def test_override_about_ssh_leaves_other_hosts_alone() -> None:
    image = Host("i", transport="image", path="/mnt")
    assert override(image, user="bob", transport="openssh", identity="/k", ask_password=True) == image
    assert override(image, sudo="passwordless").sudo == "passwordless"


@given(
    st.text(max_size=60) | st.from_regex(r"(ssh://|image:)?([a-z:]*@)?[\[\]a-f0-9:.]*(@[~0-9T:-]*)?", fullmatch=True)
)
def test_any_text_is_a_target_or_one_line(text: str) -> None:
    try:
        said = [target.host.name for target in resolve(text)]
    except DriftscanError as error:
        said = [str(error)]
    assert said
    assert all(shown(line) == line for line in said)
