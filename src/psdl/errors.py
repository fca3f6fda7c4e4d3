"""The one error that users see."""


class PsdlError(Exception):
    """One sentence that says what was found, what was expected and what to do.

    The command line prints it and exits with code 2; nothing is left half-written.
    """
