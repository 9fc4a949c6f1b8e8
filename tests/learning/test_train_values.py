"""Regression: values instead of probabilities, and beginning with what another model has learnt."""

from dataclasses import replace

import numpy as np
import pytest
from planted import World, video, videos

from evoked.core.errors import DatasetError
from evoked.dataset.examples import Example
from evoked.learning.training.config import TrainConfig
from evoked.learning.training.train import train
from evoked.model.checkpoint import load_checkpoint, save_checkpoint
from evoked.model.config import ModelConfig, ModelSettings
from evoked.prediction.forward import Forward

SMALL = ModelSettings(image_units=8, face_units=8, audio_units=16, window_s=8, dropout=0.1)
QUICK = TrainConfig(epochs=12, learning_rate=3e-3, threads=1, monitor="loss")


def felt(count: int, seed: int) -> list[Example]:
    """Videos whose "valence" is how loud the last seconds were, in −1 … 1."""
    made = [video(World(), f"f{seed}-{i}", 70, 10 * seed + i) for i in range(count)]
    return [
        replace(e, labels=(2 * best[:, :1] - 0.7).astype(np.float32), expressions=("valence",), values=True)
        for e, best in made
    ]


def shape(examples: list[Example]) -> ModelConfig:
    return replace(SMALL.fit(examples[0].widths, examples[0].expressions), answer="value")


def test_values_are_learnt_with_both_signs_and_survive_the_disk(tmp_path) -> None:  # type: ignore[no-untyped-def]
    examples, held_out = felt(8, 1), felt(4, 2)
    trained = train(examples, shape(examples), QUICK, validation=held_out)
    save_checkpoint(tmp_path, trained.checkpoint)
    kept = load_checkpoint(tmp_path)

    y = np.concatenate([Forward(kept.config, kept.arrays)(e.features)[e.valid, 0] for e in held_out])
    truth = np.concatenate([e.labels[e.valid, 0] for e in held_out])

    assert kept.config.answer == "value"
    assert y.min() < -0.3
    assert y.max() > 0.3
    assert ((y - truth) ** 2).mean() < 0.35 * truth.var()
    last = trained.history[trained.checkpoint.training["best_epoch"] - 1]
    assert last.validation_loss == pytest.approx(((y - truth) ** 2).mean(), rel=1e-5)
    assert last.validation_map is None


def test_what_was_learnt_before_is_where_it_begins() -> None:
    examples = felt(3, 3)
    before = train(videos(World(), 4, 60), SMALL, replace(QUICK, epochs=1, monitor="map")).checkpoint
    kept = {n: a for n, a in before.arrays.items() if n.startswith(("gru.", "input_gate."))}

    still = train(examples, shape(examples), replace(QUICK, max_steps=1, learning_rate=1e-12), start=kept).checkpoint
    fresh = train(examples, shape(examples), replace(QUICK, max_steps=1, learning_rate=1e-12)).checkpoint

    learnt = [n for n in kept if not n.endswith((".mean", ".variance"))]
    assert all(np.allclose(still.arrays[n], kept[n], atol=1e-9) for n in learnt)
    assert not any(np.allclose(fresh.arrays[n], kept[n], atol=1e-9) for n in learnt if n.endswith("weight_ih"))
    assert np.array_equal(still.arrays["experts.gate_weight"], fresh.arrays["experts.gate_weight"])


def test_labels_of_the_wrong_kind_are_told() -> None:
    examples = felt(3, 4)
    with pytest.raises(DatasetError, match="its labels are not of the kind that the model answers with, probability"):
        train(examples, SMALL, QUICK)
    with pytest.raises(DatasetError, match="answers with, value"):
        train(videos(World(), 3, 30), shape(videos(World(), 3, 30)), QUICK)


def test_soft_labels_are_learnt_as_probabilities() -> None:
    hard = videos(World(), 4, 40)
    soft = [replace(e, labels=np.where(e.valid[:, None], 0.2 + 0.5 * e.labels, 0).astype(np.float32)) for e in hard]
    config = TrainConfig(epochs=12, learning_rate=5e-3, threads=1)

    trained = train(soft[:3], SMALL, config, validation=soft[3:])

    p = np.concatenate(
        [Forward(trained.checkpoint.config, trained.checkpoint.arrays)(e.features)[e.valid] for e in soft]
    )
    mean = np.concatenate([e.labels[e.valid] for e in soft]).mean()
    assert p.mean() == pytest.approx(mean, abs=0.08)  # labels taken as on wherever above 0 would give far more
    assert trained.history[-1].validation_map is not None  # counted from 0.5 on
