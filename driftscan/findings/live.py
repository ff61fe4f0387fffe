"""Live state that differs from the disk: kernel settings, firewall, mounts, routes; and who set what."""

import re
from collections.abc import Iterable, Iterator, Mapping

from driftscan.explain.view import View
from driftscan.findings.base import Family, Rule
from driftscan.model.finding import Finding, Severity
from driftscan.model.item import Item, Json
from driftscan.scopes.settings.knowledge import sysctl_kernels

SYSCTL_DIFFERS = Rule(
    "sysctl-live-differs",
    Severity.MEDIUM,
    "kernel",
    "the kernel has another value than the file that sets it",
    "find out who changed it and which value is wanted; write that to the file and run sysctl --system",
    needs=("kernel",),
    doc="A value that was set by hand is gone after the next boot, when the file's value comes back: the host then "
    "behaves otherwise, and nobody knows why.\n\nThe value is compared with the file that counts by the rules of "
    "systemd-sysctl (a file masks those of its name in later directories, then the last in the order of names counts), "
    "blanks and number bases set aside.\n\nIt is wrong where a program sets the key on purpose after the boot. Keys "
    "that a container cannot set are left alone.",
)
SYSCTL_ONLY = Rule(
    "sysctl-live-only",
    Severity.MEDIUM,
    "kernel",
    "is set in memory, and no file of sysctl sets it",
    "write it to a file in /etc/sysctl.d if it is wanted; else the next boot takes it away",
    needs=("kernel",),
    doc="What was set with sysctl -w or by writing to /proc/sys lasts until the next boot, and is in nobody's notes."
    "\n\nThe value is compared with those that stock kernels give the key by themselves; the table was read from real "
    "kernels, booted with unlike memory and processors, so that only values count that are compiled in. Keys of single "
    "interfaces are left out. A script that is run at boot and names the key is told in the evidence, and makes the "
    "finding low; so does a kernel much older or newer than those of the table.\n\nIt is wrong where a program sets "
    "the key whenever it starts; the known ones for forwarding (docker, libvirt …) are left out.",
)
SYSCTL_LOCAL = Rule(
    "sysctl-local",
    Severity.LOW,
    "kernel",
    "sets kernel settings, and no package owns it",
    "keep the file with the host's configuration, with the reason for each value",
    needs=("kernel", "packages"),
    doc="Settings of the kernel that a person has chosen: a rebuilt host needs them, or the decision that it does not."
    "\n\nOnly keys are told whose value comes from this file in the end.",
)
MODULES_LOCAL = Rule(
    "module-by-hand",
    Severity.LOW,
    "kernel",
    "says which kernel modules are loaded or not, and no package owns it",
    "keep the file with the host's configuration, or remove it",
    needs=("kernel", "packages"),
    doc="Modules that a person wants loaded, forbidden or given options: a rebuilt host needs the same.",
)
FIREWALL_ONLY = Rule(
    "firewall-live-only",
    Severity.MEDIUM,
    "network",
    "has rules in memory that no file holds",
    "find out who needs them; write them to the file that the firewall is loaded from, or delete them",
    needs=("network",),
    doc="A rule that was added by hand is gone after the next boot, and until then lets through (or keeps out) what "
    "the written rules do not.\n\nThe live rules of nftables and iptables are compared with the files that the usual "
    "services load, in a plain form: order inside sets, counters and handles do not count, and rules that are spelled "
    "otherwise are the same where their ends, addresses and ports are. Chains of programs that make their own rules "
    "(docker, ufw, firewalld, fail2ban, libvirt …) are left out. Where the file is not understood nothing is said."
    "\n\nIt is wrong where a script of the host's own loads the rules: then that script is what should be told.",
)
FIREWALL_OFF = Rule(
    "firewall-not-loaded",
    Severity.MEDIUM,
    "network",
    "has rules on disk that are not in force",
    "load the file again, or take out of it what is not wanted",
    needs=("network", "services"),
    doc="People believe in a rule that they can read; this one does nothing now.\n\nOnly said where the service that "
    "loads the file is enabled: an example that nobody loads is no firewall.",
)
MOUNT_ONLY = Rule(
    "mount-not-in-fstab",
    Severity.MEDIUM,
    "mounts",
    "is mounted, and nothing on disk mounts it again",
    "add it to /etc/fstab or write a mount unit if it is wanted; else unmount it",
    needs=("mounts",),
    doc="After the next boot the directory is empty, and whatever needs it fails.\n\nBind mounts, kernel file systems, "
    "removable media, what autofs mounted, and mounts of container runtimes and snaps are left out; so is, in a "
    "container, what its machine gave it.",
)
FSTAB_OFF = Rule(
    "fstab-not-mounted",
    Severity.MEDIUM,
    "mounts",
    "is in /etc/fstab, and is not mounted",
    "mount it, or take the line out; a line that fails can stop the next boot",
    needs=("mounts",),
    doc="Something was unmounted by hand or failed at boot. Entries with noauto or nofail are left alone, and swap "
    "that is named by a label.",
)
ROUTE_ONLY = Rule(
    "route-live-only",
    Severity.LOW,
    "network",
    "is a route in memory that no file sets",
    "write it to the network's configuration if it is needed; else delete it",
    needs=("network",),
    doc="A route that was added by hand is gone after the next boot.\n\nRoutes by the kernel, DHCP, router "
    "advertisements and routing daemons are left out, and all on hosts whose network is set from outside, as a "
    "container's is.",
)
RULES = (SYSCTL_DIFFERS, SYSCTL_ONLY, SYSCTL_LOCAL, MODULES_LOCAL, FIREWALL_ONLY, FIREWALL_OFF, MOUNT_ONLY, FSTAB_OFF,
         ROUTE_ONLY)  # fmt: skip

