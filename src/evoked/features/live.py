"""Features of a content during playback, second by second; the rows equal those of the finished file."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evoked.features.extract import Extractor
from evoked.media.decode import AudioChunk, VideoFrame
from evoked.media.live import LiveReader

__all__ = ["LiveRows", "Second"]

OVER_S = 5.0
"""Seconds the audio may lag behind the video before it counts as ended and is no longer waited for."""


@dataclass(frozen=True, eq=False)
class Second:
    """Features of one second of a content.

    Attributes:
        step: the second, from 0.
        rows: modality → float16 (1, D), zeros where not valid, as in feature files.
        came_s: time at which its last data arrived, on time.monotonic's clock.
    """

    step: int
    rows: dict[str, NDArray[np.float16]]
    came_s: float


class LiveRows:
    """Computes the features of each second as soon as its video frame and audio have arrived.

    Second t is complete when the first frame after t and the audio up to t + 1 have arrived; its frame is then a second
    old. Rows equal those of the finished file; if the audio ends more than OVER_S before the video, the second in
    which it ends may lack up to half a second of it.

    Args:
        extractor: opened with batch=1.
        reader: of the content, with audio at 16 kHz.
    """

    def __init__(self, extractor: Extractor, reader: LiveReader) -> None:
        self._extractor, self._reader = extractor, reader
        self._shown: list[dict[str, NDArray[np.float32]]] = []  # seconds whose frame has arrived, in order
        self._heard: list[NDArray[np.float32]] = []  # seconds whose audio has arrived, in order
        self._next, self._came_s = 0, time.monotonic()
        self._over = not reader.has_sound
        self._before: tuple[int, dict[str, NDArray[np.float32]]] | None = None
        self._silent = np.zeros(0, dtype=np.float32)

    def __iter__(self) -> Iterator[Second]:
        patches = self._extractor.patches()
        for item in self._reader:
            self._came_s = time.monotonic()
            if isinstance(item, VideoFrame):
                self._shown.append(self._seen(item))
            elif isinstance(item, AudioChunk) and not self._over:
                self._hear(list(patches.take(item)))
            seen_s, heard_s = self._reader.reached_s
            if not self._over and seen_s > heard_s + OVER_S:
                self._over = True
                self._hear(list(patches.end()))
            yield from self._ready()
        if not self._over:
            self._hear(list(patches.end()))
        self._over = True
        yield from self._ready()  # its data arrived before the end was known: _came_s stays

    def _seen(self, picture: VideoFrame) -> dict[str, NDArray[np.float32]]:
        if self._before is not None and self._before[0] == picture.index:
            return self._before[1]
        images, faces, _ = self._extractor.rows(1)
        square, search = self._extractor.scaled(picture, *self._reader.size)
        images.take(0, 0, square)
        described = faces.describe(picture, search)
        faces.rows[0, : described.size] = described.reshape(-1)
        rows = {"image": images.end(), "face": faces.rows}
        self._before = (picture.index, rows)
        return rows

    def _hear(self, patches: list[NDArray[np.float32]]) -> None:
        _, _, sounds = self._extractor.rows(0)
        self._heard += [sounds.row(patch) for patch in patches]

    def _ready(self) -> Iterator[Second]:
        while self._shown and (self._heard or self._over):
            step, self._next = self._next, self._next + 1
            seen = self._shown.pop(0)
            sound = self._heard.pop(0) if self._heard else None
            rows = seen | {"audio": self._sound_row(step, sound)}
            yield Second(step, {name: values.astype(np.float16) for name, values in rows.items()}, self._came_s)

    def _sound_row(self, step: int, sound: NDArray[np.float32] | None) -> NDArray[np.float32]:
        """(1, D); zeros where the audio has not begun or has ended."""
        first, last = self._reader.sound_start_s, self._reader.reached_s[1]
        if sound is None or not (step + 1 > first and step < last):
            if not len(self._silent):
                self._silent = np.zeros(self._extractor.rows(0)[2].rows.shape[1], dtype=np.float32)
            return self._silent[None]
        return sound[None]
