"""Ansible inventories, read as they are: INI, YAML, the JSON of `ansible-inventory --list`, and variable files."""
