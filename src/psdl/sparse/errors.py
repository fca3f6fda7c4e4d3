"""The error of the sparse coding library."""


class SparseError(ValueError):
    """One sentence that says what was found, what was expected and what to do."""
