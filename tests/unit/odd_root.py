"""A small host that is a directory, with something to show in every scope, and whatever tools a test gives it."""

import gzip
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from driftscan.collect.bundle import Task, by_scope
from driftscan.collect.runner import Link, Results, run_tasks
from driftscan.model.item import Json
from driftscan.scopes.base import scopes
from driftscan.transport.base import Channel, Privilege
from driftscan.transport.process import Processes
from driftscan.transport.shell import CLEAN_SHELL

# What the bundle counts on everywhere, and what single probes ask for.
TOOLS = [
    "awk",
    "cat",
    "cut",
    "date",
    "dd",
    "find",
    "grep",
    "gzip",
    "head",
    "id",
    "ls",
    "od",
    "readlink",
    "sed",
    "sort",
    "stat",
    "tail",
    "tar",
    "tr",
    "uname",
    "xargs",
    "chroot",
    "getconf",
    "setpriv",
    "sleep",
    "true",
    "sh",
    "ip",
    "printf",
]
_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nshop:x:1000:1000::/home/shop:/bin/sh\n"
    "_apt:x:42:65534::/:/bin/false\n",
    "etc/shadow": "root:*:19000:0:99999:7:::\nshop:$6$aa$bb:19000:0:99999:7:::\n_apt:!:19000::::::\n",
    "etc/group": "root:x:0:\nshop:x:1000:\n",
    "etc/gshadow": "root:*::\nshop:!::\n",
    "etc/hostname": "odd\n",
    "etc/os-release": 'NAME="Odd"\nID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n',
    "etc/debian_version": "12.1\n",
    "etc/sudoers": "root ALL=(ALL) ALL\n@include /etc/sudoers.more\n",
    "etc/sudoers.more": "shop ALL=(ALL) NOPASSWD: ALL\n",
    "etc/ssh/sshd_config": "AuthorizedKeysFile .ssh/authorized_keys .ssh/more\n",
    "home/shop/.ssh/more": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB1Fa0rO shop@far\n",
    "etc/crontab": "SHELL=/bin/sh\n17 * * * * root run-parts /etc/cron.hourly\n",
    "etc/cron.d/shop": "* * * * * shop /opt/shop/tick\n",
    "etc/cron.daily/clean": "#!/bin/sh\nrm -rf /var/cache/shop\n",
    "etc/init.d/shop": "#!/bin/sh\n### BEGIN INIT INFO\n# Provides: shop\n# Default-Start: 2 3\n"
    "### END INIT INFO\n",
    "etc/rc.local": "#!/bin/sh\n/opt/shop/start &\n",
    "etc/inittab": "id:2:initdefault:\n",
    "etc/systemd/system/shop.service": "[Unit]\nDescription=Shop\n[Service]\nExecStart=/opt/shop/run\n"
    "StateDirectory=shop\n"
    "[Install]\nWantedBy=multi-user.target\n",
    "etc/systemd/system/shop.service.d/more.conf": "[Service]\nUser=shop\n",
    "etc/systemd/system/data.mount": "[Mount]\nWhat=/dev/sdb1\nWhere=/data\n",
    "etc/fstab": "/dev/sdb1 /data ext4 defaults 0 2\n",
    "etc/sysctl.d/10-shop.conf": "net.ipv4.ip_forward = 1\n",
    "etc/sysctl.conf": "vm.swappiness = 10\n",
    "etc/ufw/ufw.conf": "ENABLED=yes\n",
    "etc/ufw/sysctl.conf": "net/ipv4/tcp_syncookies=1\n",
    "etc/tuned/active_profile": "shop\n",
    "etc/tuned/shop/tuned.conf": "[sysctl]\nvm.dirty_ratio=10\n",
    "etc/modules": "loop\n",
    "etc/hosts": "127.0.0.1 localhost\n",
    "etc/network/interfaces": "auto eth0\niface eth0 inet static\n  address 192.0.2.7/24\n",
    "etc/apt/sources.list": "deb http://deb.example/debian bookworm main\n",
    "etc/apt/trusted.gpg.d/x.gpg": "x",
    "etc/apt/apt.conf.d/10x": 'APT::Get::AllowUnauthenticated "true";\n',
    "var/lib/apt/lists/deb.example_debian_dists_bookworm_InRelease": "Origin: Debian\nLabel: Debian\n"
    "Suite: stable\nMD5Sum:\n",
    "var/lib/apt/lists/deb.example_debian_dists_bookworm_main_binary-amd64_Packages":
    "Package: shop\nVersion: 1\n\n",
    "var/lib/apt/extended_states": "Package: shop\nArchitecture: amd64\nAuto-Installed: 1\n",
    "var/lib/dpkg/status": "Package: shop\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n"
    "Maintainer: me\nDescription: x\nConffiles:\n /etc/cron.d/shop d41d8cd98f00b204e9800998ecf8427e\n\n",
    "var/lib/dpkg/info/shop.list": "/.\n/etc\n/etc/cron.d\n/etc/cron.d/shop\n",
    "var/lib/dpkg/info/shop.md5sums": "d41d8cd98f00b204e9800998ecf8427e  etc/cron.d/shop\n",
    "var/lib/dpkg/info/shop.postinst": "#!/bin/sh\nadduser shop\n"
    "dpkg-statoverride --add root shop 2755 /usr/bin/shop\n",
    "var/lib/dpkg/diversions": "/bin/a\n/bin/a.distrib\nshop\n",
    "var/lib/dpkg/statoverride": "root shop 2755 /usr/bin/shop\n",
    "var/lib/dpkg/alternatives/editor": "auto\n/usr/bin/editor\n\n/usr/bin/vi\n30\n\n",
    "var/lib/ucf/hashfile": "d41d8cd98f00b204e9800998ecf8427e  /etc/x\n",
    "usr/lib/sysusers.d/shop.conf": "u shop 1000 - /home/shop\n",
    "usr/lib/tmpfiles.d/shop.conf": "d /run/shop 0755 shop shop\n",
    "usr/sbin/update-shop": "#!/bin/sh\necho >/var/cache/shop\n",
    "etc/logrotate.d/shop": "/var/log/shop.log {\n daily\n}\n",
    "etc/iptables/rules.v4": "*filter\n:INPUT DROP [0:0]\n-A INPUT -i lo -j ACCEPT\nCOMMIT\n",
    "var/log/auth.log": "Nov 22 10:00:00 odd sudo:     shop : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/id\n",
}  # fmt: skip
_LINKS = {
    "etc/localtime": "/usr/share/zoneinfo/Europe/Berlin",
    "etc/alternatives/editor": "/usr/bin/vi",
    "etc/resolv.conf": "../run/resolv.conf",
    "etc/systemd/system/multi-user.target.wants/shop.service": "/etc/systemd/system/shop.service",
    "etc/systemd/system/default.target": "/lib/systemd/system/multi-user.target",
    "etc/rc2.d/S01shop": "../init.d/shop",
    "sbin/init": "/lib/systemd/systemd",
}
_DPKG_LOG = "2026-01-02 03:04:05 install shop:amd64 <none> 1\n"


