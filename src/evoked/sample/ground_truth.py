"""The known answer of a staged study, as truth.json holds it.

Computed from the plan alone, with arithmetic of its own: what the faces, the alignment and the vote
must find, so that the rooms that do find it are measured against something they had no hand in.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import StudyError
from evoked.core.files import write_text
from evoked.sample.layout import FRAME
from evoked.sample.plan import AWAY, NEUTRAL, SMILE, PlannedReaction, SamplePlan
from evoked.sample.source_clips import VIEWERS

__all__ = [
    "ANNOTATION_FPS",
    "CLASSES",
    "FORMAT",
    "STAGED",
    "pooled_states",
    "read_truth",
    "states_on_reaction",
    "ticks",
    "truth_of",
    "write_truth",
]

STAGED = "staged: these people did not watch this film"
FORMAT = 1
ANNOTATION_FPS = 6
TICKS = 18  # in a vote's window of 3 s
QUORUM = 9  # fewest visible ticks for a label: half of one viewer's window
CLASSES = ("neutral", "smile", "no face")


def ticks(reaction: PlannedReaction, seconds: int) -> NDArray[np.int8]:
    """A viewer's planted class at each 6 Hz tick of the content, as an index of CLASSES, shape (6 * seconds,).

    Ticks that the recording does not hold (skipped, or before it began) count as no face.
    """
    out = np.full(seconds * ANNOTATION_FPS, CLASSES.index("no face"), dtype=np.int8)
    codes = {NEUTRAL: 0, SMILE: 1, AWAY: 2}
    for tick in range(len(out)):
        at_ms = Fraction(tick * 1000, ANNOTATION_FPS)
        if any(s.content_start_ms <= at_ms < s.content_end_ms for s in reaction.stretches):
            out[tick] = codes[reaction.states[tick // ANNOTATION_FPS]]
    return out


def pooled_states(viewers: Sequence[NDArray[np.int8]]) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    """What the vote must say of each second of a content.

    Args:
        viewers: the ticks of each of its viewers, all of one length.

    Returns:
        Class of each second (index of CLASSES): a smile if more than half of the visible ticks in
        [t - 1.5 s, t + 1.5 s) are one, no face if fewer than QUORUM are visible. And whether a second is
        steady: no viewer changes within its window.
    """
    stack = np.stack(viewers)  # (viewers, ticks)
    seconds = stack.shape[1] // ANNOTATION_FPS
    labels, steady = np.zeros(seconds, dtype=np.int8), np.zeros(seconds, dtype=np.bool_)
    for t in range(seconds):
        first = t * ANNOTATION_FPS - TICKS // 2
        window = stack[:, max(0, first) : first + TICKS]
        seen = int((window != 2).sum())
        labels[t] = 2 if seen < QUORUM else int(2 * (window == 1).sum() > seen)
        steady[t] = bool((window == window[:, :1]).all())
    return labels, steady


def truth_of(plan: SamplePlan, sources: Sequence[Mapping[str, object]]) -> dict[str, Any]:
    """Everything that is planted, as plain values; docs/sample.md says what each one means."""
    contents: dict[str, Any] = {}
    for content in plan.contents:
        own = [r for r in plan.reactions if r.content == content.name]
        labels, steady = pooled_states([ticks(r, content.seconds) for r in own])
        contents[content.name] = {
            "film_start_s": content.film_start_s,
            "seconds": content.seconds,
            "level_db": list(content.level_db),
            "rule": "".join(SMILE if s else NEUTRAL for s in content.smile),
            "pooled": "".join((NEUTRAL, SMILE, AWAY)[c] for c in labels),
            "steady": "".join("1" if s else "0" for s in steady),
            "reactions": [r.name for r in own],
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
    """Write it, whole or not at all; OutputError if it cannot be."""
    write_text(path, json.dumps(truth, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_truth(folder: Path) -> dict[str, Any]:
    """The truth of a staged study; StudyError if the folder holds none that can be read."""
    path = folder / "truth.json"
    if not path.is_file():
        raise StudyError(f"{folder} holds no truth.json: it is no staged study. Make one with: evoked sample {folder}")
    try:
        truth: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        known = truth["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise StudyError(f"{path} cannot be read: {error}. Make the sample again") from error
    if known != FORMAT:
        raise StudyError(f"{path} has format {known}, this version reads {FORMAT}. Make the sample again")
    return truth


def states_on_reaction(reaction: PlannedReaction) -> list[tuple[int, int, str]]:
    """Spans of the reaction in ms (half open), each with what the viewer does; they cover all of it."""
    marks = {0, reaction.duration_ms}
    for s in reaction.stretches:
        marks |= {s.reaction_start_ms, s.reaction_end_ms}
        shift = s.reaction_start_ms - s.content_start_ms
        first, last = -(-s.content_start_ms // 1000), -(-s.content_end_ms // 1000)
        marks |= {second * 1000 + shift for second in range(first, last)}
    inside = sorted(m for m in marks if 0 <= m <= reaction.duration_ms)
    spans: list[tuple[int, int, str]] = []
    for start, end in pairwise(inside):
        state = reaction.state(start)
        if spans and spans[-1][2] == state:
            spans[-1] = (spans[-1][0], end, state)
        else:
            spans.append((start, end, state))
    return spans


def _of_reaction(reaction: PlannedReaction) -> dict[str, Any]:
    layout = reaction.layout
    return {
        "content": reaction.content,
        "viewer": reaction.viewer,
        "layout": layout.kind,
        "frame": list(FRAME),
        "film_box": list(layout.film),
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
        "film_gain": reaction.gain,
        "noise_db": reaction.noise_db,
    }
