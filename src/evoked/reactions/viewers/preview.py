"""Write a reaction video with face boxes, names and scores drawn in; on request every face is blurred."""

from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.core.progress import Progress, silent
from evoked.core.track import Track
from evoked.media.decode import VideoFrame, prefetch, read_media
from evoked.media.images import blur, draw_box, draw_text, resize
from evoked.media.probe import no_video_error, probe
from evoked.media.write import VideoWriter
from evoked.reactions.viewers.annotation import Annotation
from evoked.reactions.viewers.face_detections import CONTENT_FACE, UNNAMED, FaceDetection

__all__ = ["blur_face", "draw_detections", "write_preview"]

Rgb = NDArray[np.uint8]

MAX_RATE = Fraction(30)  # frames per second
SOUND_HZ = 44100
MAX_SHOWN_SCORES = 5  # number of expressions listed per viewer: the highest
COLOURS = {CONTENT_FACE: (190, 190, 190), UNNAMED: (240, 200, 60)}
VIEWER_COLOUR, PRESENT_COLOUR, ABSENT_COLOUR, SHADOW_COLOUR = (
    (90, 220, 120),
    (255, 255, 255),
    (170, 170, 170),
    (20, 20, 20),
)
BLUR_MARGIN = 0.25  # share of the box added at each side before blurring: hair, chin, motion
BLUR_POINTS = 6  # cells across that a blurred face is reduced to: too few to recognise anybody
BLUR_SIDE = 96  # longer side at which the cells are blurred before they are enlarged: the time of a Gaussian grows with
# the third power of the side, and what is left of a face has no detail for which more pixels would be needed


def write_preview(
    path: Path, annotation: Annotation, out: Path, *, hide: bool, comment: str = "", progress: Progress = silent
) -> None:
    """Write a copy of a reaction video with the annotation drawn in.

    Viewers have a green box, their name and their highest scores at that frame; people of the content a
    grey box; other faces (still, copies, uncertain, brief) a yellow one. Size, presentation times and
    length are the reaction's, turned where it was turned; at most 30 frames per second; sound is kept, as one channel.

    Args:
        path: the reaction that was annotated.
        annotation: of this reaction.
        out: the video to write (.mp4, .mov, .mkv); complete, or absent after an error.
        hide: blur every detected face, also the content's. A face that was not detected (turned far away,
            tiny, dark) is not blurred: check the preview before sharing it.
        comment: written into the metadata of the file.
        progress: called with the seconds done and their total.

    Raises:
        MediaError or a subclass: if the video cannot be used.
        OutputError: if the preview cannot be written.
    """
    media = probe(path).turned(annotation.turned)
    if media.picture is None:
        raise no_video_error(path)
    rate = min(MAX_RATE, media.picture.average_rate or MAX_RATE)
    hz = SOUND_HZ if media.sound else None
    size = (media.picture.width, media.picture.height)
    with VideoWriter(out, size, rate, hz, preset="veryfast", comment=comment) as writer:
        for item in prefetch(read_media(path, frames=media.grid(rate), audio_hz=hz, media=media)):
            if isinstance(item, VideoFrame):
                rgb = item.rgb().copy()
                draw_detections(
                    rgb, annotation, float((item.time_s - annotation.grid.start) * annotation.grid.rate), hide=hide
                )
                writer.picture(rgb)
                progress(float(item.time_s), float(media.duration_s))
            else:
                writer.sound(item.samples)


def draw_detections(rgb: Rgb, annotation: Annotation, frame: float, *, hide: bool) -> None:
    """Draw the detections of one moment into a frame, in place.

    Args:
        rgb: pixels of the frame, uint8, shape (height, width, 3).
        annotation: of this reaction.
        frame: the moment, as a fractional index of the annotation's 6 Hz frames.
        hide: blur every detected face.
    """
    if hide:
        for box in annotation.detections.boxes_to_blur(frame):
            blur_face(rgb, box)
    for detection in annotation.detections.between(frame):
        _draw_detection(rgb, detection, annotation)


