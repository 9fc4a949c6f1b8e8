"""Training finds what was planted, says why it cannot, and stops when it should."""

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from planted import EXPRESSIONS, World, video, videos

from evoked.core.errors import DatasetError, TrainingError
from evoked.dataset.examples import Example
from evoked.learning.training.config import ResolvedTrainConfig, TrainConfig
from evoked.learning.training.train import Trained, train
from evoked.metrics.average_precision import average_precision, chance_level, mean_average_precision
from evoked.model.config import ModelSettings
from evoked.prediction.forward import Forward

SMALL = ModelSettings(image_units=16, face_units=8, audio_units=24, window_s=8)
QUICK = TrainConfig(epochs=2, threads=1)


def scores(trained: Trained, examples: list[Example]) -> tuple[np.ndarray, np.ndarray]:
    forward = Forward(trained.checkpoint.config, trained.checkpoint.arrays)
    p = np.concatenate([forward(e.features)[e.valid] for e in examples])
    return p, np.concatenate([e.labels[e.valid] for e in examples])


def test_training_comes_close_to_the_best_possible() -> None:
    world = World(flip=0.03)  # three labels in a hundred are wrong: not even the rule itself is perfect
    held_out = [video(world, f"w{i}", 60, 500 + i) for i in range(8)]
    examples = [e for e, _ in held_out]

    trained = train(videos(world, 10, 60), SMALL, TrainConfig(epochs=25, learning_rate=3e-3, threads=1))

    p, truth = scores(trained, examples)
    best = np.concatenate([b[e.valid] for e, b in held_out])
    for k, allowed in ((0, 0.05), (2, 0.12)):
        bound, common = average_precision(best[:, k], truth[:, k]), chance_level(truth[:, k])
        reached = average_precision(p[:, k], truth[:, k])
        assert bound is not None
        assert common is not None
        assert reached is not None
        assert reached > bound - allowed, EXPRESSIONS[k]
        assert common < bound - 3 * allowed, "the bound must be far from chance for this test to mean anything"
    tossed = average_precision(p[:, 1], truth[:, 1])
    assert tossed == pytest.approx(chance_level(truth[:, 1]), abs=0.12)  # a coin cannot be foreseen


def test_the_loss_falls_and_every_epoch_is_told() -> None:
    told: list[tuple[float, float | None, str]] = []

    trained = train(
        videos(World(), 4, 40),
        SMALL,
        replace(QUICK, epochs=4, learning_rate=3e-3),
        progress=lambda done, total, note="": told.append((done, total, note)),
    )

    losses = [epoch.loss for epoch in trained.history]
    assert losses == sorted(losses, reverse=True)
    assert [epoch.epoch for epoch in trained.history] == [1, 2, 3, 4]
    assert [done for done, _, _ in told] == list(range(1, len(told) + 1))
    assert told[-1][2].startswith("epoch 4 of 4, loss ")
    assert trained.checkpoint.training["epochs_done"] == 4


def test_a_seed_decides_and_torch_s_global_state_is_left_alone() -> None:
    examples, before = videos(World(), 3, 30), torch.get_rng_state()
    threads = torch.get_num_threads()

    one, same, other = (train(examples, SMALL, replace(QUICK, seed=s)).checkpoint.arrays for s in (1, 1, 2))

    assert all(np.array_equal(one[n], same[n]) for n in one)
    assert not np.array_equal(one["experts.gate_weight"], other["experts.gate_weight"])
    assert torch.equal(before, torch.get_rng_state())
    assert torch.get_num_threads() == threads


def test_a_limit_of_steps_ends_within_an_epoch() -> None:
    told: list[float] = []

    trained = train(
        videos(World(), 6, 60),
        SMALL,
        replace(QUICK, epochs=9, max_steps=6),
        progress=lambda done, total, note="": told.append(done),
    )

    assert told == [1, 2, 3, 4, 5, 6]
    assert len(trained.history) == 2  # four or five steps an epoch


def test_validation_keeps_the_best_epoch_and_stops_when_it_does_not_get_better() -> None:
    examples, held_out = videos(World(), 4, 40), videos(World(), 3, 40, seed=7)
    config = replace(QUICK, epochs=60, learning_rate=3e-2, patience=3)

    trained = train(examples, SMALL, config, validation=held_out)

    maps = [epoch.validation_map for epoch in trained.history]
    best = int(np.argmax(maps))  # type: ignore[arg-type]
    assert len(maps) == best + 1 + 3 < 60
    assert trained.checkpoint.training["best_epoch"] == best + 1
    assert mean_average_precision(*scores(trained, held_out), EXPRESSIONS).value == pytest.approx(maps[best])


