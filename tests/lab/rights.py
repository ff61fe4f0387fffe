"""Accounts with partial rights and odd login files, and sessions that are shown less: as test_rights needs them."""

# Names of accounts -> what is in their .bashrc, which bash reads for every command by SSH.
LOGIN_FILES = {
    "rc-noise": "echo noise; echo more >&2; printf '\\033[31mred'",
    "rc-reads": "read answer; read again",
    "rc-names": 'for n in env sh find cat ls awk sed id test; do eval "$n() { echo fake; }; export -f $n"; done',
    "rc-path": "export PATH=/nonexistent",
    "rc-exports": (
        "export ENV=/home/rc-exports/.env BASH_ENV=/home/rc-exports/.env POSIXLY_CORRECT=1 FIND_BLOCK_SIZE=1 IFS=/ "
        "LC_ALL=de_DE.UTF-8 QUOTING_STYLE=shell DPKG_ADMINDIR=/nonexistent TAR_OPTIONS=--verbose GREP_OPTIONS=-v "
        "R=/nonexistent N=x PACK=yes TTY=yes TMPDIR=/nonexistent"
    ),
    "rc-strict": "set -euo pipefail; set -o noclobber; set -f; umask 0777",
    "rc-traps": "trap 'echo bye; echo bye >&2' EXIT; trap '' TERM HUP INT",
    "rc-slow": "sleep 4",
    "rc-limits": "ulimit -n 16; ulimit -f 0; ulimit -c 0; ulimit -u 30; ulimit -v 100000",
}
# Accounts that run nothing -> what is told of it.
NO_SHELL = {
    "in-nologin": "This account is currently not available",
    "in-false": "the host ran no probe",
    "in-rbash": "restricted",
    "in-python": "SyntaxError",
    "forced": "only this",
    "sftp-only": "sftp connections only",
    "must-change": "Password change required",
    "rc-exits": "no service today",
    "rc-eats": "does a login file of the account wait",
}
QUICK = {"rc-reads", "rc-names", "rc-exports", "in-nologin", "must-change"}  # in every run
OTHER_SHELLS = {
    "in-fish": ".config/fish/config.fish: echo noise; function sh; echo fake; end; function env; echo fake; end",
    "in-tcsh": ".cshrc: echo noise; alias sh echo fake; alias env echo fake; alias find echo fake",
    "in-zsh": ".zshenv: echo noise; sh() { echo fake }; find() { echo fake }; setopt no_unset",
}
# Files of root's alone that a scope looks at; the directories of root's alone hold one of each kind of what is found
# among the files.
CLOSED_FILES = (
    "/etc/closed.conf",
    "/etc/cron.d/closed",
    "/etc/systemd/system/closed.service",
    "/etc/sudoers.d/closed",
    "/etc/apt/sources.list.d/closed.list",
    "/etc/fstab",
    "/etc/sysctl.d/closed.conf",
    "/etc/modprobe.d/closed.conf",
    "/srv/closed",
    "/srv/no-listing",
    "/srv/no-entry/inside",
)
FOUND_AMONG_FILES = (
    "applications", "certificates", "checkouts", "containers", "contents", "language_packages", "state"
)  # fmt: skip
_NEW = """
set -e
new() {
  useradd -m -s "$2" "$1"; mkdir -p /home/$1/.ssh; cp /root/.ssh/authorized_keys /home/$1/.ssh/
  cat >/home/$1/.bashrc; printf 'echo from ENV; exit 9\\n' >/home/$1/.env; chown -R $1: /home/$1
}
"""
_CLOSED = """
umask 077
mkdir -p /srv/closed/app/.git/refs/heads /srv/closed/node/node_modules/left-pad /srv/no-listing/x /srv/no-entry/inside
site=/srv/closed/venv/lib/python3.11/site-packages/foo-1.0.dist-info; mkdir -p $site
printf 'Metadata-Version: 2.1\\nName: foo\\nVersion: 1.0\\n' >$site/METADATA; echo foo.py,, >$site/RECORD
cd /srv/closed; chmod 711 /srv/no-listing; chmod 744 /srv/no-entry
echo 'ref: refs/heads/main' >app/.git/HEAD; echo 0123456789012345678901234567890123456789 >app/.git/refs/heads/main
printf '[core]\\n\\trepositoryformatversion = 0\\n' >app/.git/config
echo '{"name":"left-pad","version":"1.0.0"}' >node/node_modules/left-pad/package.json
python3 -c "import sqlite3; c = sqlite3.connect('/srv/closed/state.db'); c.execute('create table t(a)'); c.commit()"
printf 'services:\\n  web:\\n    image: nginx:1\\n' >docker-compose.yml
cp "$(ls /etc/ssl/certs/*.pem | head -n 1)" /srv/closed/server.crt
echo a=1 >/etc/closed.conf; echo '* * * * * root /srv/closed/run' >/etc/cron.d/closed
printf '[Service]\\nExecStart=/bin/true\\n[Install]\\nWantedBy=multi-user.target\\n' >/etc/systemd/system/closed.service
echo 'nobody ALL=(ALL) NOPASSWD: /bin/true' >/etc/sudoers.d/closed
echo 'deb http://repository.invalid/ x main' >/etc/apt/sources.list.d/closed.list
echo 'net.ipv4.ip_forward=1' >/etc/sysctl.d/closed.conf; mkdir -p -m 755 /etc/modprobe.d
echo 'options closed a=1' >/etc/modprobe.d/closed.conf; echo '/dev/x /mnt ext4 noauto 0 0' >/etc/fstab
chmod 600 /etc/fstab
systemctl daemon-reload; systemctl enable -q closed.service
umask 022
"""
_ACCOUNTS = """
new plain /bin/sh </dev/null; install -d -o plain -m 700 /home/plain/private
new in-nologin /usr/sbin/nologin </dev/null; new in-false /bin/false </dev/null; new in-rbash /bin/rbash </dev/null
new in-python /usr/bin/python3 </dev/null
new rc-exits /bin/bash <<<'echo "no service today" >&2; exit 3'; new rc-eats /bin/bash <<<'cat >/dev/null'
new forced /bin/bash </dev/null; sed -i 's/^/command="echo only this" /' /home/forced/.ssh/authorized_keys
new sftp-only /bin/bash </dev/null
printf 'Match User sftp-only\\n  ForceCommand internal-sftp\\n' >>/etc/ssh/sshd_config
new must-change /bin/bash </dev/null; echo must-change:x1 | chpasswd; chage -d 0 must-change
new ended /bin/bash </dev/null; chage -E 1 ended
for u in few-find few-sh all-ask lecture iolog none-sudo targetpw doas; do
  new $u /bin/bash </dev/null; echo $u:secret | chpasswd; done
echo root:root-secret | chpasswd
cat >/etc/sudoers.d/few <<'S'
few-find ALL=(root) NOPASSWD: /usr/bin/find, /usr/bin/cat
few-sh ALL=(root) NOPASSWD: /bin/sh
all-ask,lecture,iolog,targetpw ALL=(ALL) ALL
Defaults:lecture lecture=always
Defaults:iolog log_input,log_output,use_pty
Defaults:targetpw targetpw,passprompt="gimme: "
S
chmod 440 /etc/sudoers.d/few; systemctl reload ssh
"""
_RC = "".join(f"new {name} /bin/bash <<'S'\n{text}\nS\n" for name, text in LOGIN_FILES.items())
SETUP = _NEW + _ACCOUNTS + _RC + _CLOSED
SHELLS = (
    _NEW
    + "list=/etc/apt/sources.list.d/closed.list; mv $list /root  # there is no such repository\n"
    + "apt-get -qq update\nexport DEBIAN_FRONTEND=noninteractive\n"
    + "apt-get -qq install -y --no-install-recommends tcsh fish zsh >/dev/null 2>&1\n"
    + "mv /root/closed.list $list\n"
    + "".join(
        f'new {user} $(command -v {user[3:]}) </dev/null; mkdir -p "$(dirname /home/{user}/{file})"\n'
        f"cat >/home/{user}/{file} <<'S'\n{text.replace('; ', chr(10))}\nS\nchown -R {user}: /home/{user}\n"
        for user, (file, _, text) in ((user, said.partition(": ")) for user, said in OTHER_SHELLS.items())
    )
)
# Sessions that systemd shows less to, each behind an sshd of its own: what stands for SELinux, chroots and containers.
_CONTEXTS = {
    "caps": ("CapabilityBoundingSet=~CAP_DAC_READ_SEARCH CAP_DAC_OVERRIDE CAP_SYS_PTRACE CAP_SYS_ADMIN",),
    "invisible": ("ProtectProc=invisible",),
    "subset": ("ProcSubset=pid",),
    "no-proc": ("InaccessiblePaths=/proc",),
    "closed": ("InaccessiblePaths=/etc/cron.d /var/lib/dpkg/info",),
    "limits": ("LimitNPROC=20", "LimitNOFILE=16", "LimitFSIZE=0", "LimitCPU=5", "LimitDATA=100M"),
}
PORTS = {name: 2200 + number for number, name in enumerate(_CONTEXTS, 1)}


def contexts() -> str:
    """Return the script that starts the sshds."""
    lines = ["set -e"]
    for name, properties in _CONTEXTS.items():
        port, file = PORTS[name], f"/run/sshd_{name}"
        options = " ".join(f"-p '{one}'" for one in properties)
        lines.append(f"{{ printf 'Port {port}\\nPidFile none\\n'; cat /etc/ssh/sshd_config; }} >{file}")
        lines.append(f"systemd-run -q --unit=sshd-{name} {options} -- /usr/sbin/sshd -D -f {file}")
    return "\n".join([*lines, "sleep 1\n"])
