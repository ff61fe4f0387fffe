# account FILE NAME: its line in /etc/FILE
account() {
    while IFS= read -r account_line || [ -n "$account_line" ]; do
        case $account_line in "$2":*) printf '%s\n' "$account_line" && return ;; esac
    done <"/etc/$1"
}

# group NAME GID system|'': '' is any number
group() {
    case $(account group "$1") in
    "$1":*:"$2":*) return 0 ;;
    "$1":*) if [ -z "$2" ]; then return 0; fi ;;
    esac
    group_is=$(account group "$1")
    change 'group' "$1" || return 0
    if [ -n "$group_is" ]; then
        groupmod -g "$2" -- "$1" >&2
    else
        groupadd ${2:+-g "$2"} ${3:+-r} -- "$1" >&2
    fi
}

# user NAME UID GROUP GECOS HOME SHELL system|'' shared|'': '' leaves UID, HOME or SHELL as they are
user() {
    user_is=$(account passwd "$1")
    gid=$(account group "$3")
    if [ -n "$gid" ]; then gid=${gid#*:*:} && gid=${gid%%:*}; else gid=$3; fi
    IFS=: read -r _ _ uid primary gecos home shell <<END
$user_is
END
    if [ -n "$user_is" ] && [ "$primary,$gecos" = "$gid,$4" ] && [ "${2:-$uid}" = "$uid" ] &&
        [ "${5:-$home}" = "$home" ] && [ "${6:-$shell}" = "$shell" ]; then return 0; fi
    change 'user' "$1" || return 0
    if [ -n "$user_is" ]; then
        usermod ${2:+-o -u "$2"} -g "$3" -c "$4" ${5:+-d "$5"} ${6:+-s "$6"} -- "$1" >&2
    else
        useradd -M ${7:+-r} ${8:+-o} ${2:+-u "$2"} -g "$3" -c "$4" ${5:+-d "$5"} ${6:+-s "$6"} -- "$1" >&2
    fi
}

# home PATH USER GROUP: made from the skeleton where it is missing
home() {
    if [ -e "$1" ] || [ -L "$1" ]; then return 0; fi
    change 'home' "$1" || return 0
    parents "$1"
    home_mode=$(sed -n 's/^HOME_MODE[[:space:]]*\([0-7]*\).*/\1/p' /etc/login.defs)
    mkdir -m 0700 -- "$1"
    [ ! -d /etc/skel ] || cp -RP /etc/skel/. "$1"
    chown -hR -- "$2:$3" "$1"
    chmod "${home_mode:-0755}" "$1"
}

# password USER SECRET: the secret is the hash
password() {
    if [ -r "$secrets/$2" ]; then hash=$(cat -- "$secrets/$2"); else hash=''; fi
    case $(account shadow "$1") in "$1:$hash:"*) return 0 ;; esac
    change 'password of' "$1" || return 0
    printf '%s:%s\n' "$1" "$hash" | chpasswd -e >&2
}

# expires USER DATE DAYS: the account ends on the day, which is so many after 1970-01-01
expires() {
    case $(account shadow "$1") in "$1":*:*:*:*:*:*:"$3":*) return 0 ;; esac
    change 'end of account' "$1" || return 0
    usermod -e "$2" -- "$1" >&2
}

# member USER GROUP ...: of these groups too
member() {
    member_user=$1
    shift
    for group in "$@"; do
        case ,$(account group "$group" | sed 's/.*://'), in *,"$member_user",*) continue ;; esac
        change "$group: member" "$member_user" || continue
        usermod -aG "$group" -- "$member_user" >&2
    done
}
