# Changes of every kind on a sauced host, one a line of `change`; test_drift.py says what each must be told as.
# Sent over ssh to `sh -s before` (what has to be there when the baseline is made) or `sh -s after`.
set -eu
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive

package() { # NAME VERSION: build and install a package of one file
    mkdir -p "/tmp/build/DEBIAN" "/tmp/build/usr/share/$1"
    echo "$2" >"/tmp/build/usr/share/$1/version"
    printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: Lab <lab@example.org>\nDescription: for tests\n' \
        "$1" "$2" >/tmp/build/DEBIAN/control
    dpkg-deb --build /tmp/build /tmp/build.deb >/dev/null
    dpkg -i /tmp/build.deb >/dev/null
    rm -rf /tmp/build /tmp/build.deb
}

if [ "$1" = before ]; then
    package lab-upgraded 1.0
    package lab-removed 1.0
    package lab-held 1.0
    exit 0
fi

# rights
chmod 0666 /etc/motd
chown deploy /usr/local/sbin/nightly
chmod 4755 /usr/bin/tail
chmod 0700 /usr/bin/wc
setcap cap_net_raw=ep /usr/local/bin/imgconv
setfacl -m u:deploy:rwx /srv/weird
chattr +i /opt/acme/lib/libacme.so.1
chmod 0644 /etc/shadow
chmod 0755 /root/.ssh
# contents
echo '# changed by hand' >>/etc/nginx/nginx.conf
echo '* hard core 0' >>/etc/security/limits.conf
sed -i 's/^#\?MaxAuthTries.*/MaxAuthTries 9/; $a MaxSessions 40' /etc/ssh/sshd_config
echo '# changed' >>/opt/shopapp/run.sh
printf 'x' | dd of=/usr/sbin/e2freefrag bs=1 seek=100 conv=notrunc 2>/dev/null
# nothing has changed but a time
touch /etc/hosts /usr/bin/head /usr/local/sbin/nightly /etc/profile
# kinds of path
mv /etc/profile.d/zz-acme.sh /opt/acme/zz-acme.sh && ln -s /opt/acme/zz-acme.sh /etc/profile.d/zz-acme.sh
ln -sfn /opt/acme /var/www/shop
rm /etc/logrotate.d/shop
rm /usr/bin/tac
mkdir -p /opt/newapp/lib && echo new >/opt/newapp/lib/file
echo 'echo hello' >/opt/acme/new.sh
cp /bin/dash /usr/local/bin/rootsh && chmod 4755 /usr/local/bin/rootsh
# packages
package lab-installed 1.0
package lab-upgraded 2.0
dpkg --purge lab-removed >/dev/null 2>&1
apt-mark hold lab-held >/dev/null
dpkg-divert --local --rename --add /usr/bin/yes >/dev/null
dpkg-statoverride --update --add root adm 0750 /usr/bin/tsort
update-alternatives --set awk /usr/bin/mawk >/dev/null
echo 'deb [trusted=yes] file:/srv/mirror/other ./' >/etc/apt/sources.list.d/other.list
# services and schedules
systemctl mask fstrim.timer 2>/dev/null
systemctl disable rsyslog 2>/dev/null
systemctl stop redis-server
printf '[Service]\nExecStart=/bin/sleep 99999\n[Install]\nWantedBy=multi-user.target\n' >/etc/systemd/system/odd.service
systemctl enable odd.service 2>/dev/null
echo '9 9 * * * root /bin/true added' >>/etc/crontab
echo '8 8 * * * /bin/true mine' >>/var/spool/cron/crontabs/root
echo '7 7 * * * deploy /bin/true ours' >/etc/cron.d/extra
# accounts
useradd -m -s /bin/bash bob
usermod -s /bin/sh auditor
gpasswd -a deploy adm >/dev/null
passwd -e svc-backup >/dev/null
echo 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFmM7SYVCCbUeTOMbUv6LdQeQGTsq8vIjHmq8WqSVjPB new@lab' >>/home/deploy/.ssh/authorized_keys
echo 'deploy ALL=(ALL) NOPASSWD: /usr/bin/id' >>/etc/sudoers.d/deploy
# the kernel, the network, what runs: in memory only
sysctl -qw net.ipv4.tcp_keepalive_time=222
echo nf_tables >/etc/modules-load.d/lab.conf
mount -t tmpfs none /mnt
nft add rule inet filter input tcp dport 6666 accept
echo '192.0.2.66 elsewhere.example' >>/etc/hosts
setsid sleep 98765 >/dev/null 2>&1 </dev/null &
cd / && setsid python3 -m http.server 8099 >/dev/null 2>&1 </dev/null &
ln -sf /usr/share/zoneinfo/UTC /etc/localtime && echo UTC >/etc/timezone
sleep 1
