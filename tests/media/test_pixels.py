"""Pixels: upright RGB for every stored format; compared with ffmpeg's own conversion."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import make_clips
import numpy as np
import pytest
from make_clips import SIZE, Clip, read_code
from numpy.typing import NDArray

from evoked.core.time_grid import TimeGrid
from evoked.media.decode import VideoFrame, read_media
from evoked.media.orientation import Orientation
from evoked.media.probe import probe

Ask = Callable[..., bytes]
BARS = ("-f", "lavfi", "-i", "smptehdbars=s=320x180:r=5:d=1")


def first(path: Path, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    picture = next(iter(read_media(path, frames=TimeGrid(Fraction(1), 1))))
    assert isinstance(picture, VideoFrame)
    return picture.rgb(size)


def apart(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    assert a.shape == b.shape
    return float(np.abs(a.astype(float) - b).mean())


def theirs(ask: Ask, path: Path, *filters: str) -> NDArray[np.uint8]:
    """ffmpeg's first frame as RGB, in its size after ffmpeg's own rotation."""
    shown = probe(path).picture
    assert shown is not None
    line = ",".join((*filters, "format=rgb24"))
    raw = ask("-i", path, "-frames:v", 1, "-vf", line, "-sws_flags", "bilinear", "-f", "rawvideo")
    return np.frombuffer(raw, np.uint8).reshape(shown.height, shown.width, 3)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_turned_films_are_shown_upright(clips: dict[str, Clip], tmp_path: Path, degrees: int, ask_ffmpeg: Ask) -> None:
    path = make_clips.turned(tmp_path, clips["silent"].path)[degrees]
    picture = probe(path).picture
    assert picture is not None
    assert (picture.rotation, picture.mirrored) == (degrees, False)
    assert (picture.width, picture.height) == SIZE
    assert (picture.coded_width, picture.coded_height) == (SIZE if degrees == 180 else SIZE[::-1])
    seen = [p for p in read_media(path, frames=TimeGrid(Fraction(1), 6)) if isinstance(p, VideoFrame)]
    assert [read_code(p.rgb()) for p in seen] == [0, 25, 50, 75, 100, 125]
    assert [read_code(p.rgb((384, 216))) for p in seen] == [0, 25, 50, 75, 100, 125]
    assert apart(seen[0].rgb(), theirs(ask_ffmpeg, path)) < 1


@pytest.mark.parametrize("matrix", [(-1, 0, 0, 1), (1, 0, 0, -1), (0, 1, 1, 0), (0, -1, -1, 0)])
def test_mirrored_films(clips: dict[str, Clip], tmp_path: Path, matrix: tuple[int, int, int, int]) -> None:
    """Against the definition: point (p, q) goes to (a p + c q, b p + d q), moved into the picture."""
    path = tmp_path / "mirrored.mp4"
    path.write_bytes(clips["one"].path.read_bytes())
    stored = first(path)
    make_clips.set_matrix(path, matrix)
    a, b, c, d = matrix
    ys, xs = np.mgrid[: stored.shape[0], : stored.shape[1]]
    to_x, to_y = a * xs + c * ys, b * xs + d * ys
    to_x, to_y = to_x - to_x.min(), to_y - to_y.min()
    expected = np.zeros((to_y.max() + 1, to_x.max() + 1, 3), np.uint8)
    expected[to_y, to_x] = stored
    assert probe(path).picture.mirrored  # type: ignore[union-attr]
    np.testing.assert_array_equal(first(path), expected)


def test_orientations_are_eight_and_told_apart() -> None:
    every = {Orientation.of(degrees, mirrored) for degrees in (0, 90, 180, 270) for mirrored in (False, True)}
    assert len(every) == 8
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    for turns, degrees in enumerate((0, 90, 180, 270)):
        expected = np.rot90(image, -turns)
        np.testing.assert_array_equal(Orientation.of(degrees, False).turn(image), expected)
        mirrored = np.rot90(image[:, ::-1], -turns)
        np.testing.assert_array_equal(Orientation.of(degrees, True).turn(image), mirrored)


YUV = ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p16le", "yuva420p", "yuva444p"]


@pytest.mark.parametrize("kind", [*YUV, "gray", "gray10le", "bgr0", "gbrp"])
def test_every_kind_of_pixel(tmp_path: Path, kind: str, ask_ffmpeg: Ask) -> None:
    path = tmp_path / "bars.mkv"
    make_clips.run(*BARS, "-vf", "crop=317:179:1:0:exact=1", "-pix_fmt", kind, "-c:v", "ffv1", path)
    ours = first(path)
    assert ours.shape == (179, 317, 3)
    assert ours.dtype == np.uint8
    assert apart(ours, theirs(ask_ffmpeg, path)) < 2
    if not kind.startswith("gray"):
        assert ours.reshape(-1, 3).max(axis=0).min() > 180  # every colour is there


def test_palettes_and_transparent_stills(tmp_path: Path, ask_ffmpeg: Ask) -> None:
    for name, kind in (
        ("p.png", "pal8"),
        ("a.png", "rgba"),
        ("g.png", "gray"),
        ("w.png", "rgb48be"),
        ("j.jpg", "yuvj444p"),
    ):
        path = tmp_path / name
        make_clips.run(*BARS, "-frames:v", 1, "-pix_fmt", kind, path)
        assert apart(first(path), theirs(ask_ffmpeg, path)) < 2


@pytest.mark.parametrize("matrix", ["bt709", "smpte170m"])
@pytest.mark.parametrize(("tagged", "limits"), [(True, "tv"), (True, "pc"), (False, "tv")])
def test_the_matrix_and_the_range(tmp_path: Path, matrix: str, limits: str, tagged: bool) -> None:
    """A uniform colour survives a round trip; untagged, large pictures are BT.709 and small ones BT.601."""
    size = "1280x720" if matrix == "bt709" else "720x480"
    path = tmp_path / "plane.mkv"
    scale = f"scale=out_color_matrix={matrix}:out_range={limits},format=yuv444p"
    tags = ["-colorspace", matrix, "-color_range", limits] if tagged else ["-colorspace", "unknown"]
    make_clips.run("-f", "lavfi", "-i", f"color=0x1060E0:s={size}:r=5:d=1,format=rgb24", "-vf", scale, *tags,
                   "-c:v", "ffv1", path)  # fmt: skip
    assert np.abs(first(path).astype(int) - (0x10, 0x60, 0xE0)).max() <= 2
    assert np.abs(first(path, (64, 48)).astype(int) - (0x10, 0x60, 0xE0)).max() <= 2


def test_a_large_picture_may_be_tagged_as_a_small_one(tmp_path: Path) -> None:
    path = tmp_path / "plane.mkv"
    make_clips.run("-f", "lavfi", "-i", "color=0x1060E0:s=1280x720:r=5:d=1,format=rgb24", "-vf",
                   "scale=out_color_matrix=smpte170m,format=yuv444p", "-colorspace", "smpte170m", "-c:v", "ffv1",
                   path)  # fmt: skip
    assert np.abs(first(path).astype(int) - (0x10, 0x60, 0xE0)).max() <= 2


def test_scaling_while_converting_averages(clips: dict[str, Clip]) -> None:
    whole, small = first(clips["matroska"].path), first(clips["matroska"].path, (SIZE[0] // 4, SIZE[1] // 4))
    means = whole.reshape(SIZE[1] // 4, 4, SIZE[0] // 4, 4, 3).mean(axis=(1, 3))
    assert np.abs(small - means).mean() < 8  # one pixel in sixteen would be 30 off here
    picture = next(iter(read_media(clips["one"].path, frames=TimeGrid(Fraction(1), 1))))
    assert isinstance(picture, VideoFrame)
    with pytest.raises(ValueError, match="must have pixels, got size 0x5"):
        picture.rgb((0, 5))
