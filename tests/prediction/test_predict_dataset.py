"""evoked predict --from LIST: parts of a dataset, kept, made again where they must be, equal to single predictions."""

import json
import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow.dataset
import pytest

from evoked.core.errors import DatasetError
from evoked.core.expressions import AFFECT
from evoked.core.provenance import Provenance
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.features.extract import Features
from evoked.features.files import read_features, write_features
from evoked.prediction.dataset import read_list
from evoked.prediction.predictor import load_model, predict_features
from small_model import WIDTHS

COUNT = 23


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list of feature files of one to five seconds."""
    root, random = tmp_path_factory.mktemp("features"), np.random.default_rng(0)
    for number in range(COUNT):
        grid = TimeGrid(Fraction(1), int(random.integers(1, 6)))
        every = np.ones(grid.steps, np.bool_)
        rows = {
            name: Track.masked(
                grid, tuple(f"{name}_{i}" for i in range(width)), random.normal(size=(grid.steps, width)), every
            )
            for name, width in WIDTHS.items()
        }
        features = Features(rows["image"], rows["face"], np.ones((grid.steps, 2), np.bool_), rows["audio"])
        write_features(root / f"v{number:02}.safetensors", features, Provenance("features", {}, {}))
    (root / "list.txt").write_text("# features\n\n" + "".join(f"v{number:02}.safetensors\n" for number in range(COUNT)))
    return root / "list.txt"


def parts(folder: Path) -> dict[str, tuple[int, int]]:
    """Name → inode and time of change of every part: a part that was kept has the same."""
    return {p.name: (p.stat().st_ino, p.stat().st_mtime_ns) for p in sorted(folder.glob("part-*.parquet"))}


@pytest.mark.nets
def test_the_dataset_holds_the_single_predictions(evoked, listed: Path, model_folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    words = ("predict", "--from", listed, "--model", model_folder, "-o", tmp_path / "d", "--partition-by", 10, "--json")
    code, out, err = evoked(*words)
    assert code == 0, err
    assert {k: v for k, v in json.loads(out).items() if k in ("parts", "kept", "videos")} == {
        "parts": 3,
        "kept": 0,
        "videos": COUNT,
    }
    table = pyarrow.dataset.dataset(tmp_path / "d", format="parquet").to_table().to_pandas()
    assert table["video"].nunique() == COUNT
    model = load_model(model_folder)
    for number in (0, 9, 10, 22):
        path = listed.parent / f"v{number:02}.safetensors"
        expected = predict_features(model, read_features(path))
        rows = table[table["video"] == str(path)]
        assert rows["time_s"].tolist() == list(range(expected.grid.steps))
        np.testing.assert_array_equal(rows[list(expected.names)].to_numpy(np.float32), expected.values)


@pytest.mark.nets
def test_only_what_changed_is_made_again(evoked, listed: Path, model_folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    words = ("predict", "--from", listed, "--model", model_folder, "-o", tmp_path / "d", "--partition-by", 10)
    assert evoked(*words)[0] == 0
    before = parts(tmp_path / "d")
    (tmp_path / "d" / "part-00001.parquet").write_bytes(b"cut off")  # as a killed copy leaves it
    code, _, err = evoked(*words)
    assert (code, "3 parts, 2 kept" in err) == (0, True)
    after = parts(tmp_path / "d")
    assert {n: s for n, s in after.items() if n != "part-00001.parquet"} == {
        n: s for n, s in before.items() if n != "part-00001.parquet"
    }
    os.utime(listed.parent / "v22.safetensors", ns=(1, 1))  # another version of one file
    assert "3 parts, 2 kept" in evoked(*words)[2]
    assert "3 parts, 3 kept" in evoked(*words)[2]


@pytest.mark.nets
def test_a_shorter_list_and_a_file_of_the_user(evoked, listed: Path, model_folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path / "d"
    words = ("--model", model_folder, "-o", folder, "--partition-by", 10)
    assert evoked("predict", "--from", listed, *words)[0] == 0
    (folder / "mine.parquet").write_bytes((folder / "part-00000.parquet").read_bytes()[:-1])
    short = listed.parent / "short.txt"
    short.write_text("v00.safetensors\n")
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    code, _, err = evoked("predict", "--from", short, *words)  # would lose what it does not name
    assert code == 1
    assert f"{folder} holds predictions of videos that short.txt does not name, such as {listed.parent}/v" in err
    assert err.endswith("choose another folder, or give --force\n")
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
    code, out, err = evoked("predict", "--from", listed, *words, "--dry-run")
    assert (code, [line[:6] for line in out.splitlines()]) == (0, ["kept: "] * 3)
    code, _, err = evoked("predict", "--from", short, *words, "--force")
    assert code == 0
    assert f"note: {folder / 'part-00002.parquet'} was removed: it is beyond the parts of this list" in err
    assert sorted(p.name for p in folder.glob("*.parquet")) == ["mine.parquet", "part-00000.parquet"]
    assert "mine.parquet is no part of this dataset" in err


@pytest.mark.nets
def test_a_bad_file_does_not_take_the_others_with_it(evoked, listed: Path, model_folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (listed.parent / "text.mp4").write_text("no video")
    bad = listed.parent / "bad.txt"
    bad.write_text("v00.safetensors\ntext.mp4\nnone.safetensors\nv01.safetensors\n")
    words = ("predict", "--from", bad, "--model", model_folder, "-o", tmp_path / "d", "--workers", "2")
    code, _, err = evoked(*words)
    assert code == 1
    assert "2 of 4 videos could not be predicted" in err
    assert "text.mp4" in err
    assert "none.safetensors" in err
    table = pyarrow.dataset.dataset(tmp_path / "d", format="parquet").to_table()
    assert table["video"].unique().to_pylist() == [str(listed.parent / f"v0{n}.safetensors") for n in (0, 1)]
    code, _, err = evoked(*words)
    assert (code, "0 kept" in err) == (1, True)  # tried again: what failed may be mended by now
    assert "2 of 4 videos" in err


@pytest.mark.nets
def test_a_video_in_a_list_is_predicted_as_by_itself(evoked, video: Path, model_folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "list.txt").write_text(f"{video}\n")
    assert evoked("predict", "--from", tmp_path / "list.txt", "--model", model_folder, "-o", tmp_path / "d")[0] == 0
    assert evoked("predict", video, "--model", model_folder, "-o", tmp_path / "one.parquet")[0] == 0
    one = pyarrow.dataset.dataset(tmp_path / "one.parquet").to_table().to_pandas()
    many = pyarrow.dataset.dataset(tmp_path / "d", format="parquet").to_table().to_pandas()
    assert many.drop(columns="video").equals(one)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names no video"),
        ("# only\n", "names no video"),
        ("a.mp4\nb.mp4\n./a.mp4\n", "a.mp4 is named twice, on lines 1 and 3"),
        ("  # only\n", "names no video"),
    ],
)
def test_a_list_with_a_mistake(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "list.txt").write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_list(tmp_path / "list.txt")
    with pytest.raises(DatasetError, match="cannot be read as a list"):
        read_list(tmp_path / "none.txt")


@pytest.mark.nets
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--from", "list.txt"), "--from needs -o FOLDER"),
        (("v.mp4", "--from", "list.txt", "-o", "d"), "name VIDEOS, or a list"),
        ((), "name VIDEOS, or a list"),
        (("--from", "list.txt", "-o", "d", "--live"), "--live takes one VIDEO"),
        (("--from", "list.txt", "-o", "d.parquet"), "a folder is written"),
    ],
)
def test_wrong_use(evoked, model_folder: Path, words: tuple[str, ...], message: str) -> None:  # type: ignore[no-untyped-def]
    code, _, err = evoked("predict", *words, "--model", model_folder)
    assert code in (1, 2)
    assert message in err


@pytest.mark.nets
def test_valence_and_arousal_beside_the_expressions(
    evoked, listed: Path, model_folder: Path, make_model, tmp_path: Path
) -> None:  # type: ignore[no-untyped-def]
    affect = make_model(tmp_path / "affect", expressions=AFFECT, answer="value")
    short = listed.parent / "two.txt"
    short.write_text("v00.safetensors\nv01.safetensors\n")
    words = ("predict", "--from", short, "--model", model_folder, "-o", tmp_path / "d")
    assert evoked(*words)[0] == 0
    code, _, err = evoked(*words, "--affect-model", affect)
    assert (code, "holds predictions by another model (part-00000.parquet)" in err) == (1, True)
    assert evoked(*words, "--affect-model", affect, "--force")[0] == 0
    table = pyarrow.dataset.dataset(tmp_path / "d", format="parquet").to_table().to_pandas()
    expected = predict_features(load_model(affect), read_features(listed.parent / "v01.safetensors"))
    rows = table[table["video"].str.endswith("v01.safetensors")]
    np.testing.assert_array_equal(rows[list(AFFECT)].to_numpy(np.float32), expected.values)
    assert "1 part, 1 kept" in evoked(*words, "--affect-model", affect)[2].replace("parts", "part")
