"""A model comes back as it went, and a file that is no model is refused in one clear line."""

import json
from pathlib import Path

import numpy as np
import pytest
from float64_model import small_config, some_arrays, some_features
from safetensors.numpy import load_file, save_file

from evoked.core.errors import CheckpointError, OutputError
from evoked.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from evoked.prediction.forward import Forward


def saved(folder: Path, **choices: object) -> Checkpoint:
    config = small_config(**choices)
    checkpoint = Checkpoint(
        config,
        some_arrays(config),
        features={"image": {"net": "x"}},
        training={"epochs": 3},
        provenance={"made_by": "train"},
    )
    save_checkpoint(folder, checkpoint)
    return checkpoint


def refusal(folder: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def rewrite(folder: Path, **change: object) -> None:
    """Change the description in both files, as another program would have written it."""
    about = json.loads((folder / "model.json").read_text()) | change
    text = json.dumps(about)
    (folder / "model.json").write_text(text)
    save_file(load_file(folder / "model.safetensors"), folder / "model.safetensors", metadata={"evoked": text})


def test_a_model_comes_back_as_it_went(tmp_path: Path) -> None:
    went = saved(tmp_path / "deep" / "model", layers=2)

    came = load_checkpoint(tmp_path / "deep" / "model")

    assert came.config == went.config
    assert came.about() == went.about()
    assert all(np.array_equal(came.arrays[n], went.arrays[n]) for n in went.arrays)
    features = some_features(went.config, 12)
    predictions = [Forward(c.config, c.arrays)(features) for c in (went, came)]
    np.testing.assert_array_equal(*predictions)


def test_saving_again_gives_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        saved(tmp_path / folder)

    for name in ("model.safetensors", "model.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_the_json_says_what_the_contract_says(tmp_path: Path) -> None:
    saved(tmp_path)

    about = json.loads((tmp_path / "model.json").read_text())

    assert about["format"] == 1
    assert about["expressions"] == ["joy", "awe", "calm"]
    assert about["modalities"][1] == {"name": "face", "width": 8, "units": 5, "parts": 2}
    assert {"window_s", "experts", "features", "training", "provenance"} <= about.keys()


def test_a_missing_file(tmp_path: Path) -> None:
    saved(tmp_path)
    (tmp_path / "model.safetensors").unlink()

    assert "model.safetensors is missing" in refusal(tmp_path)
    assert "no model in" in refusal(tmp_path / "nowhere")


@pytest.mark.parametrize("keep", [0, 4, 100, 2000])
def test_truncated_arrays(tmp_path: Path, keep: int) -> None:
    saved(tmp_path)
    file = tmp_path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:keep])

    assert "model.safetensors is damaged or cut short" in refusal(tmp_path)


@pytest.mark.parametrize("beside", ["missing", "truncated", "of the model before"])
def test_whoever_is_cut_off_between_the_two_files_has_the_new_model(tmp_path: Path, beside: str) -> None:
    saved(tmp_path)
    before = (tmp_path / "model.json").read_bytes()
    went = saved(tmp_path, layers=2)
    file = tmp_path / "model.json"
    file.write_bytes({"missing": b"", "truncated": file.read_bytes()[:50], "of the model before": before}[beside])
    if beside == "missing":
        file.unlink()

    came = load_checkpoint(tmp_path)

    assert came.about() == went.about()
    assert all(np.array_equal(came.arrays[n], went.arrays[n]) for n in went.arrays)


def test_a_newer_format(tmp_path: Path) -> None:
    saved(tmp_path)
    rewrite(tmp_path, format=2)

    assert "has format 2, this program reads up to 1. Update evoked" in refusal(tmp_path)


def test_arrays_of_other_sizes(tmp_path: Path) -> None:
    saved(tmp_path)
    rewrite(tmp_path, experts=3)

    message = refusal(tmp_path)
    assert "does not fit its own description: experts." in message
    assert "Train it again" in message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"window_s": "sixty"}, "window_s must be a whole number"),
        ({"window_s": 10**9}, "window_s must be at most 3600"),
        ({"modalities": []}, "modalities must be one or more"),
        ({"layers": 0}, "layers must be at least 1"),
        ({"format": "one"}, "has no format number"),
        (
            {"architecture": "transformer"},
            "architecture must be one of gru, tcn, got 'transformer'. Train the model again, or update",
        ),
        ({"attention": True}, "does not know (attention): update evoked"),
    ],
)
def test_a_description_that_is_no_model_s(tmp_path: Path, change: dict[str, object], message: str) -> None:
    saved(tmp_path)
    rewrite(tmp_path, **change)

    assert "model.safetensors" in refusal(tmp_path)
    assert message in refusal(tmp_path)


@pytest.mark.parametrize(("name", "value"), [("scale.face.deviation", 0.0), ("input_gate.variance", -5.0)])
def test_numbers_that_are_no_spread(tmp_path: Path, name: str, value: float) -> None:
    went = saved(tmp_path)
    went.arrays[name][0] = value
    save_checkpoint(tmp_path, went)

    assert f"numbers in {name} that are no spread" in refusal(tmp_path)


def test_weights_that_are_no_numbers(tmp_path: Path) -> None:
    went = saved(tmp_path)
    went.arrays["experts.expert_bias"][0, 0] = np.nan
    save_checkpoint(tmp_path, went)

    assert "experts.expert_bias" in refusal(tmp_path)


def test_somebody_else_s_safetensors(tmp_path: Path) -> None:
    saved(tmp_path)
    save_file({"x": np.zeros(3)}, tmp_path / "model.safetensors")

    assert "was not written by evoked" in refusal(tmp_path)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(OutputError, match="cannot write"):
        saved(tmp_path / "file" / "model")


def test_a_full_disk_leaves_the_old_model(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    went = saved(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # no file may grow beyond 1000 bytes
    try:
        with pytest.raises(OutputError, match="cannot write"):
            saved(tmp_path, layers=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)

    assert load_checkpoint(tmp_path).config == went.config
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.json", "model.safetensors"]


def test_a_model_of_before_a_choice_was_there_is_read_as_it_was(tmp_path: Path) -> None:
    went = saved(tmp_path)
    about = json.loads((tmp_path / "model.json").read_text())
    for name in ("architecture", "answer", "output_gate_from", "remove_diagonal"):
        del about[name]
    (tmp_path / "model.json").write_text(json.dumps(about))
    arrays = load_file(tmp_path / "model.safetensors")
    save_file(arrays, tmp_path / "model.safetensors", metadata={"evoked": json.dumps(about)})

    assert load_checkpoint(tmp_path).config == went.config


def test_a_model_that_calls_its_architecture_kind_is_read(tmp_path: Path) -> None:
    went = saved(tmp_path, architecture="tcn")
    about = json.loads((tmp_path / "model.json").read_text())
    about["kind"] = about.pop("architecture")
    arrays = load_file(tmp_path / "model.safetensors")
    save_file(arrays, tmp_path / "model.safetensors", metadata={"evoked": json.dumps(about)})

    came = load_checkpoint(tmp_path)

    assert came.config == went.config
    assert came.config.architecture == "tcn"


def test_choices_of_the_gates_come_back(tmp_path: Path) -> None:
    went = saved(tmp_path, output_gate_from="input", remove_diagonal=True)

    came = load_checkpoint(tmp_path)

    assert came.config == went.config
    assert came.arrays["output_gate.weight"].shape == (3, 15)
