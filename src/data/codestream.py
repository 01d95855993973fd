"""Reads the size that a compressed image states in its own header, before a decoder reserves memory for it."""

_SOI, _SOC = b"\xff\xd8", b"\xff\x4f\xff\x51"
# every start of frame of JPEG and JPEG-LS but the four markers in between that mean something else
_FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
_STANDALONE = {0x01, *range(0xD0, 0xD8)}


def codestream_size(data: bytes) -> tuple[int, int] | None:
    """Return height and width of a JPEG, JPEG-LS or JPEG 2000 codestream; None where its header names none."""
    start = data.find(_SOC, 0, 4096)
    if start >= 0 and not data.startswith(_SOI):
        # SIZ: marker, length, capabilities, width and height of the grid, and its offsets
        right, bottom, left, top = (_big(data[start + at : start + at + 4]) for at in (8, 12, 16, 20))
        return bottom - top, right - left
    at = 2
    while data.startswith(_SOI) and at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _FRAMES:
            return _big(data[at + 5 : at + 7]), _big(data[at + 7 : at + 9])
        # fill bytes and standalone markers have no length
        at += 1 if marker == 0xFF else 2 if marker in _STANDALONE else 2 + _big(data[at + 2 : at + 4])
    return None


def _big(data: bytes) -> int:
    return int.from_bytes(data, "big")
