"""How far machine and people agree, as values: what a file holds and what a terminal shows."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from evoked.core.files import write_text
from evoked.core.provenance import Provenance
from evoked.core.text_table import MISSING, text_table

__all__ = ["Agreement", "AgreementGroup", "AgreementRow", "Estimate", "as_text", "write_agreement"]


@dataclass(frozen=True)
class Estimate:
    """A number and its interval; None where it is not defined, which is not 0."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class AgreementRow:
    """One expression (or the mean over those for which a number is defined: name "mean").

    Attributes:
        clips: how many were both scored and rated; 0 for the mean.
        positives: in how many of them people saw it, merged by the rule; shares add up with rule "mean".
        chance: share of positives: the precision of a machine that guesses.
        on: clips that the machine calls on, each at a threshold chosen without its own video.
        threshold: chosen on all ratings, for use on new videos: never what precision and recall stand for.
        held_out: the thresholds that were used here, one per turn; a given one once; None where a turn has none.
        precision, recall: at those thresholds.
        correlation: Pearson's r of the score with the mean of all raters.
        rater: r of a single rater with the mean of the others, over all their ratings.
        machine: r of the machine with that same mean of the others, to be put beside it.
        fleiss, krippendorff, cohen: reliability of the raters, over all clips rated by two or more.
        pairs: pairs of raters with enough clips in common for Cohen's kappa.
    """

    name: str
    clips: int
    positives: float
    chance: float | None
    on: int
    threshold: float | None
    held_out: tuple[float | None, ...]
    precision: Estimate
    recall: Estimate
    correlation: Estimate
    rater: Estimate
    machine: Estimate
    fleiss: Estimate
    krippendorff: Estimate
    cohen: Estimate
    pairs: int


@dataclass(frozen=True)
class AgreementGroup:
    """Correlation within one group of people.

    Attributes:
        column, value: e.g. gender, woman.
        clips: of these people, scored and rated.
        units: videos (or persons) they are from.
        each: per expression, in the order of the rows.
        mean: over the expressions that are defined.
    """

    column: str
    value: str
    clips: int
    units: int
    each: tuple[Estimate, ...]
    mean: Estimate


@dataclass(frozen=True)
class Agreement:
    """Machine against people.

    Attributes:
        expressions: in the order of the rows.
        rows, mean: see Row.
        groups: by column and value.
        kind: what the machine's table is: clips, annotation, labels, prediction.
        merge: how raters were merged for precision and recall.
        by, units: what the intervals draw (video or person), and how many there are.
        clips, rated, raters: clips compared; clips rated; raters.
        each_clip: fewest and most raters of a clip.
        given: whether the thresholds were given, and not chosen.
        target: precision that was asked for.
        level: share of the draws inside the intervals.
        notes: what a reader must know.
    """

    expressions: tuple[str, ...]
    rows: tuple[AgreementRow, ...]
    mean: AgreementRow
    groups: tuple[AgreementGroup, ...]
    kind: str
    merge: str
    by: str
    units: int
    clips: int
    rated: int
    raters: int
    each_clip: tuple[int, int]
    given: bool
    target: float
    level: float
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """Plain JSON values."""
        plain: dict[str, object] = json.loads(json.dumps(asdict(self), allow_nan=False))
        return plain


def write_agreement(path: Path, found: Agreement, provenance: Provenance) -> None:
    """Write it as JSON; OutputError if it cannot be written."""
    body = found.as_dict() | {"provenance": provenance.as_dict()}
    write_text(path, json.dumps(body, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def as_text(found: Agreement) -> str:
    """Three tables for a terminal, after the paper's Table 1 and Figures 5a and 5b, and the reliability of raters."""
    level = f"{100 * found.level:g} % interval"
    rows = [*found.rows, found.mean]
    scored = [("", "precision", level, "chance", "recall", level, "on", "positives", "clips", "threshold")]
    moving = [("", "r", level, "one rater", level, "machine, same others", level)]
    rated = [("", "Fleiss' kappa", level, "Krippendorff's alpha", level, "Cohen's kappa", level, "pairs")]
    for r in rows:
        mean = r is found.mean
        counts = ("", "", "") if mean else (str(r.on), f"{r.positives:.4g}", str(r.clips))
        points = (*_percent(r.precision), format_percent(r.chance), *_percent(r.recall))
        scored.append((r.name, *points, *counts, "" if mean else format_number(r.threshold)))
        moving.append((r.name, *_plain(r.correlation), *_plain(r.rater), *_plain(r.machine)))
        pairs = "" if mean else str(r.pairs)
        rated.append((r.name, *_plain(r.fleiss), *_plain(r.krippendorff), *_plain(r.cohen), pairs))
    parts = [
        f"Machine against people: precision and recall in % {_chosen(found)}",
        text_table(scored) + "\n",
        "Correlation of score and mean judgement (Pearson's r; chance is 0)",
        text_table(moving) + "\n",
    ]
    if found.groups:
        parts += ["Correlation by group", text_table(_group_lines(found, level)) + "\n"]
    if found.raters > 1:
        parts += ["How far the raters agree (chance is 0)", text_table(rated) + "\n"]
    parts.append(_last(found))
    return "\n".join([*parts, *(f"note: {n}" for n in found.notes)])


def _chosen(found: Agreement) -> str:
    if found.given:
        return "at the thresholds given"
    return (
        f"at thresholds chosen on other {found.by}s: precision {100 * found.target:g} %, "
        "else best F0.5; those shown are for new videos"
    )


def _group_lines(found: Agreement, level: str) -> list[tuple[str, ...]]:
    lines: list[tuple[str, ...]] = [("", "mean r", level, *found.expressions, "clips", f"{found.by}s")]
    for g in found.groups:
        each = (format_number(e.value) for e in g.each)
        lines.append((f"{g.column} {g.value}", *_plain(g.mean), *each, str(g.clips), str(g.units)))
    return lines


def _last(found: Agreement) -> str:
    few, many = found.each_clip
    raters = f"{found.raters} rater{'s' if found.raters > 1 else ''}"
    each = f"{few} a clip" if few == many else f"{few} to {many} a clip"
    return (
        f"{found.clips} of {found.rated} rated clips compared, {found.units} {found.by}s, {raters}, "
        f"{each}, merged by {found.merge}; intervals draw whole {found.by}s; – is not defined"
    )


def format_percent(value: float | None) -> str:
    """A share in percent, one decimal; a dash where not defined."""
    return MISSING if value is None else f"{100 * value:.1f}"


def format_number(value: float | None) -> str:
    """A plain number, three decimals; a dash where not defined."""
    return MISSING if value is None else f"{value:.3f}"


def _percent(e: Estimate) -> tuple[str, str]:
    return format_percent(e.value), MISSING if e.low is None else f"{format_percent(e.low)} … {format_percent(e.high)}"


def _plain(e: Estimate) -> tuple[str, str]:
    return format_number(e.value), MISSING if e.low is None else f"{format_number(e.low)} … {format_number(e.high)}"
