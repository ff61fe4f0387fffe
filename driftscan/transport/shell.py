"""How a POSIX shell is started from any login shell."""

# Login files define aliases and functions by the names of commands, take directories off PATH, export what changes
# how tools work (POSIXLY_CORRECT, FIND_BLOCK_SIZE, functions of bash): full names, and an empty environment but for
# these two, are the same everywhere. sh, csh, fish and zsh read this line alike.
CLEAN_SHELL = '/usr/bin/env -i "HOME=$HOME" "PATH=$PATH" /bin/sh'

# What `PATH=` may be set to before a command that must be found whatever the login files say.
USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
