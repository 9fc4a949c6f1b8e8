"""A recogniser on disk: it comes back as it was, and what is damaged is said."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evoked.core.errors import CheckpointError
from evoked.core.files import sha256
from evoked.model.recognition import RecognitionConfig, RecognitionForward, recognition_shapes
from evoked.model.recognition_checkpoint import OperatingPoint, Recognition, load_recognition, save_recognition

CONFIG = RecognitionConfig(("blendshapes",), 3, ("doubt", "joy"), units=4)


def recognition(seed: int = 0) -> Recognition:
    draw = np.random.default_rng(seed)
    arrays = {n: draw.normal(1, 0.1, s).astype(np.float32) for n, s in recognition_shapes(CONFIG).items()}
    points = (
        OperatingPoint(0.3, "precision", 0.75, 0.2, 8, 30, 100),
        OperatingPoint(0.5, "none", None, None, 0, 0, 100),
    )
    return Recognition(
        CONFIG, arrays, ((1.1, -0.2), (1.0, 0.0)), points, {"face-mesh": "ab"}, {"ap": None}, {"epochs": 3}
    )


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    original = recognition()

    save_recognition(tmp_path, original)
    loaded, digest = load_recognition(tmp_path)

    assert loaded.about() == original.about()
    assert digest == sha256(tmp_path / "recogniser.safetensors")
    rows = np.random.default_rng(1).normal(size=(20, 3))
    np.testing.assert_array_equal(
        RecognitionForward(CONFIG, loaded.arrays)(rows), RecognitionForward(CONFIG, original.arrays)(rows)
    )


def test_the_same_recogniser_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "other"):
        save_recognition(tmp_path / name, recognition())

    for file in ("recogniser.safetensors", "recogniser.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes()


def test_two_recognisers_are_not_mixed(tmp_path: Path) -> None:
    save_recognition(tmp_path / "one", recognition())
    save_recognition(tmp_path / "other", replace(recognition(), training={"epochs": 4}))
    (tmp_path / "one" / "recogniser.json").write_bytes((tmp_path / "other" / "recogniser.json").read_bytes())

    loaded, digest = load_recognition(tmp_path / "one")

    assert loaded.about() == recognition().about()
    assert digest == sha256(tmp_path / "one" / "recogniser.safetensors")


def test_a_recogniser_whose_training_used_the_former_setting_names_is_read(tmp_path: Path) -> None:
    former = {"config": {"describe": ["blendshapes"], "units": 64, "rate": 0.002, "average": 0.98}}
    saved = replace(recognition(), training=former)
    save_recognition(tmp_path, saved)

    loaded, _ = load_recognition(tmp_path)

    assert (loaded.config, loaded.training) == (saved.config, former)


def test_a_folder_without_one(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no recogniser in .*recogniser\.safetensors is missing\. Train one"):
        load_recognition(tmp_path)


def test_damage_is_told(tmp_path: Path) -> None:
    save_recognition(tmp_path, recognition())
    arrays = tmp_path / "recogniser.safetensors"
    good = arrays.read_bytes()

    arrays.write_bytes(good[: len(good) // 2])

    with pytest.raises(CheckpointError, match="damaged or cut short"):
        load_recognition(tmp_path)


@pytest.mark.parametrize(
    ("section", "value", "message"),
    [
        ("format", 2, "has format 2, this program reads up to 1"),
        ("shape", {"width": 3}, "is not a recogniser's: describes"),
        ("calibration", {"doubt": [0, 1], "joy": [1, 0]}, "doubt: slope must be above 0"),
        ("points", {}, "is not a recogniser's: doubt"),
    ],
)
def test_a_description_that_is_none(tmp_path: Path, section: str, value: object, message: str) -> None:
    from evoked.model.stored import write_arrays

    original = recognition()
    text = json.dumps(original.about() | {section: value})
    write_arrays(tmp_path / "recogniser.safetensors", dict(original.arrays), text)
    (tmp_path / "recogniser.json").write_text(text)

    with pytest.raises(CheckpointError, match=message):
        load_recognition(tmp_path)


def test_weights_that_are_none(tmp_path: Path) -> None:
    original = recognition()
    arrays = dict(original.arrays) | {"lstm.bias_ih_l0": np.full(16, np.nan, np.float32)}
    save_recognition(tmp_path, replace(original, arrays=arrays))

    with pytest.raises(CheckpointError, match=r"numbers in lstm\.bias_ih_l0 that are no weights"):
        load_recognition(tmp_path)
