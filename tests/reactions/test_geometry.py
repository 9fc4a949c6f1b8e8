"""The shape and the side of a recording: whatever its pixels are like, the same face has the same scores."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from evoked.reactions.viewers.annotation import Annotation, Viewer
from evoked.reactions.viewers.annotator import Annotator
from evoked.weights.cache import Cache

pytestmark = [pytest.mark.nets, pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg makes these clips")]
ENCODED = ("-an", "-c:v", "libx264", "-crf", 12, "-preset", "veryfast", "-pix_fmt", "yuv420p", "-threads", 1)
WOMAN = "WolfgangLanger_Pexels.mp4"  # solemn until 9 s, laughs from 12.7 s on


def filmed(cache: Cache, path: Path, line: str, *options: object) -> Path:
    """Four seconds in which she begins to laugh, through a line of ffmpeg's filters."""
    clip = cache.clip(WOMAN)
    words = ["-ss", 10.5, "-t", 4, "-i", clip, "-vf", f"scale=640:360,{line}", *ENCODED, *options, path]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, words)], check=True)
    return path


@pytest.fixture(scope="module")
def annotator(cache: Cache) -> Annotator:
    return Annotator(cache=cache)


@pytest.fixture(scope="module")
def plain(cache: Cache, annotator: Annotator, tmp_path_factory: pytest.TempPathFactory) -> Annotation:
    return annotator(filmed(cache, tmp_path_factory.mktemp("plain") / "plain.mp4", "null"))


def only(annotation: Annotation) -> Viewer:
    assert list(annotation.viewers) == ["v1"]
    return annotation.viewers["v1"]


def apart(first: Annotation, second: Annotation) -> float:
    """Mean difference of the scores of the one viewer; that viewer is seen in both at every frame."""
    one, two = only(first).scores, only(second).scores
    assert one.valid.all()
    assert two.valid.all()
    return float(np.abs(one.values - two.values).mean())


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("narrow.mp4", "scale=320:360,setsar=2"),
        ("flat.mkv", "scale=640:180:flags=area,setsar=1/2"),
        ("disc.ts", "scale=720:576,setsar=64/45"),
    ],
)
def test_pixels_that_are_not_square(
    cache: Cache, annotator: Annotator, plain: Annotation, tmp_path: Path, name: str, line: str
) -> None:
    """A face of half the width has other blendshapes and another identity: .1 apart; square again it has its own."""
    seen = annotator(filmed(cache, tmp_path / name, line))
    assert apart(plain, seen) < 0.03
    before, after = (only(annotation).boxes.values[:, 2:] for annotation in (plain, seen))
    ratio = after / before
    assert np.abs(ratio[:, 0] / ratio[:, 1] - 1).max() < 0.1
