#!/bin/bash
# busy.sh - what a host that is at work does by itself, all of it at once; for the sauced flavor, others do what they can.
#
#   busy.sh setup    what people have put there: an application, a cron line, a timer (once, before the first scan)
#   busy.sh run [S]  the noise, for S seconds (default 600)
set -u
APP=/opt/busyapp

setup() {
  mkdir -p $APP/log $APP/tmp $APP/cache /var/lib/busy /var/lib/php/sessions
  chmod 1733 /var/lib/php/sessions
  { printf 'SQLite format 3\000'; head -c 4096 /dev/urandom; } >/var/lib/busy/state.db
  cat >$APP/app.py <<'PY'
"""Forks children that name themselves, keeps connections, writes logs, caches, sessions, temporary files, bytecode."""
import ctypes, importlib, os, random, secrets, socket, subprocess, sys, time
from pathlib import Path

here = Path(__file__).parent
sys.path.insert(0, str(here / "cache"))
libc = ctypes.CDLL(None)
end, kept, number = time.time() + float(sys.argv[1]), [], 0
while time.time() < end:
    number += 1
    if (child := os.fork()) == 0:
        libc.prctl(15, f"job-{number}".encode(), 0, 0, 0)  # PR_SET_NAME
        time.sleep(random.uniform(0.5, 6))
        os._exit(0)
    subprocess.Popen(["sleep", f"{random.uniform(0.5, 4):.3f}"])
    for port in (6379, 80):
        try:
            kept.append(socket.create_connection(("127.0.0.1", port), 1))
        except OSError:
            pass
    kept = kept[-9:]
    with (here / "log/production.log").open("a") as log:
        log.write(f"{time.time()} request {number}\n")
    name = f"part{secrets.token_hex(4)}"
    (here / f"cache/{name}.py").write_text("X = 1\n")
    importlib.invalidate_caches()
    importlib.import_module(name)
    (here / f"cache/{name}.py").unlink()
    (here / f"tmp/upload-{secrets.token_hex(4)}").write_bytes(os.urandom(64))
    Path(f"/var/lib/php/sessions/sess_{secrets.token_hex(13)}").write_text("user|i:1;")
    Path(f"/tmp/tmp{secrets.token_hex(4)}").write_text("x")
    Path("/run/busy.pid").write_text(str(child))
    with open("/var/lib/busy/state.db", "r+b") as state:  # in place, as databases are written
        state.write(b"SQLite format 3\0" + os.urandom(4096))
    for old in sorted((here / "tmp").iterdir(), key=lambda one: one.stat().st_mtime)[:-20]:
        old.unlink()
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
    time.sleep(0.3)
PY
  printf '* * * * * root /bin/sh -c "sleep 7; date >>/var/log/busy-cron.log"\n' >/etc/cron.d/busy
  printf '/var/log/busy-cron.log {\n  rotate 3\n  size 1\n  missingok\n}\n' >/etc/logrotate.d/busy
  [ -d /run/systemd/system ] || return 0
  printf '[Unit]\nDescription=Busy\n[Service]\nType=oneshot\nExecStart=/bin/sleep 1\n' >/etc/systemd/system/busy.service
  printf '[Timer]\nOnActiveSec=1\nOnUnitInactiveSec=2\nAccuracySec=100ms\n[Install]\nWantedBy=timers.target\n' \
    >/etc/systemd/system/busy.timer
  systemctl daemon-reload
  systemctl enable -q --now busy.timer
}

each_second() {
  python3 -c 'import urllib.request as u; u.urlopen("http://127.0.0.1/", timeout=2).read()'
  redis-cli -a "$PASS" set "k$RANDOM" "$RANDOM"; redis-cli -a "$PASS" bgsave
  logger "busy $RANDOM"; cat /proc/sys/kernel/random/uuid
  ip addr change 10.99.0.7/24 dev eth0 valid_lft 3600 preferred_lft 1800
  ip -6 route replace 2001:db8::/32 dev lo expires $((300 + RANDOM % 300))
  systemd-run --quiet --collect sleep 1.$RANDOM
  systemd-run --quiet --on-active=1 --collect /bin/true
  su deploy -s /bin/sh -c 'sleep 0.2; mkdir -p ~/.cache/tool; date >~/.cache/tool/$$'
  touch "$APP/.app.py.swp"; rm -f "$APP/.app.py.swp"; touch "/var/tmp/work.$RANDOM"
}

each_ten() {
  logrotate -f /etc/logrotate.d/busy; logrotate -f /etc/logrotate.conf
  journalctl --rotate; systemd-tmpfiles --clean; ldconfig
  apt-get update; dnf -q makecache; pacman -Sy --noconfirm
  find /tmp -maxdepth 1 -name 'tmp????????' -mmin +1 -delete
}

run() {
  end=$(($(date +%s) + ${1:-600})); number=0
  PASS=$(sed -n 's/^requirepass //p' /etc/redis/redis.conf 2>/dev/null | tail -n 1)
  (cd $APP && exec python3 app.py "${1:-600}") >/dev/null 2>&1 &
  while [ "$(date +%s)" -lt "$end" ]; do
    each_second
    [ $((number % 10)) -ne 3 ] || each_ten
    number=$((number + 1)); sleep 0.5
  done >/dev/null 2>&1 </dev/null
}

case ${1:-} in
  setup) setup ;;
  run) run "${2:-600}" ;;
  *) sed -n 2,5p "$0" >&2; exit 2 ;;
esac
