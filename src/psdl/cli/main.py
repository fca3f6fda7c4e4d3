"""argv -> a verb -> lines and an exit code. Each verb has a file of its own beside this one."""

from __future__ import annotations

import sys

import typer

from psdl.cli.bench import bench
from psdl.cli.calibrate import calibrate
from psdl.cli.datasets import datasets
from psdl.cli.demo import demo
from psdl.cli.drift import drift
from psdl.cli.evaluate import evaluate
from psdl.cli.export import export
from psdl.cli.fit import fit
from psdl.cli.inspect import inspect
from psdl.cli.predict import predict
from psdl.cli.run import run
from psdl.cli.selftest import selftest
from psdl.cli.serve import serve
from psdl.cli.sign import sign
from psdl.cli.watch import watch
from psdl.errors import PsdlError, printable

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Learns from images of good parts and finds what is wrong in new ones.",
)
for verb in (demo, fit, evaluate, run, predict, calibrate, selftest, inspect, sign, export, serve, watch, drift):
    app.command()(verb)
app.add_typer(datasets, name="datasets")
app.add_typer(bench, name="bench")


def main() -> None:
    """The entry point: a PsdlError becomes one sentence on standard error and exit code 2."""
    try:
        app()
    except PsdlError as error:
        print(f"psdl: {printable(str(error))}", file=sys.stderr)
        raise SystemExit(2) from None
    except BrokenPipeError:  # the reader of our lines has gone, as with `| head`
        sys.stderr.close()
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
