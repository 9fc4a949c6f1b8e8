"""Check a trained recogniser on moving faces: whether its score follows a face that changes, and how late.

The faces are those of the training clips, put together into sequences that change every few seconds. A recogniser of
stills must do within a sequence what it does with each face alone: its score of a frame from the 3 s before it is
compared with its score of that frame shown for 3 s. Ratings of moving clips describe 3 s as a whole, so their
recogniser is compared with its score of the clip that a frame belongs to, and may be later.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evoked.core.text_table import MISSING, text_table
from evoked.core.time_grid import ANNOTATION_FPS
from evoked.learning.recognition.descriptor_windows import window_scores
from evoked.learning.recognition.training_clips import ClipDataset, is_still
from evoked.metrics.correlation import pearson
from evoked.model.recognition import RecognitionConfig, RecognitionForward

__all__ = [
    "LIMITS",
    "FollowedExpression",
    "MovingCheck",
    "check_on_moving_faces",
    "moving_table",
    "response_s",
]

Rows = NDArray[np.float32]
Scores = NDArray[np.float64]

LIMITS = {"stills": (0.8, 0.5), "clips": (0.6, 2.0)}
"""Least correlation and largest lag, s, by what most clips are. A rating of a clip holds for 3 s: the score that it
teaches lies 1.5 s behind and takes 3 s to change, which is no step."""
SEQUENCES, SEGMENTS, PAIRS = 12, 8, 48
HOLD = (3, 24)
"""Frames for which a still is shown in a sequence, shortest and longest: 0.5 to 4 s."""
RAMP, NOISE = 2, 0.1
"""Frames that a change from a still takes at most; noise of its frames, in standard deviations of each column."""
LEAST_EFFECT = 0.02
"""A change of face that changes the mean score by less has no time of response."""


@dataclass(frozen=True)
class FollowedExpression:
    """How the score of one expression follows faces that change.

    Attributes:
        name: the expression.
        correlation: Spearman's rank correlation with the score of single frames (or clips) at the best lag; None where
            a score is constant.
        lag_s: that lag.
        rise_s, fall_s: from a change of face until half of its effect, coming on and going off; None where there is
            none.
        passed: within the limits; None where no clip, or every clip, shows it, so that nothing can be checked.
    """

    name: str
    correlation: float | None
    lag_s: float | None
    rise_s: float | None
    fall_s: float | None
    passed: bool | None


@dataclass(frozen=True)
class MovingCheck:
    """The check of all expressions.

    Attributes:
        source: "stills" or "clips", what most of the clips are.
        least_correlation: with the score of single frames or clips.
        limit_s: largest lag; from stills also the largest response, from clips the largest mean of both responses.
        rows: the expressions.
    """

    source: str
    least_correlation: float
    limit_s: float
    rows: tuple[FollowedExpression, ...]

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the expressions whose score does not follow."""
        return tuple(row.name for row in self.rows if row.passed is False)

    @property
    def notes(self) -> tuple[str, ...]:
        """A line on those, and one on those that could not be checked."""
        unchecked = [row.name for row in self.rows if row.passed is None]
        lines = []
        if self.failed:
            lines.append(
                f"failed the check on moving faces: {', '.join(self.failed)}: a rank correlation of "
                f"{self.least_correlation:g} and a lag of {self.limit_s:g} s at most are needed; annotate and run "
                "refuse these without --allow-unvalidated"
            )
        if unchecked:
            lines.append(f"not checked on moving faces: {', '.join(unchecked)} (no clips to change between)")
        return tuple(lines)

    def as_dict(self) -> dict[str, object]:
        """Plain JSON values, for `Recognition.moving_faces`."""
        rows: Mapping[str, object] = {
            row.name: {
                "correlation": row.correlation,
                "lag_s": row.lag_s,
                "rise_s": row.rise_s,
                "fall_s": row.fall_s,
                "passed": row.passed,
            }
            for row in self.rows
        }
        return {
            "source": self.source,
            "limit_s": self.limit_s,
            "least_correlation": self.least_correlation,
            "expressions": rows,
        }


def check_on_moving_faces(
    clips: ClipDataset, shape: RecognitionConfig, arrays: dict[str, Rows], seed: int
) -> MovingCheck:
    """Check every expression.

    Args:
        clips: the training clips.
        shape: the network's shape.
        arrays: its weights, by name.
        seed: of the sequences.

    Returns:
        The figures, and whether they are within the limits.
    """
    source = "stills" if clips.mostly_stills else "clips"
    least, limit_s = LIMITS[source]
    forward, alone = RecognitionForward(shape, arrays), window_scores(shape, arrays, clips.rows)
    rows = []
    for k, name in enumerate(clips.expressions):
        shows, lacks = np.flatnonzero(clips.labels[:, k] > 0.5), np.flatnonzero(clips.labels[:, k] <= 0.5)
        if not len(shows) or not len(lacks):
            rows.append(FollowedExpression(name, None, None, None, None, None))
            continue
        random = np.random.default_rng([seed, 4, k])
        correlation, lag_s = _correlation(_Sequences(clips, forward, alone, k).draw(shows, lacks, random))
        pairs = random.choice(lacks, PAIRS), random.choice(shows, PAIRS)
        before, after = (np.stack([_window(clips.rows[i], shape.ticks) for i in side]) for side in pairs)
        rise_s, fall_s = response_s(forward, k, before, after), response_s(forward, k, after, before)
        responses = [response for response in (rise_s, fall_s) if response is not None]
        late = max(responses, default=0.0) if source == "stills" else float(np.mean(responses or [0.0]))
        passed = correlation is not None and correlation >= least and max(lag_s, late) <= limit_s
        rows.append(FollowedExpression(name, correlation, lag_s, rise_s, fall_s, passed))
    return MovingCheck(source, least, limit_s, tuple(rows))


