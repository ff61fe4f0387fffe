"""Whether systemd is this host's init: unit files lie on hosts of any init."""

from collections.abc import Mapping

from driftscan.model.outcome import Outcome, ProbeResult
from driftscan.scopes.base import Probe

INIT = Probe(
    name="init",
    script="""if [ -z "$R" ]; then
  [ -d /run/systemd/system ] && echo systemd
else
  for f in /sbin/init /usr/lib/systemd/systemd /lib/systemd/systemd; do
    ds_real "$f"
    [ -e "$ds_p" ] || continue
    case $ds_p in */systemd) echo systemd ;; esac
    break
  done
fi
:""",
)


def runs_systemd(results: Mapping[str, ProbeResult]) -> bool:
    """Return whether systemd is init; true as well where that is not known, so that nothing is left out."""
    result = results.get(INIT.name)
    return result is None or result.outcome is not Outcome.OK or result.stdout.strip() == b"systemd"
