"""The check on moving faces: recognisers that are known to follow, to lag, or to stay."""

import json
from dataclasses import replace

import numpy as np
import pytest
from planted_rated import WORLD, rated_of, stills_of
from scipy.stats import rankdata

from evoked.core.provenance import Provenance
from evoked.learning.recognition.config import RecogniserConfig
from evoked.learning.recognition.cross_fit import fit_recogniser, shape_of
from evoked.learning.recognition.moving_check import _ranks, check_on_moving_faces, moving_table, response_s
from evoked.learning.recognition.train_recogniser import train_recogniser
from evoked.model.recognition import RecognitionConfig, RecognitionForward, recognition_shapes

QUICK = RecogniserConfig(hidden_units=8, epochs=4, folds=2, dropout=0.1)
STILLS = stills_of(120, 30, 1)


def counting(forget: float) -> tuple[RecognitionConfig, dict[str, np.ndarray]]:
    """An LSTM made by hand: its cell keeps `forget` of what it holds and adds the first column of each frame."""
    config = RecognitionConfig(("blendshapes",), 8, ("doubt", "joy"), units=1, layers=1, experts=1)
    arrays = {name: np.zeros(shape, dtype=np.float32) for name, shape in recognition_shapes(config).items()}
    arrays["scale.deviation"][:] = 1
    arrays["lstm.weight_ih_l0"][2, 0] = 0.3  # gates in the order input, forget, cell, output
    arrays["lstm.bias_ih_l0"][:] = [np.log((1 - forget) / forget), np.log(forget / (1 - forget)), 0, 20]
    arrays["experts.expert_weight"][:] = 3
    arrays["experts.gate_weight"][:, 0] = 0
    return config, arrays


def test_a_cell_that_forgets_slowly_lags_by_its_half_life() -> None:
    for forget in (0.2, 0.5, 0.9):
        config, arrays = counting(forget)
        forward = RecognitionForward(config, arrays)
        off, on = np.zeros((4, 18, 8), np.float32), np.zeros((4, 18, 8), np.float32)
        off[..., 0], on[..., 0] = -1e-2, 1e-2  # so small that all is linear

        # after n frames 1 - forget^n of the effect is there, of all that 18 frames show
        steps = (1 - forget ** np.arange(19)) / (1 - forget**18)
        scale = 100 * (forward.windows(on)[0, 0] - forward.windows(off)[0, 0])
        assert scale > 0
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("evoked.learning.recognition.moving_check.LEAST_EFFECT", 0.0)
            rise, fall = response_s(forward, 0, off, on), response_s(forward, 0, on, off)
        assert rise == pytest.approx(np.interp(0.5, steps, np.arange(19)) / 6, abs=0.03)
        assert fall == pytest.approx(rise, abs=0.02)


@pytest.mark.parametrize(("forget", "passes"), [(0.1, True), (0.93, False)])
def test_one_that_follows_passes_and_one_that_adds_up_does_not(forget: float, passes: bool) -> None:
    config, arrays = counting(forget)

    check = check_on_moving_faces(STILLS, config, arrays, 0)

    doubt = check.rows[0]  # doubt moves the first column
    assert (check.source, check.limit_s) == ("stills", 0.5)
    assert doubt.passed is passes
    assert doubt.lag_s is not None
    assert (doubt.lag_s <= 0.2) is passes
    assert ("doubt" in check.failed) is not passes
    assert any("failed the check on moving faces: doubt" in note for note in check.notes) is not passes
    again = check_on_moving_faces(STILLS, config, arrays, 0)
    assert again == check


def test_a_constant_score_does_not_pass_and_what_nobody_shows_is_not_checked() -> None:
    config, arrays = counting(0.1)
    arrays["experts.expert_weight"][:] = 0
    labels = STILLS.labels.copy()
    labels[:, 1] = 0

    check = check_on_moving_faces(replace(STILLS, labels=labels), config, arrays, 0)

    assert [(row.correlation, row.rise_s, row.passed) for row in check.rows] == [
        (None, None, False),
        (None, None, None),
    ]
    assert any(note.startswith("not checked on moving faces: joy") for note in check.notes)
    table = moving_table(check.as_dict()).splitlines()
    assert "FAILED" in table[1]
    assert "not checked" in table[2]


def test_clips_that_move_have_their_own_limits() -> None:
    clips = rated_of(WORLD.clips(900, 60, 1))
    config = RecogniserConfig(batch_size=64, learning_rate=3e-3, dropout=0, epochs=8, hidden_units=16)

    check = check_on_moving_faces(clips, shape_of(clips, config), fit_recogniser(clips, None, config).arrays, 0)

    assert (check.source, check.least_correlation, check.limit_s) == ("clips", 0.6, 2.0)
    assert check.failed == ()
    assert 0.8 < np.mean([row.lag_s for row in check.rows if row.lag_s is not None]) <= 2  # half of 3 s is right


def test_every_training_is_checked_and_the_check_is_kept() -> None:
    trained, _ = train_recogniser(STILLS, QUICK, Provenance("test"))
    constant, _ = train_recogniser(STILLS, replace(QUICK, still_windows="constant"), Provenance("test"))

    assert {name: row["passed"] for name, row in trained.moving_faces["expressions"].items()} == {
        "doubt": True,
        "joy": True,
    }
    assert not all(row["passed"] for row in constant.moving_faces["expressions"].values())
    assert any("failed the check on moving faces" in note for note in constant.provenance["notes"])
    assert json.loads(json.dumps(trained.about()))["moving_faces"] == trained.moving_faces


def test_ranks_are_scipy_s() -> None:
    values = np.round(np.random.default_rng(0).random(200), 1)
    np.testing.assert_allclose(_ranks(values), rankdata(values))
