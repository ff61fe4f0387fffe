# package NAME [at-least|exactly VERSION]: to be installed, if it is not, by the next `install`
package() {
    packages="$packages $1"
    package_now=$(version_of "$1")
    case $package_now,${2-} in
    ,*) ;;
    *,at-least) if newer "$package_now" "$3"; then return 0; fi ;;
    *,exactly) [ "$package_now" != "$3" ] || return 0 ;;
    *) return 0 ;;
    esac
    change 'package' "$1" || return 0
    missing="$missing $(wanted "$1" "${2-}" "${3-}")"
    [ -z "${2-}" ] || versions="$versions $1 $2 $3"
}

# package_file NAME VERSION FILE: a package that no repository has
package_file() {
    packages="$packages $1"
    [ "$(version_of "$1")" != "$2" ] || return 0
    change 'package' "$1" || return 0
    cp -- "$here/$3" "$work/${3##*/}"
    package_files="$package_files $work/${3##*/}"
}

# install: all that is missing at once
install() {
    if [ -n "$missing$package_files" ]; then
        doing="installing$missing$package_files"
        get
        doing='versions'
        # shellcheck disable=SC2086 # names and versions of packages are plain words
        check $versions
    fi
    # shellcheck disable=SC2086 # as above
    [ -z "$packages" ] || by_hand $packages
    missing='' package_files='' versions='' packages=''
}

# check [NAME at-least|exactly VERSION] ...: what was installed is what was wanted
check() {
    while [ $# -gt 0 ]; do
        case $2 in
        exactly) [ "$(version_of "$1")" = "$3" ] || fail "$1: there is version $(version_of "$1"), not $3" ;;
        *) newer "$(version_of "$1")" "$3" || fail "$1: there is version $(version_of "$1"), older than $3" ;;
        esac
        shift 3
    done
}
