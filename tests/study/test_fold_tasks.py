"""The folds of a study: each is an item of its own, on every executor with the same bytes, and nothing is lost."""

import pickle
from collections.abc import Iterator
from dataclasses import fields
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from test_runner import Quiet

from evoked.core.errors import WorkerError
from evoked.core.expressions import EEV5
from evoked.core.provenance import Provenance
from evoked.core.step_outcome import StepOutcome
from evoked.core.study_layout import StudyLayout
from evoked.core.tables import read_provenance
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.dataset.labels import Labels, write_labels
from evoked.features.extract import Features
from evoked.features.files import read_features, write_features
from evoked.learning.training.model_folder import train_model
from evoked.parallel.pool import Done, Failed, Pool, SerialPool
from evoked.parallel.processes import ProcessPool
from evoked.prediction.predictor import load_model, predict_features
from evoked.prediction.writers import read_predictions
from evoked.study.build_records import StepRecords
from evoked.study.plan import PlannedItem, Planner
from evoked.study.prediction_jobs import load_study_examples
from evoked.study.prediction_steps import PredictionSteps
from evoked.study.run import remove_stale
from evoked.study.runner import Runner, Work, run_work
from evoked.study.settings import read_settings
from evoked.weights.cache import Cache

CONTENTS = ("a.mp4", "b.mp4", "c.mp4", "d.mp4")
SECONDS = 20
TOML = """\
note = "staged: these people did not watch this film"
[model]
image_units = 4
face_units = 2
audio_units = 3
window_s = 4
[train]
epochs = 2
threads = 1
{train}
[folds]
count = {count}
seed = {seed}
[evaluate]
resamples = 20
time_shifts = 5
[report]
video = "none"
"""


def settings(root: Path, count: int = 3, seed: int = 0, train: str = "") -> None:
    (root / "study.toml").write_text(TOML.format(count=count, seed=seed, train=train))


def write_study(root: Path) -> StudyLayout:
    """Features and labels of four contents, as the steps before leave them."""
    layout, random, labels = StudyLayout(root, CONTENTS, ()), np.random.default_rng(5), {}
    grid, every = TimeGrid(Fraction(1), SECONDS), np.ones(SECONDS, bool)

    def track(name: str, width: int) -> Track:
        return Track.masked(
            grid, tuple(f"{name}{i}" for i in range(width)), random.normal(size=(SECONDS, width)), every
        )

    for content in CONTENTS:
        found = Features(track("image", 5), track("face", 4), np.ones((SECONDS, 2), bool), track("audio", 3))
        write_features(layout.features(content), found, Provenance("features", {"side": 640}, {}, {"net": "22"}))
        shown = (random.random((SECONDS, len(EEV5))) < 0.4).astype(np.float32)
        labels[content] = Labels(Track.masked(grid, EEV5, shown, every), np.ones(SECONDS, np.int64))
    write_labels(layout.labels, labels, Provenance("label"))
    settings(root)
    return layout


@pytest.fixture
def layout(tmp_path: Path) -> StudyLayout:
    return write_study(tmp_path / "study")


def learn(layout: StudyLayout, executor: Pool | None = None) -> Runner:
    """Run the steps after the features as a study does, and remove what is stale."""
    runner = Runner(StepRecords(layout.results), Quiet(), executor)
    steps = PredictionSteps(layout, read_settings(layout.root), runner, Cache())
    steps.learn(layout.contents)
    items = [*runner.items, *(StepOutcome("features", name, "kept") for name in layout.contents)]
    items.append(StepOutcome("label", "", "kept"))
    for path, place in remove_stale(layout, runner.records, items, runner.outputs):
        runner.set_aside(path, place)
    runner.records.write_items(runner.items)
    steps.report({"failed": [[item.step, item.name, item.reason] for item in runner.failed]})
    return runner


def states(runner: Runner) -> dict[str, str]:
    return {f"{item.step} {item.name}".strip(): item.state for item in runner.items}


def result_bytes(layout: StudyLayout) -> dict[str, bytes]:
    files = [p for p in sorted(layout.results.rglob("*")) if p.is_file()]
    names = {str(p.relative_to(layout.results)): p.read_bytes() for p in files}
    return {name: content for name, content in names.items() if not name.startswith(("state/", "set_aside/"))}


FOLDS = [f"hold out fold-{number}" for number in range(3)]


@pytest.mark.full
def test_folds_in_processes_give_the_bytes_of_a_serial_run(tmp_path: Path) -> None:
    results = {}
    for name, executor in (("here", None), ("serial", SerialPool()), ("processes", ProcessPool(2))):
        layout = write_study(tmp_path / name / "study")
        assert set(states(learn(layout, executor)).values()) == {"done"}
        results[name] = result_bytes(layout)
    assert {"folds/fold-2/model.safetensors", "predictions/d.mp4.parquet", "scores.json"} <= results["here"].keys()
    assert results["here"] == results["serial"] == results["processes"]


