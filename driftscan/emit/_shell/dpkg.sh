# version_of PACKAGE: the one that is installed, if any
version_of() {
    dpkg-query -W -f '${db:Status-Status} ${Version}\n' "$1" | sed -n 's/^installed //p'
}

# newer VERSION OTHER: or the same
newer() {
    dpkg --compare-versions "$1" ge "$2"
}

# wanted NAME at-least|exactly|'' VERSION: as apt-get takes it
wanted() {
    if [ "$2" = exactly ]; then printf '%s=%s' "$1" "$3"; else printf %s "$1"; fi
}

# get: installs $missing and $package_files
get() {
    apt-get -q update >&2 </dev/null || note 'some lists of packages could not be read anew'
    nowhere=''
    for name in $missing; do
        apt-cache --no-all-versions show "$name" >/dev/null || nowhere="$nowhere $name"
    done
    [ -z "$nowhere" ] || fail "the repositories do not offer:$nowhere"
    # shellcheck disable=SC2086 # names of packages and of copies in $work are plain words
    DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get -q install -y --no-install-recommends \
        --allow-downgrades --allow-change-held-packages \
        -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold $missing $package_files >&2 </dev/null
}

# by_hand NAME ...: they are no dependencies that may go when nothing needs them
by_hand() {
    [ -n "$(version_of apt)" ] || return 0
    automatic=$(apt-mark showauto)
    for name in "$@"; do
        printf '%s\n' "$automatic" | grep -qxF -- "$name" || continue
        change 'installed by hand:' "$name" || continue
        apt-mark manual "$name" >&2
    done
}

# hold PACKAGE: it is not upgraded
hold() {
    [ "$(dpkg-query -W -f '${db:Status-Want}' "$1")" != hold ] || return 0
    change 'hold of' "$1" || return 0
    apt-mark hold "$1" >&2
}
