"""The figures of a grid's takes as one table: over all, and for each value of each factor.

Counts are pooled over takes; intervals are percentile bootstraps that draw whole takes. Where nothing can be
said there is a dash.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from evoked.metrics.bootstrap import Interval, bootstrap
from evoked.sample.ground_truth import CLASSES
from evoked.sample.score import PRECISION_BAR, RECALL_BAR
from staging.conditions import FACTORS, Condition
from staging.measure import NO_FACE, Figures

MAP_HEAD = "| factor | value | takes | refused | median, p95 ms | covered | wrongly |"
FACE_HEAD = (
    "| factor | value | takes | film IoU, p95 px | film missed | face IoU | film faces taken "
    "| false faces taken | strangers | smile P/R, 6 Hz | no face P/R, 6 Hz | smile P/R, labels | no face P/R, labels |"
)
MEDIAN_BAR_MS, P95_BAR_MS, COVERED_BAR, TAKEN_BAR = 20.0, 60.0, 0.95, 0.01


@dataclass(frozen=True)
class Summary:
    """What some takes come to; None where it is not defined.

    Attributes:
        takes, refused: how many, and how many of them were not aligned.
        median_ms, p95_ms: of the error of the map, over covered tenths of seconds.
        covered: share of the truly played seconds of content that are mapped right.
        wrong: seconds mapped that are not right, against those played.
        film_iou: median overlap of the film's rectangle, and film_px the 95th percentile of its worst edge.
        film_missed: share of the shown films for which no rectangle was found.
        box_iou, box_px: medians over faces: overlap, distance of centres in pixels.
        taken: share of the ticks with a film's face in which it is taken for a viewer.
        false_taken: share of the ticks with a poster or a copy in which it is a viewer.
        strangers: viewers where no face is, against planted faces.
        tick, label: class → (precision, recall), faces at 6 Hz and labels at 1 Hz.
    """

    takes: int
    refused: int
    median_ms: float | None
    p95_ms: float | None
    covered: float | None
    wrong: float | None
    film_iou: float | None
    film_px: float | None
    film_missed: float | None
    box_iou: float | None
    box_px: float | None
    taken: float | None
    false_taken: float | None
    strangers: float | None
    tick: dict[str, tuple[float | None, float | None]]
    label: dict[str, tuple[float | None, float | None]]


def summary(figures: Sequence[Figures]) -> Summary:
    """Pool some takes; ValueError if there are none."""
    if not figures:
        raise ValueError("a summary needs at least one take, got none")
    errors = np.concatenate([np.array(f.errors_ms) for f in figures])
    iou, px = _known(f.film_iou for f in figures), _known(f.film_px for f in figures)
    shown = [f for f in figures if f.film[0]]
    boxes = np.concatenate([np.array(f.box_iou) for f in figures])
    apart = np.concatenate([np.array(f.box_px) for f in figures])
    played = sum(f.played for f in figures)
    planted = sum(sum(c != NO_FACE for c in f.ticks[0]) for f in figures)
    return Summary(
        takes=len(figures),
        refused=sum(bool(f.refused) for f in figures),
        median_ms=_at(errors, 50),
        p95_ms=_at(errors, 95),
        covered=_ratio(sum(f.covered for f in figures), played),
        wrong=_ratio(sum(f.wrong for f in figures), played),
        film_iou=_at(iou, 50),
        film_px=_at(px, 95),
        film_missed=_ratio(sum(not f.film[1] for f in shown), len(shown)),
        box_iou=_at(boxes, 50),
        box_px=_at(apart, 50),
        taken=_ratio(sum(f.taken for f in figures), sum(f.film_faces for f in figures)),
        false_taken=_ratio(sum(f.false_taken for f in figures), sum(f.false_faces for f in figures)),
        strangers=_ratio(sum(f.strangers for f in figures), planted),
        tick=_classes([f.ticks for f in figures]),
        label=_classes([f.labels for f in figures]),
    )


def intervals(figures: Sequence[Figures], resamples: int = 400) -> dict[str, Interval]:
    """Between which bounds each number of `numbers` lies, drawing whole takes."""
    names = list(numbers(summary(figures)))

    def statistic(weights: NDArray[np.int64]) -> list[float | None]:
        drawn = [f for f, times in zip(figures, weights, strict=True) for _ in range(times)]
        return list(numbers(summary(drawn)).values())

    return dict(zip(names, bootstrap(len(figures), statistic, resamples=resamples), strict=True))


def numbers(one: Summary) -> dict[str, float | None]:
    """The numbers of a summary, flat."""
    flat: dict[str, float | None] = {
        k: v for k, v in asdict(one).items() if k not in ("takes", "refused", "tick", "label")
    }
    for kind, rows in (("tick", one.tick), ("label", one.label)):
        for name, (precision, recall) in rows.items():
            flat[f"{kind} {name} precision"], flat[f"{kind} {name} recall"] = precision, recall
    return flat


def bars(figures: Sequence[Figures], pairs: tuple[int, int] | None, given: Sequence[Figures] = ()) -> str:
    """The bars, as Markdown: what is asked, what was measured, its interval, whether it is met.

    Args:
        figures: of all takes.
        pairs: how many wrong pairs were tried and how many accepted; None where none were.
        given: of all takes once more, given the planted map.
    """
    loud = [f for f in figures if Condition(**f.condition).loud_enough]
    lines = ["| what | bar | measured | 95 % interval | met |", "|---|---|---|---|---|"]
    now, between = numbers(summary(loud)), intervals(loud)
    for key, what, bar in (
        ("median_ms", "offset error, median, film at -12 dB or louder", MEDIAN_BAR_MS),
        ("p95_ms", "offset error, 95th percentile, the same", P95_BAR_MS),
    ):
        lines.append(_bar(what, f"≤ {bar:.0f} ms", now[key], between[key], bar, "ms", below=True))
    lines.append(
        _bar("truly covered seconds covered, the same", "≥ 95 %", now["covered"], between["covered"], COVERED_BAR, "%")
    )
    now, between = numbers(summary(figures)), intervals(figures)
    lines.append(_bar("the same, all takes", "", now["covered"], between["covered"], None, "%"))
    if any(f.ticks[0] for f in figures):
        lines += _taken(figures, given)
        lines += _found(figures, "tick", "faces at 6 Hz") + _found(figures, "label", "labels, every second")
        lines += _found(given, "label", "labels, given the true map") if given else []
        chance = _chance(figures)
        lines.append(f"| shares planted (chance precision), labels | | {chance} | | |")
    if pairs:
        met = "yes" if not pairs[1] else "**no**"
        # the rule of three, in its exact form for none seen (Clopper and Pearson 1934, one-sided 95 %)
        most = f"0 … {100 * (1 - 0.05 ** (1 / pairs[0])):.2f} %" if not pairs[1] else ""
        lines.append(f"| wrong pairs accepted | none in 1,000 | {pairs[1]} of {pairs[0]} | {most} | {met} |")
    return "\n".join(lines)


def _taken(figures: Sequence[Figures], given: Sequence[Figures]) -> list[str]:
    """Film faces taken for viewers. Without a map nobody knows the film: refused recordings have a row of their own."""
    out = []
    for what, asked, some in (
        ("film faces taken for viewers, recordings that were aligned", "≤ 1 %", [f for f in figures if not f.refused]),
        ("the same, recordings that were refused", "", [f for f in figures if f.refused]),
        ("the same, all, given the true map", "≤ 1 %", list(given)),
    ):
        if some:
            taken, span = summary(some).taken, intervals(some)["taken"]
            out.append(_bar(what, asked, taken, span, TAKEN_BAR if asked else None, "%", below=True))
    false, span = summary(figures).false_taken, intervals(figures)["false_taken"]
    out.append(_bar("posters and copies taken for viewers", "≤ 1 %", false, span, TAKEN_BAR, "%", below=True))
    return out


def _found(figures: Sequence[Figures], kind: str, what: str) -> list[str]:
    """Precision and recall of each class."""
    now, between = numbers(summary(figures)), intervals(figures)
    out = []
    for name in CLASSES:
        for side, bar in (("precision", PRECISION_BAR), ("recall", RECALL_BAR)):
            key = f"{kind} {name} {side}"
            out.append(_bar(f"{what}: {name}, {side}", f"≥ {bar:.2f}", now[key], between[key], bar, ""))
    return out


def conditions(figures: Sequence[Figures], faces: bool = False) -> str:
    """One row for each value of each factor, as Markdown; other factors vary within a row.

    Args:
        figures: of all takes.
        faces: columns on film, faces and labels instead of those on the map.
    """
    made = _face_row if faces else _map_row
    head = FACE_HEAD if faces else MAP_HEAD
    lines = [head, "|" + "---|" * head.count(" | ") + "---|"]
    lines.append(made("all", "", figures))
    for factor, values in FACTORS.items():
        for value in values:
            own = [f for f in figures if f.condition[factor] == value]
            if own:
                lines.append(made(factor, value, own))
    return "\n".join(lines)


def _map_row(factor: str, value: str, figures: Sequence[Figures]) -> str:
    s = summary(figures)
    shares = " | ".join(_text(v, "%") for v in (s.covered, s.wrong))
    return f"| {factor} | {value} | {s.takes} | {s.refused} | {_text(s.median_ms)}, {_text(s.p95_ms)} | {shares} |"


def _face_row(factor: str, value: str, figures: Sequence[Figures]) -> str:
    s = summary(figures)
    cells = [
        *(factor, value, str(s.takes)),
        f"{_text(s.film_iou, '2')}, {_text(s.film_px)}",
        _text(s.film_missed, "%"),
        _text(s.box_iou, "2"),
        *(_text(v, "%") for v in (s.taken, s.false_taken, s.strangers)),
        *(f"{_text(p, '2')} / {_text(r, '2')}" for p, r in (s.tick["smile"], s.tick["no face"])),
        *(f"{_text(p, '2')} / {_text(r, '2')}" for p, r in (s.label["smile"], s.label["no face"])),
    ]
    return "| " + " | ".join(cells) + " |"


def _bar(
    what: str, asked: str, value: float | None, span: Interval, bar: float | None, unit: str, below: bool = False
) -> str:
    kind = {"ms": "", "%": "%", "": "2"}[unit]
    said = _text(value, kind) + (" ms" if unit == "ms" and value is not None else "")
    met = "" if bar is None else "**no**"
    if bar is not None and value is not None and (value <= bar if below else value >= bar):
        met = "yes"
    return f"| {what} | {asked} | {said} | {_text(span.low, kind)} … {_text(span.high, kind)} | {met} |"


def _chance(figures: Sequence[Figures]) -> str:
    all_ = np.concatenate([np.array(f.labels[0]) for f in figures])
    return ", ".join(f"{name} {np.mean(all_ == code):.2f}" for code, name in enumerate(CLASSES))


def _classes(pairs: Sequence[tuple[list[int], list[int]]]) -> dict[str, tuple[float | None, float | None]]:
    true, said = (np.concatenate([np.array(p[k], dtype=np.int64) for p in pairs]) for k in (0, 1))
    out = {}
    for code, name in enumerate(CLASSES):
        both = int(((true == code) & (said == code)).sum())
        out[name] = (_ratio(both, int((said == code).sum())), _ratio(both, int((true == code).sum())))
    return out


def _known(values: Iterable[float | None]) -> NDArray[np.float64]:
    return np.array([v for v in values if v is not None], dtype=np.float64)


def _at(values: NDArray[np.float64], percent: float) -> float | None:
    return float(np.percentile(values, percent)) if len(values) else None


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _text(value: float | None, kind: str = "") -> str:
    if value is None:
        return "–"
    return {"%": f"{100 * value:.1f} %", "2": f"{value:.2f}"}.get(kind, f"{value:.1f}")
