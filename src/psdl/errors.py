"""The error that users see."""

__all__ = ["PsdlError", "printable"]


class PsdlError(Exception):
    """An error that the user can remedy. The message is one sentence: what was found, what was expected, what to
    do.

    The command line prints it and exits with code 2; nothing is left half-written.
    """


def printable(text: str) -> str:
    """Returns the text on one line, with each character that a terminal cannot show written as an escape: line
    ends, stray bytes of file names, and marks that change the direction of writing."""
    shown = (c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
    return "".join(shown)
