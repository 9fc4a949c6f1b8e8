"""Videos of unusual formats: every command gives the result of a plain copy of the same video.

Re-encoding changes the samples, so results are compared within about twice the measured differences.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from evoked.core.expressions import EEV5
from evoked.core.tables import read_provenance, read_table
from evoked.features.extract import Features
from evoked.features.files import read_features
from evoked.prediction.writers import read_predictions

pytestmark = pytest.mark.nets

FORMATS = ("variable", "ten_bit", "late_sound", "rotated", "odd_size", "late_clock")
SECONDS = {"late_clock": 7}  # MPEG-TS with MP2: the audio starts 11 ms before the video, which gives a seventh second
NAMES = ("plain", *FORMATS, "faceless", "silent", "one_frame", "still", "cut_off")


@pytest.fixture(scope="module")
def annotated(evoked, media, tmp_path_factory) -> Path:  # type: ignore[no-untyped-def]
    folder = tmp_path_factory.mktemp("annotated")
    result = evoked("annotate", *(media[name] for name in NAMES), "-o", folder)
    assert result.code == 0, result.err
    (folder / "stderr.txt").write_text(result.err)
    return folder


@pytest.fixture(scope="module")
def described(evoked, media, tmp_path_factory) -> Path:  # type: ignore[no-untyped-def]
    folder = tmp_path_factory.mktemp("described")
    result = evoked("features", *(media[name] for name in NAMES), "-o", folder)
    assert result.code == 0, result.err
    (folder / "stderr.txt").write_text(result.err)
    return folder


@pytest.fixture(scope="module")
def predicted(evoked, media, model, tmp_path_factory) -> Path:  # type: ignore[no-untyped-def]
    folder = tmp_path_factory.mktemp("predicted")
    result = evoked("predict", *(media[name] for name in NAMES), "--model", model, "-o", folder)
    assert result.code == 0, result.err
    (folder / "stderr.txt").write_text(result.err)
    return folder


def features(folder: Path, path: Path) -> Features:
    return read_features(folder / f"{path.stem}.safetensors")


def scores(table: dict[str, list]) -> NDArray[np.float64]:
    return np.array([table[name] for name in EEV5], dtype=np.float64).T


def cosines(left: NDArray, right: NDArray) -> NDArray:
    """Cosine similarity of the rows, as far as the shorter array goes."""
    n = min(len(left), len(right))
    left, right = left[:n].astype(np.float64), right[:n].astype(np.float64)
    return (left * right).sum(1) / np.linalg.norm(left, axis=1) / np.linalg.norm(right, axis=1)


@pytest.mark.parametrize("name", FORMATS)
def test_annotate(annotated: Path, media: dict[str, Path], name: str) -> None:
    plain = read_table(annotated / "plain.mp4.parquet")
    table = read_table(annotated / f"{media[name].name}.parquet")
    frames = 37 if name == "late_clock" else 36
    assert table["viewer"] == ["v1"] * frames
    assert table["valid"] == [True] * frames
    np.testing.assert_allclose(table["time_s"], np.arange(frames) / 6, atol=1e-6)
    differences = np.abs(scores(table)[:36] - scores(plain))
    assert differences.mean() < 0.07
    assert differences[:, EEV5.index("amusement")].mean() < 0.07
    assert (scores(table)[:, EEV5.index("amusement")] > 0.5).mean() > 0.85  # she laughs; a smile counts once it lasts


def test_labels_of_several_together(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    out = tmp_path / "labels.csv"
    reactions = [media[name] for name in ("rotated", "late_sound", "late_clock")]

    result = evoked("annotate", *reactions, "--content", media["content"], "--labels", "-o", out)

    assert (result.code, result.err) == (0, "")
    labels = read_table(out)
    assert labels["second"] == [0, 1, 2, 3, 4, 5]
    assert labels["valid"] == [True] * 6
    assert labels["viewers"] == [3] * 6
    assert labels["amusement"] == [1] * 6
    assert sum(labels["concentration"]) == sum(labels["surprise"]) == 0


@pytest.mark.parametrize("name", FORMATS)
def test_align(evoked, media: dict[str, Path], tmp_path: Path, name: str) -> None:  # type: ignore[no-untyped-def]
    late_s = 1.5 if name == "late_sound" else 0.0
    for arguments, offset_s in (
        ((media[name], media["content"]), late_s),
        ((media["plain"], media[name]), -late_s),
    ):
        result = evoked("align", *arguments, "-o", tmp_path / "map.json", "--force")
        assert (result.code, result.out) == (0, ""), result.err
        assert f"{arguments[0].name} plays " in result.lines[-1]  # after a drawing of the offset map
        assert not [line for line in result.lines if line.startswith(("note:", "evoked:"))]
        (segment,) = json.loads((tmp_path / "map.json").read_text())["segments"]
        assert segment["reaction_start_s"] - segment["content_start_s"] == pytest.approx(offset_s, abs=0.02)
        assert segment["content_end_s"] - segment["content_start_s"] > 5.9


@pytest.mark.parametrize("name", FORMATS)
def test_features(described: Path, media: dict[str, Path], name: str) -> None:
    plain, actual = features(described, media["plain"]), features(described, media[name])
    assert actual.grid.steps == SECONDS.get(name, 6)
    assert actual.image.valid.all()
    assert actual.face_valid[:, 0].all()
    assert cosines(actual.image.values, plain.image.values).min() > 0.85
    assert cosines(actual.face.values[:, :128], plain.face.values[:, :128]).mean() > 0.8
    if name == "late_sound":
        assert actual.audio.valid.tolist() == [False, True, True, True, True, True]
    else:
        assert actual.audio.valid.all()
        assert cosines(actual.audio.values, plain.audio.values).min() > 0.8


@pytest.mark.parametrize("name", FORMATS)
def test_predict(predicted: Path, media: dict[str, Path], name: str) -> None:
    plain = read_predictions(predicted / "plain.mp4.parquet")
    actual = read_predictions(predicted / f"{media[name].name}.parquet")
    assert actual.valid.all()
    assert actual.grid.steps == SECONDS.get(name, 6)
    if name != "late_sound":  # the audio is shifted in time
        assert np.abs(actual.values[:6] - plain.values).max() < 0.1


def test_a_video_without_faces(annotated: Path, described: Path, predicted: Path) -> None:
    assert read_table(annotated / "faceless.mp4.parquet")["viewer"] == []
    assert "faceless.mp4: no viewer was seen in it" in (annotated / "stderr.txt").read_text()
    actual = read_features(described / "faceless.safetensors")
    assert not actual.face_valid.any()
    assert not actual.filled()["face"].any()
    assert actual.image.valid.all()
    assert read_predictions(predicted / "faceless.mp4.parquet").valid.all()


def test_no_viewer_gives_no_label(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    out = tmp_path / "labels.csv"

    result = evoked("annotate", media["faceless"], "--content", media["content"], "--labels", "-o", out)

    assert (result.code, result.err) == (0, f"note: {media['faceless']}: no viewer was seen in it\n")
    labels = read_table(out)
    assert labels["valid"] == [False] * 6
    assert all(labels[name] == [None] * 6 for name in EEV5)


def test_a_video_without_audio(annotated: Path, described: Path, predicted: Path) -> None:
    plain, table = (read_table(annotated / f"{name}.mp4.parquet") for name in ("plain", "silent"))
    np.testing.assert_allclose(scores(table), scores(plain), atol=1e-6)  # the same video stream
    actual = read_features(described / "silent.safetensors")
    assert not actual.audio.valid.any()
    assert actual.image.valid.all()
    assert read_predictions(predicted / "silent.mp4.parquet").valid.all()


@pytest.mark.parametrize("name", ["one_frame", "still"])
def test_a_single_frame(annotated: Path, described: Path, predicted: Path, media: dict[str, Path], name: str) -> None:
    assert read_table(annotated / f"{media[name].name}.parquet")["viewer"] == []  # too short for a viewer
    assert f"{media[name]}: no viewer was seen in it" in (annotated / "stderr.txt").read_text()
    actual = features(described, media[name])
    assert (actual.grid.steps, actual.face_valid[:, 0].tolist()) == (1, [True])
    assert read_predictions(predicted / f"{media[name].name}.parquet").valid.tolist() == [True]


def test_a_cut_off_video_is_reported_and_its_missing_half_is_not_valid(
    annotated: Path, described: Path, predicted: Path, media: dict[str, Path]
) -> None:
    table = read_table(annotated / "cut_off.mp4.parquet")
    plain = read_table(annotated / "plain.mp4.parquet")
    visible = sum(table["valid"])
    assert 12 <= visible <= 24  # of 36; the frames in the file end between 2 and 4 s
    assert table["valid"] == [True] * visible + [False] * (36 - visible)
    assert np.abs(scores(table)[: visible - 6] - scores(plain)[: visible - 6]).mean() < 0.1
    actual = features(described, media["cut_off"])
    seconds = -(-visible // 6)
    assert actual.image.valid.tolist() == [True] * seconds + [False] * (6 - seconds)
    assert actual.face_valid[:, 0].tolist() == actual.image.valid.tolist()
    assert not actual.audio.valid[seconds:].any()
    assert read_predictions(predicted / "cut_off.mp4.parquet").valid.tolist() == actual.image.valid.tolist()
    for folder, name in ((annotated, "cut_off.mp4.parquet"), (predicted, "cut_off.mp4.parquet")):
        assert f"note: {media['cut_off']}: cut off: its picture ends after" in (folder / "stderr.txt").read_text()
        provenance = read_provenance(folder / name)
        assert provenance is not None
        assert any("cut off: its picture ends" in note for note in provenance["notes"])
    assert f"note: {media['cut_off']}: cut off: its sound ends after" in (described / "stderr.txt").read_text()


def test_align_reports_a_cut_off_video(evoked, media) -> None:  # type: ignore[no-untyped-def]
    result = evoked("align", media["cut_off"], media["content"])

    assert result.code == 1  # less than five seconds are left
    assert result.lines[0].startswith(f"note: {media['cut_off']}: cut off: its sound ends after ")
    assert "too little sound in common" in result.lines[-1]


def test_annotate_reports_that_a_reaction_it_cannot_align_is_cut_off(evoked, media) -> None:  # type: ignore[no-untyped-def]
    result = evoked("annotate", media["cut_off"], "--content", media["content"])

    assert (result.code, result.out, len(result.lines)) == (1, "", 1)
    assert f"against {media['content']}: too little sound in common" in result.err
    assert "(cut_off.mp4 is cut off: its sound ends after " in result.err
