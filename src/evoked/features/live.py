"""A content that is still being played, described second by second: the rows that its finished file would have."""

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
"""Sound that is so far behind the picture is over: what is still to come of it is not waited for."""


@dataclass(frozen=True, eq=False)
class Second:
    """One second of a content.

    Attributes:
        step: which one, from 0.
        rows: modality → float16 (1, D), zeros where there is nothing; as feature files keep them.
        came_s: when its last piece came, on time.monotonic's clock.
    """

    step: int
    rows: dict[str, NDArray[np.float16]]
    came_s: float


class LiveRows:
    """Describes what is played, as soon as a second's picture and sound have come.

    Second t is known when the first frame after t and the sound up to t + 1 have come: the picture's part of
    it is then a second old. Rows equal those of the finished file; where the sound ends more than OVER_S before the
    picture, the second in which it ends may lack the last half second of it.

    Args:
        extractor: made with batch=1.
        playing: what is played, with sound at 16 kHz.
    """

    def __init__(self, extractor: Extractor, playing: LiveReader) -> None:
        self._extractor, self._playing = extractor, playing
        self._shown: list[dict[str, NDArray[np.float32]]] = []  # seconds whose picture has come, in order
        self._heard: list[NDArray[np.float32]] = []  # seconds whose sound has come, in order
        self._given, self._came_s = 0, time.monotonic()
        self._over = not playing.has_sound
        self._before: tuple[int, dict[str, NDArray[np.float32]]] | None = None
        self._silent = np.zeros(0, dtype=np.float32)

    def __iter__(self) -> Iterator[Second]:
        patches = self._extractor.patches()
        for item in self._playing:
            self._came_s = time.monotonic()
            if isinstance(item, VideoFrame):
                self._shown.append(self._seen(item))
            elif isinstance(item, AudioChunk) and not self._over:
                self._hear(list(patches.take(item)))
            seen_s, heard_s = self._playing.reached_s
            if not self._over and seen_s > heard_s + OVER_S:
                self._over = True
                self._hear(list(patches.end()))
            yield from self._ready()
        if not self._over:
            self._hear(list(patches.end()))
        self._over = True
        yield from self._ready()  # what was waited for came before the end was known: _came_s stands

    def _seen(self, picture: VideoFrame) -> dict[str, NDArray[np.float32]]:
        if self._before is not None and self._before[0] == picture.index:
            return self._before[1]
        images, faces, _ = self._extractor.rows(1)
        square, search = self._extractor.scaled(picture, *self._playing.size)
        images.take(0, 0, square)
        found = faces.look(picture, search)
        faces.rows[0, : found.size] = found.reshape(-1)
        rows = {"image": images.end(), "face": faces.rows}
        self._before = (picture.index, rows)
        return rows

    def _hear(self, patches: list[NDArray[np.float32]]) -> None:
        _, _, sounds = self._extractor.rows(0)
        self._heard += [sounds.row(patch) for patch in patches]

    def _ready(self) -> Iterator[Second]:
        while self._shown and (self._heard or self._over):
            step, self._given = self._given, self._given + 1
            seen = self._shown.pop(0)
            sound = self._heard.pop(0) if self._heard else None
            rows = seen | {"audio": self._sound_row(step, sound)}
            yield Second(step, {name: values.astype(np.float16) for name, values in rows.items()}, self._came_s)

    def _sound_row(self, step: int, sound: NDArray[np.float32] | None) -> NDArray[np.float32]:
        """(1, D); zeros where the sound has not begun or is over."""
        first, last = self._playing.sound_start_s, self._playing.reached_s[1]
        if sound is None or not (step + 1 > first and step < last):
            if not len(self._silent):
                self._silent = np.zeros(self._extractor.rows(0)[2].rows.shape[1], dtype=np.float32)
            return self._silent[None]
        return sound[None]
