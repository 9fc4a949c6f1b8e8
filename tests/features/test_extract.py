import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from evoked.core.errors import MissingMedia, NoPictureError
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.faces.detect import FaceDetector
from evoked.faces.identity import FaceIdentity, cosine_similarity
from evoked.features.audio import FLOORS, HZ, log_mel
from evoked.features.extract import Extractor, FeatureConfig, Features
from evoked.features.face import search_size
from evoked.media.decode import VideoFrame, read_audio, read_media
from evoked.media.images import read_image, resize
from evoked.media.probe import probe
from evoked.weights.cache import Cache
from evoked.weights.session import open_net

pytestmark = pytest.mark.nets


def test_a_real_video_second_by_second(extractor: Extractor, cache: Cache) -> None:
    """5 s with sound: each row worked out again alone."""
    content = cache.clip("bigbuckbunny.mp4")

    result = extractor(content)

    steps = probe(content).seconds.steps
    assert result.image.values.shape == (steps, 1280)
    assert result.face.values.shape == (steps, 256)
    assert result.audio.values.shape == (steps, 1024)
    assert result.image.valid.all()
    assert result.audio.valid.all()
    image, audio = open_net("efficientnet-lite2", cache), open_net("yamnet", cache)
    heard = np.pad(read_audio(content, HZ), (0, HZ))
    for picture in read_media(content, frames=probe(content).seconds):
        assert isinstance(picture, VideoFrame)
        blob = ((picture.rgb((260, 260)).astype(np.float32) - 127) / 128).transpose(2, 0, 1)[None]
        t = picture.step
        np.testing.assert_allclose(result.image.values[t], image(np.ascontiguousarray(blob))[0][0], atol=5e-3)
        patch = log_mel(heard[t * HZ : t * HZ + 15600], FLOORS["yamnet"])
        np.testing.assert_allclose(result.audio.values[t], audio(patch[None, None])[0][0], atol=1e-3)


def test_one_woman_all_along(woman: Features) -> None:
    assert woman.grid == TimeGrid(Fraction(1), 20)
    assert woman.face_valid.tolist() == [[True, False]] * 20
    assert (woman.face.values[:, 128:] == 0).all()
    solemn, laughing = woman.face.values[:9, :128].mean(axis=0), woman.face.values[12:, :128].mean(axis=0)
    assert cosine_similarity(solemn, laughing) > 0.5


def test_the_two_largest_of_five(extractor: Extractor, cache: Cache, make, identity_of_group) -> None:  # type: ignore[no-untyped-def]
    group, expected = identity_of_group
    result = extractor(make([group] * 10))

    assert result.face_valid.all()
    for half in (0, 1):
        row = result.face.values[0, half * 128 : half * 128 + 128]
        similarities = [cosine_similarity(row, e) for e in expected]
        assert int(np.argmax(similarities)) == half  # the largest first
        assert similarities[half] > 0.9


@pytest.fixture(scope="module")
def identity_of_group(cache: Cache) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    group = resize(read_image(cache.clip("multi_face.jpg")), (960, 640))
    return group, FaceIdentity(cache)(group, FaceDetector(cache=cache)(group))


def test_a_video_without_faces_or_audio(extractor: Extractor, cache: Cache) -> None:
    result = extractor(cache.clip("no_face.mp4"))

    assert not result.face_valid.any()
    assert (result.face.values == 0).all()
    assert result.face.valid.all()
    assert result.image.valid.all()
    if probe(cache.clip("no_face.mp4")).sound is None:
        assert not result.audio.valid.any()
        assert np.isnan(result.audio.values).all()
    assert all(np.isfinite(rows).all() for rows in result.filled().values())


def test_no_sound_at_all(extractor: Extractor, cache: Cache) -> None:
    result = extractor(cache.clip("carphone_pristine.mp4"))

    assert not result.audio.valid.any()
    assert (result.filled()["audio"] == 0).all()
    assert result.face_valid[:, 0].all()  # a man in his car


