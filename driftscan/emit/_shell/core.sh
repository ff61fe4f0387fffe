# change KIND NAME: tells that something changes; false where nothing may
change() {
    doing="$1${2:+ ${label:-$2}}"
    changes=$((changes + 1))
    if [ -n "$dry" ]; then
        printf 'would change: %s\n' "$doing"
        return 1
    fi
    printf 'changed: %s\n' "$doing"
    : >"$said"
}

# as LABEL COMMAND: what it changes is told by the label, the name itself being no plain text
as() {
    label=$1
    shift
    "$@"
    label=''
}

# notify HANDLER,... COMMAND: the handlers are to run if the command changes anything
notify() {
    notify_who=$1 notify_before=$changes
    shift
    "$@"
    [ "$changes" = "$notify_before" ] || notified="$notified$notify_who,"
}

# handler ID NAME COMMAND: runs once if it was notified
handler() {
    case $notified in *",$1,"*) ;; *) return 0 ;; esac
    notified=$(printf %s "$notified" | sed "s/,$1,/,,/g")
    if [ "$3" = systemctl ] && [ ! -d /run/systemd/system ]; then
        note "no systemd runs here: left out: $2"
        return 0
    fi
    change "$2" '' || return 0
    shift 2
    try "$@"
}

# note WORDS: something to know that is no error
note() {
    printf 'note: %s\n' "$*" | tr -c ' -~\n' '?'
}

# complain WORDS: the run goes on, and ends with an error
complain() {
    printf 'rebuild: %s\n' "$(printf %s "$*" | tr -c ' -~' '?')" >&3
    troubles=yes
}

# fail WORDS: the run ends
fail() {
    complain "$@"
    exit 1
}

# last: the last line that a tool said
last() {
    sed -n '/[^[:space:]]/h; ${ g; p; }' "$said"
}

# try COMMAND: a failure is told at once, and the run goes on
try() {
    "$@" >&2 </dev/null || complain "$*: $(last)"
}

# ended STATUS: runs whenever the script ends
ended() {
    if [ "$1" != 0 ] && [ -z "$troubles" ]; then complain "$doing: $(last)"; fi
    [ -z "$work" ] || rm -rf -- "$work"
}

# need TOOL ...: names the tools that are not here, before anything is done that needs them
need() {
    need_not=''
    for tool in "$@"; do
        command -v "$tool" >/dev/null || need_not="$need_not $tool"
    done
    if [ -z "$need_not" ]; then return 0; fi
    if [ -n "$dry" ]; then note "not here, perhaps not yet:$need_not"; else fail "tools are missing:$need_not"; fi
}

# gnu_tar: only this one can compare what it is to unpack with what is there
gnu_tar() {
    if tar --version | grep -q GNU || [ -n "$dry" ]; then return 0; fi
    fail 'GNU tar is missing'
}

# secret NAME ...: names the secrets that were not given, before anything is done
secret() {
    secret_not=''
    for name in "$@"; do
        [ -f "$secrets/$name" ] && [ -r "$secrets/$name" ] || secret_not="$secret_not $name"
    done
    if [ -z "$secret_not" ]; then return 0; fi
    if [ -n "$dry" ]; then note "secrets are not given:$secret_not"; return 0; fi
    complain "secrets are missing in $secrets:$secret_not"
    exit 2
}
