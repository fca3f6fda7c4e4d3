"""A loop that stumbles goes on, and says so once."""

from __future__ import annotations

import logging

import pytest

from psdl import PsdlError
from psdl.deploy.loops import Loops


def test_failures_are_counted_logged_once_and_shown_until_all_is_well(caplog):
    caplog.set_level(logging.INFO, "psdl")
    loops = Loops()
    for _ in range(3):
        with loops.round("reload"):
            raise PermissionError("no right to read")
    assert loops.state["reload"].failures == 3
    assert loops.problems == {"reload": "PermissionError: no right to read"}
    assert caplog.text.count("no right to read") == 1
    with loops.round("reload"):
        pass
    assert loops.problems == {}
    assert loops.state["reload"].failures == 3
    assert "reload: well again" in caplog.text


def test_what_ends_the_process_is_no_failed_round():
    loops = Loops()
    with pytest.raises(KeyboardInterrupt), loops.round("look"):
        raise KeyboardInterrupt
    with loops.round("look"):
        raise PsdlError("a sentence\nof two lines")
    assert loops.problems == {"look": "a sentence of two lines"}
