"""Findings: judgements on a snapshot, one file per family of rules, found by discovery."""
