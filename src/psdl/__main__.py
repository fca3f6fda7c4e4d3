"""The command line: `psdl`, or python -m psdl."""

import sys

from psdl._util import plugins
from psdl.errors import PsdlError


def main() -> None:
    """Runs a command. Where the extra [cli] is not installed: one sentence that says so, and exit code 2."""
    try:
        plugins.extra("cli", "typer", "rich", "matplotlib", "jinja2")
    except PsdlError as missing:
        print(f"psdl: the command line needs more than the library: {missing}", file=sys.stderr)
        raise SystemExit(2) from None
    from psdl.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
