"""How commands show themselves: an example at the end of the help, close matches for a name nobody knows."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import click

__all__ = ["Command", "Group"]


class _Example(click.Command):
    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.epilog:
            with formatter.section("Example"):
                for line in self.epilog.strip().splitlines():
                    formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


class Command(_Example):
    """A command whose help ends with an example, set as it is typed."""


class Group(_Example, click.Group):
    """Commands in the order of a first day, unknown ones answered with close matches."""

    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            close = get_close_matches(args[0], self.commands, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            ctx.fail(f"no command {args[0]!r}.{hint} Known: {', '.join(self.commands)}.")
        return super().resolve_command(ctx, args)
