"""Compare a staged study's results with its ground truth.

Compared are the offsets of all pairs, the faces' frames at 6 Hz (before the vote), and the labels of the contents.
Formats: docs/files.md.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import DatasetError, StudyError
from evoked.core.files import parse_json
from evoked.core.names import derived_name
from evoked.core.study_layout import StudyLayout
from evoked.core.tables import read_table
from evoked.sample.ground_truth import ANNOTATION_FPS, STAGED, read_truth
from evoked.sample.score import (
    OFFSET_BAR_S,
    PRECISION_BAR,
    RECALL_BAR,
    LabelScore,
    OffsetScore,
    label_scores,
    offset_score,
    score_table,
)

__all__ = ["CODES", "SampleCheck", "check_sample"]

CODES = {"n": 0, "s": 1, "-": 2}
SMILE = "amusement"  # the expression of a broad smile with raised cheeks and parted lips


@dataclass(frozen=True)
class SampleCheck:
    """Result of a comparison with the ground truth.

    Attributes:
        pairs: reaction → content in the results, for every planted reaction; None where missing.
        wrong: reactions whose content is not the planted one.
        offsets: score of each correctly paired reaction.
        frames: scores at 6 Hz over all reactions, before the vote.
        labels: scores per second over all contents.
        steady: the same without seconds that have a change within the window of the vote.
    """

    pairs: dict[str, str | None]
    wrong: tuple[str, ...]
    offsets: dict[str, OffsetScore]
    frames: list[LabelScore]
    labels: list[LabelScore]
    steady: list[LabelScore]

    @property
    def passes(self) -> bool:
        """Whether all pairs are right, all offsets and all labels within the bars."""
        aligned = not self.wrong and all(s.passes for s in self.offsets.values())
        return aligned and all(r.passes for r in self.labels)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; undefined values (NaN) are None."""
        tables = {"labels": self.labels, "steady": self.steady, "ticks": self.frames}
        return {
            "note": STAGED,
            "passes": self.passes,
            "pairs": self.pairs,
            "wrong": list(self.wrong),
            "offsets": {n: {k: _defined(v) for k, v in asdict(s).items()} for n, s in self.offsets.items()},
            **{k: [{n: _defined(v) for n, v in asdict(r).items()} for r in lines] for k, lines in tables.items()},
        }

    def text(self) -> str:
        """The result as text tables."""
        worst = max((s.worst_s for s in self.offsets.values()), default=float("nan"), key=lambda v: (v != v, v))
        lines = [
            STAGED,
            f"pairs: {len(self.pairs) - len(self.wrong)} of {len(self.pairs)} right"
            + (f"; wrong or missing: {', '.join(self.wrong)}" if self.wrong else ""),
            f"offsets: worst {worst * 1000:.1f} ms (bar {OFFSET_BAR_S * 1000:.0f} ms)",
        ]
        lines += [
            f"  {name:28} {score.worst_s * 1000:8.1f} ms   {score.covered:6.1%} of its seconds within the bar"
            + ("" if score.passes else "  BELOW THE BAR")
            for name, score in self.offsets.items()
        ]
        bars = f"bars: precision {PRECISION_BAR:.2f}, recall {RECALL_BAR:.2f}"
        lines += [
            score_table(f"labels against the planted truth, every second ({bars})", self.labels),
            score_table("labels, seconds away from any change (no bars)", self.steady, judged=False),
            score_table("faces at 6 Hz, before the vote (no bars)", self.frames, judged=False),
        ]
        return "\n".join(lines)


def check_sample(study: Path) -> SampleCheck:
    """Compare STUDY/results with STUDY/truth.json.

    Raises:
        StudyError: if the study is not staged, or has no results yet.
        DatasetError: if a result cannot be read.
    """
    truth = read_truth(study)
    layout = StudyLayout(study)
    if not layout.labels.is_file():
        raise StudyError(f"{study} has no results/labels.parquet yet. First: evoked run {study}")
    table_of_pairs = read_table(layout.pairs, ["reaction", "content"])
    paired = {_bare(r): str(c) for r, c in zip(table_of_pairs["reaction"], table_of_pairs["content"], strict=True)}
    pairs = {name: paired.get(_bare(name)) for name in truth["reactions"]}
    wrong = tuple(n for n, c in pairs.items() if c is None or _bare(c) != _bare(truth["reactions"][n]["content"]))
    offsets = {
        name: offset_score(planted["segments"], _segments(_result(layout.alignments_folder, name, ".json")))
        for name, planted in truth["reactions"].items()
        if name not in wrong
    }
    planted, labelled, steady = _labels(truth, layout.labels)
    frames = [_frames(name, planted, layout) for name, planted in truth["reactions"].items()]
    return SampleCheck(
        pairs,
        wrong,
        offsets,
        label_scores(np.concatenate([t[0] for t in frames]), np.concatenate([t[1] for t in frames])),
        label_scores(planted, labelled),
        label_scores(planted, labelled, steady),
    )


def _bare(name: str) -> str:
    """A file's name without .mp4: results may name a video with or without it."""
    return name.removesuffix(".mp4")


def _result(folder: Path, name: str, suffix: str) -> Path:
    """The result of a video: R.mp4.json where it exists, else R.json."""
    path = folder / derived_name(name, suffix)
    return path if path.is_file() else folder / f"{_bare(name)}{suffix}"


def _segments(path: Path) -> list[dict[str, float]]:
    if not path.is_file():
        return []
    try:
        segments: list[dict[str, float]] = parse_json(path.read_text(encoding="utf-8"))["segments"]
    except (ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{path} cannot be read as an alignment: {error}") from error
    return segments


def _labels(truth: Mapping[str, Any], table: Path) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Planted class, class in the results, and steadiness of every second; a missing second is no face."""
    labels = read_table(table, ["video", "second", "valid", SMILE])
    classes: dict[tuple[str, int], int] = {}
    for video, second, valid, smile in zip(*(labels[n] for n in ("video", "second", "valid", SMILE)), strict=True):
        classes[(_bare(video), int(second))] = 2 if not valid else int(smile > 0.5)
    planted, labelled, steady = [], [], []
    for name, content in truth["contents"].items():
        for second in range(content["seconds"]):
            planted.append(CODES[content["pooled"][second]])
            labelled.append(classes.get((_bare(name), second), 2))
            steady.append(content["steady"][second] == "1")
    return np.array(planted), np.array(labelled), np.array(steady, dtype=np.bool_)


def _frames(name: str, planted: Mapping[str, Any], layout: StudyLayout) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Planted class and class in the results at each frame (6 Hz) of a reaction; of several faces any smile counts."""
    steps = int(planted["duration_s"] * ANNOTATION_FPS)
    times = np.arange(steps) / ANNOTATION_FPS
    starts = np.array([span[0] for span in planted["on_reaction"]])
    codes = np.array([CODES[span[2]] for span in planted["on_reaction"]])
    truth = codes[np.searchsorted(starts, times + 1e-9, side="right") - 1]
    observed = np.full(steps, 2)
    path = _result(layout.annotations_folder, name, ".parquet")
    if path.is_file():
        seen = read_table(path, ["viewer", "time_s", "valid", SMILE])
        for time_s, valid, smile in zip(seen["time_s"], seen["valid"], seen[SMILE], strict=True):
            step = round(time_s * ANNOTATION_FPS)
            if valid and 0 <= step < steps:
                observed[step] = max(int(smile > 0.5), observed[step] if observed[step] != 2 else 0)
    return truth.astype(np.int64), observed.astype(np.int64)


def _defined(value: object) -> object:
    return None if isinstance(value, float) and np.isnan(value) else value
