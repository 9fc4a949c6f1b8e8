"""The film beside the reaction: the right picture at each tick, and whose face is whose on a staged frame."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from evoked.core.time_grid import TimeGrid
from evoked.media.decode import VideoFrame, read_media
from evoked.media.images import read_image, resize
from evoked.media.write import VideoWriter
from evoked.reactions.alignment.offset_map import OffsetMap, Segment
from evoked.reactions.content_region.content_faces import ContentFaceFilter
from evoked.reactions.content_region.detector import CELLS, ContentRegion
from evoked.reactions.content_region.patch_correlation import ContentPatchMatcher
from evoked.weights.cache import default_cache

FPS = 10


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """Eight seconds; each frame is brighter by two than the one before."""
    path = tmp_path / "content.mp4"
    with VideoWriter(path, (64, 48), Fraction(FPS)) as video:
        for i in range(8 * FPS):
            video.picture(np.full((48, 64, 3), 20 + 2 * i, np.uint8))
    return path


def test_each_tick_of_the_reaction_has_the_films_picture_of_that_moment(content: Path) -> None:
    # starts 1.23 s late, is paused for a second after 3 s, and ends a second early
    offsets = OffsetMap(20, (Segment(0.0, 3.0, 1.23, 20), Segment(3.0, 7.0, 5.23, 20)))
    followed = film(content, offsets)
    for step in range(6 * 12):
        shown, at = followed._content_frame(Fraction(step, 6)), offsets.content_time(step / 6)
        assert (shown is None) == (at is None), step
        if shown is not None and at is not None:
            assert shown.mean() == pytest.approx(20 + 2 * int(at * FPS + 1e-6), abs=1.9)


def film(content: Path, offsets: OffsetMap, size: tuple[float, float] = (64, 48)) -> ContentFaceFilter:
    """The film over the whole frame, nothing on top of it most of the time."""
    window = ContentRegion((0, 0, *size), 0.9, False, np.full(CELLS, 0.9, np.float32))
    return ContentFaceFilter(ContentPatchMatcher(window), offsets, content)


def test_a_face_off_the_film_is_nobodys_but_the_viewers(content: Path) -> None:
    offsets = OffsetMap(20, (Segment(0.0, 8.0, 0.0, 20),))
    followed = film(content, offsets)
    picture = next(iter(read_media(content, frames=_grid())))
    assert isinstance(picture, VideoFrame)
    assert followed.is_content_face(picture, picture.rgb(), np.array([200, 0, 20, 20], np.float32)) is False


def test_where_the_film_stands_still_the_place_decides(content: Path) -> None:
    offsets = OffsetMap(20, (Segment(5.0, 8.0, 5.0, 20),))  # the first seconds cannot be aligned
    followed = film(content, offsets)
    picture = next(iter(read_media(content, frames=_grid())))
    assert isinstance(picture, VideoFrame)
    assert followed.is_content_face(picture, picture.rgb(), np.array([10, 10, 20, 20], np.float32)) is True


@pytest.mark.nets
def test_a_viewer_over_the_film_and_a_face_in_the_film_are_told_apart(tmp_path: Path) -> None:
    cache = default_cache()
    actor, viewer = read_image(cache.clip("single_face.jpg")), read_image(cache.clip("0-f15-hao-ph.jpg"))
    shot = resize(actor, (640, 480))
    with VideoWriter(tmp_path / "film.mp4", (640, 480), Fraction(6)) as video:
        for i in range(12):
            video.picture(np.roll(shot, 4 * i, axis=1))
    with VideoWriter(tmp_path / "reaction.mp4", (640, 480), Fraction(6)) as video:
        for i in range(12):
            frame = np.roll(shot, 4 * i, axis=1)
            frame[320:, :160] = resize(viewer, (160, 160))
            video.picture(frame)
    offsets = OffsetMap(20, (Segment(0.0, 2.0, 0.0, 20),))
    followed = film(tmp_path / "film.mp4", offsets, (640, 480))
    for picture in read_media(tmp_path / "reaction.mp4", frames=_grid()):
        assert isinstance(picture, VideoFrame)
        rgb = picture.rgb()
        shift = 4 * picture.step
        assert followed.is_content_face(picture, rgb, np.array([220 + shift, 120, 180, 200], np.float32)) is True
        assert followed.is_content_face(picture, rgb, np.array([45, 350, 70, 80], np.float32)) is False


def _grid() -> TimeGrid:
    return TimeGrid(Fraction(6), 12)
