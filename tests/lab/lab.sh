#!/bin/bash
# lab.sh - real test hosts on one machine, no container engine, PID 1 of this machine need not be systemd.
#
# A host = an overlayfs clone of a cached base root + its own network namespace on the bridge lab0
#          + systemd-nspawn --boot (real init as PID 1, real sshd), reachable by IP from the root namespace.
#
#   lab.sh deps                      install what the lab needs (Debian packages)
#   lab.sh base [FLAVOR...]          build and cache base roots (default: bookworm); see FLAVORS below
#   lab.sh up NAME [IP] [BASE]       create and boot a host (IP default: next free; BASE default: bookworm)
#   lab.sh up -n COUNT PREFIX [BASE] boot COUNT hosts PREFIX1..PREFIXn, then wait for all
#   lab.sh stop NAME | start NAME    power off (orderly) / boot again, disk kept
#   lab.sh reboot NAME               reboot from inside, wait for sshd
#   lab.sh down NAME... | down --all kill and delete
#   lab.sh save NAME FLAVOR          powered-off host's disk becomes a new base (a layer on its old base)
#   lab.sh ssh NAME [CMD...]         ssh as root;     lab.sh ssh user@NAME ... as another user
#   lab.sh push NAME SRC DST         copy file/tree into host (scp, or tar over ssh when there is no sftp-server)
#   lab.sh exec NAME CMD...          run in the host's namespaces without ssh (debugging)
#   lab.sh list | ip NAME | root NAME | leader NAME (pid of its init) | sshconfig
#   lab.sh proxy start|stop          package proxy for the hosts at 10.77.0.1:3142 (hosts have no other way out)
#   lab.sh clean                     down --all, proxy stop, bridge away (bases and cache stay)
#
# FLAVORS: bookworm bookworm-nopy trixie bullseye sid sysv (bookworm with sysvinit)  rpm arch busybox  sauced
set -euo pipefail
shopt -s nullglob

LAB=${LAB_DIR:-/srv/lab}            # everything lives here (0700: holds setuid files of foreign roots)
NET=${LAB_NET:-10.77.0}             # /24, first three octets
BR=lab0
PROXY_PORT=3142
HOSTS=$LAB/hosts BASES=$LAB/bases CG=$LAB/cg KEY=$LAB/id SSHCFG=$LAB/ssh_config
SELF=$(readlink -f "$0"); HERE=$(dirname "$SELF")

die() { echo "lab: $*" >&2; exit 1; }
now() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN{printf "%.2f", b-a}'; }

# ---------------------------------------------------------------- one-time setup (idempotent)
deps() {
  DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=500 install -y --no-install-recommends \
    mmdebstrap systemd-container iproute2 openssh-client python3 >/dev/null
}

setup() {
  [ "$(id -u)" = 0 ] || die "must be root"
  mkdir -p "$HOSTS" "$BASES" "$CG" "$LAB/log"; chmod 700 "$LAB"
  # a shared bind mount, so that mounts/umounts of host disks reach the supervisors' mount namespaces
  if ! mountpoint -q "$LAB"; then mount --bind "$LAB" "$LAB"; mount --make-rshared "$LAB"; fi
  mountpoint -q "$CG" || mount -t cgroup2 cgroup2 "$CG"
  [ -f "$KEY" ] || ssh-keygen -q -t ed25519 -N '' -C lab -f "$KEY"
  # 50 systemds need more than the default 128 inotify instances
  [ "$(cat /proc/sys/fs/inotify/max_user_instances)" -ge 8192 ] || echo 8192 >/proc/sys/fs/inotify/max_user_instances
  [ "$(cat /proc/sys/fs/inotify/max_user_watches)" -ge 524288 ] || echo 524288 >/proc/sys/fs/inotify/max_user_watches
  # lab addresses never leave by the default route, whatever state the bridge is in
  ip route replace unreachable "$NET.0/24" metric 4096
  if ! ip link show "$BR" >/dev/null 2>&1; then
    ip link add "$BR" type bridge; ip addr add "$NET.1/24" dev "$BR"; ip link set "$BR" up
  fi
}

