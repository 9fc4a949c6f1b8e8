"""Going on equals not stopping, to the bit; whatever happens, the last good state survives."""

import csv
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from planted import World, videos

from evoked.core.errors import CheckpointError, OutputError
from evoked.core.provenance import Provenance
from evoked.learning.training.config import TrainConfig
from evoked.learning.training.model_folder import write_model
from evoked.learning.training.resume import FILE
from evoked.learning.training.train import Trained, train
from evoked.model.checkpoint import load_checkpoint
from evoked.model.config import ModelSettings
from evoked.model.stored import read_arrays, write_arrays

SMALL = ModelSettings(image_units=8, face_units=6, audio_units=8, window_s=6)
CONFIG = TrainConfig(
    epochs=5, threads=1, checkpoint_every_s=0.0, learning_rate=3e-3, runs_per_batch=4, windows_per_run=8
)
EXAMPLES = videos(World(), 4, 40)


class Enough(Exception):
    pass


def cut_off(folder: Path, after: int, config: TrainConfig = CONFIG, validation: bool = False) -> None:
    """Train until `after` steps are done and saved, then break off in the middle of the next."""

    def stop(done: float, total: float | None, note: str = "") -> None:
        if done > after:
            raise Enough

    with pytest.raises(Enough):
        train(EXAMPLES, SMALL, config, state=folder, progress=stop, validation=HELD_OUT if validation else ())


HELD_OUT = videos(World(), 2, 40, seed=4)


def steps_of(folder: Path, config: TrainConfig = CONFIG, **more: object) -> tuple[Trained, list[float]]:
    told: list[float] = []
    trained = train(
        EXAMPLES, SMALL, config, state=folder, progress=lambda done, total, note="": told.append(done), **more
    )  # type: ignore[arg-type]
    return trained, told


def same(one: Trained, other: Trained) -> bool:
    arrays = [t.checkpoint.arrays for t in (one, other)]
    return one.history == other.history and all(np.array_equal(arrays[0][n], arrays[1][n]) for n in arrays[0])


@pytest.mark.parametrize("after", [1, 5, 6, 13])  # 6 steps make an epoch here, or a few less or more
def test_going_on_equals_not_stopping(tmp_path: Path, after: int) -> None:
    whole = train(EXAMPLES, SMALL, CONFIG)

    cut_off(tmp_path, after)
    resumed, told = steps_of(tmp_path)

    assert told[0] == after + 1  # no step is taken twice
    assert same(whole, resumed)


def test_it_may_stop_many_times_and_with_validation(tmp_path: Path) -> None:
    whole = train(EXAMPLES, SMALL, CONFIG, validation=HELD_OUT)

    for after in (2, 4, 9, 15):
        cut_off(tmp_path, after, validation=True)
    resumed, _ = steps_of(tmp_path, validation=HELD_OUT)

    assert same(whole, resumed)
    assert resumed.checkpoint.training["best_epoch"] == whole.checkpoint.training["best_epoch"]


def test_what_is_finished_is_not_done_again_and_more_epochs_go_on(tmp_path: Path) -> None:
    first, told = steps_of(tmp_path)
    again, nothing = steps_of(tmp_path)
    longer, more = steps_of(tmp_path, replace(CONFIG, epochs=7))

    assert nothing == []
    assert same(first, again)
    assert more[0] == told[-1] + 1
    assert same(longer, train(EXAMPLES, SMALL, replace(CONFIG, epochs=7)))


def test_the_state_of_other_work_is_not_gone_on_from(tmp_path: Path) -> None:
    steps_of(tmp_path)
    labels = EXAMPLES[0].labels.copy()
    labels[np.flatnonzero(EXAMPLES[0].valid)[0], 0] = 1 - labels[np.flatnonzero(EXAMPLES[0].valid)[0], 0]
    changed = [replace(EXAMPLES[0], labels=labels), *EXAMPLES[1:]]

    trained = train(changed, SMALL, CONFIG, state=tmp_path)

    assert same(trained, train(changed, SMALL, CONFIG))


