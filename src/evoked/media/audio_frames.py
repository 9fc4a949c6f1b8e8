"""Frames of raw audio streams (MP3, ADTS, AC-3, E-AC-3, DTS): lengths, and whether the first and last are whole."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

__all__ = ["FRAME_LENGTHS", "bytes_from_before", "has_torn_frame"]

HEADER_BYTES = 9
CHAIN = 3
"""So many frames, each where the one before it ends, are no coincidence."""
TAGS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3", b"3DI")
MPEG1_KBPS = {
    1: (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    2: (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    3: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
}
"""ISO/IEC 11172-3, by layer; index 0 is free format."""
MPEG2_KBPS = {
    1: (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    2: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    3: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""ISO/IEC 13818-3."""
MPEG_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
"""By the version bits: MPEG-1, MPEG-2, MPEG-2.5."""
AC3_KBPS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)
"""ATSC A/52."""


def _mpeg_length(header: bytes) -> int:
    if header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    rate_index, hz_index, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or layer == 4 or rate_index in (0, 15) or hz_index == 3:
        return 0
    kbps = (MPEG1_KBPS if version == 3 else MPEG2_KBPS)[layer][rate_index - 1]
    hz = MPEG_HZ[version][hz_index]
    if layer == 1:
        return (12000 * kbps // hz + padding) * 4
    return (72000 if layer == 3 and version != 3 else 144000) * kbps // hz + padding


def _adts_length(header: bytes) -> int:
    if header[0] != 0xFF or header[1] & 0xF6 != 0xF0:
        return 0
    length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return length if length > 7 else 0


def _ac3_length(header: bytes) -> int:
    if header[:2] != b"\x0b\x77":
        return 0
    if header[5] >> 3 > 10:  # E-AC-3
        return 2 * ((header[2] & 7) << 8 | header[3]) + 2
    code, size = header[4] >> 6, header[4] & 63
    if code == 3 or size >= 2 * len(AC3_KBPS):
        return 0
    kbps = AC3_KBPS[size >> 1]
    return (4 * kbps, 2 * (320 * kbps // 147 + (size & 1)), 6 * kbps)[code]


def _dts_length(header: bytes) -> int:
    if header[:4] != b"\x7f\xfe\x80\x01":
        return 0
    return ((header[5] & 3) << 12 | header[6] << 4 | header[7] >> 4) + 1


FRAME_LENGTHS: Mapping[str, Callable[[bytes], int]] = MappingProxyType(
    {
        "mp3": _mpeg_length,
        "aac": _adts_length,
        "ac3": _ac3_length,
        "eac3": _ac3_length,
        "dts": _dts_length,
    }
)
"""libav's name of a format → bytes of the frame that a header begins; 0: it is no header."""


def has_torn_frame(tail: bytes, read_length: Callable[[bytes], int]) -> bool:
    """Whether the frames at the end of a file go on beyond it.

    Args:
        tail: the last bytes of the file.
        read_length: bytes of a frame by the first bytes of its header, as in FRAME_LENGTHS.

    Returns:
        False also where there are no such frames, or where something else (tags) comes after them.
    """
    for start in range(max(len(tail) - HEADER_BYTES, 0)):
        place, frames = start, 0
        while place + HEADER_BYTES <= len(tail) and (length := read_length(tail[place : place + HEADER_BYTES])):
            place += length
            frames += 1
        if frames > CHAIN:
            rest = tail[place:]
            return place > len(tail) or (0 < len(rest) < HEADER_BYTES and not rest.startswith(TAGS) and any(rest))
    return False


def bytes_from_before(frame: bytes) -> int:
    """How many bytes of sound a frame of MP3 takes from the frames before it (`main_data_begin`, ISO/IEC 11172-3).

    An encoder has none before the first frame, so that a first frame that takes some is not the first.

    Args:
        frame: its bytes.

    Returns:
        0 also where it is no frame of MPEG audio, layer III.
    """
    if len(frame) < 8 or frame[0] != 0xFF or frame[1] & 0xE6 != 0xE2:
        return 0
    has_checksum, is_mpeg1 = not frame[1] & 1, frame[1] >> 3 & 3 == 3
    side_information = 6 if has_checksum else 4
    bits = int.from_bytes(frame[side_information : side_information + 2], "big")
    return bits >> (7 if is_mpeg1 else 8)
