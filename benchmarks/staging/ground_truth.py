"""What is known of a grid's recordings: the maps, boxes and states that were planted, as grid.json holds them.

Worked out from the plan and the faces' boxes in their own clips, with arithmetic of its own.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import StudyError
from evoked.core.files import write_text
from evoked.sample.ground_truth import ANNOTATION_FPS, STAGED, pooled_states
from evoked.sample.plan import AWAY, FRAME_MS, NEUTRAL, SMILE
from evoked.sample.render import CONTENT_RATE, CONTENT_SIZE
from evoked.sample.source_clips import VIEWERS, Box
from staging.face_placement import Boxes, Placed, to_and_fro
from staging.false_faces import sway
from staging.recording_plan import COVERED, Take
from staging.render import actor_crop, actor_frame, seat_in

FORMAT = 1
CODES = {NEUTRAL: 0, SMILE: 1, AWAY: 2, COVERED: 2}  # index of truth.CLASSES
HIDDEN = 0.3  # a film face of which a viewer's picture covers more than this share is not seen


def known_of(takes: Sequence[Take], boxes: Boxes, made_of: dict[str, object]) -> dict[str, Any]:
    """The ground truth as plain values; docs/staging.md documents each key."""
    contents = {t.content.name: t.content for t in takes}
    return {
        "format": FORMAT,
        "note": STAGED,
        **made_of,
        "contents": {name: asdict(c) for name, c in sorted(contents.items())},
        "takes": {t.name: _of(t, boxes) for t in takes},
    }


def read_known(folder: Path) -> dict[str, Any]:
    """The truth of a staged grid; StudyError if the folder holds none that can be read."""
    path = folder / "grid.json"
    try:
        known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StudyError(f"{folder} holds no grid.json: it is no staged grid. Make one anew") from error
    except ValueError as error:
        raise StudyError(f"{path} cannot be read: {error}. Make the grid anew") from error
    if known.get("format") != FORMAT:
        raise StudyError(f"{path} has format {known.get('format')}, this version reads {FORMAT}. Make the grid anew")
    return known


def write_known(folder: Path, known: dict[str, Any]) -> None:
    """Write it, whole or not at all; OutputError if it cannot be."""
    write_text(folder / "grid.json", json.dumps(known, indent=1, allow_nan=False) + "\n")


def content_ticks(take: Take, viewer: int) -> NDArray[np.int8]:
    """A viewer's class at each 6 Hz tick of the content, index of CLASSES; no face where it is not played."""
    out = np.full(take.content.seconds * ANNOTATION_FPS, 2, dtype=np.int8)
    for tick in range(len(out)):
        at = Fraction(tick * 1000, ANNOTATION_FPS)
        if any(p.content_start_ms <= at < p.content_end_ms for p in take.parts):
            out[tick] = CODES[take.states[viewer][tick // ANNOTATION_FPS]]
    return out


def _of(take: Take, boxes: Boxes) -> dict[str, Any]:
    steps = -(-take.duration_ms * ANNOTATION_FPS // 1000)
    # the frame on the screen at each tick: the last that began
    frames = [tick * 1000 // ANNOTATION_FPS // FRAME_MS for tick in range(steps)]
    labels, steady = pooled_states([content_ticks(take, v) for v in range(len(take.viewers))])
    viewers = []
    for number, name in enumerate(take.viewers):
        states = [take.state(number, Fraction(f * FRAME_MS)) for f in frames]
        placed = seat_in(take, number)
        shown = [
            _swayed(take, placed, f, _box(boxes[name][s], f, placed)) if CODES[s] < 2 else None
            for s, f in zip(states, frames, strict=True)
        ]
        viewers.append({"name": name, "seat": list(placed.seat), "states": "".join(states), "boxes": shown})
    return {
        "content": take.content.name,
        "condition": asdict(take.condition),
        "frame": list(take.scene.frame),
        "film_box": list(take.scene.film) if take.scene.film else None,
        "duration_s": take.duration_ms / 1000,
        "parts": [
            {
                "content_start_s": p.content_start_ms / 1000,
                "content_end_s": p.content_end_ms / 1000,
                "reaction_start_s": float(p.reaction_start_ms / 1000),
                "rate": float(p.rate),
            }
            for p in take.parts
        ],
        "content_states": list(take.states),
        "talk": [[a / 1000, b / 1000] for a, b in take.talk_ms],
        "labels": "".join((NEUTRAL, SMILE, AWAY)[c] for c in labels),
        "steady": "".join("1" if s else "0" for s in steady),
        "viewers": viewers,
        "film_face": [_film_face(take, f, boxes) for f in frames],
        "false_face": [_false_face(take, f, boxes) for f in frames],
    }


def _box(boxes: list[list[float]], frame: int, placed: Placed) -> list[float]:
    return [round(v, 2) for v in placed.box(boxes[to_and_fro(frame, len(boxes))])]


def _swayed(take: Take, placed: Placed, frame: int, box: list[float]) -> list[float]:
    """A box in a viewer's picture, moved with it by the camera."""
    dx, dy = sway(take.condition, frame, placed.seat[3])
    return [round(box[0] + dx, 2), round(box[1] + dy, 2), *box[2:]]


def _false_face(take: Take, frame: int, boxes: Boxes) -> list[float] | None:
    """Where the face that is no viewer stands in a frame of the recording; None where it is not seen."""
    face = take.false_face
    if face is None:
        return None
    seat = seat_in(take, face.viewer)
    if face.kind == "poster":
        return _swayed(take, seat, frame, _box(boxes[face.source][NEUTRAL], 0, face.placed(seat)))
    state = take.state(face.viewer, Fraction(frame * FRAME_MS))
    return _box(boxes[take.viewers[face.viewer]][state], frame, face.placed(seat)) if CODES[state] < 2 else None


def _film_face(take: Take, frame: int, boxes: Boxes) -> list[float] | None:
    """Where the actor's face stands in a frame of the recording; None where there is none or it is hidden."""
    content, film = take.content, take.scene.film
    shown_ms = _shown_ms(take, frame)
    if content.actor is None or film is None or shown_ms is None:
        return None
    own = boxes[content.actor][NEUTRAL]
    at = actor_frame(content, int(shown_ms) * int(CONTENT_RATE) // 1000, len(own))
    if at is None:
        return None
    whole: Box = (0, 0, *CONTENT_SIZE)
    inside = Placed(actor_crop(VIEWERS[content.actor]), whole, False).box(own[at])
    box = Placed(whole, film, take.condition.film_mirrored).box(inside)
    over = [] if take.scene.film_on_top else list(take.scene.seats)
    if take.false_face and take.false_face.kind == "copy":
        over.append(take.false_face.box)
    if any(_share(box, seat) > HIDDEN for seat in over):
        return None
    return [round(v, 2) for v in box]


def _shown_ms(take: Take, frame: int) -> Fraction | None:
    """The content's millisecond on the screen in a frame; in a pause that of the last frame before it."""
    ms = Fraction(frame * FRAME_MS)
    if ms >= take.parts[-1].reaction_end_ms:
        return None
    begun = [p for p in take.parts if p.reaction_start_ms <= ms]
    if not begun:
        return None
    part = begun[-1]
    last = -(-part.reaction_end_ms // FRAME_MS) - 1  # the last frame that lies in the part
    return part.content_ms(min(ms, Fraction(last * FRAME_MS)))


def _share(box: list[float], over: Box) -> float:
    """Share of a box that another covers."""
    w = min(box[0] + box[2], over[0] + over[2]) - max(box[0], over[0])
    h = min(box[1] + box[3], over[1] + over[3]) - max(box[1], over[1])
    return max(0.0, w) * max(0.0, h) / (box[2] * box[3])
