"""Which packaged services serve the host itself and nobody else: what every host has, and no image needs."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from driftscan.explain._origins import _CRON, _LOGIN
from driftscan.explain._programs import basename

if TYPE_CHECKING:
    from driftscan.explain.view import View
    from driftscan.model.item import Item

# What a package is for whose services keep a host going; by the names of their programs, without those of logins and
# of cron. They come with distributions, hypervisors and the tools that watch and manage a fleet.
_KEEPS = """
    rsyslogd syslog-ng syslogd klogd auditd systemd-journald systemd-journal-upload
    chronyd ntpd openntpd ntpsec timemaster systemd-timesyncd
    NetworkManager dhclient dhcpcd connmand wpa_supplicant iwd systemd-networkd systemd-resolved networkd-dispatcher
    ModemManager resolvconf firewalld ufw fail2ban-server nft sshguard
    polkitd udisksd upowerd acpid irqbalance tuned thermald powertop rngd haveged smartd mdadm mcelog rasdaemon fwupd
    lvmetad lvmpolld dmeventd multipathd iscsid iscsiuio lldpd lldpad cupsd cups-browsed avahi-daemon bluetoothd
    systemd-udevd systemd-logind systemd-machined systemd-oomd systemd-homed systemd-userdbd dbus-daemon dbus-broker
    accounts-daemon rtkit-daemon colord packagekitd unattended-upgrade unattended-upgrade-shutdown snapd gpm numad
    sssd nscd nslcd winbindd oddjobd certmonger gssproxy rpcbind rpc.statd rpc.gssd rpc.idmapd
    qemu-ga vmtoolsd VGAuthService open-vm-tools hv_kvp_daemon hv_vss_daemon xe-daemon waagent cloud-init
    google_guest_agent google_osconfig_agent amazon-ssm-agent
    zabbix_agentd zabbix_agent2 node_exporter prometheus-node-exporter telegraf collectd munin-node nrpe snmpd
    check_mk_agent atopd sadc monit datadog-agent filebeat metricbeat osqueryd falcon-sensor ossec-agentd wazuh-agentd
    puppet salt-minion chef-client cfengine-agent cf-execd cf-serverd cf-monitord
"""
_NAMES = frozenset(_KEEPS.split())
_SETUP = frozenset({"sysinit.target", "basic.target", "network.target", "getty.target", "graphical.target"})
_OWN_MAIL = frozenset({25, 465, 587})


def serves_the_host(view: "View", item: "Item", aliases: Collection[str], processes: Sequence["Item"]) -> bool:
    """Whether a packaged service is housekeeping: logins, schedules, logs, the clock, hardware, the network.

    Told by what its programs are, by the names under which the system calls it, by when the boot wants it, and of mail
    by who can send through it.
    """
    has = item.attributes
    if any(name.startswith(("dbus-org.", "syslog.")) or name == "display-manager.service" for name in aliases):
        return True
    wanted = {str(name) for name in has.get("wanted_by") or ()}
    if not wanted - _SETUP:
        return True
    lines = str(has.get("command") or "").split("\n")
    names = {basename(line.lstrip("-@:+!|").split()[0]) for line in lines if line.strip("-@:+!| ")}
    names |= {basename(str(one.attributes.get("exe") or "")) for one in processes} - {""}
    if names & (_NAMES | _LOGIN | _CRON) or any(name.startswith("systemd") for name in names):
        return True
    return _own_mail(view, processes)


def _own_mail(view: "View", processes: Sequence["Item"]) -> bool:
    """Whether all that a service listens on is a port for mail that only the host itself reaches."""
    pids = {pid for one in processes for pid in one.volatile.get("pid") or ()}
    listens = [
        one.attributes
        for one in view.of("sockets")
        if one.attributes.get("state") == "listen" and pids & set(one.volatile.get("pid") or ())
    ]
    return bool(listens) and all(
        has.get("port") in _OWN_MAIL and str(has.get("address")).startswith(("127.", "[::1]")) for has in listens
    )
