"""The transfer experiment on planted movies in the real annotation format, through the command line."""

import json
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from planted import World, video, videos
from scipy.stats import pearsonr

from evoked.cli.main import main
from evoked.core.provenance import Provenance
from evoked.core.tables import read_table
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.dataset.examples import Example
from evoked.features.extract import Features
from evoked.features.files import write_features
from evoked.learning.evaluation.affect_scores import AffectConfig
from evoked.learning.experiments.transfer import MEAN, SCRATCH, TRANSFER, Outcome, TransferConfig, transfer
from evoked.learning.training.config import TrainConfig
from evoked.learning.training.model_folder import write_model
from evoked.learning.training.train import Trained, train
from evoked.model.config import ModelSettings
from evoked.prediction.predictor import load_model, prediction_track

WORLD = World(noise=1.0)
SETTINGS = ModelSettings(image_units=8, face_units=8, audio_units=16, window_s=8, dropout=0.1)
QUICK = TrainConfig(epochs=8, learning_rate=3e-3, threads=1)
SECONDS = 80


def loudness(best: np.ndarray) -> np.ndarray:
    """What viewers of the planted movies felt: valence as loud as it was lately, arousal likewise and reversed."""
    return np.stack([1.4 * best[:, 0] - 0.6, 0.5 - best[:, 0]], axis=1).clip(-1, 1).astype(np.float32)


def felt(name: str, seed: int) -> tuple[Example, np.ndarray]:
    example, best = video(WORLD, name, SECONDS, seed)
    return example, loudness(best)


@pytest.fixture(scope="module")
def content_model() -> Trained:
    """A model that has learnt expressions from thirty planted videos."""
    return train(videos(WORLD, 30, SECONDS), SETTINGS, replace(QUICK, epochs=12))


def run(model: Trained, head: str = "identity", training: TrainConfig = QUICK, state: Path | None = None) -> Outcome:
    movies = {}
    for i in range(12):
        example, y = felt(f"movie{i:02d}", 300 + i)
        movies[example.video] = replace(
            example, labels=np.where(example.valid[:, None], y, 0), expressions=("valence", "arousal"), values=True
        )
    parts = ["train"] * 4 + ["validate"] * 2 + ["test"] * 6
    split = dict(zip(movies, parts, strict=True))
    configs = (TransferConfig(head=head), training, AffectConfig(resamples=200))
    return transfer(model.checkpoint, movies, split, configs, state=state)


def value(found: Outcome, way: str, score: str, quantity: str = "valence") -> float:
    (line,) = [x for x in found.lines if (x.way, x.quantity, x.score) == (way, quantity, score)]
    assert line.value is not None
    return line.value


def test_what_was_learnt_from_expressions_helps_where_movies_are_few(content_model: Trained) -> None:
    found = run(content_model)
    for quantity in ("valence", "arousal"):
        assert value(found, TRANSFER, "r", quantity) > value(found, SCRATCH, "r", quantity) + 0.1
        assert value(found, TRANSFER, "mse", quantity) < value(found, MEAN, "mse", quantity)
    (gained,) = [x for x in found.lines if (x.way, x.quantity, x.score) == (TRANSFER, "valence", "r")]
    assert gained.gain_low is not None
    assert gained.gain_low > 0, "the whole interval over movies says that transfer helps"


def test_the_sigmoid_head_learns_on_its_own_scale(content_model: Trained) -> None:
    found = run(content_model, "sigmoid", replace(QUICK, epochs=30))  # σ begins far from the mean
    for quantity in ("valence", "arousal"):
        assert value(found, TRANSFER, "r", quantity) > 0.5
        assert value(found, TRANSFER, "mse", quantity) < value(found, MEAN, "mse", quantity)
    assert all(np.abs(y).max() <= 1 for movies in found.predictions.values() for y in movies.values())


def test_it_goes_on_where_it_stopped(content_model: Trained, tmp_path: Path) -> None:
    whole, kept = run(content_model), run(content_model, state=tmp_path)
    again = run(content_model, state=tmp_path)
    assert [line.value for line in whole.lines] == [line.value for line in kept.lines]
    assert [line.value for line in kept.lines] == [line.value for line in again.lines]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["from-scratch-0", "transfer-0"]


def written(folder: Path, name: str, seed: int, rows: int = SECONDS) -> None:
    """A movie as a user has it: annotations in MediaEval 2018's format, and a feature file."""
    example, y = felt(name, seed)
    lines = [f"{t}\t{v:.4f}\t{a:.4f}" for t, (v, a) in enumerate(y[:rows])]
    place = folder / "annotations" / f"{name}_Valence-Arousal.txt"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("\n".join(["Time\tValence\tArousal", *lines]) + "\n")
    grid, every = TimeGrid(Fraction(1), SECONDS), np.ones(SECONDS, dtype=np.bool_)
    tracks = {
        n: Track.masked(grid, tuple(f"{n}_{i}" for i in range(f.shape[1])), f.astype(np.float32), every)
        for n, f in example.features.items()
    }
    faces = (example.features["face"].reshape(SECONDS, 2, -1) != 0).any(axis=2)
    described = Features(tracks["image"], tracks["face"], faces, tracks["audio"])
    write_features(
        folder / "features" / f"{name}.safetensors", described, Provenance("features", inputs={name: "0" * 64})
    )


