"""Cut the clips that raters see: exactly the span, cropped to the viewer, other viewers blurred; each is made once."""

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.core.files import canonical
from evoked.core.time_grid import TimeGrid
from evoked.media.decode import AudioChunk, read_media
from evoked.media.images import resize
from evoked.media.probe import no_video_error, probe
from evoked.media.write import VideoWriter
from evoked.reactions.viewers.preview import blur_face

__all__ = ["ClipCache", "ClipSource", "cut_clip"]

MAX_RATE = Fraction(30)
SOUND_HZ = 44100
LONGEST_SIDE = 480  # pixels of what is shown; the faces of webcam recordings are 100 to 250 wide
_CUTS_AT_ONCE = 2
_VERSION = 1


@dataclass(frozen=True)
class ClipSource:
    """What a clip is cut from.

    Attributes:
        video: the recording.
        start_s, end_s: half open, seconds of the recording.
        box: x, y, width, height of what is shown, pixels of the upright recording; it may reach beyond the picture.
        others: boxes of the other viewers, who are blurred.
        turned: degrees clockwise by which the recording is turned beyond what its file states.
    """

    video: Path
    start_s: int
    end_s: int
    box: tuple[int, int, int, int]
    others: Sequence[tuple[int, int, int, int]] = ()
    turned: int = 0


def cut_clip(source: ClipSource, out: Path) -> None:
    """Cut a clip: H.264 and AAC in MP4, which every browser plays.

    Its first frame is the one that the recording shows at `start_s`, its last the one shown a frame before `end_s`. The
    frame rate is the recording's on average, 30 at most. Sound is kept, as one channel.

    Args:
        source: what it is cut from.
        out: the file to write; complete, or absent after an error.

    Raises:
        MediaError or a subclass: if the recording cannot be used.
        OutputError: if the clip cannot be written.
    """
    media = probe(source.video).turned(source.turned)
    if media.picture is None:
        raise no_video_error(source.video)
    rate = min(MAX_RATE, media.picture.average_rate or MAX_RATE)
    steps = max(1, round((source.end_s - source.start_s) * rate))
    frames = TimeGrid(rate, steps, Fraction(source.start_s))
    hz = SOUND_HZ if media.sound else None
    crop = _inside(source.box, (media.picture.width, media.picture.height))
    size = _shown_size(crop)
    first, last = source.start_s * SOUND_HZ, source.end_s * SOUND_HZ
    position, pictures = 0, 0
    with VideoWriter(out, size, rate, hz, preset="veryfast") as writer:
        for item in read_media(source.video, frames=frames, audio_hz=hz, media=media):
            if isinstance(item, AudioChunk):
                part = item.samples[max(0, first - position) : max(0, last - position)]
                position += len(item.samples)
                if len(part):
                    writer.sound(part)
            else:
                writer.picture(_shown(item.rgb(), crop, source.others, size))
                pictures += 1
            if pictures == steps and (hz is None or position >= last):
                break


def _inside(box: Sequence[int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the part of a box that is in the picture; the whole picture where none is."""
    left, top = max(0, box[0]), max(0, box[1])
    right, bottom = min(size[0], box[0] + box[2]), min(size[1], box[1] + box[3])
    return (left, top, right, bottom) if right - left > 1 and bottom - top > 1 else (0, 0, *size)


def _shown_size(crop: tuple[int, int, int, int]) -> tuple[int, int]:
    width, height = crop[2] - crop[0], crop[3] - crop[1]
    scale = min(1.0, LONGEST_SIDE / max(width, height))
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def _shown(
    rgb: NDArray[np.uint8],
    crop: tuple[int, int, int, int],
    others: Sequence[Sequence[int]],
    size: tuple[int, int],
) -> NDArray[np.uint8]:
    if others:
        rgb = rgb.copy()
        for box in others:
            blur_face(rgb, np.array(box, dtype=np.float32))
    return resize(np.ascontiguousarray(rgb[crop[1] : crop[3], crop[0] : crop[2]]), size)


class ClipCache:
    """Clips by what they are cut from; several threads may ask at once.

    Args:
        folder: where they are kept; it can be deleted at any time.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()
        self._cuts = threading.Semaphore(_CUTS_AT_ONCE)

    def file(self, source: ClipSource) -> Path:
        """The file of a clip, cut now if it was not before; raises as `cut_clip`, and OSError without the recording."""
        key = self._key(source)
        path = self.folder / f"{key}.mp4"
        with self._guard:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if not path.is_file():
                with self._cuts:
                    cut_clip(source, path)
        return path

    def _key(self, source: ClipSource) -> str:
        """From the recording's name, size and time of change, the span and the crop."""
        state = source.video.stat()
        what = [_VERSION, source.video.name, state.st_size, state.st_mtime_ns, source.start_s, source.end_s]
        text = canonical([*what, list(source.box), [list(box) for box in source.others], source.turned])
        return hashlib.sha256(text.encode()).hexdigest()[:32]
