"""python -m psdl: the command line."""

from psdl.cli.main import main

main()
