"""Read ratings: expressions that people saw on the faces of short clips, a row per clip and rater (spec §5).

Each clip is rated by several people; a mark is 1 where the expression is on the faces for the entire clip, 0 where it
is not, empty where it was not rated. docs/agreement.md has the format with an example. An export of Label Studio is
read as such a table.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.core.csv_sheet import CsvSheet, parse_cell
from evoked.core.errors import DatasetError
from evoked.core.expressions import EEV15
from evoked.core.table_times import check_unit, parse_clock
from evoked.dataset.label_studio import LabelStudioSheet

__all__ = ["ONE_RATER", "RatedClip", "Ratings", "read_ratings"]

PLACES = ("clip", "video", "viewer", "second", "start_s", "end_s")
PROBABILITY, CANNOT_TELL = "sampling_probability", "cannot_tell"
GROUPS = ("person", "ethnicity", "gender", "age")
MERGES = ("majority", "any", "mean")
LONGEST_SPAN_S = 1000  # nobody rates a clip of a quarter of an hour with one mark
HALF_WINDOW_S = 1.5  # of a label's second: spec §4
ONE_RATER = "one rater only: agreement between people is undefined"
COLUMNS = "clip or video with start_s,end_s or second; rater; expressions as 0 or 1"


@dataclass(frozen=True, order=True)
class RatedClip:
    """A rated clip: a file, a span of a video, or the 3 s around a second of a content.

    Attributes:
        video: the video that it belongs to, the unit of resampling: file name or path as in the table; the clip's
            own file where the table names no video.
        clip: the clip's own file as in the table; "" for a span of the video.
        start_s, end_s: the span in seconds of the video, half open; both 0 for a clip file.
        second: the label's second that was rated; −1 if the table has spans or clips.
        viewer: whose face, as in an annotation (v1, …); "" for all faces.
    """

    video: str
    clip: str = ""
    start_s: float = 0.0
    end_s: float = 0.0
    second: int = -1
    viewer: str = ""

    def __str__(self) -> str:
        name = self.clip or f"{self.video} {self.start_s:g}-{self.end_s:g} s"
        return f"{name} {self.viewer}".strip()


@dataclass(frozen=True, eq=False)
class Ratings:
    """All marks of all raters, n rows.

    Attributes:
        expressions: names of those that were rated, K.
        clips: the rated clips, sorted.
        raters: names, sorted.
        clip, rater: int64, shape (n,): indices into the two; each pair of them at most once.
        marks: float32, shape (n, K): 0 or 1, NaN where not rated.
        groups: column (person, ethnicity, …) → its value for each clip, "" where unknown.
        notes: for the user.
        probability: float64, shape (clips,): the probability in (0, 1] with which each clip was drawn among all; None
            where the table does not say. What rare clips say counts 1 / probability times in estimates over all.
    """

    expressions: tuple[str, ...]
    clips: tuple[RatedClip, ...]
    raters: tuple[str, ...]
    clip: NDArray[np.int64]
    rater: NDArray[np.int64]
    marks: NDArray[np.float32]
    groups: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...] = ()
    probability: NDArray[np.float64] | None = None

    @property
    def weights(self) -> NDArray[np.float64]:
        """1 / probability of each clip; 1 where the table does not say. Shape (clips,)."""
        return np.ones(len(self.clips)) if self.probability is None else 1 / self.probability

    def counts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Number of raters who marked 1, and number who rated, per clip and expression; (clips, K) each."""
        shape = (len(self.clips), len(self.expressions))
        yes, rated = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        np.add.at(yes, self.clip, np.nan_to_num(self.marks).astype(np.int64))
        np.add.at(rated, self.clip, (~np.isnan(self.marks)).astype(np.int64))
        return yes, rated

    def merged(self, rule: str = "majority") -> NDArray[np.float64]:
        """Merge the raters of each clip.

        Args:
            rule: majority: 1 if more than half of the raters marked 1 (2 of 3, 2 of 2, 1 of 1); any: 1 if one of
                them did; mean: the share of them, in [0, 1].

        Returns:
            Shape (clips, K); NaN where nobody rated it.

        Raises:
            ValueError: for another rule.
        """
        if rule not in MERGES:
            raise ValueError(f"the rule must be one of {', '.join(MERGES)}, got {rule!r}")
        yes, rated = self.counts()
        share: NDArray[np.float64] = np.divide(yes, rated, out=np.full(yes.shape, np.nan), where=rated > 0)
        if rule == "mean":
            return share
        on = 2 * yes > rated if rule == "majority" else yes > 0
        return np.where(rated > 0, on.astype(np.float64), np.nan)