# Of kernel and vm only policy whose default no distribution, driver or early program changes by itself.
_JUDGED = re.compile(
    r"net\.(?:ipv4|ipv6|core)\..+|vm\.(?:swappiness|overcommit_\w+|dirty_\w+|vfs_cache_pressure|panic_on_oom|laptop_mode|"
    r"max_map_count|mmap_min_addr|nr_hugepages)|kernel\.(?:randomize_va_space|modules_disabled|kexec_load_disabled|"
    r"panic_on_oops|sysrq|core_uses_pid|msgmax|shm_rmid_forced|yama\.ptrace_scope)"
)
_FORWARDING = re.compile(r"net\.ipv4\.(?:ip_forward|conf\.\w+\.forwarding)|net\.ipv6\.conf\.\w+\.forwarding")
_FORWARDERS = re.compile(
    r"/(?:dockerd|containerd|podman|libvirtd|virtnetworkd|lxd|incusd|kubelet|k3s|crio|NetworkManager|systemd-networkd|"
    r"tailscaled|wg-quick)(?:\s|$)"
)
_CONTAINERS = frozenset({
    "docker", "podman", "lxc", "lxc-libvirt", "systemd-nspawn", "openvz", "rkt", "wsl", "proot", "kubepods",
    "machine.slice", "libpod",
})  # fmt: skip
_NETWORKED = re.compile(
    r"nfs4?|cifs|smb3?|ceph|glusterfs|fuse\.(?:sshfs|s3fs|glusterfs|ceph|rclone|davfs).*|lustre|9p|afs"
)
_LOADERS = {"nft": ("nftables",), "iptables": ("netfilter-persistent", "iptables"),
            "ip6tables": ("netfilter-persistent", "ip6tables")}  # fmt: skip
_MOST = 8  # values in one piece of evidence
_APART = 5  # rules of one chain that are told one by one


def find(view: View) -> Iterator[Finding]:
    """Judge what the kernel has against what files say."""
    yield from _sysctls(view)
    yield from _by_file(view)
    yield from _firewall(view)
    yield from _mounts(view)
    yield from _routes(view)


def _container(view: View) -> bool:
    return view.facts.get("virtualization") in _CONTAINERS


