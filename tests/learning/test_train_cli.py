"""evoked train as it is typed: on folders, on a study, and with what cannot work."""

import json
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from planted import EXPRESSIONS, World, videos

import evoked
from evoked.cli.main import main
from evoked.core.errors import DatasetError
from evoked.core.provenance import Provenance
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.dataset.labels import Labels, write_labels
from evoked.features.extract import Features
from evoked.features.files import read_features, write_features
from evoked.model.checkpoint import load_checkpoint
from evoked.prediction.forward import Forward

STAGED = "staged: these people did not watch this film"
UNITS = ("--image-units", 8, "--face-units", 6, "--audio-units", 8)
SMALL = (*UNITS, "--window-s", 6, "--epochs", 2, "--threads", 1)


def write_video(folder: Path, seed: int) -> Labels:
    """Features of one planted video, as real ones are stored, and its labels."""
    example = videos(World(), 1, 40, seed)[0]
    grid, every = TimeGrid(Fraction(1), 40), np.ones(40, bool)

    def track(name: str) -> Track:
        names = tuple(f"{name}{i}" for i in range(example.widths[name]))
        return Track.masked(grid, names, example.features[name], every)

    faces = example.features["face"].reshape(40, 2, -1).any(axis=2)
    found = Features(track("image"), track("face"), faces, track("audio"))
    write_features(folder / f"v{seed}.mp4.safetensors", found, Provenance("features", {"side": 640}, {}, {"net": "22"}))
    labels = Track.masked(grid, EXPRESSIONS, example.labels, example.valid)
    return Labels(labels, np.full(40, 2, np.int64))


def write_all(features: Path, labels: Path, count: int = 4) -> None:
    found = {f"v{seed}.mp4": write_video(features, seed) for seed in range(count)}
    write_labels(labels, found, Provenance("vote", notes=(STAGED,)))


@pytest.fixture
def given(tmp_path: Path) -> list[object]:
    write_all(tmp_path / "features", tmp_path / "labels.parquet")
    return ["--features", tmp_path / "features", "--labels", tmp_path / "labels.parquet", "-o", tmp_path / "model"]


def run(capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch, *words: object) -> tuple[int, str, str]:
    patch.setattr(sys, "argv", ["evoked", "train", *map(str, words)])
    code = 0
    try:
        main()
    except SystemExit as left:
        code = int(left.code or 0)
    told = capsys.readouterr()
    return code, told.out, told.err


