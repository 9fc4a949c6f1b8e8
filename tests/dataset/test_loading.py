"""Features of a folder and labels of a table: joined, noted, or refused."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from evoked.core.errors import DatasetError
from evoked.core.provenance import Provenance
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.dataset.labels import Labels
from evoked.dataset.load_examples import load_examples
from evoked.dataset.result_files import find_result_files
from evoked.features.extract import Features
from evoked.features.files import read_features, write_features

NAMES = ("amusement", "surprise")
MADE = Provenance("features", {"side": 640}, {"a.mp4": "11"}, {"yunet": "22"})


def features(seconds: int, *, blind: tuple[int, ...] = (), width: int = 6) -> Features:
    """Rows that hold the number of their second plus 1; without a picture in `blind`, a second face, or sound."""
    grid, every = TimeGrid(Fraction(1), seconds), np.ones(seconds, bool)
    rows = np.repeat(np.arange(1, seconds + 1, dtype=np.float32)[:, None], width, axis=1)

    def track(name: str, valid: np.ndarray) -> Track:
        return Track.masked(grid, tuple(f"{name}{i}" for i in range(width)), rows, valid)

    return Features(
        track("image", ~np.isin(np.arange(seconds), blind)),
        track("face", every),
        np.ones((seconds, 2), bool),
        track("audio", ~every),
    )


def labels(seconds: int, *, hidden: tuple[int, ...] = (), names: tuple[str, ...] = NAMES) -> Labels:
    on = np.stack([np.arange(seconds) % 2, np.arange(seconds) % 3 == 0], axis=1)
    track = Track.masked(TimeGrid(Fraction(1), seconds), names, on, ~np.isin(np.arange(seconds), hidden))
    return Labels(track, np.ones(seconds, np.int64))


def test_rows_stand_beside_their_labels(tmp_path: Path) -> None:
    write_features(tmp_path / "a.mp4.safetensors", features(6, blind=(4,)), MADE)
    write_features(tmp_path / "b.safetensors", features(8), MADE)
    loaded = load_examples({"b.mkv": labels(6), "a.mp4": labels(6, hidden=(0,))}, tmp_path)
    a, b = loaded.examples
    assert (a.video, b.video) == ("a.mp4", "b.mkv")
    assert a.expressions == NAMES
    assert a.valid.tolist() == [False, True, True, True, False, True]  # hidden, or without a picture
    assert a.labels[:, 0].tolist() == [0, 1, 0, 1, 0, 1]
    assert a.labels[3].tolist() == [1, 1]
    assert np.asarray(a.features["image"])[:, 0].tolist() == [1, 2, 3, 4, 0, 6]  # absent is zero
    assert not np.asarray(a.features["audio"]).any()
    assert a.features["image"].dtype == np.float16
    assert a.widths == {"image": 6, "face": 6, "audio": 6}
    assert b.seconds == 6
    assert loaded.notes == ("b.mkv: features 8 s and labels 6 s: cut to 6 s", "audio: no second of any video has it")
    assert loaded.made == {"nets": {"yunet": "22"}, "config": {"side": 640}}


def test_labels_that_are_longer_than_the_features_are_cut(tmp_path: Path) -> None:
    write_features(tmp_path / "a.mp4.safetensors", features(5), MADE)
    (a,) = load_examples({"a.mp4": labels(7)}, tmp_path).examples
    assert (a.seconds, len(a.valid), len(a.labels)) == (5, 5, 5)


def test_a_video_without_features_is_noted(tmp_path: Path) -> None:
    write_features(tmp_path / "a.mp4.safetensors", features(5), MADE)
    loaded = load_examples({"a.mp4": labels(5), "c.mp4": labels(5), "b.mp4": labels(5)}, tmp_path)
    assert [e.video for e in loaded.examples] == ["a.mp4"]
    assert loaded.notes[0] == "labelled but without features, left out: b.mp4, c.mp4"


def test_nothing_to_load_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="has features of none of 1 labelled videos; make them: evoked features"):
        load_examples({"a.mp4": labels(5)}, tmp_path)
    with pytest.raises(DatasetError, match="no folder"):
        load_examples({"a.mp4": labels(5)}, tmp_path / "none")


def test_features_of_different_making_are_refused(tmp_path: Path) -> None:
    write_features(tmp_path / "a.mp4.safetensors", features(5), MADE)
    write_features(tmp_path / "b.mp4.safetensors", features(5), Provenance("features", {"side": 320}, nets=MADE.nets))
    with pytest.raises(DatasetError, match=r"'b\.mp4' and 'a\.mp4' were made with different networks or settings"):
        load_examples({"a.mp4": labels(5), "b.mp4": labels(5)}, tmp_path)


def test_a_damaged_file_and_another_length_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4.safetensors").write_bytes(b"half a file")
    with pytest.raises(DatasetError, match=r"features in .*a\.mp4\.safetensors cannot be used"):
        load_examples({"a.mp4": labels(5)}, tmp_path)
    write_features(tmp_path / "a.mp4.safetensors", features(50), MADE)
    with pytest.raises(DatasetError, match=r"a\.mp4: features have 50 seconds and labels 5"):
        load_examples({"a.mp4": labels(5)}, tmp_path)


def test_the_full_name_goes_before_the_stem(tmp_path: Path) -> None:
    for name in ("a.mp4.parquet", "a.parquet", "b.parquet"):
        (tmp_path / name).touch()
    files = find_result_files(["a.mp4", "b.mp4", "c.mp4"], tmp_path, ".parquet")
    assert {v: p.name for v, p in files.items()} == {"a.mp4": "a.mp4.parquet", "b.mp4": "b.parquet"}


def test_a_file_that_could_be_of_two_videos_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").touch()
    with pytest.raises(DatasetError, match=r"could be of 'a\.mkv' or of 'a\.mp4'; name it a\.mp4\.parquet"):
        find_result_files(["a.mp4", "a.mkv"], tmp_path, ".parquet")


def test_numbers_stay_on_disk_until_they_are_used(tmp_path: Path) -> None:
    file = tmp_path / "a.mp4.safetensors"
    write_features(file, features(9, blind=(4,)), MADE)
    (a,) = load_examples({"a.mp4": labels(7)}, tmp_path).examples
    rows = a.features["image"]
    expected = read_features(file).filled()["image"].astype(np.float16)[:7]

    assert (rows.shape, rows.ndim, rows.dtype, len(rows)) == ((7, 6), 2, np.float16, 7)
    for part in (slice(None), slice(2, 5), slice(5, 99), slice(3, 3), slice(-2, None)):
        np.testing.assert_array_equal(rows[part], expected[part])
    with pytest.raises(ValueError, match="in order"):
        rows[::2]
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(DatasetError, match=r"a\.mp4\.safetensors cannot be used"):
        rows[0:2]


def test_a_number_that_is_none_is_told_when_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.mp4.safetensors"
    write_features(file, features(9), MADE)
    tensors = load_file(file)
    tensors["audio"][6, 1] = np.nan
    save_file(tensors, file, metadata={"evoked": MADE.as_json()})
    (a,) = load_examples({"a.mp4": labels(9)}, tmp_path).examples

    assert a.features["audio"][0:6].shape == (6, 6)
    with pytest.raises(DatasetError, match="audio is not finite at second 6"):
        a.features["audio"][4:8]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"audio": None}, "it has no audio"),
        ({"audio": np.zeros((8, 6), np.float16)}, "its tensors differ in length"),
        ({"face": np.zeros((9, 6), np.float32)}, "face must be float16"),
        ({"image_valid": np.ones(9, np.uint8)}, "image_valid must be a mask"),
    ],
)
def test_a_file_that_is_wrong_is_not_loaded(tmp_path: Path, change: dict[str, np.ndarray | None], message: str) -> None:
    file = tmp_path / "a.mp4.safetensors"
    write_features(file, features(9), MADE)
    tensors = {n: t for n, t in (load_file(file) | change).items() if t is not None}
    save_file(tensors, file, metadata={"evoked": MADE.as_json()})

    with pytest.raises(DatasetError, match=message):
        load_examples({"a.mp4": labels(9)}, tmp_path)


def test_result_files_in_either_unicode_form_and_names_with_dots(tmp_path: Path) -> None:
    (tmp_path / "day 1").mkdir()
    for name in ("u\u0308ber.mp4.csv", "lecture.csv", "12.5.csv", "day 1/a.mp4.csv"):
        (tmp_path / name).touch()

    found = find_result_files(
        ["day 1/a.mp4", "\u00fcber.mp4", "lecture.1", "lecture.mp4", "12.5", "12.mp4"], tmp_path, ".csv"
    )

    assert {video: path.name for video, path in found.items()} == {
        "\u00fcber.mp4": "u\u0308ber.mp4.csv",
        "lecture.mp4": "lecture.csv",
        "12.5": "12.5.csv",
        "day 1/a.mp4": "a.mp4.csv",
    }
