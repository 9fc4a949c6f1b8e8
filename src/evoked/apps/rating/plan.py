"""Draw which spans of which viewers are rated, and with which probability each was drawn."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.apps.rating.config import PlanConfig
from evoked.core.errors import DatasetError, StudyError
from evoked.core.names import original_name
from evoked.core.study_layout import MEDIA, StudyLayout
from evoked.core.tables import read_provenance, read_table
from evoked.core.time_grid import ANNOTATION_FPS
from evoked.reactions.viewers.measures import BOX_COLUMNS, MEASURE_COLUMNS

__all__ = ["PlannedClip", "draw_clips", "inclusion_probabilities", "read_candidates", "systematic_sample"]

_EVEN_SHARE = 0.2
"""Part of the draw by score that is uniform: every clip can be drawn, no weight is above 5 times the even one."""
_MARGIN = 0.5
"""Of a face's box, added at each side: hair, chin, hands."""


@dataclass(frozen=True)
class PlannedClip:
    """A span of a viewer that is rated.

    Attributes:
        video: file name of the recording.
        viewer: name in its annotation.
        start_s, end_s: half open, whole seconds of the recording.
        probability: with which it was drawn, in (0, 1].
        box: x, y, width, height of what is shown: the viewer's face during the span with a margin, pixels of the
            recording as it is shown upright.
        others: boxes of the other viewers during the span, who are blurred.
        turned: degrees clockwise by which the annotation turned the recording.
        scores: mean machine score of each expression.
    """

    video: str
    viewer: str
    start_s: int
    end_s: int
    probability: float
    box: tuple[int, int, int, int]
    others: tuple[tuple[int, int, int, int], ...] = ()
    turned: int = 0
    scores: tuple[float, ...] = ()


def read_candidates(study: Path, config: PlanConfig) -> tuple[tuple[str, ...], list[PlannedClip]]:
    """Every span that can be rated: no two of a viewer overlap.

    Args:
        study: folder of a study whose recordings are annotated, with the boxes of the faces.
        config: length of a span, and how much of it the viewer must be visible.

    Returns:
        The annotation's expressions, and the spans in order of recording, viewer and time; probability 1.

    Raises:
        StudyError: if there are no annotations, they have no boxes, or no viewer is visible for so long.
        DatasetError: if an annotation cannot be read.
    """
    layout = StudyLayout(study)
    recordings = [p.name for p in sorted(layout.reactions_folder.glob("*")) if p.suffix.lower() in MEDIA]
    tables = sorted(layout.annotations_folder.glob("*.parquet"))
    if not tables:
        raise StudyError(f"{study} has no annotations in {layout.annotations_folder}: run evoked run {study} first")
    names: tuple[str, ...] = ()
    candidates: list[PlannedClip] = []
    for path in tables:
        video = original_name(path.name.removesuffix(".parquet"), recordings)
        if video not in recordings:
            continue  # of a recording that is gone
        columns = read_table(path, required=("viewer", "time_s", "valid"))
        own = tuple(n for n in columns if n not in {"viewer", "time_s", "valid"} | MEASURE_COLUMNS)
        if names and own != names:
            raise DatasetError(f"{path} scores {', '.join(own)}, the others {', '.join(names)}: annotate all again")
        names = own
        if not set(BOX_COLUMNS) <= set(columns):
            raise StudyError(
                f'{path} has no boxes of faces, by which clips are cropped: set columns = ["scores", "box"] in the '
                f"section [annotate] of {layout.settings_toml}, then run evoked run {study}"
            )
        candidates += _spans(video, columns, names, config, _turned(path))
    if not candidates:
        raise StudyError(f"in {study} no viewer is visible for {config.seconds} s: there is nothing to rate")
    return names, candidates


def _turned(path: Path) -> int:
    """By how many degrees the annotation says that it turned the recording."""
    for entry in (read_provenance(path) or {}).get("damage", ()):
        if entry.get("kind") == "turned" and (found := re.search(r"turned by (\d+)", str(entry.get("text")))):
            return int(found[1])
    return 0


def _spans(
    video: str, columns: dict[str, list], names: tuple[str, ...], config: PlanConfig, turned: int
) -> list[PlannedClip]:
    viewers = np.array(columns["viewer"])
    frames = int(config.seconds * ANNOTATION_FPS)
    of_viewer = {}
    for viewer in dict.fromkeys(viewers.tolist()):
        rows = viewers == viewer
        valid = np.array(columns["valid"], dtype=np.bool_)[rows]
        boxes = np.array([[np.nan if v is None else v for v in columns[n]] for n in BOX_COLUMNS], np.float64).T[rows]
        scores = np.array([[np.nan if v is None else v for v in columns[n]] for n in names], np.float64).T[rows]
        of_viewer[str(viewer)] = (valid, boxes, scores)
    spans = []
    for viewer, (valid, boxes, scores) in of_viewer.items():
        for first in range(0, len(valid) - frames + 1, frames):
            shown = slice(first, first + frames)
            seen = valid[shown]
            if seen.mean() < config.min_visible:
                continue
            others = [
                _union(b[shown][v[shown]]) for name, (v, b, _) in of_viewer.items() if name != viewer and v[shown].any()
            ]
            start = first // int(ANNOTATION_FPS)
            mean = tuple(float(s) for s in scores[shown][seen].mean(axis=0))
            box = _union(boxes[shown][seen], _MARGIN)
            spans.append(
                PlannedClip(video, viewer, start, start + config.seconds, 1.0, box, tuple(others), turned, mean)
            )
    return spans