proxy() {
  local pidf=$LAB/proxy.pid i
  case ${1:-start} in
  start)
    if [ -s "$pidf" ] && grep -qs proxy.py "/proc/$(cat "$pidf")/cmdline"; then return; fi
    setsid python3 "$HERE/proxy.py" "$NET.1" $PROXY_PORT "$LAB/debs" </dev/null >"$LAB/log/proxy.log" 2>&1 &
    echo $! >"$pidf"
    for i in $(seq 100); do tcp_open "$NET.1" $PROXY_PORT && return; sleep .1; done
    die "proxy did not start: $(cat "$LAB/log/proxy.log")" ;;
  stop) if [ -s "$pidf" ]; then kill "$(cat "$pidf")" 2>/dev/null || :; rm -f "$pidf"; fi ;;
  esac
}

tcp_open() { timeout 1 bash -c "exec 3<>/dev/tcp/$1/$2" 2>/dev/null; }

# ---------------------------------------------------------------- bases
# $BASES/F/root = the tree (a layer); $BASES/F/layers = overlay lowerdirs, topmost first
mirror() { # address of the Debian archive as configured on this machine ($1: main|security)
  local want='/debian$'; [ "$1" = security ] && want='security'
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | sed 's,/$,,' | grep -E "$want" | sort -u | head -1
}

sources() { # sources.list lines of a suite
  local m s; m=$(mirror main); s=$(mirror security)
  echo "deb $m $1 main"
  [ "$1" = sid ] || printf 'deb %s %s-updates main\ndeb %s %s-security main\n' "$m" "$1" "$s" "$1"
}

base() {
  setup; proxy start
  [ $# -gt 0 ] || set -- bookworm
  local f
  for f; do ( flock 8; base_one "$f" ) 8>"$LAB/base-$f.lock"; done   # several lab.sh may want the same base
}

base_one() {
  local f=$1 t
  [ ! -f "$BASES/$f/layers" ] || { echo "base $f: cached"; return; }
  t=$(now); rm -rf "${BASES:?}/$f"; mkdir -p "$BASES/$f"
  case $f in
    bookworm|trixie|bullseye|sid) base_debian "$f" "$f" python3,sudo,systemd-sysv,dbus ;;
    bookworm-nopy)                base_debian "$f" bookworm sudo,systemd-sysv,dbus ;;
    sysv)                         base_debian "$f" bookworm python3,sudo,sysvinit-core,rsyslog ;;
    sauced)                       base_sauced; echo "base $f: $(since "$t")s"; return ;;
    *) [ -x "$HERE/base-$f.sh" ] || die "unknown flavor $f"
       "$HERE/base-$f.sh" "$BASES/$f/root" >"$LAB/log/base-$f.log" 2>&1 || die "see $LAB/log/base-$f.log" ;;
  esac
  echo "$BASES/$f/root" >"$BASES/$f/layers"
  echo "base $f: $(since "$t")s, $(du -sh "$BASES/$f/root" | cut -f1)"
}

base_debian() { # FLAVOR SUITE EXTRA-PACKAGES
  local r=$BASES/$1/root
  sources "$2" | mmdebstrap --quiet --variant=minbase --format=directory \
    --aptopt="Acquire::http::Proxy \"http://$NET.1:$PROXY_PORT\"" --aptopt='Acquire::Check-Valid-Until "false"' \
    --include=openssh-server,iproute2,procps,iputils-ping,ca-certificates,less,cron,logrotate,"$3" \
    "$2" "$r" - >"$LAB/log/base-$1.log" 2>&1 || die "see $LAB/log/base-$1.log"
  rm -f "$r"/etc/ssh/ssh_host_*                      # made anew for each host
  rm -f "$r"/etc/machine-id "$r"/var/lib/dbus/machine-id; : >"$r"/etc/machine-id
  : >"$r"/etc/resolv.conf
  echo "Acquire::http::Proxy \"http://$NET.1:$PROXY_PORT\";" >"$r"/etc/apt/apt.conf.d/90site-proxy
  rm -f "$r"/etc/apt/apt.conf.d/99mmdebstrap
  case $1 in sysv) sed -i -E 's/^([1-6]:.*getty)/#\1/' "$r"/etc/inittab ;; esac
}

base_sauced() { # bookworm as a person has left it, saved as a layer; what is in memory only, `sauce.sh live` makes anew
  local n=sauce-maker; rm -rf "${BASES:?}/sauced"; [ ! -d "$HOSTS/$n" ] || down "$n"
  base bookworm; up "$n" bookworm; push "$n" "$HERE/sauce.sh" /root
  ssh -F "$SSHCFG" "$n" 'bash /root/sauce.sh; rc=$?; rm /root/sauce.sh; exit $rc' >"$LAB/log/base-sauced.log" 2>&1 || die "see $LAB/log/base-sauced.log"
  stop "$n"; save "$n" sauced
}