def test_a_model_comes_out_that_predicts(
    given: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = run(capsys, monkeypatch, *given, *SMALL)

    model = load_checkpoint(tmp_path / "model")
    assert (code, out) == (0, f"{tmp_path / 'model'}\n")
    assert f"note: {STAGED}" in err
    assert model.config.expressions == EXPRESSIONS
    assert model.config.window_s == 6
    assert model.features == {"nets": {"net": "22"}, "config": {"side": 640}}
    assert model.provenance["config"]["train"]["epochs"] == 2
    assert len(model.provenance["inputs"]) == 5
    assert len((tmp_path / "model" / "history.csv").read_text().splitlines()) == 3
    rows = read_features(tmp_path / "features" / "v0.mp4.safetensors").filled()
    p = Forward(model.config, model.arrays)(rows)
    assert p.shape == (40, 3)
    assert ((p > 0) & (p < 1)).all()


def test_another_architecture_by_name(
    given: list[object],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = (*given, *SMALL, "--epochs", 1, "--modalities", "image,audio")

    code, _, _ = run(capsys, monkeypatch, *words, "--architecture", "tcn")

    assert code == 0
    config = load_checkpoint(tmp_path / "model").config
    assert (config.architecture, [m.name for m in config.modalities]) == ("tcn", ["image", "audio"])
    assert run(capsys, monkeypatch, *given, *SMALL, "--architecture", "rnn")[0] == 2


def test_the_same_command_again_changes_no_byte(
    given: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(capsys, monkeypatch, *given, *SMALL)
    before = (tmp_path / "model" / "model.safetensors").read_bytes()

    assert run(capsys, monkeypatch, *given, *SMALL)[0] == 0

    assert (tmp_path / "model" / "model.safetensors").read_bytes() == before


def test_validation_and_json(
    given: list[object], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, _ = run(capsys, monkeypatch, *given, *SMALL, "--validate", "v1.mp4", "--patience", 1, "--json")

    told = json.loads(out)
    assert code == 0
    assert told["training"]["best_epoch"] in (1, 2)
    assert STAGED in told["notes"]


def test_a_study_is_trained_where_it_stands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("contents", "reactions"):  # training opens neither
        (tmp_path / name).mkdir()
        (tmp_path / name / "v0.mp4").touch()
    units = "image_units = 8\nface_units = 6\naudio_units = 8\nwindow_s = 6"
    (tmp_path / "study.toml").write_text(f"[model]\n{units}\n[train]\nepochs = 2\nthreads = 1\n")
    write_all(tmp_path / "results" / "features", tmp_path / "results" / "labels.parquet")

    code, out, err = run(capsys, monkeypatch, tmp_path)

    assert (code, out) == (0, f"{tmp_path / 'results' / 'model'}\n"), err
    assert load_checkpoint(tmp_path / "results" / "model").training["epochs"] == 2
    before = (tmp_path / "results" / "model" / "model.safetensors").stat().st_mtime_ns
    assert run(capsys, monkeypatch, tmp_path)[0] == 0
    assert (tmp_path / "results" / "model" / "model.safetensors").stat().st_mtime_ns == before  # kept


def test_a_labelled_content_of_a_study_that_has_no_features_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("contents", "reactions"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "v0.mp4").touch()
    (tmp_path / "study.toml").write_text("[model]\nwindow_s = 6\n[train]\nepochs = 1\nthreads = 1\n")
    write_all(tmp_path / "results" / "features", tmp_path / "results" / "labels.parquet")
    (tmp_path / "results" / "features" / "v2.mp4.safetensors").unlink()

    code, _, err = run(capsys, monkeypatch, tmp_path)

    assert code == 0
    assert "note: labelled but without features, left out: v2.mp4" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "give a STUDY, or --features DIR, --labels FILE and -o DIR"),
        (("--features", "x"), "give a STUDY, or --features DIR"),
        (("here", "--epochs", "3"), "settings of a study are in its study.toml; leave out epochs"),
    ],
)
def test_wrong_use_is_exit_2(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = run(capsys, monkeypatch, *words)

    assert code == 2
    assert said in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--patience", 2), "--patience needs a validation video"),
        (("--validate", "v9.mp4"), "no features and labels of v9.mp4"),
        (("--dropout", 1.5), "dropout must be below 1"),
        (("--precision", "f8"), "'f8' is not one of 'f32', 'bf16'"),
    ],
)
def test_settings_that_cannot_be_are_exit_2(
    given: list[object],
    words: tuple[object, ...],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code, _, err = run(capsys, monkeypatch, *given, *SMALL, *words)

    assert code == 2
    assert said in err


def test_files_that_cannot_be_used_are_one_line_and_exit_1(
    given: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "features" / "v1.mp4.safetensors"
    file.write_bytes(file.read_bytes()[:500])

    code, out, err = run(capsys, monkeypatch, *given, *SMALL)

    assert (code, out) == (1, "")
    assert "v1.mp4.safetensors" in err.strip().splitlines()[-1]
    assert "Traceback" not in err
    assert not (tmp_path / "model" / "model.json").exists()


def test_without_torch_it_says_how_to_get_it(
    given: list[object], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evoked.core.extras.importlib.util.find_spec", lambda name: None)

    code, _, err = run(capsys, monkeypatch, *given)

    assert code == 1
    assert "pip install 'evoked[train]'" in err


def test_settings_from_a_toml_file_and_what_is_typed_goes_before(
    given: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.toml").write_text(
        '[model]\nmodalities = ["audio"]\naudio_units = 8\nwindow_s = 5\n'
        "[train]\nepochs = 3\nlearning_rate = 1\nthreads = 1\n"
    )

    code, _, err = run(capsys, monkeypatch, *given, "--config", tmp_path / "own.toml", "--learning-rate", 0.001)

    model = load_checkpoint(tmp_path / "model")
    assert code == 0, err
    assert [m.name for m in model.config.modalities] == ["audio"]
    assert (model.config.window_s, model.training["epochs"], model.training["learning_rate"]) == (5, 3, 0.001)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[train]\nepoch = 3", "[train]: no setting 'epoch'; there are: epochs"),
        ("[train]\nepochs = 'many'", "[train]: epochs must be a whole number, got 'many'"),
        ("[model]\ndropout = 2.0", "dropout must be below 1.0, got 2.0"),
        ("[votes]", "no section [votes]; there are: model, train"),
        ("epochs = 3", "no section [epochs]"),
        ("[train", "cannot be used"),
        (None, "No such file"),
    ],
)
def test_a_toml_file_that_cannot_be_used(
    text: str | None,
    said: str,
    given: list[object],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if text is not None:
        (tmp_path / "own.toml").write_text(text)

    code, _, err = run(capsys, monkeypatch, *given, "--config", tmp_path / "own.toml")

    assert code == 1
    assert "own.toml cannot be used" in err
    assert said in err


def test_a_split_says_what_trains_and_what_is_scored(
    given: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "split.csv"
    table.write_text("video,part\nv0.mp4,train\nv1.mp4,train\nv2.mp4,val\nv3.mp4,test\n")
    assert run(capsys, monkeypatch, *given, *SMALL, "--split", table, "--validate", "v0.mp4")[0] == 2
    code, _, err = run(capsys, monkeypatch, *given, *SMALL, "--split", table)
    assert code == 0
    assert "note: split: 2 videos train, 1 validate, 1 test and are not seen" in err
    made = json.loads((tmp_path / "model" / "model.json").read_text())["provenance"]
    assert made["config"]["validate"] == ["v2.mp4"]
    assert sorted(made["inputs"]) == [
        "labels.parquet",
        "split.csv",
        *(f"v{i}.mp4.safetensors" for i in range(3)),
    ]

    labels, features = tmp_path / "labels.parquet", tmp_path / "features"
    words = ["evoked", "evaluate", "--labels", labels, "--model", tmp_path / "model", "--features", features]
    monkeypatch.setattr(sys, "argv", [*map(str, words), "--split", str(table), "--resamples", "5", "--json"])
    with pytest.raises(SystemExit, match="0"):
        main()
    scored = json.loads(capsys.readouterr().out)
    assert scored["videos"] == ["v3.mp4"]
    assert "the part test of split.csv: 1 videos" in scored["notes"]
    assert not any(note.startswith("NOT HELD OUT") for note in scored["notes"])
    by_api = evoked.evaluate(labels, model=tmp_path / "model", features=features, split=table, part="test", resamples=5)
    assert [row.ap for row in by_api.rows] == [row["ap"] for row in scored["rows"]]
    table.write_text("video,part\nv0.mp4,train\n")
    with pytest.raises(DatasetError, match="the split has no video here in the part test"):
        evoked.evaluate(labels, model=tmp_path / "model", features=features, split=table)
