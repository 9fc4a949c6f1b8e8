"""On a planted world the model finds what is there, in the planted order, and no more than can be known."""

from dataclasses import replace

import numpy as np
import pytest

from evoked.core.expressions import EEV5
from evoked.dataset.examples import Example
from evoked.learning.evaluation.comparison import CHANCE, MAP, CompareConfig, ScoreCell, compare_variants
from evoked.learning.experiments.ablation import FULL, Split, run_variants, variants
from evoked.learning.training.config import TrainConfig
from evoked.model.config import ModelSettings
from staging.bayes_bound import bounds, knowable
from staging.planted_features import PLANTED, Planted, World, plant_all

MODEL = ModelSettings(architecture="tcn", image_units=16, face_units=8, audio_units=16, window_s=16, dropout=0.1)
TRAIN = TrainConfig(epochs=6, learning_rate=6e-3, windows_per_run=50, threads=1)
BEST = "best possible"
CLEAR = {name: replace(event, precision=0.9, recall=0.8) for name, event in PLANTED.items()}
"""The same events, labelled with fewer errors, so that a few minutes of them are enough."""


def example(video: Planted, labels: np.ndarray) -> Example:
    return Example(video.name, video.features, (labels * video.valid[:, None]).astype(np.float32), video.valid, EEV5)


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], ScoreCell]:
    world = World(image=24, face=24, audio=16, seconds=200, events=CLEAR)
    videos = plant_all(world, 84)
    made = [example(v, v.labels) for v in videos]
    split, tested = Split(tuple(made[:54]), tuple(made[54:60]), tuple(made[60:])), videos[60:]
    ways = variants(MODEL, TRAIN, ("image", "image+audio"))
    runs = dict(run_variants(ways, split, 2, tmp_path_factory.mktemp("runs")))
    runs[BEST] = [{v.name: knowable(world, v) for v in tested}]
    truth = [example(v, v.truth) for v in tested]
    found = compare_variants(runs, truth, FULL, "truth", CompareConfig(resamples=200))
    assert [c.value for c in found if c.way == BEST and c.expression != MAP] == [b.truth for b in bounds(world, tested)]
    return {(c.way, c.expression): c for c in found}


def test_inputs_fall_in_the_planted_order(cells: dict[tuple[str, str], ScoreCell]) -> None:
    values = [cells[way, MAP].value for way in (CHANCE, "image", "image+audio", FULL, BEST)]

    assert values == sorted(values)
    for way in ("image", "image+audio"):
        assert cells[way, MAP].gain_high < 0  # worse than full, the whole interval
    assert cells[BEST, MAP].gain_low > 0


def test_what_shows_in_one_modality_is_at_chance_without_it(cells: dict[tuple[str, str], ScoreCell]) -> None:
    for name in ("amusement", "surprise"):  # nothing of them in the picture
        chance = cells[CHANCE, name].value
        assert cells["image", name].low < 1.3 * chance
        assert cells[FULL, name].low > 1.6 * chance  # the rare one too
    assert abs(cells["image+audio", "surprise"].value - cells[FULL, "surprise"].value) < 0.2