def evoked(*words: object) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["evoked", *map(str, words)])
        try:
            main()
        except SystemExit as ended:
            return int(ended.code or 0)
    return 0


@pytest.fixture
def liris(content_model: Trained, tmp_path: Path) -> tuple[Path, Path]:
    for number in (0, 1, 14, 15, 16, 46, 54, 55, 56):
        written(tmp_path / "liris", f"MEDIAEVAL18_{number:02d}", 300 + number, rows=62 if number == 46 else SECONDS)
    written(tmp_path / "liris", "MEDIAEVAL18_57", 400, rows=9)
    (tmp_path / "liris" / "features" / "MEDIAEVAL18_56.safetensors").unlink()
    (tmp_path / "liris" / "annotations" / "MEDIAEVAL18_55_Valence-Arousal.txt").unlink()
    write_model(tmp_path / "model", content_model, {"nets": {}, "config": {}}, Provenance("train"))
    return tmp_path / "model", tmp_path / "liris"


def test_the_command_ends_in_table_4_and_names_what_it_leaves_out(
    liris: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, folder = liris
    out = tmp_path / "out"
    words = ("--features", folder / "features", "--epochs", 2, "--threads", 1, "--resamples", 50)

    code = evoked("transfer", model, folder, "-o", out, *words)

    told = capsys.readouterr()
    assert code == 0, told.err
    for title in ("V-MSE", "A-MSE", "V-r", "A-r", "V-r by video"):
        assert title in told.out
    assert "movies: 4 to train, 2 to validate, 1 to test" in told.out
    assert "1 test movies: intervals over so few are too narrow" in told.err
    assert "MEDIAEVAL18_57: 9 seconds with a value; a video needs 60" in told.err
    assert "left out: annotated but without a movie: MEDIAEVAL18_56" in told.err
    assert "left out: movies without annotations: MEDIAEVAL18_55.safetensors" in told.err
    assert "MEDIAEVAL18_46: features 80 s and affect 62 s: cut to 62 s" in told.err

    table = read_table(out / "predictions" / "MEDIAEVAL18_54.parquet", ("time_s", "valence", "valence_transfer"))
    assert len(table["time_s"]) == SECONDS
    saved = json.loads((out / "transfer.json").read_text())
    assert saved["provenance"]["made_by"] == "transfer"
    assert len(saved["provenance"]["inputs"]) == 8
    page = (out / "movies.html").read_text()
    assert "MEDIAEVAL18_54" in page
    assert page.count("<svg") == 2 * 3  # a test movie and two validation movies
    assert "split at random" not in told.err
    fine = load_model(out / "model")
    assert fine.expressions == ("valence", "arousal")
    own = prediction_track(fine.forward, felt("MEDIAEVAL18_54", 354)[0].features).values[:, 0]
    np.testing.assert_allclose(own, table["valence_transfer"], atol=1e-5)


def test_development_movies_alone_are_split_as_in_the_paper(
    liris: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The paper's situation: 00-13 validate and are scored, 14-53 train, the test movies have no annotations."""
    model, folder = liris
    for path in (folder / "annotations").glob("MEDIAEVAL18_5?_*.txt"):
        path.unlink()
    out = tmp_path / "out"
    words = ("--features", folder / "features", "--epochs", 2, "--threads", 1, "--resamples", 50)

    assert evoked("transfer", model, folder, "-o", out, *words) == 0

    told = capsys.readouterr()
    assert "note: no test movies: the scores are those of the validation movies" in told.err
    assert "note: the epoch was chosen on the validation movies" in told.err
    assert "at random" not in told.err
    saved = json.loads((out / "transfer.json").read_text())
    assert saved["movies"] == {
        "train": ["MEDIAEVAL18_14", "MEDIAEVAL18_15", "MEDIAEVAL18_16", "MEDIAEVAL18_46"],
        "validate": ["MEDIAEVAL18_00", "MEDIAEVAL18_01"],
        "test": [],
    }
    assert saved["scored_part"] == "validate"
    assert saved["scores"] == saved["validation_scores"]
    page = (out / "movies.html").read_text()
    assert "Valence and arousal of 2 validation videos" in page
    for score in saved["video_scores"]:  # against scipy, on what was written for the figure
        if score["way"] == MEAN:
            assert score["r"] is None
            continue
        table = read_table(out / "predictions" / f"{score['video']}.parquet")
        true, predicted = table[score["quantity"]], table[f"{score['quantity']}_{score['way'].replace(' ', '_')}"]
        assert score["r"] == pytest.approx(pearsonr(predicted, true).statistic, abs=1e-6)
        assert score["mse"] == pytest.approx(np.mean((np.array(predicted) - true) ** 2), abs=1e-6)
        assert f'<td class="n">{score["mse"]:.3f}</td>' in page
    assert len(saved["video_scores"]) == 2 * 3 * 2


def test_with_a_fixed_number_of_epochs_no_film_has_a_part_in_the_choice(
    liris: tuple[Path, Path], content_model: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, folder = liris
    out = tmp_path / "out"
    words = ("--features", folder / "features", "--epochs", 3, "--threads", 1, "--resamples", 10, "--fixed-epochs")

    assert evoked("transfer", model, folder, "-o", out, *words) == 0

    told = capsys.readouterr()
    assert "note: trained for 3 epochs, a number given beforehand" in told.err
    assert "the epoch was chosen on" not in told.err + told.out + (out / "movies.html").read_text()
    training = json.loads((out / "transfer.json").read_text())["training"]
    assert {way: (run["epochs_done"], run["best_epoch"]) for way, run in training.items()} == {
        SCRATCH: (3, None),
        TRANSFER: (3, None),
    }
    fixed = TransferConfig(fixed_epochs=True)
    films = {}
    for i, name in enumerate("abc"):
        example, y = felt(name, 7 + i)
        films[name] = replace(example, labels=y, expressions=("valence", "arousal"), values=True)
    arrays = []
    for validating in "bc":  # which films validate changes nothing
        split = {"a": "train", "b": "test", "c": "test"} | {validating: "validate"}
        configs = (fixed, replace(QUICK, epochs=2), AffectConfig(resamples=10))
        arrays.append(transfer(content_model.checkpoint, films, split, configs).trained[TRANSFER].checkpoint.arrays)
    for name, array in arrays[0].items():
        np.testing.assert_array_equal(array, arrays[1][name])


def test_a_split_of_ones_own_and_one_at_random(
    liris: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, folder = liris
    words = ("--features", folder / "features", "--epochs", 1, "--threads", 1, "--resamples", 10)
    table = tmp_path / "split.csv"
    parts = {"14": "Validation", "15": "train", "00": "train", "54": "test", "99": "test"}
    table.write_text("Video;Part\n" + "".join(f"MEDIAEVAL18_{n}.mp4;{part}\n" for n, part in parts.items()))

    assert evoked("transfer", model, folder, "-o", tmp_path / "a", *words, "--split", table) == 0
    told = capsys.readouterr().err
    assert "left out: not in split.csv: MEDIAEVAL18_01, MEDIAEVAL18_16, MEDIAEVAL18_46" in told
    assert "in split.csv, but not among the videos: MEDIAEVAL18_99.mp4" in told
    assert json.loads((tmp_path / "a" / "transfer.json").read_text())["movies"] == {
        "train": ["MEDIAEVAL18_00", "MEDIAEVAL18_15"],
        "validate": ["MEDIAEVAL18_14"],
        "test": ["MEDIAEVAL18_54"],
    }

    twin = folder / "features" / "MEDIAEVAL18_00.mp4.safetensors"
    twin.write_bytes((folder / "features" / "MEDIAEVAL18_00.safetensors").read_bytes())
    table.write_text("video,part\nMEDIAEVAL18_14,train\n")
    assert evoked("transfer", model, folder, "-o", tmp_path / "b", *words, "--split", table) == 1
    assert "no video to validate" in capsys.readouterr().err

    for path in (folder / "annotations").glob("MEDIAEVAL18_0?_*.txt"):
        path.unlink()
    assert evoked("transfer", model, folder, "-o", tmp_path / "c", *words) == 0
    told = capsys.readouterr().err
    assert "note: split at random, 60:15:25, seed 0: MediaEval 2018's 00-13" in told
    assert "left out: MEDIAEVAL18_00.safetensors, as MEDIAEVAL18_00.mp4.safetensors is the same movie" in told


def test_what_cannot_be_run_is_one_line(
    liris: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, folder = liris
    out = tmp_path / "out"
    for words, line in (
        ((model, tmp_path / "none", "-o", out), "no folder"),
        ((tmp_path / "none", folder, "-o", out), "no model in"),
        ((model, folder, "-o", out, "--features", tmp_path / "none"), "no folder"),
        ((model, folder, "-o", out), "has both annotations and features"),
    ):
        assert evoked("transfer", *words) == 1
        err = capsys.readouterr().err
        assert line in err
        assert "Traceback" not in err
    assert evoked("transfer", model, folder, "-o", out, "--head", "tanh") == 2
    wide = tmp_path / "liris" / "features" / "MEDIAEVAL18_00.safetensors"
    wide.write_bytes(wide.read_bytes()[:2000])
    assert evoked("transfer", model, folder, "-o", out, "--features", folder / "features", "--epochs", 1) == 1
    err = capsys.readouterr().err
    assert "MEDIAEVAL18_00.safetensors cannot be used" in err
    assert "1 movies could not be described or read; the reasons are above" in err
    assert (out / "transfer.json").is_file()  # of the others
