"""Operations on single images: read, scale, warp, match, draw."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import make_clips
import numpy as np
import pytest

from evoked.core.errors import MissingMedia
from evoked.media import images


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_png_goes_there_and_back(tmp_path: Path) -> None:
    picture = noise(31, 47)
    images.write_png(tmp_path / "ä.png", picture)
    np.testing.assert_array_equal(images.read_image(tmp_path / "ä.png"), picture)


def exif(orientation: int) -> bytes:
    """A JPEG APP1 segment with the orientation only (Exif 2.3, tag 0x0112)."""
    tiff = b"MM\0\x2a\0\0\0\x08" + b"\0\1" + b"\x01\x12\0\3\0\0\0\1" + bytes([0, orientation, 0, 0]) + b"\0\0\0\0"
    body = b"Exif\0\0" + tiff
    return b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_a_photo_is_turned_upright(
    tmp_path: Path, orientation: int, turns: int, ask_ffmpeg: Callable[..., bytes]
) -> None:
    plain = tmp_path / "plain.jpg"
    make_clips.run("-f", "lavfi", "-i", "testsrc=s=64x48", "-frames:v", 1, "-q:v", 2, plain)
    data = plain.read_bytes()
    turned = tmp_path / "turned.jpg"
    turned.write_bytes(data[:2] + exif(orientation) + data[2:])
    np.testing.assert_array_equal(images.read_image(turned), np.rot90(images.read_image(plain), turns))
    raw = ask_ffmpeg("-i", plain, "-f", "rawvideo", "-pix_fmt", "rgb24")
    theirs = np.frombuffer(raw, np.uint8).reshape(48, 64, 3).astype(float)
    assert np.abs(images.read_image(plain) - theirs).mean() < 6  # RGB, not BGR (which is 80 off)


def test_what_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("no picture")
    for name, message in (
        ("absent.png", "no image at .*: check the name"),
        ("empty.png", r"is empty \(0 bytes\)"),
        ("text.png", "is no image that can be read"),
        ("", "is a folder, not an image"),
    ):
        with pytest.raises(MissingMedia, match=message):
            images.read_image(tmp_path / name)


def test_shrinking_is_by_area() -> None:
    picture = noise(40, 60)
    means = picture.reshape(10, 4, 15, 4, 3).mean(axis=(1, 3))
    assert np.abs(images.resize(picture, (15, 10)) - means).max() <= 0.51
    grown = images.resize(np.full((4, 4, 3), 77, np.uint8), (9, 7))
    assert grown.shape == (7, 9, 3)
    assert (grown == 77).all()
    assert images.resize(picture, (60, 40)) is picture


def test_a_warp_moves_points_as_its_matrix_message() -> None:
    picture = noise(50, 50)
    moved = images.warp(picture, np.array([[1, 0, 7], [0, 1, -3]]), (50, 50))
    np.testing.assert_array_equal(moved[:47, 7:], picture[3:, :43])
    assert not moved[:, :7].any()
    turned = images.warp(picture, np.array([[0, -1, 49.0], [1, 0, 0]]), (50, 50))  # a quarter clockwise
    np.testing.assert_array_equal(turned, np.rot90(picture, -1))
    beyond = np.pad(picture, ((0, 3), (7, 0), (0, 0)), mode="edge")[3:, :50]
    np.testing.assert_array_equal(
        images.warp(picture, np.array([[1, 0, 7], [0, 1, -3]]), (50, 50), repeat_edge=True), beyond
    )
    with pytest.raises(ValueError, match=r"matrix must be \(2, 3\) and finite"):
        images.warp(picture, np.eye(3), (5, 5))


@pytest.mark.parametrize("kind", ["grey", "colour"])
def test_a_template_is_found_whatever_its_brightness(kind: str) -> None:
    picture = noise(90, 120)
    image = images.to_grey(picture) if kind == "grey" else picture
    template = (image[33:57, 61:101] * 0.4 + 60).astype(np.uint8)
    found = images.match_template(image, template)
    assert (found.x, found.y) == (61, 33)
    assert 0.99 < found.score <= 1
    window = image[33:57, 61:101].astype(np.float64)
    means = (0, 1)  # each channel's own
    a, b = window - window.mean(axis=means), template - template.astype(np.float64).mean(axis=means)
    assert found.score == pytest.approx((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()), abs=1e-3)
    assert images.match_template(image, noise(24, 40, 9)[:, :, 0] if kind == "grey" else noise(24, 40, 9)).score < 0.4


def test_flat_pictures_match_nothing() -> None:
    flat = np.full((30, 30), 90, np.uint8)
    assert images.match_template(images.to_grey(noise(30, 30)), flat[:5, :5]).score == 0
    assert images.match_template(flat, images.to_grey(noise(5, 5))).score == 0
    with pytest.raises(ValueError, match="must fit into the image"):
        images.match_template(flat[:5], flat)
    with pytest.raises(ValueError, match="of one kind"):
        images.match_template(flat, noise(5, 5))


def test_grey_is_luma() -> None:
    picture = noise(20, 20)
    assert np.abs(images.to_grey(picture) - picture @ np.array([0.299, 0.587, 0.114])).max() <= 1


def test_drawing_and_blurring() -> None:
    picture = np.zeros((60, 200, 3), np.uint8)
    images.draw_box(picture, (10, 5, 30, 20), (255, 0, 0), 1)
    ys, xs = np.nonzero(picture[:, :, 0])
    assert (xs.min(), xs.max(), ys.min(), ys.max()) == (10, 39, 5, 24)
    assert not picture[:, :, 1:].any()
    images.draw_text(picture, "Hg", (60, 50), (0, 255, 0), height=30)
    ys, xs = np.nonzero(picture[:, :, 1])
    assert xs.min() >= 59
    assert 15 <= np.ptp(ys) <= 45
    spot = np.zeros((41, 41, 3), np.uint8)
    spot[20, 20] = 255
    soft = images.blur(np.where(spot > 0, 255, 0).astype(np.uint8), 2.0)
    assert soft[20, 20, 0] == pytest.approx(255 / (2 * np.pi * 4), abs=1.5)
    assert images.blur(spot, 0) is spot
    with pytest.raises(ValueError, match="sigma must not be negative"):
        images.blur(spot, -1)


def test_a_picture_is_checked() -> None:
    with pytest.raises(ValueError, match=r"uint8 of shape \(height, width, 3\)"):
        images.resize(np.zeros((4, 4), np.uint8), (2, 2))
    with pytest.raises(ValueError, match="at least 1x1"):
        images.resize(noise(4, 4), (0, 2))


def test_importing_changes_no_threads() -> None:
    code = (
        "import cv2; before = cv2.getNumThreads()\n"
        "from evoked.media import images\n"
        "assert cv2.getNumThreads() == before\n"
        "images.set_opencv_threads(1)\n"
        "assert cv2.getNumThreads() == 1\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(ValueError, match="threads must be at least 1"):
        images.set_opencv_threads(0)
