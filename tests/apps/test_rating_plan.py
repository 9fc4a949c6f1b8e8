"""Which clips are drawn, and with which probability."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rated_study import SECONDS, make_study, write_annotation

from evoked.apps.rating.config import PlanConfig
from evoked.apps.rating.plan import (
    PlannedClip,
    draw_clips,
    inclusion_probabilities,
    read_candidates,
    systematic_sample,
)
from evoked.core.errors import StudyError


def test_spans_are_those_in_which_the_viewer_is_seen(study: Path) -> None:
    names, clips = read_candidates(study, PlanConfig())
    assert names == ("amusement", "surprise")
    of_anna = [(c.viewer, c.start_s, c.end_s) for c in clips if c.video == "anna.mp4"]
    first = [("v1", s, s + 3) for s in range(0, SECONDS, 3)]
    assert of_anna == first + [("v2", s, s + 3) for s in range(6, SECONDS, 3)]
    early, late = clips[0], clips[2]
    assert early.box == (8 - 60, 40 - 60, 240, 240)  # the face and half of it at each side
    assert (early.others, late.others) == ((), ((200, 60, 80, 80),))
    assert late.scores == pytest.approx((np.mean(np.arange(36, 54) / 6) / SECONDS, (17 * 0.9 + 0.05) / 18))


def test_a_study_that_cannot_be_rated_says_why(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"has no annotations in .*: run evoked run"):
        read_candidates(tmp_path, PlanConfig())
    study = make_study(tmp_path / "s", "a.mp4", seconds=2)
    with pytest.raises(StudyError, match="no viewer is visible for 3 s: there is nothing to rate"):
        read_candidates(study, PlanConfig())
    write_annotation(study / "results/annotations/a.mp4.parquet", "a.mp4", boxes=False)
    with pytest.raises(StudyError, match=r"has no boxes of faces, by which clips are cropped: set columns ="):
        read_candidates(study, PlanConfig())
    write_annotation(study / "results/annotations/a.mp4.parquet", "a.mp4", turned=90)
    assert read_candidates(study, PlanConfig())[1][0].turned == 90


def crowd(seed: int, count: int = 2000) -> list[PlannedClip]:
    """Clips of 20 recordings of different lengths; the second expression is rare."""
    random = np.random.default_rng(seed)
    videos = random.choice(20, count, p=np.arange(1, 21) / 210)
    scores = np.stack([random.random(count), np.where(random.random(count) < 0.02, 0.9, 0.05)], axis=1)
    return [
        PlannedClip(f"{v}.mp4", "v1", 3 * i, 3 * i + 3, 1.0, (0, 0, 9, 9), scores=(float(s[0]), float(s[1])))
        for i, (v, s) in enumerate(zip(videos, scores, strict=True))
    ]


@pytest.mark.parametrize("sample", ["balanced", "uniform", "by-score", "uncertain"])
def test_each_clip_is_drawn_as_often_as_its_probability_says(sample: str) -> None:
    clips = crowd(0, 300)
    config = PlanConfig(sample=sample, clips=60)  # type: ignore[arg-type]
    counts: Counter[int] = Counter()
    probability = {}
    for seed in range(400):
        drawn = draw_clips(clips, replace(config, seed=seed))
        assert len(drawn) == 60
        counts.update(c.start_s for c in drawn)
        probability.update({c.start_s: c.probability for c in drawn})
    frequency = np.array([counts[c.start_s] / 400 for c in clips if c.start_s in probability])
    expected = np.array([probability[c.start_s] for c in clips if c.start_s in probability])
    z = (frequency - expected) / np.sqrt(expected * (1 - expected) / 400 + 1e-9)
    assert np.abs(z).max() < 5
    assert np.abs(z).mean() < 1.1
    if sample == "uniform":
        assert expected == pytest.approx(0.2)


def test_rare_expressions_are_found_and_their_share_is_estimated_without_bias() -> None:
    clips = crowd(1)
    rare = {c.start_s for c in clips if c.scores[1] > 0.5}
    found, estimates, uniform = [], [], []
    for seed in range(60):
        drawn = draw_clips(clips, PlanConfig(sample="by-score", clips=200, seed=seed))
        hits = np.array([c.start_s in rare for c in drawn])
        weights = np.array([1 / c.probability for c in drawn])
        found.append(hits.sum())
        estimates.append((hits * weights).sum() / weights.sum())
        even = draw_clips(clips, PlanConfig(sample="uniform", clips=200, seed=seed))
        uniform.append(sum(c.start_s in rare for c in even))
    assert np.mean(found) > 6 * np.mean(uniform)
    assert np.mean(estimates) == pytest.approx(len(rare) / len(clips), abs=0.001)


def test_balanced_draws_as_many_of_each_recording() -> None:
    clips = crowd(2)
    available = Counter(c.video for c in clips)
    drawn = Counter(c.video for c in draw_clips(clips, PlanConfig(clips=200)))
    assert max(drawn.values()) <= 11
    assert all(count >= min(9, available[video]) for video, count in drawn.items())
    assert len(drawn) == len(available)
    assert set(Counter(c.video for c in draw_clips(clips, PlanConfig(per_video=3))).values()) <= {2, 3, 4}


def test_the_same_seed_draws_the_same() -> None:
    clips = crowd(3, 200)
    first, again, other = (draw_clips(clips, PlanConfig(clips=50, seed=seed)) for seed in (4, 4, 5))
    assert json.dumps([c.start_s for c in first]) == json.dumps([c.start_s for c in again])
    assert [c.start_s for c in first] != [c.start_s for c in other]


def test_probabilities_sum_to_the_count_and_stay_below_their_limits() -> None:
    values = inclusion_probabilities(np.array([1.0, 1, 1, 97]), 2)
    assert values == pytest.approx([1 / 3, 1 / 3, 1 / 3, 1])
    assert inclusion_probabilities(np.ones(3), 9).tolist() == [1, 1, 1]
    assert systematic_sample(np.ones(5), np.zeros(5), np.random.default_rng(0)).all()
