# is PATH TYPE MODE USER GROUP: it is there just so
is() {
    [ -n "$(find "$1" -prune -type "$2" -perm "$3" -user "$4" -group "$5" -print)" ]
}

# parents PATH: the directory that it lies in is there
parents() {
    [ -d "${1%/*}/" ] || mkdir -p -- "${1%/*}/"
}

# clear PATH: nothing is in the way that cannot be replaced by its name; a directory must be empty
clear() {
    if [ -L "$1" ]; then
        rm -f -- "$1"
    elif [ -d "$1" ]; then
        rmdir -- "$1"
    fi
}

# fresh PATH: $new is a free name beside it
fresh() {
    parents "$1"
    new=${1%/*}/.driftscan.$$
    rm -f -- "$new"
}

# settle PATH MODE USER GROUP: what is made at $new takes its place
settle() {
    chown -h -- "$3:$4" "$new"
    chmod "0$2" "$new"
    clear "$1"
    mv -f -- "$new" "$1"
}

# content PATH MODE USER GROUP PART ...: what a file is to say
content() {
    shift 4
    for part in "$@"; do
        case $part in
        secrets/*) cat -- "$secrets/${part#secrets/}" ;;
        *) cat -- "$here/$part" ;;
        esac
    done
}

# says PATH MODE USER GROUP PART ...: it says that
says() {
    [ "$(content "$@" | sha256sum)" = "$(sha256sum <"$1")" ]
}

# file PATH MODE USER GROUP PART ...: a file that says what the parts do, one after another
file() {
    if is "$1" f "$2" "$3" "$4" && says "$@"; then return 0; fi
    change 'file' "$1" || return 0
    fresh "$1"
    (
        umask 077
        set -C
        content "$@" >"$new"
    )
    settle "$1" "$2" "$3" "$4"
}

# empty PATH MODE USER GROUP: a file that has its own content; it is only made where it is missing
empty() {
    if [ -e "$1" ] || [ -L "$1" ]; then return 0; fi
    change 'file' "$1" || return 0
    fresh "$1"
    (
        umask 077
        set -C
        : >"$new"
    )
    settle "$1" "$2" "$3" "$4"
}

# directory PATH MODE USER GROUP
directory() {
    if is "$1" d "$2" "$3" "$4"; then return 0; fi
    change 'directory' "$1" || return 0
    if [ -L "$1" ] || [ ! -d "$1" ]; then
        rm -f -- "$1"
        parents "$1"
        mkdir -m 0700 -- "$1"
    fi
    chown -- "$3:$4" "$1"
    chmod "0$2" "$1"
}

# link PATH TARGET USER GROUP: a symbolic link
link() {
    if [ "$(readlink -n -- "$1" && printf x)" = "$2x" ] &&
        [ -n "$(find "$1" -prune -type l -user "$3" -group "$4" -print)" ]; then return 0; fi
    change 'link' "$1" || return 0
    parents "$1"
    clear "$1"
    rm -f -- "$1"
    ln -s -- "$2" "$1"
    chown -h -- "$3:$4" "$1"
}

# hardlink PATH OTHER: one file with two names
hardlink() {
    # shellcheck disable=SC3013 # dash, busybox and bash all know -ef
    if [ ! -L "$1" ] && [ "$1" -ef "$2" ]; then return 0; fi
    change 'hard link' "$1" || return 0
    parents "$1"
    clear "$1"
    ln -f -- "$2" "$1"
}

# special PATH MODE USER GROUP p|c|b [MAJOR MINOR]: a fifo or a device
special() {
    if is "$1" "$5" "$2" "$3" "$4" && numbered "$@"; then return 0; fi
    change 'special file' "$1" || return 0
    fresh "$1"
    special_path=$1 special_mode=$2 special_user=$3 special_group=$4
    shift 4
    mknod -m 0600 -- "$new" "$@"
    settle "$special_path" "$special_mode" "$special_user" "$special_group"
}

# numbered PATH MODE USER GROUP p|c|b [MAJOR MINOR]: the device has these numbers
numbered() {
    # shellcheck disable=SC2012 # only ls tells the numbers everywhere, and the name does not matter
    [ "$5" = p ] || ls -ldn -- "$1" | {
        read -r _ _ _ _ major minor _
        [ "$major $minor" = "$6, $7" ]
    }
}

# archive DIRECTORY FILE: it is unpacked there if anything is missing or otherwise; times do not count
archive() {
    if [ -d "$1" ] && ! tar --warning=no-unknown-keyword -dzf - -C "$1" <"$here/$2" 2>&1 |
        grep -qv ': Mod time differs$'; then return 0; fi
    change 'files in' "$1" || return 0
    [ -d "$1" ] || mkdir -p -- "$1"
    tar --warning=no-unknown-keyword -xpzf - -C "$1" <"$here/$2"
}

# lines PATH LINE ...: each stands in the file, at its end where it was missing
lines() {
    lines_path=$1 lines_missing=''
    shift
    for line in "$@"; do
        grep -qxF -- "$line" "$lines_path" || lines_missing=yes
    done
    [ -n "$lines_missing" ] || return 0
    change 'lines in' "$lines_path" || return 0
    parents "$lines_path"
    [ -z "$(tail -c 1 -- "$lines_path")" ] || printf '\n' >>"$lines_path"
    for line in "$@"; do
        grep -qxF -- "$line" "$lines_path" || printf '%s\n' "$line" >>"$lines_path"
    done
}

# absent PATH: with all that is below it
absent() {
    if [ ! -e "$1" ] && [ ! -L "$1" ]; then return 0; fi
    change 'removed' "$1" || return 0
    rm -rf -- "$1"
}
