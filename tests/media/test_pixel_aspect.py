"""Pixels that are not square: every frame is seen as ffmpeg's and a browser's players show it."""

import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import make_clips
import numpy as np
import pytest
from numpy.typing import NDArray

from evoked.core.time_grid import TimeGrid
from evoked.media.decode import VideoFrame, read_media
from evoked.media.live import LiveReader
from evoked.media.preview import write_browser_copy
from evoked.media.probe import probe

Ask = Callable[..., bytes]
PICTURE = ("-f", "lavfi", "-i", "testsrc2=s=720x576:r=25:d=2")
X264 = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-colorspace", "smpte170m")
MPEG2 = ("-c:v", "mpeg2video", "-q:v", 2, "-bf", 2, "-pix_fmt", "yuv420p")


def make(path: Path, aspect: str, *codec: object) -> Path:
    make_clips.run(*PICTURE, "-vf", f"setsar={aspect}", "-threads", 1, *(codec or X264), path)
    return path


def frames(path: Path, rate: int = 1) -> list[NDArray[np.uint8]]:
    grid = probe(path).grid(Fraction(rate))
    return [p.rgb() for p in read_media(path, frames=grid) if isinstance(p, VideoFrame)]


def scaled_by_ffmpeg(ask: Ask, path: Path, line: str, size: tuple[int, int], number: int = 0) -> NDArray[np.uint8]:
    line = f"select=eq(n\\,{number}),{line},format=rgb24"
    raw = ask("-i", path, "-frames:v", 1, "-vf", line, "-f", "rawvideo")
    return np.frombuffer(raw, np.uint8).reshape(size[1], size[0], 3)


