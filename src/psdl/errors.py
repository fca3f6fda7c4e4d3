"""The one error that users see."""

__all__ = ["PsdlError", "printable"]


class PsdlError(Exception):
    """One sentence that says what was found, what was expected and what to do.

    The command line prints it and exits with code 2; nothing is left half-written.
    """


def printable(text: str) -> str:
    """The text on one line: what no terminal can show as it is, such as line ends, stray bytes of file names and
    marks that turn the direction of writing, is written as an escape."""
    shown = (c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
    return "".join(shown)
