"""Whether OGG, MPEG-PS and MPEG-TS data end within a page or packet."""

from dataclasses import dataclass, field

__all__ = ["TransportEnd", "ends_within_ogg_page", "ends_within_program_stream", "transport_end"]

OGG_LAST_PAGE = 0x04
PACK, PROGRAM_END = b"\x00\x00\x01\xba", b"\x00\x00\x01\xb9"
TS_BYTES, TS_STRIDES, SYNCS = 188, (188, 192, 204), 8


def ends_within_ogg_page(tail: bytes) -> str | None:
    """How OGG data end, where not with the mark of their end.

    Args:
        tail: the last bytes of the file, more than a page has.

    Returns:
        A clause for people; None for a whole file, and where something else comes after the last page.
    """
    page = tail.rfind(b"OggS")
    if page < 0:
        return None
    lengths = page + 27
    count = tail[lengths - 1] if lengths <= len(tail) else 0
    end = lengths + count + sum(tail[lengths : lengths + count])
    if lengths + count > len(tail) or end > len(tail):
        return "it ends within a page"
    return None if tail[page + 5] & OGG_LAST_PAGE or end < len(tail) else "its last page is not marked as the last"


def ends_within_program_stream(tail: bytes) -> bool:
    """Whether the packets of an MPEG program stream go on beyond its end.

    Args:
        tail: the last bytes of the file.

    Returns:
        False also where something else comes after the packets.
    """
    place = tail.find(PACK)
    while 0 <= place < len(tail):
        head = tail[place : place + 14]
        if len(head) < 6:
            return head.startswith(b"\x00\x00\x01") or head == b"\x00\x00"
        if head.startswith(PROGRAM_END):
            place += 4
        elif head.startswith(PACK):
            is_mpeg2 = head[4] >> 6 == 1
            place += (14 + (head[13] & 7) if len(head) > 13 else 14) if is_mpeg2 else 12
        elif head.startswith(b"\x00\x00\x01") and head[3] > 0xBA:
            place += 6 + int.from_bytes(head[4:6], "big")
        else:
            place = tail.find(PACK, place + 1)
    return place > len(tail)


@dataclass
class TransportEnd:
    """How an MPEG transport stream ends.

    Attributes:
        torn: whether it ends within a packet of 188 bytes, or within a packet of a stream that states its length.
        may_go_on: streams (PID) whose last packet has no length, and is not filled up as a last one nearly always is.
    """

    torn: bool = False
    may_go_on: set[int] = field(default_factory=set)


def transport_end(tail: bytes, pids: set[int]) -> TransportEnd:
    """How an MPEG transport stream ends.

    Args:
        tail: the last bytes of the file.
        pids: the streams that are read.

    Returns:
        See there; all is well where the data are no packets.
    """
    for stride in TS_STRIDES:
        for left in range(1, min(stride, len(tail) // SYNCS) + 1):
            first = len(tail) - left
            if all(tail[first - i * stride] == 0x47 for i in range(SYNCS) if first >= i * stride):
                if left < TS_BYTES:
                    return TransportEnd(torn=True)
                return _streams_end([tail[p : p + TS_BYTES] for p in range(first % stride, first + 1, stride)], pids)
    return TransportEnd()


def _streams_end(packets: list[bytes], pids: set[int]) -> TransportEnd:
    left: dict[int, int | None] = {}  # bytes of a stream's packet that are still to come; None: it has no length
    filled: dict[int, bool] = {}
    for packet in packets:
        pid, has_field, has_payload = (packet[1] & 0x1F) << 8 | packet[2], packet[3] & 0x20, packet[3] & 0x10
        if pid not in pids or not has_payload or packet[0] != 0x47:
            continue
        payload = packet[5 + packet[4] if has_field else 4 :]
        if packet[1] & 0x40 and payload[:3] == b"\x00\x00\x01":
            length = int.from_bytes(payload[4:6], "big")
            left[pid] = 6 + length if length else None
        remaining = left.get(pid)
        if remaining is not None:
            left[pid] = remaining - len(payload)
        filled[pid] = bool(has_field) and _is_filled_up(packet)
    torn = any(remaining is not None and remaining > 0 for remaining in left.values())
    return TransportEnd(torn, {pid for pid, is_filled in filled.items() if not is_filled and left.get(pid) is None})


def _is_filled_up(packet: bytes) -> bool:
    """Whether the adaptation field of a packet is longer than what it holds."""
    length, flags = packet[4], packet[5]
    if not length or not flags:
        return True
    held = 1 + 6 * bool(flags & 0x10) + 6 * bool(flags & 0x08) + bool(flags & 0x04)  # clock, original clock, splice
    return length > held and not flags & 0x03  # private data and extensions have lengths of their own