class _Sequences:
    """Sequences of faces that change, with the network's score of one expression and what it is compared with.

    Args:
        clips: whose faces are shown.
        forward: the network.
        alone: (n, K) its score of each clip alone.
        expression: index of the expression.
    """

    def __init__(self, clips: ClipDataset, forward: RecognitionForward, alone: Scores, expression: int) -> None:
        self._clips, self._forward, self._alone, self._k = clips, forward, alone, expression
        self._noise = NOISE * np.stack([rows[-1] for rows in clips.rows]).std(axis=0)

    def draw(
        self, shows: NDArray[np.int64], lacks: NDArray[np.int64], random: np.random.Generator
    ) -> list[tuple[Scores, Scores]]:
        """Sequences of clips that show the expression and of clips that do not, each by lot.

        Returns:
            Per sequence its scores and those of its frames, or clips, alone; both (T,).
        """
        sequences = []
        for _ in range(SEQUENCES):
            parts: list[Rows] = []
            references: list[Scores] = []
            for _ in range(SEGMENTS):
                clip = int(random.choice(shows if random.random() < 0.5 else lacks))
                rows, reference = self._segment(clip, parts[-1][-1] if parts else None, random)
                parts.append(rows)
                references.append(reference)
            scores = self._forward(np.concatenate(parts))[:, self._k]
            sequences.append((scores.astype(np.float64), np.concatenate(references)))
        return sequences

    def _segment(self, clip: int, last: Rows | None, random: np.random.Generator) -> tuple[Rows, Scores]:
        """Frames of a segment and the score of each alone."""
        rows = self._clips.rows[clip]
        if not is_still(rows):
            return rows, np.full(len(rows), self._alone[clip, self._k])
        frames = int(random.integers(HOLD[0], HOLD[1] + 1))
        shown = np.repeat(rows[:1], frames, axis=0)
        ramp = int(random.integers(0, RAMP + 1))
        if last is not None:
            for step in range(ramp):
                shown[step] += (last - rows[0]) * (ramp - step) / (ramp + 1)
        shown = (shown + self._noise * random.standard_normal(shown.shape)).astype(np.float32)
        windows = np.repeat(shown[:, None], self._forward.config.ticks, axis=1)
        return shown, self._forward.windows(windows)[:, self._k].astype(np.float64)


def _correlation(sequences: Sequence[tuple[Scores, Scores]]) -> tuple[float | None, float]:
    """Rank correlation of scores with their references at the best lag, over all sequences together; and the lag, s."""
    by_lag = []
    for lag in range(int(3 * ANNOTATION_FPS)):
        scores = np.concatenate([score[lag:] for score, _ in sequences])
        references = np.concatenate([reference[: len(reference) - lag] for _, reference in sequences])
        by_lag.append(pearson(_ranks(scores), _ranks(references)))
    if np.isnan(by_lag).all():
        return None, 0.0
    best = int(np.nanargmax(by_lag))
    return by_lag[best], float(best / ANNOTATION_FPS)


def _ranks(values: Scores) -> Scores:
    """Ranks, those of equal values their mean."""
    _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[index])


def response_s(forward: RecognitionForward, expression: int, before: Rows, after: Rows) -> float | None:
    """Seconds after a change until half of its effect on the mean score is there.

    Args:
        forward: the network.
        expression: index of the expression.
        before, after: (n, ticks, D) windows; each changes into the other of the same number.

    Returns:
        The time, between frames by linear interpolation; None where the change has next to no effect.
    """
    ticks = forward.config.ticks
    both = np.concatenate([before, after], axis=1)
    effect = np.array(
        [forward.windows(both[:, held : held + ticks])[:, expression].mean() for held in range(ticks + 1)]
    )
    if abs(effect[-1] - effect[0]) < LEAST_EFFECT:
        return None
    share = (effect - effect[0]) / (effect[-1] - effect[0])
    first = int(np.argmax(share >= 0.5))
    frames = first - (share[first] - 0.5) / (share[first] - share[first - 1])
    return float(frames / ANNOTATION_FPS)


def _window(rows: Rows, ticks: int) -> Rows:
    """The end of a clip, padded with its first row."""
    taken = rows[-ticks:]
    return np.concatenate([np.repeat(taken[:1], ticks - len(taken), axis=0), taken])


def moving_table(moving_faces: Mapping[str, Any]) -> str:
    """The check, as `MovingCheck.as_dict` gives it, as text for a terminal."""
    words = {True: "passed", False: "FAILED", None: "not checked"}
    lines = [("moving faces", "correlation", "lag, s", "rise, s", "fall, s", "")]
    for name, row in moving_faces["expressions"].items():
        correlation, lag, rise, fall = (
            MISSING if row[key] is None else f"{row[key]:.2f}" for key in ("correlation", "lag_s", "rise_s", "fall_s")
        )
        lines.append((name, correlation, lag, rise, fall, words[row["passed"]]))
    alone = "single frames" if moving_faces["source"] == "stills" else "single clips"
    legend = (
        f"Sequences of the training faces: rank correlation with the score of {alone} at the best lag; seconds from a\n"
        f"change of face until half of its effect. Limits: {moving_faces['least_correlation']:g}, "
        f"{moving_faces['limit_s']:g} s."
    )
    return f"{text_table(lines, left=(0, 5))}\n{legend}"
