"""The duration that a file states of itself, to recognise one that was cut off."""

import struct
from fractions import Fraction

import av

from evoked.core.damage import Damage
from evoked.media.container import StreamSource, time_base_of
from evoked.media.file_header import MATROSKA, OPEN_SIZE, PIPED_SIZE, header_of

__all__ = ["has_one_clock", "joined_files", "stated_end_s", "surplus_bytes"]

TAIL_BYTES = 4096
TAGS = (b"TAG", b"ID3", b"LYRICS", b"APETAGEX")
SEGMENT_INFO, DURATION, TIMESTAMP_SCALE = b"\x15\x49\xa9\x66", b"\x44\x89", b"\x2a\xd7\xb1"
MP4 = "mov,mp4,m4a,3gp,3g2,mj2"
ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
FLASH_DURATION = b"\x00\x08duration\x00"
STREAMS_STATE = {"aiff", "w64", "flac", "caf", MP4}


def stated_end_s(source: StreamSource) -> Fraction | None:
    """When the file says that it ends, in seconds on its clock; None where it does not say so.

    libav also estimates durations (of MPEG-TS from its last packets, of MP3 from its bit rate); these state nothing.
    """
    name = source.container.format.name
    start_s = Fraction(source.container.start_time or 0, av.time_base) - source.zero
    if name == "matroska,webm":
        duration_s = _matroska_duration_s(header_of(source.path).head)
        return None if duration_s is None else duration_s - source.zero
    if name in ("wav", "avi", "asf"):  # libav gives what is left of these
        read = {"wav": _wave_duration_s, "avi": _avi_duration_s, "asf": _asf_duration_s}[name]
        return read(header_of(source.path).head)
    if name in ("flv", "live_flv"):
        duration_s = _flash_duration_s(header_of(source.path).head)
        return None if duration_s is None else duration_s + start_s
    if name in STREAMS_STATE or (name == "mp3" and _has_xing(header_of(source.path).head)):
        streams = [s for s in (source.picture, source.sound) if s is not None and s.duration]
        return max((source.start_s(s) + s.duration * time_base_of(s) for s in streams if s.duration), default=None)
    return None


def has_one_clock(source: StreamSource) -> bool:
    """Whether one index covers the complete file, so that its clock cannot break: MP4 and MOV without fragments."""
    if source.container.format.name != MP4:
        return False
    return source.path.is_file() and all(box_type != b"moof" for box_type, _ in header_of(source.path).boxes)


def joined_files(source: StreamSource) -> Damage | None:
    """The entry for a file behind which another was put, where libav reads the first alone: MP4 and WAV."""
    name, second = source.container.format.name, None
    if name == "wav":
        header = header_of(source.path)
        second = header.riff_end if header.after_riff == b"RIFF" else None
    elif has_one_clock(source):
        places = [place for box, place in header_of(source.path).boxes if box == b"ftyp"]
        second = places[1] if len(places) > 1 else None
    if second is None:
        return None
    return Damage("joined", f"joined: another file begins at byte {second} of it and is left out. Split them first")


def surplus_bytes(source: StreamSource) -> Damage | None:
    """The entry for a file that holds more bytes than its outermost structure states; None for any other.

    Bytes that were inserted in its middle may leave everything readable, in another place.
    """
    if not source.path.is_file():
        return None
    header = header_of(source.path)
    surplus = header.size - header.structure_end
    if not header.structure_end or surplus <= 1:  # a chunk of odd length may be padded
        return None
    with source.path.open("rb") as file:
        file.seek(header.structure_end)
        tail = file.read(TAIL_BYTES)
    if tail.startswith((b"RIFF", MATROSKA)):  # another file: told by its own entry, or by a clock restart
        return None
    if tail.startswith(TAGS) or not any(tail):
        return None
    text = f"damaged: it holds {surplus} bytes more than the {header.structure_end} that it states"
    return Damage("too_long", text)


