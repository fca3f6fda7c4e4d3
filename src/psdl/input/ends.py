"""Whether image files are complete, by their parts: bytes after it do not matter."""

from __future__ import annotations

from typing import BinaryIO


def _png_ends(file: BinaryIO) -> bool:
    """Whether a PNG file's chunks, one after another, come to their last."""
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
    """Whether a JPEG file's segments, one after another, come to the picture, and that to its end. Inside a
    picture no byte but a marker's follows 255, and what a small picture in front holds is stepped over."""
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
