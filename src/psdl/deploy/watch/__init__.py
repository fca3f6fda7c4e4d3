"""Judges the images that a camera writes into a folder. A journal records each verdict exactly once, and verdicts
can be sent to other systems."""
