"""Odd numbers, sizes and times of faces, through the real annotator; all made of real people."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from evoked.core.errors import AlignmentError, MissingMedia
from evoked.core.time_grid import TimeGrid
from evoked.faces.detect import iou
from evoked.media.decode import VideoFrame, read_media
from evoked.media.images import read_image, resize
from evoked.media.write import VideoWriter
from evoked.reactions.alignment.offset_map import OffsetMap, Segment
from evoked.reactions.alignment.recording import Recording, is_same_recording
from evoked.reactions.content_region.content_faces import open_content_filter
from evoked.reactions.viewers.annotator import Annotator
from evoked.weights.cache import Cache

pytestmark = pytest.mark.nets
FRAME = (1280, 720)
Rgb = np.ndarray


@pytest.fixture(scope="module")
def annotator(cache: Cache) -> Annotator:
    return Annotator(cache=cache)


def write_video(path: Path, pictures: list[Rgb], rate: Fraction = Fraction(6)) -> Path:
    with VideoWriter(path, (pictures[0].shape[1], pictures[0].shape[0]), rate, quality=18) as writer:
        for rgb in pictures:
            writer.picture(rgb)
    return path


def woman(cache: Cache, steps: int) -> list[Rgb]:
    grid = TimeGrid(Fraction(6), steps, Fraction(13))
    return [
        p.rgb() for p in read_media(cache.clip("WolfgangLanger_Pexels.mp4"), frames=grid) if isinstance(p, VideoFrame)
    ]


@pytest.mark.parametrize("crop", [(300, 10, 280, 330), (335, 60, 212, 240)])
def test_a_face_that_fills_the_frame(
    cache: Cache, annotator: Annotator, tmp_path: Path, crop: tuple[int, int, int, int]
) -> None:
    x, y, w, h = crop
    close = [resize(np.ascontiguousarray(p[y : y + h, x : x + w]), (w * 3, h * 3)) for p in woman(cache, 12)]
    annotation = annotator(write_video(tmp_path / "close.mp4", close))
    assert list(annotation.viewers) == ["v1"]
    assert annotation.viewers["v1"].boxes.valid.mean() >= 0.9
    assert (annotation.viewers["v1"].boxes.values[-1, 2:] > 0.5 * min(w, h) * 3).all()


def test_twenty_faces_are_twenty_people(cache: Cache, annotator: Annotator, tmp_path: Path) -> None:
    """Ten people and their mirror images; all sway; nobody is ever taken for their neighbour."""
    stills = [read_image(cache.clip(f"{n}-ph.jpg")) for n in ("0-f1-su", "0-f15-hao", "15-f13-anc", "45-m7-di")]
    group = read_image(cache.clip("multi_face.jpg"))
    stills += [np.ascontiguousarray(group[y : y + h, x : x + w]) for x, y, w, h in _squares(annotator, group)]
    stills.append(np.ascontiguousarray(next(iter(woman(cache, 1)))[0:340, 280:620]))
    cast = [resize(_square(s), (200, 200)) for s in stills]
    cast += [np.ascontiguousarray(face[:, ::-1]) for face in cast]
    pictures = []
    for frame in range(8):
        rgb = np.full((FRAME[1] + 200, FRAME[0], 3), 100, np.uint8)
        for k, face in enumerate(cast):
            x, y = 20 + 250 * (k % 5) + 4 * (frame % 3), 10 + 225 * (k // 5) + 3 * (frame % 2)
            rgb[y : y + 200, x : x + 200] = face
        pictures.append(rgb)
    annotation = annotator(write_video(tmp_path / "twenty.mp4", pictures))
    assert len(annotation.viewers) == len(cast) == 20
    for viewer in annotation.viewers.values():
        assert viewer.boxes.valid.all()
        assert min(iou(viewer.boxes.values[0], box) for box in viewer.boxes.values) > 0.5


def _squares(annotator: Annotator, group: Rgb) -> list[tuple[int, int, int, int]]:
    """Squares around the five faces of the group."""
    out = []
    for face in annotator._detect(group):
        side = int(1.5 * max(face.box[2:]))
        x, y = (max(0, int(c - side / 2)) for c in face.centre)
        out.append((x, y, side, side))
    return out


def _square(rgb: Rgb) -> Rgb:
    side = min(rgb.shape[:2])
    left = (rgb.shape[1] - side) // 2
    return np.ascontiguousarray(rgb[:side, left : left + side])


@pytest.mark.parametrize("shown", [1, 2, 4])
def test_a_face_for_a_moment_is_nobody_and_one_for_half_a_second_is(
    cache: Cache, annotator: Annotator, tmp_path: Path, shown: int
) -> None:
    (face,) = woman(cache, 1)
    nobody = np.full_like(face, 110)
    pictures = [face if 6 <= frame < 6 + shown else nobody for frame in range(16)]
    annotation = annotator(write_video(tmp_path / "brief.mp4", pictures))
    assert len(annotation.viewers) == (shown >= 3)
    assert (
        sum(len(seen) for seen in annotation.detections.at.values()) == shown
    )  # a preview shows and hides it all the same
    if annotation.viewers:
        assert np.flatnonzero(annotation.viewers["v1"].boxes.valid).tolist() == [6, 7, 8, 9]


def test_a_dark_and_noisy_room(cache: Cache, annotator: Annotator, tmp_path: Path) -> None:
    """A sixth of the light, noise of a tenth of that on top: the same face, and a smile is still one."""
    random, pictures = np.random.default_rng(0), woman(cache, 12)
    dim = [np.clip(p / 6 + random.normal(scale=4, size=p.shape), 0, 255).astype(np.uint8) for p in pictures]
    bright, dark = (annotator(write_video(tmp_path / f"{n}.mp4", f)) for n, f in (("bright", pictures), ("dark", dim)))
    assert list(dark.viewers) == ["v1"]
    assert dark.viewers["v1"].boxes.valid.all()
    a, b = bright.viewers["v1"], dark.viewers["v1"]
    smile = [a.blendshapes.names.index(f"mouthSmile{side}") for side in ("Left", "Right")]
    assert np.abs(a.blendshapes.values[:, smile] - b.blendshapes.values[:, smile]).mean() < 0.15


def test_the_same_file_as_reaction_and_content_is_told(cache: Cache, tmp_path: Path) -> None:
    one = cache.clip("single_face.mp4")
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(one.read_bytes())
    offsets = OffsetMap(50.0, (Segment(0.0, 2.0, 0.0, 50.0),))
    for reaction in (one, copy):
        with pytest.raises(AlignmentError, match=r"is the content itself \(.*single_face.mp4\): name the recording"):
            open_content_filter(reaction, one, offsets)
    assert not is_same_recording(Recording(one), Recording(cache.clip("no_face.mp4")))
    with pytest.raises(MissingMedia, match=r"no file at .*gone\.mp4"):
        is_same_recording(Recording(tmp_path / "gone.mp4"), Recording(one))
