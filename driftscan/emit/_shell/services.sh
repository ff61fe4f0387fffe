# systemd ARGUMENT ...: where none runs, what is on disk is changed
systemd() {
    if [ -d /run/systemd/system ]; then systemctl "$@"; else systemctl --root=/ "$@"; fi
}

# switch VERB NAME: by systemd
switch() {
    change "$1" "$2" || return 0
    systemd "$1" -- "$2" >&2 </dev/null || complain "$1 ${label:-$2}: $(last)"
}

# activity NAME active|inactive|'': '' leaves as it is
activity() {
    [ -n "$2" ] || return 0
    if [ ! -d /run/systemd/system ]; then
        [ "$2" = inactive ] || note "no systemd runs here: not started: ${label:-$1}"
        return 0
    fi
    runs=$(systemctl is-active -- "$1") || :
    case $2,$runs in
    active,active | active,activating | active,reloading) ;;
    active,*) switch start "$1" ;;
    inactive,active | inactive,activating | inactive,reloading) switch stop "$1" ;;
    esac
}

# service NAME enabled|disabled|masked|'' active|inactive|'': '' leaves as it is
service() {
    if ! command -v systemctl >/dev/null; then
        note "no systemd here: left out: service ${label:-$1} $2 $3"
        return 0
    fi
    [ "$2" != masked ] || activity "$1" inactive # masked while it runs it would fail
    installed=$(systemd is-enabled -- "$1") || :
    case $2,$installed in
    enabled,enabled | enabled,static | enabled,alias | enabled,indirect | enabled,generated) ;;
    enabled,masked) switch unmask "$1" && switch enable "$1" ;;
    enabled,*) switch enable "$1" ;;
    disabled,enabled | disabled,enabled-runtime) switch disable "$1" ;;
    masked,masked) ;;
    masked,*) switch mask "$1" ;;
    esac
    activity "$1" "$3"
}

# boots NAME: an init script is started with the system
boots() {
    for start in /etc/rc3.d/S[0-9][0-9]"$1"; do
        if [ -e "$start" ]; then return 0; fi
    done
    return 1
}

# script NAME enabled|disabled|'' active|inactive|'': an init script; '' leaves as it is
script() {
    script_is=disabled
    if boots "$1"; then script_is=enabled; fi
    if [ -n "$2" ] && [ "$2" != "$script_is" ] && change "$2:" "$1"; then
        if ! command -v update-rc.d >/dev/null; then
            if [ "$2" = enabled ]; then try chkconfig "$1" on; else try chkconfig "$1" off; fi
        else
            try update-rc.d "$1" defaults
            if [ "$2" = enabled ]; then try update-rc.d "$1" enable; else try update-rc.d "$1" disable; fi
        fi
    fi
    [ -n "$3" ] || return 0
    if [ ! -p /run/initctl ] && [ ! -p /dev/initctl ]; then
        note "no init runs here: left out: $3 ${label:-$1}"
        return 0
    fi
    script_runs=inactive
    if "/etc/init.d/$1" status >/dev/null </dev/null; then script_runs=active; fi
    [ "$3" != "$script_runs" ] || return 0
    change "$3:" "$1" || return 0
    if [ "$3" = active ]; then try "/etc/init.d/$1" start; else try "/etc/init.d/$1" stop; fi
}
