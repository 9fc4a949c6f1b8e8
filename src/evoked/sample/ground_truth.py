"""The ground truth of a staged study, as stored in truth.json.

Computed from the plan alone, independently of the modules that are evaluated with it: the faces, the
alignment and the labels that these must find.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import StudyError
from evoked.core.files import parse_json, write_text
from evoked.sample.layout import FRAME
from evoked.sample.plan import AWAY, NEUTRAL, SMILE, PlannedReaction, SamplePlan
from evoked.sample.source_clips import VIEWERS

__all__ = [
    "ANNOTATION_FPS",
    "CLASSES",
    "FORMAT",
    "STAGED",
    "SecondLabels",
    "StateSpan",
    "planted_frames",
    "pooled_states",
    "read_truth",
    "states_on_reaction",
    "truth_of",
    "write_truth",
]

STAGED = "staged: these people did not watch this film"
FORMAT = 1
ANNOTATION_FPS = 6
WINDOW_FRAMES = 18  # in a vote's window of 3 s
QUORUM = (
    9  # fewest visible frames for a label: half of one viewer's window; at the content's ends half of what is there
)
CLASSES = ("neutral", "smile", "no face")


class SecondLabels(NamedTuple):
    """The label of each second of a content.

    Attributes:
        codes: class of each second, an index of CLASSES, int8 (seconds,).
        steady: whether no viewer changes within the window of the second, bool (seconds,).
    """

    codes: NDArray[np.int8]
    steady: NDArray[np.bool_]


class StateSpan(NamedTuple):
    """A half-open span of a reaction in milliseconds, and the viewer's state in it."""

    start_ms: int
    end_ms: int
    state: str


