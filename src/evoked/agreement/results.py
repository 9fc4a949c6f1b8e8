"""Results of a comparison of machine scores and ratings, as JSON and as text for a terminal."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from evoked.core.files import write_text
from evoked.core.provenance import Provenance
from evoked.core.text_table import MISSING, text_table

__all__ = ["Agreement", "AgreementGroup", "AgreementRow", "Estimate", "as_text", "write_agreement"]


@dataclass(frozen=True)
class Estimate:
    """A statistic and its confidence interval; None where undefined."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class AgreementRow:
    """One expression (or the mean over those for which a number is defined: name "mean").

    Attributes:
        clips: number of clips both scored and rated; 0 for the mean.
        positives: number of them that are positive by the merge rule; a sum of shares with rule "mean".
        chance: share of positives: the precision of guessing.
        on: number of clips predicted positive, each at a threshold chosen without its own video.
        threshold: chosen on all ratings, for new videos; precision and recall do not use it.
        held_out: the thresholds that precision and recall use, one per fold; a preset one once; None where a
            fold has none.
        precision, recall: at those thresholds.
        correlation: Pearson's r of the score with the mean of all raters.
        rater: r of a single rater with the mean of the other raters, over all ratings.
        machine: r of the machine with the same mean of the other raters, for comparison.
        fleiss, krippendorff, cohen: reliability of the raters, over all clips rated by two or more.
        pairs: number of pairs of raters with enough clips in common for Cohen's kappa.
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
        clips: number of clips of these people that are both scored and rated.
        units: number of videos (or persons) they are from.
        each: correlation per expression, in the order of the rows.
        mean: over the expressions for which it is defined.
    """

    column: str
    value: str
    clips: int
    units: int
    each: tuple[Estimate, ...]
    mean: Estimate


@dataclass(frozen=True)
class Agreement:
    """Agreement of machine scores with human ratings.

    Attributes:
        expressions: in the order of the rows.
        rows, mean: per expression, and their mean.
        groups: by column and value.
        kind: type of the machine's table: clips, annotation, labels, prediction.
        merge: how raters were merged for precision and recall.
        by, units: resampled unit (video or person), and the number of units.
        clips, rated, raters: number of clips compared; of clips rated; of raters.
        each_clip: fewest and most raters of a clip.
        given: whether the thresholds were set by the user, not chosen.
        target: precision that the chosen thresholds should reach.
        level: confidence level of the intervals.
        notes: remarks on undefined statistics and left out data.
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


def write_agreement(path: Path, agreement: Agreement, provenance: Provenance) -> None:
    """Write the results as JSON.

    Args:
        path: the file.
        agreement: the results.
        provenance: command, settings and inputs.

    Raises:
        OutputError: if it cannot be written.
    """
    body = agreement.as_dict() | {"provenance": provenance.as_dict()}
    write_text(path, json.dumps(body, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def as_text(agreement: Agreement) -> str:
    """Tables for a terminal, after the paper's Table 1 and Figures 5a and 5b, and the reliability of raters."""
    level = f"{100 * agreement.level:g} % interval"
    rows = [*agreement.rows, agreement.mean]
    score_lines = [("", "precision", level, "chance", "recall", level, "on", "positives", "clips", "threshold")]
    correlation_lines = [("", "r", level, "one rater", level, "machine, same others", level)]
    reliability_lines = [("", "Fleiss' kappa", level, "Krippendorff's alpha", level, "Cohen's kappa", level, "pairs")]
    for row in rows:
        mean = row is agreement.mean
        counts = ("", "", "") if mean else (str(row.on), f"{row.positives:.4g}", str(row.clips))
        points = (*_percent(row.precision), _format_percent(row.chance), *_percent(row.recall))
        score_lines.append((row.name, *points, *counts, "" if mean else _format_number(row.threshold)))
        correlation_lines.append((row.name, *_plain(row.correlation), *_plain(row.rater), *_plain(row.machine)))
        pairs = "" if mean else str(row.pairs)
        reliability_lines.append((row.name, *_plain(row.fleiss), *_plain(row.krippendorff), *_plain(row.cohen), pairs))
    sections = [
        f"Machine against people: precision and recall in % {_threshold_rule(agreement)}",
        text_table(score_lines) + "\n",
        "Correlation of score and mean rating (Pearson's r; chance is 0)",
        text_table(correlation_lines) + "\n",
    ]
    if agreement.groups:
        sections += ["Correlation by group", text_table(_group_lines(agreement, level)) + "\n"]
    if agreement.raters > 1:
        sections += ["How far the raters agree (chance is 0)", text_table(reliability_lines) + "\n"]
    sections.append(_summary_line(agreement))
    return "\n".join([*sections, *(f"note: {note}" for note in agreement.notes)])


def _threshold_rule(agreement: Agreement) -> str:
    if agreement.given:
        return "at the thresholds given"
    return (
        f"at thresholds chosen on other {agreement.by}s: precision {100 * agreement.target:g} %, "
        "else best F0.5; those shown are for new videos"
    )


def _group_lines(agreement: Agreement, level: str) -> list[tuple[str, ...]]:
    lines: list[tuple[str, ...]] = [("", "mean r", level, *agreement.expressions, "clips", f"{agreement.by}s")]
    for group in agreement.groups:
        cells = (_format_number(estimate.value) for estimate in group.each)
        lines.append((f"{group.column} {group.value}", *_plain(group.mean), *cells, str(group.clips), str(group.units)))
    return lines


def _summary_line(agreement: Agreement) -> str:
    fewest, most = agreement.each_clip
    raters = f"{agreement.raters} rater{'s' if agreement.raters > 1 else ''}"
    raters_per_clip = f"{fewest} a clip" if fewest == most else f"{fewest} to {most} a clip"
    return (
        f"{agreement.clips} of {agreement.rated} rated clips compared, {agreement.units} {agreement.by}s, {raters}, "
        f"{raters_per_clip}, merged by {agreement.merge}; intervals: bootstrap over {agreement.by}s; – is not defined"
    )


def _format_percent(value: float | None) -> str:
    """A share in percent, one decimal; a dash where not defined."""
    return MISSING if value is None else f"{100 * value:.1f}"


def _format_number(value: float | None) -> str:
    """A plain number, three decimals; a dash where not defined."""
    return MISSING if value is None else f"{value:.3f}"


def _percent(estimate: Estimate) -> tuple[str, str]:
    low, high = _format_percent(estimate.low), _format_percent(estimate.high)
    return _format_percent(estimate.value), MISSING if estimate.low is None else f"{low} … {high}"


def _plain(estimate: Estimate) -> tuple[str, str]:
    low, high = _format_number(estimate.low), _format_number(estimate.high)
    return _format_number(estimate.value), MISSING if estimate.low is None else f"{low} … {high}"
