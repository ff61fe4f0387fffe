"""The probes that show who may log in by key and who may use sudo: which files there are is found out on the host."""

from driftscan.model.outcome import Outcome
from driftscan.model.text import shown, text
from driftscan.scopes.base import Probe, Results

# sudoers files, and what they include; the directory is shown even when no file includes it.
SUDOERS = Probe(
    "accounts-sudoers",
    r"""
sudo_includes() { # FILE: prints "f PATH" or "d PATH" for each include in it
  ds_real "$1"
  [ -f "$ds_p" ] && [ -r "$ds_p" ] || return 0
  sed -n -e 's/[[:space:]]*$//' -e 's/^[[:space:]]*[#@]includedir[[:space:]]\{1,\}/d /p' \
    -e 's/^[[:space:]]*[#@]include[[:space:]]\{1,\}/f /p' "$ds_p" |
    sed -e 's/^\(.\) "\(.*\)"$/\1 \2/' -e 's/\\\(.\)/\1/g' -e "s/%h/$(uname -n | sed 's/[^A-Za-z0-9_-].*//')/g"
}
sudo_follow() { # DEPTH FILE
  [ "$1" -lt 8 ] || return 0
  sudo_includes "$2" | while IFS= read -r line; do
    kind=${line%% *} path=${line#? }
    case $path in /*) ;; *) path=${2%/*}/$path ;; esac
    if [ "$kind" = f ]; then
      ds_file "$path"
      ( sudo_follow "$(($1 + 1))" "$path" )
    else
      path=${path%/}
      [ "$path" = /etc/sudoers.d ] || ds_dir "$path"
      ds_real "$path"
      for file in "$ds_p"/*; do ( sudo_follow "$(($1 + 1))" "$path/${file##*/}" ); done
    fi
  done
}
ds_file /etc/sudoers
ds_dir /etc/sudoers.d
sudo_follow 0 /etc/sudoers
true
""",
    limit=8 << 20,
)

# NUL-terminated records of three: "file" OWNER PATH for each file of keys, "unused" OWNER PATH where sshd would look if
# it were not configured to look elsewhere, "stray" OWNER PATH where no account is meant, "command" "" COMMAND that sshd
# asks for keys, "remote" USER HOME that is not looked at, for it lies on another machine, "hidden" "" PATH of a
# configuration that cannot be read.
KEYS = Probe(
    "accounts-keys",
    r"""
say() { printf '%s\000%s\000%s\000' "$1" "$2" "$3"; }
setting() { # KEYWORD: prints its values in all configuration of sshd, Match blocks too
  for conf in /etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf; do
    ds_real "$conf"
    if [ -r "$ds_p" ]; then awk -v keyword="$1" '
      tolower($0) ~ "^[ \t]*" keyword "[ \t=]" { sub(/^[ \t]*[A-Za-z]+[ \t]*[= \t][ \t]*/, ""); gsub(/"/, ""); print }' "$ds_p"
    fi
  done
}
expand() { # PATTERN USER UID HOME: sets path
  rest=$1 path=
  while :; do
    case $rest in *%*) path=$path${rest%%\%*} rest=${rest#*%} ;; *) path=$path$rest; break ;; esac
    case $rest in h*) path=$path$4 ;; u*) path=$path$2 ;; U*) path=$path$3 ;; %*) path=$path% ;; esac
    rest=${rest#?}
  done
  case $path in /*) ;; *) path=${4%/}/$path ;; esac
}
show() { # KIND OWNER PATH
  ds_real "$3"
  if [ -e "$ds_p" ] || [ -L "$ds_p" ]; then :; elif ds_gone "$ds_p"; then return; fi
  say "$1" "$2" "$3"
  case $seen in *"
$3
"*) ;; *) seen="$seen$3
"; ds_file "$3" ;; esac
}
seen='
'
homes=' '
for conf in /etc/ssh/sshd_config /etc/ssh/sshd_config.d; do
  ds_real "$conf"
  if [ -e "$ds_p" ]; then [ -r "$ds_p" ] || say hidden '' "$conf"; fi
done
remote=$( { awk '$3 ~ /^(nfs|cifs|smb|afs|9p|ceph|lustre|gfs|autofs|fuse[.])/ { print $2 }' /proc/mounts; } 2>/dev/null)
set -f
patterns=$(setting authorizedkeysfile)
unconfigured=file
[ -z "$patterns" ] || unconfigured=unused
setting authorizedkeyscommand | while IFS= read -r command; do say command '' "$command"; done
ds_real /etc/passwd
while IFS=: read -r user password uid gid gecos home shell; do
  case $home in /*) ;; *) continue ;; esac
  homes="$homes$home "
  for mount in $remote; do
    [ -n "$R" ] && continue
    case $home/ in "$mount"/*) say remote "$user" "$home"; continue 2 ;; esac
  done
  for pattern in $patterns; do
    [ "$pattern" = none ] && continue
    expand "$pattern" "$user" "$uid" "$home"
    show file "$user" "$path"
  done
  for name in authorized_keys authorized_keys2; do show "$unconfigured" "$user" "${home%/}/.ssh/$name"; done
done <"$ds_p"
show file root /etc/dropbear/authorized_keys
set +f
for home in "$R"/home/*; do
  home=${home#"$R"}
  case $homes in *" $home "* | *" $home/ "*) continue ;; esac
  for mount in $remote; do case $home/ in "$mount"/*) continue 2 ;; esac; done
  for name in authorized_keys authorized_keys2; do show stray "${home##*/}" "$home/.ssh/$name"; done
done
set -f
for pattern in $patterns; do
  case $pattern in /*%u*) ;; *) continue ;; esac
  before=${pattern%%\%u*} after=${pattern#*%u}
  case $before$after in *%*) continue ;; esac
  set +f
  for path in "$R$before"*"$after"; do
    path=${path#"$R"} user=${path#"$before"} user=${user%"$after"}
    case $seen in *"
$path
"*) ;; *) show stray "$user" "$path" ;; esac
  done
  set -f
done
true
""",
    limit=16 << 20,
)