def test_a_slide_repeats_its_row(extractor: Extractor, make, identity_of_group) -> None:  # type: ignore[no-untyped-def]
    """Two frames, the first shown for 4 s."""
    group = identity_of_group[0]
    content = make([group, np.ascontiguousarray(group[::-1])], rate=1)
    slow = content.with_name("slow.mp4")
    subprocess.run(
        ["ffmpeg", "-v", "error", "-itsscale", "4", "-i", content, "-c", "copy", slow], check=True, capture_output=True
    )
    result = extractor(slow)

    assert result.grid.steps == 5
    for rows in (result.image.values, result.face.values):
        assert (rows[1:4] == rows[0]).all()
        assert not np.allclose(rows[4], rows[0])
    assert result.face_valid[:4].all()


def test_where_sound_begins_late_and_ends_early(extractor: Extractor, make) -> None:  # type: ignore[no-untyped-def]
    """Picture 0 … 6 s, sound 2 … 4 s."""
    pictures = [np.full((90, 160, 3), 40 * (t % 5), np.uint8) for t in range(30)]
    silent = make(pictures)
    noise = np.random.default_rng(0).normal(0, 0.2, 2 * HZ).astype(np.float32)
    brief = make(pictures[:10], sound=noise)
    late = silent.with_name("late.mkv")
    command = ["ffmpeg", "-v", "error", "-i", silent, "-itsoffset", "2", "-i", brief]
    subprocess.run([*command, "-map", "0:v", "-map", "1:a", "-c", "copy", late], check=True, capture_output=True)

    result = extractor(late)

    assert result.grid.steps == 6
    assert result.audio.valid[[2, 3]].all()
    assert not result.audio.valid[[0, 5]].any()


def test_the_same_again(extractor: Extractor, cache: Cache) -> None:
    content = cache.clip("bigbuckbunny.mp4")
    first, second = extractor(content), extractor(content)

    for name, rows in first.filled().items():
        np.testing.assert_array_equal(rows, second.filled()[name])


def test_progress_is_told(extractor: Extractor, cache: Cache) -> None:
    told: list[tuple[float, float | None]] = []

    extractor(cache.clip("single_face.mp4"), lambda done, total, note="": told.append((done, total)))

    assert told == [(1, 3), (2, 3), (3, 3)]


def test_provenance_names_inputs_and_nets(extractor: Extractor, cache: Cache) -> None:
    content = cache.clip("single_face.mp4")
    told = extractor.provenance(content)

    assert told.inputs == {content.name: "95ee1a41bfd0f50a2f9d3384eeb11dfe7601db3a173f24825d5146369216f571"}
    assert set(told.nets) == {"efficientnet-lite2", "yunet", "sface", "yamnet"}
    assert "threads" not in told.config


def test_sound_alone_is_no_video(extractor: Extractor, tmp_path: Path) -> None:
    song = tmp_path / "song.wav"
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=d=2", song], check=True, capture_output=True)
    with pytest.raises(NoPictureError, match=r"song\.wav has no picture: features describe videos"):
        extractor(song)


def test_no_video_at_all(extractor: Extractor, tmp_path: Path) -> None:
    with pytest.raises(MissingMedia):
        extractor(tmp_path / "nothing.mp4")


@pytest.mark.parametrize(
    "wrong",
    [
        {"features": "best"},
        {"face_net": "facenet"},
        {"precision": "int8"},
        {"threads": -1},
        {"detector_size": 10},
        {"min_score": 2.0},
    ],
)
def test_settings_that_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must"):
        FeatureConfig(**wrong)  # type: ignore[arg-type]


def test_tracks_must_fit_together(woman: Features) -> None:
    shorter = Track(TimeGrid(Fraction(1), 1), ("a",), np.zeros((1, 1), np.float32), np.ones(1, np.bool_))
    with pytest.raises(ValueError, match="must be on one grid"):
        Features(shorter, woman.face, woman.face_valid, woman.audio)
    with pytest.raises(ValueError, match="face_valid must be bool"):
        Features(woman.image, woman.face, woman.face_valid[:3], woman.audio)


def test_search_size() -> None:
    assert search_size(1280, 720, 480) == (480, 270)
    assert search_size(360, 640, 480) == (270, 480)
    assert search_size(160, 90, 480) == (160, 90)  # never larger
    assert search_size(5000, 1, 480) == (480, 1)
