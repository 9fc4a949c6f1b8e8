"""Labels of contents by people: ratings of spans of recordings, moved onto the content's time and voted on.

A clip of a recording is about the content second under its centre, as the machine's label of a second is about the 3 s
around it (paper, section 3.2). All ratings of a second, of several raters, clips and viewers, vote together.
"""

from collections.abc import Mapping
from fractions import Fraction
from math import floor
from pathlib import Path

import numpy as np

from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.dataset.labels import Labels
from evoked.dataset.ratings import Ratings
from evoked.reactions.alignment.offset_map import OffsetMap

__all__ = ["human_labels"]


def human_labels(
    ratings: Ratings, offsets: Mapping[str, tuple[str, OffsetMap]], seconds: Mapping[str, int]
) -> tuple[dict[str, Labels], tuple[str, ...]]:
    """Vote on the ratings of spans of recordings, second by second of the content.

    Args:
        ratings: of spans (video, start_s, end_s); a line without any mark (cannot tell) is no vote.
        offsets: file name of a recording → its content, and the offset map between the two.
        seconds: content → its length in whole seconds.

    Returns:
        Content → labels: an expression is on where more than half of the votes say so (2 of 3); valid where every
        expression has a vote; `viewers` counts the viewers, `ticks` the ratings of a second, `share` is the share of
        votes. Contents without a rating are left out. And notes on ratings that could not be placed.
    """
    size = {content: (steps, len(ratings.expressions)) for content, steps in seconds.items()}
    yes = {content: np.zeros(shape) for content, shape in size.items()}
    rated = {content: np.zeros(shape) for content, shape in size.items()}
    votes = {content: np.zeros(steps, dtype=np.int64) for content, steps in seconds.items()}
    viewers: dict[tuple[str, int], set[tuple[str, str]]] = {}
    outside: set[int] = set()
    unknown: set[str] = set()
    for clip_index, marks in zip(ratings.clip, ratings.marks, strict=True):
        clip = ratings.clips[clip_index]
        recording = Path(clip.video).name
        if recording not in offsets:
            unknown.add(recording)
            continue
        content, offset_map = offsets[recording]
        time_s = offset_map.content_time((clip.start_s + clip.end_s) / 2)
        second = -1 if time_s is None else floor(time_s + 0.5)
        if content not in seconds or not 0 <= second < seconds[content] or clip.end_s <= clip.start_s:
            outside.add(int(clip_index))
            continue
        known = ~np.isnan(marks)
        yes[content][second] += np.where(known, marks, 0)
        rated[content][second] += known
        votes[content][second] += bool(known.any())
        if known.any():
            viewers.setdefault((content, second), set()).add((recording, clip.viewer))
    labels = {}
    for content, steps in seconds.items():
        if votes[content].any():
            seen = np.array([len(viewers.get((content, second), ())) for second in range(steps)], dtype=np.int64)
            labels[content] = _labels(ratings.expressions, yes[content], rated[content], votes[content], seen)
    notes = []
    if outside:
        notes.append(f"{len(outside)} rated clips lie where their recording shows no second of a content: left out")
    if unknown:
        notes.append(f"rated recordings that are not aligned with a content are left out: {', '.join(sorted(unknown))}")
    return labels, tuple(notes)


def _labels(
    names: tuple[str, ...], yes: np.ndarray, rated: np.ndarray, votes: np.ndarray, viewers: np.ndarray
) -> Labels:
    """Labels of one content from its counts, each of shape (seconds, K) or (seconds,)."""
    grid, valid = TimeGrid(Fraction(1), len(votes)), np.asarray((rated > 0).all(axis=1))
    share = np.divide(yes, rated, out=np.zeros(yes.shape), where=rated > 0)
    on = Track.masked(grid, names, (2 * yes > rated).astype(np.float32), valid)
    return Labels(on, viewers, votes, None, Track.masked(grid, names, share.astype(np.float32), valid))