NSSWITCH = Probe("accounts-nsswitch", "ds_file /etc/nsswitch.conf /etc/hostname")
PROBES = (SUDOERS, KEYS, NSSWITCH)


def files(results: Results, probe: Probe) -> dict[str, str]:
    """Return path -> content of the files that a probe could show."""
    result = results.get(probe.name)
    return {text(file.path): text(file.data) for file in (result.files if result else ()) if file.outcome is Outcome.OK}


def records(results: Results) -> list[tuple[str, str, str]]:
    """Return the records of `KEYS` that came whole, as (kind, owner, path or other value)."""
    result = results.get(KEYS.name)
    fields = [text(field) for field in (result.stdout if result else b"").split(b"\0")[:-1]]
    return list(zip(fields[0::3], fields[1::3], fields[2::3], strict=False))


def key_files(results: Results) -> dict[tuple[str, str], str]:
    """Return (owner, path) -> why that file opens no account, "" when it does; the first record of a file counts."""
    why = {
        "file": "",
        "unused": "sshd is configured to read other files",
        "stray": "no account has that name or home",
    }
    found: dict[tuple[str, str], str] = {}
    for kind, owner, path in records(results):
        if kind in why:
            found.setdefault((owner, path), why[kind])
    return found


def notes(results: Results) -> list[str]:
    """Return what limits the look on purpose: directory services, homes on other machines, commands for keys."""
    said = []
    for line in files(results, NSSWITCH).get("/etc/nsswitch.conf", "").split("\n"):
        database, colon, services = line.partition("#")[0].partition(":")
        if colon and database.strip() in {"passwd", "group", "shadow", "sudoers"}:
            others = [
                word for word in services.split() if word.isalnum() and word not in {"files", "compat", "systemd"}
            ]
            said += [f"{database.strip()} also come from {shown(word)}, which is not asked" for word in others]
    for kind, owner, value in records(results):
        if kind == "remote":
            said.append(f"home of {shown(owner)} is on a remote filesystem ({shown(value)}), which is not looked at")
        elif kind == "command" and value.strip() != "none":
            said.append(f"sshd also asks {shown(value)} for keys, which is not run")
    return list(dict.fromkeys(said))
