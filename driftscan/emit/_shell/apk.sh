# version_of PACKAGE: the one that is installed, if any
version_of() {
    apk info -e "$1" >/dev/null || return 0
    apk list -I "$1" | sed -n "s/^$1-\([0-9][^ ]*\) .*/\1/p"
}

# newer VERSION OTHER: or the same
newer() {
    [ "$(apk version -t "$1" "$2")" != '<' ]
}

# wanted NAME at-least|exactly|'' VERSION: as apk takes it
wanted() {
    case $2 in exactly) printf '%s=%s' "$1" "$3" ;; at-least) printf '%s>=%s' "$1" "$3" ;; *) printf %s "$1" ;; esac
}

# get: installs $missing and $package_files
get() {
    # shellcheck disable=SC2086 # names of packages and of copies in $work are plain words
    [ -z "$missing" ] || apk add -U $missing >&2 </dev/null
    # shellcheck disable=SC2086 # as above
    [ -z "$package_files" ] || apk add --allow-untrusted $package_files >&2 </dev/null
}

# by_hand NAME ...: they are no dependencies that may go when nothing needs them
by_hand() {
    for name in "$@"; do
        grep -q "^$name\([<>=~@].*\)\{0,1\}$" /etc/apk/world && continue
        change 'installed by hand:' "$name" || continue
        apk add "$name" >&2 </dev/null
    done
}
