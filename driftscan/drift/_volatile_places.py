"""What changes by itself by where it lies and what it is called, and what never does, wherever it lies.

Patterns for whole paths, each with the words for it. What is derived from the host's own files is in `volatile`.
"""

import re
from typing import NamedTuple


class Place(NamedTuple):
    """A pattern of whole paths; `passing`: it is there for a while, and so is what other scopes find in it."""

    pattern: re.Pattern[bytes]
    reason: str
    passing: bool = False


def _of(pattern: bytes, reason: str, *, passing: bool = False) -> Place:
    return Place(re.compile(pattern, re.DOTALL), reason, passing)


# What somebody has decided, though it lies where programs keep their state; or what is run by its name.
DECIDED = re.compile(
    rb"/var/spool/(?:cron|at)(?:/(?:crontabs|tabs|atjobs))?(?:/[^./][^/]*)?"
    rb"|/var/spool/incron/.*|/var/lib/systemd/linger/.*|/var/lib/polkit-1/localauthority/.*|/var/lib/extrausers/.*"
    rb"|/var/lib/(?:ip6?tables|nftables|ipset)/.*"
    rb"|.*/\.(?:rhosts|shosts|forward|netrc|pgpass|htaccess|htpasswd|procmailrc)"
    rb"|.*/\.ssh(?:/(?!known_hosts)[^/]*)*|.*/authorized_keys2?"
    rb"|.*\.(?:so(?:\.[0-9.]+)?|ko(?:\.[a-z]{2,3})?|php[0-9]?|phtml|phar|inc|jspx?|war|aspx?|ashx|cgi|pl|py|rb|lua|sh|bash"
    rb"|service|socket|timer|path|mount|automount|target|conf\.d|sudoers|rules|desktop)",
    re.DOTALL,
)
# Configuration by its name: told where nobody's package or service keeps what is beside it, and in databases.
CONFIGURATION = re.compile(
    rb".*/(?:[^/]*\.)?(?:conf|cfg|cnf|ini|ya?ml|toml|properties|env|pem|key|crt|cer|p12|pfx|jks|keystore)", re.DOTALL
)

_ROTATED = (
    rb"(?:[.-](?:[0-9]{1,4}|[0-9]{4}-?[0-9]{2}-?[0-9]{2}(?:[-T_.]?[0-9]{2,10})?|old))*(?:\.(?:gz|xz|bz2|zst|lz4|Z))?"
)
_LOG = (
    rb"(?:[^/]*[^/.][^/]*\.(?:log|err)|[^/]*[._-](?:log|access|error)s?|(?:nohup|catalina|console)\.out"
    rb"|error_log|access_log)"
    + _ROTATED
    + rb"|[^/]+[.-][0-9]{4}-?[0-9]{2}-?[0-9]{2}\.(?:log|txt|out)(?:\.(?:gz|xz|bz2|zst|lz4|Z))?"
)
# Where software of one's own stands, and what its parts are called between its root and what it writes into.
_SOFTWARE = (
    rb"/(?:opt|srv|usr/local|var/www|var/opt|home/[^/]+|root|data|app|apps|www)"
    rb"(?:/(?!(?:s?bin|lib\d*|src|include|vendor|node_modules|etc|conf|config|share|modules)/)[^/]+){1,2}?"
)
_PARTS = (
    rb"(?:/(?:current|releases/[^/]+|shared|var|storage|framework|writable|app|data|public|web|html|htdocs|wp-content|run"
    rb"|sites/[^/]+/files))*"
)
_WRITTEN = rb"/(?:logs?|te?mp|\.?caches?|pids|sockets|sess(?:ions?)?|uploads|templates_c)/.+"
APPLICATION = re.compile(_PARTS + _WRITTEN, re.DOTALL)  # what comes after the root of an application
HOME = re.compile(
    rb"/(?:\.cache/.+|\.local/state/.+|\.npm/(?:_cacache|_logs|_npx|_update-notifier-last-checked).*|\.gradle/(?:caches|daemon)/.+"
    rb"|\.m2/repository/.+|\.cargo/(?:registry|git)/.+|go/pkg/mod/cache/.+|\.kube/(?:http-)?cache/.+|\.ansible/(?:tmp|cp)/.+"
    rb"|\.vscode-server/data/.+|\.composer/cache/.+|\.gem/specs/.+"
    rb"|\.local/share/(?:Trash|gvfs-metadata|tracker\d?|baloo|zeitgeist|recently-used\.xbel|xorg)(?:[/.].*)?"
    rb"|\.mozilla/[^/]+/[^/]+/.+|\.config/(?:chromium|google-chrome|pulse|BraveSoftware)/.+"
    rb"|\.[A-Za-z0-9_-]+[_-]?hist(?:ory|file)?(?:[-.][^/]*)?|\.(?:histfile|lesshst|viminfo|wget-hsts|rnd|recently-used|esd_auth)"
    rb"|\.(?:Xauthority|ICEauthority|xsession-errors(?:\.old)?|zcompdump[^/]*|sudo_as_admin_successful|lastagent)"
    rb"|\.(?:bash|zsh)_sessions/.+|\.gnupg/(?:random_seed|\.#[^/]+|S\.[^/]+|[^/]+\.lock)|\.ssh/known_hosts(?:\.old)?"
    rb"|\.config/htop/htoprc|\.dbus/session-bus/.+|\.fontconfig/.+)",
    re.DOTALL,
)

