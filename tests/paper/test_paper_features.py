"""`--features paper` from a video to rows, each worked out again by the reference nets; and through the commands."""

import functools
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from numpy.typing import NDArray
from paper_files import Folder

from evoked.cli.features import features
from evoked.cli.predict import predict
from evoked.core.errors import CheckpointError, WeightsMismatch, WeightsMissing
from evoked.core.expressions import EEV5
from evoked.faces.crops import add_margin, square_box
from evoked.faces.detect import DetectConfig, FaceDetector
from evoked.features import jobs as features_jobs
from evoked.features.audio import FLOORS, log_mel
from evoked.features.extract import Extractor, FeatureConfig
from evoked.features.files import read_features, read_features_provenance
from evoked.media.decode import VideoFrame, read_audio, read_media
from evoked.media.probe import probe
from evoked.model.checkpoint import Checkpoint, save_checkpoint
from evoked.model.config import ModelSettings, shapes
from evoked.prediction import jobs
from evoked.prediction.predictor import load_model
from evoked.study.prediction_steps import PredictionSteps
from evoked.study.settings import SECTIONS
from evoked.weights.cache import Cache, default_cache
from evoked.weights.catalogue import NETS, Address

pytestmark = pytest.mark.nets
PAPER = ("inception-v3-fid", "yunet", "inception-resnet-v1", "vggish")