def display_aspect(path: Path) -> Fraction:
    """ffprobe's display aspect ratio, from what container and codec state."""
    words = ["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "stream=display_aspect_ratio"]
    out = subprocess.run([*words, "-of", "csv=p=0", str(path)], capture_output=True, check=True, text=True).stdout
    across, down = out.split()[0].strip(",").split(":")
    return Fraction(int(across), int(down))


FILES = {
    "pasp.mp4": ("16/15", X264),
    "size.mkv": ("64/45", X264),
    "codec.ts": ("64/45", MPEG2),
    "narrow.ts": ("8/9", X264),
    "disc.vob": ("16/15", MPEG2),
    "tape.dv": ("64/45", ("-c:v", "dvvideo", "-pix_fmt", "yuv420p")),
    "old.avi": ("16/15", ("-c:v", "mpeg4", "-q:v", 3)),
    "web.webm": ("16/15", ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", 8)),
    "wide.mov": ("2", X264),
}


@pytest.mark.parametrize("name", FILES)
def test_every_container_is_seen_with_square_pixels(tmp_path: Path, name: str, ask_ffmpeg: Ask) -> None:
    aspect, codec = FILES[name]
    path = make(tmp_path / name, aspect, *codec)
    picture = probe(path).picture
    assert picture is not None
    assert (picture.coded_width, picture.coded_height) == (720, 576)
    shown = Fraction(picture.width, picture.height)
    assert abs(shown / display_aspect(path) - 1) < Fraction(1, 500)
    assert (picture.width >= 720, picture.height >= 576) == (True, True)  # no pixel is lost
    size = (picture.width, picture.height)
    for second, ours in enumerate(frames(path)):
        theirs = scaled_by_ffmpeg(ask_ffmpeg, path, f"scale={size[0]}:{size[1]}:flags=bilinear", size, 25 * second)
        assert ours.shape == theirs.shape
        assert np.abs(ours.astype(int) - theirs).mean() < 2  # rounding, and where the colour of a pixel is


@pytest.mark.parametrize("name", ["tape.mov", "disc.mkv"])
def test_the_container_is_believed_before_the_codec(tmp_path: Path, name: str) -> None:
    coded = make(tmp_path / f"coded-{name}", "16/15", *MPEG2)
    path = tmp_path / name
    make_clips.run("-i", coded, "-c", "copy", "-aspect", "16:9", path)
    picture = probe(path).picture
    assert picture is not None
    assert (picture.width, picture.height) == (1024, 576)
    assert {rgb.shape for rgb in frames(path)} == {(576, 1024, 3)}


def test_a_turned_frame_is_made_square_first(tmp_path: Path, ask_ffmpeg: Ask) -> None:
    upright = make(tmp_path / "upright.mp4", "16/15")
    path = make_clips.turned(tmp_path, upright)[90]  # ffmpeg's transpose turns the shape of the pixels, too
    picture = probe(path).picture
    assert picture is not None
    assert (picture.width, picture.height, picture.rotation) == (768, 576, 90)
    theirs = scaled_by_ffmpeg(ask_ffmpeg, path, "scale=768:576:flags=bilinear", (768, 576), 25)
    assert np.abs(frames(path)[1].astype(int) - theirs).mean() < 3


@pytest.mark.parametrize("codec", [MPEG2, X264])
def test_frames_of_another_shape_within_a_file(tmp_path: Path, codec: tuple[object, ...], ask_ffmpeg: Ask) -> None:
    """A 4:3 programme, then a 16:9 one: as on a 4:3 screen, with bars above and below; said once."""
    one, two = (make(tmp_path / f"{i}.ts", aspect, *codec) for i, aspect in enumerate(("16/15", "64/45")))
    path = tmp_path / "both.ts"
    path.write_bytes(one.read_bytes() + two.read_bytes() + one.read_bytes())
    media = probe(path)
    reader = read_media(path, frames=media.grid(Fraction(25)))
    seen = [p.rgb() for p in reader if isinstance(p, VideoFrame)]
    assert {rgb.shape for rgb in seen} == {(576, 768, 3)}
    barred = [i for i, rgb in enumerate(seen) if not rgb[:60].any()]
    assert barred == list(range(50, 100))  # the frame, also where the decoder holds frames back
    expected = scaled_by_ffmpeg(ask_ffmpeg, two, "scale=768:432:flags=bilinear,pad=768:576:0:72", (768, 576))
    assert np.abs(seen[50].astype(int) - expected).mean() < 2
    (change,) = (entry for entry in reader.damage if entry.kind == "shape_change")
    assert (change.from_s, change.to_s) == (2, 4)
    assert change.text == (
        "picture: from 2.0 s to 4.0 s it is 720x576 with pixels of 64:45, not 720x576 with pixels of 16:15; "
        "shown with black bars"
    )


@pytest.mark.parametrize("aspect", ["1/1000", "100/1", "5/1"])
def test_a_shape_that_cannot_be_is_told_and_not_used(tmp_path: Path, aspect: str) -> None:
    path = make(tmp_path / "absurd.mkv", aspect, "-c:v", "ffv1")
    media = probe(path)
    assert media.picture is not None
    assert (media.picture.width, media.picture.height) == (720, 576)
    reader = read_media(path, frames=TimeGrid(Fraction(1), 1))
    assert [p.rgb().shape for p in reader if isinstance(p, VideoFrame)] == [(576, 720, 3)]
    (entry,) = reader.damage
    ratio = aspect.replace("/", ":")
    assert (entry.kind, entry.text) == (
        "pixel_aspect",
        f"picture: it states pixels of {ratio} (width to height); taken as square",
    )


@pytest.mark.parametrize("aspect", ["1", "0", "640/639", "1280/1281"])
def test_pixels_that_are_square_but_for_rounding_stay_as_they_are(tmp_path: Path, aspect: str, ask_ffmpeg: Ask) -> None:
    """To the byte: a frame of 1279 columns out of 1280 would be softer, and no net could tell the shape."""
    path = make(tmp_path / "square.mp4", aspect)
    raw = ask_ffmpeg(
        "-i", path, "-vf", "fps=1:round=up", "-pix_fmt", "rgb24", "-sws_flags", "bilinear", "-f", "rawvideo"
    )
    theirs = np.frombuffer(raw, np.uint8).reshape(-1, 576, 720, 3)
    ours = frames(path)
    assert [rgb.shape for rgb in ours] == [(576, 720, 3)] * 2
    assert np.abs(np.stack(ours).astype(int) - theirs).mean() < 0.5
    reader = read_media(path, frames=TimeGrid(Fraction(1), 2))
    assert len(list(reader)) == 2
    assert reader.damage == ()


def test_live_media_and_browser_copies_are_square_too(tmp_path: Path) -> None:
    path = make(tmp_path / "live.ts", "64/45", *MPEG2)
    reader = LiveReader(path, 16000, patience_s=0.1)
    shapes = {item.rgb().shape for item in reader if isinstance(item, VideoFrame)}
    assert (shapes, reader.size) == ({(576, 1024, 3)}, (1024, 576))
    write_browser_copy(path, tmp_path / "copy.mp4", height=180)
    copy = probe(tmp_path / "copy.mp4").picture
    assert copy is not None
    assert (copy.width, copy.height) == (320, 180)
