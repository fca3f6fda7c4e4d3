"""The error of the sparse coding library."""


class SparseError(ValueError):
    """Raised for wrong arguments. The message is one sentence: what was found, what was expected and what to
    do."""
