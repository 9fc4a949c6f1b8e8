"""The film's rectangle, in staged frames of real film and a real viewer."""

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import zoom
from scipy.signal import correlate2d
from staged_scenes import BARS, CORNER, INSET, SIDE, UNSEEN, ZOOMED, Scene, film, film_path, reaction, viewers

from evoked.core.errors import MissingMedia, NoPictureError
from evoked.media.images import resize, to_grey
from evoked.reactions.alignment.offset_map import OffsetMap, Segment
from evoked.reactions.content_region.detector import ContentRegionConfig, find_content_region, region_in_frames
from evoked.reactions.content_region.frame_pairs import FramePairs, frame_pairs

pytestmark = pytest.mark.nets
SECONDS = 16
START = 30  # of the film: the nearer to its beginning, the sooner it is decoded
SCENES = {
    "corner": CORNER,
    "inset": INSET,
    "side by side": SIDE,
    "bars around": BARS,
    "zoomed beyond the frame": ZOOMED,
    "small inset, right": Scene(film=(500, 240, 112, 63), viewer=(0, 0, 640, 360), film_on_top=True),
    "stretched": Scene(film=(20, 40, 400, 240), viewer=(430, 60, 200, 200)),
    "half hidden": Scene(film=(0, 0, 640, 360), viewer=(330, 0, 310, 360)),
    "mirrored": Scene(film=(40, 20, 420, 236), viewer=(470, 60, 160, 216), mirrored=True),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("window")


FIRST = ("corner", "inset", "mirrored")


@pytest.mark.parametrize("name", [n if n in FIRST else pytest.param(n, marks=pytest.mark.full) for n in SCENES])
def test_the_rectangle_is_found(name: str, folder: Path) -> None:
    scene = SCENES[name]
    path, offsets = reaction(folder / f"{name}.mp4", scene, START, SECONDS)
    found = find_content_region(path, film_path(), offsets)
    assert found is not None
    assert found.box == pytest.approx(scene.film, abs=8.0 if name == "half hidden" else 3.0)
    assert found.mirrored == scene.mirrored
    assert found.score > 0.6


def test_what_lies_on_top_is_told_from_the_film(folder: Path) -> None:
    path, offsets = reaction(folder / "top.mp4", CORNER, START, SECONDS)
    found = find_content_region(path, film_path(), offsets)
    assert found is not None
    x, y, width, height = CORNER.viewer or (0, 0, 0, 0)
    on_top = [(x + width * a, y + height * b) for a in (0.3, 0.5, 0.7) for b in (0.3, 0.5, 0.7)]
    beside = [(a, b) for a in range(30, 400, 60) for b in range(30, 350, 60)]
    assert all(found.covered(*p) for p in on_top)
    assert np.mean([found.covered(*p) for p in beside]) <= 0.02
    assert all(found.contains(*p) for p in on_top + beside)
    assert not found.contains(-5, 10)
    assert not found.covered(-5, 10)


@pytest.mark.parametrize(
    "start_s", [20, pytest.param(45, marks=pytest.mark.full), pytest.param(60, marks=pytest.mark.full)]
)
def test_a_film_that_is_only_heard_is_not_seen(start_s: int, folder: Path) -> None:
    path, offsets = reaction(folder / f"unseen{start_s}.mp4", UNSEEN, start_s, SECONDS)
    assert find_content_region(path, film_path(), offsets) is None


def test_another_part_of_the_film_is_not_it(folder: Path) -> None:
    path, _ = reaction(folder / "other.mp4", CORNER, START, SECONDS)
    wrong = OffsetMap(50.0, (Segment(60.0, 60.0 + SECONDS, 0.0, 50.0),))
    assert find_content_region(path, film_path(), wrong) is None


def test_several_segments_give_one_rectangle(folder: Path) -> None:
    path, _ = reaction(folder / "cut.mp4", SIDE, START, SECONDS)
    parts = OffsetMap(50.0, (Segment(30.0, 34.0, 0.0, 50.0), Segment(36.0, 45.5, 6.0, 40.0)))
    found = find_content_region(path, film_path(), parts, ContentRegionConfig(frame_pairs=16))
    assert found is not None
    assert found.box == pytest.approx(SIDE.film, abs=4.0)


def test_scipy_finds_the_same_place() -> None:
    rng = np.random.default_rng(0)
    film = np.stack([zoom(rng.normal(size=(9, 16)), 6, order=1) for _ in range(8)]).astype(np.float32) * 40
    frame = (rng.normal(size=(8, 216, 384)) * 2).astype(np.float32)
    frame[:, 100:154, 200:296] += film
    found = region_in_frames(FramePairs(frame, film, (1.0, 1.0)), ContentRegionConfig(frame_pairs=8))
    total = sum(correlate2d(f, g, mode="valid") for f, g in zip(frame[:2], film[:2], strict=True))
    y, x = np.unravel_index(int(np.argmax(total)), total.shape)
    assert found is not None
    assert found.box[:2] == pytest.approx((x, y), abs=0.5)
    assert found.box[2:] == pytest.approx((96, 54), abs=0.7)


def test_a_spot_that_flashes_does_not_decide_which_way_round_the_film_is() -> None:
    """A spot in the film's right part, shown at the left: the film unturned and moved fits it at .89."""
    rng = np.random.default_rng(0)
    x, y = np.linspace(0, 1, 240)[None, :], np.linspace(0, 1, 135)[:, None]
    spot = np.exp(-(((x - 0.8) / 0.12) ** 2) - ((y - 0.5) / 0.3) ** 2) * np.repeat([70, -70], 6)[:, None, None]
    film = np.stack([zoom(rng.normal(size=(34, 60)), 4, order=1)[:135] for _ in range(12)]) * 12 + spot
    frame = rng.normal(size=(12, 270, 480)) * 2
    frame[:, 180:252, 160:288] += np.stack([zoom(f[:, ::-1], (72 / 135, 128 / 240), order=1) for f in film])
    found = region_in_frames(
        FramePairs(frame.astype(np.float32), film.astype(np.float32), (1.0, 1.0)), ContentRegionConfig(frame_pairs=12)
    )
    assert found is not None
    assert found.mirrored
    assert found.box == pytest.approx((160, 180, 128, 72), abs=1.5)


def test_a_cut_in_a_quiet_film_is_not_enough_to_place_it() -> None:
    """Two shots of the film that stand nearly still: in some few cells the change from one to the other looks alike."""
    shown = [*film(44, 2)[:4], *film(60, 3)[:12]]
    seen = np.stack([to_grey(resize(f, (480, 270))) for f in shown]).astype(np.float32)
    frame = seen[:, :, ::-1].copy()
    person = np.stack([to_grey(resize(f, (150, 120))) for f in viewers(3)[:16]])
    frame[:, 6:126, 6:156] = frame[:, 6:126, 324:474] = person
    found = region_in_frames(
        FramePairs(frame - frame.mean(axis=0), seen - seen.mean(axis=0), (1.0, 1.0)),
        ContentRegionConfig(frame_pairs=16),
    )
    assert found is not None
    assert found.mirrored
    assert found.box == pytest.approx((0, 0, 480, 270), abs=4)


def test_noise_and_too_few_moments_give_nothing() -> None:
    rng = np.random.default_rng(1)
    film = rng.normal(size=(12, 54, 96)).astype(np.float32) * 40
    frame = rng.normal(size=(12, 108, 192)).astype(np.float32) * 40
    assert region_in_frames(FramePairs(frame, film, (1.0, 1.0)), ContentRegionConfig()) is None
    assert region_in_frames(FramePairs(frame[:3], film[:3], (1.0, 1.0)), ContentRegionConfig()) is None
    assert region_in_frames(FramePairs(np.zeros_like(frame), film, (1.0, 1.0)), ContentRegionConfig()) is None
    assert region_in_frames(FramePairs(frame, np.zeros_like(film), (1.0, 1.0)), ContentRegionConfig()) is None


def test_moments_show_the_same_instants(folder: Path) -> None:
    path, offsets = reaction(folder / "same.mp4", BARS, START, SECONDS)
    seen = frame_pairs(path, film_path(), offsets, 12, 320)
    assert seen.reaction.shape == (12, 180, 320)
    assert seen.content.shape == (12, 180, 320)
    assert seen.scale == (2.0, 2.0)
    np.testing.assert_allclose(seen.reaction.mean(axis=0), 0, atol=1e-3)
    # bars: the film at three quarters of the size. Finer detail than this moves within a sixth of a second
    own = np.stack([zoom(f, (0.1, 0.1), order=1) for f in seen.content])
    for delay, least, most in ((0, 0.85, 1.0), (1, -1.0, 0.6)):
        shown = np.roll(seen.reaction[:, 22:158, 40:280], delay, axis=0)
        small = np.stack([zoom(f, (18 / 136, 32 / 240), order=1) for f in shown])
        assert least <= np.corrcoef(small.ravel(), own.ravel())[0, 1] <= most


def test_bad_files_and_settings_are_told(tmp_path: Path, folder: Path) -> None:
    offsets = OffsetMap(50.0, (Segment(0.0, 5.0, 0.0, 50.0),))
    with pytest.raises(MissingMedia, match="gone"):
        find_content_region(tmp_path / "gone.mp4", film_path(), offsets)
    path, _ = reaction(folder / "fine.mp4", BARS, START, 2)
    with pytest.raises((MissingMedia, NoPictureError), match="gone"):
        find_content_region(path, tmp_path / "gone.mp4", offsets)
    with pytest.raises(ValueError, match="frame_pairs must be at least 4"):
        ContentRegionConfig(frame_pairs=2)
    with pytest.raises(ValueError, match="min_width must be below max_width"):
        ContentRegionConfig(min_width=0.5, max_width=0.4)
