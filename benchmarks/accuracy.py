"""Who names what was planted: driftscan, cruft-ng with debsums, and enroll on one sauced host: `make accuracy`.

Needs the lab (root). For each tool it prints the planted changes that its report names, of all lines of the truth, and
the lines that a person has to read. The others run on the host itself, as they must, after driftscan has looked.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.peers import HARVEST, PEERS
from tests.lab import hosts, recall


@dataclass(frozen=True)
class Result:
    """What one tool had to say."""

    tool: str
    lines: list[str]

    @property
    def missed(self) -> list[recall.Line]:
        """The lines of the truth that it does not name."""
        return recall.missed("\n".join(self.lines))


def driftscan(host: hosts.LabHost) -> Result:
    """Audit over SSH, with a database of its own."""
    program = str(Path(sys.executable).with_name("driftscan"))
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [program, "audit", f"root@{host.address}", "--identity", host.key, "--accept-new-host-key", "-q"],
            env={"HOME": home, "PATH": "/usr/bin:/bin", "COLUMNS": "120", "LANG": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode not in {0, 3}:
        raise RuntimeError(done.stderr)
    return Result("driftscan audit", done.stdout.splitlines())


def cruft(host: hosts.LabHost) -> Result:
    """Install cruft-ng and debsums on the host, and read what they print together."""
    for name in ("cruft-ng", "debsums"):
        PEERS[name].install(host)
    command = PEERS["cruft-ng"].command
    told = host.root(f"{{ {command} 2>/dev/null; debsums -ca 2>&1; }} | LC_ALL=C tr -c '[:print:]\\n' '?'")
    return Result("cruft-ng + debsums", told.splitlines())


def enroll(host: hosts.LabHost) -> Result:
    """Install enroll in a venv on the host, harvest, and read its state as lines of JSON and names of its files."""
    peer = PEERS["enroll harvest"]
    peer.install(host)
    host.root(f"{peer.command} >/dev/null 2>&1; true")
    told = host.root(f"cd {HARVEST} && find . -type f | sed 's,^[.]/artifacts/[^/]*,,'; cat {HARVEST}/state.json")
    return Result("enroll harvest", told.splitlines())


def table(results: Iterable[Result]) -> Iterable[str]:
    """Yield one line per tool."""
    planted = len(recall.TRUTH)
    yield f"{'tool':22} {'named':>9} {'lines':>7} {'lines that name nothing planted':>33}"
    for one in results:
        named = planted - len(one.missed)
        yield f"{one.tool:22} {named:>3} of {planted} {len(one.lines):>7,} {len(recall.beside(one.lines)):>33,}"


def main() -> None:
    with hosts.host("accuracy", "sauced") as host:
        host.root((Path(recall.__file__).with_name("sauce.sh")).read_text(), "bash -s live")
        results = [tool(host) for tool in (driftscan, cruft, enroll)]
    print("\n".join(table(results)))
    for one in results:
        print(f"\n{one.tool} does not name: " + ", ".join(f"{line.kind} {line.name}" for line in one.missed))


if __name__ == "__main__":
    main()
