"""Writes docs/cli.md from the verbs themselves: python tools/cli_docs.py"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

TARGET = Path(__file__).parents[1] / "docs/cli.md"


def text() -> str:
    """The page: a section a verb, a row an argument or option."""
    from psdl.cli.main import app

    lines = ["# The command line", "", "Written by `python tools/cli_docs.py`; a test checks that it is current."]
    for name, command in _verbs(typer.main.get_command(app), "psdl"):
        lines += ["", f"## {name}", "", command.help, "", "| | default | |", "|---|---|---|"]
        for parameter in command.params:
            option = parameter.param_type_name == "option"
            called = f"`{parameter.opts[0]}`" if option else f"`{parameter.name.upper()}`"
            default = parameter.default
            shown = "required" if parameter.required else ("" if default in (None, False) else f"`{default}`")
            lines.append(f"| {called} | {shown} | {parameter.help.replace(chr(92) + '[', '[')} |")
    return "\n".join(lines) + "\n"


def _verbs(group: Any, name: str) -> Iterator[tuple[str, Any]]:
    """The verbs of a group and of the groups inside it, by their whole names."""
    for word, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _verbs(command, f"{name} {word}")
        else:
            yield f"{name} {word}", command


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
