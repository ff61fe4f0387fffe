# rights PATH MODE USER GROUP: '' leaves as it is
rights() {
    set -- "$@" "$(find "$1" -prune ${2:+-perm "$2"} ${3:+-user "$3"} ${4:+-group "$4"} -print)"
    if [ -n "$5" ]; then return 0; fi
    change 'rights of' "$1" || return 0
    bits=$(find "$1" -prune ! -type l \( -perm -4000 -exec printf u+s, \; -o -perm -2000 -exec printf g+s, \; \))
    [ -z "$3$4" ] || chown -h -- "$3${4:+:$4}" "$1"
    if [ -n "$2" ]; then
        chmod "0$2" "$1"
    elif [ -n "$bits" ]; then
        chmod "${bits%,}" "$1" # chown takes them away
    fi
}

# acl PATH ENTRY ...: entries of its access control list, as getfacl spells them
acl() {
    acl_path=$1 acl_missing=''
    shift
    for entry in "$@"; do
        getfacl -cpE -- "$acl_path" | grep -qxF -- "$entry" || acl_missing=yes
        set -- "$@" -m "$entry"
        shift
    done
    [ -n "$acl_missing" ] || return 0
    change 'access control list of' "$acl_path" || return 0
    setfacl "$@" -- "$acl_path"
}

# capabilities PATH VALUE
capabilities() {
    if setcap -q -v "$2" "$1" >&2; then return 0; fi
    change 'capabilities of' "$1" || return 0
    setcap -q "$2" "$1" >&2
}

# attribute PATH NAME HEX: an extended attribute, its value in hexadecimal
attribute() {
    if attribute_now=$(getfattr --absolute-names --only-values -n "$2" -- "$1" >/dev/null &&
        getfattr --absolute-names --only-values -n "$2" -- "$1" | od -An -v -tx1 | tr -d ' \n') &&
        [ "$attribute_now" = "$3" ]; then return 0; fi
    change 'attribute of' "$1" || return 0
    setfattr -n "$2" ${3:+-v "0x$3"} -- "$1"
}

# flags PATH LETTERS: of chattr
flags() {
    flags_now=$(lsattr -d -- "$1") || flags_now=''
    flags_now=${flags_now%% *}
    case $flags_now in *i*) flags_i=i ;; *) flags_i='' ;; esac
    case $flags_now in *a*) flags_a=a ;; *) flags_a='' ;; esac
    [ "$flags_a$flags_i" != "$2" ] || return 0
    change 'flags of' "$1" || return 0
    chattr "+$2" -- "$1" >&2
}

# sealed PATH ... -- COMMAND: if the command will change anything, the paths' flags are taken off before
sealed() {
    if [ -z "$dry" ] && [ -n "$(would "$@")" ]; then
        for sealed_path in "$@"; do
            [ "$sealed_path" != -- ] || break
            if [ -e "$sealed_path" ]; then chattr -ia -- "$sealed_path" >&2; fi
        done
    fi
    while [ "$1" != -- ]; do shift; done
    shift
    "$@"
}

# would PATH ... -- COMMAND: says what the command would change
would() {
    dry=yes
    while [ "$1" != -- ]; do shift; done
    shift
    "$@"
}

# diversion PATH TO: the package's file lies elsewhere
diversion() {
    if [ "$(dpkg-divert --listpackage "$1")" = LOCAL ] && [ "$(dpkg-divert --truename "$1")" = "$2" ]; then return 0; fi
    change 'diversion' "$1" || return 0
    dpkg-divert --quiet --local --rename --divert "$2" --add "$1" >&2
}

# statoverride USER GROUP MODE PATH
statoverride() {
    if grep -qxF -- "$1 $2 $3 $4" /var/lib/dpkg/statoverride; then return 0; fi
    change 'rights by dpkg-statoverride of' "$4" || return 0
    dpkg-statoverride --quiet --remove "$4" >&2 || :
    dpkg-statoverride --quiet --update --add "$1" "$2" "$3" "$4" >&2
}

# chosen NAME MODE [VALUE]: update-alternatives has it so
chosen() {
    for state in "/var/lib/dpkg/alternatives/$1" "/var/lib/alternatives/$1"; do
        [ -f "$state" ] || continue
        [ "$(sed -n 1p "$state")" = "$2" ] || return 1
        [ -z "${3-}" ] || [ "$(readlink -n "/etc/alternatives/$1")" = "$3" ]
        return
    done
    return 1
}

# offers NAME VALUE PRIORITY: update-alternatives knows the choice
offers() {
    before=''
    for state in "/var/lib/dpkg/alternatives/$1" "/var/lib/alternatives/$1"; do
        [ -f "$state" ] || continue
        while IFS= read -r line; do
            [ "$before,$line" != "$2,$3" ] || return 0
            before=$line
        done <"$state"
    done
    return 1
}

# choice LINK NAME VALUE PRIORITY: one that no package offers
choice() {
    if offers "$2" "$3" "$4"; then return 0; fi
    change 'choice for alternative' "$2" || return 0
    update-alternatives --install "$1" "$2" "$3" "$4" >&2
}

# alternative NAME [VALUE]: this one is chosen; without: the best
alternative() {
    if [ -n "${2-}" ]; then
        if chosen "$1" manual "$2"; then return 0; fi
        change 'alternative' "$1" || return 0
        update-alternatives --set "$1" "$2" >&2
    else
        if chosen "$1" auto; then return 0; fi
        change 'alternative' "$1" || return 0
        update-alternatives --auto "$1" >&2
    fi
}
