"""Which tracked faces are no viewers: uncertain detections, still pictures, and copies of a viewer.

    uncertain  a track that a detector and a mesh hardly believe in: a thing, a robot, the back of a head, an animal
    still      a photograph, a poster, a print: nothing moves but the noise, while somebody else does
    copy       a viewer who is shown twice, mirrored or not; the larger one counts

Thresholds and what they were chosen on: docs/decisions/0051-false-viewers.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evoked.core.time_grid import ANNOTATION_FPS, TimeGrid
from evoked.reactions.viewers.annotation import AnnotateConfig, LeftOutFace
from evoked.reactions.viewers.copies import copy_match
from evoked.reactions.viewers.face_tracks import FaceTrack
from evoked.reactions.viewers.stillness import blinks, is_still, stillness

__all__ = ["FalseViewer", "FalseViewers", "false_viewers", "left_out_face", "left_out_lines", "place_text"]

LENGTHS = (1, 10 * int(ANNOTATION_FPS), 60 * int(ANNOTATION_FPS))
MIN_SCORES = (0.85, 0.75, 0.65)
"""Least mean score of the detector of tracks of so many frames; between them in proportion."""
MIN_PRESENCE = 0.7
"""Least mean presence of the mesh model."""
MAX_NAMED = 5
"""Faces of a kind that the notes name one by one; the others are counted."""


@dataclass(frozen=True)
class FalseViewer:
    """Why a face is no viewer.

    Attributes:
        kind: "uncertain", "still" or "copy".
        what: the same for people, such as "a mirrored copy".
        original: number of the person that it is a copy of; None otherwise.
    """

    kind: str
    what: str
    original: int | None = None


@dataclass(frozen=True)
class FalseViewers:
    """The judgement on all faces of a recording.

    Attributes:
        left_out: number of the person → why it is no viewer.
        still: people who are viewers although they do not move: nobody else does, or the settings keep them.
    """

    left_out: Mapping[int, FalseViewer]
    still: frozenset[int]


def false_viewers(people: Mapping[int, FaceTrack], config: AnnotateConfig) -> FalseViewers:
    """Judge the faces of a recording.

    Args:
        people: number of the person → all frames of that person, without people of the content.
        config: which of them are kept.

    Returns:
        Who is no viewer, and why.
    """
    left_out: dict[int, FalseViewer] = {}
    if not config.keep_uncertain_tracks:
        left_out |= {n: FalseViewer("uncertain", why) for n, face in people.items() if (why := _doubt(face))}
    certain = {n: face for n, face in people.items() if n not in left_out}
    still = frozenset(n for n, face in certain.items() if _is_picture(face))
    if not config.keep_still_faces and len(still) < len(certain):
        left_out |= {n: FalseViewer("still", "a still face, such as a photograph or a poster,") for n in still}
        still = frozenset()
    if not config.keep_copies:
        left_out |= _copies({n: face for n, face in certain.items() if n not in left_out})
    return FalseViewers(left_out, still - set(left_out))


def left_out_face(face: FaceTrack, why: FalseViewer, names: Mapping[int, str], grid: TimeGrid) -> LeftOutFace:
    """Say which face was left out.

    Args:
        face: all frames of the person.
        why: the judgement.
        names: number of the person → name of the viewer, of those that are viewers.
        grid: the recording's 6 Hz grid.

    Returns:
        What, where in the frame, and when.
    """
    x, y, width, height = _usual_box(face)
    from_s, to_s = _span(face, grid)
    kept_by = {"uncertain": "keep_uncertain_tracks", "still": "keep_still_faces", "copy": "keep_copies"}[why.kind]
    of = f" of {names[why.original]}" if why.original is not None else ""
    text = f"left out: {why.what}{of} {place_text(face, grid)} ({kept_by} keeps it)"
    return LeftOutFace(why.kind, text, (x, y, width, height), from_s, to_s)


def left_out_lines(faces: Sequence[LeftOutFace]) -> tuple[str, ...]:
    """Notes on faces that were left out: MAX_NAMED of each kind one by one, and how many more there are."""
    lines: list[str] = []
    for kind in dict.fromkeys(face.kind for face in faces):
        texts = [face.text for face in faces if face.kind == kind]
        lines += texts[:MAX_NAMED]
        if len(texts) > MAX_NAMED:
            lines.append(f"left out: {len(texts) - MAX_NAMED} more of kind {kind}")
    return tuple(lines)


def place_text(face: FaceTrack, grid: TimeGrid) -> str:
    """Where a face is in the frame, and when.

    Args:
        face: all frames of the person.
        grid: the recording's 6 Hz grid.

    Returns:
        Such as "at x 20-130, y 41-166 px, 0.0-11.8 s": its median box, from its first to its last frame.
    """
    x, y, width, height = _usual_box(face)
    from_s, to_s = _span(face, grid)
    return f"at x {x}-{x + width}, y {y}-{y + height} px, {from_s:.1f}-{to_s:.1f} s"


def _doubt(face: FaceTrack) -> str:
    """What is uncertain in a track; "" where nothing is, or nothing is known of it."""
    samples = face.samples.samples
    if not samples:
        return ""
    score = float(np.mean([sample.score for sample in samples]))
    presence = float(np.mean([sample.presence for sample in samples]))
    if score < np.interp(len(face.steps), LENGTHS, MIN_SCORES):
        return f"an uncertain face (mean detector score {score:.2f})"
    return f"an uncertain face (mean mesh presence {presence:.2f})" if presence < MIN_PRESENCE else ""


def _is_picture(face: FaceTrack) -> bool:
    measured = stillness(face.samples.samples)
    return measured is not None and is_still(measured, len(face.steps)) and not blinks(np.stack(face.shapes))


def _copies(people: Mapping[int, FaceTrack]) -> dict[int, FalseViewer]:
    """Who is a copy of somebody larger."""
    by_size = sorted(people, key=lambda n: (-float(np.prod(_usual_box(people[n])[2:])), n))
    originals: list[int] = []
    copies: dict[int, FalseViewer] = {}
    for number in by_size:
        matches = {n: match for n in originals if (match := copy_match(people[number], people[n])) is not None}
        if not matches:
            originals.append(number)
            continue
        original = max(matches, key=lambda n: matches[n].expressions)
        what = "a mirrored copy" if matches[original].mirrored else "a copy"
        copies[number] = FalseViewer("copy", what, original)
    return copies


def _usual_box(face: FaceTrack) -> tuple[int, int, int, int]:
    x, y, width, height = (round(float(v)) for v in np.median(np.stack(face.boxes), axis=0))
    return x, y, width, height


def _span(face: FaceTrack, grid: TimeGrid) -> tuple[float, float]:
    return float(grid.second(min(face.steps))), float(grid.second(max(face.steps) + 1))
