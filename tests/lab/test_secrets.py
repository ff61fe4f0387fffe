"""What the redaction blanks in /etc of stock systems: nothing that is no secret, each exception with its reason."""

import os
from pathlib import Path

import pytest

from driftscan.model.redaction import redacted_lines
from driftscan.scopes.texts.secrets import read

BASES = Path(os.environ.get("LAB_DIR", "/srv/lab")) / "bases"
FLAVORS = ("bookworm", "trixie", "bullseye", "sysv", "rpm", "arch", "busybox")
# Lines that are blanked: examples of a password that stand where a password stands.
EXAMPLES = {
    "#BindPasswd: secret": "the example of debconf.conf",
    "# input_password = secret": "an example of openssl.cnf", "# output_password = secret": "an example of openssl.cnf",
    "secret = pass:insta # can be used for both client and server side": "a password for a test server in openssl.cnf",
    "secret = $insta::secret # pass:insta": "the same one",
}  # fmt: skip
# What pacman-key makes on each host: its own signing key, and what revokes it.
KEYS = ("etc/pacman.d/gnupg/private-keys-v1.d/", "etc/pacman.d/gnupg/openpgp-revocs.d/")


@pytest.mark.parametrize("flavor", FLAVORS)
def test_nothing_of_a_stock_etc_is_taken_for_a_secret(flavor: str) -> None:
    root = BASES / flavor / "root"
    if not root.is_dir():
        pytest.skip(f"the base {flavor} is not built")
    blanked, seen = [], 0
    for path in sorted(path for path in (root / "etc").rglob("*") if path.is_file() and not path.is_symlink()):
        data, name = path.read_bytes(), str(path.relative_to(root))
        if b"\0" in data or name.startswith(KEYS) or name in {"etc/shadow", "etc/shadow-", "etc/machine-id"}:
            continue
        said = data.decode("utf-8", "surrogateescape")
        seen += 1
        lines = {said[line.start : line.end].strip() for line in redacted_lines(said)}
        kept = read(os.fsencode(f"/{name}"), data, keep=True).text
        if kept is None:
            blanked.append(f"{name}: whole")
        elif not lines and kept != said:
            pairs = zip(said.split("\n"), kept.split("\n"), strict=False)
            blanked += [f"{name}: {one}" for one, other in pairs if one != other]
        blanked += [f"{name}: {line}" for line in lines - EXAMPLES.keys()]
    assert blanked == []
    assert seen > 100 or flavor == "busybox"
