"""Inventories: which hosts there are and how to reach each, read from driftscan's own format or from Ansible's."""
