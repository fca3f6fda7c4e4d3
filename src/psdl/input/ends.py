"""Checks whether PNG and JPEG files are complete, by following their parts. Bytes after the end of the picture do
not matter."""

from __future__ import annotations

from typing import BinaryIO


def _png_ends(file: BinaryIO) -> bool:
    """Returns whether the chunks of a PNG file, followed one after another, reach the final chunk IEND."""
    at = 8
    while True:
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            return False
        if head[4:] == b"IEND":
            return len(file.read(4)) == 4
        at += 12 + int.from_bytes(head[:4], "big")


def _jpeg_ends(file: BinaryIO) -> bool:
    """Returns whether a JPEG file has its picture to the end. Follows the segments up to the picture data, which
    skips an embedded thumbnail, and then looks for the end marker; inside picture data no other byte pair looks
    like it."""
    at = 2
    while True:
        file.seek(at)
        head = file.read(4)
        if len(head) < 4 or head[0] != 0xFF:
            return False
        if head[1] == 0xFF:
            at += 1
            continue
        at += 2 + int.from_bytes(head[2:], "big")
        if head[1] == 0xDA:
            file.seek(at)
            return b"\xff\xd9" in file.read()


ENDS = {b"\xff\xd8": _jpeg_ends, b"\x89PNG": _png_ends}  # how the ends of such files are found