def _sysctls(view: View) -> Iterator[Finding]:
    for item in _kind(view, "kernel", "sysctl"):
        told = item.attributes
        name, live, wanted = str(told["name"]), told["live"], told["configured"]
        if live is None or told["writable"] is False:
            continue
        if wanted is not None:
            if not same_value(str(wanted), str(live)):
                severity = Severity.LOW if _FORWARDING.fullmatch(name) and _forwards(view) else None
                yield SYSCTL_DIFFERS.finding(name, {"live": live, "file": told["file"], "wanted": wanted}, severity)
        elif _JUDGED.fullmatch(name) and not (_FORWARDING.fullmatch(name) and _forwards(view)):
            setter = _named_by(view, name)
            evidence = {"live": live, "set by": setter} if setter else {"live": live}
            yield SYSCTL_ONLY.finding(name, evidence, Severity.LOW if setter or _doubtful(view, name) else None)


def same_value(wanted: str, live: str) -> bool:
    """Return whether the kernel has what a file sets: numbers by value; of several, those that the file gives."""
    if wanted.startswith((">", "<")) or "${" in wanted:  # tuned's own language
        return True
    given, has = wanted.replace(",", " ").split(), live.replace(",", " ").split()
    return all(_number(one) == _number(other) for one, other in zip(given, has, strict=False)) and len(given) <= len(
        has
    )


def _number(word: str) -> int | str:
    try:
        return int(word, 0) if len(word) < 30 else word
    except ValueError:
        return word


def _doubtful(view: View, name: str) -> bool:
    """Return whether a value may be a default after all: of an unknown kernel, or handed down to a container."""
    release = re.match(r"(\d+)\.\d+", str(view.facts.get("kernel release") or ""))
    known = {major for major, _ in sysctl_kernels()}
    return release is None or int(release[1]) not in known or (_container(view) and name.startswith("net.ipv4.conf."))


def _named_by(view: View, name: str) -> str:
    """Return the file of a service or a schedule whose command names a key, in either spelling."""
    spellings = (name, name.replace(".", "/"))
    for scope in ("services", "schedules"):
        for item in view.of(scope):
            command = str(item.attributes.get("command") or "")
            if any(one in command for one in spellings):
                return str(item.attributes.get("fragment") or item.attributes.get("file") or item.key)
    return ""


def _forwards(view: View) -> bool:
    """Return whether a program runs that switches forwarding on itself."""
    return any(_FORWARDERS.search(str(item.attributes.get("exe") or "")) for item in view.of("processes"))


def _by_file(view: View) -> Iterator[Finding]:
    """Name the files with settings that no package owns, each once."""
    for rule, kind in ((SYSCTL_LOCAL, "sysctl"), (MODULES_LOCAL, "module")):
        files: dict[str, list[str]] = {}
        for item in _kind(view, "kernel", kind):
            told = item.attributes
            if told["file"] and told.get("package") == "":
                says = (
                    f"{told['name']} = {told['configured']}"
                    if kind == "sysctl"
                    else f"{told['configured']} {told['name']}"
                )
                files.setdefault(str(told["file"]), []).append(says)
        for file, said in sorted(files.items()):
            yield rule.finding(file, {"settings" if kind == "sysctl" else "modules": _some(said)})


def _firewall(view: View) -> Iterator[Finding]:
    live_only: dict[str, list[str]] = {}
    disk_only: dict[tuple[str, str], list[str]] = {}
    told_chains: dict[str, bool] = {}
    for item in view.of("network"):
        told = item.attributes
        if told["kind"] not in {"rule", "chain"} or told["automatic"]:
            continue
        chain, says = str(told["name"]), str(told["value"])
        told_chains[chain] = told_chains.get(chain, False) or bool(told["configured"])
        if told["kind"] == "chain" and says.lower() == "policy accept":
            continue
        if told["live"] and told["configured"] is False:
            live_only.setdefault(chain, []).append(says)
        elif told["configured"] and told["live"] is False and _loaded(view, str(told["family"])):
            disk_only.setdefault((str(told["file"]), chain), []).append(says)
    for subject, rules in _gathered(live_only, told_chains).items():
        if subject in told_chains and len(rules) <= _APART:
            yield from (FIREWALL_ONLY.finding(f"{subject}: {rule}", {"chain": subject}) for rule in rules)
        else:
            yield FIREWALL_ONLY.finding(subject, {"rules": _some(rules)})
    for (file, chain), rules in sorted(disk_only.items()):
        yield FIREWALL_OFF.finding(chain, {"file": file, "rules": _some(rules)})


