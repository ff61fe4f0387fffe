"""The probes that read /proc in a handful of forks, however many processes there are."""

from driftscan.scopes.base import Probe

# Each line or NUL-terminated string that grep prints begins with its file's name, so no process can speak for another,
# whatever it has put into its name or its arguments. printf is the shell's own: no list of arguments is too long.
SELF = Probe(
    name="self",
    live=True,
    script="""printf 'self %s\\nticks %s\\n' "$SELF" "$(getconf CLK_TCK 2>/dev/null || echo 100)"
while read -r k v; do [ "$k" = btime ] && printf 'btime %s\\n' "$v"; done </proc/stat
:""",
)
STAT = Probe(
    name="stat",
    live=True,
    tools=("grep", "xargs"),
    accepts=frozenset({0, 123}),  # a process that ends meanwhile makes grep say 2
    script="printf '%s\\0' /proc/[0-9]*/stat | xargs -0 grep -sHa ''",
)
ARGUMENTS = Probe(
    name="arguments",
    live=True,
    tools=("grep", "xargs"),
    accepts=frozenset({0, 123}),
    script="""if [ "$(printf 'a\\0b\\0' | grep -zc '' 2>/dev/null)" = 2 ]; then
  printf '%s\\0' /proc/[0-9]*/cmdline | xargs -0 grep -zsHa ''
else
  for p in /proc/[0-9]*; do
    tr '\\000\\n' '\\n\\001' 2>/dev/null <"$p/cmdline" | sed "s|^|$p/cmdline:|" | tr '\\n\\001' '\\000\\n'
  done 2>/dev/null
fi""",
)
LINKS = Probe(
    name="links",
    live=True,
    accepts=frozenset({0, 123}),
    script="""if ds_has find && command find / -maxdepth 0 -printf '' 2>/dev/null; then
  printf '%s\\0' /proc/[0-9]*/exe /proc/[0-9]*/cwd | xargs -0 sh -c 'find "$@" -maxdepth 0 -printf "%p\\0%l\\0" 2>/dev/null' sh
else
  printf 'ls\\0'; ls -ld /proc/[0-9]*/exe /proc/[0-9]*/cwd 2>/dev/null; :
fi""",
)
LIBRARIES = Probe(
    name="libraries",
    live=True,
    tools=("grep", "xargs"),
    accepts=frozenset({0, 123}),
    timeout=60.0,
    script="printf '%s\\0' /proc/[0-9]*/maps | xargs -0 grep -sHaE '^[0-9a-f]+-[0-9a-f]+ ..x. .* \\(deleted\\)$'",
)
# Last of all, so that what ended meanwhile is known by its missing owner, or by being a zombie by now. The control group
# comes late as well: systemd forks, moves the child into its unit's group, and only then is the child another program.
OWNERS = Probe(
    name="owners",
    live=True,
    tools=("grep", "xargs"),
    accepts=frozenset({0, 123}),
    script="printf '%s\\0' /proc/[0-9]*/cgroup /proc/[0-9]*/status | xargs -0 grep -sHaE '^([0-9]+|Uid|State|VmSize):'",
)
USERS = Probe(
    name="users",
    live=True,
    timeout=15.0,  # accounts may come from a directory server
    accepts=frozenset({0, 1, 2}),  # getent says 2 when one of several accounts is not known
    script="""ds_file /etc/passwd
command -v getent >/dev/null 2>&1 || exit 0
set -- $(printf '%s\\0' /proc/[0-9]*/status | xargs -0 grep -sha '^Uid:' | while read -r _ _ e _; do echo "$e"; done | sort -u)
[ $# -eq 0 ] || getent passwd "$@" """,
)
PROBES = (SELF, STAT, ARGUMENTS, LINKS, OWNERS, USERS)