# ---------------------------------------------------------------- hosts
conf() { [ -f "$HOSTS/$1/conf" ] || die "no host $1"; . "$HOSTS/$1/conf"; }   # sets IP BASE LAYERS INIT

next_ip() {
  local i; for i in $(seq 11 250); do
    grep -qsx "IP=$NET.$i" "$HOSTS"/*/conf || { echo "$NET.$i"; return; }; done; die "no free address"
}

mount_disk() {
  local h=$HOSTS/$1
  mountpoint -q "$h/m" || mount -t overlay "lab-$1" -o "lowerdir=$LAYERS,upperdir=$h/u,workdir=$h/w,index=on,nfs_export=on,metacopy=off" "$h/m"
}

net_up() { # an address has always the same MAC: else who knew the host before waits 40 s for the one that has its address now
  local ns=lab-$1 v=vl${IP##*.} mac
  mac=$(printf '02:6c:%02x:%02x:%02x:%02x' ${IP//./ })
  ip netns del "$ns" 2>/dev/null || :; ip link del "$v" 2>/dev/null || :
  ip netns add "$ns"
  ip link add "$v" type veth peer name eth0 address "$mac" netns "$ns"
  ip link set "$v" master "$BR" up
  ip -n "$ns" link set lo up
  ip -n "$ns" addr add "$IP/24" dev eth0; ip -n "$ns" link set eth0 up
}

new() { ( flock 9; create "$1" "${2:-$(next_ip)}" "$3" ) 9>"$LAB/lock"; }   # several lab.sh may run at a time

create() { # NAME IP BASE
  local n=$1 h=$HOSTS/$1 LAYERS
  [[ $n =~ ^[a-z0-9][a-z0-9-]{0,30}$ ]] || die "bad name $n"
  [ ! -e "$h" ] || die "host $n exists"
  [ -f "$BASES/$3/layers" ] || die "no base $3 (lab.sh base $3)"
  LAYERS=$(cat "$BASES/$3/layers")
  mkdir -p "$h"/{u,w,m}
  printf 'IP=%s\nBASE=%s\nLAYERS=%s\n' "$2" "$3" "$LAYERS" >"$h/conf"
  mount_disk "$n"
  local m=$h/m a
  if [ -s "$BASES/$3/protattr" ]; then
    while IFS= read -r -d '' a; do chattr "+${a%% *}" "$m${a#* }"; done <"$BASES/$3/protattr"; fi
  mkdir -p "$m/root/.ssh"; cp "$KEY.pub" "$m/root/.ssh/authorized_keys"
  chmod 700 "$m/root/.ssh"; chmod 600 "$m/root/.ssh/authorized_keys"
  echo "$n" >"$m/etc/hostname"
  # A clone has a name of its own, and what somebody has added to the base's hosts.
  { printf '127.0.0.1\tlocalhost\n127.0.1.1\t%s\n' "$n"; grep -v '^127\.' "$m/etc/hosts" 2>/dev/null || :; } >"$h/hosts"
  mv "$h/hosts" "$m/etc/hosts"
  rm -f "$m"/etc/ssh/ssh_host_*
  if [ -d "$m/etc/ssh" ]; then  # no RSA key: it would be half of the boot time (LAB_RSA=1 makes one)
    local t; for t in ed25519 ecdsa ${LAB_RSA:+rsa}; do ssh-keygen -q -t $t -N "" -C "root@$n" -f "$m/etc/ssh/ssh_host_${t}_key"; done; fi
  [ -e "$m/etc/machine-id" ] && : >"$m/etc/machine-id"
  sshconfig
}

boot() { # NAME: start its supervisor in a session of its own
  local n=$1 h=$HOSTS/$1; conf "$n"
  running "$n" && return
  mount_disk "$n"; mkdir -p "$CG/lab/$n" /run/systemd
  setsid "$SELF" _supervise "$n" </dev/null >"$h/console.log" 2>&1 8>&- &
  local i; for i in $(seq 200); do running "$n" && return; sleep .02; done
  die "host $n did not start: $(tail -n 3 "$h/console.log")"
}

_supervise() { # one round per boot; a reboot gets a new network namespace, as it would get a new kernel
  local n=$1 rc; conf "$n"
  echo $$ >"$CG/lab/$n/cgroup.procs"
  while :; do
    net_up "$n"; rc=0
    unshare --mount --propagation slave "$SELF" _nspawn "$n" || rc=$?
    ip netns del "lab-$n" 2>/dev/null || :
    [ $rc = 133 ] || exit $rc                     # 133: the host asked for a reboot
  done
}

_nspawn() { # private mount namespace: give nspawn a pure cgroup v2 tree and a tmpfs /run/systemd
  local n=$1 h=$HOSTS/$1
  mount -t tmpfs -o mode=755,size=4m tmpfs /run/systemd
  umount -R -l /sys/fs/cgroup 2>/dev/null || :
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  export SYSTEMD_NSPAWN_TMPFS_TMP=0               # /tmp stays on the host's disk
  export SYSTEMD_NSPAWN_API_VFS_WRITABLE=network  # /proc/sys/net of its own namespace is writable
  exec systemd-nspawn --quiet --boot --register=no --keep-unit --machine="$n" --directory="$h/m" \
    --network-namespace-path="/run/netns/lab-$n" --capability=CAP_NET_ADMIN,CAP_IPC_LOCK \
    --resolv-conf=off --timezone=off --link-journal=no --console=read-only \
    --bind-ro=/etc/ssl/certs/ca-certificates.crt:/run/lab-ca.pem
}

leader() { # pid of the host's init as seen here
  local p q; for p in $(cat "$CG/lab/$1"/supervisor/cgroup.procs "$CG/lab/$1"/cgroup.procs 2>/dev/null); do
    [ "$(cat "/proc/$p/comm" 2>/dev/null)" = systemd-nspawn ] || continue
    for q in $(cat "/proc/$p/task/$p/children" 2>/dev/null); do
      if [ "$(awk '/^NSpid/{print $NF}' "/proc/$q/status" 2>/dev/null)" = 1 ]; then echo "$q"; return; fi; done
  done; return 1
}

running() { [ -d "$CG/lab/$1" ] && grep -q 'populated 1' "$CG/lab/$1/cgroup.events"; }

wait_ssh() { # NAME [SECONDS]
  local t end; conf "$1"; t=$(now); end=$((SECONDS + ${2:-60}))
  while [ $SECONDS -lt $end ]; do
    if timeout 2 bash -c "exec 3<>/dev/tcp/$IP/22 && read -r -t 2 l <&3 && [[ \$l == SSH-* ]]" 2>/dev/null; then
      return 0; fi
    running "$1" || die "host $1 ended: $(tail -n 3 "$HOSTS/$1/console.log")"
    sleep .05
  done; die "no sshd at $1 ($IP); see $HOSTS/$1/console.log"
}

up() {
  local count='' i t; [ "${1:-}" = -n ] && { count=$2; shift 2; }
  [ $# -ge 1 ] || die "up NAME [IP] [BASE]"
  setup; proxy start; t=$(now)
  if [ -n "$count" ]; then
    for i in $(seq "$count"); do new "$1$i" '' "${2:-bookworm}"; boot "$1$i"; done
    for i in $(seq "$count"); do wait_ssh "$1$i" 120; done
    echo "$count hosts up in $(since "$t")s"
  else
    local ip=${2:-}; local b=${3:-bookworm}
    [[ -n $ip && ! $ip =~ ^[0-9]+\. ]] && { b=$ip; ip=''; }       # up NAME BASE
    new "$1" "$ip" "$b"; boot "$1"; wait_ssh "$1"; conf "$1"
    echo "$1 $IP ($BASE) up in $(since "$t")s"
  fi
}

stop() { # orderly power-off; kill after 30 s
  local n=$1 p i; conf "$n"
  if running "$n"; then
    p=$(leader "$n") && case $(cat "/proc/$p/comm") in
      systemd) kill -s RTMIN+4 "$p" ;;
      *) exec_ "$n" poweroff >/dev/null 2>&1 || : ;; esac || :
    for i in $(seq 300); do running "$n" || break; sleep .1; done
    kill_ "$n"
  fi
}

kill_() { # everything in the host's control group, nothing else
  local n=$1 i; [ -d "$CG/lab/$n" ] || return 0
  echo 1 >"$CG/lab/$n/cgroup.kill"
  for i in $(seq 100); do running "$n" || break; sleep .05; done
  find "$CG/lab/$n" -depth -type d -exec rmdir {} + 2>/dev/null || :
}

down() {
  [ "${1:-}" = --all ] && { set -- "$HOSTS"/*/; set -- "${@%/}"; set -- "${@##*/}"; }
  local n h; for n; do
    h=$HOSTS/$n; [ -d "$h" ] || { echo "no host $n" >&2; continue; }
    kill_ "$n"; ip netns del "lab-$n" 2>/dev/null || :
    umount "$h/m" 2>/dev/null || { mountpoint -q "$h/m" && umount -l "$h/m"; } || :
    rm -rf "$h" 2>/dev/null || { chattr -R -f -i -a "$h/u" 2>/dev/null || :; rm -rf "$h"; }   # few hosts have sealed files
  done; sshconfig
}

