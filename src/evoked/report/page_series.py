"""The data of the page's script: time series of each content as JSON values, small enough for one file."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from evoked.report.page_data import ContentViewers, PageContent, PageData
from evoked.report.timelines import positive_labels, predicted_probabilities
from evoked.report.video import EmbeddedVideo

__all__ = ["MOST_VALUES", "index_of", "series_of", "within_limit"]

THOUSAND = 1000  # values are integers, in thousandths
MOST_VALUES = 3_000_000
"""Values of viewers' curves in a page; more would make it larger than 12 MB and slow to open."""


def within_limit(data: PageData) -> PageData:
    """A page whose curves are few enough: lines of viewers are left out first, then means of groups and conditions.

    What is left out is a sentence in the section of the timeline.
    """
    lines = sum(_values(c, lines=True) for c in data.contents)
    groups = sum(_values(c, lines=False) for c in data.contents)
    if lines + groups <= MOST_VALUES:
        return data
    keep_groups = groups <= MOST_VALUES
    left_out = "curves of single viewers" if keep_groups else "curves of single viewers, groups and conditions"
    sentence = f"The {left_out} are not in this page, which would be too large: results/viewers.parquet has them."
    contents = tuple(replace(c, viewers=_fewer(c.viewers, keep_groups=keep_groups)) for c in data.contents)
    missing = {**data.missing, "timeline": (*data.missing.get("timeline", ()), sentence)}
    return replace(data, contents=contents, missing=missing)


def _values(content: PageContent, *, lines: bool) -> int:
    if content.viewers is None:
        return 0
    viewers, each = content.viewers, content.viewers.curves[0].mean.size
    return each * (len(viewers.lines) if lines else 3 * len(viewers.curves))


def _fewer(viewers: ContentViewers | None, *, keep_groups: bool) -> ContentViewers | None:
    return viewers and replace(viewers, lines=(), curves=viewers.curves if keep_groups else viewers.curves[:1])


def index_of(data: PageData, shown: Mapping[str, EmbeddedVideo]) -> dict[str, object]:
    """The data of the script that do not depend on the chosen content.

    Args:
        data: of the page.
        shown: content name → how its video is shown.

    Returns:
        JSON values.
    """
    shares = data.statistics.shares if data.statistics else {}
    return {
        "expressions": list(data.expressions),
        "share": [None if (v := shares.get(n)) is None else round(v, 4) for n in data.expressions],
        "contents": [
            {
                "name": c.name,
                "video": shown[c.name].mode,
                "url": shown[c.name].source if shown[c.name].mode == "link" else "",
                "reason": shown[c.name].reason,
                "poster": shown[c.name].poster,
            }
            for c in data.contents
        ],
    }


def series_of(content: PageContent, names: Sequence[str]) -> dict[str, object]:
    """The series of one content.

    Args:
        content: with whatever there is of it.
        names: expressions, in the order of the page.

    Returns:
        JSON values: labels as text of 0 and 1, viewers as numbers, everything else in thousandths, null where unknown.
    """
    labels, prediction, viewers = content.labels, content.prediction, content.viewers
    series: dict[str, object] = {"seconds": content.seconds, "labels": None, "prediction": None}
    series["peaks"] = [[p.second for p in content.peaks if p.expression == name] for name in names]
    if labels:
        series["labels"] = {
            "valid": _bits(labels.labels.valid),
            "viewers": [int(n) for n in labels.viewers],
            "on": [_bits(positive_labels(labels, name)) for name in names],
        }
        if labels.share is not None:
            series["share"] = _rows(labels.share.values, labels.share.names, names)
    if prediction:
        series["prediction"] = [_thousandths(predicted_probabilities(prediction, name)) for name in names]
    if viewers:
        series["curves"] = [
            {
                "column": curve.column,
                "value": curve.value,
                "n": curve.participants,
                "mean": _rows(curve.mean, viewers.names, names),
                "low": _rows(curve.low, viewers.names, names),
                "high": _rows(curve.high, viewers.names, names),
            }
            for curve in viewers.curves
        ]
        series["lines"] = [
            {"who": line.participant, "about": line.attributes, "scores": _rows(line.scores, viewers.names, names)}
            for line in viewers.lines
        ]
    return series


def _rows(values: NDArray[np.floating], own: Sequence[str], names: Sequence[str]) -> list[list[int | None]]:
    """A list for each of `names`, empty where the values do not have it or nothing is known."""
    rows = [_thousandths(values[:, own.index(name)]) if name in own else [] for name in names]
    return [row if any(v is not None for v in row) else [] for row in rows]


def _thousandths(values: NDArray[np.floating]) -> list[int | None]:
    return [None if v != v else round(v * THOUSAND) for v in values.tolist()]


def _bits(flags: Iterable[object]) -> str:
    return "".join("1" if flag else "0" for flag in flags)
