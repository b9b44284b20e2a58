"""Whether a JPEG has all the scans that it is made of, by its markers (ITU-T T.81, annex B).

A progressive JPEG is sent several times, finer each time: one that is broken off between two scans is a whole
but coarse image. With restart markers a decoder finds its way again after a gap, and fills it with grey.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from PIL import Image

_FRAMES = range(0xC0, 0xC3)
"""Baseline, extended and progressive; decoders know no others."""

_PROGRESSIVE = 0xC2
_SCAN = 0xDA
_END = 0xD9
_RESTART_INTERVAL = 0xDD
_RESTARTS = range(0xD0, 0xD8)
_TELLS_INTERVAL = b"\xff\xdd\x00\x04"
_WITHOUT_LENGTH = {0x01, _END, *_RESTARTS, 0xD8}
_COEFFICIENTS = 64

# within a scan, 0xFF is followed by 0 where it is none
_MARKER = re.compile(rb"\xff+([^\x00\xff])")


@dataclass(frozen=True)
class _Component:
    """One colour: how many of its blocks of 8 x 8 pixels lie across and down in a unit of all colours."""

    across: int
    down: int


@dataclass
class _Frame:
    """The image that the scans are of.

    Args:
        bits_left: component -> how many lower bits of each coefficient are not sent yet; -1 before the first.
    """

    progressive: bool
    width: int
    height: int
    components: dict[int, _Component]
    bits_left: dict[int, list[int]] = field(init=False)

    def __post_init__(self) -> None:
        self.bits_left = {name: [-1] * _COEFFICIENTS for name in self.components}

    def units(self, names: list[int]) -> int:
        """How many units a scan of these components has."""
        most_across = max(one.across for one in self.components.values())
        most_down = max(one.down for one in self.components.values())
        # of one component alone a unit is one block
        if len(names) == 1:
            one = self.components[names[0]]
            width = math.ceil(self.width * one.across / most_across)
            height = math.ceil(self.height * one.down / most_down)
            return math.ceil(width / 8) * math.ceil(height / 8)
        # of several a unit is as wide and as high as the finest component has blocks in it
        units_across = math.ceil(self.width / (8 * most_across))
        units_down = math.ceil(self.height / (8 * most_down))
        return units_across * units_down

    def lacks_scans(self, has_end: bool) -> bool:
        """Whether what was sent is less than the image."""
        for left in self.bits_left.values():
            # the lowest frequency is in every image; others may be left out, if the file says where it ends
            if left[0] < 0 or max(left) > 0 or (not has_end and min(left) < 0):
                return True
        return False


def may_lack_scans(image: Image.Image, data: bytes) -> bool:
    """Whether an image is a JPEG of several scans, or with restart markers; most are neither."""
    if image.format not in ("JPEG", "MPO"):
        return False
    return bool(image.info.get("progressive")) or _TELLS_INTERVAL in data


def lacks_scans(data: bytes) -> bool:
    """Whether scans of a JPEG are missing, or parts of one between two restart markers."""
    frame: _Frame | None = None
    interval = 0
    has_end = False
    for kind, body, restarts in _segments(data):
        if kind in _FRAMES:
            frame = _frame(kind, body)
        elif kind == _RESTART_INTERVAL:
            interval = struct.unpack_from(">H", body)[0]
        elif kind == _SCAN and frame is not None:
            names = _note_scan(frame, body)
            # a height of 0 is told behind the scan
            if (
                interval
                and frame.height
                and restarts < math.ceil(frame.units(names) / interval) - 1
            ):
                return True
        elif kind == _END:
            has_end = True
    return frame is not None and frame.lacks_scans(has_end)


def _segments(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Kind and content of each segment up to the end marker, and the number of restart markers behind it."""
    # behind the two bytes that every JPEG begins with
    place = 2
    while (found := _MARKER.search(data, place)) is not None:
        kind = found[1][0]
        place = found.end()
        body = b""
        if kind not in _WITHOUT_LENGTH:
            if place + 2 > len(data):
                return
            length = struct.unpack_from(">H", data, place)[0]
            body = data[place + 2 : place + length]
            # the length counts its own two bytes; one that says less would never lead on
            place += max(2, length)
        restarts = 0
        # a scan's data have no length: they end at the next marker that is no restart
        while kind == _SCAN and (found := _MARKER.search(data, place)) is not None:
            if found[1][0] not in _RESTARTS:
                break
            restarts += 1
            place = found.end()
        yield kind, body, restarts
        if kind == _END:
            return


def _frame(kind: int, body: bytes) -> _Frame:
    height, width, count = struct.unpack_from(">xHHB", body)
    components = {}
    for number in range(count):
        name, sampling = struct.unpack_from(">BB", body, 6 + 3 * number)
        components[name] = _Component(sampling >> 4, sampling & 15)
    return _Frame(kind == _PROGRESSIVE, width, height, components)


def _note_scan(frame: _Frame, body: bytes) -> list[int]:
    """Note what a scan sends; the components that it is of."""
    count = body[0]
    # each component has two bytes: its name, and its tables
    names = [name for name in body[1 : 1 + 2 * count : 2] if name in frame.components]
    # a baseline scan has all coefficients with all of their bits
    first, last, bits = 0, _COEFFICIENTS - 1, 0
    if frame.progressive:
        first, last, bits = struct.unpack_from(">BBB", body, 1 + 2 * count)
    for name in names:
        for coefficient in range(first, min(last, _COEFFICIENTS - 1) + 1):
            frame.bits_left[name][coefficient] = bits & 15
    return names
