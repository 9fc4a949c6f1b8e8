"""evoked evaluate as it is typed, from predictions and from a model, against scikit-learn."""

import json
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from evoked.cli.main import main
from evoked.core.files import sha256
from evoked.core.provenance import Provenance
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.dataset.labels import Labels, write_labels
from evoked.features.extract import Features
from evoked.features.files import write_features
from evoked.model.checkpoint import Checkpoint, save_checkpoint
from evoked.model.config import ModelSettings, shapes
from evoked.prediction.predictor import load_model, predict_features
from evoked.prediction.writers import read_predictions, write_predictions

NAMES = ("amusement", "interest")
STAGED = "staged: these people did not watch this film"
FEATURES = Provenance("features", {"side": 640}, {}, {"net": "22"})
QUICK = ("--resamples", "50", "--time-shifts", "10")
WIDTHS = {"image": 4, "face": 2, "audio": 3}


def track(values: np.ndarray, names: tuple[str, ...] = NAMES) -> Track:
    return Track.masked(TimeGrid(Fraction(1), len(values)), names, values, np.ones(len(values), bool))


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """labels.parquet, predictions/, features/ and model/ of six videos."""
    random, labels = np.random.default_rng(3), {}
    for i in range(6):
        on = (random.random((30, 2)) < 0.4).astype(np.float32)
        labels[f"v{i}.mp4"] = Labels(track(on), np.ones(30, np.int64))
        guess = np.clip(0.4 * on + 0.6 * random.random((30, 2)), 0, 1)
        write_predictions(tmp_path / "predictions" / f"v{i}.mp4.parquet", track(guess), Provenance("predict"))
        rows = {
            name: track(random.normal(size=(30, width)), tuple(f"{name}{j}" for j in range(width)))
            for name, width in WIDTHS.items()
        }
        found = Features(rows["image"], rows["face"], np.ones((30, 2), bool), rows["audio"])
        write_features(tmp_path / "features" / f"v{i}.mp4.safetensors", found, FEATURES)
    write_labels(tmp_path / "labels.parquet", labels, Provenance("annotate", notes=(STAGED,)))
    config = ModelSettings(image_units=3, face_units=2, audio_units=2, window_s=4).fit(WIDTHS, NAMES)
    arrays = {n: np.asarray(random.normal(size=s), np.float32) for n, s in shapes(config).items()}
    arrays |= {n: np.ones_like(a) for n, a in arrays.items() if n.endswith(("variance", "deviation"))}
    made = {"nets": {"net": "22"}, "config": {"side": 640}}
    save_checkpoint(tmp_path / "model", Checkpoint(config, arrays, features=made))
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch, *words: object) -> tuple[int, str, str]:
    patch.setattr(sys, "argv", ["evoked", "evaluate", *map(str, words)])
    code = 0
    try:
        main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    out, err = capsys.readouterr()
    return code, out, err


def truth_of(study: Path) -> np.ndarray:
    from evoked.dataset.labels import read_labels

    return np.concatenate([one.labels.values for one in read_labels(study / "labels.parquet").values()])


