"""Summary of an annotated reaction: lines of text, or a JSON object."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from evoked.reactions.labelling.pipeline import AnnotatedReaction
from evoked.reactions.viewers.annotation import Annotation
from evoked.reactions.viewers.not_seen import not_seen_s, unreadable_s

__all__ = ["ExpressionSummary", "damage_lines", "expression_summary", "reaction_row", "summary_text", "valid_length_s"]

SHORTEST_S = 1.0
"""A shorter file is hardly a recording of anybody."""


@dataclass(frozen=True)
class ExpressionSummary:
    """A viewer: how long they are visible, and the share of that time in which each expression is above one half.

    Attributes:
        name: of the viewer.
        seen_s: seconds in which the viewer is visible.
        shares: expression → share in [0, 1] of the visible frames (6 Hz) in which its score is above 0.5.
        not_seen_s: reason → seconds between the first and last frame in which the viewer is not visible.
    """

    name: str
    seen_s: float
    shares: dict[str, float]
    not_seen_s: dict[str, float]


def expression_summary(annotation: Annotation) -> list[ExpressionSummary]:
    """Summarise every viewer of a reaction, in the order of the annotation."""
    rows = []
    for name, viewer in annotation.viewers.items():
        scores = viewer.scores
        visible = scores.values[scores.valid]
        shares = {n: float((visible[:, k] > 0.5).mean()) if len(visible) else 0.0 for k, n in enumerate(scores.names)}
        rows.append(
            ExpressionSummary(name, len(visible) / float(annotation.grid.rate), shares, not_seen_s(annotation, name))
        )
    return rows


def valid_length_s(annotation: Annotation) -> float:
    """Seconds of the reaction that its frames (6 Hz) cover."""
    return float(annotation.grid.second(annotation.grid.steps))


def damage_lines(annotated: AnnotatedReaction) -> tuple[str, ...]:
    """Notes on a reaction that its table does not show: damage of the files, faces left out, that nobody was seen."""
    return (*annotated.notes, *_nobody(annotated))


def _nobody(annotated: AnnotatedReaction) -> tuple[str, ...]:
    """A note where no viewer was seen."""
    if annotated.annotation.viewers:
        return ()
    length_s = valid_length_s(annotated.annotation)
    if length_s < SHORTEST_S:
        return (f"no viewer was seen in it: it lasts {length_s:.1f} s. A picture, not a recording?",)
    if faces_s := unreadable_s(annotated.annotation):
        return (f"no viewer was seen in it; faces for {faces_s:.1f} s are turned away or covered",)
    return ("no viewer was seen in it",)


def summary_text(annotated: AnnotatedReaction, unreliable: Mapping[str, str] | None = None) -> str:
    """Summary for a terminal: how long each viewer is visible, and the share of each expression.

    Args:
        annotated: the reaction.
        unreliable: expression → why its shares are not reliable.

    Returns:
        Lines of text.
    """
    annotation = annotated.annotation
    count, left_out = len(annotation.viewers), annotation.content_faces
    lines = [f"{annotated.reaction}: {valid_length_s(annotation):.1f} s, {count} viewer{'' if count == 1 else 's'}"]
    for viewer in expression_summary(annotation):
        shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in viewer.shares.items())
        gaps = ", ".join(f"{reason} {seconds:.1f} s" for reason, seconds in viewer.not_seen_s.items())
        lines.append(f"  {viewer.name}: seen {viewer.seen_s:.1f} s{f' ({gaps})' if gaps else ''}; {shares}")
    if left_out:
        people = "person who belongs" if left_out == 1 else "people who belong"
        lines.append(f"  left out: {left_out} {people} to the content")
    lines += [f"  {name} is not reliable: {reason}" for name, reason in (unreliable or {}).items()]
    lines += [f"  {line}" for line in damage_lines(annotated)]
    return "\n".join(lines)


def reaction_row(annotated: AnnotatedReaction, table: Path | None, previews: list[Path]) -> dict[str, object]:
    """Summary as a JSON object.

    Args:
        annotated: the reaction.
        table: the file of its annotation table; None: not written.
        previews: videos that were written of it.

    Returns:
        Plain values.
    """
    viewers = [
        {
            "viewer": v.name,
            "seen_s": round(v.seen_s, 3),
            "not_seen_s": {reason: round(seconds, 3) for reason, seconds in v.not_seen_s.items()},
            "shares": {n: round(s, 4) for n, s in v.shares.items()},
        }
        for v in expression_summary(annotated.annotation)
    ]
    return {
        "reaction": str(annotated.reaction),
        "state": "done",
        "seconds": round(valid_length_s(annotated.annotation), 3),
        "viewers": viewers,
        "content_people": annotated.annotation.content_faces,
        "left_out": [asdict(face) for face in annotated.annotation.left_out],
        "notes": list(damage_lines(annotated)),
        "damage": [entry.as_dict() for entry in annotated.defects],
        "file": str(table) if table else None,
        "previews": [str(path) for path in previews],
    }
