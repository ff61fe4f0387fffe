# owner USER COMMAND: runs as the user, in its home
owner() {
    owner_name=$1
    shift
    if [ "$owner_name" = root ]; then
        "$@" >&2 </dev/null
    else
        owner_home=$(account passwd "$owner_name" | sed 's/:[^:]*$//; s/.*://')
        runuser -u "$owner_name" -- env HOME="$owner_home" "$@" >&2 </dev/null
    fi
}

# checked_out PATH USER GROUP: a new working copy is theirs
checked_out() {
    chown -hR -- "$2:$3" "$1"
}

# git_in PATH ARGUMENT ...: git in a working copy that may be anybody's, without its hooks
git_in() {
    git_path=$1
    shift
    GIT_TERMINAL_PROMPT=0 git -c core.hooksPath=/dev/null --git-dir="$git_path/.git" --work-tree="$git_path" "$@" </dev/null
}

# checkout_git PATH REMOTE COMMIT BRANCH USER GROUP
checkout_git() {
    if [ -d "$1/.git" ] && [ "$(git_in "$1" rev-parse HEAD)" = "$3" ]; then return 0; fi
    change 'checkout' "$1" || return 0
    if [ ! -d "$1/.git" ]; then
        mkdir -p -- "$1"
        git init -q "$1" >&2
        git_in "$1" remote add -- origin "$2" >&2
    fi
    git_in "$1" fetch -q origin >&2
    if [ -n "$4" ]; then
        git_in "$1" checkout -q -B "$4" "$3" -- >&2
    else
        git_in "$1" checkout -q --detach "$3" -- >&2
    fi
    checked_out "$1" "$5" "$6"
}

# checkout_hg PATH REMOTE COMMIT BRANCH USER GROUP
checkout_hg() {
    if [ -d "$1/.hg" ] && [ "$(hg -R "$1" log -r . -T '{node}')" = "$3" ]; then return 0; fi
    change 'checkout' "$1" || return 0
    if [ -d "$1/.hg" ]; then hg -R "$1" -y pull -- "$2" >&2; else hg -y clone -U -- "$2" "$1" >&2; fi
    hg -R "$1" -y update -r "$3" >&2
    checked_out "$1" "$5" "$6"
}

# checkout_svn PATH REMOTE REVISION BRANCH USER GROUP
checkout_svn() {
    if [ -d "$1/.svn" ] && [ "$(svn info --show-item revision "$1@")" = "$3" ]; then return 0; fi
    change 'checkout' "$1" || return 0
    svn --non-interactive -q checkout -r "$3" -- "$2" "$1" >&2
    checked_out "$1" "$5" "$6"
}

# environment PATH INTERPRETER USER system|'': a virtual environment of Python
environment() {
    if [ -x "$1/bin/python" ]; then return 0; fi
    change 'virtual environment' "$1" || return 0
    if [ "$3" != root ] && [ ! -d "$1" ]; then
        mkdir -p -- "$1"
        chown -- "$3:" "$1"
    fi
    owner "$3" "$2" -m venv ${4:+--system-site-packages} "$1"
}

# plain: names of Python packages have many spellings
plain() {
    tr 'A-Z_.' 'a-z--'
}

# pip USER INTERPRETER NAME==VERSION ...
pip() {
    pip_user=$1 pip_with=$2
    shift 2
    pip_now=$("$pip_with" -m pip list --disable-pip-version-check --format=freeze | plain)
    for one in "$@"; do
        shift
        if printf '%s\n' "$pip_now" | grep -qxF -- "$(printf '%s\n' "$one" | plain)"; then continue; fi
        change 'Python package' "$one" || continue
        set -- "$@" "$one"
    done
    [ $# -gt 0 ] && [ -z "$dry" ] || return 0
    # a system that its package manager looks after takes packages only if asked to
    if "$pip_with" -m pip install --help | grep -q -- --break-system-packages; then
        set -- --break-system-packages "$@"
    fi
    owner "$pip_user" "$pip_with" -m pip install --quiet --no-input --no-cache-dir --disable-pip-version-check "$@"
}

# npm_at DIRECTORY|'' ARGUMENT ...: '' is the whole system
npm_at() {
    npm_directory=$1
    shift
    if [ -n "$npm_directory" ]; then npm --prefix "$npm_directory" "$@"; else npm -g "$@"; fi
}

# npm_packages USER DIRECTORY|'' NAME@VERSION ...
npm_packages() {
    npm_user=$1 npm_where=$2
    shift 2
    npm_now=$(npm_at "$npm_where" ls --depth=0 --parseable --long | sed 's/$/:/') || :
    for one in "$@"; do
        shift
        case $npm_now in *":$one:"*) continue ;; esac
        change 'npm package' "$one" || continue
        set -- "$@" "$one"
    done
    [ $# -gt 0 ] && [ -z "$dry" ] || return 0
    set -- install --silent --no-audit --no-fund "$@"
    if [ -n "$npm_where" ]; then
        owner "$npm_user" npm --prefix "$npm_where" --no-save "$@"
    else
        owner "$npm_user" npm -g "$@"
    fi
}

# gem USER DIRECTORY|'' NAME VERSION
gem_package() {
    if env ${2:+GEM_PATH="$2"} gem list --silent --installed --exact "$3" --version "$4" >/dev/null; then return 0; fi
    change 'gem' "$3 $4" || return 0
    owner "$1" gem install --quiet --no-document ${2:+--install-dir "$2"} "$3" --version "$4"
}
