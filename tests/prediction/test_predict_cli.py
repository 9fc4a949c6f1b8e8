"""evoked predict as it is typed: what goes where, and one bad file among good ones."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from evoked.core.errors import OutputError
from evoked.core.expressions import AFFECT
from evoked.core.tables import read_provenance
from evoked.prediction.jobs import output_paths
from evoked.prediction.predictor import load_model
from evoked.prediction.writers import read_predictions

NETS = pytest.mark.nets


@NETS
def test_one_bad_file_among_good_ones(evoked, video: Path, model_folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "text.mp4").write_text("no video")
    shutil.copy(video, tmp_path / "good.mp4")
    out_folder = tmp_path / "out"
    code, out, err = evoked(
        "predict", tmp_path / "text.mp4", tmp_path / "good.mp4", "/none.mp4", "--model", model_folder, "-o", out_folder
    )
    assert code == 1
    assert out.split() == [str(out_folder / "good.mp4.parquet")]
    assert [p.name for p in out_folder.iterdir()] == ["good.mp4.parquet"]  # nothing half written
    failed = [line for line in err.replace("\r", "\n").splitlines() if "failed: " in line]
    assert len(failed) == 2
    assert any("text.mp4 is no media file" in line for line in failed)
    assert any("no media file at /none.mp4" in line for line in failed)
    assert "2 of 3 videos could not be predicted" in err
    assert "Traceback" not in err
    provenance = read_provenance(out_folder / "good.mp4.parquet")
    assert provenance is not None
    assert "good.mp4" in provenance["inputs"]


@NETS
def test_workers_give_the_same_bytes(evoked, video: Path, model_folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for name in ("a.mp4", "b.mp4"):
        shutil.copy(video, tmp_path / name)
    videos = [tmp_path / "a.mp4", tmp_path / "b.mp4", "/none.mp4"]
    for workers in (1, 2):
        words = ["--model", model_folder, "-o", tmp_path / f"{workers}", "--workers", workers, "--threads", 1]
        code, out, _ = evoked("predict", *videos, *words)
        assert code == 1
        assert len(out.split()) == 2
    for name in ("a.mp4.parquet", "b.mp4.parquet"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


@NETS
def test_every_format_and_the_terminal(evoked, video: Path, model_folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    words = ["predict", video, "--model", model_folder, "--threshold", "0.05"]
    tracks = []
    for suffix in ("parquet", "csv", "json"):
        path = tmp_path / f"p.{suffix}"
        assert evoked(*words, "-o", path)[:2] == (0, f"{path}\n")
        tracks.append(read_predictions(path).values)
    for track in tracks[1:]:
        np.testing.assert_allclose(track, tracks[0], rtol=1e-5)

    assert evoked(*words, "-o", tmp_path / "p.vtt")[0] == 0
    assert (tmp_path / "p.vtt").read_text().startswith("WEBVTT\n\nNOTE evoked, on at 5 %\n{")

    code, out, _ = evoked(*words)
    assert code == 0
    assert "amusement" in out
    assert out.rstrip().endswith("6 s, 6 of them valid")

    code, out, _ = evoked(*words, "--json")
    body = json.loads(out)
    assert (code, body["failed"], len(body["videos"][0]["rows"])) == (0, [], 6)
    first = body["videos"][0]["rows"][0]
    assert first["time_s"] == 0
    assert [first[name] for name in list(first)[2:]] == pytest.approx(tracks[0][0], abs=1e-6)


@NETS
def test_paths_are_printed_as_they_were_typed(
    evoked,  # type: ignore[no-untyped-def]
    video: Path,
    model_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copy(video, tmp_path / "a.mp4")
    monkeypatch.chdir(tmp_path)
    words = ["predict", "a.mp4", "none.mp4", "--model", model_folder]
    assert evoked(*words, "-o", "out")[:2] == (1, "out/a.mp4.parquet\n")
    code, out, _ = evoked(*words)
    assert (code, out.splitlines()[0]) == (1, "a.mp4")
    body = json.loads(evoked(*words, "-o", "out", "--json")[1])
    assert (body["videos"][0]["video"], body["videos"][0]["output"]) == ("a.mp4", "out/a.mp4.parquet")
    assert body["failed"][0]["video"] == "none.mp4"


def test_wrong_use_and_a_wrong_model(evoked, model_folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert evoked("predict", "--model", model_folder)[0] == 2
    assert evoked("predict", "a.mp4", "--model", model_folder, "--threshold", "0")[0] == 2
    code, _, err = evoked("predict", "a.mp4", "b.mp4", "--model", tmp_path)
    assert code == 1
    assert err.startswith(f"evoked: no model in {tmp_path}")
    assert err.count("\n") == 1
    code, _, err = evoked("predict", "a.mp4", "--model", model_folder, "-o", tmp_path / "x.ass")
    assert code == 1
    assert "cannot tell what to write from 'x.ass'" in err


def test_where_predictions_go(tmp_path: Path) -> None:
    a, b, again = Path("a.mp4"), Path("b.mov"), Path("other/a.mp4")
    assert output_paths([a, b], None, None) == {a: None, b: None}
    assert output_paths([a], tmp_path / "x.vtt", None) == {a: tmp_path / "x.vtt"}
    assert output_paths([a], tmp_path, None) == {a: tmp_path / "a.mp4.parquet"}
    assert output_paths([a, b], tmp_path / "new", "vtt") == {
        a: tmp_path / "new/a.mp4.vtt",
        b: tmp_path / "new/b.mov.vtt",
    }
    (tmp_path / "folder.csv").mkdir()
    assert output_paths([a], tmp_path / "folder.csv", None) == {a: tmp_path / "folder.csv/a.mp4.parquet"}
    with pytest.raises(OutputError, match=r"2 videos cannot all go to .*x\.vtt; name a folder"):
        output_paths([a, b], tmp_path / "x.vtt", None)
    with pytest.raises(OutputError, match="--format goes with a folder"):
        output_paths([a], tmp_path / "x.vtt", "csv")
    with pytest.raises(OutputError, match="two videos have the same name"):
        output_paths([a, again], tmp_path, None)


@NETS
def test_a_video_without_sound_is_predicted_and_says_so(
    evoked, video: Path, model_folder: Path, tmp_path: Path
) -> None:  # type: ignore[no-untyped-def]
    silent = tmp_path / "silent.mp4"
    subprocess.run(["ffmpeg", "-v", "error", "-i", video, "-an", "-c", "copy", silent], check=True)
    out = tmp_path / "silent.parquet"

    code, _, err = evoked("predict", silent, "--model", model_folder, "-o", out)

    assert code == 0
    assert "it has no sound, which the model uses as well" in err
    assert any("it has no sound" in note for note in (read_provenance(out) or {})["notes"])


@NETS
def test_valence_and_arousal_of_a_transferred_model(evoked, video: Path, make_model, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    model, affect = make_model(tmp_path / "model"), make_model(tmp_path / "affect", expressions=AFFECT, answer="value")
    alone, both = tmp_path / "alone.parquet", tmp_path / "both.parquet"
    assert evoked("predict", video, "--model", model, "-o", alone)[0] == 0
    words = ("predict", video, "--model", model, "--affect-model", affect)
    assert evoked(*words, "-o", both)[0] == 0
    before, after = read_predictions(alone), read_predictions(both)
    assert after.names == (*before.names, *AFFECT)
    np.testing.assert_array_equal(after.values[:, : len(before.names)], before.values)
    assert evoked("predict", video, "--model", affect, "-o", tmp_path / "affect.csv")[0] == 0
    expected = read_predictions(tmp_path / "affect.csv")
    np.testing.assert_allclose(after.values[:, -2:], expected.values, atol=1e-6)
    assert expected.values.min() < 0  # which no probability is
    provenance = read_provenance(both)
    assert provenance is not None
    assert provenance["inputs"]["affect model"] == load_model(affect).sha256
    code, out, _ = evoked(*words)
    assert (code, "in %, valence and arousal from -1 to 1" in out) == (0, True)
    assert re.search(r"valence +[+-]0\.\d\d +[+-]0\.\d\d", out)
    assert evoked(*words, "-o", tmp_path / "both.vtt", "--threshold", "0.01")[0] == 0
    assert "valence " not in (tmp_path / "both.vtt").read_text().split("NOTE", 1)[1].split("\n\n", 1)[1]


@NETS
def test_models_that_do_not_go_together(evoked, video: Path, make_model, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    model, affect = make_model(tmp_path / "model"), make_model(tmp_path / "affect", expressions=AFFECT, answer="value")
    for words, message in (
        (("--model", model, "--affect-model", model), "does not predict valence and arousal"),
        (("--model", affect, "--affect-model", affect), "predicts valence and arousal already"),
        (("--model", affect, "-o", tmp_path / "a.srt"), "valence and arousal are not on or off"),
    ):
        code, _, err = evoked("predict", video, *words)
        assert (code, message in err) == (1, True), err
    code, _, err = evoked("predict", video, "--live", "--model", model, "--affect-model", affect)
    assert (code, "--affect-model goes without --live" in err) == (2, True)