def planted_frames(reaction: PlannedReaction, seconds: int) -> NDArray[np.int8]:
    """A viewer's planted class at each 6 Hz frame of the content.

    Args:
        reaction: the viewer's recording.
        seconds: length of the content.

    Returns:
        Index of CLASSES, int8, shape (6 * seconds,). Frames that the recording does not show (skipped, or
        before it began) count as no face.
    """
    classes = np.full(seconds * ANNOTATION_FPS, CLASSES.index("no face"), dtype=np.int8)
    codes = {NEUTRAL: 0, SMILE: 1, AWAY: 2}
    for frame in range(len(classes)):
        at_ms = Fraction(frame * 1000, ANNOTATION_FPS)
        if any(s.content_start_ms <= at_ms < s.content_end_ms for s in reaction.stretches):
            classes[frame] = codes[reaction.states[frame // ANNOTATION_FPS]]
    return classes


def pooled_states(viewers: Sequence[NDArray[np.int8]]) -> SecondLabels:
    """The correct label of each second of a content.

    Args:
        viewers: the frames of each of its viewers, index of CLASSES at 6 Hz, all of one length.

    Returns:
        The labels: a smile if more than half of the visible frames in [t - 1.5 s, t + 1.5 s) are
        smiles, no face if fewer than QUORUM are visible (at the content's ends the same share of fewer frames).
    """
    stack = np.stack(viewers)  # (viewers, frames)
    seconds = stack.shape[1] // ANNOTATION_FPS
    labels, steady = np.zeros(seconds, dtype=np.int8), np.zeros(seconds, dtype=np.bool_)
    for t in range(seconds):
        first = t * ANNOTATION_FPS - WINDOW_FRAMES // 2
        window = stack[:, max(0, first) : first + WINDOW_FRAMES]
        visible = int((window != 2).sum())
        enough = visible * WINDOW_FRAMES >= QUORUM * window.shape[1]
        labels[t] = int(2 * (window == 1).sum() > visible) if enough else 2
        steady[t] = bool((window == window[:, :1]).all())
    return SecondLabels(labels, steady)


def truth_of(plan: SamplePlan, sources: Sequence[Mapping[str, object]]) -> dict[str, Any]:
    """The ground truth as JSON values; docs/sample.md documents each key.

    Args:
        plan: the study.
        sources: name, description, digest, licence and credit of each real clip.

    Returns:
        The content of truth.json.
    """
    contents: dict[str, Any] = {}
    for content in plan.contents:
        watching = [r for r in plan.reactions if r.content == content.name]
        labels, steady = pooled_states([planted_frames(r, content.seconds) for r in watching])
        contents[content.name] = {
            "source_start_s": content.source_start_s,
            "seconds": content.seconds,
            "level_db": list(content.level_db),
            "rule": "".join(SMILE if s else NEUTRAL for s in content.smile),
            "pooled": "".join((NEUTRAL, SMILE, AWAY)[c] for c in labels),
            "steady": "".join("1" if s else "0" for s in steady),
            "reactions": [r.name for r in watching],
        }
    return {
        "format": FORMAT,
        "note": STAGED,
        "size": plan.size,
        "seed": plan.seed,
        "rule": asdict(plan.rule) | {"threshold_db": round(plan.threshold_db, 3)},
        "states": {SMILE: "smile", NEUTRAL: "neutral", AWAY: "no face"},
        "viewers": {v.name: asdict(v) for v in VIEWERS.values()},
        "sources": [dict(s) for s in sources],
        "contents": contents,
        "reactions": {r.name: _of_reaction(r) for r in plan.reactions},
    }


def write_truth(path: Path, truth: Mapping[str, Any]) -> None:
    """Write the ground truth, atomically.

    Args:
        path: the JSON file.
        truth: as truth_of gives it.

    Raises:
        OutputError: if it cannot be written.
    """
    write_text(path, json.dumps(truth, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_truth(folder: Path) -> dict[str, Any]:
    """Read the ground truth of a staged study; StudyError if the folder has none that can be read."""
    path = folder / "truth.json"
    if not path.is_file():
        raise StudyError(f"{folder} holds no truth.json: it is no staged study. Make one with: evoked sample {folder}")
    try:
        truth: dict[str, Any] = parse_json(path.read_text(encoding="utf-8"))
        version = truth["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise StudyError(f"{path} cannot be read: {error}. Make the sample again") from error
    if version != FORMAT:
        raise StudyError(f"{path} has format {version}, this version reads {FORMAT}. Make the sample again")
    return truth


def states_on_reaction(reaction: PlannedReaction) -> list[StateSpan]:
    """The viewer's state over the reaction's own time: spans in order that cover all of it."""
    bounds = {0, reaction.duration_ms}
    for s in reaction.stretches:
        bounds |= {s.reaction_start_ms, s.reaction_end_ms}
        shift = s.reaction_start_ms - s.content_start_ms
        first, last = -(-s.content_start_ms // 1000), -(-s.content_end_ms // 1000)
        bounds |= {second * 1000 + shift for second in range(first, last)}
    inside = sorted(b for b in bounds if 0 <= b <= reaction.duration_ms)
    spans: list[StateSpan] = []
    for start, end in pairwise(inside):
        state = reaction.state(start)
        if spans and spans[-1].state == state:
            spans[-1] = spans[-1]._replace(end_ms=end)
        else:
            spans.append(StateSpan(start, end, state))
    return spans


def _of_reaction(reaction: PlannedReaction) -> dict[str, Any]:
    layout = reaction.layout
    return {
        "content": reaction.content,
        "viewer": reaction.viewer,
        "layout": layout.kind,
        "frame": list(FRAME),
        "content_box": list(layout.content),
        "viewer_box": list(layout.viewer),
        "duration_s": reaction.duration_ms / 1000,
        "segments": [
            {
                "content_start_s": s.content_start_ms / 1000,
                "content_end_s": s.content_end_ms / 1000,
                "reaction_start_s": s.reaction_start_ms / 1000,
            }
            for s in reaction.stretches
        ],
        "states": reaction.states,
        "on_reaction": [[a / 1000, b / 1000, s] for a, b, s in states_on_reaction(reaction)],
        "talk": [[a / 1000, b / 1000] for a, b in reaction.talk_ms],
        "content_gain": reaction.gain,
        "noise_db": reaction.noise_db,
    }
