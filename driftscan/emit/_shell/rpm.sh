# version_of PACKAGE: the one that is installed, if any
version_of() {
    rpm -q --qf '%{EPOCHNUM}:%{VERSION}-%{RELEASE}\n' "$1" >/dev/null || return 0
    rpm -q --qf '%{EPOCHNUM}:%{VERSION}-%{RELEASE}\n' "$1" | tail -n 1 | sed 's/^0://'
}

# newer VERSION OTHER: or the same
newer() {
    [ "$(rpm --eval "%{lua:print(rpm.vercmp('$1', '$2'))}")" -ge 0 ]
}

# wanted NAME at-least|exactly|'' VERSION: as dnf takes it
wanted() {
    if [ "$2" = exactly ]; then printf '%s-%s' "$1" "$3"; else printf %s "$1"; fi
}

# get: installs $missing and $package_files
get() {
    dnf=$(command -v dnf || command -v yum)
    # shellcheck disable=SC2086 # names of packages and of copies in $work are plain words
    if [ "${dnf##*/}" = dnf ]; then
        dnf -q -y --setopt=install_weak_deps=False install $missing $package_files >&2 </dev/null
    else
        yum -q -y install $missing $package_files >&2 </dev/null
    fi
}

# by_hand NAME ...: they are no dependencies that may go when nothing needs them
by_hand() {
    command -v dnf >/dev/null || return 0
    automatic=$(dnf -q -C repoquery --installed --qf '%{reason} %{name}\n' | sed -n 's/^dependency //p')
    for name in "$@"; do
        printf '%s\n' "$automatic" | grep -qxF -- "${name%.*}" || printf '%s\n' "$automatic" | grep -qxF -- "$name" || continue
        change 'installed by hand:' "$name" || continue
        dnf -q -y mark install "$name" >&2 || dnf -q -y mark user "$name" >&2
    done
}
