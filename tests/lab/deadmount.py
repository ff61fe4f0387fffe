"""A mount whose server is dead: FUSE that says hello and then answers nobody, inside a lab host."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab import hosts

_LAB = Path(__file__).with_name("lab.sh")
# Runs in the host with a descriptor of /dev/fuse: mounts, answers INIT, and then either reads what is asked and says
# nothing (who waits cannot be killed) or does not even read (who waits can be).
_SERVER = r"""
import ctypes, os, struct, sys
descriptor, place, kind, reads = int(sys.argv[1]), sys.argv[2].encode(), sys.argv[3].encode(), sys.argv[4] == "reads"
libc = ctypes.CDLL(None, use_errno=True)
options = b"fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other" % descriptor
os.makedirs(place, exist_ok=True)
if libc.mount(b"dead:/srv", place, kind, 0, options):
    sys.exit(os.strerror(ctypes.get_errno()))
asked = os.read(descriptor, 1 << 17)
length, opcode, unique = struct.unpack_from("<IIQ", asked)
answer = struct.pack("<IIIIHHI", 7, 31, 0, 0, 1, 1, 4096) + bytes(40)
os.write(descriptor, struct.pack("<IiQ", 16 + len(answer), 0, unique) + answer)
print("mounted", flush=True)
while reads:
    os.read(descriptor, 1 << 17)
sys.stdin.read()
"""


@contextmanager
def dead_mount(host: hosts.LabHost, place: str, kind: str = "fuse.sshfs", *, reads: bool = True) -> Iterator[None]:
    """Mount a dead server's files on `place` of the host for as long as the block runs."""
    descriptor = os.open("/dev/fuse", os.O_RDWR)
    running = subprocess.Popen(
        [_LAB, "exec", host.name, "python3", "-c", _SERVER, str(descriptor), place, kind, "reads" if reads else "sleeps"],
        pass_fds=[descriptor], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    os.close(descriptor)  # when the server ends, so does the mount, and whoever waits for it
    try:
        assert running.stdout is not None
        assert running.stdout.readline() == "mounted\n"
        yield
    finally:
        os.killpg(running.pid, signal.SIGKILL)  # who holds the descriptor is a child of the shell's
        running.communicate()
        subprocess.run([_LAB, "exec", host.name, "pkill", "-KILL", "-f", "dead:/srv"], check=False)
        subprocess.run([_LAB, "exec", host.name, "umount", "-l", place], check=True)