PLACES = (
    _of(rb"/(?:run|dev|proc|sys|var/run|var/lock)/.+", "made anew at each boot", passing=True),
    _of(rb"/(?:tmp|var/tmp|dev/shm)/.+", "temporary, by where it lies", passing=True),
    _of(rb"/var/log/(?:[bw]tmp(?:\.db)?|lastlog2?(?:\.db)?|faillog|tallylog)" + _ROTATED, "record of logins"),
    _of(rb"/var/log/.+", "a log, by where it lies", passing=True),
    _of(rb"/var/cache/.+", "a cache, by where it lies", passing=True),
    _of(rb"/var/(?:spool|mail|crash|account|games|backups|yp/binding)/.+", "work in hand, mail and copies"),
    _of(
        rb"/var/lib/(?:dpkg|apt|rpm|rpm-state|dnf|yum|zypp|pacman|apk|PackageKit|ucf|pacman)/.+|/usr/lib/sysimage/.+"
        rb"|/(?:usr/)?lib/apk/db/.+|/etc/pacman\.d/gnupg(?:/.+)?|/var/lib/mlocate/.+|/var/lib/plocate/.+",
        "database of the package manager",
    ),
    _of(rb"/(?:etc/ld\.so\.cache|var/cache/ldconfig/.+)", "made by ldconfig"),
    _of(
        rb"/etc/(?:mtab|adjtime|fake-hwclock\.data|blkid\.tab(?:\.old)?|\.pwd\.lock|\.updated|network/run/.+|printcap"
        rb"|cups/(?:subscriptions\.conf(?:\.[ON])?|ppd/[^/]+\.O|printers\.conf\.O)|lvm/(?:archive|backup|cache)(?:/.+)?)"
        rb"|/var/\.updated|/boot/(?:.+/)?grubenv|/boot/(?:efi/)?loader/random-seed|/aquota\.(?:user|group)|/quota\.(?:user|group)",
        "kept by the system while it runs",
    ),
    _of(
        rb"/var/lib/(?:.+/)?(?:random-seed|[^/]+\.leases?[0-9~]*|dhcpc?d?-[^/]*\.info)|/var/db/dhcpcd/.+",
        "seed or lease of the machine's own",
    ),
    _of(rb"/var/(?:lib|db|opt)/.+", "state, by where it lies"),
    _of(
        rb".*/(?:\.(?:mypy|ruff|pytest|sass|parcel|phpunit\.result)[_.-]cache|\.hypothesis|node_modules/\.cache|\.next/cache)/.+",
        "a cache of a tool",
        passing=True,
    ),
    _of(_SOFTWARE + _PARTS + _WRITTEN, "what an application writes, by where it lies", passing=True),
)  # fmt: skip
# By the last two names of a path alone; below /etc and where programs lie these say nothing but for Python's.
NAMES = (
    _of(rb"__pycache__/[^/]+\.py[co](?:\.[0-9]+)?|(?:[^/]+/)?__pycache__", "bytecode that Python keeps"),
    _of(
        rb"[^/]*/(?:\.[^/]*\.sw[a-px]|\.#[^/]+|#[^/]+#|\.~lock\.[^/]*#|\.nfs[0-9a-f]{16,}|\.fuse_hidden[0-9a-f]+)",
        "of an editor, or removed while open",
    ),
    _of(rb"[^/]*/[^/]+\.pid(?:\.lock)?", "number of a process"),
    _of(rb"[^/]*/(?:" + _LOG + rb")", "a log, by its name"),
)
HANDMADE = re.compile(rb"/var/(?:lib|opt)/")  # what people put there too
# Files of other systems, which change with those: their programs are not this host's.
STORAGE = re.compile(
    rb"/var/lib/(?:docker/(?:overlay2?|aufs|vfs|btrfs|zfs|fuse-overlayfs|volumes|image|buildkit|rootfs)|containers/storage|containerd/io\.[^/]+"
    rb"|kubelet/pods)/.+|(?:/[^/]+)+/\.local/share/(?:docker|containers/storage)/.+",
    re.DOTALL,
)
# Where no declaration of a log or of a directory for state is believed: what is there is run or read at the start.
FIXED = re.compile(rb"/(?:etc|usr(?!/local/)|bin|sbin|lib\w*|boot|usr/local/s?bin|(?:.*/)?\.ssh)(?:/|$)")
