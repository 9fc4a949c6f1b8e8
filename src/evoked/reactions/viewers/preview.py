"""A reaction video with what was found drawn into it: boxes, names, scores; every face blurred where wanted."""

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

__all__ = ["draw_detections", "write_preview"]

Rgb = NDArray[np.uint8]

MAX_RATE = Fraction(30)  # pictures per second
SOUND_HZ = 44100
MAX_SHOWN_SCORES = 5  # expressions that are shown of a viewer: the highest
COLOURS = {CONTENT_FACE: (190, 190, 190), UNNAMED: (240, 200, 60)}
VIEWER_COLOUR, PRESENT_COLOUR, ABSENT_COLOUR, SHADOW_COLOUR = (
    (90, 220, 120),
    (255, 255, 255),
    (170, 170, 170),
    (20, 20, 20),
)
BLUR_MARGIN = 0.25  # of a face's box, added at each side before it is hidden: hair, chin, and what it moved
BLUR_POINTS = 6  # points across that are left of a hidden face: nobody can be told from so few


def write_preview(path: Path, annotation: Annotation, out: Path, *, hide: bool, progress: Progress = silent) -> None:
    """Write a reaction video again, with what was found drawn into it.

    Viewers have a green box, their name and their highest scores at that moment; the film's own people a
    grey one; faces that belong to neither (unsure, or seen too briefly) a yellow one. Size, clock and
    length are the reaction's; at most 30 pictures a second; sound is kept, as one channel.

    Args:
        path: the reaction that was annotated.
        annotation: what was found in it.
        out: an MP4 (.mp4, .mov, .mkv); whole or not there.
        hide: blur every face that was found, the film's too. A face that was not found (turned far away,
            tiny, dark) is not blurred: look at it before it is given away.
        progress: called with the seconds that are done.

    Raises:
        MediaError or a subclass: if the video cannot be used.
        OutputError: if the preview cannot be written.
    """
    media = probe(path)
    if media.picture is None:
        raise no_video_error(path)
    rate = min(MAX_RATE, media.picture.average_rate or MAX_RATE)
    hz = SOUND_HZ if media.sound else None
    size = (media.picture.width, media.picture.height)
    with VideoWriter(out, size, rate, hz, preset="veryfast") as writer:
        for item in prefetch(read_media(path, frames=media.grid(rate), audio_hz=hz)):
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
    """Draw into a picture, in place, what was found at a moment given in frames of the annotation."""
    if hide:
        for box in annotation.sightings.boxes_to_blur(frame):
            _hide(rgb, box)
    for sighting in annotation.sightings.between(frame):
        _mark(rgb, sighting, annotation)


def _mark(rgb: Rgb, sighting: FaceDetection, annotation: Annotation) -> None:
    x, y, width, height = (float(v) for v in sighting.box)
    text = max(11, rgb.shape[0] // 45)
    viewer = annotation.viewers.get(sighting.name)
    colour = VIEWER_COLOUR if viewer else COLOURS.get(sighting.name, COLOURS[UNNAMED])
    draw_box(rgb, (x, y, width, height), colour, 2 if viewer else 1)
    at = round(x), max(text, round(y) - 4)
    draw_text(rgb, sighting.name or "?", (at[0] + 1, at[1] + 1), SHADOW_COLOUR, text)
    draw_text(rgb, sighting.name or "?", at, colour, text)
    if viewer is not None:
        _list(rgb, _top_scores(viewer.scores, sighting.step), (x, y, width, height), text)


def _top_scores(scores: Track, step: int) -> list[tuple[str, float]]:
    """A viewer's highest scores at a frame, in the order of the expressions; none where not visible."""
    if not (0 <= step < scores.grid.steps and scores.valid[step]):
        return []
    highest = sorted(np.argsort(-scores.values[step], kind="stable")[:MAX_SHOWN_SCORES])
    return [(scores.names[k], float(scores.values[step, k])) for k in highest]


def _list(rgb: Rgb, lines: list[tuple[str, float]], box: tuple[float, float, float, float], text: int) -> None:
    """Names with their scores on a darkened ground: right of the face, or left, below, above, where there is room."""
    if not lines:
        return
    high, wide = round(1.5 * text), round(0.85 * text * (6 + max(len(name) for name, _ in lines)))
    tall = high * len(lines) + 4
    left, top, right, bottom = (round(v) for v in (box[0], box[1], box[0] + box[2], box[1] + box[3]))
    places = [(right + 6, top), (left - wide - 6, top), (left, bottom + 6), (left, top - tall - 2 * text)]
    room = [(x, y) for x, y in places if 0 <= x <= rgb.shape[1] - wide and -text <= y <= rgb.shape[0] - tall + text]
    x, y = (room or places)[0]
    x, y = max(0, min(x, rgb.shape[1] - wide)), max(0, min(y, rgb.shape[0] - tall))
    rgb[y : y + tall, x : x + wide] //= 3
    for k, (name, score) in enumerate(lines):
        present = score > 0.5
        draw_text(
            rgb,
            f"{name} {score:.2f}",
            (x + 4, y + high * (k + 1) - text // 3),
            PRESENT_COLOUR if present else ABSENT_COLOUR,
            text,
        )


def _hide(rgb: Rgb, box: NDArray[np.float32]) -> None:
    """Leave so little of a face's place that nobody can be told, in place."""
    x, y, width, height = (float(v) for v in box)
    left, top = max(0, round(x - BLUR_MARGIN * width)), max(0, round(y - BLUR_MARGIN * height))
    right, bottom = round(x + (1 + BLUR_MARGIN) * width), round(y + (1 + BLUR_MARGIN) * height)
    face = rgb[top : max(top, bottom), left : max(left, right)]
    if 0 in face.shape:
        return
    size = (face.shape[1], face.shape[0])
    few = resize(np.ascontiguousarray(face), (min(BLUR_POINTS, size[0]), min(BLUR_POINTS, size[1])))
    face[...] = blur(resize(few, size), max(size) / (2 * BLUR_POINTS))
