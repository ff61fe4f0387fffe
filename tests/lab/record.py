"""Make the recordings of whole lab hosts anew: python -m tests.lab.record stock=bookworm sauced=sauced

Each goes to tests/recordings/NAME. What was planted as a secret becomes a dummy of the same length and shape.
"""

import lzma
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from shutil import rmtree

from tests.lab import hosts
from tests.lab.test_truth import SECRETS

RECORDINGS = Path(__file__).parent.parent / "recordings"
_KEPT = re.compile(rb"(?:ghp_|AKIA|tok_live_)?")  # by its beginning a token is known


def record(name: str, flavor: str) -> None:
    """Boot a host of `flavor`, scan it, and keep what it showed."""
    with hosts.host(f"record-{name}", flavor) as host, tempfile.TemporaryDirectory() as home:
        if flavor == "sauced":
            host.root(Path(__file__).with_name("sauce.sh").read_text(), "bash -s live")
        login = [f"root@{host.address}", "--identity", host.key, "--accept-new-host-key", "--record", f"{home}/made"]
        program = [sys.executable, "-m", "driftscan", "scan", *login]
        subprocess.run(program, env={"HOME": home, "PATH": "/usr/bin:/bin"}, check=True)
        (made,) = Path(home, "made").iterdir()
        for path in made.rglob("*"):
            if path.is_file():
                without_secrets(path)
        rmtree(RECORDINGS / name, ignore_errors=True)
        subprocess.run(["cp", "-a", made, RECORDINGS / name], check=True)


def without_secrets(path: Path) -> None:
    """Put dummies for the planted secrets into a file, packed or not."""
    packed = path.suffix == ".xz"
    data = lzma.decompress(path.read_bytes()) if packed else path.read_bytes()
    clean = data
    for secret in SECRETS:
        clean = clean.replace(secret.encode(), dummy(secret.encode()))
    if clean != data:
        path.write_bytes(lzma.compress(clean) if packed else clean)


def dummy(secret: bytes) -> bytes:
    """Return a word that looks like `secret` and is none."""
    kept = _KEPT.match(secret)
    start = kept.end() if kept else 0
    rest = re.sub(rb"[a-z]", b"x", secret[start:])
    return secret[:start] + re.sub(rb"\d", b"7", re.sub(rb"[A-Z]", b"X", rest))


if __name__ == "__main__":
    for word in sys.argv[1:]:
        record(*word.split("=", 1))
