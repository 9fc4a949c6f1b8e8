"""The first bytes of a media file and its outermost structure, read when the file is opened anyway."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

__all__ = ["FileHeader", "header_from", "header_of", "sha256_with_header"]

HEAD_BYTES = 1 << 16
MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
SEGMENT = b"\x18\x53\x80\x67"
OPEN_SIZE = 0xFFFF_0000
"""A size that a recorder writes which cannot go back to fill it in is above this, or 0."""
PIPED_SIZE = 0x7FFF_F000
"""What SoX writes there into a pipe."""
MATROSKA, ASF = b"\x1a\x45\xdf\xa3", bytes.fromhex("3026b2758e66cf11")


@dataclass(frozen=True)
class FileHeader:
    """What the structure of a file says without its packets.

    Attributes:
        head: its first bytes.
        size: of the file in bytes.
        boxes: type and first byte of each top-level box, where it is an MP4 or MOV.
        boxes_end: where the last of these ends by its own statement; beyond `size` where the file was cut off.
        structure_end: where the last RIFF chunk or the Matroska segment ends by its own statement; 0 where it is of
            another format, or a size was left open.
        riff_end, after_riff: where the first RIFF chunk ends, where it is one, and the four bytes there.
    """

    head: bytes
    size: int
    boxes: tuple[tuple[bytes, int], ...]
    boxes_end: int
    riff_end: int
    after_riff: bytes
    structure_end: int = 0

    @property
    def has_signature(self) -> bool:
        """Whether the first bytes alone say which container it is: MP4, MOV, Matroska, WebM, AVI, WAV or ASF."""
        return self.head[4:8] in MP4_BOXES or self.head.startswith((MATROSKA, ASF, b"RIFF"))


_HEADERS: dict[tuple[Path, int, int], FileHeader] = {}
"""Headers that were read, by path, size and time of change; the oldest goes where there are MAX_HEADERS."""
MAX_HEADERS = 16


def sha256_with_header(path: Path) -> str:
    """The sha256 of a file, 64 hex digits; its header is kept, so that `probe` need not open it for that again.

    Raises:
        OSError: if it cannot be read.
    """
    key = _header_key(path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        _keep_header(key, _read_header(file, key[1]))
    return digest


def header_of(path: Path) -> FileHeader:
    """The header of a file, read once as long as the file does not change."""
    key = _header_key(path)
    if (header := _HEADERS.get(key)) is None:
        with path.open("rb") as file:
            header = _keep_header(key, _read_header(file, key[1]))
    return header


def header_from(path: Path, file: BinaryIO) -> FileHeader:
    """The header of a file that is open; it is kept for `header_of`.

    Args:
        path: where it is.
        file: the open file; its position changes.

    Returns:
        The header.
    """
    key = _header_key(path)
    return _HEADERS.get(key) or _keep_header(key, _read_header(file, key[1]))


def _header_key(path: Path) -> tuple[Path, int, int]:
    state = path.stat()
    return path, state.st_size, state.st_mtime_ns


def _keep_header(key: tuple[Path, int, int], header: FileHeader) -> FileHeader:
    while len(_HEADERS) >= MAX_HEADERS:
        _HEADERS.pop(next(iter(_HEADERS)), None)
    _HEADERS[key] = header
    return header


def _read_header(file: BinaryIO, size: int) -> FileHeader:
    file.seek(0)
    head = file.read(HEAD_BYTES)
    is_mp4 = head[4:8] in MP4_BOXES
    boxes = tuple(_boxes(file, size)) if is_mp4 else ()
    riff_end, after, end = 0, b"", 0
    if head[:4] == b"RIFF":
        riff_end = 8 + int.from_bytes(head[4:8], "little")
        file.seek(riff_end)
        after = file.read(4)
        end = _riff_chunks_end(file, size)
    elif head.startswith(MATROSKA):
        end = _segment_end(head)
    starts, boxes_end = tuple((kind, start) for kind, start, _ in boxes), boxes[-1][2] if boxes else 0
    return FileHeader(head, size, starts, boxes_end, riff_end, after, end)


def _riff_chunks_end(file: BinaryIO, length: int) -> int:
    """Where the last of a file's RIFF chunks ends (an AVI above 1 GB has several); 0 where a size was left open."""
    end = 0
    while end + 8 <= length:
        file.seek(end)
        header = file.read(8)
        size = int.from_bytes(header[4:], "little")
        if header[:4] != b"RIFF":
            break
        if size in (0, PIPED_SIZE) or size >= OPEN_SIZE:
            return 0
        end += 8 + size + size % 2
    return end


def _segment_end(head: bytes) -> int:
    """Where the segment of a Matroska or WebM file ends; 0 where its size was left open."""
    start = head.find(SEGMENT) + 4
    if start < 4 or start + 8 > len(head) or not head[start]:
        return 0
    width = 9 - head[start].bit_length()
    unknown = (1 << 7 * width) - 1
    size = int.from_bytes(head[start : start + width], "big") & unknown
    return start + width + size if 0 < size < unknown else 0


def _boxes(file: BinaryIO, length: int) -> Iterator[tuple[bytes, int, int]]:
    """The type, the first byte and the end of each top-level box; ends where they are damaged."""
    place = 0
    while place + 8 <= length:
        file.seek(place)
        header = file.read(16)
        size = int.from_bytes(header[:4], "big")
        if size == 1:
            size = int.from_bytes(header[8:16], "big")
        yield header[4:8], place, place + size if size else length
        if size < 8:  # up to the end of the file, or damaged
            return
        place += size
    if place < length:
        file.seek(place)
        rest = file.read(length - place)
        if any(rest):
            yield rest[4:8], place, place + 8
