"""What `evoked annotate` tells of a reaction: a few lines for people, a row for programs."""

from dataclasses import dataclass
from pathlib import Path

from evoked.reactions.labelling.pipeline import AnnotatedReaction
from evoked.reactions.viewers.annotation import Annotation

__all__ = ["ExpressionSummary", "damage_lines", "expression_summary", "reaction_row", "summary_text", "valid_length_s"]


@dataclass(frozen=True)
class ExpressionSummary:
    """One viewer: seconds seen, and the share of these in which each expression is above one half."""

    name: str
    seen_s: float
    shares: dict[str, float]


def expression_summary(found: Annotation) -> list[ExpressionSummary]:
    """Every viewer of a reaction, by name."""
    rows = []
    for name, viewer in found.viewers.items():
        scores = viewer.scores
        here = scores.values[scores.valid]
        shares = {n: float((here[:, k] > 0.5).mean()) if len(here) else 0.0 for k, n in enumerate(scores.names)}
        rows.append(ExpressionSummary(name, len(here) / float(found.grid.rate), shares))
    return rows


def valid_length_s(found: Annotation) -> float:
    """Seconds of the reaction that its ticks cover."""
    return float(found.grid.second(found.grid.steps))


def damage_lines(seen: AnnotatedReaction) -> tuple[str, ...]:
    """What a reader of a table must know that does not stand in it."""
    return (*seen.known, *(() if seen.found.viewers else ("no viewer was seen in it",)))


def summary_text(seen: AnnotatedReaction) -> str:
    """A few lines for a terminal: each viewer's seconds, and how much of them each expression is on."""
    found = seen.found
    count, film = len(found.viewers), found.content_faces
    lines = [f"{seen.reaction}: {valid_length_s(found):.1f} s, {count} viewer{'' if count == 1 else 's'}"]
    for viewer in expression_summary(found):
        shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in viewer.shares.items())
        lines.append(f"  {viewer.name}: seen {viewer.seen_s:.1f} s; {shares}")
    if film:
        lines.append(f"  left out: {film} {'person who belongs' if film == 1 else 'people who belong'} to the film")
    lines += [f"  {line}" for line in seen.known]
    return "\n".join(lines)


def reaction_row(seen: AnnotatedReaction, table: Path | None, previews: list[Path]) -> dict[str, object]:
    """The same as plain JSON values, and which files were written of it."""
    viewers = [
        {"viewer": v.name, "seen_s": round(v.seen_s, 3), "shares": {n: round(s, 4) for n, s in v.shares.items()}}
        for v in expression_summary(seen.found)
    ]
    return {
        "reaction": str(seen.reaction),
        "state": "done",
        "seconds": round(valid_length_s(seen.found), 3),
        "viewers": viewers,
        "film_people": seen.found.content_faces,
        "notes": list(damage_lines(seen)),
        "file": str(table) if table else None,
        "previews": [str(path) for path in previews],
    }
