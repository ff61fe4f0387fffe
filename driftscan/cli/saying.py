"""What is said on stderr: a host may have a word in it, so every character is shown and none acts."""

import logging

import typer

from driftscan.model.text import shown


def complain(words: str) -> None:
    """Say something on stderr; its lines stay lines."""
    typer.echo("\n".join(map(shown, words.split("\n"))), err=True)


class ShownFormatter(logging.Formatter):
    """Formats records of a log for a terminal: that of an SSH library quotes what the server says."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a record."""
        return "\n".join(map(shown, super().format(record).split("\n")))
