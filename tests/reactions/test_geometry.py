"""The shape and the side of a recording: whatever its pixels are like, the same face has the same scores."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from evoked.media.decode import VideoFrame
from evoked.media.probe import Media, probe
from evoked.reactions.viewers.annotation import AnnotateConfig, Annotation, Viewer
from evoked.reactions.viewers.annotator import Annotator
from evoked.reactions.viewers.preview import write_preview
from evoked.weights.cache import Cache

pytestmark = [pytest.mark.nets, pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg makes these clips")]
ENCODED = ("-an", "-c:v", "libx264", "-crf", 12, "-preset", "veryfast", "-pix_fmt", "yuv420p", "-threads", 1)
WOMAN = "WolfgangLanger_Pexels.mp4"  # solemn until 9 s, laughs from 12.7 s on


def filmed(cache: Cache, path: Path, line: str, *options: object) -> Path:
    """Five seconds in which she begins to laugh, through a line of ffmpeg's filters."""
    clip = cache.clip(WOMAN)
    words = ["-ss", 8.5, "-t", 5, "-i", clip, "-vf", f"scale=640:360,{line}", *ENCODED, *options, path]
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


TURNED = [(90, "transpose=cclock"), (180, "hflip,vflip"), (270, "transpose=clock")]


@pytest.mark.parametrize(("degrees", "line"), TURNED)
def test_a_recording_on_its_side_or_head_is_turned_as_a_whole(
    cache: Cache, annotator: Annotator, plain: Annotation, tmp_path: Path, degrees: int, line: str
) -> None:
    """As it was: scores .16 to .34 apart, and up to three viewers for one."""
    path = filmed(cache, tmp_path / "turned.mp4", line)
    seen = annotator(path)
    assert seen.turned == degrees
    assert apart(plain, seen) < 0.02
    assert (
        np.abs(only(plain).boxes.values - only(seen).boxes.values).max() < 30
    )  # pixels of the turned frame; a face is 210 wide
    (entry,) = seen.defects
    assert (entry.kind, seen.damage) == ("turned", (entry.text,))
    assert entry.text == (
        f"picture: turned by {degrees}° clockwise, as its faces are upright then; --rotate 0 leaves it as it is"
    )
    write_preview(path, seen, tmp_path / "preview.mp4", hide=False)
    picture = probe(tmp_path / "preview.mp4").picture
    assert picture is not None
    assert (picture.width, picture.height) == (640, 360)


def test_an_upright_recording_is_left_as_it_is(cache: Cache, plain: Annotation, tmp_path: Path) -> None:
    path = filmed(cache, tmp_path / "plain.mp4", "null")
    fixed = Annotator(config=AnnotateConfig(rotate="0"), cache=cache)(path)
    assert (plain.turned, plain.damage, fixed.damage) == (0, (), ())
    np.testing.assert_array_equal(only(plain).blendshapes.values, only(fixed).blendshapes.values)
    np.testing.assert_array_equal(only(plain).boxes.values, only(fixed).boxes.values)


def test_the_turn_can_be_named_or_switched_off(cache: Cache, plain: Annotation, tmp_path: Path) -> None:
    path = filmed(cache, tmp_path / "turned.mp4", "transpose=cclock")
    named = Annotator(config=AnnotateConfig(rotate="90"), cache=cache)(path)
    assert apart(plain, named) < 0.02
    assert (named.turned, named.damage) == (90, ("picture: turned by 90° clockwise, as --rotate says",))
    off = Annotator(config=AnnotateConfig(rotate="0"), cache=cache)(path)
    assert (off.turned, off.damage) == (0, ())


def test_the_content_is_looked_for_in_the_turned_frames(cache: Cache, annotator: Annotator, tmp_path: Path) -> None:
    class Whole:
        def is_content_face(self, picture: VideoFrame, rgb: np.ndarray, box: np.ndarray) -> bool:
            assert rgb.shape == (360, 640, 3)
            return True

    opened = []

    def reopen(media: Media) -> Whole:
        assert media.picture is not None
        opened.append((media.picture.width, media.picture.height, media.picture.rotation))
        return Whole()

    seen = annotator(filmed(cache, tmp_path / "turned.mp4", "transpose=clock"), None, reopen=reopen)
    assert opened == [(640, 360, 270)]
    assert (seen.viewers, seen.content_faces) == ({}, 1)


@pytest.mark.parametrize(
    ("line", "most"),
    [
        ("hflip", 0.06),  # the mesh itself is not symmetrical: its smile of the left is not that of the right
        ("pad=640:480:0:60", 0.03),
        ("pad=1120:360:240:0", 0.03),
    ],
)
def test_a_mirrored_or_letterboxed_recording_needs_nothing(
    cache: Cache, annotator: Annotator, plain: Annotation, tmp_path: Path, line: str, most: float
) -> None:
    seen = annotator(filmed(cache, tmp_path / "other.mp4", line))
    assert seen.damage == ()
    assert apart(plain, seen) < most
    laugh = only(plain).scores.names.index("amusement")
    on, other = (only(annotation).scores.values[:, laugh] > 0.5 for annotation in (plain, seen))
    assert 0.2 < on.mean() < 0.8
    assert (on != other).sum() <= 3  # of 30 frames


@pytest.mark.parametrize("degrees", [90, -90, -75])
def test_a_face_that_lies_is_aligned_by_its_roll(cache: Cache, plain: Annotation, tmp_path: Path, degrees: int) -> None:
    """In a recording that stays as it is; with the points of an upright face the scores were .31 to .41 apart."""
    line = f"rotate={degrees}*PI/180:ow=hypot(iw\\,ih):oh=ow"
    seen = Annotator(config=AnnotateConfig(rotate="0"), cache=cache)(filmed(cache, tmp_path / "lying.mp4", line))
    viewer = only(seen)
    assert viewer.scores.valid.mean() > 0.85
    assert float(np.nanmean(np.abs(viewer.scores.values - only(plain).scores.values))) < 0.08
