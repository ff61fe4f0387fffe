LC_ALL=C LANG=C LANGUAGE=C TZ=UTC0
# The system's own tools first: /usr/local may be anybody's, or a mount whose server is dead.
PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin:$PATH
export LC_ALL LANG LANGUAGE TZ PATH
unset ENV BASH_ENV CDPATH HISTFILE GREP_OPTIONS POSIXLY_CORRECT LD_PRELOAD TAR_OPTIONS 2>/dev/null
umask 077
SELF=$$

# When the auditor goes away (Ctrl-C, a lost line, a probe given up), stdin ends: end everything that was started.
exec 3<&0
( trap '' TERM; while read -r ds_x <&3; do :; done; kill -TERM 0; sleep 2; kill -KILL 0 ) >/dev/null 2>&1 &
WATCH=$!
exec 3<&- </dev/null

ds_mark() { printf '\n%s %s\n' "$N" "$*"; }

# A tool that does not end costs the probes that call it; one that is called here would cost all of them.
ds_mark hello
if [ -z "$BARE" ]; then
  renice -n 19 -p "$$" >/dev/null 2>&1
  ionice -c 3 -p "$$" >/dev/null 2>&1
fi

# A tool that every probe may count on and that is not there is told by name wherever it is called, in a pipe or a
# substitution too: what it was to show must not look like nothing. `command TOOL` is for who can do without it.
exec 9>&1
LACK=' '
ds_lack() {
  case " $STUCK " in *" $1 "*) set -- "$1 that answers" ;; esac
  ds_mark lacks "$*" >&9
  return 127
}
ds_has() { case $LACK in *" $1 "*) return 1 ;; esac; command -v "$1" >/dev/null 2>&1; }
ds_need() { for ds_tool; do ds_has "$ds_tool" || ds_lack "$ds_tool"; done; } # what another program is to call
for ds_tool in $TOOLS; do
  case " $STUCK " in *" $ds_tool "*) ;; *) command -v "$ds_tool" >/dev/null 2>&1 && continue ;; esac
  LACK="$LACK$ds_tool "
  eval "$ds_tool() { ds_lack $ds_tool; }"
done

# Something here did not end the last time: a tool that does not even say what it is, is told first, and not called.
if [ -n "$ASK" ]; then
  for ds_tool in $TOOLS; do
    ds_has "$ds_tool" || continue
    ds_mark asks "$ds_tool"
    "$ds_tool" --version </dev/null >/dev/null 2>&1
  done
fi

ds_absent() { ds_mark absent "$@"; exit 0; }

ds_denied() { ds_mark denied "$@"; exit 0; }

