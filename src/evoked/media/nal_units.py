"""What an H.264 or HEVC packet is to other packets, read from the headers of its NAL units.

Sources: ITU-T H.264 7.3.1 (nal_ref_idc, nal_unit_type), ITU-T H.265 7.3.1.2 and table 7-1.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["PacketKind", "packet_kind_reader"]

H264_SLICES, H264_IDR, H264_PARAMETERS = {1, 2, 3, 4, 5}, 5, {7, 8, 13, 15}
HEVC_SLICES, HEVC_IDR, HEVC_PARAMETERS = set(range(32)), {19, 20}, {32, 33, 34}
HEVC_UNREFERENCED = {0, 2, 4, 6, 8, 10, 12, 14}
"""Not used by others of its own temporal layer, and so by nobody in the highest layer."""


@dataclass(frozen=True)
class PacketKind:
    """What a packet is to other packets.

    Attributes:
        unreferenced: no other frame needs it (of its temporal layer and below).
        starts_anew: an IDR picture: nothing after it refers to anything before it.
        carries_settings: parameter sets for packets to come.
        layer: temporal layer; always 0 in H.264.
    """

    unreferenced: bool = False
    starts_anew: bool = False
    carries_settings: bool = False
    layer: int = 0


def packet_kind_reader(codec: str, extradata: bytes | None) -> Callable[[Any], PacketKind] | None:
    """A function from packet to Nature for this codec; None for codecs that it cannot be read of.

    Args:
        codec: libav's name, "h264" or "hevc".
        extradata: the stream's; an avcC or hvcC box where NAL units have lengths, else start codes.
    """
    if codec not in ("h264", "hevc"):
        return None
    box = extradata or b""
    at, least = (21, 23) if codec == "hevc" else (4, 7)
    width = (box[at] & 3) + 1 if len(box) >= least and box[0] == 1 else 0
    read = _h264 if codec == "h264" else _hevc

    def nature(packet: Any) -> PacketKind:
        data = memoryview(packet)
        return read(_by_length(data, width) if width else _by_start_code(data))

    return nature


def _h264(headers: Iterator[tuple[int, int]]) -> PacketKind:
    slices, idle, anew, settings = 0, True, False, False
    for first, _ in headers:
        kind = first & 31
        if kind in H264_SLICES:
            slices += 1
            idle = idle and kind == 1 and not first & 0x60  # nal_ref_idc
            anew = anew or kind == H264_IDR
        settings = settings or kind in H264_PARAMETERS
    return PacketKind(bool(slices) and idle and not settings, anew, settings)


def _hevc(headers: Iterator[tuple[int, int]]) -> PacketKind:
    slices, idle, anew, settings, layer = 0, True, False, False, 0
    for first, second in headers:
        kind = first >> 1 & 63
        if kind in HEVC_SLICES:
            slices += 1
            layer = max(layer, (second & 7) - 1)
            idle = idle and kind in HEVC_UNREFERENCED
            anew = anew or kind in HEVC_IDR
        settings = settings or kind in HEVC_PARAMETERS
    return PacketKind(bool(slices) and idle and not settings, anew, settings, layer)


def _by_length(data: memoryview, width: int) -> Iterator[tuple[int, int]]:
    """The first two bytes of each NAL unit that has its length in front."""
    at, size = 0, len(data)
    while at + width + 1 < size:
        length = int.from_bytes(data[at : at + width], "big")
        yield data[at + width], data[at + width + 1]
        at += width + length


def _by_start_code(data: memoryview) -> Iterator[tuple[int, int]]:
    """The first two bytes of each NAL unit after 00 00 01."""
    raw = bytes(data)
    at = raw.find(b"\0\0\1")
    while 0 <= at < len(raw) - 4:
        yield raw[at + 3], raw[at + 4]
        at = raw.find(b"\0\0\1", at + 3)
