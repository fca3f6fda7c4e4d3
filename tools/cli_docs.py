"""Writes docs/cli.md from the verbs themselves: python tools/cli_docs.py"""

from __future__ import annotations

from pathlib import Path

import typer

TARGET = Path(__file__).parents[1] / "docs/cli.md"


def text() -> str:
    """The page: a section a verb, a row an argument or option."""
    from psdl.cli.main import app

    lines = ["# The command line", "", "Written by `python tools/cli_docs.py`; a test checks that it is current."]
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        lines += ["", f"## psdl {name}", "", command.help, "", "| | default | |", "|---|---|---|"]
        for parameter in command.params:
            option = parameter.param_type_name == "option"
            called = f"`{parameter.opts[0]}`" if option else f"`{parameter.name.upper()}`"
            default = parameter.default
            shown = "required" if parameter.required else ("" if default in (None, False) else f"`{default}`")
            lines.append(f"| {called} | {shown} | {parameter.help} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