def test_each_fold_is_an_item_with_its_own_model_and_predictions(layout: StudyLayout) -> None:
    runner = learn(layout)
    assert list(states(runner)) == [*FOLDS, "evaluate", "train", "report"]
    held_out = []
    for number in range(3):
        model, *_, prediction = runner.outputs["hold out", f"fold-{number}"]
        assert model == layout.folds / f"fold-{number}" / "model.safetensors"
        fold = (read_provenance(prediction) or {})["config"]["fold"]
        assert fold["number"] == number
        assert not set(fold["train"]) & set(fold["held_out"])
        held_out += fold["held_out"]
    assert sorted(held_out) == list(CONTENTS)
    assert not list(layout.training_state.glob("fold-*/*"))  # nothing is left to resume from
    assert set(states(learn(layout)).values()) == {"kept"}


class Recording(Runner):
    """Keeps the works that it does."""

    def __init__(self, records: StepRecords) -> None:
        super().__init__(records, Quiet())
        self.works: list[Work] = []

    def do(self, work: Work) -> bool:
        self.works.append(work)
        return super().do(work)


def test_every_task_survives_pickling_and_gives_the_same_bytes_in_another_process(layout: StudyLayout) -> None:
    runner = Recording(StepRecords(layout.results))
    steps = PredictionSteps(layout, read_settings(layout.root), runner, Cache())
    steps.learn(CONTENTS)
    steps.report({})
    assert [work.step for work in runner.works] == ["hold out"] * 3 + ["evaluate", "train", "report"]
    for work in runner.works:
        assert isinstance(work.do, partial)
        (task,) = work.do.args
        assert pickle.loads(pickle.dumps(task)) == task
        with pytest.raises(AttributeError):  # frozen
            setattr(task, fields(task)[0].name, None)

    before = {path: path.read_bytes() for work in runner.works for path in work.outputs}
    for path in before:
        path.unlink()
    for outcome in ProcessPool(1).run(run_work, runner.works):  # one process, which has seen nothing of this one
        assert isinstance(outcome, Done), outcome
    assert {path: path.read_bytes() for path in before} == before


class InterruptedAfterOne(SerialPool):
    """Is interrupted after its first item."""

    def run(self, work, items) -> Iterator[Done[Work, str] | Failed[Work]]:  # type: ignore[no-untyped-def,override]
        yield next(iter(super().run(work, items)))
        raise KeyboardInterrupt


def test_a_finished_fold_is_kept_when_another_is_interrupted(layout: StudyLayout) -> None:
    with pytest.raises(KeyboardInterrupt):
        learn(layout, InterruptedAfterOne())
    assert list(states(learn(layout)).values()) == ["kept", "done", "done", "done", "done", "done"]


class SecondFails(SerialPool):
    """Its second item dies."""

    def run(self, work, items) -> Iterator[Done[Work, str] | Failed[Work]]:  # type: ignore[no-untyped-def,override]
        for number, outcome in enumerate(super().run(work, items)):
            yield Failed(outcome.item, WorkerError("killed by SIGKILL")) if number == 1 else outcome


def test_a_fold_that_fails_leaves_the_others_and_no_scores(layout: StudyLayout) -> None:
    learn(layout)
    (layout.root / "study.toml").write_text(
        (layout.root / "study.toml").read_text().replace("epochs = 2", "epochs = 3")
    )
    runner = learn(layout, SecondFails())
    assert states(runner) == {
        FOLDS[0]: "done",
        FOLDS[1]: "failed",
        FOLDS[2]: "done",
        "train": "done",
        "report": "done",
    }
    of_fold = {n: runner.outputs["hold out", f"fold-{n}"] for n in range(3)}
    assert [[path.exists() for path in of_fold[n]] for n in (0, 2)] == [[True] * len(of_fold[n]) for n in (0, 2)]
    assert not any(path.exists() for path in of_fold[1])
    assert not layout.scores.exists()
    assert "There are no scores: killed by SIGKILL" in layout.report.read_text()
    again = states(learn(layout))
    assert [again[fold] for fold in FOLDS] == ["kept", "done", "kept"]


def test_folds_that_change_and_come_back_cost_no_training(layout: StudyLayout) -> None:
    assignments = {"one": {"seed": 0}, "two": {"seed": 3}, "fewer": {"count": 2}}
    first: dict[str, dict[str, bytes]] = {}
    for name in ("one", "two", "one", "fewer", "one"):
        settings(layout.root, **assignments[name])
        runner = learn(layout)
        folds = {state for item, state in states(runner).items() if item.startswith("hold out")}
        assert folds == ({"kept"} if name in first else {"done"})
        results = {n: b for n, b in result_bytes(layout).items() if n.startswith(("folds/", "predictions/"))}
        assert len(results) == 3 * assignments[name].get("count", 3) + len(CONTENTS)  # none of folds that are gone
        assert first.setdefault(name, results) == results
    assert first["one"]["predictions/a.mp4.parquet"] != first["two"]["predictions/a.mp4.parquet"]