def _union(boxes: NDArray[np.float64], margin: float = 0.0) -> tuple[int, int, int, int]:
    """The rectangle around all boxes, larger by a share of the largest box at each side."""
    extra = boxes[:, 2:].max() * margin
    left, top = boxes[:, 0].min() - extra, boxes[:, 1].min() - extra
    right, bottom = (boxes[:, 0] + boxes[:, 2]).max() + extra, (boxes[:, 1] + boxes[:, 3]).max() + extra
    return int(np.floor(left)), int(np.floor(top)), int(np.ceil(right - left)), int(np.ceil(bottom - top))


def draw_clips(candidates: Sequence[PlannedClip], config: PlanConfig) -> list[PlannedClip]:
    """Draw clips; the same seed draws the same.

    Args:
        candidates: as `read_candidates` gives them.
        config: how many, and by which rule.

    Returns:
        The clips with their probabilities, in the order in which they are handed out, which is random.
    """
    random = np.random.default_rng(config.seed)
    scores = np.array([clip.scores for clip in candidates], dtype=np.float64)
    sizes = _sizes(scores, config.sample)
    videos = np.array([clip.video for clip in candidates])
    names = sorted(set(videos.tolist()))
    probability = np.zeros(len(candidates))
    if config.per_video is not None or config.sample == "balanced":
        shares = _shares([int((videos == name).sum()) for name in names], config)
        for name, share in zip(names, shares, strict=True):
            probability[videos == name] = inclusion_probabilities(sizes[videos == name], share)
    else:
        probability = inclusion_probabilities(sizes, config.clips)
    drawn = np.flatnonzero(systematic_sample(probability, videos, random))
    return [replace(candidates[i], probability=float(probability[i])) for i in random.permutation(drawn)]


def _sizes(scores: NDArray[np.float64], sample: str) -> NDArray[np.float64]:
    """What a candidate's probability is proportional to, shape (n,); a part is the same for all."""
    count = len(scores)
    even = np.full(count, 1 / count)
    if sample == "uniform":
        return even
    wanted = scores * (1 - scores) if sample == "uncertain" else scores**2
    total = wanted.sum(axis=0)
    by_expression = np.divide(wanted, total, out=np.repeat(even[:, None], scores.shape[1], axis=1), where=total > 0)
    sizes: NDArray[np.float64] = _EVEN_SHARE * even + (1 - _EVEN_SHARE) * by_expression.mean(axis=1)
    return sizes


def _shares(available: Sequence[int], config: PlanConfig) -> list[float]:
    """How many clips of each recording are drawn: as many of each as possible."""
    if config.per_video is not None:
        return [float(min(config.per_video, count)) for count in available]
    ones = np.ones(len(available))
    shares = inclusion_probabilities(ones, config.clips, np.array(available, dtype=np.float64))
    return [float(share) for share in shares]


def inclusion_probabilities(
    sizes: NDArray[np.float64], count: float, limits: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Probabilities proportional to sizes, none above its limit, that sum to a count.

    Args:
        sizes: shape (n,), above zero.
        count: their sum; where the limits allow less, it is that.
        limits: shape (n,), what each may be at most; None: 1.

    Returns:
        Shape (n,), in (0, limit].
    """
    most = np.ones(len(sizes)) if limits is None else limits
    values, open_ = np.zeros(len(sizes)), np.ones(len(sizes), dtype=np.bool_)
    while open_.any():
        left = count - values[~open_].sum()
        values[open_] = sizes[open_] / sizes[open_].sum() * left
        over = open_ & (values >= most)
        if not over.any():
            break
        values[over], open_ = most[over], open_ & ~over
    return values


def systematic_sample(
    probability: NDArray[np.float64], group: NDArray, random: np.random.Generator
) -> NDArray[np.bool_]:
    """Draw each item with its probability, and as many of each group as these sum to (rounded up or down).

    Args:
        probability: shape (n,), in [0, 1].
        group: shape (n,), such as the recording.
        random: of the order within a group, and of the start.

    Returns:
        Shape (n,), which are drawn.

    Source: Madow 1949, Annals of Mathematical Statistics 20:333-354.
    """
    order = np.lexsort((random.permutation(len(probability)), group))
    ends = np.cumsum(probability[order]) + random.random()
    before = np.concatenate([[ends[0] - probability[order[0]]], ends[:-1]])
    drawn = np.zeros(len(probability), dtype=np.bool_)
    drawn[order] = np.floor(ends + 1e-9) > np.floor(before + 1e-9)
    return drawn
