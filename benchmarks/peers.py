"""The other tools of the field, as a lab host gets them and runs them."""

from typing import NamedTuple

from tests.lab import hosts

_AIDE = "printf 'database_in=file:/root/aide.db\\ndatabase_out=file:/root/aide.db\\n/ R+sha256\\n' >/root/aide.conf"
_ENROLL = """proxy=$(grep -rhoE 'http://[0-9.:]+' /etc/apt/apt.conf.d/ | head -n 1)
python3 -m venv /tmp/peer && PIP_CERT=/run/lab-ca.pem HTTPS_PROXY=$proxy /tmp/peer/bin/pip -q install enroll"""


class Peer(NamedTuple):
    """A tool: the Debian packages that it comes in, what else prepares the host for it, and how it looks at all."""

    packages: str
    prepare: str
    command: str

    def install(self, host: hosts.LabHost) -> None:
        """Install it on a host; one that cannot be had is told by its command, which fails."""
        wanted = f"apt-get -qq update; apt-get -qq install -y {self.packages}; " if self.packages else ""
        host.root(f"export DEBIAN_FRONTEND=noninteractive; {{ {wanted}{self.prepare}\n}} >/dev/null 2>&1; true")


HARVEST = "/tmp/harvest"  # where enroll puts what it finds
PEERS = {
    "dpkg -V": Peer("", "true", "dpkg -V"),
    "debsums": Peer("debsums", "true", "debsums -sa"),
    "cruft-ng": Peer("cruft-ng plocate", "true", "updatedb; cruft-ng"),
    "enroll harvest": Peer("", _ENROLL, f"/tmp/peer/bin/enroll --no-config --assume-safe-path harvest --out {HARVEST}"),
    "aide --init, SHA-256": Peer("aide-common", _AIDE, "aide -c /root/aide.conf --init"),
}