save() { # NAME FLAVOR
  local n=$1 f=$2; conf "$n"; running "$n" && die "$n is running (lab.sh stop $n)"
  [ ! -e "$BASES/$f" ] || die "base $f exists"
  umount "$HOSTS/$n/m" 2>/dev/null || :
  mkdir -p "$BASES/$f"; mv "$HOSTS/$n/u" "$BASES/$f/root"; echo "$BASES/$f/root:$LAYERS" >"$BASES/$f/layers"
  # overlayfs keeps chattr +i/+a of an upper file in an xattr that a lower layer does not honour: note them for create
  python3 - "$BASES/$f/root" >"$BASES/$f/protattr" <<'PY'
import os, sys
for d, ds, fs in os.walk(os.fsencode(sys.argv[1])):
    for x in ds + fs:
        p = d + b"/" + x
        try: v = os.getxattr(p, "trusted.overlay.protattr", follow_symlinks=False)
        except OSError: continue
        sys.stdout.buffer.write(v + b" " + p[len(os.fsencode(sys.argv[1])):] + b"\0")
PY
  down "$n"
}

exec_() { local n=$1 p; shift; p=$(leader "$n") || die "$n is not running"; nsenter -t "$p" -m -u -i -n -p -C -r -w -- "$@"; }

sshconfig() {
  { printf 'Host *\n  User root\n  IdentityFile %s\n  IdentitiesOnly yes\n  StrictHostKeyChecking no\n' "$KEY"
    printf '  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n  ConnectTimeout 5\n'
    local c ip; for c in "$HOSTS"/*/conf; do
      ip=$(sed -n 's/^IP=//p' "$c" 2>/dev/null) || :     # another lab.sh may make or delete that host just now
      [ -z "$ip" ] || printf 'Host %s\n  HostName %s\n' "$(basename "$(dirname "$c")")" "$ip"; done
  } >"$SSHCFG.$$"; mv "$SSHCFG.$$" "$SSHCFG"
}

ssh_() { local d=$1; shift; conf "${d##*@}"; exec ssh -F "$SSHCFG" "$d" "$@"; }

push() { conf "$1"; tar -C "$(dirname "$2")" -cf - "$(basename "$2")" | ssh -F "$SSHCFG" "$1" "mkdir -p '$3' && tar -C '$3' -xf -"; }

list() {
  local c n; for c in "$HOSTS"/*/conf; do n=$(basename "$(dirname "$c")"); . "$c"
    printf '%-16s %-14s %-14s %s\n' "$n" "$IP" "$BASE" "$(running "$n" && echo running || echo off)"; done
}

cmd=${1:-help}; shift || :
case $cmd in
  deps|base|up|stop|down|save|push|list|proxy|_supervise|_nspawn) "$cmd" "$@" ;;
  start)   setup; boot "$1"; wait_ssh "$1" ;;
  reboot)  p=$(leader "$1"); exec_ "$1" reboot || :; for i in $(seq 300); do [ -d "/proc/$p" ] || break; sleep .1; done; wait_ssh "$1" ;;
  exec)    exec_ "$@" ;;
  ssh)     ssh_ "$@" ;;
  ip)      conf "$1"; echo "$IP" ;;
  leader)  leader "$1" ;;
  root)    conf "$1"; echo "$HOSTS/$1/m" ;;
  sshconfig) sshconfig; echo "$SSHCFG" ;;
  clean)   down --all; proxy stop; ip link del "$BR" 2>/dev/null || :
           umount "$CG" 2>/dev/null || :; umount "$LAB" 2>/dev/null || : ;;
  *) sed -n '2,/^set -e/{/^set -e/!p}' "$SELF" | sed 's/^# \{0,1\}//' ;;
esac
