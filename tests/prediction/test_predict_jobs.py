"""A task predicts the same in every process: whatever its working folder, and with the model that is on disk now."""

import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evoked.core.files import sha256
from evoked.model.checkpoint import ARRAYS, load_checkpoint, save_checkpoint
from evoked.prediction.jobs import PredictTask, run_predict_task
from evoked.prediction.writers import read_predictions
from evoked.weights.cache import Cache, CacheLocation, default_cache


def test_relative_paths_mean_the_folder_in_which_the_task_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cache = CacheLocation.of(Cache(Path("cache"), offline=True, folder=Path("weights")))
    task = PredictTask(Path("a.mp4"), Path("model"), cache, Path("out.csv"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    sent = pickle.loads(pickle.dumps(task))
    assert (sent.video, sent.model, sent.output) == (tmp_path / "a.mp4", tmp_path / "model", tmp_path / "out.csv")
    assert sent.cache == CacheLocation(tmp_path / "cache", True, tmp_path / "weights")
    assert PredictTask(Path("a.mp4"), Path("model"), replace(cache, folder=None)).output is None


@pytest.mark.nets
def test_a_task_is_run_in_another_working_folder(
    video: Path, make_model: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(video, tmp_path / "a.mp4")
    make_model(tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    task = PredictTask(Path("a.mp4"), Path("model"), CacheLocation.of(default_cache()), Path("out.parquet"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    prediction = run_predict_task(task)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    np.testing.assert_array_equal(read_predictions(tmp_path / "out.parquet").values, prediction.track.values)


@pytest.mark.nets
def test_a_model_trained_again_in_the_same_folder_is_read_again(
    video: Path, make_model: Callable[..., Path], tmp_path: Path
) -> None:
    folder = make_model(tmp_path / "model")
    task = PredictTask(video, folder, CacheLocation.of(default_cache()))
    before = run_predict_task(task)
    old = load_checkpoint(folder)
    save_checkpoint(folder, replace(old, arrays={name: array + np.float32(0.1) for name, array in old.arrays.items()}))
    after = run_predict_task(task)
    assert after.provenance.inputs["model"] == sha256(folder / ARRAYS) != before.provenance.inputs["model"]
    assert np.abs(after.track.values - before.track.values).max() > 1e-3
