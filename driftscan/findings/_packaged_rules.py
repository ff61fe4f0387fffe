"""The rules on packaged files, with their pages."""

import re

from driftscan.findings.base import Rule
from driftscan.model.finding import Severity

# Capabilities that lead to all of root's power.
DANGEROUS = re.compile(
    r"^=|^all|cap_(?:sys_(?:admin|module|ptrace|rawio|boot)|set(?:uid|gid|fcap|pcap)|dac_\w+|chown|fowner|mac_\w+|bpf)"
)
_NEEDS = ("files", "packages")

CHANGED = Rule(
    "packaged-file-changed",
    Severity.MEDIUM,
    "files",
    "is not the file that its package ships",
    "compare it with the package's own; move the change where an upgrade keeps it, or reinstall the package",
    needs=_NEEDS,
    doc="The next upgrade of the package undoes the change without a word; and a program that is not what it was is "
    "how an intruder stays. Programs and libraries are graver than data.\n\n"
    "The digest of the file is compared with the one in the package database. Unless all files were asked for, only "
    "those are hashed that were touched after the package was unpacked. Configuration, what a diversion has moved and "
    "data that a package's own script makes anew are left out. Where npm or pip has put another version over a "
    "package, it is medium at most. More than five files of one package are told as one, by the gravest of them.\n\n"
    "A package that patches its own files without saying so is named too.",
)
CONF_CHANGED = Rule(
    "conffile-changed",
    Severity.LOW,
    "files",
    "is configuration that was edited",
    "keep the change where the host is described: a rebuild needs it",
    needs=_NEEDS,
    doc="What was edited is what makes this host different from a stock one, and what a rebuild must repeat.\n\n"
    "The digest is compared with that of the version that was installed: a conffile of dpkg, configuration of rpm, a "
    "backup file of pacman. What ucf keeps is compared with ucf's copy of the package's version.",
)
CONF_MISSING = Rule(
    "conffile-missing",
    Severity.LOW,
    "files",
    "is configuration that was deleted",
    "find out why; say so where the host is described, or bring it back (dpkg --force-confmiss)",
    needs=_NEEDS,
    doc="dpkg respects that somebody has deleted a configuration file and does not bring it back, so that the stock "
    "behaviour it stands for is gone for good: a job of cron.daily that no longer runs, say.\n\n"
    "A path counts as missing only where its directory was looked into.",
)
MISSING = Rule(
    "packaged-file-missing",
    Severity.MEDIUM,
    "files",
    "is missing, though its package is installed",
    "reinstall the package, or divert the file away for good (dpkg-divert)",
    needs=_NEEDS,
    doc="A program or a library that is gone breaks what needs it, and comes back with the next upgrade. Documentation "
    "and data are of little weight and told per package.\n\n"
    "A path counts as missing only where its directory was looked into. What dpkg was told to leave out (path-exclude) "
    "does not count, nor what many packages lack in the same place: there somebody chose to do without, as images for "
    "containers do with documentation.",
)
REPLACED = Rule(
    "packaged-replaced",
    Severity.HIGH,
    "files",
    "is of another type than its package ships",
    "find out what stands there now; reinstall the package, or make a proper diversion or alternative of it",
    needs=_NEEDS,
    doc="A packaged path that was replaced by a link runs or reads something else, and the next upgrade replaces it "
    "again, or writes through the link. A directory that was moved and left a link behind is of little weight.\n\n"
    "rpm, pacman and apk keep types. dpkg does not, but what has a checksum is a regular file and what has something "
    "below it is a directory. The links of merged-/usr are known.",
)
MODE = Rule(
    "packaged-mode",
    Severity.MEDIUM,
    "files",
    "has another mode than its package gives it",
    "set it back; if somebody needs it so, make it last with dpkg-statoverride, a tmpfiles line or the role",
    needs=_NEEDS,
    doc="A setuid bit on a packaged program is a favourite back door, for no list of strange files shows it: high. "
    "What others may write now is medium, all else low.\n\n"
    "rpm, pacman and apk keep modes. dpkg does not; it is asked in this order: an override (dpkg-statoverride), "
    "a table made from real Debian packages, the time (what was not touched since it was unpacked is as it was "
    "shipped), the packages' scripts and tmpfiles, the other hosts of the fleet with the same version.\n\n"
    "A package that is not in the table, on a disk that was copied file by file, can only be judged by what is usual: "
    "that is told as low.",
)
OWNER = Rule(
    "packaged-owner",
    Severity.MEDIUM,
    "files",
    "has another owner than its package gives it",
    "set it back with chown; if somebody needs it so, make it last with dpkg-statoverride or the role",
    needs=_NEEDS,
    doc="Who owns a file may change it and its mode. A program of a package that belongs to an account of a person or "
    "a service can be replaced by that account.\n\n"
    "It is judged as the mode is. Directories below /var that belong to a system account are left out: packages give "
    "their state to their service. Another group alone is low.",
)
CAPABILITIES = Rule(
    "packaged-capabilities",
    Severity.MEDIUM,
    "files",
    "has capabilities that its package does not give it",
    "take them away with setcap -r, or give them to the service alone (AmbientCapabilities in its unit)",
    needs=_NEEDS,
    doc="Capabilities are parts of root's power. On an interpreter or a shell most of them are as good as setuid, and "
    "they do not show in a listing. Those that lead to all of root's power are high.\n\n"
    "They are compared with what rpm's database holds and with the table of what Debian's packages set; a package "
    "whose script names the path is believed.",
)
LEFTOVER = Rule(
    "leftover-config",
    Severity.LOW,
    "files",
    "waits for somebody to decide on it",
    "compare it with the file in use, take over what is needed, and remove it",
    needs=("files",),
    doc="At an upgrade the package manager found edited configuration and put its own version, or the old one, beside "
    "it. Until somebody compares the two, the host runs on configuration for an older version.\n\n"
    "Files are known by their endings: .dpkg-dist, .ucf-dist, .rpmnew, .pacnew and the like.",
)

RULES = (CHANGED, CONF_CHANGED, CONF_MISSING, MISSING, REPLACED, MODE, OWNER, CAPABILITIES, LEFTOVER)
