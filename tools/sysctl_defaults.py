#!/usr/bin/env python3
"""Make the table of what kernels set their sysctls to by themselves, by booting kernels and reading /proc/sys.

    sysctl_defaults.py SOURCE... >driftscan/scopes/settings/knowledge/sysctl_defaults.tsv

A SOURCE is a Debian package of a kernel (linux-image-*.deb), which is booted in an emulator twice, with unlike memory
and processors; or `here`: a new network namespace of the running kernel, for keys below net only. A key is kept if it
is writable, is no single interface's, and read the same on both machines: then its value was compiled in. Where kernels
differ, the table has all their values. Needs root, qemu-system-x86_64, dpkg-deb and a static busybox.
"""

import gzip
import re
import subprocess
import sys
import tempfile
from pathlib import Path

BUSYBOX = Path("/bin/busybox")
MACHINES = (("-m", "768", "-smp", "1"), ("-m", "3072", "-smp", "3"))
BEGIN, END = "=== begin ===", "=== end ==="
INIT = f"""#!/bin/busybox sh
/bin/busybox mkdir -p /proc
/bin/busybox mount -t proc proc /proc
echo "{BEGIN}"
cd /proc/sys
/bin/busybox find kernel vm fs net -type f -perm -200 | while read -r f; do
  v=$(/bin/busybox cat "$f" 2>/dev/null) && echo "$f=$(echo $v)"
done
echo "{END}"
/bin/busybox poweroff -f
"""
HERE = (
    'cd /proc/sys && find net -type f -perm -200 | while read -r f; do v=$(cat "$f" 2>/dev/null) && echo "$f="$v; done'
)
# Names, keys, counters, and what is chosen when a kernel is built or by modules: each host has its own.
OWN = re.compile(
    r"kernel/(?:random/.*|hostname|domainname|tainted|ns_last_pid|real-root-dev|perf_event_max_sample_rate|printk|"
    r"core_pattern|modprobe|hotplug|poweroff_cmd|usermodehelper/.*)|fs/(?:file-max|nr_open|binfmt_misc/.*)|"
    r"net/unix/max_dgram_qlen|net/core/default_qdisc|net/ipv4/tcp_(?:allowed_)?congestion_control|net/netfilter/nf_log/.*|"
    r".*(?:secret|_key)|vm/(?:drop_caches|compact_memory|stat_refresh)"
)
INTERFACE = re.compile(r"net/ipv[46]/(?:conf|neigh)/(?!all/|default/)[^/]+/|net/mpls/conf/")


def archive(files: dict[str, tuple[int, bytes]]) -> bytes:
    """Return an initial file system (cpio, newc) of `files`: mode and content by path."""
    out = bytearray()
    for number, (name, (mode, data)) in enumerate([*files.items(), ("TRAILER!!!", (0, b""))]):
        path = name.encode() + b"\0"
        head = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0)
        out += b"070701" + b"".join(b"%08X" % field for field in head) + path
        out += b"\0" * (-len(out) % 4) + data
        out += b"\0" * (-len(out) % 4)
    return gzip.compress(bytes(out))


def booted(package: Path, folder: Path) -> list[dict[str, str]]:
    """Boot the kernel of `package` on each of the machines, and return what it read there."""
    subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
    [kernel] = folder.glob("boot/vmlinuz-*")
    initial = folder / "initrd"
    programs = {"init": (0o100755, INIT.encode()), "bin/busybox": (0o100755, BUSYBOX.read_bytes())}
    initial.write_bytes(archive({"bin": (0o040755, b""), **programs}))
    line = "console=ttyS0 loglevel=1 panic=-1"
    system = ["qemu-system-x86_64", "-kernel", str(kernel), "-initrd", str(initial), "-append", line, "-cpu", "max"]
    return [readings(output([*system, *machine, "-nographic", "-no-reboot", "-nic", "none"])) for machine in MACHINES]


def output(command: list[str]) -> str:
    """Return what `command` prints; it may take ten minutes."""
    ended = subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=600)
    return ended.stdout.decode(errors="replace").replace("\r", "")


def readings(printed: str) -> dict[str, str]:
    """Return value by path of what a machine has printed."""
    body = printed.partition(BEGIN + "\n")[2].partition(END)[0]
    if not body:
        sys.exit(f"nothing was read; the machine said: {printed[-500:]}")
    pairs = (line.partition("=")[::2] for line in body.splitlines())
    return {path: value for path, value in pairs if value}


def constants(machines: list[dict[str, str]]) -> dict[str, str]:
    """Return what reads the same on all machines, and is not one host's own."""
    first, *others = machines
    return {
        path: value
        for path, value in first.items()
        if all(other.get(path) == value for other in others) and not OWN.fullmatch(path) and not INTERFACE.match(path)
    }


def read(source: str) -> tuple[str, dict[str, str], set[str]]:
    """Return the name of a kernel, its constants, and the paths that are none."""
    if source == "here":
        found = readings(f"{BEGIN}\n{output(['unshare', '--net', 'sh', '-c', HERE])}{END}")
        release = output(["uname", "-r"]).strip()
        return f"{release} (a new network namespace)", constants([found]), set()
    with tempfile.TemporaryDirectory() as folder:
        machines = booted(Path(source), Path(folder))
    known = constants(machines)
    return output(["dpkg-deb", "-f", source, "Package"]).strip(), known, set(machines[0]) - set(known)


def main() -> None:
    """Print the table."""
    found = [read(source) for source in sys.argv[1:] or sys.exit(__doc__)]
    moving = set[str]().union(*(paths for _, _, paths in found))
    values: dict[str, list[str]] = {}
    for _, known, _ in found:
        for path, value in known.items():
            if path not in moving and value not in values.setdefault(path, []):
                values[path].append(value)
    lines = [f"# from {name}" for name, _, _ in found]
    lines.append("# path below /proc/sys, then the values that these kernels give it; made by tools/sysctl_defaults.py")
    lines += ["\t".join((path, *values[path])) for path in sorted(values) if values[path]]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
