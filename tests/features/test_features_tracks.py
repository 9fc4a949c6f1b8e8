"""Features of files with several audio tracks, channels that cancel, and damaged sound."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from evoked.core.errors import MediaError
from evoked.features.extract import Extractor, FeatureConfig

pytestmark = [
    pytest.mark.nets,
    pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg makes these files: install it"),
]
PICTURE = ("-f", "lavfi", "-i", "testsrc=s=160x120:r=5:d=3")
VIDEO = ("-c:v", "libx264", "-preset", "ultrafast")


def ffmpeg(*words: object) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, words)], check=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tracks")
    noise, tone = ("-f", "lavfi", "-i", "anoisesrc=d=3:a=0.3:seed=1"), ("-f", "lavfi", "-i", "sine=f=700:d=3")
    ffmpeg(
        *PICTURE, *noise, *tone, "-map", "0:v", "-map", "1:a", "-map", "2:a", *VIDEO, "-c:a", "flac", root / "two.mkv"
    )
    ffmpeg("-i", root / "two.mkv", "-map", "0:v", "-map", "0:a:1", "-c", "copy", root / "second.mkv")
    opposite = "[0:a:1]pan=stereo|c0=c0|c1=-1*c0[a]"
    mixed = ("-filter_complex", opposite, "-map", "0:v", "-map", "[a]", "-c:v", "copy", "-c:a", "flac")
    ffmpeg("-i", root / "two.mkv", *mixed, root / "opposite.mkv")
    return root


def test_a_track_that_is_named_is_described_and_noted(extractor: Extractor, folder: Path) -> None:
    alone = extractor(folder / "second.mkv")
    second, first = extractor(folder / "two.mkv", audio_track=2), extractor(folder / "two.mkv")
    np.testing.assert_array_equal(second.audio.values, alone.audio.values)
    assert np.abs(first.audio.values - alone.audio.values).max() > 0.1
    assert alone.damage == ()
    assert second.damage == ("2 audio tracks: track 2 is used, not track 1",)
    assert first.damage == ("2 audio tracks: track 1 is used, not track 2",)
    with pytest.raises(MediaError, match="no audio track 3"):
        extractor(folder / "two.mkv", audio_track=3)


def test_the_track_is_no_setting_that_features_of_one_model_must_share() -> None:
    assert FeatureConfig(audio_track=2).as_dict() == FeatureConfig().as_dict()
    with pytest.raises(ValueError, match="audio_track"):
        FeatureConfig(audio_track=-1)


def test_sound_of_opposite_phase_is_described_like_one_of_its_channels(extractor: Extractor, folder: Path) -> None:
    alone, opposite = extractor(folder / "second.mkv"), extractor(folder / "opposite.mkv")
    np.testing.assert_allclose(opposite.audio.values, alone.audio.values, atol=1e-4)
    (note,) = opposite.damage
    assert note.startswith("of opposite phase")


def test_seconds_whose_sound_is_damaged_are_not_valid(extractor: Extractor, folder: Path, tmp_path: Path) -> None:
    samples = np.random.default_rng(1).normal(0, 0.1, (3 * 48000, 2)).astype(np.float32)
    samples[48000 + 20000 : 48000 + 22000] = np.nan
    samples.tofile(tmp_path / "raw.f32")
    raw = ("-f", "f32le", "-ar", 48000, "-ac", 2, "-i", tmp_path / "raw.f32")
    path = tmp_path / "damaged.mkv"
    ffmpeg(*PICTURE, *raw, "-map", "0:v", "-map", "1:a", *VIDEO, "-c:a", "pcm_f32le", path)
    features = extractor(path)
    np.testing.assert_array_equal(features.audio.valid, [True, False, True])
    (note,) = features.damage
    assert note.startswith("damaged: its sound cannot be used from 1.4")