def _wave_duration_s(head: bytes) -> Fraction | None:
    """What the header of a WAV states: bytes of samples over bytes per second; None where it was left open."""
    settings, data = head.find(b"fmt "), head.find(b"data")
    if settings < 0 or data < settings or data + 8 > len(head):
        return None
    per_second = int.from_bytes(head[settings + 16 : settings + 20], "little")
    size = int.from_bytes(head[data + 4 : data + 8], "little")
    is_open = size in (0, PIPED_SIZE) or size >= OPEN_SIZE
    return None if is_open or not per_second else Fraction(size, per_second)


def _avi_duration_s(head: bytes) -> Fraction | None:
    """What the main header of an AVI states: microseconds per frame times frames."""
    place = head.find(b"avih") + 8
    if place < 8 or place + 20 > len(head):
        return None
    frame_us, frames = (int.from_bytes(head[at : at + 4], "little") for at in (place, place + 16))
    return Fraction(frame_us * frames, 1_000_000) or None


def _asf_duration_s(head: bytes) -> Fraction | None:
    """The play duration of the file properties of an ASF, less the time for which a player buffers."""
    place = head.find(ASF_PROPERTIES)
    if place < 0 or place + 88 > len(head):
        return None
    play, preroll = (int.from_bytes(head[place + at : place + at + 8], "little") for at in (64, 80))
    duration_s = Fraction(play, 10_000_000) - Fraction(preroll, 1000)
    return duration_s if duration_s > 0 else None


def _flash_duration_s(head: bytes) -> Fraction | None:
    """The duration in the metadata of an FLV; None where it was left open, for which libav estimates one."""
    place = head.find(FLASH_DURATION) + len(FLASH_DURATION)
    if place < len(FLASH_DURATION) or place + 8 > len(head):
        return None
    (value,) = struct.unpack(">d", head[place : place + 8])
    return Fraction(value) if 0 < value < 1e9 else None


def _has_xing(head: bytes) -> bool:
    """Whether the first frame of an MP3 states how many there are."""
    return b"Xing" in head or b"Info" in head


def _matroska_duration_s(head: bytes) -> Fraction | None:
    """The Duration element of the segment information, of the first bytes of a Matroska or WebM file."""
    info = head.find(SEGMENT_INFO)
    while info >= 0:  # the table of contents before it names it, too
        body = _body(head, info + len(SEGMENT_INFO))
        elements = _elements(body)
        ticks = elements.get(DURATION, b"")
        if len(ticks) in (4, 8):
            (value,) = struct.unpack(">f" if len(ticks) == 4 else ">d", ticks)
            scale = int.from_bytes(elements.get(TIMESTAMP_SCALE, b""), "big") or 1_000_000
            return Fraction(value) * scale / 1_000_000_000 if 0 < value < 1e15 else None
        info = head.find(SEGMENT_INFO, info + 1)
    return None


def _body(data: bytes, size_at: int) -> bytes:
    """What an EBML element holds whose size begins at a byte; nothing where it is damaged."""
    if size_at >= len(data):
        return b""
    width = 9 - data[size_at].bit_length()
    size = int.from_bytes(data[size_at : size_at + width], "big") & ((1 << 7 * width) - 1)
    return data[size_at + width : size_at + width + size] if width <= 8 else b""


def _elements(data: bytes) -> dict[bytes, bytes]:
    """The child elements of an EBML element by their identifiers; ends where they are damaged."""
    elements: dict[bytes, bytes] = {}
    place = 0
    while place < len(data):
        id_width = 9 - data[place].bit_length()
        size_at = place + id_width
        if id_width > 4 or size_at >= len(data):
            break
        size_width = 9 - data[size_at].bit_length()
        if size_width > 8:
            break
        body = _body(data, size_at)
        elements[data[place:size_at]] = body
        place = size_at + size_width + len(body)
    return elements
