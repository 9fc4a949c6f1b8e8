"""From a real video to probabilities: the same by file, by features, and by torch."""

import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from evoked.core.errors import CheckpointError, MissingMedia
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.features.extract import Features, extract
from evoked.features.files import read_features, write_features
from evoked.prediction.predictor import Predictor, load_model, predict_features, predict_video

NETS = pytest.mark.nets
WIDTHS = {"image": 1280, "face": 256, "audio": 1024}


def features(seconds: int, widths: dict[str, int] = WIDTHS, *, blind: tuple[int, ...] = ()) -> Features:
    """Random features; the seconds of `blind` have no picture."""
    random, grid = np.random.default_rng(1), TimeGrid(Fraction(1), seconds)
    sees, every = ~np.isin(np.arange(seconds), blind), np.ones(seconds, bool)

    def rows(name: str, valid: np.ndarray) -> Track:
        names = tuple(f"{name}_{i}" for i in range(widths[name]))
        return Track.masked(grid, names, random.normal(size=(seconds, widths[name])), valid)

    return Features(rows("image", sees), rows("face", every), np.ones((seconds, 2), bool), rows("audio", every))


@NETS
def test_a_video_its_features_and_its_feature_file_give_the_same(
    video: Path, model_folder: Path, tmp_path: Path
) -> None:
    model = load_model(model_folder)
    predictor = Predictor(model)
    predicted = predictor(video)
    features = extract(video)
    write_features(tmp_path / "f.safetensors", features, predictor.provenance(video))
    for again in (
        predict_features(model, features),
        predict_features(model, read_features(tmp_path / "f.safetensors")),
        predict_video(video, model),
    ):
        np.testing.assert_array_equal(again.values, predicted.values)
    assert predicted.names == model.expressions
    assert predicted.grid == TimeGrid(Fraction(1), 6)  # 5.3 s: the seconds 0 … 5
    assert predicted.valid.all()
    assert ((predicted.values > 0) & (predicted.values < 1)).all()
    assert np.ptp(predicted.values, axis=0).min() > 0  # the video has a say


@NETS
def test_it_says_what_made_it(video: Path, model_folder: Path) -> None:
    model = load_model(model_folder)
    provenance = Predictor(model).provenance(video)
    assert provenance.made_by == "predict"
    assert provenance.inputs["model"] == model.sha256
    assert set(provenance.inputs) == {"model", "bigbuckbunny.mp4"}
    assert set(provenance.nets) == set(model.checkpoint.features["nets"])
    assert provenance.notes == ("staged: these people did not watch this video",)


@NETS
def test_a_file_that_is_no_video_is_refused(model_folder: Path, tmp_path: Path) -> None:
    predictor = Predictor(load_model(model_folder))
    (tmp_path / "text.mp4").write_text("no video")
    for path in (tmp_path / "none.mp4", tmp_path / "text.mp4", tmp_path):
        with pytest.raises(MissingMedia):
            predictor(path)


def test_torch_says_the_same(model_folder: Path) -> None:
    torch = pytest.importorskip("torch")
    from evoked.model.network import Network

    model, described = load_model(model_folder), features(9)
    network = Network(model.checkpoint.config)
    network.load_arrays(model.checkpoint.arrays)
    network.eval()
    seconds, window = 9, model.checkpoint.config.window_s
    places = np.clip(np.arange(seconds + window - 1) - window + 1, 0, None)
    rows = {
        name: torch.from_numpy(values.astype(np.float16).astype(np.float32)[places])[:, None]
        for name, values in described.filled().items()
    }
    source = torch.arange(len(places)).clamp(min=window - 1)[:, None]
    with torch.no_grad():
        by_torch = network(rows, source, torch.ones(seconds, 1, dtype=torch.bool)).numpy()
    np.testing.assert_allclose(predict_features(model, described).values, by_torch, atol=1e-5)


def test_a_second_is_valid_where_there_is_a_picture(model_folder: Path) -> None:
    seen = predict_features(load_model(model_folder), features(6, blind=(2, 5)))
    assert seen.valid.tolist() == [True, True, False, True, True, False]
    assert np.isnan(seen.values[2]).all()


def test_a_video_of_no_length_has_no_predictions(model_folder: Path) -> None:
    assert predict_features(load_model(model_folder), features(0)).values.shape == (0, 5)


def test_features_of_another_width_are_refused(model_folder: Path) -> None:
    narrow = features(3, WIDTHS | {"image": 512})
    with pytest.raises(CheckpointError, match=r"reads 1280 numbers of image a second, there are 512\. Make"):
        predict_features(load_model(model_folder), narrow)


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ({"nets": {}}, "does not describe how its features were made"),
        ({"config": None}, "does not describe how its features were made"),
        (
            {"nets": {"vggish": "00"}},
            "of other networks than this version's: .*sface, vggish, yamnet, yunet differ",
        ),
        (
            {"config": {"features": "paper"}},
            "of other networks than this version's: efficientnet-lite2, inception-resnet-v1,",
        ),
        ({"config": {"features": "best"}}, "does not know: features must be one of open, paper, got 'best'"),
        ({"config": {"pca": 3}}, "made with settings that this version does not know: .*pca"),
        ({"config": {"precision": "int8"}}, "settings that this version does not know: precision must be"),
    ],
)
def test_a_model_of_other_features_is_refused_before_a_net_is_loaded(
    make_model: Callable[..., Path], tmp_path: Path, about: dict[str, object], message: str
) -> None:
    with pytest.raises(CheckpointError, match=message) as caught:
        Predictor(load_model(make_model(tmp_path, **about)))
    assert "\n" not in str(caught.value)


def test_the_models_settings_are_taken_and_the_threads_are_the_callers(
    make_model: Callable[..., Path], tmp_path: Path
) -> None:
    settings = {"precision": "f32", "detector_size": 320, "min_score": 0.9}
    config = load_model(make_model(tmp_path, config=settings)).feature_config(threads=3)
    assert config.as_dict() == {"features": "open", "face_net": "", **settings}  # what an older model does not say
    assert config.threads == 3


def test_no_model_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no model in .*: model\.safetensors is missing"):
        load_model(tmp_path)


def test_predicting_needs_no_torch() -> None:
    script = "import sys, evoked.cli.predict; print([m for m in ('torch', 'ray', 'sklearn') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout.strip() == "[]"
