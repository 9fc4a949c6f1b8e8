"""How other packets depend on an H.264 or HEVC packet, read from the headers of its NAL units.

Sources: ITU-T H.264 7.3.1 (nal_ref_idc, nal_unit_type), ITU-T H.265 7.3.1.2 and table 7-1.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from av import Packet

__all__ = ["PacketKind", "packet_kind_reader"]

H264_SLICES, H264_IDR, H264_PARAMETERS = {1, 2, 3, 4, 5}, 5, {7, 8, 13, 15}
HEVC_SLICES, HEVC_IDR, HEVC_PARAMETERS = set(range(32)), {19, 20}, {32, 33, 34}
HEVC_UNREFERENCED = {0, 2, 4, 6, 8, 10, 12, 14}
"""Not referenced within its own temporal layer, and so not at all in the highest layer."""


@dataclass(frozen=True)
class PacketKind:
    """How other packets depend on a packet.

    Attributes:
        unreferenced: no other frame needs it (of its temporal layer and below).
        starts_anew: an IDR picture: nothing after it refers to anything before it.
        carries_settings: parameter sets for later packets.
        layer: temporal layer; always 0 in H.264.
    """

    unreferenced: bool = False
    starts_anew: bool = False
    carries_settings: bool = False
    layer: int = 0


def packet_kind_reader(codec: str, extradata: bytes | None) -> Callable[[Packet], PacketKind] | None:
    """A function that reads the kind of a packet of this codec.

    Args:
        codec: libav's name, "h264" or "hevc".
        extradata: the stream's; an avcC or hvcC box where NAL units have lengths, else start codes.

    Returns:
        The function; None for other codecs.
    """
    if codec not in ("h264", "hevc"):
        return None
    box = extradata or b""
    length_at, box_min = (21, 23) if codec == "hevc" else (4, 7)
    width = (box[length_at] & 3) + 1 if len(box) >= box_min and box[0] == 1 else 0
    read = _h264 if codec == "h264" else _hevc

    def kind_of(packet: Packet) -> PacketKind:
        data = memoryview(packet)
        return read(_by_length(data, width) if width else _by_start_code(data))

    return kind_of


def _h264(headers: Iterator[tuple[int, int]]) -> PacketKind:
    slices, unreferenced, is_idr, settings = 0, True, False, False
    for first, _ in headers:
        unit_type = first & 31
        if unit_type in H264_SLICES:
            slices += 1
            unreferenced = unreferenced and unit_type == 1 and not first & 0x60  # nal_ref_idc
            is_idr = is_idr or unit_type == H264_IDR
        settings = settings or unit_type in H264_PARAMETERS
    return PacketKind(bool(slices) and unreferenced and not settings, is_idr, settings)


def _hevc(headers: Iterator[tuple[int, int]]) -> PacketKind:
    slices, unreferenced, is_idr, settings, layer = 0, True, False, False, 0
    for first, second in headers:
        unit_type = first >> 1 & 63
        if unit_type in HEVC_SLICES:
            slices += 1
            layer = max(layer, (second & 7) - 1)
            unreferenced = unreferenced and unit_type in HEVC_UNREFERENCED
            is_idr = is_idr or unit_type in HEVC_IDR
        settings = settings or unit_type in HEVC_PARAMETERS
    return PacketKind(bool(slices) and unreferenced and not settings, is_idr, settings, layer)


def _by_length(data: memoryview, width: int) -> Iterator[tuple[int, int]]:
    """The first two bytes of each NAL unit, where they are prefixed by their length."""
    at, size = 0, len(data)
    while at + width + 1 < size:
        length = int.from_bytes(data[at : at + width], "big")
        yield data[at + width], data[at + width + 1]
        at += width + length


def _by_start_code(data: memoryview) -> Iterator[tuple[int, int]]:
    """The first two bytes of each NAL unit where they are separated by 00 00 01."""
    raw = bytes(data)
    at = raw.find(b"\0\0\1")
    while 0 <= at < len(raw) - 4:
        yield raw[at + 3], raw[at + 4]
        at = raw.find(b"\0\0\1", at + 3)
