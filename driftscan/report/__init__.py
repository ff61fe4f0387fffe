"""Reports: what was seen, spelled for people and for programs; one file per format, found by discovery."""
