"""Notifications: what is new since the last message, and its way to mail, chat and webhooks."""

from driftscan.notify.delivery import send

__all__ = ["send"]