def _gathered(live_only: Mapping[str, list[str]], known: Mapping[str, bool]) -> dict[str, list[str]]:
    """Put the chains of a table together of which no file has any chain."""
    tables = {chain.rpartition(" ")[0] for chain, written in known.items() if written}
    found: dict[str, list[str]] = {}
    for chain, rules in sorted(live_only.items()):
        table, _, name = chain.rpartition(" ")
        if table in tables:
            found[chain] = rules
        else:
            found.setdefault(table, []).extend(f"{name}: {rule}" for rule in rules)
    return found


def _loaded(view: View, family: str) -> bool:
    """Return whether a service is enabled that loads the rules of a family."""
    names = {f"{name}.service" for name in _LOADERS.get(family, ())} | set(_LOADERS.get(family, ()))
    for item in view.of("services"):
        told = item.attributes
        if (
            told.get("name") in names
            and str(told.get("enabled")).startswith("enabled")
            and told.get("load") != "masked"
        ):
            return True
    return False


def _mounts(view: View) -> Iterator[Finding]:
    items = list(view.of("mounts"))
    swap_written = any(item.attributes["in_fstab"] and item.attributes["fstype"] == "swap" for item in items)
    written = {item.attributes["source"] for item in items if item.attributes["in_fstab"] or item.attributes["unit"]}
    inside = _container(view)
    for item in items:
        told = item.attributes
        if told["mounted"] and told["in_fstab"] is False and not told["automatic"] and not told["unit"]:
            network = bool(_NETWORKED.match(str(told["fstype"])))
            memory = told["fstype"] in {"tmpfs", "swap"} or str(told["fstype"]).startswith("fuse")
            elsewhere = told["source"] in written or (told["subtree"] or "/") != "/"
            if (inside and not network) or (elsewhere and not network) or (told["fstype"] == "swap" and swap_written):
                continue
            evidence = {name: told[name] for name in ("source", "fstype", "options")}
            yield MOUNT_ONLY.finding(str(told["target"]), evidence, Severity.LOW if memory else None)
        elif told["in_fstab"] and told["mounted"] is False and _expected(told, inside=inside):
            evidence = {"source": told["fstab_source"], "fstype": told["fstype"], "options": told["fstab_options"]}
            yield FSTAB_OFF.finding(str(told["target"]), evidence)


def _expected(told: Mapping[str, Json], *, inside: bool) -> bool:
    """Return whether an entry of fstab is one that a boot mounts."""
    options = {option.partition("=")[0] for option in str(told["fstab_options"] or "").split(",")}
    if options & {"noauto", "nofail", "x-systemd.automount", "bind"} or told["fstype"] in {"ignore", "none"}:
        return False
    return not (inside and (told["fstype"] in {"swap", "proc", "sysfs", "devpts"} or told["target"] == "/"))


def _routes(view: View) -> Iterator[Finding]:
    interfaces = {item.attributes["name"]: item.attributes for item in _kind(view, "network", "interface")}
    for item in _kind(view, "network", "route"):
        told = item.attributes
        mine = interfaces.get(told["interface"], {})
        if told["live"] and told["configured"] is False and not told["automatic"] and mine.get("configured"):
            yield ROUTE_ONLY.finding(
                str(told["value"]), {"interface": told["interface"], "configured by": mine["file"]}
            )


def _kind(view: View, scope: str, kind: str) -> Iterator[Item]:
    return (item for item in view.of(scope) if item.attributes.get("kind") == kind)


def _some(values: Iterable[str]) -> list[str]:
    known = list(values)
    more = [f"and {len(known) - _MOST} more"] if len(known) > _MOST else []
    return known[:_MOST] + more


FAMILY = Family(RULES, find)
