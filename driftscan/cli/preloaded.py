"""What the processes that look at hosts have in common: loaded once, by the one process that they are forked from."""

import signal

import driftscan.cli.worker
import driftscan.collect.collector
import driftscan.findings.base
import driftscan.scopes.base
import driftscan.store
import driftscan.transport.ssh

# Ctrl-C reaches every process of a terminal; what it means is decided by the one that gives the work.
signal.signal(signal.SIGINT, signal.SIG_IGN)
driftscan.scopes.base.scopes()  # each scope is a module of its own