def make(root: Path) -> Path:
    """Make the host's files."""
    for path, content in _FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
    for path, target in _LINKS.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).symlink_to(target)
    for path in ("etc/cron.daily/clean", "etc/init.d/shop", "etc/rc.local", "usr/sbin/update-shop"):
        (root / path).chmod(0o755)
    (root / "var/log/dpkg.log.1.gz").write_bytes(gzip.compress(_DPKG_LOG.encode(), mtime=0))
    (root / "var/log/dpkg.log").write_text(_DPKG_LOG.replace("01-02", "02-03"))
    (root / "var/log/wtmp").write_bytes(bytes(384))
    for name in ("proc", "dev", "host", "tmp", "run", "bin"):
        (root / name).mkdir(exist_ok=True)
    (root / "bin/sh").symlink_to("/tools/sh")
    (root / "lib").symlink_to("host/usr/lib")
    (root / "lib64").symlink_to("host/usr/lib64")
    return root


def give_tools(
    root: Path, *, busybox: bool = False, lacking: Iterable[str] = (), poor: Mapping[str, str] | None = None
) -> None:
    """Give the host its tools; `poor` maps one to the options that it does not know, as a pattern of the shell.

    The tools are this machine's, seen below /host, or the applets of its busybox.
    """
    directory = root / "tools"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    for tool in TOOLS:
        found = shutil.which("busybox" if busybox and tool != "sh" else "dash" if tool == "sh" else tool)
        if found is None or tool in set(lacking):
            continue
        real = "/host" + os.path.realpath(found)
        option = (poor or {}).get(tool)
        if option is None:
            (directory / tool).symlink_to(real)
            continue
        (directory / f".{tool}").mkdir()
        (directory / f".{tool}" / tool).symlink_to(real)
        (directory / tool).write_text(
            f'#!/bin/sh\nfor x; do case $x in {option}) echo "{tool}: unknown option $x" >&2; exit 1 ;; esac; done\n'
            f'exec "${{0%/*}}/.{tool}/{tool}" "$@"\n'
        )
        (directory / tool).chmod(0o755)


