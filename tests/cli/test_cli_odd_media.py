"""Films that are fine though odd: every verb gives for them what it gives for a plain copy of the same film.

Encoded anew, a film is not the same to the last bit: the bounds are some twice of what was measured.
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
from evoked.predict.writers import read_predictions

pytestmark = pytest.mark.nets

ODD = ("variable", "ten_bit", "late_sound", "rotated", "odd_size", "late_clock")
SECONDS = {"late_clock": 7}  # MPEG-TS with MP2: the sound begins 11 ms before the picture, so a seventh begins
PARTS = ("plain", *ODD, "faceless", "silent", "one_frame", "still", "cut_off")


@pytest.fixture(scope="module")
def annotated(evoked, media, tmp_path_factory) -> Path:  # type: ignore[no-untyped-def]
    folder = tmp_path_factory.mktemp("annotated")
    ran = evoked("annotate", *(media[name] for name in PARTS), "-o", folder)
    assert ran.code == 0, ran.err
    (folder / "said.txt").write_text(ran.err)
    return folder


@pytest.fixture(scope="module")
def described(evoked, media, tmp_path_factory) -> Path:  # type: ignore[no-untyped-def]
    folder = tmp_path_factory.mktemp("described")
    ran = evoked("features", *(media[name] for name in PARTS), "-o", folder)
    assert ran.code == 0, ran.err
    (folder / "said.txt").write_text(ran.err)
    return folder


@pytest.fixture(scope="module")
def predicted(evoked, media, model, tmp_path_factory) -> Path:  # type: ignore[no-untyped-def]
    folder = tmp_path_factory.mktemp("predicted")
    ran = evoked("predict", *(media[name] for name in PARTS), "--model", model, "-o", folder)
    assert ran.code == 0, ran.err
    (folder / "said.txt").write_text(ran.err)
    return folder


def features(folder: Path, path: Path) -> Features:
    return read_features(folder / f"{path.stem}.safetensors")


def scores(table: dict[str, list]) -> NDArray[np.float64]:
    return np.array([table[name] for name in EEV5], dtype=np.float64).T


def likeness(one: NDArray, other: NDArray) -> NDArray:
    """Cosines of the rows that both have."""
    n = min(len(one), len(other))
    one, other = one[:n].astype(np.float64), other[:n].astype(np.float64)
    return (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)


@pytest.mark.parametrize("name", ODD)
def test_annotate(annotated: Path, media: dict[str, Path], name: str) -> None:
    plain = read_table(annotated / "plain.mp4.parquet")
    table = read_table(annotated / f"{media[name].name}.parquet")
    ticks = 37 if name == "late_clock" else 36
    assert table["viewer"] == ["v1"] * ticks
    assert table["valid"] == [True] * ticks
    np.testing.assert_allclose(table["time_s"], np.arange(ticks) / 6, atol=1e-6)
    apart = np.abs(scores(table)[:36] - scores(plain))
    assert apart.mean() < 0.07
    assert apart[:, EEV5.index("amusement")].mean() < 0.07
    assert (scores(table)[:, EEV5.index("amusement")] > 0.5).mean() > 0.9  # she laughs


def test_labels_of_several_together(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    out = tmp_path / "labels.csv"
    reactions = [media[name] for name in ("rotated", "late_sound", "late_clock")]

    ran = evoked("annotate", *reactions, "--content", media["content"], "--labels", "-o", out)

    assert (ran.code, ran.err) == (0, "")
    labels = read_table(out)
    assert labels["second"] == [0, 1, 2, 3, 4, 5]
    assert labels["valid"] == [True] * 6
    assert labels["viewers"] == [3] * 6
    assert labels["amusement"] == [1] * 6
    assert sum(labels["concentration"]) == sum(labels["surprise"]) == 0


@pytest.mark.parametrize("name", ODD)
def test_align(evoked, media: dict[str, Path], tmp_path: Path, name: str) -> None:  # type: ignore[no-untyped-def]
    late_s = 1.5 if name == "late_sound" else 0.0
    for words, offset_s in (
        ((media[name], media["content"]), late_s),
        ((media["plain"], media[name]), -late_s),
    ):
        ran = evoked("align", *words, "-o", tmp_path / "map.json")
        assert (ran.code, ran.out) == (0, ""), ran.err
        assert f"{words[0].name} plays " in ran.lines[-1]  # below a drawing of the map
        assert not [line for line in ran.lines if line.startswith(("note:", "evoked:"))]
        (segment,) = json.loads((tmp_path / "map.json").read_text())["segments"]
        assert segment["reaction_start_s"] - segment["content_start_s"] == pytest.approx(offset_s, abs=0.02)
        assert segment["content_end_s"] - segment["content_start_s"] > 5.9


@pytest.mark.parametrize("name", ODD)
def test_features(described: Path, media: dict[str, Path], name: str) -> None:
    plain, found = features(described, media["plain"]), features(described, media[name])
    assert found.grid.steps == SECONDS.get(name, 6)
    assert found.image.valid.all()
    assert found.face_valid[:, 0].all()
    assert likeness(found.image.values, plain.image.values).min() > 0.85
    assert likeness(found.face.values[:, :128], plain.face.values[:, :128]).mean() > 0.8
    if name == "late_sound":
        assert found.audio.valid.tolist() == [False, True, True, True, True, True]
    else:
        assert found.audio.valid.all()
        assert likeness(found.audio.values, plain.audio.values).min() > 0.8


@pytest.mark.parametrize("name", ODD)
def test_predict(predicted: Path, media: dict[str, Path], name: str) -> None:
    plain = read_predictions(predicted / "plain.mp4.parquet")
    found = read_predictions(predicted / f"{media[name].name}.parquet")
    assert found.valid.all()
    assert found.grid.steps == SECONDS.get(name, 6)
    if name != "late_sound":  # another sound in each second
        assert np.abs(found.values[:6] - plain.values).max() < 0.1


def test_a_film_without_faces(annotated: Path, described: Path, predicted: Path) -> None:
    assert read_table(annotated / "faceless.mp4.parquet")["viewer"] == []
    assert "faceless.mp4: no viewer was seen in it" in (annotated / "said.txt").read_text()
    found = read_features(described / "faceless.safetensors")
    assert not found.face_valid.any()
    assert not found.filled()["face"].any()
    assert found.image.valid.all()
    assert read_predictions(predicted / "faceless.mp4.parquet").valid.all()


def test_nobody_seen_is_no_label(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    out = tmp_path / "labels.csv"

    ran = evoked("annotate", media["faceless"], "--content", media["content"], "--labels", "-o", out)

    assert (ran.code, ran.err) == (0, f"note: {media['faceless']}: no viewer was seen in it\n")
    labels = read_table(out)
    assert labels["valid"] == [False] * 6
    assert all(labels[name] == [None] * 6 for name in EEV5)


def test_a_film_without_sound(annotated: Path, described: Path, predicted: Path) -> None:
    plain, table = (read_table(annotated / f"{name}.mp4.parquet") for name in ("plain", "silent"))
    np.testing.assert_allclose(scores(table), scores(plain), atol=1e-6)  # the same picture stream
    found = read_features(described / "silent.safetensors")
    assert not found.audio.valid.any()
    assert found.image.valid.all()
    assert read_predictions(predicted / "silent.mp4.parquet").valid.all()


@pytest.mark.parametrize("name", ["one_frame", "still"])
def test_one_picture(annotated: Path, described: Path, predicted: Path, media: dict[str, Path], name: str) -> None:
    assert read_table(annotated / f"{media[name].name}.parquet")["viewer"] == []  # too brief to be a viewer
    assert f"{media[name]}: no viewer was seen in it" in (annotated / "said.txt").read_text()
    found = features(described, media[name])
    assert (found.grid.steps, found.face_valid[:, 0].tolist()) == (1, [True])
    assert read_predictions(predicted / f"{media[name].name}.parquet").valid.tolist() == [True]


def test_half_a_film_is_told_and_the_other_half_not_made_up(
    annotated: Path, described: Path, predicted: Path, media: dict[str, Path]
) -> None:
    table = read_table(annotated / "cut_off.mp4.parquet")
    plain = read_table(annotated / "plain.mp4.parquet")
    seen = sum(table["valid"])
    assert 12 <= seen <= 24  # of 36; the frames that are there end between 2 and 4 s
    assert table["valid"] == [True] * seen + [False] * (36 - seen)
    assert np.abs(scores(table)[: seen - 6] - scores(plain)[: seen - 6]).mean() < 0.1
    found = features(described, media["cut_off"])
    whole = -(-seen // 6)
    assert found.image.valid.tolist() == [True] * whole + [False] * (6 - whole)
    assert found.face_valid[:, 0].tolist() == found.image.valid.tolist()
    assert not found.audio.valid[whole:].any()
    assert read_predictions(predicted / "cut_off.mp4.parquet").valid.tolist() == found.image.valid.tolist()
    for folder, made in ((annotated, "cut_off.mp4.parquet"), (predicted, "cut_off.mp4.parquet")):
        assert f"note: {media['cut_off']}: cut off: its picture ends after" in (folder / "said.txt").read_text()
        about = read_provenance(folder / made)
        assert about is not None
        assert any("cut off: its picture ends" in note for note in about["notes"])
    assert f"note: {media['cut_off']}: cut off: its sound ends after" in (described / "said.txt").read_text()


def test_align_tells_of_half_a_film(evoked, media) -> None:  # type: ignore[no-untyped-def]
    ran = evoked("align", media["cut_off"], media["content"])

    assert ran.code == 1  # less than five seconds are left
    assert ran.lines[0].startswith(f"note: {media['cut_off']}: cut off: its sound ends after ")
    assert "too little sound in common" in ran.lines[-1]


def test_annotate_says_that_a_reaction_it_cannot_place_is_half_a_film(evoked, media) -> None:  # type: ignore[no-untyped-def]
    ran = evoked("annotate", media["cut_off"], "--content", media["content"])

    assert (ran.code, ran.out, len(ran.lines)) == (1, "", 1)
    assert f"against {media['content']}: too little sound in common" in ran.err
    assert "(cut_off.mp4 is cut off: its sound ends after " in ran.err
