"""Operations on single images; the only module that uses OpenCV.

Every image is uint8 RGB of shape (height, width, 3); every size is (width, height); every point is
(x, y) in pixels with (0, 0) at the centre of the top left pixel, as in OpenCV.
OpenCV has one thread pool per process: code that distributes work over processes calls
set_opencv_threads(1) in each; importing this module changes nothing.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import MediaError, MissingMedia

__all__ = [
    "TemplateMatch",
    "blur",
    "draw_box",
    "draw_text",
    "jpeg",
    "match_template",
    "read_image",
    "resize",
    "set_opencv_threads",
    "to_grey",
    "warp",
    "write_png",
]

Rgb = NDArray[np.uint8]
Colour = tuple[int, int, int]


def set_opencv_threads(count: int) -> None:
    """Let OpenCV use this many threads in this process; ValueError below 1."""
    if count < 1:
        raise ValueError(f"threads must be at least 1, got {count}")
    cv2.setNumThreads(count)


def read_image(path: Path) -> Rgb:
    """Read a still image as RGB, upright by its EXIF orientation; 16 bits become 8, transparency is dropped.

    Raises:
        MissingMedia: if it is absent, a folder, empty, or not a readable image.
        MediaError: if it cannot be opened.
    """
    if not path.exists():
        raise MissingMedia(f"no image at {path}: check the name")
    if path.is_dir():
        raise MissingMedia(f"{path} is a folder, not an image: name a file in it")
    try:
        data = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise MediaError(f"{path} cannot be opened: {error.strerror}. Check that it can be read") from error
    if not len(data):
        raise MissingMedia(f"{path} is empty (0 bytes): copy or download it again")
    bgr = cv2.imdecode(data, cv2.IMREAD_COLOR)
    if bgr is None:
        raise MissingMedia(f"{path} is no image that can be read: name a JPEG, PNG or the like")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def write_png(path: Path, rgb: Rgb) -> None:
    """Write an image as PNG, not atomically: the caller does that (see core.files.writing).

    Args:
        path: the file to write.
        rgb: the image.

    Raises:
        ValueError: if it is not an image.
    """
    _check(rgb)
    done, data = cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    assert done  # PNG takes any uint8 image
    path.write_bytes(data.tobytes())


def jpeg(rgb: Rgb, quality: int = 80) -> bytes:
    """Encode an image as JPEG.

    Args:
        rgb: the image.
        quality: from 0 (worst) to 100 (best).

    Returns:
        The bytes of the file.

    Raises:
        ValueError: if it is not an image.
    """
    _check(rgb)
    done, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done  # JPEG takes any uint8 image below 65,536 pixels a side
    return data.tobytes()


def resize(rgb: Rgb, size: tuple[int, int]) -> Rgb:
    """Scale an image: by area where both sides shrink, else bilinear.

    Args:
        rgb: the image.
        size: (width, height) of the result.

    Returns:
        The scaled image; the same array where the size does not change.

    Raises:
        ValueError: if it is not an image, or the size is below 1x1.
    """
    _check(rgb)
    _check_size(size)
    if size == (rgb.shape[1], rgb.shape[0]):
        return rgb
    shrinks = size[0] <= rgb.shape[1] and size[1] <= rgb.shape[0]
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR))


def warp(rgb: Rgb, matrix: NDArray[np.floating], size: tuple[int, int], *, repeat_edge: bool = False) -> Rgb:
    """Transform an image by an affine map, bilinear.

    Args:
        rgb: the image.
        matrix: (2, 3), from points of `rgb` to points of the result.
        size: (width, height) of the result.
        repeat_edge: outside the image its edge is repeated; else it is black there.

    Returns:
        The transformed image.

    Raises:
        ValueError: if the image, the matrix or the size is not valid.
    """
    _check(rgb)
    _check_size(size)
    if matrix.shape != (2, 3) or not np.isfinite(matrix).all():
        raise ValueError(f"matrix must be (2, 3) and finite, got {matrix.tolist()}")
    border = cv2.BORDER_REPLICATE if repeat_edge else cv2.BORDER_CONSTANT
    return np.asarray(cv2.warpAffine(rgb, matrix.astype(np.float64), size, flags=cv2.INTER_LINEAR, borderMode=border))


def to_grey(rgb: Rgb) -> NDArray[np.uint8]:
    """The luma of an image (BT.601), uint8 (height, width)."""
    _check(rgb)
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))


@dataclass(frozen=True)
class TemplateMatch:
    """Where a template fits best: its top left corner in pixels, and the correlation there in [-1, 1]."""

    x: int
    y: int
    score: float


def match_template(image: NDArray[np.uint8], template: NDArray[np.uint8]) -> TemplateMatch:
    """Find a template in an image by normalised cross-correlation with the means subtracted.

    Args:
        image: (height, width) or (height, width, 3).
        template: as many dimensions, and no larger.

    Returns:
        The best position. A flat template or image has no correlation: score 0.

    Raises:
        ValueError: if the template is larger, or has other dimensions.
    """
    if image.ndim != template.ndim or image.ndim not in (2, 3):
        raise ValueError(f"image and template must be of one kind, got shapes {image.shape} and {template.shape}")
    if template.shape[0] > image.shape[0] or template.shape[1] > image.shape[1] or not template.size:
        raise ValueError(f"the template {template.shape} must fit into the image {image.shape}")
    if template.min() == template.max():  # OpenCV reports a perfect match everywhere
        return TemplateMatch(0, 0, 0.0)
    scores = cv2.matchTemplate(image, template, cv2.TM_CCOEFF_NORMED)
    # Where the image is flat OpenCV divides by almost zero: any value may result
    scores[~np.isfinite(scores) | (np.abs(scores) > 1.001)] = 0
    _, best, _, (x, y) = cv2.minMaxLoc(scores)
    return TemplateMatch(int(x), int(y), float(min(best, 1.0)))


def blur(rgb: Rgb, sigma: float) -> Rgb:
    """Blur an image with a Gaussian.

    Args:
        rgb: the image.
        sigma: standard deviation in pixels; 0 for no blur.

    Returns:
        The blurred image; the same array for 0.

    Raises:
        ValueError: if it is not an image, or sigma is negative.
    """
    _check(rgb)
    if sigma < 0:
        raise ValueError(f"sigma must not be negative, got {sigma}")
    return rgb if sigma == 0 else np.asarray(cv2.GaussianBlur(rgb, (0, 0), sigma))


def draw_box(rgb: Rgb, box: tuple[float, float, float, float], colour: Colour, thickness: int = 2) -> None:
    """Draw a rectangle into an image, in place.

    Args:
        rgb: the image.
        box: x, y, width, height in pixels.
        colour: red, green, blue from 0 to 255.
        thickness: of the line, pixels.

    Raises:
        ValueError: if it is not an image.
    """
    _check(rgb)
    x, y, width, height = (round(v) for v in box)
    cv2.rectangle(rgb, (x, y), (x + width - 1, y + height - 1), colour, thickness)


def draw_text(rgb: Rgb, text: str, at: tuple[int, int], colour: Colour, height: int = 20) -> None:
    """Draw a line of ASCII text into an image, in place.

    Args:
        rgb: the image.
        text: what to write.
        at: (x, y) of its lower left corner, pixels.
        colour: red, green, blue from 0 to 255.
        height: of the letters, pixels.

    Raises:
        ValueError: if it is not an image.
    """
    _check(rgb)
    scale = cv2.getFontScaleFromHeight(cv2.FONT_HERSHEY_SIMPLEX, height, 1)
    cv2.putText(rgb, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, max(1, height // 14), cv2.LINE_AA)


def _check(rgb: NDArray[np.uint8]) -> None:
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or not rgb.size:
        raise ValueError(f"a picture must be uint8 of shape (height, width, 3), got {rgb.dtype} {rgb.shape}")


def _check_size(size: tuple[int, int]) -> None:
    if min(size) < 1:
        raise ValueError(f"a size must be at least 1x1, got {size[0]}x{size[1]}")
