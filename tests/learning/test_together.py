"""Several processes learn as one does; what goes wrong in one is told here. Slow: each process loads torch anew."""

from dataclasses import replace

import numpy as np
import pytest
from planted import World, videos

from evoked.core.errors import TrainingError
from evoked.learning.training.config import TrainConfig
from evoked.learning.training.train import train
from evoked.model.config import ModelSettings

MODEL = ModelSettings(
    image_units=8, face_units=6, audio_units=8, window_s=6, dropout=0.0, input_gate=False, output_gate=False
)
CONFIG = TrainConfig(epochs=2, threads=1, runs_per_batch=4, windows_per_run=8, learning_rate=3e-3)


def test_two_processes_learn_what_one_does() -> None:
    """Without batch norm and dropout, the weighed mean of the shares' gradients is the whole batch's."""
    examples, held_out = videos(World(), 3, 64), videos(World(), 2, 40, seed=9)
    told: list[float] = []

    one = train(examples, MODEL, CONFIG, validation=held_out)
    two = train(
        examples,
        MODEL,
        replace(CONFIG, devices=2),
        validation=held_out,
        progress=lambda done, total, note="": told.append(done),
    )

    assert told == list(range(1, len(told) + 1))
    assert len(told) > 8
    assert two.checkpoint.training["best_epoch"] == one.checkpoint.training["best_epoch"]
    for a, b in zip(one.history, two.history, strict=True):
        assert b.loss == pytest.approx(a.loss, rel=1e-5)
        assert b.validation_loss == pytest.approx(a.validation_loss, rel=1e-5)
    spread = max(np.abs(one.checkpoint.arrays[n] - two.checkpoint.arrays[n]).max() for n in one.checkpoint.arrays)
    assert spread < 1e-4


@pytest.mark.full
def test_an_error_of_a_process_is_told_as_one_line() -> None:
    example = videos(World(), 1, 40)[0]
    enormous = replace(
        example, features={n: np.full_like(f, 3e38, dtype=np.float32) for n, f in example.features.items()}
    )

    with pytest.raises(TrainingError, match="the loss became nan in epoch 1, step 1"):
        train([enormous], replace(MODEL, dropout=0.3), replace(CONFIG, devices=2))


def test_more_cards_than_there_are() -> None:
    with pytest.raises(TrainingError, match=r"torch sees no CUDA cards here, 64 wanted"):
        train(videos(World(), 1, 40), MODEL, replace(CONFIG, device="cuda", devices=64))
