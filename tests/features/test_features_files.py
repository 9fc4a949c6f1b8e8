import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from evoked.core.errors import DatasetError, OutputError
from evoked.core.provenance import Provenance
from evoked.core.track import Track
from evoked.features.extract import Features
from evoked.features.files import read_features, read_features_provenance, write_features

pytestmark = pytest.mark.nets
MADE = Provenance("features", {"side": 480}, {"a.mp4": "00"}, {"sface": "11"})


@pytest.fixture
def stored(tmp_path: Path, woman: Features) -> Path:
    path = tmp_path / "a.safetensors"
    write_features(path, woman, MADE)
    return path


def altered(path: Path, **changes: object) -> Path:
    """The same file with some tensors changed, or left out where None."""
    tensors = {**load_file(path), **changes}
    with_key = {"evoked": MADE.as_json()}
    save_file({n: t for n, t in tensors.items() if t is not None}, path, metadata=with_key)
    return path


def test_there_and_back(stored: Path, woman: Features) -> None:
    result = read_features(stored)

    for name, rows in woman.filled().items():
        np.testing.assert_array_equal(result.filled()[name], rows.astype(np.float16).astype(np.float32))
    np.testing.assert_array_equal(result.face_valid, woman.face_valid)
    np.testing.assert_array_equal(result.audio.valid, woman.audio.valid)
    assert result.grid == woman.grid
    assert read_features_provenance(stored) == json.loads(MADE.as_json())


def test_seconds_without_sound_come_back_as_such(tmp_path: Path, woman: Features) -> None:
    valid = np.arange(woman.grid.steps) > 4
    mute = Track.masked(woman.grid, woman.audio.names, woman.audio.values, valid)
    path = tmp_path / "mute.safetensors"

    write_features(path, replace(woman, audio=mute), MADE)

    assert (load_file(path)["audio"][:5] == 0).all()
    assert read_features(path).audio.valid.tolist() == valid.tolist()


def test_what_is_in_the_file(stored: Path) -> None:
    kinds = {name: (tensor.shape, tensor.dtype.name) for name, tensor in load_file(stored).items()}
    assert kinds == {
        "image": ((20, 1280), "float16"),
        "image_valid": ((20,), "bool"),
        "face": ((20, 256), "float16"),
        "face_valid": ((20, 2), "bool"),
        "audio": ((20, 1024), "float16"),
        "audio_valid": ((20,), "bool"),
    }


def test_equal_work_gives_equal_bytes(stored: Path, tmp_path: Path, woman: Features) -> None:
    for again in range(3):
        write_features(tmp_path / f"{again}.safetensors", woman, MADE)
        assert (tmp_path / f"{again}.safetensors").read_bytes() == stored.read_bytes()


def test_too_large_for_float16(tmp_path: Path, woman: Features) -> None:
    values = woman.image.values.copy()
    values[3, 7] = 70_000
    path = tmp_path / "a.safetensors"
    with pytest.raises(DatasetError, match=r"image features reach 7e\+04, float16 ends at 65504"):
        write_features(
            path, replace(woman, image=Track(woman.grid, woman.image.names, values, woman.image.valid)), MADE
        )
    assert not path.exists()


def test_a_file_that_was_cut_off(stored: Path) -> None:
    data = stored.read_bytes()
    for length in (0, 4, 100, len(data) // 2, len(data) - 1):
        stored.write_bytes(data[:length])
        with pytest.raises(DatasetError, match=r"a\.safetensors cannot be used: it is not a complete safetensors file"):
            read_features(stored)


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no features at .*b\.safetensors\. Make them: evoked features"):
        read_features(tmp_path / "b.safetensors")
    (tmp_path / "c.safetensors").write_text("I am a text")
    with pytest.raises(DatasetError, match="not a complete safetensors file"):
        read_features_provenance(tmp_path / "c.safetensors")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"audio": None}, "it has no audio"),
        ({"audio": np.zeros((19, 1024), np.float16)}, "its tensors differ in length"),
        ({"image": np.full((20, 1280), np.nan, np.float16)}, "image is not finite at second 0"),
        ({"face": np.zeros((20, 256), np.float32)}, "face must be float16"),
        ({"face": np.zeros((20, 255), np.float16)}, "face has 255 columns for 2 faces"),
        ({"audio_valid": np.ones((20,), np.uint8)}, "audio_valid must be a mask"),
        ({"image_valid": np.ones((20, 1), np.bool_)}, "image_valid must be a mask"),
    ],
)
def test_a_file_that_is_wrong(stored: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        read_features(altered(stored, **changes))


def test_another_width_than_wanted(stored: Path) -> None:
    assert read_features(stored, {"image": 1280, "face": 256}).image.values.shape == (20, 1280)
    with pytest.raises(DatasetError, match="image has 1280 columns, 2048 are wanted"):
        read_features(stored, {"image": 2048})


def test_a_file_without_provenance(stored: Path) -> None:
    save_file(load_file(stored), stored)
    with pytest.raises(DatasetError, match="it has no provenance"):
        read_features(stored)


def test_nowhere_to_write(tmp_path: Path, woman: Features) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        write_features(tmp_path / "file" / "a.safetensors", woman, MADE)