@pytest.mark.parametrize("change", [{"learning_rate": 1e-3}, {"seed": 5}, {"dropout": 0.1}])
def test_other_settings_are_other_work(tmp_path: Path, change: dict[str, float]) -> None:
    cut_off(tmp_path, 4)
    model = replace(SMALL, **change) if "dropout" in change else SMALL  # type: ignore[arg-type]
    config = CONFIG if "dropout" in change else replace(CONFIG, **change)  # type: ignore[arg-type]
    told: list[float] = []

    train(EXAMPLES, model, config, state=tmp_path, progress=lambda done, total, note="": told.append(done))

    assert told[0] == 1


def test_a_killed_process_leaves_a_state_to_go_on_from(tmp_path: Path) -> None:
    code = f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_train_resume import *
        def tell(done, total, note=""):
            print(done, flush=True)
        train(EXAMPLES, SMALL, replace(CONFIG, epochs=1000), state=Path({str(tmp_path)!r}), progress=tell)
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) == 9:
            time.sleep(0.013)  # somewhere in a step or in a saving
            os.kill(process.pid, signal.SIGKILL)
            break
    process.wait()
    process.stdout.close()

    resumed, told = steps_of(tmp_path)

    assert 9 <= told[0] <= 40
    assert same(resumed, train(EXAMPLES, SMALL, CONFIG))


def test_a_full_disk_ends_training_and_leaves_the_last_state(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    cut_off(tmp_path, 4)
    before = (tmp_path / FILE).read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # no file may grow beyond 1000 bytes
    try:
        with pytest.raises(OutputError, match="cannot write"):
            train(EXAMPLES, SMALL, CONFIG, state=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)

    assert (tmp_path / FILE).read_bytes() == before
    assert same(steps_of(tmp_path)[0], train(EXAMPLES, SMALL, CONFIG))


@pytest.mark.parametrize("keep", [0, 50, 3000])
def test_a_damaged_state_is_said(tmp_path: Path, keep: int) -> None:
    cut_off(tmp_path, 4)
    file = tmp_path / FILE
    file.write_bytes(file.read_bytes()[:keep])

    with pytest.raises(
        CheckpointError, match=r"safetensors is damaged or cut short.*Delete it to train from the start$"
    ):
        train(EXAMPLES, SMALL, CONFIG, state=tmp_path)


def test_the_state_of_a_newer_program_is_not_thrown_away(tmp_path: Path) -> None:
    cut_off(tmp_path, 4)
    arrays, text = read_arrays(tmp_path / FILE)
    write_arrays(tmp_path / FILE, arrays, json.dumps(json.loads(text) | {"format": 99}))
    before = (tmp_path / FILE).read_bytes()

    with pytest.raises(CheckpointError, match=r"written by a newer evoked \(format 99.*Update evoked to resume"):
        train(EXAMPLES, SMALL, CONFIG, state=tmp_path)

    assert (tmp_path / FILE).read_bytes() == before


def test_the_model_and_its_history_are_written(tmp_path: Path) -> None:
    trained = train(EXAMPLES, SMALL, CONFIG, validation=HELD_OUT)

    write_model(tmp_path, trained, {"image": {"net": "n", "sha256": "0"}}, Provenance("train", {"epochs": 5}))

    model = load_checkpoint(tmp_path)
    assert all(np.array_equal(a, model.arrays[n]) for n, a in trained.checkpoint.arrays.items())
    assert model.features == {"image": {"net": "n", "sha256": "0"}}
    assert model.provenance["made_by"] == "train"
    with (tmp_path / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3, 4, 5]
    assert [float(row["loss"]) for row in rows] == [epoch.loss for epoch in trained.history]
    assert [float(row["validation_map"]) for row in rows] == [epoch.validation_map for epoch in trained.history]