def _draw_detection(rgb: Rgb, detection: FaceDetection, annotation: Annotation) -> None:
    x, y, width, height = (float(v) for v in detection.box)
    text_px = max(11, rgb.shape[0] // 45)
    viewer = annotation.viewers.get(detection.name)
    colour = VIEWER_COLOUR if viewer else COLOURS.get(detection.name, COLOURS[UNNAMED])
    draw_box(rgb, (x, y, width, height), colour, 2 if viewer else 1)
    at = round(x), max(text_px, round(y) - 4)
    draw_text(rgb, detection.name or "?", (at[0] + 1, at[1] + 1), SHADOW_COLOUR, text_px)
    draw_text(rgb, detection.name or "?", at, colour, text_px)
    if viewer is not None:
        _draw_scores(rgb, _top_scores(viewer.scores, detection.step), (x, y, width, height), text_px)


def _top_scores(scores: Track, step: int) -> list[tuple[str, float]]:
    """A viewer's highest scores at a frame, in the order of the expressions; none where not visible."""
    if not (0 <= step < scores.grid.steps and scores.valid[step]):
        return []
    highest = sorted(np.argsort(-scores.values[step], kind="stable")[:MAX_SHOWN_SCORES])
    return [(scores.names[k], float(scores.values[step, k])) for k in highest]


def _draw_scores(
    rgb: Rgb, lines: list[tuple[str, float]], box: tuple[float, float, float, float], text_px: int
) -> None:
    """Draw names and scores on a darkened background: right of the face, else left, below or above it."""
    if not lines:
        return
    line_px, width_px = round(1.5 * text_px), round(0.85 * text_px * (6 + max(len(name) for name, _ in lines)))
    height_px = line_px * len(lines) + 4
    left, top, right, bottom = (round(v) for v in (box[0], box[1], box[0] + box[2], box[1] + box[3]))
    positions = [
        (right + 6, top),
        (left - width_px - 6, top),
        (left, bottom + 6),
        (left, top - height_px - 2 * text_px),
    ]
    inside = [
        (x, y)
        for x, y in positions
        if 0 <= x <= rgb.shape[1] - width_px and -text_px <= y <= rgb.shape[0] - height_px + text_px
    ]
    x, y = (inside or positions)[0]
    x, y = max(0, min(x, rgb.shape[1] - width_px)), max(0, min(y, rgb.shape[0] - height_px))
    rgb[y : y + height_px, x : x + width_px] //= 3
    for k, (name, score) in enumerate(lines):
        present = score > 0.5
        draw_text(
            rgb,
            f"{name} {score:.2f}",
            (x + 4, y + line_px * (k + 1) - text_px // 3),
            PRESENT_COLOUR if present else ABSENT_COLOUR,
            text_px,
        )


def blur_face(rgb: Rgb, box: NDArray[np.float32]) -> None:
    """Reduce a face to a few blurred cells so that nobody can be recognised, in place.

    Args:
        rgb: pixels of the frame, uint8, shape (height, width, 3).
        box: x, y, width, height of the face in pixels; a margin is blurred too.
    """
    x, y, width, height = (float(v) for v in box)
    left, top = max(0, round(x - BLUR_MARGIN * width)), max(0, round(y - BLUR_MARGIN * height))
    right, bottom = round(x + (1 + BLUR_MARGIN) * width), round(y + (1 + BLUR_MARGIN) * height)
    face = rgb[top : max(top, bottom), left : max(left, right)]
    if 0 in face.shape:
        return
    size = (face.shape[1], face.shape[0])
    small = resize(np.ascontiguousarray(face), (min(BLUR_POINTS, size[0]), min(BLUR_POINTS, size[1])))
    share = min(1.0, BLUR_SIDE / max(size))
    middle = max(1, round(size[0] * share)), max(1, round(size[1] * share))
    face[...] = resize(blur(resize(small, middle), max(middle) / (2 * BLUR_POINTS)), size)
