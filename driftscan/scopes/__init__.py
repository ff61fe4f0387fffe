"""Scopes: one file per kind of thing that is inspected, found by discovery."""
