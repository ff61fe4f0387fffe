"""Subcommands that are made when they are asked for: of 32, each with a dozen options, one is wanted at a time."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_command_name, solve_typer_info_help

Register = Callable[[typer.Typer], None]


class Commands(Mapping[str, Any]):
    """Commands by name, in the order of their registration."""

    def __init__(self, registers: Iterable[Register]) -> None:
        self._parts: dict[str, typer.Typer] = {}
        self._helps: dict[str, str] = {}
        self._made: dict[str, Any] = {}
        for register in registers:
            part = typer.Typer(rich_markup_mode=None, add_completion=False)
            register(part)
            for command in part.registered_commands:
                named = command.name or get_command_name(getattr(command.callback, "__name__", ""))
                self._add(named, part, inspect.getdoc(command.callback) or "")
            for group in part.registered_groups:
                self._add(str(group.name), part, solve_typer_info_help(group))

    def _add(self, name: str, part: typer.Typer, words: str) -> None:
        self._parts[name], self._helps[name] = part, words

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            made = get_command(self._parts[name])
            self._made[name] = made.commands[name] if isinstance(made, TyperGroup) else made
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    def listed(self) -> dict[str, Any]:
        """Return in place of each command one that has nothing but its name and help."""
        return {name: TyperCommand(name, help=words) for name, words in self._helps.items()}


class LazyGroup(TyperGroup):
    """A group of such commands; a subclass says which."""

    registers: tuple[Register, ...] = ()

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands: Any = Commands(self.registers)

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 -- as it is called
        """Return the names in their order."""
        return list(self.commands)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands for the help."""
        made, self.commands = self.commands, self.commands.listed()
        try:
            super().format_commands(ctx, formatter)
        finally:
            self.commands = made
