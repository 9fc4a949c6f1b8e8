"""Files that end within a packet, page, frame or box: they were cut off, also where they state no duration.

Every format has a unit whose length is written in front of it (OGG pages and MPEG-TS streams also say where they
end); the last unit of a file that was cut off is longer than what is left of it. A cut exactly between two units
is only seen where the format marks its end.
"""

from collections.abc import Callable
from contextlib import suppress

import av

from evoked.core.damage import Damage
from evoked.media.audio_frames import FRAME_LENGTHS, has_torn_frame
from evoked.media.container import READ_ERRORS, StreamSource, open_container
from evoked.media.file_header import header_of
from evoked.media.packet_ends import ends_within_ogg_page, ends_within_program_stream, transport_end

__all__ = ["torn_end"]

TAIL_BYTES = 1 << 18
CLUSTER_TAIL_BYTES = 1 << 24
"""A Matroska cluster is looked for in so many bytes."""
RIFF_HEADER = 8
"""Some writers count the header of a RIFF chunk in its length: so many bytes less are no damage."""
MATROSKA_SEGMENT, MATROSKA_CLUSTER = b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75"
LAST_S = (2, 15, 120)
"""Seconds before the end from which the last frame is decoded: the least that holds a key frame."""


def torn_end(source: StreamSource) -> Damage | None:
    """The entry for a file that ends within a unit of its format; None for any other.

    Args:
        source: an open file; its position stays.

    Returns:
        Damage of kind "cut_off", or None.
    """
    name = source.container.format.name
    if not source.path.is_file():
        return None
    check = _CHECKS.get(name)
    unit = check(source) if check is not None else None
    if unit is None:
        return None
    return Damage("cut_off", f"cut off: {unit}; what followed is missing")


def _tail(source: StreamSource, most: int = TAIL_BYTES) -> bytes:
    with source.path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(size - most, 0))
        return file.read(most)


def _mp4(source: StreamSource) -> str | None:
    header = header_of(source.path)
    missing = header.boxes_end - header.size
    if missing > 0:
        return f"its last box ({_letters(header.boxes[-1][0])}) has {missing} bytes less than it states"
    return "its last fragment has an index (moof) and no media" if header.boxes[-1][0] == b"moof" else None


def _letters(box: bytes) -> str:
    return "".join(chr(byte) if 32 < byte < 127 else "?" for byte in box)


def _riff(source: StreamSource) -> str | None:
    header = header_of(source.path)
    missing = (
        header.structure_end - header.size - header.riff_end % 2
    )  # a last chunk of odd length may lack its padding
    if missing <= 0 or missing == RIFF_HEADER:
        return None
    return f"it has {missing} byte{'s' if missing > 1 else ''} less than it states"


def _matroska(source: StreamSource) -> str | None:
    header = header_of(source.path)
    segment = header.head.find(MATROSKA_SEGMENT)
    if segment < 0:
        return None
    size, body = _element_size(header.head, segment + 4)
    if size is not None:
        missing = body + size - header.size
        return f"it has {missing} bytes less than it states" if missing > 0 else None
    data = _tail(source, CLUSTER_TAIL_BYTES)
    cluster = data.rfind(MATROSKA_CLUSTER)
    if cluster < 0:
        return None
    size, place = _element_size(data, cluster + 4)
    if size is None:  # a cluster of a live stream: of unknown length
        while place < len(data):
            width = 9 - data[place].bit_length()
            size, body = _element_size(data, place + width)
            if size is None:
                return "it ends within a block"
            place = body + size
        return "it ends within a block" if place > len(data) else None
    return "it ends within a cluster" if place + size > len(data) else None


def _element_size(data: bytes, place: int) -> tuple[int | None, int]:
    """The length of an EBML element whose length begins at a byte (None: unknown or cut off), and where its body is."""
    if place >= len(data):
        return None, place
    width = 9 - data[place].bit_length()
    field = data[place : place + width]
    if width > 8 or len(field) < width:
        return None, place + width
    size = int.from_bytes(field, "big") & ((1 << 7 * width) - 1)
    return None if size == (1 << 7 * width) - 1 else size, place + width


def _flash(source: StreamSource) -> str | None:
    with source.path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(size - 4, 0))
        length = int.from_bytes(file.read(4), "big")  # of the tag before it
        file.seek(max(size - 4 - length, 0))
        tag = file.read(4)
    is_whole = 11 <= length <= size and int.from_bytes(tag[1:4], "big") == length - 11
    return None if is_whole or size < 32 else "it ends within a tag"


def _ogg(source: StreamSource) -> str | None:
    return ends_within_ogg_page(_tail(source))


def _program_stream(source: StreamSource) -> str | None:
    if ends_within_program_stream(_tail(source)):
        return "it ends within a packet"
    return "its last frame is not complete" if source.picture and not _last_frame_decodes(source) else None


def _transport_stream(source: StreamSource) -> str | None:
    end = transport_end(_tail(source), {stream.id for stream in source.streams})
    if end.torn:
        return "it ends within a packet"
    if source.picture is not None and source.picture.id in end.may_go_on and not _last_frame_decodes(source):
        return "its last frame is not complete"
    return None


def _audio_frames(source: StreamSource) -> str | None:
    read_length = FRAME_LENGTHS[source.container.format.name]
    return "it ends within a frame" if has_torn_frame(_tail(source), read_length) else None


def _last_frame_decodes(source: StreamSource) -> bool:
    """Whether the last packet of the video is decoded without an error; True where that cannot be tried."""
    with suppress(*READ_ERRORS), open_container(source.path) as again:
        start, duration = again.container.start_time or 0, again.container.duration or 0
        for back_s in LAST_S:
            with suppress(*READ_ERRORS):
                again.container.seek(max(start, start + duration - back_s * av.time_base))
            decoded = _decode_strictly(again)
            if decoded is not None:
                return decoded
    return True


def _decode_strictly(source: StreamSource) -> bool | None:
    """Whether the last packet of the video decodes, from here on; None where there is no key frame."""
    context = av.CodecContext.create(source.video.codec_context.name, "r")
    assert isinstance(context, av.VideoCodecContext)
    context.extradata = source.video.codec_context.extradata
    context.options = {"err_detect": "explode"}
    context.thread_count = 1
    begun, is_good = False, None
    for packet in source.container.demux(source.video):
        begun = begun or packet.is_keyframe
        if not packet.size or not begun:
            continue
        try:
            context.decode(packet)
            is_good = True
        except av.error.FFmpegError:
            is_good = False
    return is_good


_CHECKS: dict[str, Callable[[StreamSource], str | None]] = {
    "mov,mp4,m4a,3gp,3g2,mj2": _mp4,
    "wav": _riff,
    "avi": _riff,
    "matroska,webm": _matroska,
    "flv": _flash,
    "live_flv": _flash,
    "ogg": _ogg,
    "mpeg": _program_stream,
    "mpegts": _transport_stream,
    **dict.fromkeys(FRAME_LENGTHS, _audio_frames),
}
