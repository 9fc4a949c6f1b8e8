"""Clips drawn by score: weighted precision, recall and prevalence are those of all clips, in simulation."""

import numpy as np
import pytest
from sklearn.metrics import precision_score, recall_score

from evoked.agreement.agreement import agree
from evoked.agreement.machine_scores import MachineScores
from evoked.agreement.paired_clips import AgreeConfig
from evoked.agreement.results import Agreement, AgreementRow
from evoked.dataset.ratings import RatedClip, Ratings

VIDEOS, EACH = 60, 80
CUT = 0.6


def world(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth (3 % are positive), score and video of 4,800 clips."""
    random = np.random.default_rng(seed)
    truth = (random.random(VIDEOS * EACH) < 0.03).astype(np.float32)
    score = np.clip(random.normal(0.35 + 0.35 * truth, 0.15), 0, 1)
    return truth, score, np.repeat(np.arange(VIDEOS), EACH)


def compared(seed: int, *, weighted: bool = True, resamples: int = 1, rare: float = 0.05) -> Agreement:
    """What `agree` says when high scores are drawn with probability 0.7, the others with `rare`."""
    truth, score, video = world(0)
    probability = np.where(score > 0.5, 0.7, rare)
    drawn = np.flatnonzero(np.random.default_rng(1000 + seed).random(len(truth)) < probability)
    clips = tuple(sorted(RatedClip(f"{video[i]:02}.mp4", start_s=float(i), end_s=i + 0.5) for i in drawn))
    index = np.array([int(clip.start_s) for clip in clips])
    zeros = np.zeros(len(clips), np.int64)
    marks, chances = truth[index][:, None], probability[index] if weighted else None
    ratings = Ratings(("amusement",), clips, ("ann",), np.arange(len(clips)), zeros, marks, {}, (), chances)
    keys = [(c.video, round(c.start_s * 1000), round(c.end_s * 1000), "") for c in clips]
    scores = {key: score[i : i + 1] for key, i in zip(keys, index, strict=True)}
    machine = MachineScores("clips", ("amusement",), scores, {}, {})
    config = AgreeConfig(thresholds={"amusement": CUT}, resamples=resamples, seed=seed)
    return agree(machine, ratings, config)


def estimated(seed: int, **how: float) -> AgreementRow:
    """The one row of it."""
    return compared(seed, **how).rows[0]  # type: ignore[arg-type]


def test_weighted_estimates_are_those_of_all_clips() -> None:
    truth, score, _ = world(0)
    rows = [estimated(seed) for seed in range(40)]
    means = [float(np.mean([getattr(row, name).value for row in rows])) for name in ("precision", "recall")]
    assert means[0] == pytest.approx(precision_score(truth, score >= CUT), abs=0.01)
    assert means[1] == pytest.approx(recall_score(truth, score >= CUT), abs=0.03)
    assert float(np.mean([row.chance for row in rows])) == pytest.approx(truth.mean(), abs=0.005)
    plain = estimated(0, weighted=False)
    assert (plain.chance or 0) > 3 * truth.mean()  # what the weights undo
    assert plain.positives > 0.5 * truth.sum()  # from a seventh of all clips


def test_a_clip_that_counts_for_much_of_the_positives_is_told() -> None:
    assert any("counts for much of all positives" in note for note in compared(0).notes)
    for quiet in (compared(0, rare=0.5), compared(0, weighted=False)):
        assert not any("counts for much" in note for note in quiet.notes)


@pytest.mark.full
def test_their_intervals_hold_the_value_of_all_clips_as_often_as_they_say() -> None:
    truth, score, _ = world(0)
    values = precision_score(truth, score >= CUT), recall_score(truth, score >= CUT)
    rows = [estimated(seed, resamples=300, rare=0.5) for seed in range(200)]
    for name, value in zip(("precision", "recall"), values, strict=True):
        held = [e.low <= value <= e.high for row in rows if (e := getattr(row, name)).low is not None]
        assert len(held) > 190
        assert np.mean(held) > 0.9, (name, np.mean(held))