@pytest.fixture(scope="module")
def woman(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 2 seconds of a woman who talks to us."""
    clip = tmp_path_factory.mktemp("woman") / "woman.mp4"
    source = default_cache().clip("WolfgangLanger_Pexels.mp4")
    subprocess.run(["ffmpeg", "-v", "error", "-i", source, "-t", "1.5", "-c", "copy", clip], check=True)
    return clip


def told(folder: Folder, name: str, given: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the reference net says, its first output."""
    with torch.inference_mode():
        return folder.nets[name](torch.from_numpy(np.ascontiguousarray(given)))[0].numpy()


def scaled(rgb: NDArray[np.uint8], mean: float) -> NDArray[np.float32]:
    return ((rgb.astype(np.float32) - mean) / 128).transpose(2, 0, 1)[None]


def near(found: NDArray, known: NDArray) -> bool:
    return bool(np.abs(found - known).max() < 2e-3 * known.std())


def test_every_row_is_what_the_references_say(own: Callable[..., Folder], woman: Path) -> None:
    folder = own(*PAPER)
    found = Extractor(FeatureConfig(features="paper"), folder.cache)(woman)

    grid = probe(woman).seconds
    assert (found.image.values.shape, found.face.values.shape, found.audio.values.shape) == (
        (grid.steps, 2048),
        (grid.steps, 2 * 1792),
        (grid.steps, 128),
    )
    heard = np.pad(read_audio(woman, 16_000), (0, 16_000))
    detector = FaceDetector(DetectConfig(detector_size=480), default_cache())
    for item in read_media(woman, frames=grid):
        assert isinstance(item, VideoFrame)
        t, (face,) = item.step, detector(item.rgb())
        assert near(found.image.values[t], told(folder, "inception-v3-fid", scaled(item.rgb((299, 299)), 128))[0])
        patch = log_mel(heard[t * 16_000 : t * 16_000 + 15_600], FLOORS["vggish"])
        assert near(found.audio.values[t], told(folder, "vggish", patch[None, None])[0])
        assert found.face_valid[t].tolist() == [True, False]
        cut = add_margin(item.rgb(), face.box, 160)  # the search at 480 pixels moved the box a little
        known = told(folder, "inception-resnet-v1", scaled(cut, 127.5))[0]
        row = found.face.values[t, :1792]
        assert row @ known / np.linalg.norm(row) / np.linalg.norm(known) > 0.98
        assert (found.face.values[t, 1792:] == 0).all()


def test_faces_by_nn2_of_ones_own(own: Callable[..., Folder], woman: Path) -> None:
    from evoked.faces.descriptors import open_descriptors, width_of

    folder = own("nn2")
    (shown,) = [item.rgb() for item in read_media(woman, frames=probe(woman).seconds) if item.step == 1]
    faces = FaceDetector(cache=default_cache())(shown)

    rows = open_descriptors(("nn2",), folder.cache)(shown, [*faces, *faces])

    assert rows.shape == (2, 1024) == (2, width_of(("nn2",)))
    assert near(rows[0], told(folder, "nn2", scaled(square_box(shown, faces[0].box, 224), 127.5))[0])
    np.testing.assert_array_equal(rows[0], rows[1])
    assert FeatureConfig(features="paper", face_net="nn2").chosen.nets == (PAPER[0], "yunet", "nn2", "vggish")


@pytest.fixture
def shell(own: Callable[..., Folder], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """Commands in this process, with the paper's nets in EVOKED_WEIGHTS."""
    folder = own(*PAPER)
    monkeypatch.setenv("EVOKED_CACHE", str(folder.cache.root))
    monkeypatch.setenv("EVOKED_WEIGHTS", str(folder.path))
    monkeypatch.setenv("EVOKED_OFFLINE", "1")
    jobs._predictor.cache_clear()
    features_jobs._extractor.cache_clear()

    def run(command: object, *words: object) -> tuple[int, str, str]:
        ran = CliRunner().invoke(command, [str(w) for w in words])  # type: ignore[arg-type]
        return ran.exit_code, ran.stdout, ran.stderr

    return run


def model_of(folder: Path, told: dict[str, object]) -> Path:
    """A small untrained model that reads the paper's features."""
    config = ModelSettings(image_units=4, face_units=4, audio_units=4, window_s=3).fit(
        {"image": 2048, "face": 3584, "audio": 128}, EEV5
    )
    arrays = {name: np.full(shape, 0.01, np.float32) for name, shape in shapes(config).items()}
    save_checkpoint(folder, Checkpoint(config, arrays, features=told, provenance={"notes": []}))
    return folder


def test_a_model_is_given_the_features_that_it_learnt_from(
    shell: Callable[..., tuple[int, str, str]], woman: Path, tmp_path: Path
) -> None:
    out = tmp_path / "woman.safetensors"
    code, _, talked = shell(features, woman, "-o", out, "--features", "paper")
    assert code == 0, talked
    assert read_features(out, {"image": 2048, "face": 3584, "audio": 128}).face_valid[:, 0].all()
    made = read_features_provenance(out)
    assert set(made["nets"]) == set(PAPER)
    assert made["config"]["features"] == "paper"

    model = model_of(tmp_path / "model", {"nets": made["nets"], "config": made["config"]})
    code, said, talked = shell(predict, woman, "--model", model, "--json")

    assert code == 0, talked
    video = json.loads(said)["videos"][0]
    assert len(video["rows"]) == probe(woman).seconds.steps
    assert set(video["provenance"]["nets"]) == set(PAPER)


def test_a_model_of_another_nn2_is_refused(own: Callable[..., Folder], tmp_path: Path) -> None:
    folder = own("nn2")
    config = FeatureConfig(face_net="nn2")
    nets = {name: folder.cache.digest(name) for name in config.chosen.nets}
    assert len(nets["nn2"]) == 64
    model = model_of(tmp_path / "m", {"nets": nets, "config": config.as_dict()})
    assert load_model(model).feature_config(cache=folder.cache) == config

    other = model_of(tmp_path / "other", {"nets": {**nets, "nn2": "0" * 64}, "config": config.as_dict()})
    with pytest.raises(CheckpointError, match="trained on features of other networks than this version's: nn2 differ"):
        load_model(other).feature_config(cache=folder.cache)
    with pytest.raises(WeightsMissing, match="'nn2' is yours to bring"):
        load_model(model).feature_config(cache=Cache(tmp_path, offline=True))


def test_a_study_names_its_set_and_waits_for_nn2(tmp_path: Path) -> None:
    assert SECTIONS["features"] is FeatureConfig
    river = PredictionSteps.__new__(PredictionSteps)
    river._nets, river.cache = None, Cache(tmp_path, offline=True)
    river.settings = type("Chosen", (), {"features": FeatureConfig(features="paper", face_net="nn2")})()
    assert river._digests()["nn2"] == ""  # the step itself fails then, with its reason


@pytest.fixture
def official(own: Callable[..., Folder], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A server of this machine that has one of the files where its official address is."""
    site = tmp_path / "site"
    site.mkdir()
    (site / NETS["inception-v3-fid"].file).symlink_to(own("inception-v3-fid").path / NETS["inception-v3-fid"].file)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    for name in ("inception-v3-fid", "inception-resnet-v1", "vggish"):
        url = f"http://127.0.0.1:{server.server_address[1]}/{NETS[name].file}"
        monkeypatch.setitem(NETS, name, replace(NETS[name], source=Address(url)))
    yield
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.usefixtures("official")
def test_by_its_address_checked_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(tmp_path / "cache", say=lambda line: None)
    assert cache.path("inception-v3-fid").stat().st_size == NETS["inception-v3-fid"].bytes

    monkeypatch.setitem(NETS, "inception-v3-fid", replace(NETS["inception-v3-fid"], sha256="6" * 64))
    with pytest.raises(WeightsMismatch, match="inception-v3-fid"):
        Cache(tmp_path / "other", say=lambda line: None).path("inception-v3-fid")
    away = "20180402-114759-vggface2.pt"
    with pytest.raises(WeightsMissing, match=rf"404 .*put {away} into a folder and name that in EVOKED_WEIGHTS"):
        cache.path("inception-resnet-v1")
