"""The command psdl: parses arguments, runs a verb and sets the exit code. Each verb has a file of its own here."""

from __future__ import annotations

import errno
import os
import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from psdl._util.process import own_process
from psdl.cli.bench import bench
from psdl.cli.calibrate import calibrate
from psdl.cli.datasets import datasets
from psdl.cli.demo import demo
from psdl.cli.drift import drift
from psdl.cli.evaluate import evaluate
from psdl.cli.export import export
from psdl.cli.fit import fit
from psdl.cli.inspect import inspect
from psdl.cli.options import as_flags
from psdl.cli.predict import predict
from psdl.cli.run import run
from psdl.cli.selftest import selftest
from psdl.cli.serve import serve
from psdl.cli.sign import sign
from psdl.cli.studio import studio
from psdl.cli.watch import watch
from psdl.errors import PsdlError, printable

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Learns from images of good parts and finds what is wrong in new ones.",
)
FIRST = (demo, studio, fit, evaluate, run, predict, calibrate)
for verb in (*FIRST, selftest, inspect, sign, export, serve, watch, drift):
    app.command()(verb)
app.add_typer(datasets, name="datasets")
app.add_typer(bench, name="bench")


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS)


def _say_version(asked: bool) -> None:
    if asked:
        from psdl import __version__

        print(f"psdl {__version__}")
        raise typer.Exit()


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Say which psdl this is.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    """Learns from images of good parts and finds what is wrong in new ones."""


def main() -> None:
    """Runs the command line. An error in what was given, or in where results go, becomes one sentence on standard
    error and exit code 2."""
    own_process()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names that the terminal's letters cannot write
    raise SystemExit(_ended())


def _ended() -> int | str | None:
    """Runs a verb and returns its exit code."""
    try:
        code: int | str | None = 0
        try:
            app()
        except SystemExit as ended:
            code = ended.code
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader of our lines has gone, as with `| head`
        _hush()
        return 1
    except (PsdlError, OSError, UnicodeError, MemoryError) as error:
        print(f"psdl: {printable(as_flags(_sentence(error)))}", file=sys.stderr)
        _hush()
        return 2


def _sentence(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "there is not enough memory: give fewer or smaller images at a time, such as `jobs` 1"
    if isinstance(error, OSError) and error.errno is not None:
        where = str(error.filename) if error.filename else "where results or lines go"
        why = os.strerror(error.errno)
        if error.errno in FULL:
            return f"no room is left at {where} ({why}): free some; started again, the same command goes on"
        if error.errno in CLOSED:
            return f"{where} may not be read or written ({why}): allow it, or give another place"
        return f"{where} cannot be used ({why}): give another place"
    return str(error) if isinstance(error, PsdlError) else f"a file cannot be read or written ({error})"


def _hush() -> None:
    """Redirects standard output to nowhere, so that lines that could not be written are not tried again at the
    end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)


if __name__ == "__main__":
    main()
