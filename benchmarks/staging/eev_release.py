"""A synthetic EEV release of the true shape: three CSV files with the released columns, times and absence."""

import argparse
import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv

from evoked.core.expressions import EEV15

__all__ = ["SPLITS", "ReleaseShape", "draw_rows", "read_rows", "write_release"]

SPLITS = {"train": 3061, "val": 755, "test": 1337}
"""Videos of the release, 5,153 in all."""
VIDEO_COLUMN = {"train": "YouTube ID", "val": "YouTube ID", "test": "Video ID"}
LOG_ROWS = (7.413, 0.738)
"""Mean and standard deviation of the natural logarithm of a video's rows in the release."""
ROW_LIMITS = (33, 10_027)
LETTERS = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"))


@dataclass(frozen=True)
class ReleaseShape:
    """What a synthetic release is like.

    Attributes:
        rows: split → rows at 6 Hz of each of its videos.
        absent: share of the runs of rows without a detection, which are all zeros.
    """

    rows: dict[str, list[int]]
    absent: float = 0.1


def draw_rows(videos: dict[str, int] = SPLITS, seed: int = 0) -> dict[str, list[int]]:
    """Rows of each video, log-normal as in the release: about 11 M for its 5,153 videos.

    Args:
        videos: split → number of videos.
        seed: of the draws.

    Returns:
        Split → rows of each of its videos.
    """
    random = np.random.default_rng(seed)
    drawn = {split: random.lognormal(*LOG_ROWS, count) for split, count in videos.items()}
    return {split: np.clip(rows, *ROW_LIMITS).astype(int).tolist() for split, rows in drawn.items()}


def read_rows(table: Path) -> dict[str, list[int]]:
    """Rows of each video from a CSV `split,video_id,rows_at_6_hz`; those without a number are drawn."""
    with table.open(encoding="utf-8", newline="") as file:
        listed = [(row["split"], row["rows_at_6_hz"]) for row in csv.DictReader(file)]
    return {split: [int(rows or 1563) for name, rows in listed if name == split] for split in SPLITS}


def write_release(
    folder: Path,
    shape: ReleaseShape,
    seed: int = 0,
    *,
    scored: Sequence[str] = ("train", "val"),
    names: Sequence[str] = (),
) -> int:
    """Write train.csv, val.csv and test.csv.

    Args:
        folder: is made if it is not there.
        shape: rows of the videos.
        seed: of the draws; equal seeds give equal bytes.
        scored: splits with scores; the others have two columns.
        names: of the first videos; the others' are drawn.

    Returns:
        Rows in all.
    """
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    total, waiting = 0, list(names)
    for split, rows in shape.rows.items():
        columns_of = [VIDEO_COLUMN[split], "Timestamp (milliseconds)", *(EEV15 if split in scored else ())]
        types = [pa.string(), pa.int64(), *[pa.float64()] * (len(columns_of) - 2)]
        schema = pa.schema(list(zip(columns_of, types, strict=True)))
        path = folder / f"{split}.csv"
        path.write_text(",".join(columns_of) + "\n", encoding="utf-8")
        options = arrow_csv.WriteOptions(include_header=False, quoting_style="none")
        with path.open("ab") as file, arrow_csv.CSVWriter(file, schema, write_options=options) as writer:
            for count in rows:
                drawn = "".join(random.choice(LETTERS, 11))
                video = waiting.pop(0) if waiting else drawn
                columns = [pa.array([video] * count), pa.array(np.arange(count) * 1_000_000 // 6)]
                if split in scored:
                    scores = draw_scores(random, count, shape.absent)
                    columns += [pa.array(np.ascontiguousarray(column)) for column in scores.T]
                writer.write_table(pa.table(dict(zip(columns_of, columns, strict=True)), schema=schema))
                total += count
    return total


def draw_scores(random: np.random.Generator, count: int, absent: float) -> NDArray[np.float64]:
    """Scores of one video, shape (count, 15): slow changes, five digits, all zeros where nothing was detected."""
    seconds = count // 6 + 2
    level = random.random(len(EEV15)) ** 3
    slow = level * random.random((seconds, len(EEV15))) ** 2
    at = np.arange(count) / 6
    first = at.astype(int)
    share = (at - first)[:, None]
    scores = np.round(slow[first] * (1 - share) + slow[first + 1] * share, 5)
    scores[np.repeat(random.random(count // 12 + 1) < absent, 12)[:count]] = 0
    return scores


def main() -> None:
    """Write a release into a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=Path, help="CSV split,video_id,rows_at_6_hz; without it they are drawn")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rows = read_rows(arguments.rows) if arguments.rows else draw_rows(seed=arguments.seed)
    print(f"{write_release(arguments.folder, ReleaseShape(rows), arguments.seed):,} rows")


if __name__ == "__main__":
    main()