def test_validation_by_loss() -> None:
    examples, held_out = videos(World(), 4, 40), videos(World(), 3, 40, seed=7)

    trained = train(examples, SMALL, replace(QUICK, epochs=6, monitor="loss"), validation=held_out)

    losses = [epoch.validation_loss for epoch in trained.history]
    assert trained.checkpoint.training["best_epoch"] == 1 + int(np.argmin(losses))  # type: ignore[arg-type]
    p, truth = (a.astype(np.float64) for a in scores(trained, held_out))
    by_hand = -(truth * np.log(p + 1e-5) + (1 - truth) * np.log(1 - p + 1e-5)).sum(axis=1).mean()
    assert min(v for v in losses if v is not None) == pytest.approx(by_hand, rel=1e-5)


def test_unseen_seconds_are_left_out_or_count_as_nothing() -> None:
    def always_on(e: Example) -> Example:
        seen = np.random.default_rng(int(e.labels.sum())).random(e.seconds) < 0.5
        return replace(e, valid=seen, labels=np.repeat(seen[:, None], 3, axis=1).astype(np.float32))

    examples, others = ([always_on(e) for e in videos(World(), 6, 40, seed=s)] for s in (0, 5))
    config = replace(QUICK, epochs=15, learning_rate=1e-2)
    model = replace(SMALL, output_gate=False)  # it begins by halving all, and needs long to let all through

    masked, zeros = (
        scores(train(examples, model, replace(config, missing_labels=u)), others)[0] for u in ("masked", "zeros")
    )

    assert masked.mean() > 0.9  # all that was seen was on
    assert zeros.mean() < 0.6  # half of all seconds were


def test_bfloat16_learns_the_same() -> None:
    examples = videos(World(), 4, 40)

    full, half = (train(examples, SMALL, replace(QUICK, precision=p)).history[-1].loss for p in ("f32", "bf16"))

    assert half == pytest.approx(full, rel=0.02)
    assert half != full


def test_standardising_is_of_the_training_seconds_or_not_at_all() -> None:
    examples = videos(World(), 3, 30)

    on, off = (train(examples, replace(SMALL, standardise=s), QUICK).checkpoint.arrays for s in ("modality", "none"))

    rows = np.concatenate([e.features["audio"].astype(np.float64) for e in examples])
    np.testing.assert_allclose(on["scale.audio.mean"], rows.mean(axis=0), rtol=1e-5)
    spread = np.sqrt(rows.var(axis=0).mean())
    np.testing.assert_allclose(on["scale.audio.deviation"], np.full(24, spread), rtol=1e-5)
    assert set(off["scale.audio.mean"]) == {0}
    assert set(off["scale.audio.deviation"]) == {1}


@pytest.mark.parametrize(("modalities", "fused"), [(("image", "audio"), 40), (("image",), 16)])
def test_an_ablated_model_trains(modalities: tuple[str, ...], fused: int) -> None:
    trained = train(videos(World(), 3, 30), replace(SMALL, modalities=modalities), QUICK)

    assert trained.checkpoint.config.fused == fused


def test_a_class_without_positives_is_named_and_learnt_as_no() -> None:
    examples = [replace(e, labels=e.labels * np.float32([1, 1, 0])) for e in videos(World(), 4, 40)]

    trained = train(examples, SMALL, replace(QUICK, epochs=15, learning_rate=1e-2))

    assert trained.notes == ("surprise: no training second shows it, so the model can only learn to say no",)
    assert scores(trained, examples)[0][:, 2].max() < 0.15


def test_a_class_without_positives_in_validation_is_left_out_of_its_mean() -> None:
    held_out = [replace(e, labels=e.labels * np.float32([1, 1, 0])) for e in videos(World(), 2, 40, seed=7)]

    trained = train(videos(World(), 3, 40), SMALL, QUICK, validation=held_out)

    p, truth = scores(trained, held_out)
    expected = np.mean([average_precision(p[:, k].astype(float), truth[:, k]) for k in (0, 1)])
    best = trained.checkpoint.training["best_epoch"]
    assert trained.history[best - 1].validation_map == pytest.approx(expected)


def test_a_validation_without_a_valid_second_chooses_nothing() -> None:
    blind = [replace(e, valid=np.zeros(40, dtype=bool)) for e in videos(World(), 1, 40, seed=7)]

    trained = train(videos(World(), 3, 40), SMALL, QUICK, validation=blind)

    assert [e.validation_map for e in trained.history] == [None, None]
    assert trained.checkpoint.training["best_epoch"] is None
    assert "no second of the validation videos has a valid label: the last epoch is kept" in trained.notes
    with pytest.raises(DatasetError, match=r"valid label: training cannot stop by it\. Validate on other videos"):
        train(videos(World(), 3, 40), SMALL, replace(QUICK, patience=1), validation=blind)