def test_predictions_are_scored(
    study: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("--labels", study / "labels.parquet", "--predictions", study / "predictions", *QUICK)
    code, out, _ = run(capsys, monkeypatch, *words, "-o", study / "scores.json", "--json")
    assert code == 0
    printed, written = json.loads(out), json.loads((study / "scores.json").read_text())
    made = written.pop("provenance")
    assert printed == written
    assert made["config"]["resamples"] == 50
    assert set(made["inputs"]) == {"labels.parquet", *(p.name for p in (study / "predictions").iterdir())}
    assert made["notes"] == [STAGED]

    scores = np.concatenate([read_predictions(p).values for p in sorted((study / "predictions").iterdir())])
    for k, row in enumerate(printed["rows"]):
        assert row["ap"] == pytest.approx(average_precision_score(truth_of(study)[:, k], scores[:, k]))
        assert row["chance"] == pytest.approx(truth_of(study)[:, k].mean())
    assert printed["notes"][0] == STAGED

    code, out, _ = run(capsys, monkeypatch, *words)
    assert code == 0
    assert f"{100 * printed['map']['value']:.2f}" in out
    assert f"note: {STAGED}" in out


def test_a_model_is_scored_from_features_and_it_is_said_what_that_means(
    study: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from evoked.features.files import read_features

    words = ("--labels", study / "labels.parquet", "--model", study / "model", "--features", study / "features", *QUICK)
    code, out, _ = run(capsys, monkeypatch, *words, "--json")
    assert code == 0
    body, model = json.loads(out), load_model(study / "model")
    scores = np.concatenate(
        [predict_features(model, read_features(p)).values for p in sorted((study / "features").iterdir())]
    )
    for k, row in enumerate(body["rows"]):
        assert row["ap"] == pytest.approx(average_precision_score(truth_of(study)[:, k], scores[:, k]))
    assert any(note.startswith("one model predicted all videos") for note in body["notes"])
    assert not any(note.startswith("NOT HELD OUT") for note in body["notes"])
    files = sorted((study / "features").iterdir())
    knows = {"inputs": {files[0].name: sha256(files[0])}}
    save_checkpoint(study / "model", replace(model.checkpoint, provenance=knows))
    _, out, _ = run(capsys, monkeypatch, *words)
    assert f"note: NOT HELD OUT: the model learnt from 1 of these {len(files)} videos" in out


def test_features_of_another_making_are_refused(
    study: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_model(study / "model").checkpoint
    save_checkpoint(study / "model", Checkpoint(model.config, model.arrays, features={"nets": {"net": "33"}}))
    words = ("--labels", study / "labels.parquet", "--model", study / "model", "--features", study / "features")
    code, _, err = run(capsys, monkeypatch, *words)
    assert code == 1
    assert "learnt from features made with other networks or settings" in err


def test_wrong_use_and_wrong_files(
    study: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = ("--labels", study / "labels.parquet")
    for words in ((), labels, (*labels, "--model", study / "model"), (*labels, "--features", study / "features")):
        assert run(capsys, monkeypatch, *words)[0] == 2
    code, _, err = run(capsys, monkeypatch, *labels, "--predictions", study / "predictions", "--confidence-level", "2")
    assert code == 2
    assert "confidence_level must be below 1" in err
    for folder, message in ((study / "none", "no folder"), (study / "features", "predictions of none of 6 labelled")):
        code, _, err = run(capsys, monkeypatch, *labels, "--predictions", folder)
        assert code == 1
        assert message in err
    assert "Traceback" not in err
    code, _, err = run(capsys, monkeypatch, "--labels", study / "no.parquet", "--predictions", study / "predictions")
    assert code == 1
    assert err.startswith("evoked: no table at ")


@pytest.mark.parametrize("dialect", ["pandas", "R", "Excel"])
def test_tables_of_other_programs_are_scored_as_they_mean(
    tmp_path: Path, dialect: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """007 is not 7: its predictions are right, those of 7 and 1234 are wrong in every second."""
    separator = ";" if dialect == "Excel" else ","
    true = {"pandas": "True", "R": "TRUE", "Excel": "WAHR"}[dialect]
    false = {"pandas": "False", "R": "FALSE", "Excel": "FALSCH"}[dialect]
    second = "{}.0" if dialect == "pandas" else "{}"
    on = [(s // 5) % 2 == 1 for s in range(40)]
    rows = [["video", "second", "valid", "viewers", "awe"]]
    rows += [[v, second.format(s), true, "1", true if on[s] else false] for v in ("007", "12_34") for s in range(40)]
    encoding = "utf-16" if dialect == "Excel" else "utf-8"
    text = "\r\n".join(separator.join(row) for row in rows)
    (tmp_path / "labels.csv").write_bytes(text.encode(encoding))
    (tmp_path / "p").mkdir()
    for name, right in (("007", True), ("7", False), ("12_34", True), ("1234", False)):
        cells = [f"{s}{separator}{true}{separator}{0.9 if on[s] == right else 0.1}" for s in range(40)]
        body = "\n".join([separator.join(("time_s", "valid", "awe")), *cells])
        (tmp_path / "p" / f"{name}.csv").write_text(body.replace("0.", "0,") if dialect == "Excel" else body)

    words = ("--labels", tmp_path / "labels.csv", "--predictions", tmp_path / "p", *QUICK, "--json")
    code, out, _ = run(capsys, monkeypatch, *words)

    assert code == 0
    assert json.loads(out)["map"]["value"] == pytest.approx(1.0)


def test_what_is_not_scored_is_said(
    study: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One video's predictions start late and have a gap, one has two tables, one table is of no labelled video."""
    folder = study / "predictions"
    (folder / "v0.mp4.parquet").unlink()
    seconds = [s for s in range(4, 30) if not 10 <= s < 15]
    (folder / "v0.mp4.csv").write_text("time_s,valid,amusement,interest\n" + "".join(f"{s},1,0.5,1\n" for s in seconds))
    (folder / "v1.csv").write_text("time_s,valid,amusement,interest\n0,1,0,0\n")
    (folder / "v9.mp4.csv").write_text("not read")
    words = ("--labels", study / "labels.parquet", "--predictions", folder, *QUICK, "--json")

    code, out, err = run(capsys, monkeypatch, *words)

    assert code == 0, err
    scores = json.loads(out)
    assert scores["rows"][0]["seconds"] == 6 * 30 - 4 - 5
    assert "v1.mp4 has two tables of predictions: v1.mp4.parquet is used, v1.csv is not" in scores["notes"]
    assert "predictions of no labelled video, left out: v9.mp4.csv" in scores["notes"]
    assert "9 of 180 predicted seconds have no row or are not valid: not scored" in scores["notes"]