def read_ratings(
    path: Path, *, expressions: Sequence[str] = (), groups: Sequence[str] = (), asked: Sequence[str] = ()
) -> Ratings:
    """Read a table of ratings, or an export of Label Studio.

    Args:
        path: a table in any form that `CsvSheet` reads, with columns `rater`; `clip` (a file), or `video` with
            `start_s, end_s`, or `video` with `second`; expressions; perhaps `viewer`, `person`, `ethnicity`,
            `gender`, `age`, `sampling_probability`, `cannot_tell` (1: all expressions of the line are empty); or
            the JSON or JSON-MIN of Label Studio, ending in .json, whose tasks' data have these columns as keys.
        expressions: names that may be columns besides the fifteen of EEV.
        groups: further columns that describe the person who is seen.
        asked: what raters in Label Studio could tick, whose export names only what they did; without it, what any of
            them ticked. A table says it by its columns.

    Returns:
        All ratings; equal for any order of the lines.

    Raises:
        DatasetError: if it cannot be read, a column is missing or unknown, nothing is rated, or a line is invalid:
            the first such line is named.
    """
    known = dict.fromkeys((*EEV15, *expressions))
    group_columns = (*GROUPS, *(g.lower() for g in groups))
    sheet: CsvSheet | LabelStudioSheet
    if path.suffix.lower() == ".json":
        sheet = LabelStudioSheet(path, known=tuple(known), columns=(*group_columns, PROBABILITY), asked=asked)
    else:
        sheet = CsvSheet(path, COLUMNS)
    names = _expression_columns(sheet, known, group_columns)
    reader = _Reader(sheet, names, tuple(column for column in group_columns if column in sheet.header))
    for number, cells in sheet.rows():
        reader.line(number, dict(zip(sheet.header, cells, strict=True)))
    return reader.ratings()


def _expression_columns(
    sheet: CsvSheet | LabelStudioSheet, known: Mapping[str, object], group_columns: Sequence[str]
) -> tuple[str, ...]:
    """The expressions in the header, in the order of `known`; DatasetError if the header is invalid."""
    path, header = sheet.path, list(sheet.header)
    if twice := {n for n in header if header.count(n) > 1}:
        raise DatasetError(f"{path} has the column {min(twice)!r} twice; keep one")
    if "rater" not in header:
        raise DatasetError(f"{path} has no column rater; need {COLUMNS}; it has: {', '.join(header) or 'none'}")
    spans = {"start_s", "end_s"} <= set(header)
    if "clip" not in header and not ("video" in header and (spans or "second" in header)):
        raise DatasetError(f"{path} does not say what was rated; need {COLUMNS}; it has: {', '.join(header)}")
    by_lower_case = {name.lower(): name for name in known}
    columns = [n for n in header if n not in (*PLACES, "rater", PROBABILITY, CANNOT_TELL, *group_columns)]
    if unknown := [n for n in columns if n not in by_lower_case]:
        raise DatasetError(
            f"{path}: column {unknown[0]!r} is no known expression; known are {', '.join(known)}. "
            "Rename it, or name it as an expression or a group (--expression or --group)"
        )
    if not columns:
        raise DatasetError(f"{path} rates no expression: columns are {', '.join(header)}")
    return tuple(sorted((by_lower_case[n] for n in columns), key=list(known).index))


