"""Transports: ways to run a command on a host, one file each."""

import sys
from typing import Any, cast

# As long as the rest of paramiko takes to load what runs `Match exec` of ssh_config: `sshconfig` loads it if need be.
sys.modules.setdefault("invoke", cast("Any", None))