def test_expressions_that_validation_does_not_show_are_named() -> None:
    held = videos(World(), 1, 40, seed=7)[0]
    without_second = np.array([i != 1 for i in range(len(held.expressions))], dtype=np.float32)
    nothing, no_second = (replace(held, labels=held.labels * keep) for keep in (np.float32(0), without_second))

    trained = train(videos(World(), 3, 40), SMALL, QUICK, validation=[no_second])

    name = held.expressions[1]
    assert trained.notes == (f"{name}: no validation second shows it; the best epoch is chosen without it",)
    with pytest.raises(DatasetError, match="no average precision: training cannot stop by it"):
        train(videos(World(), 3, 40), SMALL, replace(QUICK, patience=1), validation=[nothing])
    by_loss = replace(QUICK, patience=1, monitor="loss")
    assert train(videos(World(), 3, 40), SMALL, by_loss, validation=[nothing]).checkpoint.training["best_epoch"]


def test_very_short_videos_train() -> None:
    trained = train([video(World(), f"s{i}", 1 + i, i)[0] for i in range(6)], SMALL, QUICK)

    assert np.isfinite(trained.history[-1].loss)


def test_nothing_to_learn_from() -> None:
    example = videos(World(), 1, 30)[0]
    unseen = replace(example, valid=np.zeros(30, dtype=bool), labels=np.zeros_like(example.labels))

    for examples in ([], [unseen]):
        with pytest.raises(DatasetError, match="nothing to learn from"):
            train(examples, SMALL, QUICK)


def test_examples_that_do_not_fit_each_other_are_named() -> None:
    a, b = videos(World(), 2, 30)
    other = videos(World(audio=25), 1, 30, seed=3)[0]
    deaf = replace(b, features={n: b.features[n] for n in ("image", "face")})
    renamed = replace(b, expressions=("joy", "awe", "calm"))

    with pytest.raises(DatasetError, match=r"v3-0\.mp4 has features .*'audio': 25.*v0-0\.mp4 has .*'audio': 24"):
        train([a, other], SMALL, QUICK)
    with pytest.raises(DatasetError, match=r"v0-1\.mp4: no features of audio; there are: image, face"):
        train([deaf], SMALL, QUICK)
    with pytest.raises(DatasetError, match=r"'audio': None"):
        train([a], SMALL, QUICK, validation=[deaf])
    with pytest.raises(DatasetError, match=r"v0-1\.mp4 has labels .*joy"):
        train([a, renamed], SMALL, QUICK)
    with pytest.raises(DatasetError, match=r"v0-0\.mp4: a video to learn from cannot validate"):
        train([a, b], SMALL, QUICK, validation=[a])


def test_features_that_are_no_numbers_do_not_become_an_example() -> None:
    example = videos(World(), 1, 30)[0]
    wrong = {n: f.copy() for n, f in example.features.items()}
    wrong["audio"][3, 4] = np.nan

    with pytest.raises(ValueError, match="audio holds numbers that are not finite"):
        replace(example, features=wrong)


def test_a_loss_that_is_no_number_ends_training() -> None:
    example = videos(World(), 1, 40)[0]
    enormous = {n: np.full_like(f, 3e38, dtype=np.float32) for n, f in example.features.items()}

    with pytest.raises(
        TrainingError, match=r"the loss became nan in epoch 1, step 1\. Choose a smaller learning rate than 0\.005"
    ):
        train([replace(example, features=enormous)], replace(SMALL, standardise="none"), QUICK)


def test_sizes_and_rate_go_by_the_amount_of_data() -> None:
    trained = train(videos(World(), 2, 20), replace(SMALL, image_units=None), TrainConfig(threads=1, max_steps=1))

    assert [m.units for m in trained.checkpoint.config.modalities] == [64, 8, 24]  # what is asked for stays
    assert (trained.checkpoint.training["epochs"], trained.checkpoint.training["learning_rate"]) == (20, 5e-3)
    assert TrainConfig().resolved(10_000) == ResolvedTrainConfig(epochs=10, learning_rate=5e-4)  # the paper's
    asked = TrainConfig(epochs=3, learning_rate=1e-3, threads=2)
    assert asdict(asked.resolved(10)) == asdict(asked)
    assert TrainConfig().resolved(10).threads == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA card here")
def test_no_cuda_is_said() -> None:
    with pytest.raises(TrainingError, match="torch sees no CUDA card here"):
        train(videos(World(), 2, 30), SMALL, replace(QUICK, device="cuda"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": -1},
        {"runs_per_batch": 0},
        {"learning_rate": -1.0},
        {"max_grad_norm": -1.0},
        {"missing_labels": "hidden"},
        {"device": "tpu"},
        {"seed": -1},
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        TrainConfig(**wrong)  # type: ignore[arg-type]