@pytest.mark.parametrize("folder", ["fold-0", "fold-2"])
@pytest.mark.parametrize("moment", ["before", "after", "when there are fewer"])
def test_a_file_of_the_users_in_the_folds_is_set_aside(layout: StudyLayout, folder: str, moment: str) -> None:
    if moment != "before":
        learn(layout)
        settings(layout.root, seed=3, count=2 if moment == "when there are fewer" else 3)
    place = layout.folds / folder
    place.mkdir(parents=True, exist_ok=True)
    for name in ("model.json", "notes.txt", "training.safetensors"):
        (place / name).write_text(f"my {name}")

    runner = learn(layout)

    assert (place / "notes.txt").read_text() == "my notes.txt"
    assert (place / "training.safetensors").read_text() == "my training.safetensors"
    aside = layout.results / "set_aside" / "1" / "folds" / folder / "model.json"
    assert aside.read_text() == "my model.json"
    assert [(i.name, i.state) for i in runner.items if i.step == "set aside"] == [("model.json", "left out")]
    assert (place / "model.json").exists() == (moment != "when there are fewer" or folder == "fold-0")


def test_what_a_killed_fold_left_half_written_is_removed(layout: StudyLayout) -> None:
    learn(layout)
    half = layout.folds / "fold-1" / ".model.safetensors.123.part.safetensors"
    half.write_bytes(b"half")
    learn(layout)
    assert not half.exists()
    assert (layout.folds / "fold-1" / "model.safetensors").exists()


def test_a_dry_run_lists_each_fold_and_what_would_be_removed(layout: StudyLayout) -> None:
    learn(layout)
    settings(layout.root, count=2)
    before = result_bytes(layout)
    planner = Planner(StepRecords(layout.results, read_only=True))
    planner.planned = [
        *(PlannedItem("features", name, "kept") for name in CONTENTS),
        PlannedItem("label", "", "kept"),
        PlannedItem("evaluate", "", "kept"),
    ]
    steps = PredictionSteps(layout, read_settings(layout.root), planner, Cache())
    steps.learn(CONTENTS)
    planner.remove_stale(layout)
    why = {i.name: i.why for i in planner.to_do("hold out")}
    assert set(why) == {"fold-0", "fold-1"}
    assert all("setting folds.count: 3 -> 2" in reason for reason in why.values())
    removed = [i.why.partition(": ")[0] for i in planner.planned if i.state == "to remove"]
    assert removed == [f"results/folds/fold-2/{n}" for n in ("history.csv", "model.json", "model.safetensors")]
    assert result_bytes(layout) == before


class Refuses(SerialPool):
    """A pool that must not be used."""

    def run(self, work, items):  # type: ignore[no-untyped-def,override]
        raise AssertionError("a training on several devices has them to itself")


def test_trainings_on_several_devices_run_one_after_another_in_this_process(layout: StudyLayout) -> None:
    settings(layout.root, count=2, train="devices = 2")

    class Counting(Recording):
        def do(self, work: Work) -> bool:
            self.works.append(work)
            return True

    runner = Counting(StepRecords(layout.results))
    runner._executor = Refuses()
    PredictionSteps(layout, read_settings(layout.root), runner, Cache()).hold_out(CONTENTS, {})
    assert [work.name for work in runner.works] == ["fold-0", "fold-1"]


def test_features_that_cannot_be_read_fail_the_step_and_not_the_run(layout: StudyLayout) -> None:
    layout.features("b.mp4").write_bytes(b"damaged")
    runner = learn(layout)
    failed = [item for item in runner.items if item.state == "failed"]
    assert [item.step for item in failed] == ["hold out", "train"]
    assert all("b.mp4.safetensors" in item.reason and "\n" not in item.reason for item in failed)


def test_a_held_out_prediction_equals_the_commands_train_and_predict(layout: StudyLayout, tmp_path: Path) -> None:
    """What `evoked train` writes for the fold's training contents predicts what the study predicted, bit by bit."""
    runner = learn(layout)
    *_, table = runner.outputs["hold out", "fold-0"]
    fold = (read_provenance(table) or {})["config"]["fold"]
    loaded = load_study_examples(layout.labels, layout.features_folder, fold["train"])
    chosen, model = read_settings(layout.root), tmp_path / "model"
    train_model(model, loaded, chosen.model, chosen.train, inputs={}, state=tmp_path / "state")
    for content in fold["held_out"]:
        by_command = predict_features(load_model(model, 1), read_features(layout.features(content)))
        by_study = read_predictions(layout.prediction(content))
        assert by_command.values.tobytes() == by_study.values.tobytes()
        assert by_command.valid.tolist() == by_study.valid.tolist()
