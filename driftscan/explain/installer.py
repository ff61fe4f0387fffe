"""What the installation of the system itself made: the standard directories, and the files that each host has alone."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from driftscan.explain.base import Claim, Explainer
from driftscan.model.explanation import Explanation

if TYPE_CHECKING:
    from driftscan.explain.view import View

_HIERARCHY = Explanation("installer", "", "standard directory")
_IDENTITY = Explanation("installer", "", "each host has its own")
_TRACE = Explanation("installer", "", "left by the installation")

# Directories of the Filesystem Hierarchy Standard and of file-hierarchy(7): themselves, nothing in them.
_DIRECTORIES = {
    "/": "bin boot dev etc home lib lib32 lib64 libx32 lost+found media mnt opt proc root run sbin srv sys tmp usr var",
    "/boot/": "efi loader lost+found",
    "/dev/": "fd hugepages mqueue pts shm",
    "/etc/": "opt skel sysconfig X11",
    "/media/": "cdrom floppy",
    "/usr/": "bin games include lib lib32 lib64 libexec libx32 local sbin share src",
    "/usr/local/": "bin etc games include lib lib64 libexec man sbin share src",
    "/usr/local/share/": "applications doc fonts games info man misc xml sgml",
    "/usr/local/share/man/": "man1 man2 man3 man4 man5 man6 man7 man8 man9",
    "/var/": "account adm cache crash db empty games kerberos lib local lock log lost+found mail nis opt preserve run "
    "spool tmp www yp",
    "/home/": "lost+found",
    "/var/lib/": "games misc private machines portables",
    "/var/cache/": "private",
    "/var/log/": "private",
    "/var/spool/": "cron lpd mail",
}
# Files that installers and the tools of the base system write on each host: the accounts of the shadow suite, the
# settings of file-hierarchy(7)'s machine-id(5), hostname(5), locale.conf(5) …, the network, the disks, the clock.
_FILES = """
machine-id machine-info hostname hosts networks resolv.conf host.conf localtime timezone adjtime locale.conf
vconsole.conf fstab crypttab mtab passwd group shadow gshadow subuid subgid passwd- group- shadow- gshadow- subuid-
subgid- .pwd.lock os-release default/locale default/keyboard default/console-setup default/grub network/interfaces
sysconfig/network sysconfig/kernel sysconfig/grub apt/sources.list .updated issue environment motd shells
nsswitch.conf profile inputrc initramfs-tools/conf.d/resume popularity-contest.conf kernel-img.conf
udev/rules.d/70-persistent-net.rules udev/rules.d/70-persistent-cd.rules X11/xorg.conf.d/00-keyboard.conf
netplan/00-installer-config.yaml netplan/01-netcfg.yaml netplan/01-network-manager-all.yaml
netplan/50-cloud-init.yaml
"""
_OTHERS = (
    "/var/lib/dbus/machine-id",
    "/var/.updated",
    "/.autorelabel",
    "/var/run",
    "/var/lock",
    "/swapfile",
    "/swap.img",
)
_TRACES = ("/var/log/installer", "/var/log/anaconda", "/root/anaconda-ks.cfg", "/root/original-ks.cfg")
# Files of which each host has its own number: host keys, the settings of network interfaces.
_NAMED = {
    b"/etc/ssh": re.compile(rb"ssh_host_[a-z0-9]{1,20}_key(?:\.pub)?"),
    b"/etc/sysconfig/network-scripts": re.compile(rb"(?:ifcfg|route6?|rule6?|keys)-\S{1,80}"),
    b"/etc/NetworkManager/system-connections": re.compile(rb".{1,100}\.nmconnection"),
}
_SOURCES = "/etc/apt/sources.list.d/{}.sources"  # where apt's own format is used, named for the distribution


def _claims(view: "View") -> Iterator[Claim]:
    for parent, names in _DIRECTORIES.items():
        for name in names.split():
            path = f"{parent}{name}".encode()
            entry = view.directories.entry(path)
            if entry is not None and entry.kind in "dl":
                yield Claim(path, _HIERARCHY)
    for name in _FILES.split():
        yield Claim(f"/etc/{name}".encode(), _IDENTITY)
    for name in _OTHERS:
        yield Claim(name.encode(), _IDENTITY)
    for name in _TRACES:
        yield Claim(name.encode(), _TRACE, whole=True)
    for folder, names_there in _NAMED.items():
        for entry in view.directories.list(folder).values():
            if names_there.fullmatch(entry.path[len(folder) + 1 :]):
                yield Claim(entry.path, _IDENTITY)
    distribution = view.facts.get("release id")
    if isinstance(distribution, str) and re.fullmatch(r"[a-z0-9._-]{1,40}", distribution):
        yield Claim(_SOURCES.format(distribution).encode(), _IDENTITY)


EXPLAINER = Explainer(
    name="installer",
    doc="Standard directories, and the files that each host has of its own: its name, accounts, disks, keys",
    rank=45,
    claims=_claims,
)