class _Reader:
    """Collects lines and their problems, and builds Ratings."""

    def __init__(
        self, sheet: CsvSheet | LabelStudioSheet, names: tuple[str, ...], group_columns: tuple[str, ...]
    ) -> None:
        self.path, self.separator, self.names, self.group_columns = sheet.path, sheet.separator, names, group_columns
        self.word, self.notes = ("line", ()) if isinstance(sheet, CsvSheet) else (sheet.row_word, sheet.notes)
        self.problems: list[str] = []
        self.marks: dict[tuple[RatedClip, str], tuple[int, list[float]]] = {}
        self.groups: dict[RatedClip, dict[str, tuple[str, int]]] = {}
        self.has_probability = PROBABILITY in sheet.header
        self.probability: dict[RatedClip, tuple[float, int]] = {}

    def line(self, number: int, cells: Mapping[str, str]) -> None:
        try:
            clip, rater = _clip(cells, self.separator), cells["rater"]
            if not rater:
                raise ValueError("no rater; give each a name or number")
            if (clip, rater) in self.marks:
                first = self.marks[clip, rater][0]
                raise ValueError(f"{rater} rated {clip} on {self.word} {first} already; keep one of the two")
            marks = [_mark(n, cells[n.lower()]) for n in self.names]
            if _mark(CANNOT_TELL, cells.get(CANNOT_TELL, "")) == 1 and not np.isnan(marks).all():
                raise ValueError(f"{CANNOT_TELL} is 1, and an expression is marked; leave one of the two empty")
            self._sampled(clip, cells, number)
            self._group(clip, cells, number)
        except ValueError as error:
            self.problems.append(f"{self.path} {self.word} {number}: {error}")
        else:
            self.marks[clip, rater] = (number, marks)

    def _group(self, clip: RatedClip, cells: Mapping[str, str], number: int) -> None:
        groups = self.groups.setdefault(clip, {})
        for column in self.group_columns:
            value = cells[column]
            before, line = groups.get(column, ("", 0))
            if value and before and value != before:
                raise ValueError(
                    f"{column} of {clip} is {value!r}, and {before!r} on {self.word} {line}; a clip has one"
                )
            if value and not before:
                groups[column] = (value, number)

    def _sampled(self, clip: RatedClip, cells: Mapping[str, str], number: int) -> None:
        if not self.has_probability:
            return
        value = _number(PROBABILITY, cells[PROBABILITY], self.separator)
        if not 0 < value <= 1:
            raise ValueError(f"{PROBABILITY} must be above 0 and at most 1, got {value:g}")
        before, line = self.probability.setdefault(clip, (value, number))
        if value != before:
            raise ValueError(
                f"{PROBABILITY} of {clip} is {value:g}, and {before:g} on {self.word} {line}; a clip has one"
            )

    def ratings(self) -> Ratings:
        self._overlaps()
        self._units()
        if self.problems:
            more = len(self.problems) - 1
            raise DatasetError(self.problems[0] + (f" (and {more} more {self.word}s are wrong)" if more else ""))
        if not self.marks:
            raise DatasetError(f"{self.path} has a header and no ratings below it")
        marks = np.array([m for _, m in self.marks.values()], dtype=np.float32)
        if np.isnan(marks).all():
            raise DatasetError(f"{self.path} holds no mark: every cell below the expressions is empty")
        clips, raters = sorted({c for c, _ in self.marks}), sorted({r for _, r in self.marks})
        clip_index, rater_index = {c: i for i, c in enumerate(clips)}, {r: i for i, r in enumerate(raters)}
        indices = np.array([(clip_index[c], rater_index[r]) for c, r in self.marks], dtype=np.int64)
        order = np.lexsort(indices.T[::-1])  # equal for any order of the lines
        groups = {k: tuple(self.groups[c].get(k, ("", 0))[0] for c in clips) for k in self.group_columns}
        notes = self.notes if len(raters) > 1 else (*self.notes, ONE_RATER)
        drawn = np.array([self.probability[c][0] for c in clips]) if self.has_probability else None
        rated = (indices[order, 0], indices[order, 1], marks[order])
        return Ratings(self.names, tuple(clips), tuple(raters), *rated, groups, notes, drawn)

    def _units(self) -> None:
        """Times in milliseconds would lie outside every video, and say nothing of any."""
        clips = {clip for clip, _ in self.marks}
        for video in sorted({clip.video for clip in clips}):
            spans = [clip.end_s - clip.start_s for clip in clips if clip.video == video and clip.second < 0]
            if spans and np.median(spans) >= LONGEST_SPAN_S:
                self.problems.append(
                    f"{self.path}: spans are {np.median(spans):g} s long in {video}; need seconds, not milliseconds"
                )
            check_unit(
                f"{self.path}, video {video!r}",
                [clip.second for clip in clips if clip.video == video and clip.second >= 0],
                "second",
            )

    def _overlaps(self) -> None:
        """Report overlapping spans of one face: frames would count twice. Windows of seconds overlap by design."""
        lines: dict[RatedClip, int] = {}
        for (clip, _), (number, _) in self.marks.items():
            if clip.end_s > clip.start_s and clip.second < 0:
                lines.setdefault(clip, number)
        spans = sorted(lines, key=lambda c: (c.video, c.viewer, c.start_s, c.end_s))
        for earlier, later in pairwise(spans):
            same_face = (earlier.video, earlier.viewer) == (later.video, later.viewer)
            if same_face and later.start_s < earlier.end_s - 1e-6:
                first, second = sorted((lines[earlier], lines[later]))
                self.problems.append(
                    f"{self.path} {self.word} {second}: {earlier} and {later} ({self.word} {first}) overlap; "
                    "rate each instant once"
                )


def _clip(cells: Mapping[str, str], separator: str) -> RatedClip:
    """The clip that a line rates; ValueError if it names none."""
    clip, video, viewer = (cells.get(k, "") for k in ("clip", "video", "viewer"))
    if clip:
        return RatedClip(video or clip, clip, viewer=viewer)
    if not video:
        raise ValueError("neither clip nor video is given")
    if cells.get("second", ""):
        second = _number("second", cells["second"], separator)
        if second < 0 or second != int(second):
            raise ValueError(f"second must be a whole number from 0, got {cells['second']!r}")
        return RatedClip(video, "", second - HALF_WINDOW_S, second + HALF_WINDOW_S, int(second), viewer)
    start, end = (_number(k, cells.get(k, ""), separator) for k in ("start_s", "end_s"))
    if not 0 <= start < end:
        raise ValueError(f"need 0 <= start_s < end_s, got {start:g} and {end:g}")
    return RatedClip(video, "", start, end, -1, viewer)


def _number(name: str, cell: str, separator: str) -> float:
    value = parse_cell(cell, separator)
    if isinstance(value, str):
        value = parse_clock(value)
    of_what = "" if name == PROBABILITY else " of seconds"
    if isinstance(value, str | bool | None) or not math.isfinite(value):
        raise ValueError(f"{name} must be a number{of_what}, got {cell!r}")
    return float(value)


def _mark(name: str, cell: str) -> float:
    value = parse_cell(cell)
    if value is None:
        return math.nan
    if value not in (0, 1):  # true and false too
        raise ValueError(f"{name} must be 0 or 1, or empty where it was not rated, got {cell!r}")
    return float(value)
