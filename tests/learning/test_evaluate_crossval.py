"""Each video is predicted by a model that never saw it; what was finished is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from evoked.core.errors import DatasetError
from evoked.core.progress import Progress, silent
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.dataset.examples import Example
from evoked.dataset.folds import Fold, make_folds
from evoked.dataset.labels import Labels
from evoked.dataset.load_examples import LoadedExamples
from evoked.learning.evaluation.evaluate import EvaluateConfig, evaluate
from evoked.learning.experiments.cross_validation import train_fold
from evoked.learning.training.config import TrainConfig
from evoked.model.checkpoint import load_checkpoint
from evoked.model.config import ModelSettings
from evoked.prediction.forward import Forward
from evoked.prediction.predictor import prediction_track

NAMES = ("amusement", "surprise")
MODEL = ModelSettings(modalities=("image", "audio"), image_units=8, audio_units=4, window_s=4, dropout=0.0)
QUICK = TrainConfig(epochs=3, learning_rate=0.02, threads=1)


def contents(count: int = 5, seconds: int = 40) -> list[Example]:
    """Contents in which loud seconds amuse and bright ones surprise; every seventh second is masked."""
    random = np.random.default_rng(9)
    made = []
    for i in range(count):
        image, audio = random.normal(size=(seconds, 6)), random.normal(size=(seconds, 3))
        labels = np.stack([audio[:, 0] > 0.5, image[:, 0] > 0.8], axis=1).astype(np.float32)
        valid = np.arange(seconds) % 7 != 3
        features = {"image": image.astype(np.float16), "audio": audio.astype(np.float16)}
        made.append(Example(f"v{i}.mp4", features, labels * valid[:, None], valid, NAMES))
    return made


def folds(examples: list[Example], count: int = 3) -> tuple[Fold, ...]:
    return make_folds({e.video: e.seconds for e in examples}, count)


class HeldOut(NamedTuple):
    """Predictions of held-out videos, and numbers of the folds whose model existed already."""

    predictions: dict[str, Track]
    reused: tuple[int, ...]


def cross_validate(
    examples: list[Example],
    config: TrainConfig,
    folds: Sequence[Fold],
    folder: Path,
    made: Mapping[str, object] | None = None,
    progress: Progress = silent,
) -> HeldOut:
    """Every fold, as a study does them: one after the other, or each in a process of its own."""
    loaded, predictions, reused = LoadedExamples(tuple(examples), made or {}, ()), {}, []
    for fold in folds:
        trained = train_fold(loaded, fold, MODEL, config, folder / f"fold-{fold.number}", progress=progress)
        forward = Forward(trained.checkpoint.config, trained.checkpoint.arrays, threads=1)
        predictions |= {e.video: prediction_track(forward, e.features) for e in examples if e.video in fold.held_out}
        reused += [fold.number] * trained.reused
    return HeldOut(predictions, tuple(reused))


def same(a: HeldOut, b: HeldOut) -> bool:
    return a.predictions.keys() == b.predictions.keys() and all(
        np.array_equal(a.predictions[v].values, b.predictions[v].values) for v in a.predictions
    )


def test_all_is_held_out_once_and_what_can_be_learnt_is_learnt(tmp_path: Path) -> None:
    examples = contents(8, 80)
    made = cross_validate(examples, replace(QUICK, epochs=10, learning_rate=0.04), folds(examples, 3), tmp_path)
    assert sorted(made.predictions) == [e.video for e in examples]
    labels = {
        e.video: Labels(
            Track.masked(TimeGrid(p.grid.rate, e.seconds), NAMES, e.labels, e.valid), np.zeros(80, np.int64)
        )
        for e, p in zip(examples, (made.predictions[e.video] for e in examples), strict=True)
    }
    scores = evaluate(made.predictions, labels, EvaluateConfig(resamples=100, time_shifts=20))
    assert scores.map.gain_low is not None
    assert scores.map.gain_low > 0.1
    assert scores.map.shifted_p == pytest.approx(1 / 21)


def test_the_labels_of_a_held_out_video_have_no_say_in_its_prediction(tmp_path: Path) -> None:
    examples = contents()
    turns = folds(examples)
    (out, *_) = turns[1].held_out
    flipped = [replace(e, labels=(1 - e.labels) * e.valid[:, None]) if e.video == out else e for e in examples]
    first = cross_validate(examples, QUICK, turns, tmp_path / "1")
    second = cross_validate(flipped, QUICK, turns, tmp_path / "2")
    np.testing.assert_array_equal(first.predictions[out].values, second.predictions[out].values)
    others = [v for v in first.predictions if v not in turns[1].held_out]
    assert not np.array_equal(first.predictions[others[0]].values, second.predictions[others[0]].values)


def test_finished_folds_are_kept_and_a_stop_in_the_middle_changes_nothing(tmp_path: Path) -> None:
    examples = contents()
    turns = folds(examples)
    whole = cross_validate(examples, QUICK, turns, tmp_path / "whole")
    assert whole.reused == ()

    steps = []

    def stop_in_the_second(done: float, total: float | None, note: str = "") -> None:
        steps.append(done)
        if done < max(steps) and done >= 1:  # the second training began anew, and took a step
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cross_validate(examples, QUICK, turns, tmp_path / "cut", progress=stop_in_the_second)
    again = cross_validate(examples, QUICK, turns, tmp_path / "cut")
    assert again.reused == (0,)
    assert same(again, whole)
    third = cross_validate(examples, QUICK, turns, tmp_path / "cut")
    assert third.reused == (0, 1, 2)
    assert same(third, whole)


@pytest.mark.parametrize("change", ["epochs", "data", "damage"])
def test_what_does_not_fit_any_more_is_trained_anew(tmp_path: Path, change: str) -> None:
    examples, config = contents(), QUICK
    turns = folds(examples)
    before = cross_validate(examples, config, turns, tmp_path)
    if change == "epochs":
        config = replace(QUICK, epochs=4)
    if change == "data":
        (out, *_) = turns[0].held_out  # learnt from in the folds 1 and 2, not in fold 0
        examples = [replace(e, labels=e.labels * 0) if e.video == out else e for e in examples]
    if change == "damage":
        (tmp_path / "fold-1" / "model.safetensors").write_bytes(b"half")
    after = cross_validate(examples, config, turns, tmp_path)
    assert after.reused == {"epochs": (), "data": (0,), "damage": (0, 2)}[change]
    assert same(after, before) == (change == "damage")


def test_the_models_say_which_fold_they_are_of_and_no_training_state_is_left(tmp_path: Path) -> None:
    examples = contents()
    turns = folds(examples)
    cross_validate(examples, QUICK, turns, tmp_path, {"nets": {"a": "00"}})
    for fold in turns:
        found = load_checkpoint(tmp_path / f"fold-{fold.number}")
        assert found.provenance["config"]["fold"] == fold.as_dict()
        assert found.features == {"nets": {"a": "00"}}
    names = {p.name for p in (tmp_path / "fold-0").iterdir()}
    assert names == {"model.safetensors", "model.json", "history.csv"}


def test_the_state_of_an_interrupted_training_is_where_it_is_asked_for(tmp_path: Path) -> None:
    examples = contents(3, 20)
    (fold, *_) = folds(examples)
    loaded, model, state = LoadedExamples(tuple(examples), {}, ()), tmp_path / "model", tmp_path / "state"
    whole = train_fold(loaded, fold, MODEL, QUICK, tmp_path / "whole")

    def stop(done: float, total: float | None, note: str = "") -> None:
        if done == total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_fold(loaded, fold, MODEL, replace(QUICK, checkpoint_every_s=0), model, state, stop)
    assert [p.name for p in state.iterdir()] == ["training.safetensors"]
    assert not model.exists()

    steps: list[float] = []
    again = train_fold(loaded, fold, MODEL, QUICK, model, state, lambda done, total, note="": steps.append(done))
    assert list(state.iterdir()) == []
    assert min(steps, default=9) > 1  # not from the first step
    for name, array in whole.checkpoint.arrays.items():
        np.testing.assert_array_equal(again.checkpoint.arrays[name], array)


def test_a_leak_and_an_absent_video_are_refused_before_anything_is_trained(tmp_path: Path) -> None:
    examples = contents(2, 20)
    with pytest.raises(DatasetError, match=r"fold 0: 'v0\.mp4' is trained on and held out"):
        cross_validate(examples, QUICK, [Fold(0, ("v0.mp4", "v1.mp4"), ("v0.mp4",))], tmp_path)
    with pytest.raises(DatasetError, match=r"without features and labels: v9\.mp4"):
        cross_validate(examples, QUICK, [Fold(0, ("v0.mp4",), ("v9.mp4",))], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_seconds_without_a_picture_are_not_valid(tmp_path: Path) -> None:
    examples = contents(2, 20)
    examples[0].features["image"][3:5] = 0
    made = cross_validate(examples, QUICK, folds(examples, 2), tmp_path)
    assert np.flatnonzero(~made.predictions["v0.mp4"].valid).tolist() == [3, 4]
    assert made.predictions["v1.mp4"].valid.all()
