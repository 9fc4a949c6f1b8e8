"""The curves of a content's viewers: one of each participant, means with intervals, and peaks."""

from collections.abc import Sequence

import numpy as np

from evoked.core.track import Track
from evoked.dataset.labels import Labels
from evoked.dataset.viewer_statistics import compared_columns
from evoked.dataset.viewers import Selection, ViewerSeries, by_participant, levels
from evoked.metrics.participant_means import mean_band
from evoked.metrics.peaks import find_peaks
from evoked.report.page_data import ContentViewers, MeanCurve, Peak, ViewerLine

__all__ = ["content_viewers", "peaks_of"]

PROMINENCE, OF_RANGE = 0.05, 0.2
"""Least prominence of a peak: a score, and a share of the curve's range; the larger one counts."""
APART_S, MOST = 5, 3
"""Seconds between two peaks of a curve, and the most that are listed."""


def content_viewers(series: Sequence[ViewerSeries], everybody: Sequence[ViewerSeries]) -> ContentViewers | None:
    """The curves of the viewers of one content.

    Args:
        series: of this content.
        everybody: of the whole study; what is compared in one content is compared in all.

    Returns:
        The curves; None without viewers.
    """
    if not series:
        return None
    names = series[0].scores.names
    selections: list[Selection] = [None]
    for column in compared_columns(everybody):
        selections += [(column, value) for value in levels(series, column)]
    curves = tuple(_mean_curve(series, names, chosen) for chosen in selections)
    keys = dict.fromkeys((one.participant, tuple(one.attributes.items())) for one in series)
    lines = []
    for who, attributes in sorted(keys):
        own = [one for one in series if (one.participant, tuple(one.attributes.items())) == (who, attributes)]
        lines.append(ViewerLine(who, dict(attributes), by_participant(own, names)[1][0]))
    return ContentViewers(names, tuple(lines), curves)


def _mean_curve(series: Sequence[ViewerSeries], names: Sequence[str], chosen: Selection) -> MeanCurve:
    people, values = by_participant(series, names, chosen)
    shape = values.shape[1:]
    band = mean_band(values.reshape(len(people), -1))
    mean, low, high = (array.reshape(shape) for array in (band.mean, band.low, band.high))
    column, value = chosen or ("", "")
    return MeanCurve(column, value, len(people), mean, low, high)


def peaks_of(viewers: ContentViewers | None, labels: Labels | None, prediction: Track | None) -> tuple[Peak, ...]:
    """The peaks of a content's curves: of the mean over its viewers; of the prediction where there are none.

    Args:
        viewers, labels, prediction: of the content, where there are any.

    Returns:
        Peaks by expression, the most prominent three of each in the order of time.
    """
    if viewers is not None:
        names, curves = viewers.names, viewers.curves[0].mean
    elif prediction is not None:
        names, curves = prediction.names, np.asarray(prediction.values, dtype=np.float64)
    else:
        return ()
    found = []
    for k, name in enumerate(names):
        curve = curves[:, k]
        if not np.isfinite(curve).any():
            continue
        least = max(PROMINENCE, OF_RANGE * float(np.nanmax(curve) - np.nanmin(curve)))
        for second, _ in find_peaks(curve, prominence=least, distance=APART_S, most=MOST):
            low, high = (
                (viewers.curves[0].low[second, k], viewers.curves[0].high[second, k]) if viewers else (np.nan, np.nan)
            )
            share = labels.share if labels is not None else None
            at = (share, prediction if viewers is not None else None)
            beside = [_at(track, name, second) for track in at]
            found.append(Peak(name, second, float(curve[second]), _number(low), _number(high), *beside))
    return tuple(found)


def _at(track: Track | None, name: str, second: int) -> float | None:
    if track is None or name not in track.names or second >= len(track):
        return None
    return _number(track[name][second])


def _number(value: float | np.floating) -> float | None:
    return None if np.isnan(value) else float(value)
