"""The file by which people steer a role."""

from pathlib import Path

import pytest

from driftscan.errors import UsageError
from driftscan.role.steering import Steering, Wanted, load

_WHOLE = """
include:
  - /etc/motd
  - services: cron*
exclude: [/opt/old, {packages: "lib*"}]
data: [/srv/uploads]
rename: {shopper: shop}
versions: at-least
packages: {nginx-light: exact}
numbers: remap
"""


def _file(directory: Path, text: str) -> Path:
    path = directory / "role.yaml"
    path.write_text(text)
    return path


def test_what_the_file_says(tmp_path: Path) -> None:
    steering = load(_file(tmp_path, _WHOLE))
    assert steering.include == (Wanted("/etc/motd"), Wanted("cron*", "services"))
    assert steering.excludes("files", "/opt/old/below/it")
    assert not steering.excludes("files", "/opt/older")
    assert steering.excludes("packages", "libfoo")
    assert not steering.excludes("services", "libfoo")
    assert steering.is_data("/srv/uploads/a")
    assert (steering.version("nginx-light"), steering.version("nano")) == ("exact", "at-least")
    assert (steering.named("shopper"), steering.named("root"), steering.numbers) == ("shop", "root", "remap")


def test_an_empty_file_steers_nothing(tmp_path: Path) -> None:
    assert load(_file(tmp_path, "# nothing yet\n")) == Steering()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[1]", "wanted are the keys"),
        ("excludes: []", "nobody knows 'excludes'"),
        ("exclude: /opt", "a list is wanted"),
        ("exclude: [7]", "a pattern, or one scope"),
        ("exclude: [{paths: x}]", "there is no scope 'paths'"),
        ("versions: newest", "any, at-least, exact"),
        ("packages: {nano: 1.2}", "as text"),
        ("packages: {nano: latest}", "packages: nano"),
        ("numbers: 7", "keep, remap"),
        ("rename: [a]", "names with their new values"),
        ("a: [", "is no YAML"),
        ("\x00", "is no YAML"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as error:
        load(_file(tmp_path, text))
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load(tmp_path / "none.yaml")
