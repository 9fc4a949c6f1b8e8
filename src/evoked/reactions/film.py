"""Which faces of a reaction are the film's own (spec §1: those in the content's rectangle are no viewers).

At each tick that the offset map covers, the film's picture of that moment is laid beside the reaction's:
a face is the film's if the film shows the same there. Where the film stands still or cannot be aligned
the place decides: on the film, and nothing else lying on top of it.
"""

from collections.abc import Iterator
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.core.timeline import Grid
from evoked.media.play import Picture, play, play_ahead
from evoked.reactions.film_view import FilmView
from evoked.reactions.offsets import OffsetMap, Segment, exact
from evoked.reactions.votes import TICKS_PER_S
from evoked.reactions.window import Window, WindowConfig, find_window


class Film:
    """The film inside one reaction; asked tick by tick, from first to last.

    Args:
        content: the film's file.
        offsets: where it stands in the reaction.
        window: where it is shown there.
    """

    def __init__(self, content: Path, offsets: OffsetMap, window: Window) -> None:
        self.window = window
        self._view = FilmView(window)
        self._moments = _moments(content, offsets)
        self._next: tuple[int, Picture] | None = next(self._moments, None)
        self._shown: tuple[int, NDArray[np.uint8]] | None = None

    def owns(self, picture: Picture, rgb: NDArray[np.uint8], box: NDArray[np.float32]) -> bool:
        """Whether a face of the reaction's picture is the film's own.

        Args:
            picture: a tick of the reaction at 6 Hz; ticks must come in order, and may be left out.
            rgb: its pixels.
            box: x, y, width, height of the face there.
        """
        x, y = float(box[0] + box[2] / 2), float(box[1] + box[3] / 2)
        if not self.window.holds(x, y):
            return False
        film = self._at(picture.step)
        told = None if film is None else self._view.owns(box, rgb, film)
        return not self.window.covered(x, y) if told is None else told

    def _at(self, step: int) -> NDArray[np.uint8] | None:
        """The film's picture at a step of the reaction; None where it is not aligned."""
        while self._next is not None and self._next[0] < step:
            self._next = next(self._moments, None)
        if self._next is None or self._next[0] != step:
            return None
        if self._shown is None or self._shown[0] != step:
            self._shown = (step, self._next[1].rgb())
        return self._shown[1]


def film_of(reaction: Path, content: Path, offsets: OffsetMap, config: WindowConfig | None = None) -> Film | None:
    """Find the film in a reaction; None where it cannot be seen there, only heard.

    Raises:
        MediaError and its kin: if one of the two has no picture that can be decoded.
    """
    window = find_window(reaction, content, offsets, config)
    return Film(content, offsets, window) if window else None


def _moments(content: Path, offsets: OffsetMap) -> Iterator[tuple[int, Picture]]:
    """(step of the reaction at 6 Hz, the film's picture at that moment), in order, where it is covered."""
    for segment in offsets.segments:
        first, grid = _ticks(segment)
        for picture in play_ahead(play(content, pictures=grid)):
            assert isinstance(picture, Picture)
            yield first + picture.step, picture


def _ticks(segment: Segment) -> tuple[int, Grid]:
    """The first step of the reaction in a segment, and the moments of the content that its ticks show."""
    start, end = exact(segment.reaction_start_s), exact(segment.reaction_end_s)
    first, last = ceil(start * TICKS_PER_S), ceil(end * TICKS_PER_S)
    at = first / TICKS_PER_S - start + exact(segment.content_start_s)
    return first, Grid(TICKS_PER_S, max(0, last - first), Fraction(at))