# This script is process 1, and there is another one to be seen.
_INSIDE = """
mount --bind / "$ROOT/host" && mount -t proc proc "$ROOT/proc" && mount --bind /dev "$ROOT/dev" || exit 125
chroot=$(command -v chroot)
cd /; sleep 1000 </dev/null >/dev/null 2>&1 &
PATH=/tools:/none "$chroot" "$ROOT" $RUN
"""


class Odd:
    """The host as a transport: commands run in namespaces that end with them, with `tools` alone in their path."""

    name = "odd"
    root = ""
    live = True
    local = False

    def __init__(self, root: Path, shell: Sequence[str] = ("dash",)) -> None:
        program = os.path.realpath(shutil.which(shell[0]) or shell[0])
        # Not as arguments: one host is to look like the other, process 1 too.
        self._environment = {**os.environ, "ROOT": str(root), "RUN": " ".join(["/host" + program, *shell[1:]])}
        self._processes = Processes()

    def open(self, command: str, *, tty: bool = False) -> Channel:
        """Start the shell, whatever `command` calls it."""
        assert command == CLEAN_SHELL
        names = ("--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child")
        names = names if os.geteuid() == 0 else ("--map-root-user", *names)
        argv = ("unshare", *names, "sh", "-c", _INSIDE)
        return self._processes.start(argv, terminal=tty, environment=self._environment)

    def close(self) -> None:
        """End what still runs."""
        self._processes.close()


Seen = dict[str, dict[str, Mapping[str, Json]]]  # scope -> key -> attributes


def look(root: Path, shell: Sequence[str] = ("dash",)) -> tuple[Seen, Results]:
    """Run every small probe on the host; return what the scopes made of them, and how the probes ended."""
    tasks = [Task(name, probe) for name, scope in scopes().items() for probe in scope.probes]
    results = run(root, tasks, shell)
    seen = {
        name: {item.key: item.attributes for item in scope.parse(by_scope(results, name)).items}
        for name, scope in scopes().items()
    }
    return seen, results


def run(root: Path, tasks: Sequence[Task], shell: Sequence[str] = ("dash",)) -> Results:
    """Run `tasks` on the host."""
    transport = Odd(root, shell)
    try:
        return run_tasks(Link(transport, Privilege()), tasks, lambda _scope: None)
    finally:
        transport.close()


def can_run() -> bool:
    """Whether this machine lets a test have namespaces of its own."""
    names = ["unshare", "--mount", "--pid", "--net", "--fork"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
    return subprocess.run([*names, "true"], capture_output=True, check=False).returncode == 0
