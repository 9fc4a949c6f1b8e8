"""The ONNX file gives what the model gives, in a runtime of other authors."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from evoked.cli.main import main
from evoked.core.errors import CheckpointError, OutputError
from evoked.core.expressions import EEV5
from evoked.model.checkpoint import Checkpoint, save_checkpoint
from evoked.model.config import ModelConfig, ModelSettings, shapes
from evoked.prediction.forward import Forward
from evoked.prediction.onnx_export import as_onnx, write_onnx

WIDTHS = {"image": 24, "face": 16, "audio": 10}
SMALL = ModelSettings(image_units=12, face_units=6, audio_units=8, window_s=11)
CHOICES = (
    {"experts": 0},
    {"architecture": "tcn", "standardise": "column"},
    {},
    {"layers": 2},
    {"output_gate_from": "input", "remove_diagonal": True},
    {"remove_diagonal": True},
    {"input_gate": False, "output_gate": False},
    {"experts": 3, "standardise": "column"},
    {"answer": "value"},
    {"answer": "share"},
)


def checkpoint(config: ModelConfig, seed: int = 0) -> Checkpoint:
    draw = np.random.default_rng(seed)
    arrays = {name: draw.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes(config).items()}
    for name in arrays:
        if name.endswith((".variance", ".deviation")):
            arrays[name] = np.abs(arrays[name]) + np.float32(0.5)
        if name.startswith("scale.") and config.standardise == "none":
            arrays[name] = (np.ones if name.endswith("deviation") else np.zeros)(arrays[name].shape, np.float32)
    return Checkpoint(config, arrays, provenance={"notes": ["staged"]})


def features(config: ModelConfig, seconds: int = 29, seed: int = 1) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    arrays = {m.name: draw.normal(0, 1, (seconds, m.width)).astype(np.float32) for m in config.modalities}
    arrays["face"][5:9], arrays["face"][12, :8], arrays["audio"][20:] = 0, 0, 0  # nobody, one face, no sound
    return arrays


def windows(config: ModelConfig, rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    seconds = len(rows["image"])
    at = np.maximum(0, np.arange(seconds)[:, None] - config.window_s + 1 + np.arange(config.window_s))
    return {m.name: rows[m.name][at] for m in config.modalities}


@pytest.mark.parametrize("choices", CHOICES, ids=str)
def test_onnx_runtime_gives_what_the_model_gives(choices: dict[str, object], tmp_path: Path) -> None:
    config = replace(SMALL.fit(WIDTHS, EEV5), **choices)
    model, rows = checkpoint(config), features(config)
    write_onnx(tmp_path / "model.onnx", model)

    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    (p,) = session.run(None, windows(config, rows))

    np.testing.assert_allclose(p, Forward(config, model.arrays)(rows), atol=5e-6)
    assert np.ptp(p) > 0.01


def test_one_modality_at_the_paper_s_size_and_one_window_at_a_time(tmp_path: Path) -> None:
    config = replace(ModelSettings(modalities=("audio",), audio_units=128).fit({"audio": 128}, EEV5))
    model = checkpoint(config)
    rows = {"audio": np.random.default_rng(2).normal(0, 1, (5, 128)).astype(np.float32)}
    session = onnxruntime.InferenceSession(as_onnx(model).SerializeToString(), providers=["CPUExecutionProvider"])
    windows = np.maximum(0, np.arange(5)[:, None] - config.window_s + 1 + np.arange(config.window_s))
    window_by_window = [session.run(None, {"audio": rows["audio"][window][None]})[0] for window in windows]
    np.testing.assert_allclose(np.concatenate(window_by_window), Forward(config, model.arrays)(rows), atol=5e-6)


def test_the_file_says_what_it_is(tmp_path: Path) -> None:
    config = SMALL.fit(WIDTHS, EEV5)
    write_onnx(tmp_path / "deep" / "model.onnx", checkpoint(config))
    props = {p.key: p.value for p in onnx.load(tmp_path / "deep" / "model.onnx").metadata_props}
    assert json.loads(props["evoked"])["provenance"] == {"notes": ["staged"]}
    assert props["expressions"].split(",") == list(EEV5)


def test_what_cannot_be_exported_is_one_line(tmp_path: Path) -> None:
    config = SMALL.fit(WIDTHS, EEV5)
    with pytest.raises(OutputError, match=r"end it in \.onnx"):
        write_onnx(tmp_path / "model.pb", checkpoint(config))
    unknown = Checkpoint(replace(config), checkpoint(config).arrays)
    object.__setattr__(unknown.config, "architecture", "something new")
    with pytest.raises(CheckpointError, match="cannot be exported; there are graphs of gru"):
        as_onnx(unknown)


def test_the_command_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save_checkpoint(tmp_path / "model", checkpoint(SMALL.fit(WIDTHS, EEV5)))
    for words, code in (((tmp_path / "model",), 0), ((tmp_path / "none",), 1)):
        monkeypatch.setattr(sys, "argv", ["evoked", "export", *map(str, words), "-o", str(tmp_path / "m.onnx")])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == code
    result = capsys.readouterr()
    assert result.out.strip() == str(tmp_path / "m.onnx")
    assert "no model in" in result.err
    onnx.checker.check_model(str(tmp_path / "m.onnx"), full_check=True)
