"""Images that a camera drops into a folder -> a journal of verdicts, each exactly once, and news of them."""
