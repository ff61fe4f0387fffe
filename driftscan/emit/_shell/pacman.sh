# version_of PACKAGE: the one that is installed, if any
version_of() {
    pacman -Q -- "$1" | sed -n 's/^[^ ]* //p'
}

# newer VERSION OTHER: or the same
newer() {
    [ "$(vercmp "$1" "$2")" -ge 0 ]
}

# wanted NAME at-least|exactly|'' VERSION: as pacman takes it
wanted() {
    if [ "$2" = exactly ]; then printf '%s=%s' "$1" "$3"; else printf %s "$1"; fi
}

# get: installs $missing and $package_files
get() {
    # shellcheck disable=SC2086 # names of packages and of copies in $work are plain words
    [ -z "$missing" ] || pacman -Sy --needed --noconfirm --noprogressbar $missing >&2 </dev/null
    # shellcheck disable=SC2086 # as above
    [ -z "$package_files" ] || pacman -U --noconfirm --noprogressbar $package_files >&2 </dev/null
}

# by_hand NAME ...: they are no dependencies that may go when nothing needs them
by_hand() {
    for name in "$@"; do
        pacman -Qqd -- "$name" >/dev/null || continue
        change 'installed by hand:' "$name" || continue
        pacman -D --asexplicit -- "$name" >&2
    done
}