# ds_real PATH: sets ds_p to where PATH is; in an image its links are followed inside the image
ds_real() {
  ds_p=$1
  [ -n "$R" ] || return 0
  ds_rest=$1 ds_p=$R ds_links=0
  while [ -n "$ds_rest" ]; do
    ds_rest=${ds_rest#/} ds_c=${ds_rest%%/*}
    case $ds_rest in */*) ds_rest=/${ds_rest#*/} ;; *) ds_rest= ;; esac
    case $ds_c in
      '' | .) continue ;;
      ..) [ "$ds_p" = "$R" ] || ds_p=${ds_p%/*}; continue ;;
    esac
    if [ -L "$ds_p/$ds_c" ] && [ "$ds_links" -lt 40 ]; then
      ds_links=$((ds_links + 1)) ds_l=$(readlink "$ds_p/$ds_c")
      case $ds_l in /*) ds_p=$R ;; esac
      ds_rest=/$ds_l$ds_rest
    else
      ds_p=$ds_p/$ds_c
    fi
  done
}

# ds_gone PATH: PATH does not exist, and that is certain, for the nearest directory that does exist can be searched
ds_gone() {
  ds_up=${1%/*}
  while [ -n "$ds_up" ] && [ ! -e "$ds_up" ]; do ds_up=${ds_up%/*}; done
  [ -x "${ds_up:-/}" ]
}

# Many files go as one archive, which is a process per hundred of them instead of one each: where the tools can do it.
ds_pack() { find -L "$@" -maxdepth 0 ! -size +2048 -exec tar -chf - {} + 2>/dev/null; }
PACK=
[ -z "$BARE" ] && [ "$(cd / && ds_pack ./dev/null | head -c 10)" = ./dev/null ] && PACK=yes

ds_file() {
  if [ -n "$PACK" ] && [ $# -gt 2 ] && [ $# -lt 500 ]; then ds_many "$@"; else ds_each "$@"; fi
}

# ds_how PATH: sets ds_o to what can be shown of PATH, and ds_p to where it is
ds_how() {
  ds_real "$1"
  if [ -f "$ds_p" ]; then
    if [ -r "$ds_p" ]; then ds_o=ok; else ds_o=denied; fi
  elif [ -e "$ds_p" ] || [ -L "$ds_p" ]; then
    ds_o=other
  elif ds_gone "$ds_p"; then
    ds_o=absent
  else
    ds_o=denied
  fi
}

# what each is, and an archive of those that can be shown: what is too long, or has vanished by now, is not in it
ds_many() {
  printf '\n%s files\n' "$N"
  for ds_f; do
    shift
    ds_how "$ds_f"
    printf '%s\000%s\000.%s\000' "$ds_o" "$ds_f" "$ds_p"
    [ $ds_o != ok ] || set -- "$@" ".$ds_p"
  done
  printf '\000'
  [ $# -eq 0 ] || (cd / && ds_pack "$@" | cat) # tar writes to no terminal
  ds_mark close
}

ds_each() {
  for ds_f; do
    ds_how "$ds_f"
    printf '\n%s file %s\n%s\000' "$N" $ds_o "$ds_f"
    if [ $ds_o != ok ] || dd if="$ds_p" bs=65536 count=17 2>/dev/null; then ds_mark close; else ds_mark close broken; fi
  done
}

ds_dir() {
  for ds_t; do
    ds_real "$ds_t"
    if [ -d "$ds_p" ] && [ -r "$ds_p" ] && [ -x "$ds_p" ]; then
      set --
      for ds_e in "$ds_p"/* "$ds_p"/.[!.]* "$ds_p"/..?*; do
        if [ -f "$ds_e" ] || [ -L "$ds_e" ]; then set -- "$@" "$ds_t/${ds_e##*/}"; fi
      done
      ds_file "$@"
    elif [ -d "$ds_p" ]; then
      printf '\n%s file denied\n%s\000' "$N" "$ds_t"
      ds_mark close
    else
      ds_file "$ds_t"
    fi
  done
}

# ds_run NUMBER FUNCTION: stderr has markers of its own, so that it is split per probe with no temporary file
ds_run() {
  ds_mark begin "$1" >&2
  ( "$2" ) </dev/null
  ds_rc=$?
  ds_mark end "$1" >&2
}

# ds_run_tty NUMBER FUNCTION: on a terminal stdout and stderr are one, so stderr is held back until stdout has ended
ds_run_tty() {
  ds_err=$( { ( "$2" ) </dev/null 4>&-; } 2>&1 1>&4 )
  ds_rc=$?
  ds_mark stderr
  printf '%s' "$ds_err"
}

# ds_probe NUMBER FUNCTION TOOLS
ds_probe() {
  ds_mark begin "$1"
  ds_missing='' ds_rc=0
  for ds_tool in $3; do
    ds_has "$ds_tool" && continue
    ds_missing="$ds_missing $ds_tool"
    case $LACK in *" $ds_tool "*) ds_lack "$ds_tool" ;; esac
  done
  if [ -n "$ds_missing" ]; then
    ds_mark absent "no$ds_missing on the host"
    set -- "$1" :
  fi
  if [ -n "$TTY" ]; then
    ds_run_tty "$1" "$2" 4>&1
  else
    ds_run "$1" "$2"
  fi
  ds_mark end "$1" "$ds_rc"
}
