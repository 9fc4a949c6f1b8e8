"""Pairs of pictures that show the same moment: one of the reaction, one of the content."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.core.time_grid import Grid
from evoked.media.decode import Picture, play
from evoked.media.images import grey
from evoked.media.probe import no_picture, probe
from evoked.reactions.alignment.offset_map import OffsetMap, Segment, exact, exact_rate

Stack = NDArray[np.float32]
MARGIN_S = 0.5  # kept from the ends of a segment, which are good to a fraction of a second
LONGEST = 6  # segments that are looked at: each costs a pass through both files


@dataclass(frozen=True, eq=False)
class Moments:
    """Grey pictures of the same moments, what never changes taken off.

    Attributes:
        reaction: float32, shape (moments, height, width): each picture less the mean of all.
        content: float32, shape (moments, height, width): the same, at the content's own shape.
        scale: (x, y): reaction pixels to one pixel of `reaction`.
    """

    reaction: Stack
    content: Stack
    scale: tuple[float, float]


def moments(reaction: Path, content: Path, offsets: OffsetMap, count: int, width: int) -> Moments:
    """Look at `count` moments spread over what is covered, at `width` pixels across.

    Only what changes from moment to moment tells where the film is: the viewer's wall does not. So the
    mean over the moments is taken off both.

    Raises:
        MediaError and its kin: if a picture cannot be had.
    """
    size, across = _small(reaction, width), _small(content, width)
    ours, theirs = [], []
    for reaction_grid, content_grid in _grids(offsets, count):
        ours += [_look(p, size) for p in _pictures(reaction, reaction_grid)]
        theirs += [_look(p, across) for p in _pictures(content, content_grid)]
    media = probe(reaction)
    assert media.picture is not None  # _small has seen it
    scale = (media.picture.width / size[0], media.picture.height / size[1])
    return Moments(_changes(ours), _changes(theirs), scale)


def _grids(offsets: OffsetMap, count: int) -> Iterator[tuple[Grid, Grid]]:
    """For each of the longest segments, instants on the reaction's time and the same on the content's."""
    long = sorted(offsets.segments, key=_length, reverse=True)[:LONGEST]
    whole = sum(_length(s) for s in long)
    for segment in sorted(long, key=lambda s: s.content_start_s):
        steps = max(1, round(count * _length(segment) / whole))
        inner = max(_length(segment) - 2 * MARGIN_S, _length(segment) / 2)
        edge = (_length(segment) - inner) / 2
        rate = 1 / max(exact(inner / steps), Fraction(1, 1000))
        # In the middle of its share, so that a single moment is the segment's middle
        first = edge + inner / steps / 2
        yield (
            Grid(rate / exact_rate(segment.rate), steps, exact(segment.reaction_time(segment.content_start_s + first))),
            Grid(rate, steps, exact(segment.content_start_s + first)),
        )


def _length(segment: Segment) -> float:
    return segment.content_end_s - segment.content_start_s


def _pictures(path: Path, grid: Grid) -> Iterator[Picture]:
    for item in play(path, pictures=grid):
        assert isinstance(item, Picture)
        yield item


def _small(path: Path, width: int) -> tuple[int, int]:
    """The size of a file's picture at this width or narrower."""
    media = probe(path)
    if media.picture is None:
        raise no_picture(path)
    shrink = min(1.0, width / media.picture.width)
    return max(8, round(media.picture.width * shrink)), max(8, round(media.picture.height * shrink))


def _look(picture: Picture, size: tuple[int, int]) -> Stack:
    return grey(picture.rgb(size)).astype(np.float32)


def _changes(pictures: list[Stack]) -> Stack:
    stack = np.stack(pictures)
    stack -= stack.mean(axis=0)
    return stack
