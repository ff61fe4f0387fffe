"""Explaining: of everything that a snapshot holds, who put it there; one file per explainer, found by discovery."""
